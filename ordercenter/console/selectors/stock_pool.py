"""All that the stock pool page shows of one SKU, in a constant number of statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import F, Min, Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from ordercenter.catalog.models import Sku
from ordercenter.common.scope import Scope
from ordercenter.inventory.models import (
    ChannelPolicy,
    ChannelQuota,
    ChannelStock,
    Reservation,
    StockLevel,
    StockMovement,
    StockPolicy,
    Supply,
    SupplyClaim,
)
from ordercenter.inventory.services import timeline_of
from ordercenter.inventory.services.reserving import UNPAID
from ordercenter.inventory.states import Bucket, MovementReason, SupplyState
from ordercenter.orders.models import Order

HOLDERS = 50
LIST_ROWS = 60
# The picture of what can be promised, in its own units; a bar is no wider than WIDEST.
WIDTH, HEIGHT, EDGE, WIDEST = 640, 150, 26, 72
# Sales a day are those of so many days; cover below LOW_DAYS is called low.
SALES_DAYS, LOW_DAYS, MOST_DAYS = 14, Decimal(3), 365
_SOLD = (MovementReason.SHIPMENT, MovementReason.COUNTER)


@dataclass(frozen=True)
class Holder:
    """Who holds pieces: an order that the reader may see, somebody without an order, or another shop's order."""

    reservation: Reservation
    order: Order | None

    @property
    def can_be_released(self) -> bool:
        """Whether a person may take it back: what a cart or a live sale holds, not what an order has."""
        return bool(self.reservation.holder) and not self.reservation.holder.startswith(UNPAID)


@dataclass(frozen=True)
class Cover:
    """How long what is free lasts. a_day: pieces that left a day of late, one decimal; days: None without sales."""

    free: int
    a_day: Decimal
    days: Decimal | None

    @property
    def level(self) -> str:
        """out, low or enough: never by colour alone."""
        if self.free <= 0:
            return "out"
        return "low" if self.days is not None and self.days < LOW_DAYS else "enough"

    @property
    def days_text(self) -> str:
        """The days as they are shown: beyond a year it does not matter how many."""
        if self.days is None:
            return "–"
        return f"> {MOST_DAYS}" if self.days > MOST_DAYS else f"{self.days.normalize():f}"

    @property
    def word(self) -> str | Promise:
        return _COVER[self.level]


_COVER = {
    "out": pgettext_lazy("stock", "short"),
    "low": pgettext_lazy("stock", "low"),
    "enough": pgettext_lazy("stock", "enough"),
}


@dataclass(frozen=True)
class Step:
    """One level of the timeline: from a day on so many pieces, as a bar of the picture."""

    day: date
    pieces: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class StockPool:
    """One SKU: its rows by warehouse, who holds what, what comes, what shops may offer, what can be promised when."""

    sku: Sku
    levels: list[tuple[StockLevel, Cover]]
    cover: Cover
    totals: dict[str, int]
    holders: list[Holder]
    holder_count: int
    supplies: list[Supply]
    claims: list[SupplyClaim]
    policies: list[ChannelPolicy]
    way: StockPolicy | None
    quotas: list[ChannelQuota]
    published: list[ChannelStock]
    steps: list[Step]


def skus_with_stock(scope: Scope, text: str, *, warehouse_id: int = 0, short_only: bool = False) -> QuerySet[Sku]:
    """SKUs with a stock row in the reader's warehouses, with the sums over them; text: part of a code or name.

    warehouse_id: only what lies there. short_only: only what is used up, down to its safety stock.
    """
    levels = scope.narrow(StockLevel.objects.all(), warehouse="warehouse_id")
    mine = scope.condition(warehouse="stocklevel__warehouse_id")
    if warehouse_id:
        levels = levels.filter(warehouse_id=warehouse_id)
        mine &= Q(stocklevel__warehouse_id=warehouse_id)
    skus = Sku.objects.filter(pk__in=levels.values("sku_id"))
    if text:
        skus = skus.filter(Q(code__icontains=text) | Q(name__icontains=text))
    sums = {
        name: Sum(f"stocklevel__{name}", filter=mine) if mine else Sum(f"stocklevel__{name}")
        for name in ("on_hand", "reserved", "allocated", "set_aside", "safety")
    }
    skus = skus.annotate(**sums)
    if short_only:
        skus = skus.filter(on_hand__lte=F("reserved") + F("allocated") + F("set_aside") + F("safety"))
    return skus.order_by("code")


def stock_pool(sku: Sku, scope: Scope, *, now: datetime, today: date, at_warehouse: int = 0) -> StockPool:
    """Everything about the stock of one SKU that the reader may see. at_warehouse: holders of pieces there only."""
    levels = list(
        scope.narrow(
            StockLevel.objects.filter(sku=sku).select_related("warehouse").order_by("warehouse__code"),
            warehouse="warehouse_id",
        )
    )
    open_ones = Reservation.objects.filter(sku=sku, state="active").select_related("warehouse").order_by("pk")
    held = scope.narrow(open_ones, warehouse="warehouse_id")
    if at_warehouse:
        held = held.filter(warehouse_id=at_warehouse)
    reservations = list(held[:HOLDERS])
    seen = scope.narrow(Order.objects.filter(pk__in={_order_of(r) for r in reservations}), shop="shop_id").in_bulk()
    supplies = scope.narrow(
        Supply.objects.filter(sku=sku, state=SupplyState.COMING).select_related("warehouse").order_by("due_on", "pk"),
        warehouse="warehouse_id",
    )
    claims = SupplyClaim.objects.filter(sku=sku).order_by("promised_on", "pk")
    policies = ChannelPolicy.objects.filter(Q(sku=sku) | Q(sku__isnull=True, is_active=True)).select_related("shop")
    quotas = ChannelQuota.objects.filter(sku=sku).exclude(state="ended").select_related("shop", "warehouse")
    published = ChannelStock.objects.filter(listing__sku=sku).select_related("listing__shop").order_by("listing__shop")
    sees_all = scope.is_everything
    sold = _sales(sku, [level.warehouse_id for level in levels], now)
    names = ("on_hand", "reserved", "allocated", "set_aside", "free", "safety", "damaged", "quarantine")
    return StockPool(
        sku=sku,
        levels=[(level, _cover(level.free, sold.get(level.warehouse_id, Decimal(0)))) for level in levels],
        cover=_cover(sum(level.free for level in levels), sum(sold.values(), Decimal(0))),
        totals={name: sum(getattr(level, name) for level in levels) for name in names},
        holders=[Holder(r, seen.get(_order_of(r))) for r in reservations],
        holder_count=len(reservations) if len(reservations) < HOLDERS else held.count(),
        supplies=list(supplies),
        claims=list(claims[:HOLDERS]) if scope.shop_ids is None else [],
        policies=list(scope.narrow(policies.order_by("shop__code", "pk"), shop="shop_id")),
        way=StockPolicy.objects.filter(sku=sku).first(),
        quotas=list(scope.narrow(quotas.order_by("starts_at", "pk"), shop="shop_id", warehouse="warehouse_id")),
        published=list(scope.narrow(published, shop="listing__shop_id")),
        steps=_steps(timeline_of(sku.pk, today=today)) if sees_all else [],
    )


def _order_of(reservation: Reservation) -> int:
    """The order that has the pieces, or for which they are kept until it is paid; 0 for none."""
    number = reservation.holder.removeprefix(UNPAID)
    kept_for = int(number) if reservation.holder.startswith(UNPAID) and number.isdigit() else 0
    return reservation.order_id or kept_for


def _sales(sku: Sku, warehouse_ids: list[int], now: datetime) -> dict[int, Decimal]:
    """Pieces a day that left each warehouse, over SALES_DAYS, or since the SKU first lay there if that is less."""
    since = now - timedelta(days=SALES_DAYS)
    rows = (
        StockMovement.objects.filter(sku=sku, warehouse_id__in=warehouse_ids, bucket=Bucket.ON_HAND)
        .order_by()
        .values_list("warehouse_id")
        .annotate(pieces=Sum("delta", filter=Q(reason__in=_SOLD, at__gte=since)), first=Min("at"))
    )
    return {
        warehouse: Decimal(-(pieces or 0)) / min(max((now - first).days, 1), SALES_DAYS)
        for warehouse, pieces, first in rows
    }


def _cover(free: int, a_day: Decimal) -> Cover:
    days = Decimal(max(free, 0)) / a_day if a_day > 0 else None
    return Cover(free, round(a_day, 1), None if days is None else round(days, 1))


def _steps(timeline: Mapping[date, int]) -> list[Step]:
    """Bars of the picture, one for each day on which something changes, from the zero line up."""
    points = sorted(timeline.items())
    most = max((pieces for _day, pieces in points), default=0) or 1
    width = min(WIDTH / len(points), WIDEST) if points else WIDEST
    usable = HEIGHT - 2 * EDGE
    steps = []
    for number, (day, pieces) in enumerate(points):
        height = max(0.0, usable * pieces / most)
        left, top = round(number * width + 2, 1), round(HEIGHT - EDGE - height, 1)
        steps.append(Step(day, pieces, left, top, round(width - 4, 1), round(height, 1)))
    return steps
