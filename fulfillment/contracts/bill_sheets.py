"""Bills of couriers as they send them: which heading is which column, and the rows as plain values.

Every mistake is named by row and column; none is mended. What couriers write differently is read alike: titles
above the heading, sums below the rows, numbers of parcels that a spreadsheet guards with an apostrophe or with ="...",
several rows for one parcel, one for each kind of fee.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from itertools import islice

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ordercenter.common.addresses import parse_address
from ordercenter.common.divisions import code_of
from ordercenter.common.money import CENT, ZERO
from ordercenter.common.sheets import MOST_ROWS, SheetUnreadable, is_shortened, plain_heading, rows_of

# Our column -> headings that couriers give it. Of two that a file has, the one named first counts.
HEADINGS: Mapping[str, Sequence[str]] = {
    "tracking_no": ("运单号", "运单编号", "运单号码", "快递单号", "面单号", "单号", "物流单号", "邮件号", "waybill"),
    "billed_on": (
        "揽收日期",
        "揽收时间",
        "寄件日期",
        "寄件时间",
        "收寄时间",
        "业务日期",
        "结算日期",
        "扫描日期",
        "日期",
    ),
    "weight": (
        "计费重量",
        "结算重量",
        "计费重量(kg)",
        "结算重量(kg)",
        "计费重",
        "重量(kg)",
        "重量(克)",
        "重量(g)",
        "重量",
    ),
    "destination": ("目的地", "目的省份", "目的省", "收件省份", "到件省份", "寄达地", "收件省", "省份", "到件地区"),
    "product": ("产品类型", "快递产品", "业务类型", "产品", "时效类型"),
    "fee_kind": ("费用类型", "费用名称", "服务"),
    "amount": (
        "费用合计",
        "合计金额",
        "应付金额",
        "结算金额",
        "总金额",
        "应收合计",
        "金额(元)",
        "合计",
        "总费用",
        "金额",
    ),
    "freight": ("运费", "快递费", "基础运费", "首续重费", "标准资费"),
    "remote": ("偏远附加费", "偏远费", "偏远地区附加费", "超区费"),
    "oversize": ("超重附加费", "超长超重附加费", "超重费"),
    "insurance": ("保价费", "保费", "保价服务费"),
    "peak": ("资源调节费", "旺季附加费", "旺季服务费"),
    "packing": ("包装费", "包装服务费"),
    "other": ("其他费用", "其它费用", "其他附加费", "附加费"),
}
LABELS: Mapping[str, str | Promise] = {
    "tracking_no": gettext_lazy("tracking number"),
    "billed_on": gettext_lazy("day"),
    "weight": gettext_lazy("billed weight"),
    "destination": gettext_lazy("destination"),
    "product": gettext_lazy("courier product"),
    "fee_kind": gettext_lazy("kind of fee"),
    "amount": gettext_lazy("total amount"),
    "freight": gettext_lazy("freight"),
    "remote": gettext_lazy("remote fee"),
    "oversize": gettext_lazy("oversize fee"),
    "insurance": gettext_lazy("insurance"),
    "peak": gettext_lazy("peak fee"),
    "packing": gettext_lazy("packing fee"),
    "other": gettext_lazy("other fees"),
}
PARTS = ("freight", "remote", "oversize", "insurance", "peak", "packing", "other")
# Titles and contract numbers stand above the heading; a bill has no more of them.
_HEAD_ROWS = 20
_SUMS = ("合计", "总计", "小计", "总额", "total")
_GUARDED = re.compile(r'^="?([^"]*)"?$')
_NUMBER = re.compile(r"^[A-Za-z0-9-]{3,64}$")
_MOST_ERRORS = 500


@dataclass(frozen=True, slots=True)
class BillError:
    """What is wrong with one cell. column: the heading in the file."""

    row: int
    column: str
    problem: str


@dataclass(frozen=True, slots=True)
class BilledParcel:
    """One parcel as a bill has it. weight_g: None where the file says nothing. code: the division of destination."""

    row: int
    tracking_no: str
    amount: Decimal
    weight_g: int | None = None
    billed_on: date | None = None
    destination: str = ""
    product: str = ""
    parts: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class BillTable:
    """A file with the headings found: all that it has, and which of them is which of our columns."""

    headings: tuple[str, ...]
    columns: Mapping[str, str]
    first_row: int
    rows: Iterable[Sequence[str]]

    @property
    def missing(self) -> list[str]:
        """Columns of ours without which nothing can be read: a number, and an amount or parts of one."""
        lacks = [] if "tracking_no" in self.columns else ["tracking_no"]
        return lacks if {"amount", *PARTS} & self.columns.keys() else [*lacks, "amount"]


def open_table(content: bytes, chosen: Mapping[str, str] | None = None) -> BillTable:
    """The rows of a bill below its heading. chosen: our column -> heading, before what the headings say themselves.

    An empty heading in chosen: the file has no such column. Raises SheetUnreadable.
    """
    rows = rows_of(content)
    head = list(islice(rows, _HEAD_ROWS))
    place = max(range(len(head)), key=lambda i: len(_columns_of(head[i], chosen or {})), default=None)
    if place is None:
        raise SheetUnreadable("the file is empty")
    headings = tuple(cell.strip() for cell in head[place])
    return BillTable(headings, _columns_of(head[place], chosen or {}), place + 2, _Rows(content, place + 1))


@dataclass(frozen=True)
class _Rows:
    """The rows of a file below its heading, read anew each time: a long file is never held in memory as rows."""

    content: bytes
    above: int

    def __iter__(self) -> Iterator[Sequence[str]]:
        for number, row in enumerate(islice(rows_of(self.content), self.above, None)):
            if number >= MOST_ROWS:
                raise SheetUnreadable(f"more than {MOST_ROWS} rows")
            yield row


def _columns_of(heading: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    there = {plain_heading(cell): cell.strip() for cell in reversed(heading) if cell.strip()}
    found: dict[str, str] = {}
    for ours, names in HEADINGS.items():
        if ours in chosen:
            wanted: Sequence[str] = [chosen[ours]] if chosen[ours] else []
        else:
            wanted = [*names, *(f"{name}(元)" for name in names)]
        name = next((plain_heading(name) for name in wanted if plain_heading(name) in there), None)
        if name is not None and there[name] not in found.values():
            found[ours] = there[name]
    return found


def read_bill(table: BillTable) -> tuple[list[BilledParcel], list[BillError]]:
    """The parcels of a bill, in its order, and every mistake in it. With any mistake the parcels are not to be used.

    Raises SheetUnreadable for a file with too many rows.
    """
    errors: list[BillError] = []
    return list(parcels_of(table, errors)), errors


def parcels_of(table: BillTable, errors: list[BillError]) -> Iterator[BilledParcel]:
    """The same one by one, however long the file is; mistakes are added to errors while it is read. Only a bill with a
    column for the kind of fee is read whole before the first one: the rows of a parcel may stand anywhere in it.
    """
    if table.missing:
        names = ", ".join(str(LABELS[name]) for name in table.missing)
        errors.append(BillError(table.first_row - 1, "", _("columns are missing: %(names)s") % {"names": names}))
        return
    rows = _rows_with_parcels(table, errors)
    found = _put_together(rows) if "fee_kind" in table.columns else (parcel for parcel, _kind in rows)
    is_empty = True
    for parcel in found:
        is_empty = False
        yield parcel
    if is_empty and not errors:
        errors.append(BillError(table.first_row, "", _("the bill has no rows")))


def _rows_with_parcels(table: BillTable, errors: list[BillError]) -> Iterator[tuple[BilledParcel, str]]:
    reader = _Reader(table, errors)
    for number, row in enumerate(table.rows, table.first_row):
        if not any(cell.strip() for cell in row) or reader.is_sum(row):
            continue
        parcel, kind = reader.parcel(number, row)
        if len(errors) >= _MOST_ERRORS:
            return
        if parcel is not None:
            yield parcel, kind


def _put_together(rows: Iterable[tuple[BilledParcel, str]]) -> list[BilledParcel]:
    """One parcel for rows of one number with different kinds of fees."""
    found: list[BilledParcel] = []
    fees: dict[str, tuple[int, set[str]]] = {}
    for parcel, kind in rows:
        place, kinds = fees.get(parcel.tracking_no, (-1, set()))
        if kind and place >= 0 and kind not in kinds:
            found[place] = _joined(found[place], parcel, kind)
            kinds.add(kind)
            continue
        if kind:
            fees[parcel.tracking_no] = (len(found), {kind})
        found.append(parcel)
    return found


def _joined(one: BilledParcel, more: BilledParcel, kind: str) -> BilledParcel:
    """Two rows of one parcel with different kinds of fees."""
    parts = dict(one.parts)
    for name, amount in (more.parts or {_part_of(kind): more.amount}).items():
        parts[name] = parts.get(name, ZERO) + amount
    return replace(one, amount=one.amount + more.amount, parts=parts, weight_g=one.weight_g or more.weight_g)


def _part_of(kind: str) -> str:
    text = plain_heading(kind)
    return next((part for part in PARTS if text in {plain_heading(name) for name in HEADINGS[part]}), "other")


class _Reader:
    """Reads the cells of a table's rows and notes what is wrong with them."""

    def __init__(self, table: BillTable, errors: list[BillError]):
        self.errors = errors
        self.columns = table.columns
        self.places = {ours: table.headings.index(name) for ours, name in table.columns.items()}
        self.parts = [part for part in PARTS if part in self.places]
        heading = plain_heading(table.columns.get("weight", ""))
        self.in_grams = ("克" in heading and "千克" not in heading) or heading.endswith(("(g)", "_g"))

    def is_sum(self, row: Sequence[str]) -> bool:
        """Whether a row is one of sums: no number of a parcel, and a word that says so."""
        number = self._cell(row, "tracking_no")
        texts = [cell.strip().lower() for cell in row]
        return (not number or number.startswith(_SUMS)) and any(text.startswith(_SUMS) for text in texts)

    def parcel(self, number: int, row: Sequence[str]) -> tuple[BilledParcel | None, str]:
        before = len(self.errors)
        tracking_no = self._tracking_no(number, row)
        parts = {part: amount for part in self.parts if (amount := self._amount(number, row, part))}
        amount = self._amount(number, row, "amount") if "amount" in self.places else sum(parts.values(), ZERO)
        if amount is None and len(self.errors) == before:
            self._fail(number, "amount", _("is empty"))
        parcel = BilledParcel(
            row=number,
            tracking_no=tracking_no,
            amount=amount or ZERO,
            weight_g=self._weight(number, row),
            billed_on=self._day(number, row),
            destination=self._cell(row, "destination")[:64],
            product=self._cell(row, "product")[:32],
            parts=parts,
        )
        return (parcel if len(self.errors) == before else None), self._cell(row, "fee_kind")

    def _cell(self, row: Sequence[str], name: str) -> str:
        place = self.places.get(name)
        if place is None or place >= len(row):
            return ""
        text = row[place].strip()
        return _GUARDED.sub(r"\1", text).strip() if text.startswith("=") else text

    def _fail(self, number: int, name: str, problem: str) -> None:
        self.errors.append(BillError(number, self.columns.get(name, str(LABELS[name])), problem))

    def _tracking_no(self, number: int, row: Sequence[str]) -> str:
        text = self._cell(row, "tracking_no")
        if is_shortened(text):
            problem = _("“%(text)s” was shortened by a spreadsheet: format the column as text and save it again")
            self._fail(number, "tracking_no", problem % {"text": text})
        elif not _NUMBER.match(text):
            problem = _("“%(text)s” is no tracking number") if text else _("is empty")
            self._fail(number, "tracking_no", problem % {"text": text} if text else problem)
        return text.upper()

    def _amount(self, number: int, row: Sequence[str], name: str) -> Decimal | None:
        text = self._cell(row, name)
        if not text:
            return None
        amount = _decimal(text)
        if amount is None or abs(amount) >= 10**8:
            self._fail(number, name, _("“%(text)s” is no amount") % {"text": text})
            return None
        if amount != amount.quantize(CENT):
            self._fail(number, name, _("“%(text)s” has fractions of a fen") % {"text": text})
            return None
        return amount.quantize(CENT)

    def _weight(self, number: int, row: Sequence[str]) -> int | None:
        text = self._cell(row, "weight")
        if not text:
            return None
        weight = _decimal(text)
        if weight is None or weight < 0 or weight > 10**6:
            self._fail(number, "weight", _("“%(text)s” is no weight") % {"text": text})
            return None
        grams = int((weight if self.in_grams else weight * 1000).to_integral_value(ROUND_HALF_UP))
        return grams or None

    def _day(self, number: int, row: Sequence[str]) -> date | None:
        text = self._cell(row, "billed_on")
        if not text:
            return None
        day = _day(text)
        if day is None:
            self._fail(number, "billed_on", _("“%(text)s” is no day such as 2026-11-01") % {"text": text})
        return day


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    plain = re.split(r"[ T]", text.replace("年", "-").replace("月", "-").replace("日", " "), maxsplit=1)[0]
    plain = plain.strip().replace("/", "-").replace(".", "-")
    match = re.fullmatch(r"(\d{4})-?(\d{1,2})-?(\d{1,2})", plain)
    try:
        return date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        return None


@lru_cache(maxsize=65536)
def _decimal(text: str) -> Decimal | None:
    plain = text.replace(",", "").replace("，", "").strip("¥￥元 ").lower().removesuffix("kg")
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


@lru_cache(maxsize=8192)
def billed_code(destination: str) -> str:
    """The division that a destination on a bill means; empty where it says nothing that is sure."""
    if not destination:
        return ""
    found = code_of(destination, "", "")
    if found:
        return found
    read = parse_address(destination)
    return read.place.code if read.is_sure else ""


def period_of(parcels: Iterable[BilledParcel]) -> tuple[date, date] | None:
    """First and last day that a bill names; None where it names none."""
    days = [parcel.billed_on for parcel in parcels if parcel.billed_on is not None]
    return (min(days), max(days)) if days else None
