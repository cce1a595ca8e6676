import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from channels_sync.adapters import shopify_mapping as mapping
from channels_sync.errors import MessageUnreadable
from ordercenter.orders.intake_types import IncomingPayment, IncomingReceiver
from tests.channels_sync.shop_documents import shopify_order, shopify_refund

NUMBER = "820982911946154508"


def shares_of(order):
    return [line.paid_share for line in order.lines]


def test_a_paid_order_is_read_whole():
    order = mapping.read_order(shopify_order())

    assert (order.channel_order_no, order.status, order.raw_status) == (NUMBER, "paid", "paid/unfulfilled")
    assert order.created_at == datetime(2026, 11, 10, 16, 1, 5, tzinfo=UTC)
    assert order.paid_at == datetime(2026, 11, 10, 16, 1, 42, tzinfo=UTC)
    assert order.modified_at == datetime(2026, 11, 10, 16, 1, 43, tzinfo=UTC)
    assert (order.goods_total, order.discount_total, order.freight, order.total_amount) == (
        Decimal("199.99"),
        Decimal("10.00"),
        Decimal("12.00"),
        Decimal("201.99"),
    )
    assert (order.buyer_id, order.buyer_nick) == ("115310627314723954", "王**")
    assert (order.buyer_remark, order.seller_remark, order.seller_flag) == ("周末送", "", 3)
    assert order.payment == IncomingPayment(NUMBER, Decimal("201.99"), order.paid_at, "shopify", "1001")
    assert order.receiver == IncomingReceiver(
        name="王小明",
        phone="13800000000",
        province="浙江省",
        city="杭州市",
        district="",
        town="",
        address="文三路 90 号 1 幢 201 室",
        zip_code="310012",
        oaid="",
        is_masked=False,
    )
    assert order.held is False


def test_lines_carry_their_ids_and_what_the_buyer_pays_for_them():
    first, second = mapping.read_order(shopify_order()).lines

    assert (first.channel_line_no, first.listing_id, first.listing_sku_id, first.outer_sku) == (
        "11",
        "7001",
        "8001",
        "SKU-1001",
    )
    assert (first.paid_share, first.discount, first.unit_price) == (
        Decimal("95.00"),
        Decimal("5.00"),
        Decimal("100.00"),
    )
    assert (second.quantity, second.paid_share, second.sku_text) == (3, Decimal("94.99"), "")


def test_tax_on_top_goes_into_the_shares_and_the_carriage_it_is_paid_for():
    order = mapping.read_order(shopify_order(taxes_included=False, total_price="213.42", current_total_price="213.42"))

    assert shares_of(order) == [Decimal("100.38"), Decimal("100.36")]
    assert order.freight == Decimal("12.68")
    assert order.goods_total == Decimal("210.74")
    assert order.goods_total - order.discount_total + order.freight == Decimal("213.42")


def test_tips_and_duties_count_as_freight():
    order = mapping.read_order(shopify_order(total_price="226.99", current_total_price="226.99"))

    assert (order.freight, sum(shares_of(order))) == (Decimal("37.00"), Decimal("189.99"))


def test_a_shop_in_yen_has_whole_yen_and_thousandths_are_refused():
    lines = [dict(line, price="333", discount_allocations=[]) for line in shopify_order()["line_items"]]
    order = mapping.read_order(
        shopify_order(
            currency="JPY", total_price="1332", current_total_price="1332", shipping_lines=[], line_items=lines
        )
    )

    assert (order.currency, order.total_amount, shares_of(order)) == ("JPY", 1332, [333, 999])
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_order(shopify_order(currency="KWD", total_price="201.991"))
    assert (refused.value.path, refused.value.problem) == ("order.total_price", "ill_typed")


@pytest.mark.parametrize(
    ("financial", "fulfillment", "cancelled", "status"),
    [
        ("pending", None, False, "created"),
        ("authorized", None, False, "created"),
        ("partially_paid", None, False, "created"),
        ("expired", None, False, "created"),
        ("paid", None, False, "paid"),
        ("paid", "unfulfilled", False, "paid"),
        ("partially_refunded", None, False, "paid"),
        ("paid", "partial", False, "part_shipped"),
        ("paid", "fulfilled", False, "shipped"),
        ("partially_refunded", "fulfilled", False, "shipped"),
        ("paid", "restocked", False, "closed"),
        ("refunded", None, False, "closed"),
        ("refunded", "fulfilled", False, "closed"),
        ("voided", None, False, "cancelled"),
        ("pending", "fulfilled", False, "created"),
        ("pending", None, True, "cancelled"),
        ("voided", None, True, "cancelled"),
        ("refunded", None, True, "closed"),
        ("paid", None, True, "closed"),
    ],
)
def test_money_and_goods_together_say_how_far_an_order_is(financial, fulfillment, cancelled, status):
    order = mapping.read_order(
        shopify_order(
            financial_status=financial,
            fulfillment_status=fulfillment,
            cancelled_at="2026-11-11T00:00:00Z" if cancelled else None,
        )
    )

    assert order.status == status
    assert (order.paid_at is not None) == (order.payment is not None)
    if status in ("created", "cancelled"):
        assert order.payment is None


def test_every_word_of_the_tables_is_read_and_another_is_named():
    for word in mapping.FINANCIAL_STATUS:
        mapping.read_order(shopify_order(financial_status=word))
    for word in mapping.FULFILLMENT_STATUS:
        mapping.read_order(shopify_order(fulfillment_status=word))

    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_order(shopify_order(financial_status="lost"))
    assert (refused.value.path, refused.value.problem) == ("order.financial_status", "unknown_value")


def test_only_delivered_parcels_complete_an_order():
    gone = {"status": "success", "shipment_status": "in_transit"}
    there = {"status": "success", "shipment_status": "delivered"}

    def status_of(*parcels):
        raw = shopify_order(fulfillment_status="fulfilled", closed_at="2026-11-12T00:00:00Z", fulfillments=[*parcels])
        return mapping.read_order(raw).status

    assert status_of(gone, there) == "shipped"
    assert status_of(there, {"status": "cancelled"}) == "completed"
    assert status_of() == "shipped"


def test_a_test_order_is_held_once_it_is_paid():
    assert mapping.read_order(shopify_order(test=True)).held
    assert not mapping.read_order(shopify_order(test=True, financial_status="pending")).held


def test_an_order_edited_before_it_was_paid_says_how_much_came_in():
    taken_out = shopify_refund(transactions=[])
    order = mapping.read_order(shopify_order(current_total_price="106.99", refunds=[taken_out]))

    assert (order.total_amount, order.payment.amount) == (Decimal("201.99"), Decimal("106.99"))
    refunded = mapping.read_order(
        shopify_order(financial_status="partially_refunded", current_total_price="151.98", refunds=[shopify_refund()])
    )
    assert refunded.payment.amount == Decimal("201.99")


def test_an_order_for_nothing_has_no_payment():
    lines = [dict(line, price="0.00", discount_allocations=[]) for line in shopify_order()["line_items"]]
    order = mapping.read_order(
        shopify_order(line_items=lines, shipping_lines=[], total_price="0.00", current_total_price="0.00")
    )

    assert (order.total_amount, order.payment, shares_of(order)) == (0, None, [0, 0])
    assert order.paid_at is not None


def test_abroad_the_country_stands_in_the_address_and_the_province_as_written():
    address = {
        "first_name": "Ann",
        "last_name": "Lee",
        "address1": "1 Main St",
        "city": "Austin",
        "province": "Texas",
        "province_code": "TX",
        "country": "United States",
        "country_code": "US",
        "zip": "78701",
    }

    receiver = mapping.read_order(shopify_order(shipping_address=address)).receiver

    assert (receiver.name, receiver.province, receiver.address) == ("Ann Lee", "Texas", "1 Main St United States")


def test_an_order_that_needs_no_carriage_has_an_empty_receiver():
    assert mapping.read_order(shopify_order(shipping_address=None)).receiver.address == ""


def test_a_refund_is_read_by_line_and_its_parts_add_up():
    parts = mapping.refunds_in(shopify_order(refunds=[shopify_refund()]))

    first, second = (mapping.read_refund(part.payload) for part in parts)

    assert [part.channel_refund_no for part in parts] == ["509562969-901", "509562969-902"]
    assert (first.channel_refund_no, first.channel_line_no, first.amount) == ("509562969-901", "11", Decimal("20.00"))
    assert (second.channel_line_no, second.amount) == ("12", Decimal("30.01"))
    assert (first.status, first.phase, first.has_goods_return) == ("succeeded", "aftersale", True)
    assert (second.phase, second.has_goods_return, second.reason) == ("onsale", False, "破损")


def test_money_without_goods_is_a_refund_of_no_line():
    (part,) = mapping.refunds_in(shopify_order(refunds=[shopify_refund(refund_line_items=[])]))

    refund = mapping.read_refund(part.payload)

    assert (refund.channel_refund_no, refund.channel_line_no, refund.amount) == ("509562969", "", Decimal("50.01"))


@pytest.mark.parametrize(
    ("word", "status"),
    [("success", "succeeded"), ("pending", "agreed"), ("failure", "refused"), ("error", "refused")],
)
def test_the_money_decides_how_far_a_refund_is(word, status):
    money = [{"kind": "refund", "status": word, "amount": "50.01"}, {"kind": "void", "status": "x", "amount": "1"}]
    parts = mapping.refunds_in(shopify_order(refunds=[shopify_refund(transactions=money)]))

    assert mapping.read_refund(parts[0].payload).status == status


def test_what_was_taken_out_of_an_unpaid_order_is_no_refund():
    assert (
        mapping.refunds_in(shopify_order(financial_status="pending", refunds=[shopify_refund(transactions=[])])) == ()
    )


def test_a_line_given_back_whole_is_refunded_and_one_in_part_is_not():
    first, second = mapping.read_order(shopify_order(refunds=[shopify_refund()])).lines

    assert (first.refund_status, second.refund_status) == ("refunded", "none")


def test_our_remark_stands_below_the_buyers_note_and_is_replaced_alone():
    note = mapping.joined_note("周末送", "易碎")

    assert mapping.split_note(note) == ("周末送", "易碎")
    assert mapping.split_note(mapping.joined_note(note, "改地址")) == ("周末送", "改地址")
    assert mapping.joined_note(note, "") == "周末送"
    assert mapping.joined_tags("vip, order-center-flag-3", 5) == "vip, order-center-flag-5"
    assert mapping.joined_tags("vip, order-center-flag-3", 0) == "vip"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": None}, "order.id"),
        ({"currency": "yuan"}, "order.currency"),
        ({"total_price": -1}, "order.total_price"),
        ({"total_price": None}, "order.total_price"),
        ({"updated_at": "2026-11-11 00:01:43"}, "order.updated_at"),
        ({"updated_at": 17}, "order.updated_at"),
        ({"line_items": []}, "order.line_items"),
        ({"line_items": {}}, "order.line_items"),
        ({"line_items": ["x"]}, "order.line_items[0]"),
        ({"line_items": [{"id": 1, "quantity": 0, "price": "1"}]}, "order.line_items[0].quantity"),
        ({"line_items": [{"id": 1, "quantity": 1, "price": "1e5"}]}, "order.line_items[0].price"),
        ({"shipping_address": "here"}, "order.shipping_address"),
        ({"refunds": 1}, "order.refunds"),
        ({"tags": ["a"]}, "order.tags"),
    ],
)
def test_a_field_that_is_not_as_it_must_be_is_named(changes, path):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_order(shopify_order(**changes))

    assert refused.value.path == path


def test_a_truncated_order_never_breaks_the_reader():
    whole = shopify_order(refunds=[shopify_refund()])

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
    assert json.dumps(whole)  # nothing of it was changed
