"""One field each of a platform's JSON object: read, checked, and named by its path when it is not as it must be.

Paths are in the platform's own words ("trade.orders.order[1].num"). The value itself never gets into an error: it may
be personal data. Every reader raises MessageUnreadable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from channels_sync.errors import MessageUnreadable
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.money import ZERO, from_fen

MAX_QUANTITY = 1_000_000
MAX_FEN = 10**14
# The last second of the year 9999: what comes after it is milliseconds, or nonsense.
MAX_UNIX_S = 253_402_300_799
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?")
_PRECISE = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?")


def number(raw: Mapping[str, Any], key: str, path: str) -> str:
    """A mandatory number of the platform as text.

    A 19-digit number may have lost its end on the way through a double, so the text twin (`tid_str`) goes first.
    """
    value = raw.get(f"{key}_str") or raw.get(key)
    if type(value) is int and 0 < value < 10**40:
        return str(value)
    if type(value) is str and 0 < len(value) <= 64 and value.isascii() and value.isalnum():
        return value
    raise _bad(value, f"{path}.{key}")


def code(raw: Mapping[str, Any], key: str, path: str) -> str:
    """An optional code or opaque id of at most 64 characters."""
    value = raw.get(key)
    if value is None:
        return ""
    if type(value) is int and abs(value) < 10**40:
        return str(value)
    if type(value) is str and len(value) <= 64:
        return value.strip()
    raise _bad(value, f"{path}.{key}")


def text(raw: Mapping[str, Any], key: str, path: str) -> str:
    """An optional text; empty when absent."""
    value = raw.get(key)
    if type(value) is str:
        return value
    if value is None:
        return ""
    raise _bad(value, f"{path}.{key}")


def whole(raw: Mapping[str, Any], key: str, path: str, *, least: int = 1, most: int = MAX_QUANTITY) -> int:
    """A mandatory whole number, as a number or in plain digits."""
    value = raw.get(key)
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if type(value) is int and least <= value <= most:
        return value
    raise _bad(value, f"{path}.{key}")


def flag(raw: Mapping[str, Any], key: str, path: str) -> bool:
    """An optional yes or no (true, 1, "true", "1"); absent is no."""
    value = raw.get(key)
    if value is None or value is False or value is True:
        return bool(value)
    if type(value) is int or type(value) is str:
        word = str(value).lower()
        if word in ("1", "true"):
            return True
        if word in ("", "0", "false"):
            return False
    raise _bad(value, f"{path}.{key}")


def word(words: Mapping[str, Any], raw: Mapping[str, Any], key: str, path: str) -> Any:
    """A mandatory word of the platform, translated by `words`."""
    value = raw.get(key)
    if type(value) is not str:
        raise _bad(value, f"{path}.{key}")
    try:
        return words[value]
    except KeyError:
        raise MessageUnreadable(path=f"{path}.{key}", problem="unknown_value", detail=value[:64]) from None


def numbered(words: Mapping[str, Any], raw: Mapping[str, Any], key: str, path: str) -> Any:
    """A mandatory status that the platform counts, as a number or in digits, translated by `words` of digits."""
    value = raw.get(key)
    if type(value) is int and abs(value) < 10**18:
        return word(words, {key: str(value)}, key, path)
    if value == "":
        raise _bad(value, f"{path}.{key}")
    return word(words, raw, key, path)


def word_or(default: Any, words: Mapping[str, Any], raw: Mapping[str, Any], key: str, path: str) -> Any:
    """An optional word, translated; `default` when absent or empty."""
    return word(words, raw, key, path) if raw.get(key) else default


def whole_or(default: int, raw: Mapping[str, Any], key: str, path: str, *, most: int = MAX_QUANTITY) -> int:
    """An optional whole number of at least 0; `default` when absent, empty or 0."""
    return whole(raw, key, path, least=0, most=most) if raw.get(key) else default


def amount(raw: Mapping[str, Any], key: str, path: str) -> Decimal:
    """A mandatory amount: yuan text, not negative, at most two decimals."""
    value = raw.get(key)
    if type(value) is str and len(value) <= 16:
        yuan = _yuan(value)
        if yuan is not None:
            return yuan
    raise _bad(value, f"{path}.{key}")


def fen(raw: Mapping[str, Any], key: str, path: str) -> Decimal:
    """A mandatory amount in whole fen, not negative, as yuan."""
    return _from_fen(whole(raw, key, path, least=0, most=MAX_FEN))


def fen_or_zero(raw: Mapping[str, Any], key: str, path: str) -> Decimal:
    """An optional amount in whole fen; 0.00 when absent or empty."""
    return _from_fen(whole_or(0, raw, key, path, most=MAX_FEN))


def signed_fen(raw: Mapping[str, Any], key: str, path: str, *, is_needed: bool = False) -> Decimal:
    """An amount in whole fen of any sign, as yuan; 0.00 when absent, unless it is needed."""
    value = raw.get(key)
    if value in (None, "") and not is_needed:
        return ZERO
    if type(value) is str and value.startswith("-"):
        return -_from_fen(whole({key: value[1:]}, key, path, least=0, most=MAX_FEN))
    return _from_fen(whole(raw, key, path, least=-MAX_FEN, most=MAX_FEN))


@lru_cache(maxsize=16_384)
def _from_fen(fen: int) -> Decimal:
    return from_fen(fen)


@lru_cache(maxsize=16_384)
def _yuan(text: str) -> Decimal | None:
    # The same prices come again and again: a cached amount costs a tenth of a parsed one.
    if _AMOUNT.fullmatch(text) is None:
        return None
    return Decimal(text).quantize(ZERO)


def time(raw: Mapping[str, Any], key: str, path: str) -> datetime:
    """A mandatory time, GMT+8 text, as an aware UTC instant."""
    value = raw.get(key)
    if type(value) is str:
        try:
            return parse_gmt8(value)
        except ValueError:
            pass
    raise _bad(value, f"{path}.{key}")


def unix_time(raw: Mapping[str, Any], key: str, path: str) -> datetime:
    """A mandatory time in whole Unix seconds, as an aware UTC instant."""
    return datetime.fromtimestamp(whole(raw, key, path, least=1, most=MAX_UNIX_S), UTC)


def unix_time_or_none(raw: Mapping[str, Any], key: str, path: str) -> datetime | None:
    """An optional time in Unix seconds; None when absent, empty or 0, which is how platforms write "not yet"."""
    return unix_time(raw, key, path) if raw.get(key) not in (None, "", 0, "0") else None


def objects(raw: Mapping[str, Any], key: str, path: str) -> list[Mapping[str, Any]]:
    """An optional list of objects; empty when absent."""
    found = raw.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _bad(found, f"{path}.{key}")
    for at, item in enumerate(found):
        if not isinstance(item, dict):
            raise MessageUnreadable(path=f"{path}.{key}[{at}]", problem="ill_typed")
    return found


def child(raw: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
    """An optional object; empty when absent."""
    found = raw.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _bad(found, f"{path}.{key}")
    return found


def precise(raw: Mapping[str, Any], key: str, path: str) -> Decimal:
    """An optional sum on the way to an amount: text or number of any sign, up to twelve decimals; 0 when absent."""
    value = raw.get(key)
    if value is None or value == "":
        return ZERO
    if type(value) is int or type(value) is Decimal:
        value = format(value, "f")
    if type(value) is str and _PRECISE.fullmatch(value):
        return Decimal(value)
    raise _bad(value, f"{path}.{key}")


def kept_amount(raw: Mapping[str, Any], key: str, path: str) -> Decimal:
    """A mandatory amount, not negative, as text or number; decimals beyond our books' two have to be noughts."""
    value = raw.get(key)
    if value is None or value == "":
        raise _bad(value, f"{path}.{key}")
    found = precise(raw, key, path)
    if found < 0 or found != found.quantize(ZERO):
        raise MessageUnreadable(path=f"{path}.{key}", problem="ill_typed", detail="negative or finer than 0.01")
    return found.quantize(ZERO)


def iso_time(raw: Mapping[str, Any], key: str, path: str) -> datetime:
    """A mandatory time, ISO 8601 with its zone, as an aware UTC instant."""
    return _iso(raw.get(key), f"{path}.{key}", naive_is_utc=False)


def utc_time(raw: Mapping[str, Any], key: str, path: str) -> datetime:
    """A mandatory time, ISO 8601 text that is UTC although it names no zone, as an aware UTC instant."""
    return _iso(raw.get(key), f"{path}.{key}", naive_is_utc=True)


def _iso(value: Any, path: str, *, naive_is_utc: bool) -> datetime:
    if type(value) is str and len(value) <= 40 and value[10:11] in ("T", " "):
        try:
            at = datetime.fromisoformat(value)
            if at.tzinfo is not None or naive_is_utc:
                return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _bad(value, path)


def _bad(value: Any, path: str) -> MessageUnreadable:
    # The value itself stays out: it may be personal data.
    if value is None or value == "":
        return MessageUnreadable(path=path, problem="missing")
    return MessageUnreadable(path=path, problem="ill_typed", detail=type(value).__name__)
