"""The calendars of warehouses as they were at an instant, out of their history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import Model

from fulfillment.models import WarehouseCalendar, WarehouseClosing, WarehouseDay
from fulfillment.routing.calendar import Closing, WarehouseDays
from fulfillment.services.routing_world import RoutingWorld, calendar_of


def world_on(world: RoutingWorld, at: datetime) -> tuple[RoutingWorld, list[str]]:
    """The world with the calendars that its warehouses had then, and the codes of those whose past is not kept.

    Of a row without any history (brought in by a script) nobody knows since when it stands: it is taken as it is now,
    and its warehouse is named. Six statements.
    """
    own, unknown = _as_of(WarehouseCalendar, at)
    special, unknown_days = _as_of(WarehouseDay, at)
    closed, unknown_closings = _as_of(WarehouseClosing, at)
    days: dict[int, list[Any]] = defaultdict(list)
    closings: dict[int, list[Closing]] = defaultdict(list)
    for row in special:
        days[row.warehouse_id].append(row)
    for row in sorted(closed, key=lambda row: row.starts_on):
        closings[row.warehouse_id].append(Closing(row.starts_on, row.reopens_on, row.policy))
    rows = {row.warehouse_id: row for row in own}
    calendars: dict[int, WarehouseDays] = {
        pk: calendar_of(rows.get(pk), days[pk], closings[pk]) for pk in sorted({*rows, *days, *closings})
    }
    limited = [w for w, each in calendars.items() if each.daily_parcels is not None or each.of_day]
    doubtful = sorted(world.warehouse_codes.get(pk, str(pk)) for pk in unknown | unknown_days | unknown_closings)
    return replace(world, calendars=calendars, limited=tuple(sorted(limited))), doubtful


def _as_of(model: type[Model], at: datetime) -> tuple[Sequence[Any], set[int]]:
    """The rows as they were, and the warehouses of rows that have no history at all."""
    history: Any = model.history.model  # type: ignore[attr-defined]
    told = history.objects.filter(history_date__lte=at).order_by("id", "-history_date", "-history_id").distinct("id")
    then = [row for row in told if row.history_type != "-"]
    kept = set(history.objects.values_list("id", flat=True).distinct())
    without: Iterable[Any] = model._default_manager.exclude(pk__in=kept)
    now = list(without)
    return [*then, *now], {row.warehouse_id for row in now}
