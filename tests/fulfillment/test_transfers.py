"""Goods between warehouses: the sending one is asked over the real protocol, the other one told what really left."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from fulfillment.floor_errors import TransferHasLeft, TransferNotLeft
from fulfillment.models import InboundOrder, StockOut
from fulfillment.services.bringing import call_off, send_again, send_over
from fulfillment.services.goods_at_warehouses import ask_stock
from fulfillment.services.silence import tell_silent
from fulfillment.services.transfers import confirm_stock_outs, take_keep_answers
from fulfillment.transfer_handlers import stock_out_documents
from fulfillment.wms.goods_documents import ReceivedLine, StockOutConfirm
from fulfillment.wms.stock_out_xml import read_stock_out_confirm, stock_out_xml
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.events.models import InboxMessage, OutgoingCommand
from ordercenter.inventory.models import StockLevel, Supply
from tests.flows.outside import settle_down
from tests.fulfillment.floor.house import broken_invariants
from tests.fulfillment.played_warehouse import Play

pytestmark = pytest.mark.django_db
NOW = timezone.now()
DUE = date(2026, 12, 1)


@pytest.fixture
def keeper(db: None) -> Actor:
    return Actor("person", "keeper", User.objects.create_user("keeper").pk)


def transfer(play: Play, keeper: Actor, pieces: int = 20, **more: Any) -> InboundOrder:
    given: dict[str, Any] = {"due_on": DUE, "key": "t1", "note": "调拨", "at": timezone.now(), "actor": keeper}
    return send_over(
        from_warehouse_id=play.world.east.pk,
        to_warehouse_id=play.world.south.pk,
        pieces={play.sku.pk: pieces},
        **(given | more),
    )


def states() -> tuple[str, str]:
    return InboundOrder.objects.get().state, StockOut.objects.get().state


def cases() -> list[str]:
    return sorted(Case.objects.filter(closed_at=None).values_list("code", flat=True))


def kinds() -> list[str]:
    return list(OutgoingCommand.objects.order_by("pk").values_list("kind", flat=True))


def confirm(play: Play, pieces: int, *, key: str = "c1", final: bool = True, status: str = "DELIVERED") -> None:
    line = ReceivedLine("", play.sku.code, "ZP", None, pieces)
    code = StockOut.objects.get().code
    given = StockOutConfirm(code, "", key, 0 if final else 1, status, None, "", "", (line,))
    confirm_stock_outs(confirms=[given], at=timezone.now())


def test_the_sender_is_asked_and_the_receiver_is_told_when_the_goods_have_left(play: Play, keeper: Actor) -> None:
    transfer(play, keeper)
    assert (states(), kinds()) == (("planned", "sent"), ["qimen.stockout.create"])
    assert play.level().on_hand == 80
    settle_down()
    assert states() == ("planned", "accepted")
    there = play.stage.app.world.deliveries[StockOut.objects.get().code]
    assert (there.order_type, there.warehouse, there.quantity) == ("DBCK", "WH-HZ-01", 20)

    play.turn()
    assert states() == ("accepted", "left")
    assert kinds() == ["qimen.stockout.create", "qimen.entryorder.create"]
    play.turn()

    assert states() == ("received", "left")
    assert (play.level().on_hand, play.south().on_hand) == (80, 120)
    assert Supply.objects.values_list("quantity", "arrived", "state").get() == (20, 20, "arrived")
    assert InboxMessage.objects.filter(kind="qimen.stockout.confirm").count() == 1
    assert (cases(), broken_invariants()) == ([], {})


def test_the_lorry_is_told_where_to_go_and_whom_to_call(play: Play, keeper: Actor) -> None:
    house = play.south().warehouse
    house.district, house.address, house.contact_name, house.phone = "白云区", "龙归北路2号", "林师傅", "020-12345678"
    house.save()

    transfer(play, keeper)
    [told] = stock_out_documents([StockOut.objects.get().inbound_id]).values()
    text = stock_out_xml(told)

    assert "<area>白云区</area>" in text
    assert f"<detailAddress>{house.full_address}</detailAddress><mobile>020-12345678</mobile>" in text
    assert "<name>林师傅</name>" in text


def test_a_sender_that_finds_less_sends_less_and_the_rest_is_in_quarantine(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(wms_lack=1, wms_confirm_duplicates=1)
    transfer(play, keeper)
    play.turn()
    play.turn()

    assert states() == ("received", "left")
    east = play.level()
    assert (east.on_hand, east.quarantine, play.south().on_hand) == (80, 1, 119)
    assert InboundOrder.objects.get().lines.values_list("planned", "good").get() == (19, 19)
    assert Supply.objects.values_list("quantity", "arrived", "state").get() == (19, 19, "arrived")
    case = Case.objects.get(closed_at=None)
    assert (case.code, case.evidence["lines"]) == ("TRANSFER_SHORT", [{"sku": "SKU-1001", "planned": 20, "left": 19}])
    assert broken_invariants() == {}


def test_a_sender_that_refuses_is_a_case_and_is_asked_again(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(wms_refuse=1)
    inbound = transfer(play, keeper)
    play.turn()
    assert (states(), cases()) == (("planned", "rejected"), ["WMS_REJECTED"])
    assert Case.objects.get().evidence["stock_out"] == StockOut.objects.get().code
    assert broken_invariants() == {}

    play.stage.control.switches(wms_refuse=0)
    send_again(inbound_id=inbound.pk, at=timezone.now(), actor=keeper)
    assert cases() == []
    with pytest.raises(TransferNotLeft):
        send_again(inbound_id=inbound.pk, at=timezone.now(), actor=keeper)
    play.turn()
    play.turn()

    assert states() == ("received", "left")
    assert play.south().on_hand == 120


def test_a_refused_transfer_that_is_called_off_lies_where_it_was(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(wms_refuse=1)
    inbound = transfer(play, keeper)
    play.turn()

    call_off(inbound_id=inbound.pk, reason="不调了", at=timezone.now(), actor=keeper)

    assert states() == ("cancelled", "cancelled")
    assert (play.level().on_hand, kinds()) == (100, ["qimen.stockout.create"])
    assert broken_invariants() == {}


def test_an_answer_that_got_lost_is_asked_for_before_anything_is_repeated(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(wms_garbage=1, ship_after_s=1000)
    transfer(play, keeper)
    settle_down()
    assert StockOut.objects.get().state == "sent"

    play.stage.control.switches(wms_garbage=0)
    # The warehouse would say no to a repeat; that it has the document is what counts.
    play.stage.control.switches(wms_refuse=1)
    OutgoingCommand.objects.update(due_at=NOW)
    settle_down()

    assert (StockOut.objects.get().state, cases()) == ("accepted", [])
    assert play.stage.app.world.deliveries[StockOut.objects.get().code].receipts == 1


def test_before_they_left_goods_are_kept_back_when_the_sender_says_yes(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(ship_after_s=1000)
    inbound = transfer(play, keeper)
    settle_down()

    call_off(inbound_id=inbound.pk, reason="不调了", at=timezone.now(), actor=keeper)
    assert (states(), play.level().on_hand) == (("planned", "accepted"), 80)
    settle_down()

    assert states() == ("cancelled", "cancelled")
    assert (play.level().on_hand, Supply.objects.get().state) == (100, "cancelled")
    assert play.stage.app.world.deliveries[StockOut.objects.get().code].status == "CANCELED"
    assert broken_invariants() == {}


def test_a_sender_that_will_not_keep_them_is_a_case_and_the_transfer_goes_on(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(wms_refuse_cancel=True, ship_after_s=60)
    inbound = transfer(play, keeper)
    settle_down()
    call_off(inbound_id=inbound.pk, reason="不调了", at=timezone.now(), actor=keeper)
    settle_down()
    assert (states(), cases()) == (("planned", "accepted"), ["WMS_REJECTED"])

    play.turn(90)
    play.turn()

    assert (states(), play.south().on_hand) == (("received", "left"), 120)
    assert (cases(), broken_invariants()) == ([], {})


def test_goods_that_have_left_cannot_be_called_off(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(wms_receive_after_s=1000)
    inbound = transfer(play, keeper)
    play.turn()

    with pytest.raises(TransferHasLeft):
        call_off(inbound_id=inbound.pk, reason="不调了", at=timezone.now(), actor=keeper)

    assert (states(), play.level().on_hand) == (("accepted", "left"), 80)


def test_goods_that_left_although_the_transfer_was_called_off_are_on_their_way_and_a_case(
    play: Play, keeper: Actor
) -> None:
    play.stage.control.switches(ship_after_s=1000)
    inbound = transfer(play, keeper)
    settle_down()
    with unit_of_work() as work:
        take_keep_answers(answers={inbound.pk: ""}, work=work)
    assert play.level().on_hand == 100

    confirm(play, 20)
    settle_down()

    assert states() == ("accepted", "left")
    assert (play.level().on_hand, cases()) == (80, ["GOODS_AFTER_END"])
    assert broken_invariants() == {}
    play.turn()
    assert (play.south().on_hand, InboundOrder.objects.get().state) == (120, "received")


def test_what_left_after_the_end_and_is_promised_by_now_is_named_in_the_case(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(ship_after_s=1000)
    inbound = transfer(play, keeper)
    settle_down()
    with unit_of_work() as work:
        take_keep_answers(answers={inbound.pk: ""}, work=work)
    StockLevel.objects.filter(pk=play.level().pk).update(set_aside=100)

    confirm(play, 20)

    assert (states(), play.level().on_hand) == (("cancelled", "cancelled"), 100)
    assert Case.objects.get(closed_at=None).evidence["not_booked"] == {"SKU-1001": 20}


def test_goods_that_leave_in_two_lorries_add_up_and_a_repeat_counts_once(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(ship_after_s=1000, wms_receive_after_s=1000)
    transfer(play, keeper)
    settle_down()

    confirm(play, 8, key="c1", final=False)
    confirm(play, 8, key="c1", final=False)
    assert states() == ("sent", "leaving")
    assert InboundOrder.objects.get().lines.get().planned == 20
    confirm(play, 10, key="c2")

    assert states() == ("sent", "left")
    assert StockOut.objects.get().lines.values_list("planned", "left").get() == (20, 18)
    assert InboundOrder.objects.get().lines.get().planned == 18
    assert (play.level().quarantine, cases()) == (2, ["TRANSFER_SHORT"])
    assert broken_invariants() == {}


def test_more_than_was_asked_for_leaves_the_books_too(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(ship_after_s=1000)
    transfer(play, keeper)
    settle_down()

    confirm(play, 23)

    assert (play.level().on_hand, InboundOrder.objects.get().lines.get().planned) == (77, 23)
    assert (Supply.objects.get().quantity, cases()) == (23, ["TRANSFER_SHORT"])
    assert broken_invariants() == {}


@pytest.mark.parametrize(("pieces", "status"), [(0, "DELIVERED"), (0, "CLOSED"), (20, "REJECT")])
def test_a_sender_that_is_through_and_sent_nothing_has_refused(
    play: Play, keeper: Actor, pieces: int, status: str
) -> None:
    play.stage.control.switches(ship_after_s=1000)
    transfer(play, keeper)
    settle_down()

    confirm(play, pieces, status=status)

    assert (states(), cases()) == (("planned", "rejected"), ["WMS_REJECTED"])
    assert (play.level().on_hand, play.level().quarantine) == (80, 0)
    assert broken_invariants() == {}


def test_a_silent_sender_is_one_case_that_ends_with_its_word(play: Play, keeper: Actor) -> None:
    play.stage.control.switches(ship_after_s=2)
    transfer(play, keeper)
    settle_down()
    assert tell_silent(at=timezone.now() + timedelta(minutes=5)) == 0
    later = timezone.now() + timedelta(days=3)
    assert (tell_silent(at=later), tell_silent(at=later)) == (1, 0)
    assert Case.objects.get(closed_at=None).reference == StockOut.objects.get().code

    play.turn()

    assert cases() == []


def test_a_silent_receiver_is_a_case_too(play: Play, keeper: Actor) -> None:
    transfer(play, keeper)
    settle_down()
    play.stage.control.switches(wms_silent=1)
    play.turn()
    assert states() == ("sent", "left")

    assert tell_silent(at=timezone.now() + timedelta(days=1)) == 1

    case = Case.objects.get(closed_at=None)
    assert (case.code, case.warehouse_id) == ("WMS_SILENT", play.world.south.pk)


def test_pieces_that_have_not_left_the_shelf_are_no_difference_when_stock_is_compared(
    play: Play, keeper: Actor
) -> None:
    play.stage.control.switches(ship_after_s=1000)
    StockLevel.objects.exclude(sku=play.sku).delete()
    there = play.stage.app.warehouse.stock("WH-HZ-01", "SKU-1001")
    StockLevel.objects.filter(warehouse=play.world.east).update(on_hand=there)
    transfer(play, keeper)
    settle_down()

    ask_stock(warehouse_ids=[play.world.east.pk])
    settle_down()

    assert cases() == []


def test_a_confirm_without_parcels_is_read_and_a_repeat_without_a_number_is_known() -> None:
    body = (
        b"<request><deliveryOrder><deliveryOrderCode>OUT1</deliveryOrderCode><status>DELIVERED</status>"
        b"<confirmType>1</confirmType></deliveryOrder><packages><package><expressCode>V1</expressCode></package>"
        b"</packages><orderLines><orderLine><itemCode>A</itemCode><actualQty>3.00</actualQty></orderLine></orderLines>"
        b"</request>"
    )

    read = read_stock_out_confirm(body)

    assert (read.code, read.confirm_type, read.tracking_no, read.lines[0].actual) == ("OUT1", 1, "V1", 3)
    assert read.out_biz_code == read_stock_out_confirm(body).out_biz_code != ""
