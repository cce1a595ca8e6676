from datetime import UTC, datetime
from decimal import Decimal

import pytest

from channels_sync.connector.documents import read_document
from channels_sync.connector.reading import read_order, read_refund
from channels_sync.errors import MessageUnreadable
from ordercenter.common.strictjson import dumps_exact, loads_strict
from ordercenter.orders.intake_types import IncomingPayment
from tests.channels_sync.connector.shop import document, order, refund


def read(row, **changes):
    return read_order(read_document(document(**changes)), row, account_id=7)


def test_an_order_is_read_by_the_rules():
    found = read(order())

    assert (found.channel_order_no, found.status, found.raw_status) == ("A-1", "paid", "20")
    assert found.created_at == datetime(2026, 11, 10, 16, 1, 5, tzinfo=UTC)
    assert found.paid_at == datetime(2026, 11, 10, 16, 1, 42, tzinfo=UTC)
    assert (found.total_amount, found.freight, found.goods_total, found.discount_total) == (
        Decimal("110.00"),
        Decimal("5.00"),
        Decimal("109.99"),
        Decimal("4.99"),
    )
    assert sum(line.paid_share for line in found.lines) == Decimal("105.00")
    assert (found.lines[0].channel_line_no, found.lines[0].listing_id, found.lines[0].listing_sku_id) == (
        "1",
        "i1",
        "s1",
    )
    assert found.payment == IncomingPayment("P-77", Decimal("110.00"), found.paid_at, "http", "A-1")
    assert (found.receiver.district, found.receiver.address) == ("西湖区", "文三路 90 号")
    assert found.currency == "CNY"


def test_money_that_came_as_a_fraction_keeps_its_digits():
    body = dumps_exact(order(cents=11000, post=5))
    row = loads_strict(body.replace(b'"33.33"', b"33.33"))

    assert read(row).lines[0].unit_price == Decimal("33.33")
    assert b"33.33" in dumps_exact(row)


@pytest.mark.parametrize(
    ("changes", "path", "problem"),
    [
        ({"no": None}, "$.no", "missing"),
        ({"no": "a b"}, "$.no", "ill_typed"),
        ({"no": "x" * 65}, "$.no", "ill_typed"),
        ({"no": ["1"]}, "$.no", "ill_typed"),
        ({"state": 55}, "$.state", "unknown_value"),
        ({"cents": "12.5"}, "$.cents", "ill_typed"),
        ({"cents": -1}, "$.cents", "ill_typed"),
        ({"cents": True}, "$.cents", "ill_typed"),
        ({"cents": "1e9"}, "$.cents", "ill_typed"),
        ({"changed": "11/11/2026"}, "$.changed", "ill_typed"),
        ({"changed": None}, "$.changed", "missing"),
        ({"pay": {"at": 10**15}}, "$.pay.at", "ill_typed"),
        ({"goods": []}, "$.goods[*]", "missing"),
        ({"goods": "x"}, "$.goods[*]", "missing"),
        ({"goods": [{"id": 1, "name": "a", "qty": 0, "price": 1}]}, "$.goods[0].qty", "ill_typed"),
        ({"goods": [{"id": 1, "name": "a", "qty": 1.5, "price": 1}]}, "$.goods[0].qty", "ill_typed"),
        ({"goods": [{"id": 1, "name": "a", "qty": 1}]}, "$.goods[0].price", "missing"),
        ({"goods": [{"id": 1, "qty": 1, "price": 1}]}, "$.goods[0].name", "missing"),
        ({"goods": [{"id": 1, "name": "a", "qty": 1, "price": 1}] * 2}, "$.id", "ill_typed"),
        ({"to": {"name": {"first": "x"}}}, "$.to.name", "ill_typed"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place_in_the_shops_document(changes, path, problem):
    with pytest.raises(MessageUnreadable) as refused:
        read(order(**changes))

    assert (refused.value.path, refused.value.problem) == (path, problem)


@pytest.mark.parametrize("row", [None, [], "x", 5, {}, {"no": "1"}])
def test_a_row_that_is_no_order_is_named_too(row):
    with pytest.raises(MessageUnreadable):
        read(row)


def test_a_constant_a_default_and_a_table_with_a_rest():
    found = read(
        order(state="strange", post=None),
        orders__fields__status={"path": "$.state", "words": {"20": "paid"}, "otherwise": "created"},
        orders__fields__currency={"value": "USD"},
    )

    assert (found.status, found.currency, found.freight) == ("created", "USD", 0)
    assert (found.paid_at, found.payment) == (None, None)


def test_a_share_of_a_line_is_taken_where_the_shop_names_it():
    goods = [dict(line, paid=paid) for line, paid in zip(order()["goods"], ("90.00", "15.00"), strict=True)]
    found = read(order(goods=goods), orders__line_fields__paid="$.paid")

    assert [line.paid_share for line in found.lines] == [Decimal("90.00"), Decimal("15.00")]


def test_a_payment_without_a_number_goes_by_account_and_order():
    assert read(order(pay={"at": 1794326502})).payment.external_no == "7-A-1"


@pytest.mark.parametrize(("word", "status"), [("ask", "requested"), ("done", "succeeded"), ("no", "refused")])
def test_a_refund_is_read_by_the_rules(word, status):
    found = read_refund(read_document(document()), refund(state=word))

    assert (found.channel_refund_no, found.channel_order_no, found.channel_line_no) == ("R-1", "A-1", "2")
    assert (found.status, found.amount, found.reason, found.quantity) == (status, Decimal("9.99"), "破损", 1)
    assert found.created_at == found.modified_at == datetime(2026, 11, 12, 2, 0, tzinfo=UTC)
