"""Alipay's trade bill (业务明细): a ZIP of GBK CSV files with `#` lines around the rows.

Source of the form: fixtures of public parsers. Column order has changed over the years, so columns are found by name;
brackets in names come full or half width. 200,000 rows take about a second, because a good row is read without looking
for what could be wrong with it; a row that fails is read again, slowly, to name the column.
"""

from __future__ import annotations

import csv
import gc
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Literal, NamedTuple

from finance.statements.errors import StatementUnreadable
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.money import ZERO

MAX_ARCHIVE_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_MEMBERS = 32
ENCODING = "gb18030"

_TITLE = "#支付宝业务明细查询"
_TRADE_NO, _ORDER_NO, _KIND, _FINISHED, _RECEIVED, _REQUEST_NO, _FEE = _NEEDED = (
    "支付宝交易号",
    "商户订单号",
    "业务类型",
    "完成时间",
    "商家实收(元)",
    "退款批次号/请求号",
    "服务费(元)",
)
_GOODS, _CREATED = "商品名称", "创建时间"
_KINDS: dict[str, Literal["payment", "refund"]] = {"交易": "payment", "退款": "refund"}
_DAY = re.compile(r"#起始日期[：:]\[?([0-9]{4})年([0-9]{2})月([0-9]{2})日")
_ACCOUNT = re.compile(r"#账号[：:]\[?([0-9]+)")
_TOTAL = re.compile(r"#(交易|退款)合计[：:]([0-9]+)笔，商家实收(?:退款)?共(-?[0-9]+(?:\.[0-9]{1,2})?)元")
_MONEY = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,2})?")


class BillRow(NamedTuple):
    """One row. external_no: Alipay's transaction number; merchant_no: `T200P` + order number for Tmall sales.

    amount: what the seller receives, negative for a refund. fee: what the provider takes (negative, payment) or gives
    back (positive, refund), so that amount + fee is what moves. refund_request_no: empty for payments. raw: the row as
    it came, without its line end. line_no: its line in the file, counted from 1.
    """

    external_no: str
    merchant_no: str
    kind: Literal["payment", "refund"]
    finished_at: datetime
    amount: Decimal
    fee: Decimal
    refund_request_no: str
    raw: str
    line_no: int


@dataclass(slots=True)
class AlipayBill:
    """A whole bill, its sums checked against the rows. day: the business day (GMT+8); refund_total is <= 0."""

    account: str
    day: date
    rows: list[BillRow] = field(default_factory=list)
    payment_count: int = 0
    payment_total: Decimal = ZERO
    refund_count: int = 0
    refund_total: Decimal = ZERO


def read_trade_bill(archive: bytes, *, day: date | None = None) -> AlipayBill:
    """The trade bill inside the ZIP that Alipay hands out.

    day: when given, a bill of another day is refused. Raises StatementUnreadable naming row, column and reason; then
    nothing of the bill is to be used.
    """
    bills = [read_trade_text(text) for text in _bill_members(archive)]
    bill = bills[0]
    for further in bills[1:]:
        if (further.day, further.account) != (bill.day, bill.account):
            raise StatementUnreadable(row=0, column="", reason="other_day", detail="members of several days")
        bill.rows += further.rows
        bill.payment_count += further.payment_count
        bill.payment_total += further.payment_total
        bill.refund_count += further.refund_count
        bill.refund_total += further.refund_total
    if day is not None and bill.day != day:
        raise StatementUnreadable(row=0, column="", reason="other_day", detail=f"of {bill.day}, not of {day}")
    return bill


def read_trade_text(data: bytes) -> AlipayBill:
    """One unpacked trade bill file. Raises StatementUnreadable."""
    lines = _decode(data).replace("\r\n", "\n").split("\n")
    head, body_end = _frame(lines)
    bill = AlipayBill(account=_account(lines[:head]), day=_day(lines[:head]))
    names = [name.strip().replace("（", "(").replace("）", ")") for name in lines[head].split(",")]
    for name in _NEEDED:
        if names.count(name) != 1:
            raise StatementUnreadable(row=head + 1, column=name, reason="header")
    with _collector_at_rest():
        bill.rows = _read_rows(lines, head + 1, body_end, names)
    _check_totals(bill, lines[body_end:], body_end)
    return bill


# --- the archive ------------------------------------------------------------------------------------------------------


def _bill_members(archive: bytes) -> list[bytes]:
    """The detail files, chosen by their first line: names are GBK without the flag that says so, order says nothing."""
    if len(archive) > MAX_ARCHIVE_BYTES:
        raise StatementUnreadable(row=0, column="", reason="too_large", detail=f"archive of {len(archive)} bytes")
    found: list[bytes] = []
    wrongly_encoded = False
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            # Declared sizes may lie; reading below stops at the limit whatever they say.
            if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                raise StatementUnreadable(row=0, column="", reason="too_large", detail="too much in the archive")
            room = MAX_UNPACKED_BYTES
            for member in members:
                with opened.open(member) as stream:
                    data = stream.read(room + 1)
                room -= len(data)
                if room < 0:
                    raise StatementUnreadable(row=0, column="", reason="too_large", detail="too much in the archive")
                if data.startswith(_TITLE.encode(ENCODING)):
                    found.append(data)
                elif _is_title_elsewise(data):
                    wrongly_encoded = True
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        # RuntimeError: encrypted; NotImplementedError: a compression that is no part of the format.
        raise StatementUnreadable(row=0, column="", reason="broken_archive", detail=str(error)[:120]) from error
    if wrongly_encoded:
        raise StatementUnreadable(row=1, column="", reason="encoding", detail="the bill is not GBK")
    if not found:
        raise StatementUnreadable(row=0, column="", reason="no_bill", detail="no member is a trade bill")
    return found


def _is_title_elsewise(data: bytes) -> bool:
    start = data[:200]
    return any(_TITLE.encode(encoding) in start for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def _decode(data: bytes) -> str:
    try:
        text = data.decode(ENCODING)
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise StatementUnreadable(row=row, column="", reason="encoding", detail=f"byte {error.start}") from None
    if not text.startswith(_TITLE):
        reason = "encoding" if _is_title_elsewise(data) else "no_bill"
        raise StatementUnreadable(row=1, column="", reason=reason)
    return text


# --- the frame --------------------------------------------------------------------------------------------------------


def _frame(lines: list[str]) -> tuple[int, int]:
    """Indexes of the header line and of the dashed line that ends the rows."""
    head = next((at for at, line in enumerate(lines) if not line.startswith("#")), None)
    if head is None:
        raise StatementUnreadable(row=len(lines), column="", reason="truncated", detail="no header")
    end = len(lines)
    while end > head and not (lines[end - 1].startswith("#-") and "列表结束" in lines[end - 1]):
        end -= 1
    if end == head:
        raise StatementUnreadable(row=len(lines), column="", reason="truncated", detail="no end of the list")
    return head, end - 1


def _day(lines: list[str]) -> date:
    for at, line in enumerate(lines):
        found = _DAY.match(line)
        if found:
            try:
                return date(int(found[1]), int(found[2]), int(found[3]))
            except ValueError:
                raise StatementUnreadable(row=at + 1, column="起始日期", reason="ill_typed") from None
    raise StatementUnreadable(row=len(lines), column="起始日期", reason="missing")


def _account(lines: list[str]) -> str:
    for line in lines:
        found = _ACCOUNT.match(line)
        if found:
            return found[1]
    raise StatementUnreadable(row=len(lines), column="账号", reason="missing")


def _check_totals(bill: AlipayBill, tail: list[str], tail_start: int) -> None:
    """Count and sum of payments and refunds as the bill states them must be those of its rows."""
    stated: dict[str, tuple[int, int, Decimal]] = {}
    for at, line in enumerate(tail):
        found = _TOTAL.match(line)
        if found:
            stated[_KINDS[found[1]]] = (tail_start + at + 1, int(found[2]), Decimal(found[3]))
    for row in bill.rows:
        if row.kind == "payment":
            bill.payment_count += 1
            bill.payment_total += row.amount
        else:
            bill.refund_count += 1
            bill.refund_total += row.amount
    sums = {
        "payment": ("交易合计", bill.payment_count, bill.payment_total),
        "refund": ("退款合计", bill.refund_count, bill.refund_total),
    }
    for kind, (name, count, total) in sums.items():
        if kind not in stated:
            raise StatementUnreadable(row=tail_start + len(tail), column=name, reason="truncated", detail="no sum")
        line_no, stated_count, stated_total = stated[kind]
        if (stated_count, stated_total) != (count, total):
            detail = f"stated {stated_count} and {stated_total}, rows give {count} and {total}"
            raise StatementUnreadable(row=line_no, column=name, reason="totals_differ", detail=detail)


# --- the rows ---------------------------------------------------------------------------------------------------------


def _read_rows(lines: list[str], start: int, end: int, names: list[str]) -> list[BillRow]:
    width = len(names)
    pick = itemgetter(*(names.index(name) for name in _NEEDED))
    amounts, times = _Amounts(), _Times()
    rows: list[BillRow] = []
    at = start
    while at < end:
        line_no = at + 1
        raw = lines[at]
        # Quoting is rare, and splitting is twice as fast without it.
        if '"' in raw:
            cells, raw, at = _quoted(lines, at, end)
        else:
            cells = raw.split(",")
            at += 1
        if len(cells) != width:
            if not raw:
                continue
            cells = _mend(cells, names, line_no)
        trade_no, order_no, kind_text, finished, received, request_no, fee_text = pick(cells)
        try:
            kind = _KINDS[kind_text.strip()]
            external_no = trade_no.strip()
            amount, fee = amounts[received], amounts[fee_text]
            finished_at = times[finished]
            if not external_no or (amount < 0 if kind == "payment" else amount > 0):
                raise ValueError
        except (ValueError, KeyError):  # KeyError: a kind that is no kind
            raise _diagnosis(dict(zip(names, cells, strict=True)), line_no) from None
        fee = -abs(fee) if kind == "payment" else abs(fee)
        request = "" if kind == "payment" else request_no.strip()
        rows.append(
            BillRow._make((external_no, order_no.strip(), kind, finished_at, amount, fee, request, raw, line_no))
        )
    return rows


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """All rows survive: the garbage collector would walk them again and again, a third of the time, for nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _quoted(lines: list[str], at: int, end: int) -> tuple[list[str], str, int]:
    """Cells and raw text of a row with quotes, which may reach over several lines, and where the next row begins."""
    reader = csv.reader(f"{lines[following]}\n" for following in range(at, end))
    try:
        cells = next(reader)
    except csv.Error as error:
        raise StatementUnreadable(row=at + 1, column="", reason="columns", detail=str(error)) from None
    following = at + reader.line_num
    return cells, "\n".join(lines[at:following]), following


def _mend(cells: list[str], names: list[str], line_no: int) -> list[str]:
    """Put a goods name back together that holds commas without quotes: the times after it show where it ends."""
    surplus = len(cells) - len(names)
    if surplus > 0 and _GOODS in names and _CREATED in names:
        goods = names.index(_GOODS)
        mended = [*cells[:goods], ",".join(cells[goods : goods + surplus + 1]), *cells[goods + surplus + 1 :]]
        if _is_time(mended[names.index(_CREATED)]) and _is_time(mended[names.index(_FINISHED)]):
            return mended
    detail = f"{len(cells)} columns, the header has {len(names)}"
    raise StatementUnreadable(row=line_no, column="", reason="columns", detail=detail)


def _diagnosis(row: dict[str, str], line_no: int) -> StatementUnreadable:
    """What is wrong with a row that could not be read; the value itself stays out of the error."""

    def error(column: str, reason: str) -> StatementUnreadable:
        return StatementUnreadable(row=line_no, column=column, reason=reason)

    if not row[_TRADE_NO].strip():
        return error(_TRADE_NO, "missing")
    kind = row[_KIND].strip()
    if kind not in _KINDS:
        return error(_KIND, "unknown_value" if kind else "missing")
    if not _is_time(row[_FINISHED]):
        return error(_FINISHED, "ill_typed" if row[_FINISHED].strip() else "missing")
    for column in (_RECEIVED, _FEE):
        if _MONEY.fullmatch(row[column].strip()) is None:
            return error(column, "ill_typed" if row[column].strip() else "missing")
    return error(_RECEIVED, "sign")


def _is_time(text: str) -> bool:
    try:
        parse_gmt8(text.strip())
    except ValueError:
        return False
    return True


class _Amounts(dict[str, Decimal]):
    """Cell text to amount, each text parsed once per bill; a missing or ill-typed one raises ValueError."""

    def __missing__(self, text: str) -> Decimal:
        bare = text.strip()
        if _MONEY.fullmatch(bare) is None:
            raise ValueError("not an amount")
        amount = Decimal(bare)
        if bare[-3:-2] != ".":
            amount = amount.quantize(ZERO)
        self[text] = amount
        return amount


class _Times(dict[str, datetime]):
    """Cell text to instant, each text parsed once per bill; an ill-typed one raises ValueError."""

    def __missing__(self, text: str) -> datetime:
        self[text] = at = parse_gmt8(text.strip())
        return at
