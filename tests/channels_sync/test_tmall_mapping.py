import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from channels_sync.adapters import tmall_mapping as mapping
from channels_sync.errors import MessageUnreadable
from ordercenter.orders.intake_types import IncomingPayment, IncomingReceiver

SAMPLES = Path(__file__).parents[1] / "data" / "protocols" / "samples"
TID = "4012345678901234567"


@pytest.fixture
def trade():
    document = json.loads((SAMPLES / "tmall_trade_fullinfo.json").read_text(encoding="utf-8"))
    return mapping.trade_in(document)


@pytest.fixture
def refund():
    document = json.loads((SAMPLES / "tmall_refunds_receive.json").read_text(encoding="utf-8"))
    return document["refunds_receive_get_response"]["refunds"]["refund"][0]


def lines_of(trade):
    return trade["orders"]["order"]


def test_a_paid_trade_is_read_whole(trade):
    order = mapping.read_trade(trade)

    assert order.channel_order_no == TID
    assert (order.status, order.raw_status, order.held) == ("paid", "WAIT_SELLER_SEND_GOODS", False)
    assert order.created_at == datetime(2026, 11, 10, 16, 1, 5, tzinfo=UTC)
    assert order.paid_at == datetime(2026, 11, 10, 16, 1, 42, tzinfo=UTC)
    assert order.modified_at == datetime(2026, 11, 10, 16, 1, 43, tzinfo=UTC)
    assert (order.goods_total, order.discount_total, order.freight) == (
        Decimal("256.80"),
        Decimal("20.00"),
        Decimal("0.00"),
    )
    assert (order.total_amount, order.currency) == (Decimal("236.80"), "CNY")
    assert (order.buyer_id, order.buyer_nick) == ("AAHtest0000", "王**")
    assert (order.buyer_remark, order.seller_remark, order.seller_flag) == ("周末送", "", 0)
    assert order.presale_state is None
    assert order.receiver == IncomingReceiver(
        name="王**",
        phone="*******0000",
        province="浙江省",
        city="杭州市",
        district="西湖区",
        town="文新街道",
        address="文三路***",
        zip_code="310012",
        oaid="1test-oaid-AAAA",
        is_masked=True,
    )
    assert order.payment == IncomingPayment(
        external_no="2026111122001400000500000001",
        amount=Decimal("236.80"),
        paid_at=datetime(2026, 11, 10, 16, 1, 42, tzinfo=UTC),
        provider="alipay",
        merchant_no=f"T200P{TID}",
    )


def test_the_lines_of_a_trade_carry_ids_as_text_and_shares_that_add_up(trade):
    first, second = mapping.read_trade(trade).lines

    assert (first.channel_line_no, first.listing_id, first.listing_sku_id) == (
        "4012345678901234568",
        "680000000001",
        "5100000001",
    )
    assert (first.outer_sku, first.title) == ("SKU-1001", "亚麻靠垫 45cm×45cm")
    assert first.sku_text == "颜色分类:燕麦色;尺寸:45cm"
    assert (first.quantity, first.unit_price, first.discount, first.paid_share) == (
        2,
        Decimal("98.80"),
        Decimal("15.39"),
        Decimal("182.21"),
    )
    assert (first.status, first.refund_status, first.is_gift) == ("paid", "none", False)
    assert first.paid_share + second.paid_share == Decimal("236.80")


@pytest.mark.parametrize(
    ("word", "status", "held"),
    [
        ("TRADE_NO_CREATE_PAY", "created", False),
        ("WAIT_BUYER_PAY", "created", False),
        ("PAY_PENDING", "created", False),
        ("WAIT_PRE_AUTH_CONFIRM", "created", False),
        ("PAID_FORBID_CONSIGN", "paid", True),
        ("WAIT_SELLER_SEND_GOODS", "paid", False),
        ("SELLER_CONSIGNED_PART", "part_shipped", False),
        ("WAIT_BUYER_CONFIRM_GOODS", "shipped", False),
        ("TRADE_BUYER_SIGNED", "shipped", False),
        ("TRADE_FINISHED", "completed", False),
        ("TRADE_CLOSED", "closed", False),
        ("TRADE_CLOSED_BY_TAOBAO", "cancelled", False),
    ],
)
def test_every_status_of_the_platform_has_its_neutral_word(trade, word, status, held):
    order = mapping.read_trade({**trade, "status": word})

    assert (order.status, order.held, order.raw_status) == (status, held, word)


@pytest.mark.parametrize("flag", [{"forbid_consign": 1}, {"top_hold": "1"}, {"team_buy_hold": True}])
def test_a_hold_of_the_platform_is_seen(trade, flag):
    assert mapping.read_trade({**trade, **flag}).held
    assert not mapping.read_trade({**trade, **dict.fromkeys(flag, 0)}).held


def test_an_unpaid_trade_has_no_payment_and_shares_its_amount_over_the_lines(trade):
    trade |= {"status": "WAIT_BUYER_PAY"}
    del trade["pay_time"], trade["alipay_no"]
    for line in lines_of(trade):
        del line["divide_order_fee"]

    order = mapping.read_trade(trade)

    assert (order.status, order.paid_at, order.payment) == ("created", None, None)
    # 236.80 by 197.60 : 59.20
    assert [line.paid_share for line in order.lines] == [Decimal("182.21"), Decimal("54.59")]


def test_only_the_missing_shares_are_worked_out(trade):
    del lines_of(trade)[1]["divide_order_fee"]
    lines_of(trade)[0]["divide_order_fee"] = "200.00"

    shares = [line.paid_share for line in mapping.read_trade(trade).lines]

    assert shares == [Decimal("200.00"), Decimal("36.80")]


def test_shares_of_lines_without_any_amount_go_by_piece_and_freight_stays_out(trade):
    trade |= {"payment": "10.00", "post_fee": "4.00", "total_fee": "0.00"}
    for line in lines_of(trade):
        del line["divide_order_fee"], line["payment"]
        line["price"] = "0.00"

    order = mapping.read_trade(trade)

    assert [line.paid_share for line in order.lines] == [Decimal("3.00"), Decimal("3.00")]


@pytest.mark.parametrize(
    ("amounts", "goods", "discount", "freight", "total"),
    [
        ({"payment": "246.80", "post_fee": "10.00"}, "256.80", "20.00", "10.00", "246.80"),
        ({"payment": "300.00"}, "300.00", "0.00", "0.00", "300.00"),
        ({"payment": "5", "post_fee": "8.5", "total_fee": "1.0"}, "1.00", "4.50", "8.50", "5.00"),
        ({"total_fee": None}, "256.80", "20.00", "0.00", "236.80"),
    ],
)
def test_goods_less_discount_plus_freight_is_the_total(trade, amounts, goods, discount, freight, total):
    order = mapping.read_trade({**trade, **amounts})

    assert (order.goods_total, order.discount_total) == (Decimal(goods), Decimal(discount))
    assert (order.freight, order.total_amount) == (Decimal(freight), Decimal(total))


@pytest.mark.parametrize(
    ("word", "state", "held"),
    [
        ("FRONT_NOPAID_FINAL_NOPAID", "deposit_due", True),
        ("FRONT_PAID_FINAL_NOPAID", "balance_due", True),
        ("FRONT_PAID_FINAL_PAID", "paid", False),
        ("", None, False),
    ],
)
def test_a_presale_may_ship_only_when_the_balance_is_paid(trade, word, state, held):
    order = mapping.read_trade({**trade, "step_trade_status": word})

    assert (order.presale_state, order.held) == (state, held)


def test_a_county_directly_under_a_province_is_its_own_city(trade):
    trade |= {"receiver_state": "湖北省", "receiver_city": "", "receiver_district": "仙桃市"}

    receiver = mapping.read_trade(trade).receiver

    assert (receiver.province, receiver.city, receiver.district) == ("湖北省", "仙桃市", "仙桃市")


def test_a_clear_receiver_is_not_masked_and_a_landline_stands_in_for_a_mobile(trade):
    trade |= {"receiver_name": "王小雨", "receiver_address": "文三路 90 号", "receiver_mobile": ""}
    trade |= {"receiver_phone": "0571-88880000", "oaid": None}

    receiver = mapping.read_trade(trade).receiver

    assert (receiver.is_masked, receiver.phone, receiver.oaid) == (False, "0571-88880000", "")


def test_a_listing_without_skus_is_known_by_the_code_of_the_item(trade):
    line = lines_of(trade)[0]
    del line["sku_id"], line["outer_sku_id"]

    read = mapping.read_trade(trade).lines[0]

    assert (read.listing_sku_id, read.outer_sku) == ("", "SPU-01")


def test_the_text_of_a_number_goes_before_the_number(trade):
    trade["tid"] = 4012345678901235000

    assert mapping.read_trade(trade).channel_order_no == TID


def test_simplified_lists_and_text_numbers_are_read_too(trade):
    trade["orders"] = lines_of(trade)
    trade["orders"][0] |= {"num": "2", "is_free_gift": "true", "refund_status": "WAIT_SELLER_AGREE"}

    line = mapping.read_trade(trade).lines[0]

    assert (line.quantity, line.is_gift, line.refund_status) == (2, True, "requested")


BAD_FIELDS = [
    ("trade.tid", {"tid": None, "tid_str": None}, None, "missing"),
    ("trade.tid", {"tid": Decimal("4.0E18"), "tid_str": None}, None, "ill_typed"),
    ("trade.tid", {"tid": True, "tid_str": None}, None, "ill_typed"),
    ("trade.status", {"status": None}, None, "missing"),
    ("trade.status", {"status": "SOMETHING_NEW"}, None, "unknown_value"),
    ("trade.status", {"status": 5}, None, "ill_typed"),
    ("trade.payment", {"payment": None}, None, "missing"),
    ("trade.payment", {"payment": Decimal("236.8")}, None, "ill_typed"),
    ("trade.payment", {"payment": "236.805"}, None, "ill_typed"),
    ("trade.payment", {"payment": "-1.00"}, None, "ill_typed"),
    ("trade.payment", {"payment": "1e3"}, None, "ill_typed"),
    ("trade.payment", {"payment": "２36.80"}, None, "ill_typed"),
    ("trade.created", {"created": None}, None, "missing"),
    ("trade.created", {"created": "2026-11-11T00:01:05"}, None, "ill_typed"),
    ("trade.modified", {"modified": 1794355200}, None, "ill_typed"),
    ("trade.pay_time", {"pay_time": None}, None, "missing"),
    ("trade.step_trade_status", {"step_trade_status": "FRONT"}, None, "unknown_value"),
    ("trade.seller_flag", {"seller_flag": "red"}, None, "ill_typed"),
    ("trade.buyer_message", {"buyer_message": ["x"]}, None, "ill_typed"),
    ("trade.buyer_open_uid", {"buyer_open_uid": "x" * 65}, None, "ill_typed"),
    ("trade.forbid_consign", {"forbid_consign": "maybe"}, None, "ill_typed"),
    ("trade.orders.order", {"orders": None}, None, "missing"),
    ("trade.orders.order", {"orders": {}}, None, "missing"),
    ("trade.orders.order", {"orders": {"order": []}}, None, "missing"),
    ("trade.orders.order", {"orders": {"order": {"oid": 1}}}, None, "ill_typed"),
    ("trade.orders.order[0]", {"orders": {"order": ["x"]}}, None, "ill_typed"),
    ("trade.orders.order[1].oid", {}, {"oid": None, "oid_str": None}, "missing"),
    ("trade.orders.order[1].num", {}, {"num": None}, "missing"),
    ("trade.orders.order[1].num", {}, {"num": 0}, "ill_typed"),
    ("trade.orders.order[1].num", {}, {"num": Decimal("1.0")}, "ill_typed"),
    ("trade.orders.order[1].num", {}, {"num": "１"}, "ill_typed"),
    ("trade.orders.order[1].num", {}, {"num": 2_000_000}, "ill_typed"),
    ("trade.orders.order[1].price", {}, {"price": ""}, "missing"),
    ("trade.orders.order[1].num_iid", {}, {"num_iid": None}, "missing"),
    ("trade.orders.order[1].divide_order_fee", {}, {"divide_order_fee": "free"}, "ill_typed"),
    ("trade.orders.order[1].payment", {}, {"divide_order_fee": None, "payment": "x"}, "ill_typed"),
    ("trade.orders.order[1].refund_status", {}, {"refund_status": "NEW"}, "unknown_value"),
    ("trade.orders.order[1].status", {}, {"status": "NEW"}, "unknown_value"),
    ("trade.orders.order[1].outer_sku_id", {}, {"outer_sku_id": {}}, "ill_typed"),
]


@pytest.mark.parametrize(("path", "in_trade", "in_line", "problem"), BAD_FIELDS)
def test_a_field_that_is_not_as_it_must_be_is_named_by_its_path(trade, path, in_trade, in_line, problem):
    broken = copy.deepcopy(trade)
    if in_line:
        lines_of(broken)[1].update(in_line)
    broken.update(in_trade)

    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_trade(broken)

    assert (refused.value.path, refused.value.problem) == (path, problem)


def test_the_error_never_shows_the_value(trade):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_trade({**trade, "receiver_name": ["13800000000"]})

    assert "13800000000" not in str(refused.value) + str(refused.value.evidence())


@pytest.mark.parametrize("payload", [{"trade": []}, {"trade_fullinfo_get_response": "x"}])
def test_an_answer_without_a_trade_is_refused(payload):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.trade_in(payload)

    assert refused.value.path == "trade"


def test_a_refund_is_read(refund):
    read = mapping.read_refund(refund)

    assert (read.channel_refund_no, read.channel_order_no, read.channel_line_no) == (
        "240000000000001",
        TID,
        "4012345678901234569",
    )
    assert (read.status, read.phase, read.amount) == ("requested", "onsale", Decimal("54.59"))
    assert (read.has_goods_return, read.quantity, read.reason) == (False, 1, "不想要了")
    assert read.version == 1794355200123
    assert read.created_at == read.modified_at == datetime(2026, 11, 11, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("WAIT_SELLER_AGREE", "requested"),
        ("WAIT_BUYER_RETURN_GOODS", "agreed"),
        ("WAIT_SELLER_CONFIRM_GOODS", "returning"),
        ("SELLER_REFUSE_BUYER", "refused"),
        ("CLOSED", "withdrawn"),
        ("SUCCESS", "succeeded"),
    ],
)
def test_every_status_of_a_refund_has_its_neutral_word(refund, word, status):
    assert mapping.read_refund({**refund, "status": word}).status == status


def test_a_refund_without_its_amount_is_refused(refund):
    del refund["refund_fee"]

    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_refund(refund)

    assert (refused.value.path, refused.value.problem) == ("refund.refund_fee", "missing")


MESSAGE = {
    "id": 81001,
    "topic": "taobao_trade_TradeBuyerPay",
    "content": '{"tid":4012345678901234567,"oid":4012345678901234567,"payment":"236.80"}',
    "pub_time": "2026-11-11 00:01:43",
    "user_nick": "木棉家居旗舰店",
}


def test_a_message_names_the_trade_that_changed():
    notice = mapping.read_tmc_message(MESSAGE)

    assert (notice.message_id, notice.topic, notice.kind) == ("81001", "taobao_trade_TradeBuyerPay", "order")
    assert (notice.channel_order_no, notice.channel_refund_no) == (TID, "")
    assert notice.published_at == datetime(2026, 11, 10, 16, 1, 43, tzinfo=UTC)
    assert notice.raw == MESSAGE


def test_a_message_about_a_refund_names_both():
    content = '{"tid":4012345678901234567,"refund_id":"240000000000001"}'

    notice = mapping.read_tmc_message({**MESSAGE, "topic": "taobao_refund_RefundCreated", "content": content})

    assert (notice.kind, notice.channel_order_no, notice.channel_refund_no) == ("refund", TID, "240000000000001")


def test_a_message_of_another_kind_needs_no_numbers():
    notice = mapping.read_tmc_message({**MESSAGE, "topic": "taobao_item_ItemUpdate", "content": "{}"})

    assert (notice.kind, notice.channel_order_no) == ("other", "")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": None}, "message.id"),
        ({"topic": ""}, "message.topic"),
        ({"content": None}, "message.content"),
        ({"content": "[1]"}, "message.content"),
        ({"content": "{"}, "message.content"),
        ({"content": '{"tid":1,"tid":2}'}, "message.content"),
        ({"content": "\ud800"}, "message.content"),
        ({"content": "{}"}, "message.content.tid"),
        ({"pub_time": "now"}, "message.pub_time"),
    ],
)
def test_a_broken_message_is_refused_with_its_place(change, path):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_tmc_message({**MESSAGE, **change})

    assert refused.value.path == path


def test_the_number_of_a_broken_message_is_still_known():
    assert mapping.message_number({"id": 5}) == "5"
    assert mapping.message_number({"id": []}) is None
    assert mapping.message_number("x") is None
