"""What decisions are made with: couriers' prices, rules, calendars, shadow prices. Compiled once per version.

The stamps of a unit of work say which versions hold; only what changed is read and compiled anew.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection
from django.utils import timezone

from fulfillment.models import (
    Carrier,
    RoutingRuleSet,
    RoutingRuleVersion,
    ShadowPrices,
    Shipment,
    WarehouseCalendar,
    WarehouseClosing,
    WarehouseDay,
    WarehouseLoad,
)
from fulfillment.models.routing import ACTIVE_RULES
from fulfillment.routing.calendar import Closing, WarehouseDays
from fulfillment.routing.decide import Decider
from fulfillment.routing.record import Versions
from fulfillment.routing.rule_document import RuleDocument, parse_rules, standard_document
from fulfillment.routing.rules import CompiledRules, Masters
from fulfillment.routing.tariff import Tariff
from fulfillment.routing.terms import Prices
from fulfillment.services.courier_prices import PriceBook, tariff_of
from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.catalog.models import Shop
from ordercenter.inventory.models import Warehouse

_KEPT = 4
# Prices are learned every night. Older ones speak of stock that is gone or has come since: then none count.
PRICES_LAST = timedelta(days=3)
_worlds: OrderedDict[tuple[Any, ...], RoutingWorld] = OrderedDict()


@dataclass(frozen=True)
class RoutingWorld:
    """Everything that decisions of now are made with. Immutable; shared by all batches of a process."""

    tariff: Tariff
    # The tariff's couriers are products of couriers: product id -> carrier id.
    carriers: Mapping[int, int]
    rules: CompiledRules
    prices: Prices | None
    calendars: Mapping[int, WarehouseDays]
    versions: Versions
    warehouse_codes: Mapping[int, str]
    # Warehouses whose parcels per day are limited, in the order in which they are locked.
    limited: tuple[int, ...]
    channels: dict[int, str] = field(default_factory=dict)

    def decider(self, *, at: datetime, loads: Mapping[int, dict[date, int]] | None = None) -> Decider:
        """Decides orders of this instant; made once per batch."""
        return Decider(
            tariff=self.tariff, rules=self.rules, prices=self.prices, at=at, calendars=self.calendars, loads=loads
        )

    def with_rules(self, document: RuleDocument, *, number: int = 0) -> RoutingWorld:
        """The same world under other rules: for previews and trials."""
        rules = CompiledRules(document, self.rules.masters)
        versions = Versions(number, document.content_hash, self.versions.rates, self.versions.prices)
        return replace(self, rules=rules, versions=versions)

    def channel_of(self, shop_id: int) -> str | None:
        """The code of the shop's channel; shops hardly ever change it, so it is asked once."""
        if shop_id not in self.channels:
            self.channels.update(Shop.objects.values_list("pk", "channel__code"))
        return self.channels.get(shop_id)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which versions hold now. has_pins: whether any order is pinned by a person at all."""

    rules: int
    number: int
    content_hash: str
    prices: int
    masters: str
    has_pins: bool

    @property
    def key(self) -> tuple[Any, ...]:
        return self.rules, self.prices, self.masters


def routing_world(work: Work) -> RoutingWorld:
    """The world of this unit of work. No statement but when something changed since this process looked last."""
    return _of_work(work)[1]


def has_pins(work: Work) -> bool:
    """Whether any order is pinned by a person."""
    return _of_work(work)[0].has_pins


def current_world() -> RoutingWorld:
    """The world of now, outside of a unit of work: for pages, previews and trials."""
    return _world(read_stamp())


def read_stamp() -> Stamp:
    """One statement: versions and a digest of the small tables, so that no change is ever missed."""
    with connection.cursor() as cursor:
        cursor.execute(_STAMP_SQL, [timezone.now() - PRICES_LAST, ACTIVE_RULES])
        return Stamp(*cursor.fetchone())


def loads_of(world: RoutingWorld, *, since: date) -> dict[int, dict[date, int]]:
    """Parcels planned from this day on at warehouses with a limit. One statement, none where nothing is limited."""
    loads: dict[int, dict[date, int]] = defaultdict(dict)
    if world.limited:
        rows = WarehouseLoad.objects.filter(warehouse_id__in=world.limited, on__gte=since)
        for warehouse_id, on, parcels in rows.values_list("warehouse_id", "on", "parcels"):
            # Below zero is a miscount; it must not make room that is not there.
            loads[warehouse_id][on] = max(0, parcels)
    return loads


def lock_loads(world: RoutingWorld, work: Work) -> dict[int, dict[date, int]]:
    """The same for a unit of work that will plan parcels: others who would wait until it is done.

    The calendars' rows are the lock, taken by primary key and after the stock: two statements, or none.
    """
    if not world.limited:
        return {}
    rows = WarehouseCalendar.objects.filter(warehouse_id__in=world.limited).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
    return loads_of(world, since=timezone.localdate(work.at))


def count_loads(shipments: Iterable[Shipment]) -> None:
    """Count new shipments on the day for which each is planned, where parcels per day are limited.

    The counter follows shipments, not decisions: orders that share a parcel are one, an order in two boxes is two.
    One statement, or none.
    """
    _add_loads(Counter(place for s in shipments if (place := _place_of(s.warehouse_id, s.decision)) is not None))


def free_loads(*, shipment_ids: Collection[int]) -> None:
    """Give the room of cancelled shipments back to the day for which they were planned. Two statements at most."""
    rows = Shipment.objects.filter(pk__any_of=list(shipment_ids)).values_list("warehouse_id", "decision")
    freed = Counter(place for row in rows if (place := _place_of(*row)) is not None)
    _add_loads({place: -parcels for place, parcels in freed.items()})


def _place_of(warehouse_id: int, decision: Mapping[str, Any]) -> tuple[int, date] | None:
    """Warehouse and day of a shipment; None where nothing was limited when it was decided."""
    parcels = decision.get("parcels", ())
    day = next((p["on"] for p in parcels if p["warehouse"] == warehouse_id and p.get("on")), None)
    return (warehouse_id, date.fromisoformat(day)) if day is not None else None


def _add_loads(counts: Mapping[tuple[int, date], int]) -> None:
    if not counts:
        return
    places = sorted(counts)
    with connection.cursor() as cursor:
        # Nothing is clipped: a counter below zero is a mistake that has to be seen (`check_invariants`).
        cursor.execute(
            'INSERT INTO fulfillment_warehouseload (warehouse_id, "on", parcels)'
            " SELECT * FROM unnest(%s::bigint[], %s::date[], %s::int[])"
            ' ON CONFLICT (warehouse_id, "on") DO UPDATE'
            " SET parcels = fulfillment_warehouseload.parcels + excluded.parcels",
            [[w for w, _ in places], [d for _, d in places], [counts[place] for place in places]],
        )


_STAMP_SQL = """
SELECT coalesce(v.id, 0), coalesce(v.number, 0), coalesce(v.content_hash, ''),
  coalesce((SELECT max(id) FROM fulfillment_shadowprices WHERE is_active AND learned_at > %s), 0),
  md5(concat_ws('|',
    (SELECT version::text FROM fulfillment_priceversion),
    (now() AT TIME ZONE 'Asia/Shanghai')::date,
    (SELECT string_agg(concat_ws(':', id, code, is_open), ',' ORDER BY id) FROM inventory_warehouse),
    (SELECT string_agg(concat_ws(':', warehouse_id, workdays, cut_off, waves, daily_parcels, full_excludes, zone), ','
       ORDER BY id) FROM fulfillment_warehousecalendar),
    (SELECT string_agg(t::text, ',' ORDER BY id) FROM fulfillment_warehouseday t WHERE "on" >= current_date - 1),
    (SELECT string_agg(t::text, ',' ORDER BY id) FROM fulfillment_warehouseclosing t
       WHERE reopens_on >= current_date - 1))),
  EXISTS (SELECT 1 FROM fulfillment_routingpin WHERE ended_at IS NULL)
FROM (SELECT 1) AS one
LEFT JOIN fulfillment_routingruleset s ON s.key = %s
LEFT JOIN fulfillment_routingruleversion v ON v.id = s.active_version_id
"""


def _of_work(work: Work) -> tuple[Stamp, RoutingWorld]:
    known: tuple[Stamp, RoutingWorld] | None = work.shared.get("routing_world")
    if known is None:
        # Days pass without anybody changing a row: calendars and contracts are looked at anew each day.
        of_day: dict[date, Stamp] = compiled(work, ("routing", "warehouses", "pins"), dict)
        today = timezone.localdate()
        stamp = of_day.get(today) or read_stamp()
        of_day.clear()
        of_day[today] = stamp
        known = work.shared["routing_world"] = (stamp, _world(stamp))
    return known


def _world(stamp: Stamp) -> RoutingWorld:
    world = _worlds.get(stamp.key)
    if world is None:
        world = _worlds[stamp.key] = _build(stamp)
        while len(_worlds) > _KEPT:
            _worlds.popitem(last=False)
    else:
        _worlds.move_to_end(stamp.key)
    return world


def _build(stamp: Stamp) -> RoutingWorld:
    book = tariff_of(timezone.now())
    tariff = book.tariff
    codes = dict(Warehouse.objects.values_list("pk", "code"))
    masters = Masters(
        warehouses=tariff.warehouses,
        couriers=tariff.couriers,
        warehouse_names={code: pk for pk, code in codes.items()},
        courier_names=_courier_names(book),
    )
    document = standard_document()
    if stamp.rules:
        document = RoutingRuleVersion.objects.values_list("document", flat=True).get(pk=stamp.rules)
    calendars = read_calendars()
    limited = [w for w, days in calendars.items() if days.daily_parcels is not None or days.of_day]
    return RoutingWorld(
        tariff=tariff,
        carriers=book.carriers,
        rules=CompiledRules(parse_rules(document), masters),
        prices=_prices(stamp.prices, tariff),
        calendars=calendars,
        versions=Versions(stamp.number, stamp.content_hash, tariff.version, stamp.prices),
        warehouse_codes=codes,
        limited=tuple(sorted(limited)),
    )


def _courier_names(book: PriceBook) -> dict[str, tuple[int, ...]]:
    """Courier code -> its products in the tariff; a courier without a contract of today has none."""
    products: dict[int, list[int]] = defaultdict(list)
    for product_id, carrier_id in book.carriers.items():
        products[carrier_id].append(product_id)
    return {code: tuple(products[pk]) for pk, code in Carrier.objects.values_list("pk", "code")}


def read_calendars(warehouse_ids: Collection[int] | None = None) -> dict[int, WarehouseDays]:
    """The calendar of each warehouse that has one, special days or closings. Three statements."""
    days: dict[int, list[WarehouseDay]] = defaultdict(list)
    closings: dict[int, list[Closing]] = defaultdict(list)
    own = {row.warehouse_id: row for row in WarehouseCalendar.objects.all()}
    for day in WarehouseDay.objects.all():
        days[day.warehouse_id].append(day)
    for closing in WarehouseClosing.objects.order_by("starts_on"):
        closings[closing.warehouse_id].append(Closing(closing.starts_on, closing.reopens_on, closing.policy))
    ids = {*own, *days, *closings} if warehouse_ids is None else set(warehouse_ids)
    return {pk: calendar_of(own.get(pk), days[pk], closings[pk]) for pk in sorted(ids)}


def calendar_of(
    row: WarehouseCalendar | None, days: Sequence[WarehouseDay], closings: Sequence[Closing]
) -> WarehouseDays:
    """One warehouse's calendar out of its rows; without a calendar of its own it works every day."""
    row = row or WarehouseCalendar()
    return WarehouseDays(
        zone=ZoneInfo(row.zone),
        workdays=frozenset(row.workdays),
        cut_off=row.cut_off,
        waves=tuple(row.waves),
        days={day.on: day.is_workday for day in days},
        daily_parcels=row.daily_parcels,
        of_day={day.on: day.daily_parcels for day in days if day.daily_parcels is not None},
        closings=tuple(closings),
        full_excludes=row.full_excludes,
    )


def _prices(version: int, tariff: Tariff) -> Prices | None:
    row = ShadowPrices.objects.filter(pk=version).first() if version else None
    if row is None:
        return None

    def by_warehouse(fen: Mapping[str, float]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([fen.get(str(w), 0.0) for w in tariff.warehouses], np.float64)

    return Prices(
        stock={int(sku_id): by_warehouse(fen) for sku_id, fen in row.stock.items()},
        parcel=by_warehouse(row.parcels),
        unit=by_warehouse(row.units),
        version=str(row.pk),
    )


def active_rule_set() -> RoutingRuleSet | None:
    """The rule set with its active version."""
    return RoutingRuleSet.objects.filter(key=ACTIVE_RULES).select_related("active_version").first()
