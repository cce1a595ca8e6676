"""Pieces held for somebody who has no order yet: a cart, a place in a live stream. Asked for by another system.

A hold is named by who asks: the same name is the same hold, however often it is sent. It is answered at once
(`immediate`), ends by itself, and becomes an order's own when the order comes with its name: from then on it is what an
unpaid order holds (`unpaid`), and the order's routing finds it there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ordercenter.audit.work import Work
from ordercenter.catalog.models import Shop, Sku
from ordercenter.common.batch import BatchResult
from ordercenter.common.scope import Scope
from ordercenter.inventory.errors import HoldDiffers, HoldShort, HoldUnknownCode, StockShort
from ordercenter.inventory.models import Reservation, Warehouse
from ordercenter.inventory.services.immediate import Wanted, reserve_many_now, reserve_now
from ordercenter.inventory.services.reserving import lock_held, release_holds_of
from ordercenter.inventory.services.unpaid import holder_of
from ordercenter.inventory.states import ReservationState

GIVEN = "holds_given"


@dataclass(frozen=True)
class HoldWanted:
    """Pieces of a shop in a warehouse, all or none. pieces: SKU code -> how many. name: who asks calls it so."""

    name: str
    shop: str
    warehouse: str
    pieces: Mapping[str, int]
    expires_at: datetime


@dataclass(frozen=True)
class HeldUntil:
    """A hold that stands, as it was asked for."""

    name: str
    expires_at: datetime


@dataclass(frozen=True)
class HoldForOrder:
    """An order that came with the name of a hold. holder: see `holder_of_key`."""

    holder: str
    order_id: int
    shop_id: int
    is_paid: bool


def holder_of_key(key_id: int, name: str) -> str:
    """Under what a hold stands: two keys that use the same name do not meet. At most 96 characters for 64 of a name."""
    return f"key{key_id}:{name}"


def place_holds(
    *, wanted: Sequence[HoldWanted], key_id: int, reach: Scope, warehouse_ids: Collection[int], at: datetime
) -> BatchResult:
    """Hold these pieces, in the order given, as long as they last: each hold all of its lines or none.

    wanted: with different names. reach: the shops of the key; warehouse_ids: its warehouses. Out of what is set aside
    for the shop where that has enough, else out of the pool, never the safety stock. done: HeldUntil, for one that
    stands already with its first end. Refused by name with HoldUnknownCode, HoldDiffers, HoldShort. Not to be called in
    a transaction: each statement stands for itself, and is safe on disk when this returns.
    """
    result = BatchResult()
    known = _standing([holder_of_key(key_id, hold.name) for hold in wanted])
    codes = _Codes(wanted, reach, warehouse_ids)
    asked: dict[str, HoldWanted] = {}
    lines: list[Wanted] = []
    for hold in wanted:
        holder = holder_of_key(key_id, hold.name)
        unknown = codes.unknown_of(hold)
        if unknown is not None:
            result.refuse(hold.name, unknown)
        elif holder in known:
            _answer_known(hold, codes.places_of(hold), known[holder], result)
        else:
            asked[holder] = hold
            lines.extend(codes.lines_of(hold, holder))
    taken = _take(lines, at)
    short = {str(refusal.key): refusal.error for refusal in taken.refused}
    # Lines that came out of quotas were taken one by one: what a refused hold got of them goes back.
    release_holds_of(holders=[holder for holder in asked if holder in short])
    for holder, hold in asked.items():
        if holder in short:
            result.refuse(hold.name, HoldShort(skus=codes.skus_of(short[holder])))
        else:
            result.done.append(HeldUntil(hold.name, hold.expires_at))
    return result


def give_holds_to_orders(*, orders: Sequence[HoldForOrder], work: Work) -> set[int]:
    """These orders came with holds: what stands under them is the orders' own from now on. Returns which got any.

    A paid order keeps its pieces until it is routed, an unpaid one to the hold's end. A hold that is over, or of
    another shop, gives nothing; the order goes on without. Call it in the unit of work that made the orders.
    """
    by_holder = {each.holder: each for each in orders}
    if not by_holder:
        return set()
    _levels, rows = lock_held(work, holders=list(by_holder))
    got: set[int] = set()
    for row in rows:
        order = by_holder[row.holder]
        if row.shop_id != order.shop_id or row.expires_at is None or row.expires_at <= work.at:
            continue
        row.holder = holder_of(order.order_id)
        row.expires_at = None if order.is_paid else row.expires_at
        work.save(row, "holder", "expires_at")
        got.add(order.order_id)
    work.shared.setdefault(GIVEN, set()).update(got)
    return got


def orders_given_holds(work: Work) -> Collection[int]:
    """The orders that got theirs in this unit of work, where they may have been born as well."""
    given: set[int] = work.shared.get(GIVEN, set())
    return given


def _take(lines: Sequence[Wanted], at: datetime) -> BatchResult:
    """One piece of goods by the statement for one, which is the shortest; more by the one for many."""
    if len(lines) != 1:
        return reserve_many_now(wanted=lines, at=at) if lines else BatchResult()
    result = BatchResult()
    with result.refusals(lines[0].who, StockShort):
        reserve_now(wanted=lines[0], at=at)
        result.done.append(lines[0].who)
    return result


def _standing(holders: Sequence[str]) -> dict[str, list[Reservation]]:
    rows: dict[str, list[Reservation]] = defaultdict(list)
    for row in Reservation.objects.filter(state=ReservationState.ACTIVE, holder__any_of=list(holders)):
        rows[row.holder].append(row)
    return rows


def _answer_known(
    hold: HoldWanted, places: Mapping[tuple[int, int], int], rows: Sequence[Reservation], result: BatchResult
) -> None:
    if places == {(row.sku_id, row.warehouse_id): row.quantity for row in rows}:
        result.done.append(HeldUntil(hold.name, min((row.expires_at or hold.expires_at) for row in rows)))
    else:
        result.refuse(hold.name, HoldDiffers(name=hold.name))


class _Codes:
    """What the codes of these holds mean to a key. Three statements."""

    def __init__(self, wanted: Sequence[HoldWanted], reach: Scope, warehouse_ids: Collection[int]):
        shops = reach.narrow(Shop.objects.filter(code__in={h.shop for h in wanted}, is_active=True), shop="pk")
        houses = Warehouse.objects.filter(code__in={h.warehouse for h in wanted}, is_open=True, pk__in=warehouse_ids)
        goods = Sku.objects.filter(code__in={code for h in wanted for code in h.pieces}, is_bundle=False)
        self.shops = dict(shops.values_list("code", "pk"))
        self.houses = dict(houses.values_list("code", "pk"))
        self.goods = dict(goods.values_list("code", "pk"))

    def unknown_of(self, hold: HoldWanted) -> HoldUnknownCode | None:
        if hold.shop not in self.shops:
            return HoldUnknownCode(field="shop", value=hold.shop)
        if hold.warehouse not in self.houses:
            return HoldUnknownCode(field="warehouse", value=hold.warehouse)
        unknown = next((code for code in hold.pieces if code not in self.goods), None)
        return None if unknown is None else HoldUnknownCode(field="sku", value=unknown)

    def places_of(self, hold: HoldWanted) -> dict[tuple[int, int], int]:
        house = self.houses[hold.warehouse]
        return {(self.goods[code], house): pieces for code, pieces in hold.pieces.items()}

    def lines_of(self, hold: HoldWanted, holder: str) -> list[Wanted]:
        return [
            Wanted(sku, house, pieces, holder=holder, shop_id=self.shops[hold.shop], expires_at=hold.expires_at)
            for (sku, house), pieces in self.places_of(hold).items()
        ]

    def skus_of(self, error: object) -> list[str]:
        short = set(error.sku_ids) if isinstance(error, StockShort) else set()
        return sorted(code for code, pk in self.goods.items() if pk in short)
