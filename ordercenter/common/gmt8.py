"""Wall-clock text of the Chinese platforms, `yyyy-MM-dd HH:mm:ss` in GMT+8 without a zone, to instants and back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

GMT8 = timezone(timedelta(hours=8))
_EIGHT_HOURS = timedelta(hours=8)


def parse_gmt8(text: str) -> datetime:
    """`2026-11-11 00:01:05` to the aware UTC instant. Raises ValueError for any other form."""
    # The reader takes more forms than this one; length and separators leave only this one.
    if len(text) != 19 or text[10] != " " or text[4] != "-" or text[7] != "-" or text[13] != ":" or text[16] != ":":
        raise ValueError("not yyyy-MM-dd HH:mm:ss")
    try:
        return datetime.fromisoformat(text + "+00:00") - _EIGHT_HOURS
    except OverflowError:
        raise ValueError("before the first year") from None


def format_gmt8(at: datetime) -> str:
    """An aware instant as `yyyy-MM-dd HH:mm:ss` of GMT+8, whole seconds. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError("a naive time has no place in the protocol")
    local = at.astimezone(GMT8)
    return f"{local.year:04}-{local.month:02}-{local.day:02} {local.hour:02}:{local.minute:02}:{local.second:02}"
