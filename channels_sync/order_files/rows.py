"""From rows to orders: rows of one number are one order, and every mistake is named by row and column.

Pure: no database. A file is walked twice, first to count the rows of each order, then to hand out each order when its
last row was seen; so the rows of an order may stand apart, and only orders that are not complete yet are in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from channels_sync.order_files.cells import (
    STATUSES,
    amount_of,
    has_control,
    in_cents,
    instant_of,
    masked_cell,
    plain_text,
    whole_of,
)
from ordercenter.common.money import CENT, ZERO, split_amount
from ordercenter.common.sheets import is_shortened
from ordercenter.orders.intake_types import (
    ChannelStatus,
    IncomingLine,
    IncomingOrder,
    IncomingPayment,
    IncomingReceiver,
)

MOST_LINES = 200
Row = tuple[int, Sequence[str]]
# Columns that say something of the whole order: once, or the same in each of its rows.
_ONCE = (
    "placed_at",
    "paid_at",
    "status",
    "discount",
    "freight",
    "total",
    "name",
    "phone",
    "province",
    "city",
    "district",
    "town",
    "address",
    "zip_code",
    "buyer",
    "buyer_remark",
    "seller_remark",
    "payment_provider",
    "payment_no",
)
_LONGEST = {
    "order_no": 64,
    "line_no": 64,
    "sku": 64,
    "title": 255,
    "name": 64,
    "phone": 32,
    "province": 32,
    "city": 32,
    "district": 32,
    "town": 64,
    "address": 256,
    "zip_code": 16,
    "buyer": 64,
    "buyer_remark": 1000,
    "seller_remark": 1000,
    "payment_provider": 16,
    "payment_no": 64,
}
_MUST = ("name", "phone", "address")


class Problem(NamedTuple):
    """What is wrong with a cell, as plain values. row: of the file; column: our name, "" for the order as a whole.

    code: see `words.py`; text: what stands there; other: another row, or an amount that was expected.
    """

    row: int
    column: str
    code: str
    text: str = ""
    other: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a file are read. places: our column -> index of the cell. zone: of times without one.

    status: of orders where the file says nothing; first_row: of the first row below the heading.
    """

    places: Mapping[str, int]
    zone: str
    status: ChannelStatus
    first_row: int


@dataclass(frozen=True, slots=True)
class FileOrder:
    """The rows of one order number. order: what they say, None where anything is wrong."""

    number: str
    rows: tuple[int, ...]
    order: IncomingOrder | None
    problems: tuple[Problem, ...] = ()

    @property
    def first_row(self) -> int:
        return self.rows[0]


@dataclass(slots=True)
class _Group:
    rows: list[Row] = field(default_factory=list)


def layout_of(
    headings: Sequence[str], columns: Mapping[str, str], *, zone: str, status: ChannelStatus, heading_row: int
) -> Layout:
    """The layout of a file with these headings. columns: our name -> heading."""
    places = {ours: headings.index(heading) for ours, heading in columns.items() if heading in headings}
    return Layout(places, zone, status, heading_row + 1)


def orders_in(walk: Callable[[], Iterable[Row]], layout: Layout, *, at: datetime) -> Iterator[FileOrder]:
    """The orders of a file, each when its last row was seen. walk: begins the rows of the file anew; at: when the file
    came, which is also the version of what it says.
    """
    place = layout.places["order_no"]
    counts: Counter[str] = Counter()
    for number, cells in walk():
        if number >= layout.first_row:
            counts[_number_of(cells, place)] += 1
    open_ones: dict[str, _Group] = {}
    for number, cells in walk():
        if number < layout.first_row:
            continue
        order_no = _number_of(cells, place)
        if not order_no:
            # Rows without a number belong to nobody: each is a mistake of its own.
            yield FileOrder("", (number,), None, (Problem(number, "order_no", "empty"),))
            continue
        group = open_ones.setdefault(order_no, _Group())
        group.rows.append((number, cells))
        counts[order_no] -= 1
        if not counts[order_no]:
            yield read_order(order_no, open_ones.pop(order_no).rows, layout, at=at)


def _number_of(cells: Sequence[str], place: int) -> str:
    return plain_text(cells[place]) if place < len(cells) else ""


def read_order(number: str, rows: Sequence[Row], layout: Layout, *, at: datetime) -> FileOrder:
    """One order of its rows."""
    reader = _OrderReader(number, rows, layout, at)
    order = reader.read()
    numbers = tuple(row for row, _cells in rows)
    return FileOrder(number, numbers, None if reader.problems else order, tuple(reader.problems))


@dataclass(slots=True)
class _Line:
    row: int
    no: str
    sku: str
    title: str
    quantity: int
    price: Decimal
    amount: Decimal | None


class _OrderReader:
    """Reads the rows of one order and notes what is wrong with them."""

    def __init__(self, number: str, rows: Sequence[Row], layout: Layout, at: datetime):
        self.number, self.rows, self.layout, self.at = number, rows, layout, at
        self.places = layout.places
        self.problems: list[Problem] = []

    def read(self) -> IncomingOrder | None:
        first = self.rows[0][0]
        if is_shortened(self.number):
            self._fail(first, "order_no", "spoilt", self.number)
        self._check_text(first, "order_no", self.number)
        if len(self.rows) > MOST_LINES:
            self._fail(first, "", "too_many_lines", str(len(self.rows)), str(MOST_LINES))
            return None
        once = {name: self._once(name) for name in _ONCE if name in self.places}
        for name in _MUST:
            if not once.get(name, (0, ""))[1]:
                self._fail(first, name, "empty")
        lines = [line for line in (self._line(number, cells, i) for i, (number, cells) in enumerate(self.rows)) if line]
        status = self._status(once)
        placed_at = self._instant(once, "placed_at")
        paid_at = self._instant(once, "paid_at")
        money = {name: self._amount(once, name) for name in ("discount", "freight", "total")}
        if self.problems:
            return None
        return self._order(once, lines, status, placed_at, paid_at, money)

    def _fail(self, row: int, column: str, code: str, text: str = "", other: str = "") -> None:
        # What is kept of a mistake is shown and stored in clear: nothing of a receiver may be in it.
        self.problems.append(Problem(row, column, code, masked_cell(text[:60], column), other))

    def _cell(self, cells: Sequence[str], name: str) -> str:
        place = self.places.get(name)
        return plain_text(cells[place]) if place is not None and place < len(cells) else ""

    def _once(self, name: str) -> tuple[int, str]:
        """What the order's rows say of it: (row, text). Two that differ are a mistake, an empty one follows."""
        row, text = self.rows[0][0], ""
        for number, cells in self.rows:
            said = self._cell(cells, name)
            if not said:
                continue
            if not text:
                row, text = number, said
            elif said != text:
                self._fail(number, name, "differs", said, str(row))
                break
        self._check_text(row, name, text)
        return row, text

    def _check_text(self, row: int, name: str, text: str) -> None:
        longest = _LONGEST.get(name)
        if longest is not None and len(text) > longest:
            self._fail(row, name, "too_long", "", str(longest))
        if text and has_control(text):
            self._fail(row, name, "control")

    def _line(self, row: int, cells: Sequence[str], index: int) -> _Line | None:
        before = len(self.problems)
        sku, title, no = (self._cell(cells, name) for name in ("sku", "title", "line_no"))
        for name, text in (("sku", sku), ("title", title), ("line_no", no)):
            self._check_text(row, name, text)
        if not sku:
            self._fail(row, "sku", "empty")
        said = self._cell(cells, "quantity")
        quantity = whole_of(said) if said else None
        if quantity is None:
            self._fail(row, "quantity", "not_whole" if said else "empty", said)
        price, amount = (self._money(row, name, self._cell(cells, name)) for name in ("unit_price", "line_amount"))
        if price is None and amount is None and len(self.problems) == before:
            self._fail(row, "unit_price" if "unit_price" in self.places else "line_amount", "empty")
        if len(self.problems) > before or quantity is None:
            return None
        if price is None:
            assert amount is not None
            # Up to the fen: what was paid never is more than what the goods cost.
            price = (amount / quantity).quantize(CENT, ROUND_CEILING)
        return _Line(row, no or str(index + 1), sku, title, quantity, price, amount)

    def _money(self, row: int, name: str, text: str) -> Decimal | None:
        if not text:
            return None
        amount = amount_of(text)
        if amount is None:
            self._fail(row, name, "not_amount", text)
            return None
        if not in_cents(amount):
            self._fail(row, name, "fen", text)
            return None
        return amount.quantize(CENT)

    def _amount(self, once: Mapping[str, tuple[int, str]], name: str) -> Decimal | None:
        row, text = once.get(name, (0, ""))
        return self._money(row, name, text)

    def _instant(self, once: Mapping[str, tuple[int, str]], name: str) -> datetime | None:
        row, text = once.get(name, (0, ""))
        if not text:
            return None
        at = instant_of(text, self.layout.zone)
        if at is None:
            self._fail(row, name, "not_time", text)
        elif at > self.at + timedelta(days=1):
            self._fail(row, name, "future", text)
        return at

    def _status(self, once: Mapping[str, tuple[int, str]]) -> str:
        row, text = once.get("status", (0, ""))
        if not text:
            return "paid" if once.get("paid_at", (0, ""))[1] else self.layout.status
        status = STATUSES.get(text.lower().replace("，", ",").replace(" ", ""))
        if status is None:
            self._fail(row, "status", "unknown_status", text)
        return status or "created"

    def _order(
        self,
        once: Mapping[str, tuple[int, str]],
        lines: list[_Line],
        status: str,
        placed_at: datetime | None,
        paid_at: datetime | None,
        money: Mapping[str, Decimal | None],
    ) -> IncomingOrder | None:
        self._number_lines(lines)
        sums = self._sums(once, lines, money)
        if sums is None or self.problems:
            return None
        goods, discount, freight, total, shares = sums
        placed = placed_at or paid_at or self.at
        paid = (paid_at or placed) if status == "paid" else None
        text = {name: said for name, (_row, said) in once.items()}
        payment = self._payment(once, total, paid)
        if self.problems:
            return None
        word: ChannelStatus = status  # type: ignore[assignment]
        return IncomingOrder(
            channel_order_no=self.number,
            status=word,
            held=False,
            created_at=placed,
            paid_at=paid,
            modified_at=self.at,
            goods_total=goods,
            discount_total=discount,
            freight=freight,
            total_amount=total,
            currency="CNY",
            buyer_id=text.get("buyer", ""),
            buyer_nick=text.get("buyer", ""),
            buyer_remark=text.get("buyer_remark", ""),
            seller_remark=text.get("seller_remark", ""),
            seller_flag=0,
            presale_state=None,
            receiver=_receiver(text),
            lines=tuple(_incoming_line(line, share, word) for line, share in zip(lines, shares, strict=True)),
            payment=payment,
            raw_status=text.get("status", "") or status,
        )

    def _number_lines(self, lines: Sequence[_Line]) -> None:
        seen: dict[str, int] = {}
        for line in lines:
            if line.no in seen:
                self._fail(line.row, "line_no", "repeated", line.no, str(seen[line.no]))
            seen.setdefault(line.no, line.row)

    def _sums(
        self, once: Mapping[str, tuple[int, str]], lines: Sequence[_Line], money: Mapping[str, Decimal | None]
    ) -> tuple[Decimal, Decimal, Decimal, Decimal, list[Decimal]] | None:
        """Goods, discount, freight, total and each line's share: they add up, or it is said what does not.

        What the file leaves out follows from the rest: the total from the goods, the discount from the total.
        """
        goods = sum((line.price * line.quantity for line in lines), ZERO)
        freight, total, discount = money["freight"] or ZERO, money["total"], money["discount"]
        given = [line.amount for line in lines if line.amount is not None]
        if len(given) == len(lines):
            # The lines say themselves what is paid for them; what an order's discount is then, they say too.
            paid = sum(given, ZERO)
            if total is not None and total != paid + freight:
                self._fail(once["total"][0], "total", "sum", str(total), str(paid + freight))
                return None
            if paid > goods:
                self._fail(lines[0].row, "line_amount", "above_price", str(paid), str(goods))
                return None
            return goods, goods - paid, freight, paid + freight, given
        if discount is None:
            discount = goods + freight - total if total is not None else ZERO
        due = goods - discount + freight
        if total is not None and total != due:
            self._fail(once["total"][0], "total", "sum", str(total), str(due))
            return None
        if discount < ZERO or discount > goods:
            place = "discount" if money["discount"] is not None else "total"
            self._fail(once[place][0], place, "sum", str(total if place == "total" else discount), str(goods + freight))
            return None
        weights = [int(line.price * line.quantity * 100) for line in lines]
        shares = split_amount(goods - discount, weights) if sum(weights) else [ZERO] * len(lines)
        return goods, discount, freight, due, shares

    def _payment(
        self, once: Mapping[str, tuple[int, str]], total: Decimal, paid: datetime | None
    ) -> IncomingPayment | None:
        row, number = once.get("payment_no", (0, ""))
        if not number or paid is None or not total:
            return None
        if is_shortened(number):
            self._fail(row, "payment_no", "spoilt", number)
            return None
        provider = once.get("payment_provider", (0, ""))[1] or "other"
        return IncomingPayment(number, total, paid, PROVIDERS.get(provider.lower(), provider), "")


# What people call the providers whose bills we read.
PROVIDERS = {
    "支付宝": "alipay",
    "alipay": "alipay",
    "微信": "wechat",
    "微信支付": "wechat",
    "现金": "cash",
    "银行卡": "card",
}


def _receiver(text: Mapping[str, str]) -> IncomingReceiver:
    parts = {name: text.get(name, "") for name in ("name", "phone", "province", "city", "district", "town", "address")}
    return IncomingReceiver(**parts, zip_code=text.get("zip_code", ""), oaid="", is_masked=False)


def _incoming_line(line: _Line, share: Decimal, status: ChannelStatus) -> IncomingLine:
    return IncomingLine(
        channel_line_no=line.no,
        listing_id="",
        listing_sku_id="",
        outer_sku=line.sku,
        title=line.title,
        sku_text="",
        quantity=line.quantity,
        unit_price=line.price,
        discount=max(ZERO, line.price * line.quantity - share),
        paid_share=share,
        status=status,
        refund_status="none",
        is_gift=False,
    )
