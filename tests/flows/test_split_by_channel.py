"""JD splits orders after the payment: the parts are sent, the order that was paid never again."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from channels_sync.platforms import PLATFORMS
from channels_sync.sandbox import goods
from channels_sync.sandbox.platforms.jd import order_document
from channels_sync.translating import take_orders
from finance.models import PaymentEntry
from fulfillment.models import Shipment
from ordercenter.audit.models import Deed
from ordercenter.cases.models import Case
from ordercenter.cases.states import OPEN_STATES
from ordercenter.console.case_words import words_of
from ordercenter.events.registry import Message
from ordercenter.orders.models import Hold, Order, OrderLine, SplitPart
from tests.finance.test_excess import broken
from tests.flows.outside import settle_down, ship
from tests.flows.played_shops import Played

pytestmark = pytest.mark.django_db

LINES = [{"sku": goods.SKUS[0].code, "num": 2}, {"sku": goods.SKUS[1].code, "num": 1}]


def order_of(number: str) -> Order:
    return Order.objects.get(channel_order_no=number)


def held() -> dict[str, list[str]]:
    rows = Hold.objects.filter(released_at__isnull=True).values_list("order__channel_order_no", "code")
    found: dict[str, list[str]] = {}
    for number, code in rows.order_by("pk"):
        found.setdefault(number, []).append(code)
    return found


def open_cases() -> list[str]:
    return sorted(Case.objects.filter(state__in=OPEN_STATES).values_list("code", flat=True))


def document(played: Played, number: str) -> dict[str, Any]:
    return dict(order_document(played.app.shop.sold_on("jd", number), is_clear=False))


def hand_over(played: Played, *numbers: str, **changes: Any) -> None:
    """Reports of these orders reach the books, and nothing that follows has happened yet."""
    source = f"account:{played.account('jd').pk}"
    bodies = [json.dumps(document(played, number) | changes).encode() for number in numbers]
    now = timezone.now()
    messages = [Message(at, source, "jd.order", source, body, {}, now) for at, body in enumerate(bodies, 1)]
    assert take_orders(PLATFORMS["jd"], messages) == {}


def take(played: Played, *numbers: str, **changes: Any) -> None:
    hand_over(played, *numbers, **changes)
    settle_down()


def in_books() -> Decimal:
    signed = [(e.amount if e.kind == "payment" else -e.amount) for e in PaymentEntry.objects.all()]
    return sum(signed, Decimal(0))


def test_parts_that_come_first_are_sent_and_the_whole_is_closed_when_it_comes(played: Played) -> None:
    whole = played.control.create_trade(platform="jd", lines=LINES)
    parts = played.control.split(whole)

    played.hear("jd")

    assert order_of(whole).state == "cancelled"
    assert [order_of(number).state for number in parts] == ["in_fulfillment", "in_fulfillment"]
    assert Shipment.objects.exclude(state="cancelled").count() >= 1
    assert not Case.objects.exists()
    assert in_books() == sum(order_of(number).total_amount for number in parts)
    assert in_books() == order_of(whole).total_amount
    assert broken() == []


def test_a_planned_whole_is_replaced_when_its_parts_come_and_its_goods_are_free(played: Played) -> None:
    whole = played.control.create_trade(platform="jd", lines=LINES)
    played.hear("jd")
    assert order_of(whole).state == "in_fulfillment"
    (first,) = Shipment.objects.all()

    parts = played.control.split(whole)
    played.hear("jd")

    first.refresh_from_db()
    assert (order_of(whole).state, first.state) == ("cancelled", "cancelled")
    # Asked back from its warehouse, which said yes: only then the parts went on.
    assert [order_of(number).state for number in parts] == ["in_fulfillment", "in_fulfillment"]
    assert (held(), open_cases()) == ({}, [])
    promised = OrderLine.objects.filter(released__gt=0).values_list("order__channel_order_no", "released")
    assert sorted(promised) == sorted(zip(parts, (2, 1), strict=True))
    assert in_books() == order_of(whole).total_amount
    assert (order_of(whole).paid_amount, order_of(whole).refunded_amount) == (in_books(), in_books())
    deed = Deed.objects.get(action="order.replace")
    assert (deed.subject, deed.details) == (f"order:{order_of(whole).pk}", {"by": parts})
    assert broken() == []


def test_parts_wait_while_the_warehouse_has_the_whole_and_go_when_it_was_stopped(played: Played) -> None:
    whole = played.control.create_trade(platform="jd", lines=LINES)
    played.hear("jd")
    parts = played.control.split(whole)

    hand_over(played, *parts)

    assert held() == {number: ["SPLIT_PARENT_OUT"] for number in parts}
    assert Shipment.objects.get().state == "intercepting"
    case = Case.objects.filter(code="SPLIT_PARENT_OUT").first()
    assert case is not None
    assert case.evidence == {"order": whole, "goods": "in_hand"}

    settle_down()

    assert (held(), open_cases()) == ({}, [])
    assert [order_of(number).state for number in parts] == ["in_fulfillment", "in_fulfillment"]


def test_no_second_parcel_follows_one_that_has_left(played: Played) -> None:
    whole = played.control.create_trade(platform="jd", lines=LINES)
    played.hear("jd")
    ship(Shipment.objects.get(), tracking_no="ZT0001")
    assert order_of(whole).state == "shipped"

    parts = played.control.split(whole)
    played.hear("jd")

    assert order_of(whole).state == "shipped"
    assert held() == {number: ["SPLIT_PARENT_OUT"] for number in parts}
    assert {c.evidence["goods"] for c in Case.objects.filter(code="SPLIT_PARENT_OUT")} == {"left"}
    assert Shipment.objects.count() == 1
    with translation.override("zh-hans"):
        assert "取消" in str(words_of("SPLIT_PARENT_OUT").to_do)


def test_a_whole_that_is_told_after_its_parts_is_never_planned_nor_booked(played: Played) -> None:
    whole = played.control.create_trade(platform="jd", lines=LINES)
    parts = played.control.split(whole)
    take(played, *parts)

    take(played, whole, orderState="WAIT_SELLER_STOCK_OUT")

    assert (order_of(whole).state, order_of(whole).cancel_reason) == (
        "cancelled",
        "replaced by its parts: the channel split it",
    )
    assert not Shipment.objects.filter(lines__order=order_of(whole)).exists()
    assert not PaymentEntry.objects.filter(order=order_of(whole)).exists()
    assert open_cases() == []
    assert broken() == []


def test_parts_that_are_not_the_amount_are_a_case_that_closes_itself(played: Played) -> None:
    whole = played.control.create_trade(platform="jd", lines=LINES)
    played.hear("jd")
    first, second = played.control.split(whole)

    take(played, first)

    case = Case.objects.get(code="SPLIT_SUM")
    assert (case.reference, case.evidence["parts"]) == (whole, str(order_of(first).total_amount))
    assert case.money_at_risk == order_of(whole).total_amount - order_of(first).total_amount

    take(played, second)

    assert "SPLIT_SUM" not in open_cases()


def test_a_fen_too_much_is_a_case(played: Played) -> None:
    whole = played.control.create_trade(platform="jd", lines=LINES)
    played.hear("jd")
    first, second = played.control.split(whole)

    take(played, first)
    price = document(played, second)["orderSellerPrice"]
    take(played, second, orderSellerPrice=str(Decimal(price) + Decimal("0.01")), orderPayment="0")

    assert Case.objects.get(code="SPLIT_SUM").money_at_risk == Decimal("0.01")
    assert "SPLIT_SUM" in open_cases()


def test_a_part_that_is_split_again_counts_by_its_own_parts(played: Played) -> None:
    three = [*LINES, {"sku": goods.SKUS[2].code, "num": 1}]
    whole = played.control.create_trade(platform="jd", lines=three)
    played.hear("jd")
    first, *later = played.control.split(whole)
    take(played, first)

    # Two of its lines stood in one part for a while, which was split before we saw it.
    take(played, *later, directParentOrderId="399999999999")

    assert order_of(whole).state == "cancelled"
    assert open_cases() == []
    rows = SplitPart.objects.order_by("pk").values_list("parent_no", "root_no")
    assert list(rows) == [(whole, whole), ("399999999999", whole), ("399999999999", whole)]


def test_repeats_of_parts_and_whole_change_nothing(played: Played) -> None:
    whole = played.control.create_trade(platform="jd", lines=LINES)
    played.hear("jd")
    parts = played.control.split(whole)
    played.hear("jd")
    before = (Shipment.objects.count(), PaymentEntry.objects.count(), Deed.objects.count())

    take(played, *parts)
    take(played, whole)

    assert (Shipment.objects.count(), PaymentEntry.objects.count(), Deed.objects.count()) == before
    assert (held(), open_cases()) == ({}, [])


def test_the_page_of_whole_and_part_name_each_other(played: Played, admin_client: Client) -> None:
    whole = played.control.create_trade(platform="jd", lines=LINES)
    played.hear("jd")
    parts = played.control.split(whole)
    played.hear("jd")

    page = admin_client.get(f"/console/orders/{order_of(whole).pk}/").content.decode()
    assert all(f'<a href="/console/orders/{order_of(no).pk}/">{no}</a>' in page for no in parts)
    page = admin_client.get(f"/console/orders/{order_of(parts[0]).pk}/").content.decode()
    assert f'<a href="/console/orders/{order_of(whole).pk}/">{whole}</a>' in page


def test_the_platform_splits_by_itself_where_the_switch_says_so(played: Played) -> None:
    played.control.switches(platforms={"jd": {"split_orders": 1.0}})
    whole = played.control.create_trade(platform="jd", lines=LINES)
    played.hear("jd")

    trade = played.app.shop.sold_on("jd", whole)
    played.app.shop.split_if_due(trade.tid)
    played.app.shop.split_if_due(trade.tid)
    played.hear("jd")

    assert trade.is_split
    assert Order.objects.count() == 3
    assert order_of(whole).state == "cancelled"
