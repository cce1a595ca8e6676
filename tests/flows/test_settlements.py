"""What platforms pay out for orders, from the played platform over HTTP to the verdict in our books."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from channels_sync.models import SyncCursor
from channels_sync.sandbox import goods
from channels_sync.settling import pull_settlements
from finance.models import AgreedFee, OrderSettlement, SettlementEntry, SettlementTerms
from finance.services import look_at_settlements
from fulfillment.models import Shipment
from ordercenter.cases.models import Case
from ordercenter.orders.models import Order
from tests.flows.outside import settle_down, ship
from tests.flows.played_shops import Played
from tests.flows.siblings import broken, open_cases

pytestmark = pytest.mark.django_db
LINES = [{"sku": goods.SKUS[0].code, "num": 2}, {"sku": goods.SKUS[1].code, "num": 1}]
PLATFORMS = ("douyin", "wechat_shop")


def sold(played: Played, platform: str) -> Order:
    """An order that went all its way to the buyer."""
    number = played.control.create_trade(platform=platform, lines=LINES)
    played.hear(platform)
    ship(Shipment.objects.order_by("-pk")[0], tracking_no=f"ZT{Shipment.objects.count():04d}")
    settle_down()
    played.control.receive(number)
    played.hear(platform)
    return Order.objects.get(channel_order_no=number)


def pull(played: Played, platform: str) -> tuple[int, int]:
    booked = pull_settlements(account=played.account(platform), at=timezone.now() + timedelta(seconds=2))
    return booked.new, booked.known


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_a_finished_order_brought_matches_our_books_to_the_fen(played: Played, platform: str) -> None:
    order = sold(played, platform)

    new, _known = pull(played, platform)

    assert new == {"douyin": 2, "wechat_shop": 4}[platform]
    settlement = OrderSettlement.objects.get()
    entries = list(SettlementEntry.objects.all())
    assert (settlement.verdict, settlement.order) == ("matched", order)
    assert settlement.paid == settlement.expected == order.paid_amount
    assert settlement.net == settlement.paid + settlement.fee_total == sum(entry.net for entry in entries)
    assert abs(settlement.fee_total + order.paid_amount * Decimal("0.05")) < Decimal("0.02")
    assert {entry.channel_order_no for entry in entries} == {order.channel_order_no}
    assert all(entry.sums_hold for entry in entries)
    assert (open_cases(), broken()) == ([], {})

    assert pull(played, platform) == (0, new), "read again with the overlap, kept once"
    settlement.refresh_from_db()
    assert settlement.paid == order.paid_amount


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_amount_that_is_short_is_a_difference_when_its_time_is_over(played: Played, platform: str) -> None:
    played.control.switches(platforms={platform: {"settle_short": 1.0}})
    order = sold(played, platform)
    SettlementTerms.objects.filter(shop=order.shop).update(within_days=10)
    pull(played, platform)

    settlement = OrderSettlement.objects.get()
    assert (settlement.verdict, settlement.paid) == ("waiting", order.paid_amount - 1)
    assert open_cases() == []
    look_at_settlements(at=timezone.now() + timedelta(days=9))
    assert open_cases() == []

    look_at_settlements(at=timezone.now() + timedelta(days=11))

    settlement.refresh_from_db()
    assert settlement.verdict == "amount_differs"
    case = Case.objects.get(closed_at__isnull=True)
    assert (case.code, case.money_at_risk, case.reference) == ("PAYOUT_DIFF", Decimal("1.00"), order.channel_order_no)
    assert broken() == {}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_fees_beyond_what_was_agreed_are_one_group_and_those_within_are_not_told(played: Played, platform: str) -> None:
    fee = {"douyin": "platform_service_fee", "wechat_shop": "platform_commission"}[platform]
    played.control.switches(platforms={platform: {"settle_fee_off": 1.0}})
    order = sold(played, platform)
    agreed = AgreedFee.objects.filter(terms__shop=order.shop, code=fee)
    assert agreed.get().permille == 50

    pull(played, platform)

    case = Case.objects.get(closed_at__isnull=True)
    assert (case.code, case.evidence["verdict"]) == ("PAYOUT_DIFF", "fee_differs")
    assert abs(Decimal(case.evidence["over"][fee]) - 1) <= Decimal("0.02")
    assert case.group is not None

    agreed.update(permille=Decimal(80))
    look_at_settlements(at=timezone.now() + timedelta(days=1))
    assert (OrderSettlement.objects.get().verdict, open_cases()) == ("matched", [])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_order_that_is_not_settled_in_time_is_told_until_its_money_comes(played: Played, platform: str) -> None:
    order = sold(played, platform)
    SettlementTerms.objects.filter(shop=order.shop).update(within_days=10)
    look_at_settlements(at=timezone.now() + timedelta(days=9))
    assert not OrderSettlement.objects.exists()

    for _twice in range(2):
        look_at_settlements(at=timezone.now() + timedelta(days=11))

    assert open_cases() == ["PAYOUT_MISSING"]
    assert OrderSettlement.objects.get().verdict == "not_settled"
    assert Case.objects.get(code="PAYOUT_MISSING").money_at_risk == order.paid_amount

    pull(played, platform)
    assert (OrderSettlement.objects.get().verdict, open_cases(), broken()) == ("matched", [], {})


def test_a_platform_that_cannot_be_read_loses_nothing_and_says_which_field(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    from channels_sync.errors import MessageUnreadable
    from channels_sync.sandbox.platforms import douyin

    sold(played, "douyin")
    honest = douyin.settlement_row
    broken_rows = {"left": 1}

    def lacking(movement: object) -> dict[str, object]:
        row = honest(movement)  # type: ignore[arg-type]
        if broken_rows["left"]:
            broken_rows["left"] -= 1
            del row["settle_amount"]
        return row

    monkeypatch.setattr(douyin, "settlement_row", lacking)
    account = played.account("douyin")
    with pytest.raises(MessageUnreadable, match=r"settlement\.settle_amount: missing"):
        pull(played, "douyin")

    cursor = SyncCursor.objects.get(account=account, kind="settlements")
    assert cursor.read_until < timezone.now() - timedelta(days=29), "it stays where it was"
    assert SettlementEntry.objects.count() == 1, "the rows that could be read are kept"
    case = Case.objects.get(closed_at__isnull=True)
    assert (case.code, case.evidence["path"]) == ("PAYOUT_UNREADABLE", "settlement.settle_amount")

    pull(played, "douyin")
    assert (SettlementEntry.objects.count(), open_cases()) == (2, [])


def test_a_page_is_left_off_and_gone_on_with_at_any_row(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    from channels_sync.adapters import douyin_settling

    orders = [sold(played, "douyin") for _ in range(3)]
    monkeypatch.setattr(douyin_settling, "PAGE_SIZE", 1)

    new, _known = pull(played, "douyin")

    assert new == 6
    assert {s.order for s in OrderSettlement.objects.filter(verdict="matched")} == set(orders)
