"""Goods at warehouses with a system of their own, over the real protocol: the played warehouse and our door."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.errors import WarehouseMessageUnreadable
from fulfillment.models import InboundOrder, Shipment
from fulfillment.services.goods_at_warehouses import ask_stock, tell_items
from fulfillment.services.inbound import InboundDraft, announce_inbound
from fulfillment.services.silence import tell_silent
from fulfillment.states import InboundKind
from fulfillment.wms.goods_xml import read_inbound_confirm, read_inventory_report, read_stock_changes
from ordercenter.cases.models import Case
from ordercenter.cases.services import resolve_cases
from ordercenter.common.actor import Actor
from ordercenter.events.models import EventRow, InboxMessage
from ordercenter.inventory.models import StockLevel, StockMovement
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import cancel_orders
from tests.flows.outside import settle_down
from tests.fulfillment.floor.house import broken_invariants
from tests.fulfillment.played_warehouse import Play
from tests.ordercenter.orders.incoming import NOON

pytestmark = pytest.mark.django_db
SCRIPT = Actor("person", "script")


def cases() -> list[str]:
    return sorted(Case.objects.filter(closed_at=None).values_list("code", flat=True))


def test_a_purchase_is_announced_received_and_in_the_stock(play: Play) -> None:
    (inbound,) = announce_inbound(
        drafts=[InboundDraft(InboundKind.PURCHASE, play.world.east.pk, {play.sku.pk: 20}, supplier="陶坊")]
    )
    assert InboundOrder.objects.get().state == "sent"
    settle_down()
    assert InboundOrder.objects.values_list("state", "warehouse_ref").get() == ("accepted", "I0000000001")

    play.turn()

    inbound = InboundOrder.objects.get()
    assert inbound.state == "received"
    assert inbound.lines.values_list("planned", "good", "put_away").get() == (20, 20, 20)
    assert (play.level().on_hand, cases()) == (120, [])
    assert StockMovement.objects.get(ref=inbound.code).reason == "arrival"
    assert play.stage.control._get("words")["inbound"][0]["receipts"] == 1


def test_goods_that_come_short_are_a_case_and_a_repeat_counts_once(play: Play) -> None:
    play.stage.control.switches(wms_receive_short=1)
    announce_inbound(drafts=[InboundDraft(InboundKind.PURCHASE, play.world.east.pk, {play.sku.pk: 20})])
    play.turn()
    assert (play.level().on_hand, cases()) == (119, ["INBOUND_DIFFERENCE"])

    for word in play.stage.app.world.words.values():
        word.heard_ms = 0
        play.stage.app.warehouse.goods._put(word.id)
    play.turn()

    assert play.level().on_hand == 119
    assert InboxMessage.objects.filter(kind="qimen.entryorder.confirm").count() == 1


def test_a_return_is_announced_received_and_counted_on_its_order_line(play: Play) -> None:
    play.order(2)
    play.turn()
    line = Order.objects.get().lines.get()
    assert (line.shipped, play.level().on_hand) == (2, 98)

    announce_inbound(
        drafts=[
            InboundDraft(
                InboundKind.RETURN,
                play.world.east.pk,
                {play.sku.pk: 1},
                order_id=line.order_id,
                order_lines={play.sku.pk: line.pk},
                shipment_code=Shipment.objects.get().code,
                tracking_no="YT1234567890",
            )
        ]
    )
    play.turn()

    line.refresh_from_db()
    assert (line.returned, play.level().on_hand) == (1, 99)
    assert EventRow.objects.filter(name="orders.goods.returned").count() == 1


def test_an_announcement_that_the_warehouse_refuses_is_a_case(play: Play) -> None:
    play.stage.control.switches(wms_refuse=1)

    announce_inbound(drafts=[InboundDraft(InboundKind.PURCHASE, play.world.east.pk, {play.sku.pk: 5})])
    play.turn()

    assert (InboundOrder.objects.get().state, cases()) == ("rejected", ["WMS_REJECTED"])
    assert play.level().on_hand == 100


def test_counts_and_changes_move_the_books_once_and_by_condition(play: Play) -> None:
    report = {
        "warehouse": "WH-HZ-01",
        "items": [{"sku": "SKU-1001", "delta": -3}, {"sku": "SKU-1001", "delta": 2, "type": "CC"}],
    }
    play.stage.control._post("count", report)
    play.stage.control._post("change", {"warehouse": "WH-HZ-01", "items": [{"sku": "SKU-1001", "delta": 5}]})
    play.turn()
    level = play.level()
    assert (level.on_hand, level.damaged) == (102, 2)

    for word in list(play.stage.app.world.words.values()):
        play.stage.app.warehouse.goods._put(word.id)
    play.turn()

    level = play.level()
    assert (level.on_hand, level.damaged, cases()) == (102, 2, [])


def test_a_count_below_what_is_promised_is_a_case_and_leaves_the_books(play: Play) -> None:
    play.stage.control.switches(ship_after_s=1000)
    play.order(2)

    play.stage.control._post("count", {"warehouse": "WH-HZ-01", "items": [{"sku": "SKU-1001", "delta": -99}]})
    play.turn()

    assert (play.level().on_hand, cases()) == (100, ["STOCK_DIFFERENCE"])
    assert broken_invariants() == {}


def test_a_report_of_another_customers_warehouse_is_refused(play: Play) -> None:
    play.world.south.customer_id = "somebody-else"
    play.world.south.save()

    play.stage.control._post("count", {"warehouse": "WH-GZ-01", "items": [{"sku": "SKU-1001", "delta": 5}]})
    play.turn()

    assert InboxMessage.objects.get().status == "parked"
    assert set(StockLevel.objects.filter(sku=play.sku).values_list("on_hand", flat=True)) == {100}


def test_the_stock_there_is_held_against_the_books(play: Play) -> None:
    StockLevel.objects.exclude(sku=play.sku).delete()
    assert ask_stock() == 2
    settle_down()
    differing = Case.objects.filter(code="STOCK_DIFFERENCE", closed_at=None)
    assert {case.evidence["count"] for case in differing} == {1}
    assert play.level().on_hand == 100, "asking changes nothing"

    for warehouse in ("WH-HZ-01", "WH-GZ-01"):
        with play.stage.app.world.change():
            play.stage.app.world.find(warehouse, "SKU-1001", 100 - 50_000)
    ask_stock()
    settle_down()
    assert cases() == []


def test_items_are_told_and_told_again_as_changed(play: Play) -> None:
    ids = [sku.pk for sku in play.world.skus[:3]]
    east = [play.world.east.pk]

    assert tell_items(sku_ids=ids, warehouse_ids=east) == 1
    settle_down()
    assert sorted(play.stage.app.world.items_told) == ["SKU-0", "SKU-1001", "SKU-2"]

    tell_items(sku_ids=ids[:1], warehouse_ids=east)
    settle_down()
    assert cases() == [], "known there already: told as a change"


def test_a_warehouse_that_accepts_and_then_rejects_holds_the_order_and_a_person_sends_it_again(play: Play) -> None:
    play.world.leave_rejected_to_people()
    play.stage.control.switches(wms_reject_later=1)
    shipment = play.order()
    assert shipment.state == "accepted"

    play.turn()

    shipment.refresh_from_db()
    assert (shipment.state, Hold.objects.get().code, cases()) == ("rejected", "WMS_REJECTED", ["WMS_REJECTED"])
    assert play.level().promised == 2
    assert Case.objects.get().evidence["was_accepted"] is True
    assert broken_invariants() == {}
    resolve_cases(case_ids=[Case.objects.get().pk], resolution="asked them", at=NOON, actor=SCRIPT)
    settle_down()
    assert Order.objects.get().is_on_hold is False


def test_a_late_no_to_an_order_that_is_being_stopped_is_its_stop(play: Play) -> None:
    play.stage.control.switches(wms_reject_later=1, wms_silent=1)
    shipment = play.order()
    play.stage.control.switches(wms_silent=0, wms_refuse_cancel=False)
    settle_down()
    cancel_orders(order_ids=[Order.objects.get().pk], reason="changed her mind")
    settle_down()

    play.turn()

    shipment.refresh_from_db()
    assert (shipment.state, play.level().promised) == ("cancelled", 0)


def test_what_is_lacking_is_said_before_and_the_parcel_is_short(play: Play) -> None:
    play.stage.control.switches(wms_lack=1, wms_progress=1)
    shipment = play.order(2)

    play.turn()

    shipment.refresh_from_db()
    order = Order.objects.get()
    assert (shipment.state, order.state) == ("shipped", "partially_shipped")
    assert order.lines.values_list("shipped", "unplanned").get() == (1, 1)
    assert "SHORT_PICK" in cases()
    progress = EventRow.objects.filter(name="fulfillment.shipment.progressed").order_by("id")
    assert [row.payload["status"] for row in progress] == ["PRINT", "PICK", "CHECK", "PACKAGE"]
    assert broken_invariants() == {}


def test_two_parcels_confirmed_one_after_the_other_are_the_whole(play: Play) -> None:
    play.stage.control.switches(wms_two_parcels=1)
    shipment = play.order(3)

    play.turn()

    shipment.refresh_from_db()
    assert (shipment.state, shipment.parcels.count()) == ("shipped", 2)
    assert Order.objects.get().lines.values_list("shipped", "unplanned").get() == (3, 0)
    assert (play.level().on_hand, cases()) == (97, [])


def test_a_warehouse_that_keeps_an_order_says_so_when_asked_to_stop_it(play: Play) -> None:
    play.stage.control.switches(wms_refuse_cancel=True, ship_after_s=1000)
    shipment = play.order()

    cancel_orders(order_ids=[Order.objects.get().pk], reason="changed her mind")
    settle_down()

    shipment.refresh_from_db()
    assert (shipment.state, cases()) == ("accepted", ["INTERCEPT_FAILED"])


def test_silence_becomes_one_case_and_ends_with_the_parcel(play: Play) -> None:
    play.stage.control.switches(ship_after_s=3)
    shipment = play.order()
    assert tell_silent() == 0
    late = timezone.now() + timedelta(minutes=2881)

    assert (tell_silent(at=late), tell_silent(at=late)) == (1, 0)
    assert Case.objects.get().evidence["state"] == "accepted"
    play.turn()

    shipment.refresh_from_db()
    assert (shipment.state, cases()) == ("shipped", [])


@pytest.mark.parametrize(
    ("reader", "body", "path"),
    [
        (read_inventory_report, b"<request><warehouseCode>A</warehouseCode></request>", "request.checkOrderCode"),
        (
            read_inventory_report,
            b"<request><warehouseCode>A</warehouseCode><checkOrderCode>1</checkOrderCode><items><item>"
            b"<itemCode>S</itemCode><quantity>1.5</quantity></item></items></request>",
            "request.items.item[0].quantity",
        ),
        (read_stock_changes, b"<request/>", "request.items"),
        (lambda b: read_inbound_confirm(b, kind="entryOrder"), b"<request/>", "request.entryOrder"),
        (
            lambda b: read_inbound_confirm(b, kind="returnOrder"),
            b"<request><returnOrder><returnOrderCode>R</returnOrderCode><confirmType>2</confirmType></returnOrder></request>",
            "request.returnOrder.confirmType",
        ),
    ],
)
def test_a_document_that_cannot_be_read_names_the_field(reader: Any, body: bytes, path: str) -> None:
    with pytest.raises(WarehouseMessageUnreadable) as caught:
        reader(body)

    assert caught.value.path == path


def test_differences_have_a_sign() -> None:
    body = (
        b"<request><items><item><itemCode>S</itemCode><quantity>-5.00</quantity><outBizCode>k</outBizCode></item>"
        b"<item><itemCode>T</itemCode><quantity>+3</quantity></item></items></request>"
    )

    assert [(c.item_code, c.delta, c.key) for c in read_stock_changes(body)] == [("S", -5, "k"), ("T", 3, "")]
