"""A list of addresses read and, where the right answers stand beside them, scored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ordercenter.common.addresses import ParsedAddress, parse_address
from ordercenter.common.divisions import Place


@dataclass(frozen=True, slots=True)
class ScoredAddress:
    """One row: the address, our answer, and the right one if the list gives it."""

    row: int
    address: str
    answer: ParsedAddress
    wanted: Place | None

    @property
    def is_right(self) -> bool | None:
        """Province, city and county all right; None where nobody says what is right."""
        return None if self.wanted is None else self._agrees(3)

    def _agrees(self, levels: int) -> bool:
        if self.wanted is None:
            return False
        ours, theirs = self.answer.place, self.wanted
        pairs = ((ours.province, theirs.province), (ours.city, theirs.city), (ours.county, theirs.county))
        return all(mine == right for mine, right in pairs[:levels])

    def as_dict(self) -> dict[str, Any]:
        """For machines: the answer, how sure it is and why not, other places it may mean, and what is right."""
        place = self.answer.place
        told: dict[str, Any] = {
            "row": self.row,
            "address": self.address,
            "province": place.province,
            "city": place.city,
            "county": place.county,
            "code": place.code,
            "certainty": self.answer.certainty,
            "doubt": self.answer.doubt,
            "others": list(self.answer.others),
        }
        if self.wanted is not None:
            told["expected"] = {
                "province": self.wanted.province,
                "city": self.wanted.city,
                "county": self.wanted.county,
            }
            told["right"] = self.is_right
        return told


@dataclass
class AddressScore:
    """All rows of a list and the sums over those whose right answer is known."""

    rows: list[ScoredAddress] = field(default_factory=list)

    def summary(self) -> dict[str, int]:
        """Counts: addresses, sure and guess of them; judged, and of those how many right down to each level."""
        judged = [row for row in self.rows if row.wanted is not None]
        sure = [row for row in self.rows if row.answer.is_sure]
        return {
            "addresses": len(self.rows),
            "sure": len(sure),
            "guess": len(self.rows) - len(sure),
            "judged": len(judged),
            "province_right": sum(row._agrees(1) for row in judged),
            "city_right": sum(row._agrees(2) for row in judged),
            "all_right": sum(row._agrees(3) for row in judged),
            "wrong_but_sure": sum(row.answer.is_sure and not row.is_right for row in judged),
        }


def score_addresses(lines: Iterable[str]) -> AddressScore:
    """Read lines of tab-separated text: the address, then its province, city and county where they are given.

    A line with fewer than four columns has no right answer; an empty one and one that starts with # count as nothing.
    """
    score = AddressScore()
    for number, line in enumerate(lines, 1):
        columns = line.rstrip("\r\n").split("\t")
        if not columns[0].strip() or columns[0].startswith("#"):
            continue
        wanted = Place(*(column.strip() for column in columns[1:4])) if len(columns) >= 4 else None
        score.rows.append(ScoredAddress(number, columns[0], parse_address(columns[0]), wanted))
    return score
