"""The pages of platform settlements: sums, differences, signing off, the export, and who sees what."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from finance.models import OrderSettlement, SettlementTerms
from finance.services import book_settlements
from finance.settling import SettledRow
from finance.states import SettlementKind
from ordercenter.audit.models import Deed
from ordercenter.cases.models import Case
from ordercenter.common.gathering import counted_statements
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from tests.flows.siblings import broken, open_cases
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


def tomorrow() -> datetime:
    """When no difference waits any more."""
    return timezone.now() + timedelta(days=1)


def row(order_no: str, paid: str, *, fee: str = "0", number: str = "", net: str = "") -> SettledRow:
    fees = {"platform_service_fee": -Decimal(fee)} if Decimal(fee) else {}
    total = Decimal(net) if net else Decimal(paid) - Decimal(fee)
    return SettledRow(
        number or f"m-{order_no}",
        SettlementKind.SALE,
        order_no,
        "1",
        timezone.now() - timedelta(hours=1),
        Decimal(paid),
        Decimal(0),
        fees,
        total,
    )


@pytest.fixture
def world() -> World:
    """Three orders of 66.00; the platform settles one right, one a yuan too much, and one that we do not know."""
    world = World()
    world.deliver(*(world.trade((f"SKU-{n}", 1, "66.00")) for n in range(3)))
    Relay().drain()
    SettlementTerms.objects.create(shop=world.shop, grace_days=0)
    first, second, _third = numbers()
    rows = [row(first, "66.00", fee="3.30"), row(second, "67.00", fee="3.30"), row("999", "12.00")]
    book_settlements(shop_id=world.shop.pk, platform="douyin", rows=rows, at=tomorrow())
    return world


@pytest.fixture
def finance(world: World) -> Client:
    return client_of(person("wu", role="finance"))


def numbers() -> list[str]:
    return list(Order.objects.order_by("pk").values_list("channel_order_no", flat=True))


def verdicts() -> dict[str, str]:
    return dict(OrderSettlement.objects.values_list("channel_order_no", "verdict"))


def test_the_list_has_the_sums_of_each_shop_and_opens_with_the_differences(finance: Client, world: World) -> None:
    page = finance.get(reverse("console:settlements"))

    [shop] = page.context["shops"]
    assert (shop.shop, shop.paid, shop.fees, shop.net) == (
        world.shop,
        Decimal("145.00"),
        Decimal("-6.60"),
        Decimal("138.40"),
    )
    assert (shop.open, page.context["open_orders"]) == (2, 2)
    assert {r.verdict for r in page.context["rows"]} == {"amount_differs", "not_in_books"}
    counts = {
        v: len(finance.get(page.request["PATH_INFO"], {"verdict": v}).context["rows"]) for v in ("all", "matched")
    }
    assert counts == {"all": 3, "matched": 1}


def test_an_order_shows_its_movements_beside_our_books(finance: Client) -> None:
    settlement = OrderSettlement.objects.get(verdict="amount_differs")

    text = finance.get(reverse("console:settlement", args=[settlement.pk])).content.decode()

    assert "¥67.00" in text
    assert "¥66.00" in text
    assert "¥1.00" in text
    assert "-¥3.30" in text
    assert f"m-{settlement.channel_order_no}" in text


def test_signing_off_takes_a_reason_closes_the_case_and_a_later_movement_opens_it_again(
    finance: Client, world: World
) -> None:
    settlement = OrderSettlement.objects.get(verdict="amount_differs")
    url, chosen = reverse("console:settlement-sign-off"), {"settlement": settlement.pk}

    finance.post(url, {**chosen, "reason": " "})
    assert verdicts()[settlement.channel_order_no] == "amount_differs"
    finance.post(url, {**chosen, "reason": "a gift of the platform"})

    settlement.refresh_from_db()
    assert (settlement.verdict, settlement.found_verdict) == ("signed_off", "amount_differs")
    assert open_cases() == ["PAYOUT_DIFF"], "the other order's"
    deed = Deed.objects.get(action="finance.sign_off_settlement")
    assert (deed.reason, deed.details["expected"]) == ("a gift of the platform", "66.00")

    late = [row(settlement.channel_order_no, "-1.00", number="m-late")]
    book_settlements(shop_id=world.shop.pk, platform="douyin", rows=late, at=tomorrow())
    assert verdicts()[settlement.channel_order_no] == "matched"
    assert broken() == {}


def test_a_movement_told_again_with_other_amounts_is_a_case_and_the_first_stays(world: World) -> None:
    first = numbers()[0]

    booked = book_settlements(
        shop_id=world.shop.pk, platform="douyin", rows=[row(first, "60.00", fee="3.00")], at=tomorrow()
    )

    settlement = OrderSettlement.objects.get(channel_order_no=first)
    assert (booked.new, booked.told_anew) == (0, [f"m-{first}"])
    assert (settlement.verdict, settlement.paid) == ("told_anew", Decimal("66.00"))
    assert Case.objects.filter(closed_at=None, code="PAYOUT_DIFF", reference=first).exists()
    assert broken() == {}


def test_a_movement_that_does_not_add_up_is_a_case(world: World) -> None:
    third = numbers()[2]

    book_settlements(
        shop_id=world.shop.pk, platform="douyin", rows=[row(third, "66.00", fee="3.30", net="60")], at=tomorrow()
    )

    assert verdicts()[third] == "sums_differ"
    assert broken() == {}


def test_the_export_has_the_chosen_orders(finance: Client) -> None:
    answer = finance.get(reverse("console:settlements-export"), {"verdict": "amount_differs", "format": "gb18030"})

    lines = b"".join(answer.streaming_content).decode("gb18030").splitlines()
    assert len(lines) == 2
    assert numbers()[1] in lines[1]
    book = finance.get(reverse("console:settlements-export"), {"verdict": "amount_differs", "format": "xlsx"})
    [_heading, cells] = list(load_workbook(BytesIO(book.content)).active.values)
    assert numbers()[1] in cells
    assert finance.get(reverse("console:settlements-export"), {"format": "utf-16"}).status_code == 404


def test_who_sees_another_shop_only_sees_nothing_and_decides_nothing(world: World) -> None:
    stranger = client_of(person("xu", permissions=("finance.view_ordersettlement", "finance.sign_off_settlement")))
    settlement = OrderSettlement.objects.get(verdict="amount_differs")

    page = stranger.get(reverse("console:settlements"))
    assert (page.context["shops"], list(page.context["rows"])) == ([], [])
    assert stranger.get(reverse("console:settlement", args=[settlement.pk])).status_code == 404
    stranger.post(reverse("console:settlement-sign-off"), {"settlement": settlement.pk, "reason": "mine now"})
    assert verdicts()[settlement.channel_order_no] == "amount_differs"
    assert client_of(person("ma", role="warehouse")).get(reverse("console:settlements")).status_code == 403


def test_a_batch_takes_the_same_statements_however_large_it_is(world: World) -> None:
    def statements(size: int, key: str) -> int:
        rows = [row(f"{key}{n}", "10.00") for n in range(size)]
        with counted_statements() as count:
            book_settlements(shop_id=world.shop.pk, platform="douyin", rows=rows, at=tomorrow())
        return count()

    statements(2, "a")
    assert statements(30, "b") == statements(120, "c") < 20
