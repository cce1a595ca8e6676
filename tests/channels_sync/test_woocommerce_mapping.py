from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from channels_sync.adapters import woocommerce_mapping as mapping
from channels_sync.errors import MessageUnreadable
from ordercenter.orders.intake_types import IncomingPayment, IncomingReceiver
from tests.channels_sync.shop_documents import woo_order, woo_refund


def shares_of(order):
    return [line.paid_share for line in order.lines]


def test_a_paid_order_is_read_whole():
    order = mapping.read_order(woo_order())

    assert (order.channel_order_no, order.status, order.raw_status, order.held) == ("727", "paid", "processing", False)
    assert order.created_at == datetime(2026, 11, 10, 16, 1, 5, tzinfo=UTC)
    assert order.paid_at == datetime(2026, 11, 10, 16, 1, 42, tzinfo=UTC)
    assert order.modified_at == datetime(2026, 11, 10, 16, 1, 43, tzinfo=UTC)
    assert (order.buyer_id, order.buyer_nick, order.buyer_remark) == ("26", "王**", "请放门口")
    assert order.payment == IncomingPayment(
        "wc_order_58d2d042d1d", Decimal("121.00"), order.paid_at, "woocommerce", "ch_3Pabc"
    )
    assert order.receiver == IncomingReceiver(
        name="小红 李",
        phone="13800000000",
        province="浙江省",
        city="杭州市",
        district="",
        town="",
        address="文三路 90 号",
        zip_code="310012",
        oaid="",
        is_masked=False,
    )


def test_the_sums_hold_the_tax_and_lines_finer_than_a_cent_are_rounded_to_the_whole():
    order = mapping.read_order(woo_order())

    assert (order.goods_total, order.discount_total, order.freight, order.total_amount) == (
        Decimal("120.00"),
        Decimal("10.00"),
        Decimal("11.00"),
        Decimal("121.00"),
    )
    assert shares_of(order) == [Decimal("73.33"), Decimal("36.67")]


def test_lines_name_product_variation_and_choice():
    first, second = mapping.read_order(woo_order()).lines

    assert (first.channel_line_no, first.listing_id, first.listing_sku_id, first.outer_sku) == (
        "315",
        "93",
        "95",
        "SKU-1001",
    )
    assert (first.sku_text, first.quantity, first.unit_price) == ("颜色: 燕麦色", 2, Decimal("36.36"))
    assert (second.listing_id, second.listing_sku_id) == ("22", "")


def test_a_fee_counts_as_freight_and_one_below_nought_as_a_discount():
    fee = {"total": "5.00", "total_tax": "0.50"}
    dear = mapping.read_order(woo_order(total="126.50", fee_lines=[fee]))
    cheap = mapping.read_order(woo_order(total="115.50", fee_lines=[{"total": "-5.00", "total_tax": "-0.50"}]))

    assert (dear.freight, dear.discount_total) == (Decimal("16.50"), Decimal("10.00"))
    assert (cheap.freight, cheap.discount_total, sum(shares_of(cheap))) == (
        Decimal("11.00"),
        Decimal("15.50"),
        Decimal("104.50"),
    )


@pytest.mark.parametrize(
    ("word", "paid", "status", "held"),
    [
        ("pending", None, "created", False),
        ("on-hold", None, "created", False),
        ("on-hold", "2026-11-10T16:01:42", "paid", True),
        ("processing", "2026-11-10T16:01:42", "paid", False),
        ("processing", None, "paid", False),
        ("completed", "2026-11-10T16:01:42", "completed", False),
        ("cancelled", None, "cancelled", False),
        ("failed", None, "cancelled", False),
        ("refunded", "2026-11-10T16:01:42", "closed", False),
    ],
)
def test_every_word_of_the_shop_is_read(word, paid, status, held):
    order = mapping.read_order(woo_order(status=word, date_paid_gmt=paid))

    assert (order.status, order.held) == (status, held)
    assert (order.payment is None) == (status in ("created", "cancelled"))


def test_baskets_and_the_bin_are_no_orders_and_a_plug_ins_word_is_named():
    assert not any(mapping.is_order({"status": word}) for word in ("checkout-draft", "auto-draft", "trash"))
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_order(woo_order(status="wc-packing"))
    assert (refused.value.path, refused.value.problem, refused.value.detail) == (
        "order.status",
        "unknown_value",
        "wc-packing",
    )


def test_without_a_shipping_address_the_bill_says_where_to():
    receiver = mapping.read_order(woo_order(shipping=[])).receiver

    assert (receiver.name, receiver.province, receiver.address) == ("小明 王", "上海市", "账单路 1 号")


def test_a_refund_is_read_by_line_and_its_parts_add_up():
    parts = mapping.refund_parts(woo_refund(), "727")

    first, second = (mapping.read_refund(part.payload) for part in parts)

    assert [part.channel_refund_no for part in parts] == ["727-726-801", "727-726-802"]
    assert (first.channel_refund_no, first.channel_line_no, first.quantity) == ("727-726-801", "315", 1)
    assert (second.channel_line_no, second.quantity) == ("316", 1)
    assert [first.amount, second.amount] == [Decimal("36.66"), Decimal("18.34")]
    assert (first.status, first.reason) == ("succeeded", "破损")
    assert first.modified_at == datetime(2026, 11, 12, 2, 0, tzinfo=UTC)


def test_money_without_goods_is_a_refund_of_no_line():
    (part,) = mapping.refund_parts(woo_refund(line_items=[]), "727")

    refund = mapping.read_refund(part.payload)

    assert (refund.channel_refund_no, refund.channel_line_no, refund.amount) == ("727-726", "", Decimal("55.00"))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": 0}, "order.id"),
        ({"status": 5}, "order.status"),
        ({"currency": None}, "order.currency"),
        ({"total": "121.001"}, "order.total"),
        ({"date_modified_gmt": None}, "order.date_modified_gmt"),
        ({"date_created_gmt": "yesterday"}, "order.date_created_gmt"),
        ({"line_items": []}, "order.line_items"),
        ({"line_items": [{"id": 1, "quantity": 1.5}]}, "order.line_items[0].quantity"),
        ({"shipping": "x"}, "order.shipping"),
    ],
)
def test_a_field_that_is_not_as_it_must_be_is_named(changes, path):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_order(woo_order(**changes))

    assert refused.value.path == path


def test_a_truncated_order_never_breaks_the_reader():
    whole = woo_order(fee_lines=[{"total": "1"}], meta_data=[{"key": "_order_center_flag", "value": "2"}])

    read = 0
    for name in whole:
        broken = {key: value for key, value in whole.items() if key != name}
        for odd in (
            broken,
            {**whole, name: []},
            {**whole, name: {"x": 1}},
            {**whole, name: True},
            {**whole, name: "☃"},
        ):
            with suppress(MessageUnreadable):
                order = mapping.read_order(odd)
                read += 1
                assert sum(shares_of(order)) + order.freight == order.total_amount
    assert read > len(whole)
