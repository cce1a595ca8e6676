"""Waybill numbers from couriers over HTTP: asked for in lists, once each, given back, used or not, never both."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.utils import timezone

from fulfillment.carriers.cainiao import CainiaoContract, apply_document
from fulfillment.carriers.documents import Place
from fulfillment.errors import CourierNotConnected, WaybillInUse, WaybillUnusable
from fulfillment.models import CourierAccount, Parcel, Waybill
from fulfillment.services import give_back_waybills, use_waybills
from fulfillment.services.courier_accounts import refresh_balances
from fulfillment.services.waybill_documents import packages_of, request_of
from fulfillment.services.waybills import CANCEL_KIND, GET_KIND
from ordercenter.audit.models import StateChange
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.common.fsm import TransitionRefused
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders
from tests.flows.outside import ship
from tests.fulfillment.courier_stage import Dispatch, Post, ask, due_now, sandbox, send, waybills_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def post() -> Iterator[Post]:
    with sandbox() as post:
        yield post


@pytest.fixture
def dispatch(post: Post) -> Dispatch:
    return Dispatch(post)


def states(*waybills: Waybill) -> list[str]:
    return [Waybill.objects.get(pk=waybill.pk).state for waybill in waybills]


# --- asking -----------------------------------------------------------------------------------------------------------


def test_numbers_for_many_shipments_are_asked_for_in_lists_of_ten(dispatch: Dispatch) -> None:
    shipments = dispatch.shipments(23)

    result = ask(shipments)
    send()

    assert [len(c.payload["waybill_ids"]) for c in OutgoingCommand.objects.filter(kind=GET_KIND).order_by("pk")] == [
        10,
        10,
        3,
    ]
    assert states(*result.done) == ["assigned"] * 23
    numbers = set(Waybill.objects.values_list("number", flat=True))
    assert len(numbers) == 23
    assert numbers == set(dispatch.post.app.world.waybills)
    assert EventRow.objects.filter(name="fulfillment.waybill.assigned").count() == 23


def test_the_number_of_statements_does_not_grow_with_the_shipments(
    dispatch: Dispatch, django_assert_num_queries: object
) -> None:
    few, many = dispatch.shipments(2), dispatch.shipments(30)

    counts = []
    for shipments in (few, many):
        with unit_of_work() as work:
            before = len(connection.queries_log)
            connection.force_debug_cursor = True
            from fulfillment.services import request_waybills

            request_waybills(shipment_ids=[s.pk for s in shipments], work=work)
            counts.append(len(connection.queries_log) - before)
            connection.force_debug_cursor = False

    assert counts[1] <= counts[0]


def test_asking_again_gives_the_same_waybills_and_no_second_number(dispatch: Dispatch) -> None:
    shipments = dispatch.shipments(2)

    first = ask(shipments).done
    second = ask(shipments).done
    send()
    third = ask(shipments).done

    assert [w.pk for w in first] == [w.pk for w in second] == [w.pk for w in third]
    assert OutgoingCommand.objects.filter(kind=GET_KIND).count() == 1
    assert len(dispatch.post.app.world.waybills) == 2


def test_a_masked_receiver_goes_to_cainiao_with_its_opaque_id_and_nothing_in_clear(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    order = Order.objects.get()
    (waybill,) = ask([shipment]).done
    request = request_of(packages_of([waybill.pk])[waybill.pk])
    contract = CainiaoContract("ZTO", Place("仓", "139", "浙江省", "杭州市", "余杭区", "1号"), user_id=7)

    document = apply_document(contract, [request])

    assert document["trade_order_info_dtos"] == [
        {
            "object_id": "1",
            "user_id": 7,
            "template_url": "",
            "order_info": {"order_channels_type": "TM", "trade_order_list": [order.channel_order_no]},
            "package_info": {
                "id": f"{shipment.code}-{waybill.pk}",
                "items": [{"name": "商品1", "count": 2}],
                "weight": 800,
                "good_value": "110.00",
            },
            "recipient": {
                "name": "王**",
                "mobile": "*******0000",
                "oaid": f"oaid-{order.channel_order_no}",
                "tid": order.channel_order_no,
                "address": {
                    "province": "浙江省",
                    "city": "杭州市",
                    "district": "西湖区",
                    "town": "",
                    "detail": "文三路***",
                },
            },
        }
    ]


def test_the_number_is_asked_for_once_although_the_answer_was_lost(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    dispatch.post.switch(no_answer=1.0)
    ask([shipment])
    send()
    assert states(*waybills_of(shipment)) == ["requested"]
    assert len(dispatch.post.app.world.waybills) == 1

    dispatch.post.switch(no_answer=0.0)
    due_now()
    send()

    (waybill,) = waybills_of(shipment)
    (record,) = dispatch.post.app.world.waybills.values()
    assert (waybill.state, waybill.number) == ("assigned", record["number"])
    # It was looked up by its order: the courier was not asked for a number a second time.
    assert record["asked"] == 1
    command = OutgoingCommand.objects.get(kind=GET_KIND)
    assert (command.status, command.tries) == ("done", 2)


def test_sf_is_asked_one_by_one_and_looks_an_order_up_whose_answer_was_lost(dispatch: Dispatch) -> None:
    # SF wants receivers in clear.
    clear = {"receiver_name": "王小雨", "receiver_mobile": "13800000000", "receiver_address": "文三路90号", "oaid": ""}
    shipments = dispatch.shipments(2, carrier=dispatch.sf_carrier, **clear)
    dispatch.post.switch(courier_silent=1.0)
    ask(shipments)
    send()
    dispatch.post.switch(courier_silent=0.0)
    due_now()
    send()

    rows = [waybills_of(shipment)[0] for shipment in shipments]
    assert [(row.state, row.number[:2], row.route["sort_code"]) for row in rows] == [
        ("assigned", "SF", "571XF-A3-012")
    ] * 2
    assert rows[0].route["qr"].startswith("MMM=")
    assert [record["asked"] for record in dispatch.post.app.world.waybills.values()] == [1, 1]
    assert OutgoingCommand.objects.filter(kind=GET_KIND).count() == 2


def test_one_that_is_refused_does_not_take_the_others_of_its_list_with_it(dispatch: Dispatch) -> None:
    good = dispatch.shipments(3)
    bad = dispatch.shipments(1, receiver_address="退货专用***")
    result = ask([*good, *bad])
    send()

    assert states(*result.done) == ["assigned", "assigned", "assigned", "failed"]
    case = Case.objects.get()
    assert (case.code, case.subject, case.evidence["error_code"]) == (
        "WAYBILL_FAILED",
        f"shipment:{bad[0].pk}",
        "fulfillment.courier_refused",
    )
    assert "isv.ADDRESS_UNREACHABLE" in case.evidence["error"]


def test_a_failed_one_is_asked_for_again_under_the_same_key_and_its_case_closes(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments(1, receiver_address="退货专用***")
    (waybill,) = ask([shipment]).done
    send()
    contact = shipment.contact
    type(contact).objects.filter(pk=contact.pk).update(masked_address="文三路***")

    again = ask([shipment]).done
    send()

    assert [w.pk for w in again] == [waybill.pk]
    assert states(waybill) == ["assigned"]
    assert Case.objects.get().state == "closed_by_itself" or not Case.objects.get().is_open


def test_without_numbers_left_requests_wait_with_one_case_and_go_on_by_themselves(dispatch: Dispatch) -> None:
    shipments = dispatch.shipments(12)
    dispatch.post.switch(waybill_no_numbers=True)
    ask(shipments)
    send()

    assert set(Waybill.objects.values_list("state", flat=True)) == {"requested"}
    case = Case.objects.get()
    assert (case.code, case.subject, case.evidence["numbers_left"]) == (
        "WAYBILL_POOL_LOW",
        f"courier:{dispatch.zto.pk}",
        0,
    )
    assert {c.tries for c in OutgoingCommand.objects.filter(kind=GET_KIND)} == {0}

    dispatch.post.switch(waybill_no_numbers=False)
    refresh_balances(at=timezone.now())
    send()

    assert set(Waybill.objects.values_list("state", flat=True)) == {"assigned"}
    assert not Case.objects.get().is_open


def test_the_balance_is_shown_and_a_low_one_is_a_case_until_numbers_are_bought(dispatch: Dispatch) -> None:
    dispatch.post.switch(waybill_pool=150)
    refresh_balances(at=timezone.now())
    dispatch.zto.refresh_from_db()
    assert dispatch.zto.numbers_left == 150
    assert [(c.code, c.evidence["numbers_left"]) for c in Case.objects.all()] == [("WAYBILL_POOL_LOW", 150)]

    dispatch.post.switch(waybill_pool=5000)
    refresh_balances(at=timezone.now())

    dispatch.zto.refresh_from_db()
    assert (dispatch.zto.numbers_left, Case.objects.get().is_open) == (5000, False)
    # SF does not count them.
    dispatch.sf.refresh_from_db()
    assert dispatch.sf.numbers_left is None


def test_wrong_keys_pause_the_account_with_one_case(dispatch: Dispatch) -> None:
    shipments = dispatch.shipments(2)
    dispatch.post.switch(token_expired=True)
    ask(shipments)
    send()

    dispatch.zto.refresh_from_db()
    assert dispatch.zto.pause_reason.startswith("fulfillment.courier_authorisation_lost")
    assert [case.code for case in Case.objects.all()] == ["COURIER_AUTH"]

    dispatch.post.switch(token_expired=False)
    due_now()
    send()

    dispatch.zto.refresh_from_db()
    assert set(Waybill.objects.values_list("state", flat=True)) == {"assigned"}
    assert (dispatch.zto.pause_reason, Case.objects.get().is_open) == ("", False)


def test_a_rate_limit_costs_no_try(dispatch: Dispatch) -> None:
    clear = {"receiver_name": "王小雨", "receiver_mobile": "13800000000", "receiver_address": "文三路90号", "oaid": ""}
    shipments = dispatch.shipments(4, carrier=dispatch.sf_carrier, **clear)
    dispatch.post.switch(courier_rate_limit=1)
    ask(shipments)
    send()
    waiting = OutgoingCommand.objects.filter(kind=GET_KIND, status="waiting")
    assert waiting.count() >= 1
    assert {command.tries for command in waiting} == {0}

    dispatch.post.switch(courier_rate_limit=0)
    due_now()
    send()

    assert set(Waybill.objects.values_list("state", flat=True)) == {"assigned"}


def test_a_carrier_without_account_is_refused_and_nothing_is_written(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    CourierAccount.objects.update(is_active=False)

    result = ask([shipment])

    assert [(r.key, type(r.error)) for r in result.refused] == [(shipment.pk, CourierNotConnected)]
    assert not Waybill.objects.exists()
    assert not OutgoingCommand.objects.filter(kind=GET_KIND).exists()


def test_the_account_of_the_warehouse_comes_before_the_one_for_all(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    own = CourierAccount.objects.get(pk=dispatch.zto.pk)
    own.pk, own.warehouse = None, shipment.warehouse
    own.save()

    (waybill,) = ask([shipment]).done

    assert waybill.account_id == own.pk


def test_a_shipment_that_left_or_was_cancelled_gets_no_number(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    ship(shipment, tracking_no="ZT77001")

    result = ask([shipment])

    assert [type(refusal.error) for refusal in result.refused] == [TransitionRefused]
    assert not Waybill.objects.exists()


def test_several_boxes_get_a_number_each(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()

    ask([shipment], packages=3)
    send()

    rows = waybills_of(shipment)
    assert [(row.package_no, row.state) for row in rows] == [(1, "assigned"), (2, "assigned"), (3, "assigned")]
    assert len({row.number for row in rows}) == 3


# --- using and giving back --------------------------------------------------------------------------------------------


def test_a_number_is_used_when_its_parcel_leaves_and_the_spare_one_goes_back(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    ask([shipment], packages=2)
    send()
    first, second = waybills_of(shipment)

    ship(shipment, tracking_no=first.number)
    send()

    assert states(first, second) == ["used", "recycled"]
    assert dispatch.post.app.world.waybills[second.number]["status"] == "cancelled"
    assert Parcel.objects.get().tracking_no == first.number


def test_a_cancelled_order_gives_its_number_back(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    ask([shipment])
    send()
    with unit_of_work() as work:
        rows = work.lock(type(shipment), [shipment.pk])
        rows[shipment.pk].intercept()
        work.save(rows[shipment.pk])
    from fulfillment.services import take_stop_answers

    with unit_of_work() as work:
        cancel_orders(order_ids=[Order.objects.get().pk], reason="buyer", work=work)
        take_stop_answers(answers={shipment.pk: True}, work=work)
    send()

    (waybill,) = waybills_of(shipment)
    assert waybill.state == "recycled"
    assert [m.dst for m in StateChange.objects.filter(machine="waybill").order_by("pk")] == [
        "requested",
        "assigned",
        "to_recycle",
        "recycled",
    ]


def test_a_number_that_comes_after_it_was_given_up_goes_back_too(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    dispatch.post.switch(no_answer=1.0)
    (waybill,) = ask([shipment]).done
    send()
    with unit_of_work() as work:
        give_back_waybills(waybill_ids=[waybill.pk], work=work)
    assert states(waybill) == ["void"]

    dispatch.post.switch(no_answer=0.0)
    due_now()
    send()

    (record,) = dispatch.post.app.world.waybills.values()
    assert record["status"] == "cancelled"
    assert states(waybill) == ["recycled"]


def test_a_number_that_was_never_asked_for_is_just_void(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    (waybill,) = ask([shipment]).done
    with unit_of_work() as work:
        give_back_waybills(waybill_ids=[waybill.pk], work=work)
    send()

    assert states(waybill) == ["void"]
    assert dispatch.post.app.world.waybills == {}
    assert not Case.objects.exists()


def test_a_used_number_cannot_be_given_back_and_one_on_its_way_back_cannot_be_used(dispatch: Dispatch) -> None:
    first, second = (ask([shipment]).done[0] for shipment in dispatch.shipments(2))
    send()
    with unit_of_work() as work:
        assert use_waybills(waybill_ids=[first.pk], work=work).refused == []
        assert give_back_waybills(waybill_ids=[second.pk], work=work).refused == []

    with unit_of_work() as work:
        back = give_back_waybills(waybill_ids=[first.pk], work=work)
        use = use_waybills(waybill_ids=[second.pk, 10**9], work=work)

    assert [type(r.error) for r in back.refused] == [WaybillInUse]
    assert [(type(r.error), r.error.evidence()["state"]) for r in use.refused] == [
        (WaybillUnusable, "to_recycle"),
        (WaybillUnusable, "unknown"),
    ]
    assert states(first, second) == ["used", "to_recycle"]


def test_a_courier_that_does_not_take_a_number_back_is_a_case(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    (waybill,) = ask([shipment]).done
    send()
    number = waybills_of(shipment)[0].number
    dispatch.post.app.world.waybills[number]["status"] = "left"
    with unit_of_work() as work:
        give_back_waybills(waybill_ids=[waybill.pk], work=work)
    send()

    assert states(waybill) == ["recycle_failed"]
    case = Case.objects.get()
    assert (case.code, case.evidence["number"]) == ("WAYBILL_NOT_RECYCLED", number)

    dispatch.post.app.world.waybills[number]["status"] = "open"
    with unit_of_work() as work:
        give_back_waybills(waybill_ids=[waybill.pk], work=work)
    send()

    assert states(waybill) == ["recycled"]
    assert not Case.objects.get().is_open


def test_nothing_secret_or_personal_is_kept_in_commands(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    ask([shipment])
    send()

    kept = json.dumps(list(OutgoingCommand.objects.values("payload", "answer", "error")), default=str)
    for word in ("王", "文三路", dispatch.post.credentials.top_secret, dispatch.post.credentials.top_session):
        assert word not in kept
    assert OutgoingCommand.objects.filter(kind=CANCEL_KIND).count() == 0


@pytest.mark.django_db(transaction=True)
def test_giving_back_and_use_at_one_instant_end_in_exactly_one_of_the_two(post: Post) -> None:
    dispatch = Dispatch(post)
    shipments = dispatch.shipments(12)
    ids = [waybill.pk for waybill in ask(shipments).done]
    send()
    outcomes: dict[int, list[str]] = {pk: [] for pk in ids}
    start = threading.Barrier(2)

    def run(verb: str) -> None:
        try:
            for pk in ids:
                start.wait()
                with unit_of_work() as work:
                    service = use_waybills if verb == "use" else give_back_waybills
                    result = service(waybill_ids=[pk], work=work)
                    outcomes[pk].append(f"{verb} {'refused' if result.refused else 'done'}")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(verb,)) for verb in ("use", "back")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for pk in ids:
        state = Waybill.objects.get(pk=pk).state
        wanted = {"used": ["back refused", "use done"], "to_recycle": ["back done", "use refused"]}[state]
        assert sorted(outcomes[pk]) == wanted
    assert not transaction.get_connection().in_atomic_block
