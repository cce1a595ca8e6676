"""How fast a day is reconciled: planted payments, a bill with planted differences, and what was found of them."""

from __future__ import annotations

import io
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from django.db import connection

from finance.matching import BILL_ZONE, day_bounds, ours_as_sums
from finance.models import PaymentEntry, Statement, StatementLine
from finance.services.payments import expected_fee
from finance.services.statements import READERS, import_statement
from finance.states import DIFFERENCES, EntryKind, LineState
from ordercenter.catalog.models import Channel, Shop
from ordercenter.common import bulk
from ordercenter.common.actor import SYSTEM
from ordercenter.common.ids import new_ids
from ordercenter.common.money import ZERO
from ordercenter.orders.models import Order

PROVIDER = "alipay"
ACCOUNT = "20880000000000000099"
FEE_BP = 60
_CHUNK = 20_000
_REFUND_SHARE = 20  # one line in so many
_PLANTED_SHARE = 1000  # of each kind of difference, one in so many lines; at least one


@dataclass(frozen=True, slots=True)
class BillLine:
    """What a row of a bill says. amount and fee as in `finance.matching`; finished_at: aware."""

    external_no: str
    merchant_no: str
    kind: str
    finished_at: datetime
    amount: Decimal
    fee: Decimal
    request_no: str = ""


def run_reconcile(lines: int) -> dict[str, Any]:
    """Plant a day of `lines` payments and refunds, reconcile a bill that differs here and there, and compare.

    Measured is what a real day costs: reading the file, importing, matching, cases. The rows stay in the database, on a
    day of long ago that had none: use a database made for measuring. seconds: all of it; planted and found: differences
    by line number, or by transaction number where the bill has no line; invented: found but not planted.
    """
    day = _free_day()
    entries = list(_plant_entries(lines, day))
    bill, planted = _with_differences([_line_of(entry) for entry in entries], Random(lines))
    content = write_alipay_bill(account=ACCOUNT, day=day, lines=bill)

    started = time.perf_counter()
    read = READERS[PROVIDER](content, day)
    read_s = time.perf_counter() - started
    outcome = import_statement(provider=PROVIDER, bill=read, at=datetime.now(UTC), actor=SYSTEM)
    seconds = time.perf_counter() - started

    found = _found(outcome.statement_id)
    return {
        "lines": lines,
        "seconds": round(seconds, 3),
        "read_s": round(read_s, 3),
        "import_s": round(outcome.write_s, 3),
        "match_s": round(outcome.match_s, 3),
        "differences_planted": sum(planted.values()),
        "differences_found": sum((found & planted).values()),
        "differences_invented": sum((found - planted).values()),
    }


def write_alipay_bill(*, account: str, day: date, lines: Iterable[BillLine]) -> bytes:
    """A trade bill as Alipay hands it out: a ZIP of GBK CSV files, the summary first, ids ending with a tab."""
    day_text = f"{day:%Y年%m月%d日}"
    rows, count, total = [], Counter[str](), Counter[str]()
    for line in lines:
        at = f"{line.finished_at.astimezone(BILL_ZONE):%Y-%m-%d %H:%M:%S}"
        word = "交易" if line.kind == EntryKind.PAYMENT else "退款"
        rows.append(
            f"{line.external_no}\t,{line.merchant_no}\t,{word}\t,棉麻靠垫,{at},{at},\t,\t,\t,\t,王**\t,{line.amount},"
            f"{line.amount},0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,{line.request_no}\t,{line.fee},0.00,"
        )
        count[word] += 1
        total[word] += line.amount  # type: ignore[assignment]
    frame = [
        "#支付宝业务明细查询",
        f"#账号：[{account}]",
        f"#起始日期：[{day_text} 00:00:00]   终止日期：[{day + timedelta(days=1):%Y年%m月%d日} 00:00:00]",
        "#-----------------------------------------业务明细列表----------------------------------------",
        _HEADER,
        *rows,
        "#-----------------------------------------业务明细列表结束------------------------------------",
        f"#交易合计：{count['交易']}笔，商家实收共{total['交易'] or ZERO}元，商家优惠共0.00元",
        f"#退款合计：{count['退款']}笔，商家实收退款共{total['退款'] or ZERO}元，商家优惠退款共0.00元",
        f"#导出时间：[{day_text} 23:59:59]",
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        summary = f"#支付宝业务汇总查询\r\n#账号：[{account}]\r\n"
        archive.writestr(f"{account}_summary.csv", summary.encode("gbk"))
        archive.writestr(f"{account}_{day:%Y%m%d}.csv", ("\r\n".join(frame) + "\r\n").encode("gbk"))
    return packed.getvalue()


_HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,"
    "券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)


def _free_day() -> date:
    """A day long before any real one, without entries around it, so that runs do not meet each other's."""
    day = date(2001, 1, 1)
    while (
        Statement.objects.filter(provider=PROVIDER, account=ACCOUNT, business_day=day).exists()
        or PaymentEntry.objects.filter(provider=PROVIDER, occurred_at__range=day_bounds(day)).exists()
    ):
        day += timedelta(days=3)
    return day


def _plant_entries(count: int, day: date) -> Iterator[PaymentEntry]:
    """Orders and their payments, spread over the day; one in twenty entries is a refund of the payment before it."""
    channel, _ = Channel.objects.get_or_create(code="bench", defaults={"name": "Bench"})
    shop, _ = Shop.objects.get_or_create(
        code="bench", defaults={"channel": channel, "name": "Bench", "payment_fee_bp": FEE_BP}
    )
    random, start = Random(count), day_bounds(day)[0]
    for first in range(0, count, _CHUNK):
        numbers = range(first, min(first + _CHUNK, count))
        orders: list[Order] = []
        entries: list[PaymentEntry] = []
        for n, order_id, entry_id in zip(
            numbers, new_ids(Order, len(numbers)), new_ids(PaymentEntry, len(numbers)), strict=True
        ):
            at = (start + timedelta(seconds=86_399 * n // count)).astimezone(UTC)
            if orders and n % _REFUND_SHARE == 0:
                entries.append(_refund_of(entries[-1], entry_id, at))
                continue
            amount = Decimal(random.randint(100, 99_999)) / 100
            number = f"{day:%Y%m%d}{n:08d}"
            orders.append(
                Order(
                    id=order_id,
                    shop=shop,
                    channel_order_no=number,
                    total_amount=amount,
                    paid_amount=amount,
                    placed_at=at,
                    paid_at=at,
                    channel_modified_at=at,
                )
            )
            entries.append(
                PaymentEntry(
                    id=entry_id,
                    order_id=order_id,
                    shop=shop,
                    kind=EntryKind.PAYMENT,
                    provider=PROVIDER,
                    external_no=f"{number}22001400{n:08d}",
                    merchant_no=f"T200P{number}",
                    amount=amount,
                    expected_fee=expected_fee(amount, FEE_BP),
                    occurred_at=at,
                )
            )
        bulk.insert_instances(Order, orders)
        bulk.insert_instances(PaymentEntry, entries)
        yield from entries
    # What the database does by itself in the course of a day.
    with connection.cursor() as cursor:
        cursor.execute(f"{'ANALYZE' if connection.in_atomic_block else 'VACUUM ANALYZE'} finance_paymententry")


def _refund_of(payment: PaymentEntry, entry_id: int, at: datetime) -> PaymentEntry:
    return PaymentEntry(
        id=entry_id,
        order_id=payment.order_id,
        shop_id=payment.shop_id,
        kind=EntryKind.REFUND,
        provider=PROVIDER,
        external_no=payment.external_no,
        request_no=f"RF{entry_id}",
        merchant_no=payment.merchant_no,
        amount=payment.amount,
        expected_fee=payment.expected_fee,
        occurred_at=at,
    )


def _line_of(entry: PaymentEntry) -> BillLine:
    sums = ours_as_sums(entry.kind, entry.amount, entry.expected_fee)
    return BillLine(
        entry.external_no, entry.merchant_no, entry.kind, entry.occurred_at, sums.amount, sums.fee, entry.request_no
    )


def _with_differences(lines: list[BillLine], random: Random) -> tuple[list[BillLine], Counter[tuple[str, str, str]]]:
    """The same lines with differences of every kind, and which ones: (transaction number, kind of entry, verdict)."""
    each = max(1, len(lines) // _PLANTED_SHARE)
    picked = random.sample(range(len(lines)), each * len(DIFFERENCES))
    verdicts = dict(zip(picked, [verdict for verdict in DIFFERENCES for _ in range(each)], strict=True))
    bill: list[BillLine] = []
    for n, line in enumerate(lines):
        verdict = verdicts.get(n)
        if verdict == LineState.AMOUNT_DIFFERS:
            bill.append(replace(line, amount=line.amount + _fen(line)))
        elif verdict == LineState.FEE_DIFFERS:
            bill.append(replace(line, fee=line.fee - _fen(line)))
        elif verdict == LineState.DUPLICATE:
            bill += [line, line]
        elif verdict == LineState.NOT_IN_BOOKS:
            bill += [line, replace(line, external_no=f"X{line.external_no}")]
        elif verdict != LineState.NOT_IN_BILL:
            bill.append(line)
    planted = Counter(
        (
            f"X{lines[n].external_no}" if verdict == LineState.NOT_IN_BOOKS else lines[n].external_no,
            lines[n].kind,
            str(verdict),
        )
        for n, verdict in verdicts.items()
    )
    return bill, planted


def _fen(line: BillLine) -> Decimal:
    """One fen more of what the line does."""
    return Decimal("0.01") if line.kind == EntryKind.PAYMENT else Decimal("-0.01")


def _found(statement_id: int) -> Counter[tuple[str, str, str]]:
    lines = StatementLine.objects.filter(statement=statement_id).exclude(verdict=LineState.MATCHED)
    return Counter(lines.values_list("external_no", "kind", "verdict"))
