"""Short lists of goods, typed or pasted from a spreadsheet: a SKU code and pieces on each line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from ordercenter.common.sheets import read_sheet
from ordercenter.inventory.tables import MOST_PIECES

COLUMNS = {
    "sku": ("SKU编码", "SKU代码", "商品编码", "商家编码", "货号", "sku code", "sku_code"),
    "pieces": ("数量", "件数", "采购数量", "调拨数量", "quantity", "qty"),
}
MOST_LINES = 2000
# Between code and pieces: a tab from a spreadsheet, a comma of either width, or spaces.
_LINE = re.compile(r"(.+?)(?:\s*[\t,，;；]\s*|\s+)([+-]?\d+)")


@dataclass
class GoodsList:
    """pieces: code -> pieces; lines of one code add up. problems: (line, what is wrong); with any, nothing is used."""

    pieces: dict[str, int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, code: str, count: str) -> None:
        """One line of the list."""
        if not code:
            self.problems.append((number, _("no SKU is named")))
        elif not re.fullmatch(r"[+]?\d{1,9}", count) or not 1 <= int(count) <= MOST_PIECES:
            self.problems.append((number, _("“%(text)s” is no number of pieces from 1 up") % {"text": count[:40]}))
        else:
            self.pieces[code] = self.pieces.get(code, 0) + int(count)

    def known(self, ids: Mapping[str, int]) -> dict[int, int]:
        """The list by id; codes that are not known become problems."""
        for code in self.pieces:
            if code not in ids:
                self.problems.append((0, _("there is no SKU “%(code)s”") % {"code": code}))
        return {ids[code]: n for code, n in self.pieces.items() if code in ids}


def read_typed(text: str) -> GoodsList:
    """Lines of "CODE 3", "CODE,3" or "CODE<tab>3"; empty lines are left out."""
    goods = GoodsList()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if number > MOST_LINES:
            goods.problems.append(
                (number, _("a list has at most %(n)d lines; bring more as a table") % {"n": MOST_LINES})
            )
            break
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            goods.problems.append((number, _("“%(text)s” is no SKU code with pieces") % {"text": line.strip()[:40]}))
        else:
            goods.add(number, parts[1].strip(), parts[2])
    return goods


def read_file(content: bytes) -> GoodsList:
    """A CSV or XLSX table with SKU and pieces. Raises SheetUnreadable."""
    goods = GoodsList()
    for row in read_sheet(content, COLUMNS, ("sku", "pieces")):
        goods.add(row.number, row.cells["sku"], row.cells["pieces"])
    return goods
