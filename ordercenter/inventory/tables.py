"""Tables of stock as people write them: read, checked, and worked out row by row. No database, nothing is written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ordercenter.common.sheets import SheetRow
from ordercenter.inventory.states import Bucket, TableKind

Fail = Callable[[str, str], None]
MOST_PIECES = 9_999_999
_SKU = ("SKU编码", "SKU代码", "商品编码", "商家编码", "货号", "sku code", "sku_code")
_WAREHOUSE = ("仓库", "仓库编码", "warehouse code", "warehouse_code")
_BUCKET = ("状态", "品质", "库存状态", "condition")
_REASON = ("原因", "备注", "说明", "note", "remark")
_REF = ("采购单号", "采购单", "单号", "purchase_order", "po", "reference")

# Our name -> the headings it may have, for each kind of table; the last of `NEEDED` are the ones it cannot do without.
COLUMNS: Mapping[str, Mapping[str, Sequence[str]]] = {
    TableKind.COUNT: {
        "sku": _SKU,
        "warehouse": _WAREHOUSE,
        "pieces": ("盘点数量", "盘点数", "实盘数", "实盘数量", "数量", "现有", "counted", "quantity", "on hand"),
        "bucket": _BUCKET,
        "reason": _REASON,
    },
    TableKind.ADJUST: {
        "sku": _SKU,
        "warehouse": _WAREHOUSE,
        "pieces": ("调整数量", "调整数", "增减", "变动", "change", "delta"),
        "bucket": _BUCKET,
        "reason": _REASON,
    },
    TableKind.ARRIVAL: {
        "ref": _REF,
        "sku": _SKU,
        "warehouse": _WAREHOUSE,
        "pieces": ("到货数量", "入库数量", "数量", "arrived", "quantity"),
        "bucket": _BUCKET,
        "reason": _REASON,
    },
    TableKind.EXPECTED: {
        "ref": _REF,
        "sku": _SKU,
        "warehouse": _WAREHOUSE,
        "pieces": ("采购数量", "数量", "expected", "quantity"),
        "due_on": ("预计到货日期", "预计到货", "到货日期", "expected_on", "due", "date"),
    },
    TableKind.SAFETY: {
        "sku": _SKU,
        "warehouse": _WAREHOUSE,
        "pieces": ("安全库存", "safety", "safety_stock", "safety stock", "quantity"),
        "reason": _REASON,
    },
}
NEEDED: Mapping[str, Sequence[str]] = {
    TableKind.COUNT: ("sku", "warehouse", "pieces"),
    TableKind.ADJUST: ("sku", "warehouse", "pieces"),
    TableKind.ARRIVAL: ("ref", "sku", "warehouse", "pieces"),
    TableKind.EXPECTED: ("ref", "sku", "warehouse", "pieces", "due_on"),
    TableKind.SAFETY: ("sku", "warehouse", "pieces"),
}
_BUCKETS: Mapping[str, Bucket] = {
    "": Bucket.ON_HAND,
    **{bucket.value: bucket for bucket in Bucket},
    "onhand": Bucket.ON_HAND,
    "good": Bucket.ON_HAND,
    "正品": Bucket.ON_HAND,
    "良品": Bucket.ON_HAND,
    "在库": Bucket.ON_HAND,
    "现有": Bucket.ON_HAND,
    "defective": Bucket.DAMAGED,
    "残次": Bucket.DAMAGED,
    "残损": Bucket.DAMAGED,
    "残品": Bucket.DAMAGED,
    "次品": Bucket.DAMAGED,
    "待检": Bucket.QUARANTINE,
    "隔离": Bucket.QUARANTINE,
    "冻结": Bucket.QUARANTINE,
}
_WHOLE = re.compile(r"[+-]?\d{1,9}")
_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?")


@dataclass(frozen=True, slots=True)
class TableError:
    """What is wrong with one cell. row: as a spreadsheet counts; column: our name, "" for the whole row."""

    row: int
    column: str
    problem: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row as it was read. pieces: counted, changed by, arrived, expected or kept, as the kind of the table says."""

    row: int
    sku: str
    warehouse: str
    pieces: int
    bucket: str = Bucket.ON_HAND.value
    reason: str = ""
    ref: str = ""
    due_on: str = ""


@dataclass(frozen=True, slots=True)
class Lying:
    """What a stock row holds: pieces by bucket, how many of those on hand are promised or set aside, and the safety."""

    buckets: Mapping[str, int]
    taken: int
    safety: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What one row does. now, then: the number that it changes; refused: why it cannot be done, "" when it can."""

    row: TableRow
    now: int
    then: int
    refused: str = ""

    @property
    def change(self) -> int:
        return self.then - self.now


def heading_of(kind: str, column: str) -> str:
    """How a column is headed in the reader's language; such a heading is read again. "" for no column."""
    if not column:
        return ""
    return column if (get_language() or "").startswith("en") else COLUMNS[kind][column][0]


def rows_of(kind: str, sheet: Iterable[SheetRow], *, note: str) -> tuple[list[TableRow], list[TableError]]:
    """The rows of a sheet, and every mistake in them. note: the reason of rows that give none of their own."""
    rows: list[TableRow] = []
    errors: list[TableError] = []
    seen: dict[tuple[str, ...], int] = {}
    for line in sheet:
        wrong: list[TableError] = []
        row = _row(kind, line, note, wrong)
        once = _identity(kind, row)
        if once and not wrong:
            if once in seen:
                problem = _("says the same thing again as row %(row)d") % {"row": seen[once]}
                wrong.append(TableError(line.number, "", problem))
            seen.setdefault(once, line.number)
        if wrong:
            errors.extend(wrong)
        else:
            rows.append(row)
    if not rows and not errors:
        errors.append(TableError(1, "", _("the table has no rows")))
    return rows, errors


def _row(kind: str, line: SheetRow, note: str, wrong: list[TableError]) -> TableRow:
    cells = line.cells

    def fail(column: str, problem: str) -> None:
        wrong.append(TableError(line.number, column, problem))

    for column, most in (("sku", 64), ("warehouse", 32), ("ref", 64)):
        if column in NEEDED[kind] and not cells[column]:
            fail(column, _("is empty"))
        elif len(cells.get(column, "")) > most:
            fail(column, _("is longer than %(n)d characters") % {"n": most})
    reason = (cells.get("reason") or note).strip()
    if kind == TableKind.ADJUST and not reason:
        fail("reason", _("is empty; give it in the row or once for the whole table"))
    bucket = _BUCKETS.get(cells.get("bucket", "").lower().replace(" ", ""))
    if bucket is None:
        known = ", ".join(str(choice.label) for choice in Bucket)
        fail("bucket", _("“%(text)s” is none of: %(known)s") % {"text": cells["bucket"][:40], "known": known})
    return TableRow(
        row=line.number,
        sku=cells["sku"],
        warehouse=cells["warehouse"],
        pieces=_pieces(kind, cells["pieces"], fail),
        bucket=(bucket or Bucket.ON_HAND).value,
        reason=reason[:200],
        ref=cells.get("ref", ""),
        due_on=_day(cells["due_on"], fail) if kind == TableKind.EXPECTED else "",
    )


def _pieces(kind: str, text: str, fail: Fail) -> int:
    whole = _WHOLE.fullmatch(text)
    pieces = int(text) if whole else 0
    problem = ""
    if not whole:
        problem = _("“%(text)s” is no whole number") % {"text": text[:40]}
    elif abs(pieces) > MOST_PIECES:
        problem = _("is more than %(n)d") % {"n": MOST_PIECES}
    elif kind in (TableKind.COUNT, TableKind.SAFETY) and pieces < 0:
        problem = _("is below 0")
    elif kind in (TableKind.ARRIVAL, TableKind.EXPECTED) and pieces < 1:
        problem = _("is below 1")
    elif kind == TableKind.ADJUST and pieces == 0:
        problem = _("changes nothing")
    if problem:
        fail("pieces", problem)
    return pieces


def _day(text: str, fail: Fail) -> str:
    parts = _DAY.fullmatch(text)
    try:
        if parts is not None:
            return date(*map(int, parts.groups())).isoformat()
    except ValueError:
        pass
    fail("due_on", _("“%(text)s” is no day; write it as 2026-12-31") % {"text": text[:40]})
    return ""


def _identity(kind: str, row: TableRow) -> tuple[str, ...]:
    """What may stand in a table once only; () where a repeat adds up."""
    if kind in (TableKind.COUNT, TableKind.SAFETY):
        return (row.sku, row.warehouse, row.bucket)
    return (row.ref, row.sku, row.warehouse) if kind == TableKind.EXPECTED else ()


def digest_of(kind: str, reference: str, rows: Sequence[TableRow]) -> str:
    """The same for the same rows in the same order, in whatever file they came."""
    said = [[r.sku, r.warehouse, r.pieces, r.bucket, r.reason, r.ref, r.due_on] for r in rows]
    text = json.dumps([kind, reference.strip(), said], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def packed(rows: Sequence[TableRow]) -> bytes:
    """The rows as they are kept."""
    fields = [[r.row, r.sku, r.warehouse, r.pieces, r.bucket, r.reason, r.ref, r.due_on] for r in rows]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def unpacked(content: bytes) -> list[TableRow]:
    """The rows as they were kept by `packed`."""
    return [TableRow(*fields) for fields in json.loads(content)]


def work_out(kind: str, rows: Sequence[TableRow], lying: Mapping[tuple[str, str], Lying]) -> list[Planned]:
    """What each row of a count, an adjustment, an arrival or a table of safety stock does, one after the other.

    lying: (SKU code, warehouse code) -> what is there now; nothing for goods that the warehouse never had. A row that
    is refused changes nothing for the rows after it.
    """
    buckets = {place: dict(there.buckets) for place, there in lying.items()}
    planned = []
    for row in rows:
        place = (row.sku, row.warehouse)
        there = lying.get(place)
        if kind == TableKind.SAFETY:
            planned.append(Planned(row, there.safety if there else 0, row.pieces))
            continue
        here = buckets.setdefault(place, dict.fromkeys(Bucket.values, 0))
        now = here[row.bucket]
        then = row.pieces if kind == TableKind.COUNT else now + row.pieces
        refused = _refusal(row, now, then, there.taken if there else 0)
        if not refused:
            here[row.bucket] = then
        planned.append(Planned(row, now, then, refused))
    return planned


def _refusal(row: TableRow, now: int, then: int, taken: int) -> str:
    """As the ledger would refuse it: fewer than are promised, set aside, or there at all."""
    if then >= now:
        return ""
    if row.bucket == Bucket.ON_HAND and then < taken:
        return _("%(taken)d are promised to orders or set aside; no fewer than that can lie here") % {"taken": taken}
    return _("there are only %(now)d") % {"now": now} if then < 0 else ""


def fingerprint(planned: Sequence[Planned]) -> str:
    """Of the numbers as they are now: another one means that somebody moved goods meanwhile."""
    return hashlib.sha256(",".join(str(p.now) for p in planned).encode()).hexdigest()[:32]
