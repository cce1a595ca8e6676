"""Where a written address lies: province, city and county from free text, sure or a guess, never sure and wrong.

Every name of a division in the text speaks for the places it may mean. A place is as good as the names that speak for
it and for what it lies in; the best place wins. It is sure only if nothing else is as good, nothing in the text speaks
against it, and its last name cannot be part of something else. Pure: no database, no settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ordercenter.common.divisions import (
    CITY,
    COUNTY,
    MUNICIPALITIES,
    PROVINCE,
    Division,
    Place,
    chain_of,
    lies_in,
    place_of,
    undivided_cities,
)
from ordercenter.common.place_names import Name, Token, name_begins, plain, tokens_of

Certainty = Literal["sure", "guess"]
Doubt = Literal["", "nothing_found", "homonym", "contradiction", "short_name", "unknown_district", "only_province"]

_FULL, _SHORT = 4, 2
_GAP = re.compile(r"(?:[^\u3400-\u9fffA-Za-z0-9]|中国)*")
_CJK = re.compile(r"[\u3400-\u9fff]")
_INTRODUCED = re.compile(r"(?:中国|地址|住址|收货地|所在地区?|地区|省份|城市|区县|寄到|寄往|发到|发往|送到|送至|位于)$")
_NOT_STREET = "路街道巷弄镇乡村号"
# What follows a short name that is surely a place: a street or a town, before any house number.
_STREET_AHEAD = re.compile(r"[\u3400-\u9fff]{1,10}?(?:路|大?街|道|巷|弄|胡同|镇|乡|村)")
_INSTITUTION_AHEAD = re.compile(
    r"大学|学院|银行|酒店|宾馆|公司|集团|饭|餐|馆|广场|大厦|中心|公园|景区|风景|^城|店|厂|祠|寺|庙|山庄"
)
# A district that the table does not know, unlike a zone that is no division.
_DISTRICT_AHEAD = re.compile(rf"[^\W{_NOT_STREET}0-9A-Za-z]{{1,6}}?(?:自治县|县|区|旗|市(?!场|民|政))(?![路街道])")
_ZONE = re.compile(
    r"(?:小|社|园|开发|高新技术产业|高新|经开|新|景|风景|度假|厂|校|工业|保税|示范|库|院|街|片|营|辖|集中|商务|住宅|生活|"
    r"产业|物流|管理|管委会|实验|试验|合作|郊|市|城|库|矿|灾)区"
)


@dataclass(frozen=True, slots=True)
class ParsedAddress:
    """What a text says about its place. doubt: why it is only a guess. others: codes of places it may mean as well."""

    place: Place
    certainty: Certainty
    doubt: Doubt = ""
    others: tuple[str, ...] = ()

    @property
    def is_sure(self) -> bool:
        """May be shipped to without a person having looked."""
        return self.certainty == "sure"


@dataclass(slots=True)
class _Reading:
    """One way to read the text: a place, and the names that speak for it and its parents."""

    target: Division
    chain: tuple[Division, ...]
    support: dict[int, Token] = field(default_factory=dict)
    score: int = 0


def parse_address(text: str) -> ParsedAddress:
    """The place of one written address, of any length, with names, phones, labels and whatever else people put there.

    Not known at all is a guess of the empty place.
    """
    text = plain(text)
    tokens = tokens_of(text)
    readings = [r for target in _targets(tokens) if (r := _read(text, tokens, target)) is not None]
    if not readings:
        return _last_resort(text, tokens)
    best = max(reading.score for reading in readings)
    leading = _one_of_same_name([r for r in readings if r.score == best])
    chosen = leading[0]
    if len(leading) > 1:
        return ParsedAddress(place_of(_common(leading)), "guess", "homonym", tuple(r.target.code for r in leading))
    doubt = _doubt(text, tokens, chosen)
    return ParsedAddress(place_of(chosen.target.code), "guess" if doubt else "sure", doubt)


def _targets(tokens: Sequence[Token]) -> list[Division]:
    seen = {name.division.code: name.division for token in tokens for name in token.names}
    return [seen[code] for code in sorted(seen)]


def _read(text: str, tokens: Sequence[Token], target: Division) -> _Reading | None:
    """The support for a place, from its own name up to its province's; None if its own name does not count."""
    reading = _Reading(target, chain_of(target.code))
    for division in reversed(reading.chain):
        usable = [(t, name) for t in tokens if (name := _meaning(t, division)) and _is_apart(reading, t, division)]
        if usable:
            reading.support[division.level] = max(usable, key=lambda u: _weight(text, u[0], u[1], reading))[0]
    while (weak := _weak_level(text, reading)) is not None:
        del reading.support[weak]
    if target.level not in reading.support:
        return None
    for level, token in reading.support.items():
        name = _meaning(token, _at(reading, level))
        reading.score += _FULL if name is not None and name.is_full else _SHORT
    return reading


def _weight(text: str, token: Token, name: Name, reading: _Reading) -> tuple[bool, bool, bool, bool, int]:
    """Which of several names speaks for a division best; one that may speak for its city as well is left to that."""
    is_near = any(_touches(text, token, below, other_is_above=True) for below in reading.support.values())
    means_one = sum(other.division in reading.chain for other in token.names) == 1
    return name.is_own, name.is_full, is_near, means_one, -token.start


def _at(reading: _Reading, level: int) -> Division:
    return next(division for division in reading.chain if division.level == level)


def _meaning(token: Token, division: Division) -> Name | None:
    return next((name for name in token.names if name.division.code == division.code), None)


def _is_apart(reading: _Reading, token: Token, division: Division) -> bool:
    """A stretch of text speaks once. A city may share its 市 with the district behind it: 青岛市北区."""
    for other in reading.support.values():
        if token.start < other.end and other.start < token.end:
            shares = division.level == CITY and token.end == other.start + 1 and token.text.endswith("市")
            if not shares or not other.text.endswith("区"):
                return False
    return True


def _weak_level(text: str, reading: _Reading) -> int | None:
    """A level whose name does not count: the lowest of those, so that what leans on it is looked at again."""
    for level in sorted(reading.support):
        token = reading.support[level]
        name = _meaning(token, _at(reading, level))
        if name is None:
            return level
        near = any(
            _touches(text, other, token, other_is_above=other_level < level)
            for other_level, other in _others(reading, level)
        )
        above = any(other_level < level for other_level in reading.support)
        if name.needs_parent and not above:
            return level
        stands_alone = _is_start(text, token.start) and (level < COUNTY or _is_end(text, token.end))
        if name.is_full and (len(token.text) > 2 or near or stands_alone or _is_start(text, token.start)):
            continue
        if not (near or stands_alone):
            return level
    return None


def _others(reading: _Reading, level: int) -> Iterator[tuple[int, Token]]:
    return ((other_level, token) for other_level, token in reading.support.items() if other_level != level)


def _touches(text: str, other: Token, token: Token, *, other_is_above: bool) -> bool:
    """The larger place stands before the smaller one with nothing between them that is a word."""
    first, second = (other, token) if other_is_above else (token, other)
    if second.start == first.end - 1:
        return True
    return second.start >= first.end and bool(_GAP.fullmatch(text, first.end, second.start))


def _is_start(text: str, at: int) -> bool:
    return at == 0 or not _CJK.match(text[at - 1]) or bool(_INTRODUCED.search(text, 0, at))


def _is_end(text: str, at: int) -> bool:
    return at == len(text) or not _CJK.match(text[at])


def _one_of_same_name(leading: list[_Reading]) -> list[_Reading]:
    """上海 is a province and its only city, 嘉峪关市 a city and its only county: one place, the city."""
    if len(leading) == 2:
        outer, inner = leading[0].target, leading[1].target
        if inner.parent == outer.code and outer.code in MUNICIPALITIES:
            return leading[1:]
        if inner.parent == outer.code and outer.level == CITY and outer.name in undivided_cities():
            return leading[:1]
    return leading


def _common(leading: Sequence[_Reading]) -> str:
    """What all of them lie in; if nothing, the likeliest: named first, or in a municipality or provincial capital."""
    chains = [[division.code for division in reading.chain] for reading in leading]
    shared = [code for code in chains[0] if all(code in chain for chain in chains)]
    if shared:
        return shared[-1]
    return min((_first_at(r), not _is_capital(r.target.code), r.target.code) for r in leading)[2]


def _first_at(reading: _Reading) -> int:
    return min(token.start for token in reading.support.values())


def _is_capital(code: str) -> bool:
    return code[:2] + "0000" in MUNICIPALITIES or code[2:4] == "01"


def _doubt(text: str, tokens: Sequence[Token], chosen: _Reading) -> Doubt:
    codes = {division.code for division in chosen.chain}
    for token in tokens:
        if _speaks_against(text, token, codes, chosen):
            return "contradiction"
    token = chosen.support[chosen.target.level]
    name = _meaning(token, chosen.target)
    last = max(chosen.support.values(), key=lambda t: t.end)
    if name is not None and not name.is_full and not _is_surely_meant(text, tokens, token, chosen):
        return "short_name"
    if name is not None and name.is_full and len(chosen.support) == 1 and not _is_start(text, token.start):
        return "short_name"
    if chosen.target.level < COUNTY and any(_part_was_meant(text, t, last, chosen.target) for t in tokens):
        return "short_name"
    if place_of(chosen.target.code).is_complete:
        return ""
    if chosen.target.level == PROVINCE:
        return "only_province"
    return "unknown_district" if _unknown_district(text, last.end) else ""


def _part_was_meant(text: str, token: Token, last: Token, target: Division) -> bool:
    """A name of a part stands right behind, and was not taken for it: 济南市中 for its 市中区, but not 青岛市北京路."""
    if not last.end - 1 <= token.start <= last.end or token == last:
        return False
    if token.start < last.end and name_begins(text, last.end):
        return False
    return any(name.division != target and lies_in(name.division.code, target.code) for name in token.names)


def _speaks_against(text: str, token: Token, codes: set[str], chosen: _Reading) -> bool:
    """A full name of another province or city anywhere, or of another county among the names of the place."""
    full = [name for name in token.names if name.is_full]
    if not full or any(name.division.code in codes for name in token.names):
        return False
    if any(token.start < used.end and used.start < token.end for used in chosen.support.values()):
        return False
    if any(name.division.level < COUNTY for name in full):
        return True
    # Inside the place that was found: a district that the reading did not reach.
    if any(codes & {division.code for division in chain_of(name.division.code)} for name in full):
        return True
    return len(token.text) > 2 and any(
        _touches(text, used, token, other_is_above=True) for used in chosen.support.values()
    )


def _is_surely_meant(text: str, tokens: Sequence[Token], token: Token, chosen: _Reading) -> bool:
    """A short name as the last one known: nothing but a street or the end may follow."""
    level = chosen.target.level
    alone = len(chosen.support) == 1
    if alone and len({name.division.code for name in token.names if not _same_place(name.division, chosen)}) > 0:
        return False
    if level == CITY and not alone:
        return True
    if _is_end(text, token.end):
        return _is_start(text, token.start) or not alone
    ahead = _STREET_AHEAD.match(text, token.end)
    return ahead is not None and not _INSTITUTION_AHEAD.search(ahead.group())


def _same_place(division: Division, chosen: _Reading) -> bool:
    return any(division.code == own.code for own in chosen.chain)


def _unknown_district(text: str, at: int) -> bool:
    start = _GAP.match(text, at)
    ahead = _DISTRICT_AHEAD.match(text, start.end() if start else at)
    return ahead is not None and not _ZONE.search(text[ahead.start() : ahead.end()])


def _last_resort(text: str, tokens: Sequence[Token]) -> ParsedAddress:
    """A county's short name at the start, without its city: good enough to propose, never to ship to."""
    for token in tokens:
        named = sorted({name.division.code for name in token.names if name.division.level in (CITY, COUNTY)})
        if named and _is_start(text, token.start):
            return ParsedAddress(place_of(named[0]), "guess", "short_name", tuple(named) if len(named) > 1 else ())
    return ParsedAddress(Place(), "guess", "nothing_found")
