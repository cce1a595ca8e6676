"""When a parcel of now leaves a warehouse: workdays, cut-off, closings, capacity per day. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Nobody plans further ahead: a warehouse that is shut for so long cannot ship.
HORIZON_DAYS = 60
EVERY_DAY = frozenset(range(1, 8))


@dataclass(frozen=True, slots=True)
class Closing:
    """A warehouse is shut from starts_on to before reopens_on. policy: hold, fall_back, or "" as the rules say."""

    starts_on: date
    reopens_on: date
    policy: str = ""


@dataclass(frozen=True, slots=True)
class WarehouseDays:
    """The calendar of one warehouse.

    workdays: ISO weekdays, 1 Monday to 7 Sunday. cut_off: later orders leave the next day. waves: when held shipments
    are handed over, besides the cut-off. days: exceptions, date -> works that day or not. daily_parcels: how many leave
    in a day, None for any number; of_day: exceptions of it. full_excludes: no later day is looked at when one is full.
    """

    zone: ZoneInfo = ZoneInfo("Asia/Shanghai")
    workdays: frozenset[int] = EVERY_DAY
    cut_off: time | None = None
    waves: tuple[time, ...] = ()
    days: Mapping[date, bool] = field(default_factory=dict)
    daily_parcels: int | None = None
    of_day: Mapping[date, int] = field(default_factory=dict)
    closings: tuple[Closing, ...] = ()
    full_excludes: bool = False

    def today(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def closing_at(self, at: datetime) -> Closing | None:
        """The temporary closing that is on at this instant."""
        today = self.today(at)
        return next((c for c in self.closings if c.starts_on <= today < c.reopens_on), None)

    def works_on(self, day: date) -> bool:
        if any(closing.starts_on <= day < closing.reopens_on for closing in self.closings):
            return False
        return self.days.get(day, day.isoweekday() in self.workdays)

    def capacity_on(self, day: date) -> int | None:
        return self.of_day.get(day, self.daily_parcels)

    def dispatch_day(
        self, at: datetime, loads: Mapping[date, int] | None = None, *, ignore_closings: bool = False
    ) -> tuple[date, int | None] | None:
        """The first day on which a parcel of this instant can leave, and how many more parcels fit on it (None: any).

        loads: parcels that are planned already, by day. None when there is no such day within the horizon. With
        full_excludes only the first working day counts, however full it is.
        """
        local = at.astimezone(self.zone)
        day = local.date()
        if self.cut_off is not None and local.time() >= self.cut_off:
            day += timedelta(days=1)
        for _ in range(HORIZON_DAYS):
            works = self.days.get(day, day.isoweekday() in self.workdays) if ignore_closings else self.works_on(day)
            if works:
                capacity = self.capacity_on(day)
                if capacity is None:
                    return day, None
                left = max(capacity - (loads or {}).get(day, 0), 0)
                if left or self.full_excludes:
                    return day, left
            day += timedelta(days=1)
        return None

    def next_release(self, at: datetime) -> datetime | None:
        """When shipments held back at this instant are handed over: the next wave or cut-off of a working day."""
        times = sorted({*self.waves, *([self.cut_off] if self.cut_off is not None else [])})
        if not times:
            return None
        local = at.astimezone(self.zone)
        for offset in range(HORIZON_DAYS):
            day = local.date() + timedelta(days=offset)
            if not self.works_on(day):
                continue
            for each in times:
                instant = datetime.combine(day, each, tzinfo=self.zone)
                if instant > at:
                    return instant
        return None


ALWAYS_OPEN = WarehouseDays()
