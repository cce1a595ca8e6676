import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from defusedxml.ElementTree import fromstring

from fulfillment.errors import (
    WarehouseMessageUnreadable,
    WarehouseRefused,
    WarehouseSignatureInvalid,
    WarehouseUnavailable,
)
from fulfillment.wms import qimen
from fulfillment.wms.documents import (
    CancelDocument,
    ConfirmedLine,
    ConfirmedPackage,
    DeliveryAccepted,
    DeliveryOrderDocument,
    DeliveryOrderLine,
    PackedItem,
    Party,
)
from fulfillment.wms.qimen_xml import (
    answer_xml,
    cancel_xml,
    delivery_order_xml,
    read_answer,
    read_delivery_confirm,
)
from ordercenter.common.gmt8 import parse_gmt8
from tests.local_http import Reply, serving

VECTORS = Path(__file__).parents[1] / "data" / "protocols" / "vectors" / "qimen.json"
CASES = {case["id"]: case for case in json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]}
SECRET = "testSecretA1b2C3d4E5f6"
NOW = datetime(2026, 11, 22, 9, 21, 42, tzinfo=UTC)

ORDER = DeliveryOrderDocument(
    code="DO202611110000123",
    warehouse_code="WH-HZ-01",
    owner_code="MUMIAN",
    platform_code="TM",
    shop_nick="木棉家居旗舰店",
    carrier_code="SF",
    created_at=parse_gmt8("2026-11-11 00:03:21"),
    placed_at=parse_gmt8("2026-11-11 00:01:05"),
    paid_at=parse_gmt8("2026-11-11 00:01:42"),
    item_amount=Decimal("236.80"),
    discount_amount=Decimal("20.00"),
    freight=Decimal(0),
    total_amount=Decimal("236.80"),
    sender=Party("木棉仓", "13900000000", "浙江省", "杭州市", "余杭区", "仓前街道 1 号"),
    receiver=Party("王小雨", "13800000000", "浙江省", "杭州市", "西湖区", "文三路 90 号 1 幢 301 室"),
    buyer_message="周末送",
    lines=(
        DeliveryOrderLine(
            "1", "SKU-1001", "亚麻靠垫 45cm×45cm", 1, Decimal("118.40"), "4012345678901234567", "4012345678901234568"
        ),
        DeliveryOrderLine(
            "2", "SKU-1002", "棉麻桌布", 2, Decimal("59.20"), "4012345678901234567", "4012345678901234569"
        ),
    ),
)


def client_of(server, **options):
    credentials = qimen.QimenCredentials("23777001", SECRET, "c1100223344", f"{server.url}/router/qimen/service")
    return qimen.QimenClient(credentials, clock=lambda: NOW, **options)


def answering(body, **options):
    return serving(lambda request: Reply(body, content_type="text/xml", **options))


# --- documents out ----------------------------------------------------------------------------------------------------


def test_a_delivery_order_reads_on_the_wire_as_the_official_client_writes_it():
    assert delivery_order_xml(ORDER) == CASES["qimen-deliveryorder.create"]["input"]["body"]


def test_what_is_optional_appears_when_it_is_there():
    document = replace(
        ORDER,
        is_urgent=True,
        pay_no="2026111122001400000500000001",
        seller_message="老客户",
        latest_delivery_at=parse_gmt8("2026-11-12 00:01:42"),
        receiver=replace(ORDER.receiver, oaid="1test-oaid", town="文新街道", zip_code="310012"),
        lines=(replace(ORDER.lines[0], discount=Decimal("1.5")),),
    )

    xml = delivery_order_xml(document)

    for part in (
        "<isUrgency>Y</isUrgency>",
        "<payNo>2026111122001400000500000001</payNo>",
        "<sellerMessage>老客户</sellerMessage>",
        "<latestDeliveryTime>2026-11-12 00:01:42</latestDeliveryTime>",
        "<oaid>1test-oaid</oaid>",
        "<town>文新街道</town>",
        "<discountAmount>1.50</discountAmount><inventoryType>",
    ):
        assert part in xml


def test_texts_of_buyers_cannot_break_the_document_and_keep_every_character_xml_can_carry():
    message = "a<b>&\"' \t\n\r]]> 😀𠮷 \x00\x08\x1b\ufffe\ud800end"
    xml = delivery_order_xml(replace(ORDER, buyer_message=message))

    from_wire = qimen_text(xml, "deliveryOrder/buyerMessage")

    assert from_wire == "a<b>&\"' \t\n\r]]> 😀𠮷 end"


def qimen_text(xml, path):
    return fromstring(xml.encode()).findtext(path)


def test_a_cancel_names_the_document():
    document = CancelDocument("DO202611110000123", "WH-HZ-01", "MUMIAN", "买家取消")

    assert cancel_xml(document) == CASES["qimen-order.cancel"]["input"]["body"]


def test_our_answer_to_a_warehouse_reads_back():
    assert read_answer(answer_xml(success=True)).success
    refused = read_answer(answer_xml(success=False, code="unknown_order", message="a & b"))
    assert (refused.success, refused.code, refused.message) == (False, "unknown_order", "a & b")


# --- documents in -----------------------------------------------------------------------------------------------------


def confirm_body(**replaced):
    body = CASES["qimen-deliveryorder.confirm"]["input"]["body"]
    for old, new in replaced.values():
        assert old in body
        body = body.replace(old, new)
    return body.encode()


def test_a_confirm_is_read_whole():
    confirm = read_delivery_confirm(confirm_body())

    assert (confirm.delivery_order_code, confirm.warehouse_ref) == ("DO202611110000123", "WMS-88120034")
    assert (confirm.warehouse_code, confirm.out_biz_code) == ("WH-HZ-01", "msg-7f2a-0001")
    assert (confirm.confirm_type, confirm.status) == (0, "DELIVERED")
    assert confirm.operated_at == datetime(2026, 11, 11, 1, 41, 12, tzinfo=UTC)
    assert confirm.packages == (
        ConfirmedPackage("SF", "SF1390000000001", "PK0", Decimal("1.25"), (PackedItem("SKU-1001", 1),)),
    )
    assert confirm.lines == (
        ConfirmedLine("1", "SKU-1001", "ZP", 1, 1),
        ConfirmedLine("2", "SKU-1002", "ZP", 2, 2),
    )


def test_a_confirm_without_a_key_is_known_by_its_bytes():
    first = confirm_body(key=("<outBizCode>msg-7f2a-0001</outBizCode>", ""))
    second = confirm_body(
        key=("<outBizCode>msg-7f2a-0001</outBizCode>", ""), number=("SF1390000000001", "SF1390000000002")
    )

    keys = [read_delivery_confirm(body).out_biz_code for body in (first, first, second)]

    assert keys[0] == keys[1] != keys[2]
    assert keys[0].startswith("body-")


def test_an_intermediate_confirm_and_whole_decimals_are_read():
    confirm = read_delivery_confirm(
        confirm_body(
            kind=("<confirmType>0", "<confirmType>1"),
            count=("<actualQty>2<", "<actualQty>2.00<"),
            weight=("<weight>1.25</weight>", ""),
            time=("<orderConfirmTime>2026-11-11 09:41:12</orderConfirmTime>", ""),
        )
    )

    assert (confirm.confirm_type, confirm.lines[1].actual) == (1, 2)
    assert (confirm.packages[0].weight_kg, confirm.operated_at) == (None, None)


@pytest.mark.parametrize(
    ("old", "new", "path", "problem"),
    [
        ("<deliveryOrderCode>DO202611110000123</deliveryOrderCode>", "", "deliveryOrder.deliveryOrderCode", "missing"),
        ("<confirmType>0", "<confirmType>2", "deliveryOrder.confirmType", "ill_typed"),
        ("2026-11-11 09:41:12", "2026-11-11", "deliveryOrder.operateTime", "ill_typed"),
        ("<actualQty>2<", "<actualQty>two<", "orderLines.orderLine[1].actualQty", "ill_typed"),
        ("<actualQty>2<", "<actualQty>-2<", "orderLines.orderLine[1].actualQty", "ill_typed"),
        ("<actualQty>2<", "<actualQty>1.5<", "orderLines.orderLine[1].actualQty", "ill_typed"),
        ("<actualQty>2<", "<actualQty>２<", "orderLines.orderLine[1].actualQty", "ill_typed"),
        ("<actualQty>2</actualQty>", "", "orderLines.orderLine[1].actualQty", "missing"),
        ("<expressCode>SF1390000000001</expressCode>", "", "packages.package[0].expressCode", "missing"),
        ("<weight>1.25", "<weight>heavy", "packages.package[0].weight", "ill_typed"),
        ("<quantity>1<", "<quantity><", "packages.package[0].items.item[0].quantity", "missing"),
    ],
)
def test_a_field_of_a_confirm_that_is_not_as_it_must_be_is_named(old, new, path, problem):
    with pytest.raises(WarehouseMessageUnreadable) as refused:
        read_delivery_confirm(confirm_body(change=(old, new)))

    assert (refused.value.path, refused.value.problem) == (f"request.{path}", problem)


LAUGHS = b"""<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><request>&b;</request>"""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not_xml"),
        (b"\x00", "not_xml"),
        (b"<request>", "not_xml"),
        (b"<request>&#0;</request>", "not_xml"),
        (b"<request>&#xD800;</request>", "not_xml"),
        (b"<request>\xff</request>", "not_xml"),
        (LAUGHS, "not_xml"),
        (b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><request/>', "not_xml"),
        (LAUGHS.decode().encode("utf-16"), "not_xml"),
        (b'<?xml version="1.0" encoding="gb2312"?><request/>', "not_xml"),
        (b'<?xml version="1.0" encoding="nonsense"?><request/>', "not_xml"),
        (b"<request>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</request>", "too_deep"),
        (b"<request>" + b" " * 1024 * 1024 + b"</request>", "too_large"),
        (b"<response/>", "missing"),
        (b"<request/>", "missing"),
    ],
)
def test_hostile_xml_is_refused_by_name(body, problem):
    with pytest.raises(WarehouseMessageUnreadable) as refused:
        read_delivery_confirm(body)

    assert refused.value.problem == problem


# --- signatures -------------------------------------------------------------------------------------------------------


def test_our_request_is_the_one_the_receiver_checks():
    with answering(answer_xml(success=True)) as server:
        client_of(server).create_delivery_order(ORDER)

    (request,) = server.received
    assert (request.method, request.path) == ("POST", "/router/qimen/service")
    assert request.headers["content-type"] == "text/xml;charset=utf-8"
    assert request.query["method"] == "taobao.qimen.deliveryorder.create"
    assert request.query["customerId"] == "c1100223344"
    assert request.query["timestamp"] == "2026-11-22 17:21:42"
    assert request.body.decode() == CASES["qimen-deliveryorder.create"]["input"]["body"]
    qimen.verify_request(request.query, request.body, SECRET, now=NOW)


def test_the_signature_of_a_known_request_comes_out_the_same():
    case = CASES["qimen-body-hmac"]["input"]
    credentials = qimen.QimenCredentials(
        "23777001", SECRET, "c1100223344", "http://127.0.0.1/", sign_method="hmac", prefix=""
    )

    query = qimen.signed_query(credentials, "deliveryorder.create", case["body"].encode(), at=NOW)

    # The captured client also sent its own name; everything else is the same.
    assert {**query, "partner_id": "top-sdk-java-20170428"} == {**case["query"], "sign": query["sign"]}


@pytest.mark.parametrize(
    ("change", "body", "secret", "now", "problem"),
    [
        ({}, b"<request/> ", SECRET, NOW, "mismatch"),
        ({"customerId": "other"}, b"<request/>", SECRET, NOW, "mismatch"),
        ({}, b"<request/>", "other", NOW, "mismatch"),
        ({"sign": ""}, b"<request/>", SECRET, NOW, "missing"),
        ({}, b"<request/>", "", NOW, "missing"),
        ({}, b"<request/>", SECRET, NOW + timedelta(minutes=11), "stale"),
        ({}, b"<request/>", SECRET, NOW - timedelta(minutes=11), "stale"),
    ],
)
def test_a_request_that_is_not_the_warehouses_is_refused(change, body, secret, now, problem):
    credentials = qimen.QimenCredentials("23777001", SECRET, "c1", "http://127.0.0.1/")
    query = {**qimen.signed_query(credentials, qimen.CONFIRM, b"<request/>", at=NOW), **change}

    with pytest.raises(WarehouseSignatureInvalid) as refused:
        qimen.verify_request(query, body, secret, now=now)

    assert refused.value.problem == problem


def test_a_signed_request_without_a_readable_time_is_stale():
    query = {"method": "deliveryorder.confirm", "timestamp": "yesterday"}
    query["sign"] = qimen.top_sign(query, secret=SECRET, body=b"")

    with pytest.raises(WarehouseSignatureInvalid) as refused:
        qimen.verify_request(query, b"", SECRET, now=NOW)

    assert refused.value.problem == "stale"


@pytest.mark.parametrize("method", ["taobao.qimen.deliveryorder.confirm", "deliveryorder.confirm"])
def test_both_forms_of_a_method_are_one(method):
    assert qimen.short_method({"method": method}) == qimen.CONFIRM


# --- calls ------------------------------------------------------------------------------------------------------------


def test_an_accepted_delivery_order_brings_the_warehouses_number():
    with answering(CASES["qimen-response-success"]["input"]["body"].encode()) as server:
        accepted = client_of(server).create_delivery_order(ORDER)

    assert accepted == DeliveryAccepted(warehouse_ref="WMS-88120034", was_known=False)


def test_a_number_the_warehouse_has_already_counts_as_accepted():
    with answering(CASES["qimen-response-failure"]["input"]["body"].encode()) as server:
        accepted = client_of(server).create_delivery_order("<request/>")

    assert accepted == DeliveryAccepted(warehouse_ref="", was_known=True)
    assert server.received[0].body == b"<request/>"


def test_a_refusal_is_final_and_carries_the_warehouses_words():
    with answering(answer_xml(success=False, code="S003", message="商品不存在")) as server:
        with pytest.raises(WarehouseRefused) as refused:
            client_of(server).create_delivery_order(ORDER)

    assert (refused.value.warehouse_code, refused.value.message) == ("S003", "商品不存在")
    assert (refused.value.is_duplicate, refused.value.retryable) == (False, False)


@pytest.mark.parametrize(
    ("message", "is_duplicate"),
    [
        ("重复的单号", True),
        ("出库单DO2026已存在", True),
        ("订单号重复", True),
        ("Order DO2026 already exists", True),
        ("订单行重复", False),
        ("商品重复", False),
        ("收件人不存在", False),
    ],
)
def test_only_a_document_that_is_there_already_is_a_duplicate(message, is_duplicate):
    refusal = WarehouseRefused(method="deliveryorder.create", warehouse_code="S001", message=message)

    assert refusal.is_duplicate is is_duplicate


def test_a_refused_cancel_means_the_warehouse_keeps_the_order():
    document = CancelDocument("DO1", "WH-HZ-01", "MUMIAN", "买家取消")
    with answering(answer_xml(success=False, code="S010", message="已出库，重复取消")) as server:
        with pytest.raises(WarehouseRefused):
            client_of(server).cancel_order(document)

    assert qimen.short_method(server.received[0].query) == "order.cancel"
    assert server.received[0].body.decode() == cancel_xml(document)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<response><flag>success</flag></response>", status=500),
        Reply(b"<html>busy</html>"),
        Reply(b""),
        Reply(b"<response/>"),
        Reply(b"<response><flag>maybe</flag></response>"),
        Reply(cut=True),
        Reply(answer_xml(success=True), delay_s=5),
    ],
)
def test_no_usable_answer_leaves_the_outcome_unknown_and_may_be_repeated(reply):
    with serving(lambda request: reply) as server:
        with pytest.raises(WarehouseUnavailable) as failed:
            client_of(server, timeout_s=0.3).create_delivery_order(ORDER)

    assert (failed.value.outcome_known, failed.value.retryable) == (False, True)


def test_a_warehouse_that_cannot_be_reached_has_done_nothing():
    with serving(lambda request: Reply()) as server:
        pass

    with pytest.raises(WarehouseUnavailable) as failed:
        client_of(server).create_delivery_order(ORDER)

    assert failed.value.outcome_known


def test_how_a_delivery_order_stands_is_read_like_a_confirm():
    status = (
        b"<response><flag>success</flag><code>0</code><deliveryOrder><deliveryOrderCode>DO1</deliveryOrderCode>"
        b"<status>ACCEPT</status></deliveryOrder></response>"
    )
    with answering(status) as server:
        found = client_of(server).query_delivery_order(order_code="DO1", warehouse_code="W", owner_code="O")

    assert (found.delivery_order_code, found.status, found.packages, found.out_biz_code) == ("DO1", "ACCEPT", (), "")
    assert qimen.short_method(server.received[0].query) == "deliveryorder.query"


def test_an_address_with_a_query_of_its_own_keeps_it():
    with answering(answer_xml(success=True)) as server:
        credentials = qimen.QimenCredentials("1", SECRET, "c", f"{server.url}/service?tenant=7")
        qimen.QimenClient(credentials, clock=lambda: NOW).cancel_order("<request/>")

    assert server.received[0].query["tenant"] == "7"


def test_the_wire_keeps_spaces_as_the_official_client_does():
    case = CASES["qimen-deliveryorder.create"]["input"]
    query = dict(parse_qsl(case["raw_path"].partition("?")[2]))

    assert urlencode(query) == case["raw_path"].partition("?")[2]
