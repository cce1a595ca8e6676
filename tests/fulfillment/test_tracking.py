"""Parcels on their way: told by pushes, asked about where nobody tells, and people called where all are silent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from fulfillment.carriers.scans import masked
from fulfillment.models import CourierSla, Parcel, ParcelWatch, Shipment, TrackingAccount, TrackingScan
from fulfillment.parcel_components import recall
from fulfillment.services.asking import ask_about_parcels
from fulfillment.services.parcels import mark_parcels, recall_parcels
from fulfillment.services.stalled import find_silent_parcels
from fulfillment.services.tracking import PUSH_KIND, SUBSCRIBE_KIND, subscribe_again
from fulfillment.transit import measured_transit
from ordercenter.audit.models import StateChange
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.common.gmt8 import format_gmt8
from ordercenter.common.signing import kuaidi100_sign
from ordercenter.events.models import EventRow, InboxMessage, OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order, OrderLine
from ordercenter.workflow.components import StepCall, registry
from tests.flows.outside import ship
from tests.fulfillment.courier_stage import Dispatch, Post, due_now, sandbox, send

pytestmark = pytest.mark.django_db
SALT = "testsalt1234"
NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def post() -> Iterator[Post]:
    with sandbox() as post:
        yield post


@pytest.fixture
def dispatch(post: Post) -> Dispatch:
    return Dispatch(post)


@pytest.fixture
def parcel(dispatch: Dispatch) -> Parcel:
    """A parcel on its way, followed by an account whose salt is ours."""
    TrackingAccount.objects.create(
        name="t",
        base_url=dispatch.post.url,
        customer=dispatch.post.credentials.kuaidi100_customer,
        secrets={"key": dispatch.post.credentials.kuaidi100_key, "salt": SALT},
        callback_url="http://127.0.0.1:9/",
    )
    return shipped(dispatch)


def shipped(dispatch: Dispatch, number: str = "73100000000001", **changes: Any) -> Parcel:
    (shipment,) = dispatch.shipments(1, **changes)
    ship(shipment, tracking_no=number)
    send()
    return Parcel.objects.get(tracking_no=number)


def row(code: str, minutes: int, text: str = "快件", *, at: datetime | None = None) -> dict[str, str]:
    when = format_gmt8((at or NOW) + timedelta(minutes=minutes))
    return {"time": when, "ftime": when, "context": text, "status": "", "statusCode": code, "areaName": "浙江,杭州市"}


def param(
    parcel_no: str, *rows: dict[str, str], state: str = "0", status: str = "polling", com: str = "zhongtong"
) -> str:
    last = {"state": state, "com": com, "nu": parcel_no, "ischeck": "0", "data": list(rows)[::-1]}
    return json.dumps({"status": status, "message": "", "lastResult": last}, ensure_ascii=False)


def push(text: str, *, salt: str = SALT, sign: str | None = None, account: int | None = None) -> Any:
    account = account or TrackingAccount.objects.get().pk
    form = {"param": text, "sign": kuaidi100_sign(text, salt) if sign is None else sign}
    return Client().post(
        f"/courier/kuaidi100/{account}/", data=urlencode(form), content_type="application/x-www-form-urlencoded"
    )


def told(parcel: Parcel, *rows: dict[str, str], **more: str) -> None:
    answer = push(param(parcel.tracking_no, *rows, **more))
    assert (answer.status_code, answer.json()) == (200, {"result": True, "returnCode": "200", "message": "成功"})
    Relay().drain()


def state_of(parcel: Parcel) -> str:
    return Parcel.objects.get(pk=parcel.pk).state


def open_cases() -> list[str]:
    return sorted(Case.objects.filter(closed_at__isnull=True).values_list("code", flat=True))


COLLECTED, MOVING, OUT, SIGNED = row("103", 0), row("1002", 60), row("501", 120), row("301", 180, "已签收")


# --- the way of a parcel ----------------------------------------------------------------------------------------------


def test_a_parcel_that_leaves_is_subscribed_and_its_news_deliver_the_order(dispatch: Dispatch) -> None:
    account = dispatch.tracking()
    parcel = shipped(dispatch)
    watch = ParcelWatch.objects.get()
    assert (watch.how, watch.rounds, watch.is_open) == ("subscribed", 1, True)
    followed = dispatch.post.app.world.followed[parcel.tracking_no]
    assert (followed["com"], followed["callback"]) == ("zhongtong", "http://127.0.0.1:9/")

    # The sandbox's own pushes, through our door.
    for steps, state in ((1, "in_transit"), (2, "in_transit"), (1, "delivered")):
        dispatch.post.app.couriers.advance(parcel.tracking_no, steps)
        body = dispatch.post.app.couriers._form(followed, followed["told"])
        answer = Client().post(
            f"/courier/kuaidi100/{account.pk}/", data=body, content_type="application/x-www-form-urlencoded"
        )
        assert answer.json()["result"] is True
        Relay().drain()
        assert state_of(parcel) == state

    order = Order.objects.get()
    assert (order.state, Shipment.objects.get().state) == ("delivered", "delivered")
    assert list(OrderLine.objects.values_list("shipped", "delivered")) == [(2, 2)]
    assert ParcelWatch.objects.get().is_open is False
    assert [e.name for e in EventRow.objects.filter(name__contains="deliver").order_by("pk")] == [
        "fulfillment.parcel.delivered",
        "fulfillment.shipment.delivered",
        "orders.order.delivered",
    ]
    assert open_cases() == []


def test_scans_are_kept_once_and_without_names_and_phones(parcel: Parcel) -> None:
    rows = (COLLECTED, row("501", 90, "快件正在派送，派件员：李小龙，电话13900002222"))
    told(parcel, *rows)
    told(parcel, *rows, state="5")

    kept = list(TrackingScan.objects.order_by("at").values_list("kind", "text", "place", "source"))
    assert kept == [
        ("collected", "快件", "浙江,杭州市", "kuaidi100"),
        ("out_for_delivery", "快件正在派送，派件员：李**，电话***2222", "浙江,杭州市", "kuaidi100"),
    ]


def test_the_order_is_delivered_only_when_every_parcel_is(dispatch: Dispatch, parcel: Parcel) -> None:
    second = Parcel.objects.create(
        shipment=parcel.shipment, carrier=parcel.carrier, tracking_no="73100000000002", shipped_at=NOW
    )
    told(parcel, COLLECTED, SIGNED, state="3", status="shutdown")
    assert (state_of(parcel), Order.objects.get().state) == ("delivered", "shipped")

    told(second, COLLECTED, SIGNED, state="3", status="shutdown")

    assert (Order.objects.get().state, Shipment.objects.get().state) == ("delivered", "delivered")


def test_late_and_repeated_news_move_nothing_back(parcel: Parcel) -> None:
    told(parcel, COLLECTED, MOVING, OUT, SIGNED, state="3", status="shutdown")
    before = StateChange.objects.count()

    told(parcel, COLLECTED)
    told(parcel, COLLECTED, MOVING, row("202", 61, "滞留"))
    told(parcel, COLLECTED, MOVING, OUT, SIGNED, state="3", status="shutdown")

    assert (state_of(parcel), StateChange.objects.count()) == ("delivered", before)
    # What came late is kept at its place in time, and is no reason for a case.
    assert TrackingScan.objects.count() == 5
    assert open_cases() == []


def test_a_refused_parcel_comes_back_with_a_case_that_closes_at_the_dock(parcel: Parcel) -> None:
    told(parcel, COLLECTED, OUT, row("14", 150, "收件人拒收"), state="14")
    assert (state_of(parcel), open_cases()) == ("returning", ["PARCEL_RETURNING"])

    told(parcel, row("6", 200, "退回中"), state="6")
    assert state_of(parcel) == "returning"

    told(parcel, row("401", 900, "退件签收"), state="4", status="shutdown")

    assert (state_of(parcel), open_cases(), Order.objects.get().state) == ("returned", [], "shipped")


def test_a_problem_is_a_case_until_the_next_ordinary_scan(parcel: Parcel) -> None:
    told(parcel, COLLECTED, row("206", 60, "收件人电话13800001111无法接通"), state="2")
    case = Case.objects.get()
    assert (case.code, case.subject, case.evidence["said"]) == (
        "PARCEL_PROBLEM",
        f"parcel:{parcel.pk}",
        "收件人电话***1111无法接通",
    )

    told(parcel, OUT, state="5")

    assert open_cases() == []


def test_a_lost_parcel_that_turns_up_is_delivered_all_the_same(parcel: Parcel) -> None:
    with unit_of_work() as work:
        mark_parcels(parcel_ids=[parcel.pk], as_="lost", work=work)
    assert state_of(parcel) == "lost"

    told(parcel, COLLECTED, SIGNED, state="3")

    assert (state_of(parcel), Order.objects.get().state) == ("delivered", "delivered")


def test_the_number_of_statements_does_not_grow_with_the_news(dispatch: Dispatch, parcel: Parcel) -> None:
    from django.db import connection

    from fulfillment.carriers.scans import read_push
    from fulfillment.services.tracking import Told, take_news

    parcels = [parcel, *(shipped(dispatch, f"7310000000010{n}") for n in range(6))]
    counts = []
    for some in (parcels[:2], parcels[2:]):
        news = [
            Told(n, "kuaidi100", read_push(json.loads(param(p.tracking_no, COLLECTED)))) for n, p in enumerate(some)
        ]
        connection.force_debug_cursor = True
        before = len(connection.queries_log)
        with unit_of_work() as work:
            assert take_news(told=news, work=work).refused == []
        counts.append(len(connection.queries_log) - before)
        connection.force_debug_cursor = False
    assert counts[0] == counts[1]


# --- the door ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"salt": "another"}, 403),
        ({"sign": ""}, 403),
        ({"sign": "0" * 32}, 403),
        ({"account": 10**9}, 404),
    ],
)
def test_what_is_not_signed_with_our_salt_is_sent_away_and_not_kept(
    parcel: Parcel, change: dict[str, Any], status: int
) -> None:
    answer = push(param(parcel.tracking_no, SIGNED, state="3"), **change)

    assert (answer.status_code, answer.json()["result"]) == (status, False)
    assert not InboxMessage.objects.filter(kind=PUSH_KIND).exists()
    assert state_of(parcel) == "shipped"


def test_a_push_changed_on_its_way_is_sent_away(parcel: Parcel) -> None:
    text = param(parcel.tracking_no, COLLECTED)
    answer = push(text.replace("73100000000001", "73100000000009"), sign=kuaidi100_sign(text, SALT))

    assert answer.status_code == 403
    assert not InboxMessage.objects.filter(kind=PUSH_KIND).exists()


@pytest.mark.parametrize(
    "text",
    [
        '{"status":"polling","lastResult":{"nu":"73100000000001","data":[{"ti',
        "[]",
        "null",
        '{"status":"polling"}',
        '{"status":"polling","lastResult":{"data":[]}}',
        '{"status":"polling","lastResult":{"nu":7,"data":[]}}',
        '{"status":"polling","lastResult":{"nu":"7310","data":{}}}',
        '{"status":"polling","lastResult":{"nu":"7310","data":[{"time":"yesterday"}]}}',
        '{"status":"polling","lastResult":{"nu":"7310","data":[7]}}',
        "[" * 5000,
    ],
)
def test_a_signed_document_that_cannot_be_read_is_refused_and_not_kept(parcel: Parcel, text: str) -> None:
    answer = push(text)

    assert (answer.status_code, answer.json()["result"]) == (422, False)
    assert not InboxMessage.objects.filter(kind=PUSH_KIND).exists()


def test_a_push_of_a_megabyte_is_refused_before_it_is_read(parcel: Parcel) -> None:
    answer = push(param(parcel.tracking_no, row("103", 0, "x" * 1_000_000)))

    assert (answer.status_code, InboxMessage.objects.filter(kind=PUSH_KIND).count()) == (413, 0)


@pytest.mark.parametrize("body", [b"", b"param", b"\xff\xfe=1", b"param=a&param=b&sign=x", b"sign=x", b"&" * 100])
def test_a_form_that_is_none_is_sent_away(parcel: Parcel, body: bytes) -> None:
    account = TrackingAccount.objects.get().pk
    answer = Client().post(
        f"/courier/kuaidi100/{account}/", data=body, content_type="application/x-www-form-urlencoded"
    )

    assert answer.status_code == 403
    assert Client().get(f"/courier/kuaidi100/{account}/").status_code == 405


def test_a_replayed_push_is_answered_and_kept_once(parcel: Parcel) -> None:
    text = param(parcel.tracking_no, COLLECTED)
    for _ in range(3):
        assert push(text).status_code == 200

    assert InboxMessage.objects.filter(kind=PUSH_KIND).count() == 1


def test_news_of_a_parcel_that_is_not_ours_wait_and_are_set_aside_with_a_case(parcel: Parcel) -> None:
    push(param("99999999999999", COLLECTED))
    for _ in range(8):
        InboxMessage.objects.update(due_at=timezone.now())
        Relay().drain()

    message = InboxMessage.objects.get(kind=PUSH_KIND)
    assert (message.status, message.error.partition(":")[0]) == ("parked", "ParcelUnknown")
    assert Case.objects.get().code == "MESSAGE_PARKED"


# --- silence ----------------------------------------------------------------------------------------------------------


def test_what_the_provider_gives_up_is_a_case_and_subscribed_again_after_half_an_hour(
    dispatch: Dispatch, parcel: Parcel
) -> None:
    told(parcel, status="abort")
    watch = ParcelWatch.objects.get()
    assert (watch.how, open_cases()) == ("aborted", ["TRACKING_ABORTED"])
    assert watch.subscribe_at is not None
    dispatch.post.app.world.followed[parcel.tracking_no]["status"] = "abort"

    with unit_of_work(at=watch.subscribe_at - timedelta(seconds=1)) as work:
        assert subscribe_again(work=work) == 0
    with unit_of_work(at=watch.subscribe_at) as work:
        assert subscribe_again(work=work) == 1
    due_now()
    send()

    watch.refresh_from_db()
    assert (watch.how, watch.rounds, watch.subscribe_at) == ("subscribed", 2, None)
    assert dispatch.post.app.world.followed[parcel.tracking_no]["status"] == "polling"
    told(parcel, COLLECTED)
    assert open_cases() == []


def test_one_that_nobody_tells_us_of_is_asked_about_at_most_every_half_hour(dispatch: Dispatch, parcel: Parcel) -> None:
    dispatch.post.app.couriers.advance(parcel.tracking_no)
    ParcelWatch.objects.update(how="failed")

    assert ask_about_parcels(at=timezone.now()) == 1
    Relay().drain()
    assert state_of(parcel) == "in_transit"
    assert [m.kind for m in InboxMessage.objects.filter(kind="kuaidi100.answer")] == ["kuaidi100.answer"]

    ParcelWatch.objects.update(heard_at=None)
    assert ask_about_parcels(at=timezone.now() + timedelta(minutes=29)) == 0
    assert ParcelWatch.objects.get().asked_at < timezone.now() + timedelta(seconds=5)


def test_a_subscribed_one_is_asked_about_only_when_it_is_silent_for_half_a_day(parcel: Parcel) -> None:
    told(parcel, COLLECTED)

    assert ask_about_parcels(at=timezone.now() + timedelta(hours=11)) == 0
    asked = ParcelWatch.objects.get().asked_at
    ask_about_parcels(at=timezone.now() + timedelta(hours=13))

    assert asked is None
    assert ParcelWatch.objects.get().asked_at is not None


def test_sf_is_asked_directly_for_its_own_parcels(dispatch: Dispatch) -> None:
    clear = {"receiver_name": "王小雨", "receiver_mobile": "13800000000", "receiver_address": "文三路90号", "oaid": ""}
    (shipment,) = dispatch.shipments(1, carrier=dispatch.sf_carrier, **clear)
    shipment.refresh_from_db()
    ship(shipment, tracking_no="SF1390000000001")
    send()
    dispatch.post.app.couriers.follow("SF1390000000001", com="shunfeng", callback="http://127.0.0.1:9/", salt="")
    dispatch.post.app.couriers.advance("SF1390000000001", 4)

    assert ask_about_parcels(at=timezone.now()) == 1
    Relay().drain()

    parcel = Parcel.objects.get()
    assert (parcel.state, Order.objects.get().state) == ("delivered", "delivered")
    assert {scan.source for scan in TrackingScan.objects.all()} == {"sf"}


def test_a_receiver_of_sf_is_named_by_the_last_digits_of_the_phone_only(dispatch: Dispatch) -> None:
    dispatch.tracking()
    clear = {"receiver_name": "王小雨", "receiver_mobile": "13800001234", "receiver_address": "文三路90号", "oaid": ""}
    (shipment,) = dispatch.shipments(1, carrier=dispatch.sf_carrier, **clear)
    shipment.refresh_from_db()
    ship(shipment, tracking_no="SF1390000000002")
    send()

    # The sandbox refuses SF numbers without the last four digits.
    assert ParcelWatch.objects.get().how == "subscribed"
    assert "1234" not in json.dumps(OutgoingCommand.objects.get(kind=SUBSCRIBE_KIND).payload)


def test_wrong_keys_pause_the_subscriptions_with_one_case(dispatch: Dispatch) -> None:
    account = dispatch.tracking()
    right = account.secrets
    TrackingAccount.objects.filter(pk=account.pk).update(secrets={"key": "wrong", "salt": SALT})
    shipped(dispatch)
    assert open_cases() == ["COURIER_AUTH"]
    assert ParcelWatch.objects.get().how == "waiting"

    TrackingAccount.objects.filter(pk=account.pk).update(secrets=right)
    due_now()
    send()

    assert (ParcelWatch.objects.get().how, open_cases()) == ("subscribed", [])


@pytest.mark.parametrize(
    ("moved", "hours", "found"),
    [
        (False, 23, []),
        (False, 25, ["NO_PICKUP"]),
        (True, 47, []),
        (True, 49, ["SHIPMENT_STALLED"]),
        (True, 170, ["PARCEL_LOST"]),
        (False, 170, ["PARCEL_LOST"]),
    ],
)
def test_a_silent_parcel_becomes_a_case_by_the_time_limits_of_its_courier(
    parcel: Parcel, moved: bool, hours: int, found: list[str]
) -> None:
    if moved:
        told(parcel, row("103", 0, at=parcel.shipped_at))
    since = TrackingScan.objects.get().at if moved else parcel.shipped_at

    find_silent_parcels(at=since + timedelta(hours=hours))
    find_silent_parcels(at=since + timedelta(hours=hours, minutes=5))

    assert open_cases() == found
    if found:
        case = Case.objects.get()
        assert (case.times_seen, case.reference) == (1, parcel.tracking_no)
        assert case.evidence["orders"] == [Order.objects.get().channel_order_no]


def test_the_limits_of_courier_and_province_come_before_general_ones(parcel: Parcel) -> None:
    CourierSla.objects.create(pickup_hours=10, quiet_hours=20, lost_hours=100)
    CourierSla.objects.create(carrier=parcel.carrier, pickup_hours=30, quiet_hours=20, lost_hours=100)
    CourierSla.objects.create(
        carrier=parcel.carrier, province="浙江省", pickup_hours=40, quiet_hours=50, lost_hours=100
    )

    assert find_silent_parcels(at=parcel.shipped_at + timedelta(hours=39)) == []
    assert [one.code for one in find_silent_parcels(at=parcel.shipped_at + timedelta(hours=41))] == ["NO_PICKUP"]


def test_a_stalled_parcel_that_counts_as_lost_has_one_case_and_a_new_scan_closes_it(parcel: Parcel) -> None:
    told(parcel, COLLECTED)
    find_silent_parcels(at=NOW + timedelta(hours=49))
    find_silent_parcels(at=NOW + timedelta(hours=169))
    assert open_cases() == ["PARCEL_LOST"]

    told(parcel, row("1002", 170 * 60))

    assert open_cases() == []
    assert Case.objects.get(code="PARCEL_LOST").resolution == "a new scan"


def test_nobody_is_called_for_parcels_that_nobody_follows(dispatch: Dispatch) -> None:
    parcel = shipped(dispatch)
    assert ParcelWatch.objects.get().how == "waiting"

    assert find_silent_parcels(at=parcel.shipped_at + timedelta(days=30)) == []


# --- calling back -----------------------------------------------------------------------------------------------------


def test_a_courier_without_an_interface_for_it_is_a_case(parcel: Parcel) -> None:
    with unit_of_work() as work:
        result = recall_parcels(parcel_ids=[parcel.pk], work=work)

    assert [refusal.code for refusal in result.refused] == ["fulfillment.recall_impossible"]
    assert (state_of(parcel), open_cases()) == ("shipped", ["RECALL_FAILED"])


def test_sf_brings_a_parcel_back_unless_the_receiver_is_faster(dispatch: Dispatch, parcel: Parcel) -> None:
    clear = {"receiver_name": "王小雨", "receiver_mobile": "13800000000", "receiver_address": "文三路90号", "oaid": ""}
    numbers = ["SF1390000000011", "SF1390000000012"]
    for shipment, number in zip(dispatch.shipments(2, carrier=dispatch.sf_carrier, **clear), numbers, strict=True):
        shipment.refresh_from_db()
        ship(shipment, tracking_no=number)
    send()
    first, second = (Parcel.objects.get(tracking_no=number) for number in numbers)
    dispatch.post.app.world.followed[second.tracking_no]["status"] = "shutdown"

    with unit_of_work() as work:
        assert recall_parcels(parcel_ids=[first.pk, second.pk], work=work).refused == []
    assert (state_of(first), state_of(second)) == ("recalling", "recalling")
    send()

    assert (state_of(first), state_of(second)) == ("recalling", "in_transit")
    assert [(c.code, c.subject) for c in Case.objects.filter(closed_at__isnull=True)] == [
        ("RECALL_FAILED", f"parcel:{second.pk}")
    ]
    told(first, row("6", 60, "退回中"), state="6", com="shunfeng")
    assert state_of(first) == "returning"
    # It was we who asked for it: no case about a return.
    assert Case.objects.filter(closed_at__isnull=True).count() == 1


def test_a_flow_can_call_the_parcels_of_an_order_back(dispatch: Dispatch, parcel: Parcel) -> None:
    order = Order.objects.get()
    (spec,) = (spec for spec in registry.actions() if spec.use == "parcels.recall")

    with unit_of_work() as work:
        call = StepCall(spec=spec, subjects=[order.pk], at=timezone.now(), work=work)
        recall(call)
        call.outcome()

    assert (state_of(parcel), open_cases()) == ("shipped", ["RECALL_FAILED"])


# --- words and measures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("已签收，签收人凭取货码签收", "已签收，签收人凭取货码签收"),
        ("签收人：王小雨，感谢", "签收人：王**，感谢"),
        ("【杭州】快递员【张三】正在派件，电话：138-0000-1111", "【杭州】快递员【张**】正在派件，电话：***1111"),
        ("业务员 李四 0571-88888888", "业务员 李** ***8888"),
        ("单号73100000000001 已到达", "单号73100000000001 已到达"),
    ],
)
def test_names_and_phones_are_struck_out_of_what_couriers_say(text: str, clean: str) -> None:
    assert masked(text) == clean


def test_transit_times_are_measured_by_lane(dispatch: Dispatch, parcel: Parcel) -> None:
    left = parcel.shipped_at
    for n in range(1, 11):
        Parcel.objects.create(
            shipment=parcel.shipment,
            carrier=parcel.carrier,
            tracking_no=f"8{n:013d}",
            state="delivered",
            shipped_at=left,
            ended_at=left + timedelta(days=n),
        )

    (lane,) = measured_transit(at=left + timedelta(days=11), least=10)

    assert (lane.warehouse_id, lane.carrier_id, lane.province, lane.parcels) == (
        parcel.shipment.warehouse_id,
        parcel.carrier_id,
        "浙江省",
        10,
    )
    assert (lane.median_millidays, lane.p90_millidays) == (5500, 9100)
    assert measured_transit(at=left + timedelta(days=11), least=11) == []
