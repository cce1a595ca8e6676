"""One value of a shop's row, read by its rule: path, constant or text put together; then unit, clock or table of words.

A rule never guesses: what is not as the rule says raises MessageUnreadable with the place in the shop's own document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from channels_sync.connector.paths import MISSING, JsonPath, one
from channels_sync.errors import MessageUnreadable
from ordercenter.common.money import ZERO

Unit = Literal["yuan", "fen"]
_NUMBER = re.compile(r"-?[0-9]{1,13}(?:\.[0-9]{1,12})?")
_WHOLE = re.compile(r"-?[0-9]{1,13}(?:\.0{1,12})?")
MAX_TEXT = 4000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """How a shop writes times. form: iso, unix, unix_ms or a pattern of strptime; zone: for forms that name none."""

    form: str = "iso"
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))

    def read(self, value: Any) -> datetime | None:
        """The instant in UTC; None when the value is not of this form."""
        try:
            if self.form in ("unix", "unix_ms"):
                number = Decimal(str(value)) / (1000 if self.form == "unix_ms" else 1)
                return _EPOCH + timedelta(microseconds=int(number * 10**6)) if 0 <= number < 10**11 else None
            if not isinstance(value, str) or len(value) > 64:
                return None
            read = datetime.fromisoformat(value) if self.form == "iso" else _by_pattern(value, self.form)
            return (read if read.tzinfo else read.replace(tzinfo=self.zone)).astimezone(UTC)
        except (ArithmeticError, ValueError, OverflowError, OSError):
            return None

    def write(self, at: datetime) -> str:
        """An aware instant as the shop wants to hear it."""
        if self.form == "unix":
            return str(int(at.timestamp()))
        if self.form == "unix_ms":
            return str(int(at.timestamp() * 1000))
        local = at.astimezone(self.zone)
        return local.isoformat(timespec="seconds") if self.form == "iso" else local.strftime(self.form)


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a field comes from. parts: paths and literal texts, one of them unless texts are put together.

    words: a table from the shop's words to ours; otherwise: ours for a word that the table does not have.
    """

    parts: tuple[JsonPath | str, ...]
    default: Any = None
    unit: Unit = "yuan"
    clock: Clock | None = None
    words: Mapping[str, str] | None = None
    otherwise: str | None = None

    @property
    def place(self) -> str:
        """The path as it stands in the configuration."""
        return " + ".join(part.text if isinstance(part, JsonPath) else repr(part) for part in self.parts)

    def raw(self, row: Any) -> Any:
        """What the row has; the default, or MISSING, when it has nothing."""
        if len(self.parts) == 1:
            (part,) = self.parts
            value = one(row, part) if isinstance(part, JsonPath) else part
        else:
            value = self._joined(row)
        if value is MISSING or value == "":
            return MISSING if self.default is None else self.default
        return value

    def _joined(self, row: Any) -> Any:
        texts = []
        for part in self.parts:
            if isinstance(part, str):
                texts.append(part)
            elif (value := one(row, part)) is not MISSING:
                texts.append(_as_text(value, part.text))
        return "".join(texts)


def text(rule: Rule | None, row: Any, where: str = "", *, most: int = MAX_TEXT, is_needed: bool = False) -> str:
    """A text; numbers are written out. where: the place of the row, for errors."""
    value = MISSING if rule is None else rule.raw(row)
    if value is MISSING:
        if is_needed:
            raise _unreadable(rule, where, "missing")
        return ""
    found = _as_text(value, _place(rule, where))
    if len(found) > most:
        raise _unreadable(rule, where, "ill_typed", f"longer than {most}")
    return found


def word(rule: Rule, row: Any, where: str = "") -> str:
    """One of our words, by the rule's table."""
    value = rule.raw(row)
    if value is MISSING:
        raise _unreadable(rule, where, "missing")
    theirs = _as_text(value, _place(rule, where))
    ours = theirs if rule.words is None else rule.words.get(theirs, rule.otherwise)
    if ours is None:
        raise _unreadable(rule, where, "unknown_value", theirs[:64])
    return ours


def money(rule: Rule | None, row: Any, where: str = "") -> Decimal | None:
    """An amount in yuan (or the shop's currency), never negative, to the hundredth; None when the row has none."""
    value = MISSING if rule is None else rule.raw(row)
    if rule is None or value is MISSING:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _unreadable(rule, where, "ill_typed", type(value).__name__)
    digits = value if isinstance(value, str) else format(value, "f")
    if not _NUMBER.fullmatch(digits):
        raise _unreadable(rule, where, "ill_typed")
    amount = Decimal(digits) / (100 if rule.unit == "fen" else 1)
    if amount < 0 or amount != amount.quantize(ZERO) or amount >= 10**12:
        raise _unreadable(rule, where, "ill_typed", "negative, too large or finer than 0.01")
    return amount.quantize(ZERO)


def whole(rule: Rule | None, row: Any, where: str = "", *, default: int | None = None, most: int = 1_000_000) -> int:
    """A whole number of at least 0."""
    value = MISSING if rule is None else rule.raw(row)
    if value is MISSING:
        if default is None:
            raise _unreadable(rule, where, "missing")
        return default
    digits = value if isinstance(value, str) else "" if isinstance(value, bool) else str(value)
    if not _WHOLE.fullmatch(digits) or not 0 <= int(Decimal(digits)) <= most:
        raise _unreadable(rule, where, "ill_typed")
    return int(Decimal(digits))


def flag(rule: Rule | None, row: Any, where: str = "") -> bool:
    """Yes or no: true, 1, "1", "true", "yes"; a table of words may say others."""
    value = MISSING if rule is None else rule.raw(row)
    if rule is None or value is MISSING:
        return False
    found = word(rule, row, where) if rule.words is not None else _as_text(value, _place(rule, where))
    if found.lower() in ("1", "true", "yes", "y"):
        return True
    if found.lower() in ("0", "false", "no", "n"):
        return False
    raise _unreadable(rule, where, "unknown_value", found[:64])


def time(rule: Rule | None, row: Any, clock: Clock, where: str = "") -> datetime | None:
    """An instant in UTC; None when the row has none (also 0, which many shops write for never)."""
    value = MISSING if rule is None else rule.raw(row)
    if rule is None or value is MISSING or value in (0, "0"):
        return None
    at = (rule.clock or clock).read(value)
    if at is None:
        raise _unreadable(rule, where, "ill_typed", "not a time of this form")
    return at


def needed_time(rule: Rule | None, row: Any, clock: Clock, where: str = "") -> datetime:
    """A time that has to be there."""
    at = time(rule, row, clock, where)
    if at is None:
        raise _unreadable(rule, where, "missing")
    return at


def needed_money(rule: Rule | None, row: Any, where: str = "") -> Decimal:
    """An amount that has to be there."""
    amount = money(rule, row, where)
    if amount is None:
        raise _unreadable(rule, where, "missing")
    return amount


def _as_text(value: Any, place: str) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    raise MessageUnreadable(path=place, problem="ill_typed", detail=type(value).__name__)


def _by_pattern(value: str, pattern: str) -> datetime:
    return datetime.strptime(value, pattern)  # noqa: DTZ007 - the caller gives it its zone


def _place(rule: Rule | None, where: str) -> str:
    place = rule.place if rule is not None else "?"
    return place.replace("$", where, 1) if where and place.startswith("$") else place


def _unreadable(rule: Rule | None, where: str, problem: str, detail: str = "") -> MessageUnreadable:
    return MessageUnreadable(path=_place(rule, where), problem=problem, detail=detail)
