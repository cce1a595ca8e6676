"""WeChat shop's orders and after-sales in our words: every status, sums to the fen, and what is refused by its path."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from channels_sync.adapters import wechat_shop_mapping as mapping
from channels_sync.errors import MessageUnreadable

SAMPLES = Path(__file__).parents[2] / "data" / "protocols" / "samples"
ORDER = json.loads((SAMPLES / "wechat_order_get.json").read_text(encoding="utf-8"))
AFTER_SALE = json.loads((SAMPLES / "wechat_aftersale_get.json").read_text(encoding="utf-8"))


def order(**changes: Any) -> dict[str, Any]:
    """The sample's order; changes: fields by path with dots for __, None takes one away."""
    return _changed(ORDER["order"], changes)


def after_sale(**changes: Any) -> dict[str, Any]:
    return _changed(AFTER_SALE["after_sale_order"], changes)


def _changed(sample: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    raw = copy.deepcopy(sample)
    for path, value in changes.items():
        at: Any = raw
        *parents, name = path.split("__")
        for parent in parents:
            at = at[int(parent)] if parent.isdigit() else at[parent]
        if value is None:
            del at[name]
        else:
            at[name] = value
    return raw


def product(**changes: Any) -> dict[str, Any]:
    return _changed(ORDER["order"]["order_detail"]["product_infos"][0], changes)


def test_the_sample_order_reads_as_it_was_written():
    read = mapping.read_order(ORDER)

    assert (read.channel_order_no, read.status, read.raw_status) == ("3700000000000000001", "paid", "20")
    assert read.created_at == datetime.fromtimestamp(1794355265, UTC)
    assert read.paid_at == datetime.fromtimestamp(1794355302, UTC)
    assert read.modified_at == datetime.fromtimestamp(1794355303, UTC)
    assert read.ship_by == datetime.fromtimestamp(1794528102, UTC)
    assert (read.goods_total, read.discount_total, read.freight) == (
        Decimal("197.60"),
        Decimal("0.00"),
        Decimal("0.00"),
    )
    assert read.total_amount == Decimal("197.60")
    assert (read.buyer_id, read.buyer_remark, read.seller_remark) == ("oTEST", "周末送", "")
    assert read.presale_state is None
    assert not read.held
    (line,) = read.lines
    assert line.channel_line_no == "10000000000001-20000000000001"
    assert (line.listing_id, line.listing_sku_id, line.outer_sku) == ("10000000000001", "20000000000001", "SKU-1001")
    assert (line.quantity, line.unit_price, line.paid_share) == (2, Decimal("98.80"), Decimal("197.60"))
    assert (line.title, line.sku_text, line.is_gift) == ("亚麻靠垫", "颜色:燕麦色", False)
    assert read.payment is not None
    assert (read.payment.provider, read.payment.external_no) == ("wechatpay", "4200002600202611110000000001")
    assert read.payment.amount == Decimal("197.60")
    receiver = read.receiver
    assert (receiver.province, receiver.city, receiver.district) == ("浙江省", "杭州市", "西湖区")
    assert (receiver.name, receiver.oaid, receiver.is_masked) == ("王*", "hash1", True)


@pytest.mark.parametrize(
    ("code", "paid", "status", "held"),
    [
        (10, False, "created", False),
        (12, True, "paid", True),
        (13, True, "paid", True),
        (20, True, "paid", False),
        (21, True, "part_shipped", False),
        (30, True, "shipped", False),
        (100, True, "completed", False),
        (190, True, "closed", False),
        (190, False, "cancelled", False),
        (200, True, "closed", False),
        (250, False, "cancelled", False),
        (250, True, "closed", False),
    ],
)
def test_every_status_of_an_order_has_its_place(code: int, paid: bool, status: str, held: bool):
    changes = {} if paid else {"order_detail__pay_info": {"prepay_time": 1794355270}}

    read = mapping.read_order(order(status=code, **changes))

    assert (read.status, read.held, read.raw_status) == (status, held, str(code))
    assert (read.paid_at is not None) == paid
    assert (read.payment is not None) == paid


def test_all_statuses_that_we_know_are_tried_above_and_another_is_unknown():
    assert set(mapping.ORDER_STATUS) == {10, 12, 13, 20, 21, 30, 100, 190, 200, 250}
    with pytest.raises(MessageUnreadable, match=r"order\.status: unknown_value \(77\)"):
        mapping.read_order(order(status=77))


def test_an_order_whose_buyer_asks_for_another_address_waits():
    review = {"user_name": "王*", "detail_info": "别处"}

    assert mapping.read_order(order(order_detail__delivery_info__address_under_review=review)).held


@pytest.mark.parametrize("method", [2, 3, 4])
def test_money_that_comes_later_or_never_is_no_payment(method: int):
    read = mapping.read_order(order(order_detail__pay_info__payment_method=method, order_detail__pay_info__pay_time=0))

    assert read.status == "paid"
    assert read.payment is None
    assert read.paid_at == read.created_at


def test_an_order_paid_at_once_names_when():
    with pytest.raises(MessageUnreadable, match=r"order\.order_detail\.pay_info\.pay_time: missing"):
        mapping.read_order(order(order_detail__pay_info__pay_time=0))


def test_discounts_and_freight_add_up_to_the_fen():
    lines = [product(real_price=15_000), product(sku_id="20000000000002", sku_cnt=1, real_price=4_000)]
    read = mapping.read_order(
        order(
            order_detail__product_infos=lines,
            order_detail__price_info={"product_price": 29_640, "order_price": 19_800, "freight": 800},
        )
    )

    assert read.goods_total - read.discount_total + read.freight == read.total_amount == Decimal("198.00")
    assert [line.paid_share for line in read.lines] == [Decimal("150.00"), Decimal("40.00")]
    assert [line.discount for line in read.lines] == [Decimal("47.60"), Decimal("58.80")]


def test_shares_that_do_not_add_up_to_what_was_paid_are_taken_as_weights():
    lines = [product(real_price=10_000), product(sku_id="20000000000002", sku_cnt=1, real_price=5_001)]
    read = mapping.read_order(
        order(
            order_detail__product_infos=lines,
            order_detail__price_info={"product_price": 29_640, "order_price": 10_000, "freight": 0},
        )
    )

    assert [line.paid_share for line in read.lines] == [Decimal("66.66"), Decimal("33.34")]


def test_a_freight_that_was_changed_counts_as_changed():
    prices = {"product_price": 19_760, "order_price": 20_260, "freight": 800}
    changed = {**prices, "is_change_freight": True, "change_freight": 500}

    assert mapping.read_order(order(order_detail__price_info=changed)).freight == Decimal("5.00")


def test_goods_that_were_bought_and_given_are_two_lines_and_leave_one_after_the_other():
    gift = product(real_price=0, sale_price=0, sku_cnt=1, is_free_gift=1)
    sent = [{"waybill_id": "SF1", "product_infos": [_sent(product(), 2)]}]
    read = mapping.read_order(
        order(
            status=21,
            order_detail__product_infos=[product(), gift],
            order_detail__delivery_info__delivery_product_info=sent,
        )
    )

    assert [line.channel_line_no for line in read.lines] == [
        "10000000000001-20000000000001",
        "10000000000001-20000000000001-2",
    ]
    assert [mapping.parts_of(line.channel_line_no) for line in read.lines] == [("10000000000001", "20000000000001")] * 2
    assert [line.is_gift for line in read.lines] == [False, True]
    assert [line.status for line in read.lines] == ["shipped", "paid"]


def _sent(item: dict[str, Any], count: int) -> dict[str, Any]:
    return {"product_id": item["product_id"], "sku_id": item["sku_id"], "product_cnt": count}


def test_a_line_of_which_a_part_left_is_partly_shipped():
    parcels = [{"waybill_id": "SF1", "product_infos": [_sent(product(), 1)]}]
    read = mapping.read_order(order(status=21, order_detail__delivery_info__delivery_product_info=parcels))

    assert read.lines[0].status == "part_shipped"
    sent, numbers = mapping.sent_pieces(order(order_detail__delivery_info__delivery_product_info=parcels))
    assert (dict(sent), numbers) == ({("10000000000001", "20000000000001"): 1}, {"SF1"})


@pytest.mark.parametrize(
    ("asked", "finished", "status"), [(0, 0, "none"), (1, 0, "requested"), (0, 1, "none"), (0, 2, "refunded")]
)
def test_what_is_under_after_sale_shows_on_the_line(asked: int, finished: int, status: str):
    item = product(on_aftersale_sku_cnt=asked, finish_aftersale_sku_cnt=finished)

    assert mapping.read_order(order(order_detail__product_infos=[item])).lines[0].refund_status == status


def test_what_was_given_back_cannot_be_sent():
    item = product(finish_aftersale_sku_cnt=1)

    assert dict(mapping.ordered_pieces(order(order_detail__product_infos=[item]))) == {
        ("10000000000001", "20000000000001"): 1
    }


@pytest.mark.parametrize(
    ("changes", "path", "problem"),
    [
        ({"order_id": None}, "order.order_id", "missing"),
        ({"status": None}, "order.status", "missing"),
        ({"status": "20x"}, "order.status", "ill_typed"),
        ({"update_time": None}, "order.update_time", "missing"),
        ({"update_time": -5}, "order.update_time", "ill_typed"),
        ({"update_time": 1794355303000000}, "order.update_time", "ill_typed"),
        ({"order_detail": None}, "order.order_detail", "missing"),
        ({"order_detail": []}, "order.order_detail", "ill_typed"),
        ({"order_detail__price_info__order_price": None}, "order.order_detail.price_info.order_price", "missing"),
        ({"order_detail__price_info__order_price": 19.5}, "order.order_detail.price_info.order_price", "ill_typed"),
        ({"order_detail__price_info__order_price": -1}, "order.order_detail.price_info.order_price", "ill_typed"),
        ({"order_detail__product_infos": []}, "order.order_detail.product_infos", "missing"),
        ({"order_detail__product_infos": ["x"]}, "order.order_detail.product_infos[0]", "ill_typed"),
        (
            {"order_detail__product_infos__0__sku_id": None},
            "order.order_detail.product_infos[0].sku_id",
            "missing",
        ),
        ({"order_detail__product_infos__0__sku_cnt": 0}, "order.order_detail.product_infos[0].sku_cnt", "ill_typed"),
        ({"openid": {"$ne": 1}}, "order.openid", "ill_typed"),
    ],
)
def test_a_field_that_is_missing_or_ill_typed_is_named(changes: dict[str, Any], path: str, problem: str):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_order(order(**changes))

    assert (refused.value.path, refused.value.problem) == (path, problem)


@pytest.mark.parametrize("raw", [None, [], "x", 5, {"order": []}, {"order": None}, {}])
def test_what_is_no_order_is_refused(raw: Any):
    with pytest.raises(MessageUnreadable):
        mapping.read_order(raw)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("USER_CANCELD", "withdrawn"),
        ("MERCHANT_PROCESSING", "requested"),
        ("MERCHANT_REJECT_REFUND", "refused"),
        ("MERCHANT_REJECT_RETURN", "refused"),
        ("USER_WAIT_RETURN", "agreed"),
        ("RETURN_CLOSED", "withdrawn"),
        ("MERCHANT_WAIT_RECEIPT", "returning"),
        ("MERCHANT_OVERDUE_REFUND", "agreed"),
        ("MERCHANT_REFUND_SUCCESS", "succeeded"),
        ("MERCHANT_RETURN_SUCCESS", "succeeded"),
        ("MERCHANT_EXCHANGE_SUCCESS", "succeeded"),
        ("PLATFORM_REFUNDING", "agreed"),
        ("PLATFORM_REFUND_FAIL", "agreed"),
        ("USER_WAIT_CONFIRM", "requested"),
        ("MERCHANT_REFUND_RETRY_FAIL", "withdrawn"),
        ("MERCHANT_FAIL", "withdrawn"),
        ("USER_WAIT_CONFIRM_UPDATE", "requested"),
        ("USER_WAIT_HANDLE_MERCHANT_AFTER_SALE", "requested"),
    ],
)
def test_every_status_of_an_after_sale_has_its_place(word: str, status: str):
    assert mapping.read_refund(after_sale(status=word)).status == status
    assert word in mapping.REFUND_STATUS


def test_the_sample_after_sale_reads_as_it_was_written():
    read = mapping.read_refund(AFTER_SALE)

    assert (read.channel_refund_no, read.channel_order_no) == ("90001", "3700000000000000001")
    assert read.channel_line_no == "10000000000001-20000000000001"
    assert (read.status, read.kind, read.amount, read.quantity) == ("requested", "refund", Decimal("98.80"), 1)
    assert (read.reason, read.version, read.has_goods_return) == ("不想要了", 1794400100, False)


@pytest.mark.parametrize(
    ("kind", "ours", "amount", "with_goods"),
    [
        ("REFUND", "refund", "98.80", False),
        ("RETURN", "return", "98.80", True),
        ("EXCHANGE", "exchange", "0.00", True),
        ("RESHIP", "resend", "0.00", False),
    ],
)
def test_money_goes_back_for_refunds_and_returns_only(kind: str, ours: str, amount: str, with_goods: bool):
    read = mapping.read_refund(
        after_sale(type=kind, return_info={"waybill_id": "SF99", "delivery_id": "SF", "delivery_name": "顺丰"})
    )

    assert (read.kind, read.amount, read.has_goods_return) == (ours, Decimal(amount), with_goods)
    assert (read.return_carrier, read.return_no) == ("SF", "SF99")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"after_sale_order_id": None}, "after_sale_order.after_sale_order_id"),
        ({"status": "SOMETHING_NEW"}, "after_sale_order.status"),
        ({"type": "BARTER"}, "after_sale_order.type"),
        ({"product_info": None}, "after_sale_order.product_info"),
        ({"refund_info__amount": None}, "after_sale_order.refund_info.amount"),
    ],
)
def test_an_after_sale_that_cannot_be_read_names_its_field(changes: dict[str, Any], path: str):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_refund(after_sale(**changes))

    assert refused.value.path == path
