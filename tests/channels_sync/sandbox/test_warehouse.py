"""The played warehouse over Qimen: orders taken once, shipped, reported until heard, cancelled while they can be."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fulfillment.wms.documents import PackedItem
from fulfillment.wms.qimen import verify_request
from fulfillment.wms.qimen_xml import read_delivery_confirm
from ordercenter.common.signing import top_sign
from tests.channels_sync.sandbox.stage import delivery_xml, text_of


def test_an_order_is_taken_and_a_repeat_answered_the_same(stage):
    first = stage.order_delivery("DO-1", tid="77")
    again = stage.order_delivery("DO-1", tid="77")

    assert text_of(first, "flag") == "success"
    assert text_of(first, "createTime") == "2026-11-11 12:00:00"
    assert text_of(first, "deliveryOrderId") == text_of(again, "deliveryOrderId") == "W0000000001"
    deliveries = stage.control.state()["deliveries"]
    assert (deliveries["received"], deliveries["repeated"], deliveries["changed"]) == (1, {"DO-1": 2}, [])


def test_a_repeat_with_other_content_is_told_apart(stage):
    stage.order_delivery("DO-1", quantity=1)
    stage.order_delivery("DO-1", quantity=2)

    assert stage.control.state()["deliveries"]["changed"] == ["DO-1"]


def test_a_trade_that_was_ordered_twice_under_two_numbers_is_seen(stage):
    stage.order_delivery("DO-1", tid="77")
    stage.order_delivery("DO-2", tid="77")
    stage.order_delivery("DO-3", tid="78")

    assert stage.control.state()["deliveries"]["trades_twice"] == {"77": ["DO-1", "DO-2"]}


def test_a_shipped_order_is_reported_with_a_signed_confirm_that_we_can_read(stage, credentials):
    stage.order_delivery("DO-1", tid="77", item="SKU-1009", quantity=2)
    stage.pass_time(2.9)
    assert stage.heard == []

    stage.pass_time(0.1)

    ((address, query, body),) = stage.heard
    assert address == f"http://center.test/qimen/{credentials.qimen_customer_id}/"
    verify_request(query, body, credentials.qimen_secret, now=datetime.fromtimestamp(stage.clock.now_ms / 1000, tz=UTC))
    assert query["method"] == "deliveryorder.confirm"
    assert query["customerId"] == credentials.qimen_customer_id
    confirm = read_delivery_confirm(body)
    assert (confirm.delivery_order_code, confirm.status, confirm.confirm_type) == ("DO-1", "DELIVERED", 0)
    assert confirm.out_biz_code
    assert confirm.operated_at == datetime(2026, 11, 11, 4, 0, 3, tzinfo=UTC)
    (package,) = confirm.packages
    assert (package.carrier_code, package.items) == ("SF", (PackedItem("SKU-1009", 2),))
    assert package.tracking_no.startswith("SF")
    assert package.weight_kg == Decimal("5.300")  # two sets of 2.6 kg in a box of 0.1 kg
    assert [(line.line_no, line.planned, line.actual) for line in confirm.lines] == [("1", 2, 2)]
    assert stage.control.state()["deliveries"]["confirmed"] == 1


@pytest.mark.parametrize("reply", [None, b"", b"<html>", b"<response><flag>failure</flag></response>"])
def test_a_confirm_is_repeated_with_growing_pauses_until_it_was_heard(stage, reply):
    stage.reply = reply
    stage.order_delivery("DO-1")
    stage.pass_time(3)
    assert len(stage.heard) == 1
    stage.pass_time(1)
    assert len(stage.heard) == 2
    stage.pass_time(1)
    assert len(stage.heard) == 2  # the second pause is twice as long

    stage.reply = b"<response><flag>success</flag></response>"
    stage.pass_time(60)

    assert len(stage.heard) == 3
    assert len({read_delivery_confirm(body).out_biz_code for _address, _query, body in stage.heard}) == 1
    assert stage.control.state()["deliveries"]["confirmed"] == 1


def test_a_confirm_may_come_twice_under_the_same_key(stage):
    stage.control.switches(wms_confirm_duplicates=1)
    stage.order_delivery("DO-1")

    stage.pass_time(3)

    keys = [read_delivery_confirm(body).out_biz_code for _address, _query, body in stage.heard]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_an_order_can_be_cancelled_until_it_left(stage):
    cancel = "<request><orderCode>{}</orderCode><warehouseCode>WH-HZ-01</warehouseCode></request>"
    stage.order_delivery("DO-1")
    stage.order_delivery("DO-2")

    stopped = stage.qimen("order.cancel", cancel.format("DO-1"))
    again = stage.qimen("order.cancel", cancel.format("DO-1"))
    stage.pass_time(5)
    too_late = stage.qimen("order.cancel", cancel.format("DO-2"))
    unknown = stage.qimen("order.cancel", cancel.format("DO-9"))

    assert [text_of(root, "flag") for root in (stopped, again, too_late, unknown)] == [
        "success",
        "success",
        "failure",
        "failure",
    ]
    assert text_of(too_late, "code") == "wms.not-cancellable"
    assert [read_delivery_confirm(body).delivery_order_code for _address, _query, body in stage.heard] == ["DO-2"]


def test_a_query_tells_how_an_order_stands(stage):
    question = "<request><orderCode>DO-1</orderCode></request>"
    unknown = stage.qimen("deliveryorder.query", question)
    stage.order_delivery("DO-1", quantity=3)
    taken = stage.qimen("deliveryorder.query", question)
    stage.pass_time(3)
    shipped = stage.qimen("deliveryorder.query", question)

    assert text_of(unknown, "code") == "wms.order-not-exist"
    assert (text_of(taken, "deliveryOrder/status"), text_of(taken, "orderLines/orderLine/actualQty")) == ("ACCEPT", "0")
    assert text_of(shipped, "deliveryOrder/status") == "DELIVERED"
    assert text_of(shipped, "packages/package/items/item/quantity") == "3"


def test_stock_goes_down_when_parcels_leave(stage):
    question = (
        "<request><criteriaList><criteria><itemCode>SKU-1099</itemCode></criteria>"
        "<criteria><itemCode>SKU-1001</itemCode><warehouseCode>WH-HZ-01</warehouseCode></criteria></criteriaList></request>"
    )
    stage.order_delivery("DO-1", item="SKU-1001", quantity=7)
    stage.pass_time(3)

    root = stage.qimen("inventory.query", question)

    found = [
        (text_of(item, "warehouseCode"), text_of(item, "itemCode"), int(text_of(item, "quantity")))
        for item in root.findall("items/item")
    ]
    assert found == [
        ("WH-HZ-01", "SKU-1099", 1),
        ("WH-GZ-01", "SKU-1099", 1),
        ("WH-TJ-01", "SKU-1099", 1),
        ("WH-HZ-01", "SKU-1001", 49_993),
    ]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"sign": "0" * 32}, "sign-check-failure"),
        ({"customerId": "c1999999999"}, "isv.invalid-customer-id"),
        ({"app_key": "1"}, "isv.invalid-app-key"),
        ({"timestamp": "2026-11-11 11:49:00"}, "isv.invalid-timestamp"),
        ({"method": "taobao.qimen.combineitem.synchronize"}, "isv.invalid-method"),
    ],
)
def test_a_call_that_is_not_from_our_customer_is_refused_with_http_200(stage, query, code):
    root = stage.qimen("deliveryorder.create", delivery_xml("DO-1"), **query)

    assert (text_of(root, "flag"), text_of(root, "code")) == ("failure", code)
    assert stage.control.state()["deliveries"]["received"] == 0


def test_a_changed_body_breaks_the_signature(stage, credentials):
    body = delivery_xml("DO-1")
    query = {
        "method": "deliveryorder.create",
        "app_key": credentials.qimen_app_key,
        "customerId": credentials.qimen_customer_id,
        "timestamp": stage.clock.text(),
        "sign_method": "md5",
    }
    sign = top_sign(query, secret=credentials.qimen_secret, body=body)

    root = stage.qimen("deliveryorder.create", body.replace("DO-1", "DO-2"), **query, sign=sign)

    assert text_of(root, "code") == "sign-check-failure"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<request><deliveryOrder>", "isv.invalid-xml"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><request>&a;</request>", "isv.invalid-xml"),
        ("<order/>", "isv.invalid-xml"),
        ("<request/>", "isv.missing-field"),
        (delivery_xml(""), "isv.missing-field"),
        (delivery_xml("DO-1", quantity=0), "isv.invalid-field"),
        (delivery_xml("DO-1").replace("1abc", ""), "isv.missing-field"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused(stage, body, code):
    root = stage.qimen("deliveryorder.create", body)

    assert (text_of(root, "flag"), text_of(root, "code")) == ("failure", code)


def test_the_short_method_name_is_taken_as_well(stage):
    root = stage.qimen("deliveryorder.create", delivery_xml("DO-1"), method="deliveryorder.create")

    assert text_of(root, "flag") == "success"


def test_a_warehouse_may_refuse(stage):
    stage.control.switches(wms_refuse=1)

    root = stage.order_delivery("DO-1")

    assert (text_of(root, "flag"), text_of(root, "code")) == ("failure", "wms.refused")
    assert stage.control.state()["deliveries"]["received"] == 0
