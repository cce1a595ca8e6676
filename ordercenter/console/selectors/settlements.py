"""What platforms paid out, for the settlement pages: by shop, by verdict, by order with its movements."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from finance.models import OrderSettlement, SettlementEntry
from finance.states import SETTLEMENT_DIFFERENCES, SettlementVerdict
from ordercenter.catalog.models import Shop
from ordercenter.common.scope import Scope

PAGE_ROWS = 100
LOOK_BACK = timedelta(days=30)
OPEN = "open"


@dataclass(frozen=True)
class ShopSums:
    """What one shop was paid out in a time. net: paid, subsidies and fees together. waiting, open: orders now."""

    shop: Shop
    paid: Decimal
    subsidies: Decimal
    fees: Decimal
    net: Decimal
    waiting: int
    open: int


def settlements_in_scope(scope: Scope) -> QuerySet[OrderSettlement]:
    """How orders of the reader's shops stand by their platforms."""
    return scope.narrow(OrderSettlement.objects.select_related("shop"), shop="shop_id")


def sums_by_shop(scope: Scope, *, since: datetime) -> list[ShopSums]:
    """Each shop that was settled since then, or has open orders. Three statements."""
    entries = scope.narrow(SettlementEntry.objects.filter(settled_at__gte=since), shop="shop_id")
    sums = {
        row["shop_id"]: row
        for row in entries.order_by()
        .values("shop_id")
        .annotate(p=Sum("paid"), s=Sum("subsidies"), f=Sum("fee_total"), n=Sum("net"))
    }
    counts = {
        row["shop_id"]: row
        for row in settlements_in_scope(scope)
        .order_by()
        .values("shop_id")
        .annotate(
            waiting=Count("pk", filter=Q(verdict=SettlementVerdict.WAITING)),
            open=Count("pk", filter=Q(verdict__in=SETTLEMENT_DIFFERENCES)),
        )
    }
    zero = Decimal(0)
    nothing = {"p": zero, "s": zero, "f": zero, "n": zero}
    rows = []
    for shop in Shop.objects.filter(pk__in=sums.keys() | counts.keys()).order_by("name"):
        found, count = sums.get(shop.pk, nothing), counts.get(shop.pk, {"waiting": 0, "open": 0})
        rows.append(ShopSums(shop, found["p"], found["s"], found["f"], found["n"], count["waiting"], count["open"]))
    return rows


def verdict_counts(settlements: QuerySet[OrderSettlement]) -> dict[str, int]:
    """verdict -> orders. One statement."""
    return dict(settlements.order_by().values_list("verdict").annotate(n=Count("pk")))


def with_verdict(settlements: QuerySet[OrderSettlement], verdict: str) -> QuerySet[OrderSettlement]:
    """Those with a verdict; "open": all differences; "": all."""
    if verdict == OPEN:
        return settlements.filter(verdict__in=SETTLEMENT_DIFFERENCES)
    return settlements.filter(verdict=verdict) if verdict else settlements


def page_of(settlements: QuerySet[OrderSettlement], after: int) -> tuple[Sequence[OrderSettlement], bool]:
    """One page, newest first, below a settlement's id (0: the first), and whether there are more."""
    rows = settlements.order_by("-pk")
    found = list((rows.filter(pk__lt=after) if after else rows)[: PAGE_ROWS + 1])
    return found[:PAGE_ROWS], len(found) > PAGE_ROWS


def movements_of(settlement: OrderSettlement) -> Sequence[SettlementEntry]:
    """The platform's movements of the order, oldest first."""
    rows = SettlementEntry.objects.filter(shop_id=settlement.shop_id, channel_order_no=settlement.channel_order_no)
    return list(rows.order_by("settled_at", "pk"))


def ids_in(settlements: QuerySet[OrderSettlement], chosen: Collection[int]) -> list[int]:
    """Which of these the reader may decide about."""
    return list(settlements.filter(pk__in=chosen).values_list("pk", flat=True))
