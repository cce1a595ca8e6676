"""When a parcel of now leaves a warehouse."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from fulfillment.routing.calendar import ALWAYS_OPEN, Closing, WarehouseDays

SHANGHAI = ZoneInfo("Asia/Shanghai")
# A Friday.
FRIDAY = date(2026, 11, 27)
SATURDAY, SUNDAY, MONDAY = date(2026, 11, 28), date(2026, 11, 29), date(2026, 11, 30)
WEEKDAYS = frozenset({1, 2, 3, 4, 5})


def at(hour: int, minute: int = 0, day: date = FRIDAY) -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=SHANGHAI)


def test_without_a_calendar_everything_leaves_today() -> None:
    assert ALWAYS_OPEN.dispatch_day(at(23, 59)) == (FRIDAY, None)


def test_what_comes_at_the_cut_off_leaves_on_the_next_workday() -> None:
    days = WarehouseDays(workdays=WEEKDAYS, cut_off=time(16))

    assert days.dispatch_day(at(15, 59)) == (FRIDAY, None)
    assert days.dispatch_day(at(16, 0)) == (MONDAY, None)


def test_an_extra_workday_and_a_holiday_go_before_the_weekday() -> None:
    days = WarehouseDays(workdays=WEEKDAYS, cut_off=time(16), days={FRIDAY: False, SUNDAY: True})

    assert days.dispatch_day(at(9)) == (SUNDAY, None)


def test_the_day_is_the_day_of_the_warehouse() -> None:
    days = WarehouseDays(cut_off=time(16))

    assert days.dispatch_day(datetime(2026, 11, 26, 17, tzinfo=ZoneInfo("UTC"))) == (FRIDAY, None), "1 o'clock there"


def test_a_closing_ends_on_the_morning_it_opens_again() -> None:
    days = WarehouseDays(closings=(Closing(FRIDAY, MONDAY, "hold"),))

    assert days.dispatch_day(at(9)) == (MONDAY, None)
    assert days.dispatch_day(at(9), ignore_closings=True) == (FRIDAY, None)
    assert days.closing_at(at(9, day=SUNDAY)) == Closing(FRIDAY, MONDAY, "hold")
    assert days.closing_at(at(0, day=MONDAY)) is None


def test_a_full_day_is_passed_over_and_the_room_of_the_next_is_said() -> None:
    days = WarehouseDays(daily_parcels=100, of_day={SUNDAY: 5})

    assert days.dispatch_day(at(9), {FRIDAY: 40}) == (FRIDAY, 60)
    assert days.dispatch_day(at(9), {FRIDAY: 100, SATURDAY: 120, SUNDAY: 2}) == (SUNDAY, 3)


def test_where_full_means_closed_no_later_day_is_looked_at() -> None:
    days = WarehouseDays(daily_parcels=100, full_excludes=True)

    assert days.dispatch_day(at(9), {FRIDAY: 100}) == (FRIDAY, 0)


def test_a_warehouse_that_never_opens_ships_never() -> None:
    assert WarehouseDays(workdays=frozenset()).dispatch_day(at(9)) is None


def test_held_shipments_leave_with_the_next_wave_or_cut_off_of_a_workday() -> None:
    days = WarehouseDays(workdays=WEEKDAYS, cut_off=time(16), waves=(time(10), time(14)))

    assert days.next_release(at(9)) == at(10)
    assert days.next_release(at(10)) == at(14)
    assert days.next_release(at(14, 30)) == at(16)
    assert days.next_release(at(16)) == at(10, day=MONDAY)
    assert ALWAYS_OPEN.next_release(at(9)) is None
