"""What people and spreadsheets write into cells, as values: amounts, times, whole numbers. None where it is none."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from ordercenter.common.money import CENT

MOST = Decimal(10) ** 10
_GUARDED = re.compile(r'^="([^"]*)"$')
_TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]+(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})(?:\.\d+)?秒?)?分?)?\s*"
    r"(Z|[+-]\d{2}:?\d{2})?"
)
_SERIAL = re.compile(r"[2-8]\d{4}(?:\.\d+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")
_LONG_NUMBER = re.compile(r"\d{7,}")
_OF_PERSONS = frozenset({"name", "phone", "address", "town", "zip_code", "buyer", "buyer_remark", "seller_remark"})
_NUMBERS = frozenset({"order_no", "line_no", "sku", "payment_no"})
# Day 0 of spreadsheets that count from 1900 (with the 29 February that never was).
_DAY_ZERO = datetime.fromisoformat("1899-12-30")
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

# Words of platforms and people -> what they mean to intake.
STATUSES = {
    "created": "created",
    "unpaid": "created",
    "待付款": "created",
    "未付款": "created",
    "等待买家付款": "created",
    "paid": "paid",
    "已付款": "paid",
    "待发货": "paid",
    "买家已付款": "paid",
    "等待卖家发货": "paid",
    "买家已付款,等待卖家发货": "paid",
    "cancelled": "cancelled",
    "已取消": "cancelled",
    "交易关闭": "cancelled",
    "已关闭": "cancelled",
}


def masked_cell(text: str, column: str | None) -> str:
    """A cell as it may be shown. column: ours, None for one that is not matched: of that only the beginning.

    What says who somebody is keeps its first character; elsewhere a long number keeps its last four digits, for a
    column that is matched wrongly may hold phones.
    """
    if column is None:
        return text if len(text) <= 3 else f"{text[:3]}…"
    if column in _OF_PERSONS:
        return f"{text[:1]}**" if text else ""
    return text if column in _NUMBERS else _LONG_NUMBER.sub(lambda found: f"***{found[0][-4:]}", text)


def plain_text(cell: str) -> str:
    """A cell without what spreadsheets put around a text to keep it one: ="0123"."""
    text = cell.strip()
    return _GUARDED.sub(r"\1", text).strip() if text.startswith("=") else text


def has_control(text: str) -> bool:
    """Whether it holds what no name and no address holds, and readers of XML stumble over."""
    return _CONTROL.search(text) is not None


@lru_cache(maxsize=65536)
def amount_of(text: str) -> Decimal | None:
    """An amount with its fractions as written: 1,234.50 or ¥12 or 12元."""
    plain = text.replace(",", "").replace("，", "").strip("¥￥元 ")
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value < MOST and plain.isascii() else None


def in_cents(value: Decimal) -> bool:
    """Whether an amount has no fractions of a fen."""
    return value == value.quantize(CENT)


@lru_cache(maxsize=65536)
def whole_of(text: str) -> int | None:
    """A whole number from 1 to 100,000; 3.00 is one."""
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    if not text.isascii() or not value.is_finite() or value != value.to_integral_value() or not 1 <= value <= 100_000:
        return None
    return int(value)


@lru_cache(maxsize=65536)
def instant_of(text: str, zone: str) -> datetime | None:
    """A time as written in the zone of the shop, or a spreadsheet's number of days, in UTC."""
    found = _TIME.fullmatch(text.strip())
    try:
        if found is not None:
            parts = [int(part or 0) for part in found.groups()[:6]]
            at = datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - its zone is what comes next
            return _in_range(_zoned(at, found.group(7), zone))
        if _SERIAL.fullmatch(text):
            seconds = int((Decimal(text) * 86400).to_integral_value())
            return _in_range(_zoned(_DAY_ZERO + timedelta(seconds=seconds), None, zone))
    except (ValueError, OverflowError):
        pass
    return None


def _zoned(at: datetime, offset: str | None, zone: str) -> datetime:
    if offset is None:
        return at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return datetime.fromisoformat(at.isoformat() + ("+00:00" if offset == "Z" else offset)).astimezone(UTC)


def _in_range(at: datetime) -> datetime | None:
    return at if _EARLIEST <= at < _LATEST else None
