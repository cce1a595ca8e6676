"""The table of administrative divisions: who lies in whom, and which code stands for a place that is given by name.

A code has six digits. Its first two name the province, its first four the city, so a longer common prefix is a closer
place; counties directly under a province have a city part of their own (429004 仙桃市).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
TABLE = DATA / "cn_divisions.csv"
MUNICIPALITIES = frozenset({"110000", "120000", "310000", "500000"})
# Hong Kong and Macau: their districts are written or left out as people please; a parcel finds its way without.
WITHOUT_DISTRICTS = frozenset({"81", "82"})
PROVINCE, CITY, COUNTY = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Division:
    """A province (level 1), a city or prefecture (2), or a county or district (3). parent: code, empty for level 1."""

    code: str
    name: str
    short_name: str
    level: int
    parent: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place down to where it is known. Empty: not known, or there is none.

    A county directly under its province has no city; a city may have no counties; Hong Kong and Macau have no cities.
    """

    province: str = ""
    city: str = ""
    county: str = ""
    code: str = ""

    @property
    def is_complete(self) -> bool:
        """Nothing is missing that an address there has."""
        return bool(self.county) or self.city in undivided_cities() or self.code[:2] in WITHOUT_DISTRICTS


@cache
def divisions() -> dict[str, Division]:
    """Every division by its code, in the order of the codes."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [
            Division(row["code"], row["name"], row["short_name"], int(row["level"]), row["parent"])
            for row in csv.DictReader(file)
        ]
    return {division.code: division for division in rows}


@cache
def undivided_cities() -> frozenset[str]:
    """Cities without districts or counties, such as 东莞市; 嘉峪关市 has one of its own name, which nobody writes."""
    table = divisions()
    below: dict[str, list[str]] = {}
    for division in table.values():
        if division.level == COUNTY:
            below.setdefault(division.parent, []).append(division.name)
    return frozenset(d.name for d in table.values() if d.level == CITY and below.get(d.code, [d.name]) == [d.name])


def chain_of(code: str) -> tuple[Division, ...]:
    """The division of this code and those it lies in, the province first. Raises KeyError for an unknown code."""
    division = divisions()[code]
    return (*chain_of(division.parent), division) if division.parent else (division,)


def place_of(code: str) -> Place:
    """The names that belong to a code; the empty place for no code or one that the table does not have."""
    if code not in divisions():
        return Place()
    names = {division.level: division.name for division in chain_of(code)}
    return Place(names.get(PROVINCE, ""), names.get(CITY, ""), names.get(COUNTY, ""), code)


@lru_cache(maxsize=16384)
def code_of(province: str, city: str, district: str) -> str:
    """The code of a place given in three fields, with or without administrative suffixes; as deep as it is known.

    A field may repeat its parent ("仙桃市", "仙桃市"). What the table does not know, such as a development zone, leaves
    the code of what lies above. Empty when not even the province is known, or the city lies in another province.
    """
    by_name = _by_name()
    provinces = [d for d in by_name.get(province.strip(), ()) if d.level == PROVINCE]
    if not provinces:
        return ""
    found = provinces[0]
    cities = [d for d in by_name.get(city.strip(), ()) if d.code[:2] == found.code[:2] and d.level > PROVINCE]
    if city.strip() and not cities and any(d.level == CITY for d in by_name.get(city.strip(), ())):
        return ""
    found = min(cities, key=lambda d: d.level, default=found)
    inside = [d for d in by_name.get(district.strip(), ()) if d.level == COUNTY and lies_in(d.code, found.code)]
    return inside[0].code if len(inside) == 1 else found.code


def lies_in(code: str, outer: str) -> bool:
    """The division is the outer one or a part of it."""
    return any(division.code == outer for division in chain_of(code))


@cache
def _by_name() -> dict[str, list[Division]]:
    """Divisions by full and by short name, the full ones first."""
    found: dict[str, list[Division]] = {}
    for division in divisions().values():
        found.setdefault(division.name, []).append(division)
    for division in divisions().values():
        if division.short_name != division.name:
            found.setdefault(division.short_name, []).append(division)
    return found
