from datetime import UTC, datetime, timedelta, timezone

import pytest

from ordercenter.common.gmt8 import format_gmt8, parse_gmt8


def test_platform_time_is_eight_hours_ahead_of_utc():
    assert parse_gmt8("2026-11-11 00:01:05") == datetime(2026, 11, 10, 16, 1, 5, tzinfo=UTC)
    assert parse_gmt8("2026-11-11 00:01:05").tzinfo is UTC


def test_any_zone_is_written_as_platform_time_in_whole_seconds():
    assert format_gmt8(datetime(2026, 11, 10, 16, 1, 5, 999_999, tzinfo=UTC)) == "2026-11-11 00:01:05"
    tokyo = timezone(timedelta(hours=9))
    assert format_gmt8(datetime(2026, 11, 11, 1, 1, 5, tzinfo=tokyo)) == "2026-11-11 00:01:05"
    assert format_gmt8(datetime(999, 1, 1, 12, 0, 0, tzinfo=UTC)) == "0999-01-01 20:00:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-11",
        "2026-11-11T00:01:05",
        "2026-13-11 00:01:05",
        "2026-02-30 00:01:05",
        "2026-11-11 24:01:05",
        "2026-11-11 00:01:60",
        "2026-W46-3 00:01:05",
        "20261111 0001050000",
        "2026-11-11 00:01+08",
        "２026-11-11 00:01:05",
        "0001-01-01 00:00:00",
    ],
)
def test_any_other_form_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_gmt8(text)


def test_a_naive_time_is_not_written():
    with pytest.raises(ValueError, match="naive"):
        format_gmt8(datetime(2026, 11, 11))  # noqa: DTZ001
