"""The names under which addresses write divisions, and where in a text they stand.

Besides full and short names: what people write for autonomous regions, prefectures and banners, what counties were
called before they became districts, and the traditional and Japanese forms of the characters.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ordercenter.common.divisions import CITY, COUNTY, DATA, PROVINCE, Division, chain_of, divisions

# What makes a name part of a street's: 中山北路, 北京西路, 长安街.
_STREET = re.compile(r"[东西南北中一二三四五六七八九十]{0,2}(?:大?[路街道]|大马路|[巷弄]|胡同|高速|环线)")
# A full name ends where its suffix ends, so only the plain words count there: 余杭区东大街 lies in 余杭区.
_STREET_AT_ONCE = re.compile(r"(?:大?[路街]|大道|[巷弄]|胡同)")
# What makes a short name part of another name: 南京大学, 长安镇, 上海银行.
_INSTITUTION = re.compile(
    r"(?:大学|学院|师范|理工|科技大|中学|小学|大厦|大酒|酒店|宾馆|饭店|饭庄|餐|银行|公司|集团|商会|会馆|医院|机场|"
    r"火车站|大桥|花园|家园|小区|新村|公馆|社区|烤|拉面|小吃|火锅|菜|米粉|航空|啤酒|日报|铁路局|[镇乡村站])"
)
_NOT_A_CITY = re.compile(r"场")
_TRAPS = ("阿里巴巴", "阿里云", "大理石", "中山装", "海南鸡")


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a division. is_full: with its administrative suffix; is_own: as the table writes it.

    needs_parent: means nothing unless the text names what the division lies in as well.
    """

    division: Division
    is_full: bool
    is_own: bool
    needs_parent: bool


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of text that is the name of one or several divisions."""

    start: int
    end: int
    text: str
    names: tuple[Name, ...]


def plain(text: str) -> str:
    """The same length of thought in simplified characters, with plain digits and letters."""
    return unicodedata.normalize("NFKC", text).translate(_simplified())


def tokens_of(text: str) -> list[Token]:
    """Names of divisions in a plain text, longest at each place, none that is part of a street's or a house's name.

    None lies inside another, unless it begins where one has ended: in 台中市北区 both 市北区 and 北区 are found.
    Two may overlap: 青岛市 and 市北区 in 青岛市北区.
    """
    found: list[Token] = []
    reach, ends = 0, set()
    names, lengths = _names()
    for start, character in enumerate(text):
        for length in lengths.get(character, ()):
            written = text[start : start + length]
            known = names.get(written)
            if known is None or (start + length <= reach and start not in ends):
                continue
            token = _token(text, start, written, known)
            reach = max(reach, start + length)
            if token is not None:
                found.append(token)
                ends.add(token.end)
            break
    return found


def _token(text: str, start: int, written: str, known: tuple[Name, ...]) -> Token | None:
    end = start + len(written)
    if text.startswith(_TRAPS, start):
        return None
    is_full = known[0].is_full
    if is_full and written.endswith("市") and _NOT_A_CITY.match(text, end):
        shorter = _names()[0].get(written[:-1])
        return _token(text, start, written[:-1], shorter) if shorter else None
    taken = _STREET_AT_ONCE.match(text, end) if is_full else _STREET.match(text, end) or _INSTITUTION.match(text, end)
    # 唐山市路北区 is no street, 庆阳镇原县 no town: what follows is the name of a part.
    if taken and not _part_follows(text, end, known):
        return None
    return Token(start, end, written, known)


def _part_follows(text: str, at: int, known: tuple[Name, ...]) -> bool:
    names, lengths = _names()
    codes = {name.division.code for name in known}
    return any(
        name.division.code not in codes and codes & {outer.code for outer in chain_of(name.division.code)}
        for length in lengths.get(text[at : at + 1], ())
        for name in names.get(text[at : at + length], ())
    )


def name_begins(text: str, at: int) -> bool:
    """Some division's name stands there, be it part of a street's name or not."""
    names, lengths = _names()
    return any(text[at : at + length] in names for length in lengths.get(text[at : at + 1], ()))


def begins_with_city(text: str) -> bool:
    """The text starts with the full name of a province or city."""
    names, lengths = _names()
    return any(
        name.is_full and name.division.level < COUNTY
        for length in lengths.get(text[:1], ())
        for name in names.get(text[:length], ())
    )


@cache
def _names() -> tuple[dict[str, tuple[Name, ...]], dict[str, tuple[int, ...]]]:
    """Names by their text, full ones first; and by first character how long such names are, longest first."""
    found: dict[str, list[Name]] = {}
    table = divisions()
    full_names = {division.name for division in table.values()}
    for division in table.values():
        for written in {division.name, *_other_full(division, full_names)}:
            found.setdefault(written, []).append(
                Name(division, True, written == division.name, _is_vague(division, written))
            )
    for written, division, is_full in _listed():
        found.setdefault(written, []).append(Name(division, is_full, False, not is_full))
    for division in table.values():
        if len(division.short_name) > 1 and division.short_name != division.name:
            found.setdefault(division.short_name, []).append(Name(division, False, False, division.level == COUNTY))
    lengths: dict[str, set[int]] = {}
    for written in found:
        lengths.setdefault(written[0], set()).add(len(written))
    names = {written: tuple(sorted(group, key=lambda name: not name.is_full)) for written, group in found.items()}
    return names, {first: tuple(sorted(sizes, reverse=True)) for first, sizes in lengths.items()}


def _is_vague(division: Division, written: str) -> bool:
    """城区, 东区: every town has one. A county's earlier name says nothing without its city either."""
    return division.level == COUNTY and (written != division.name or (len(written) == 2 and written[1] == "区"))


def _other_full(division: Division, taken: set[str]) -> Iterator[str]:
    name, short = division.name, division.short_name
    # 市南区 was never a 市南县, and 益阳市南县 is another place.
    if len(short) < 2 or short == name or short.startswith("市"):
        return
    suffixes: tuple[str, ...] = ()
    if division.level == PROVINCE and name.endswith("自治区"):
        suffixes = ("自治区", "省")
    elif division.level == CITY:
        suffixes = ("州", "自治州") if name.endswith("自治州") else ("地区",) if name.endswith("市") else ("市",)
    elif division.level == COUNTY:
        kinds = {"区": ("县", "市"), "市": ("县",), "自治县": ("县", "自治县"), "自治旗": ("旗",)}
        suffixes = next((after for before, after in reversed(kinds.items()) if name.endswith(before)), ())
    yield from (short + suffix for suffix in suffixes if short + suffix not in taken)


def _listed() -> Iterator[tuple[str, Division, bool]]:
    with (DATA / "other_names.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["name"], divisions()[row["code"]], row["kind"] == "full"


@cache
def _simplified() -> dict[int, str]:
    with (DATA / "written_forms.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {ord(form): row["simplified"] for row in rows for form in row["written"]}
