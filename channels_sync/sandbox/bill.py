"""The payment provider's trade bill (业务明细) of a day, from what was really paid and given back, less planted lies.

Form: a ZIP with GBK member names without the UTF-8 flag, the summary member first; each member is a GBK CSV with CRLF
lines, `#` lines around the rows, and ids and texts that end with a tab. The fee is negative on payments and positive on
refunds, as in the samples that are known.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from channels_sync.sandbox.documents import clock_text, yuan
from channels_sync.sandbox.scenario import BillPlan
from channels_sync.sandbox.shop import fee_fen
from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.trades import BillDifference, Payment

HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,"
    "券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
SUMMARY_HEADER = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of the rows that a bill shows; money back and its fee count as positive."""

    payments: int
    refunds: int
    paid_fen: int
    back_fen: int
    fee_fen: int


def bill_rows(payments: Sequence[Payment], differences: Iterable[BillDifference]) -> list[Payment]:
    """The rows that the bill shows: payments in the order of their time, then refunds, with the lies in them."""
    lies = {(lie.kind, lie.alipay_no): lie for lie in differences}
    rows = []
    for payment in sorted(payments, key=lambda row: (row.kind == "refund", row.done_ms, row.alipay_no)):
        if payment.kind == "pay":
            if ("MISSING_ROW", payment.alipay_no) in lies:
                continue
            if lie := lies.get(("AMOUNT_OFF", payment.alipay_no)):
                # The fee stays that of the true amount: one planted difference is one difference.
                payment = replace(payment, amount_fen=lie.shown_fen)
            if lie := lies.get(("FEE_OFF", payment.alipay_no)):
                payment = replace(payment, fee_fen=lie.shown_fen)
        rows.append(payment)
    return rows


def extra_rows(differences: Iterable[BillDifference], *, at_ms: int) -> list[Payment]:
    """The rows that belong to no payment of the shop."""
    return [
        Payment(
            kind="pay",
            alipay_no=lie.alipay_no,
            order_no=lie.order_no,
            tid=0,
            amount_fen=lie.shown_fen,
            fee_fen=fee_fen(lie.shown_fen),
            created_ms=at_ms,
            done_ms=at_ms,
            title="线下收款",
            buyer="赵**(139****0000)",
        )
        for lie in differences
        if lie.kind == "EXTRA_ROW"
    ]


def plant_differences(
    payments: Sequence[Payment], plan: BillPlan, *, seed: int, day: str, spared: set[str]
) -> list[BillDifference]:
    """Choose payments to lie about, by the seed. spared: transaction numbers that carry a difference already.

    Raises ValueError when there are not enough payments.
    """
    rng = random.Random(f"bill/{seed}/{day}")
    refunded = {row.alipay_no for row in payments if row.kind == "refund"}
    free = [row for row in payments if row.kind == "pay" and row.alipay_no not in spared | refunded]
    needed = plan.missing + plan.amount_off + plan.fee_off
    if needed > len(free):
        raise ValueError(f"{needed} differences need as many payments of {day}, there are {len(free)} free ones")
    kinds = ["MISSING_ROW"] * plan.missing + ["AMOUNT_OFF"] * plan.amount_off + ["FEE_OFF"] * plan.fee_off
    found = []
    for kind, row in zip(kinds, rng.sample(free, needed), strict=True):
        true = row.fee_fen if kind == "FEE_OFF" else row.amount_fen
        offset = rng.choice((-1, 1)) * rng.randrange(1, 100)
        shown = 0 if kind == "MISSING_ROW" else true + (offset if true + offset > 0 else -offset)
        found.append(BillDifference(kind, day, row.alipay_no, row.order_no, true, shown))
    for _no in range(plan.extra):
        number = rng.randrange(10**12)
        alipay_no = f"{day.replace('-', '')}22001499{number:012d}"
        found.append(
            BillDifference("EXTRA_ROW", day, alipay_no, f"T200P31{number:017d}", 0, rng.randrange(1_000, 50_000))
        )
    return found


def bill_zip(rows: Sequence[Payment], *, day: str, seller_id: str, made_ms: int, switches: Switches) -> bytes:
    """The ZIP file of a day, damaged as the switches say."""
    totals = _totals(rows)
    encoding = "utf-8" if switches.bill_wrong_encoding else "gbk"
    lines = [_row(row) for row in rows]
    if switches.bill_broken_row and lines:
        middle = len(lines) // 2
        lines[middle] = lines[middle].rsplit(",", 14)[0] + ",壹佰贰拾元"
    detail = _frame(
        ["#支付宝业务明细查询", _account(seller_id), _span(day)],
        "业务明细列表",
        [HEADER, *lines],
        [
            f"#交易合计：{totals.payments}笔，商家实收共{yuan(totals.paid_fen)}元，商家优惠共0.00元",
            f"#退款合计：{totals.refunds}笔，商家实收退款共{yuan(-totals.back_fen)}元，商家优惠退款共0.00元",
            f"#导出时间：[{_chinese_time(clock_text(made_ms))}]",
        ],
    )
    net = yuan(totals.paid_fen - totals.back_fen)
    settled = yuan(totals.paid_fen - totals.back_fen - totals.fee_fen)
    sums = f"{net},{net},0.00,0.00,0.00,{yuan(-totals.fee_fen)},0.00,{settled}"
    summary = _frame(
        ["#支付宝业务汇总查询", _account(seller_id), _span(day)],
        "业务汇总列表",
        [SUMMARY_HEADER, f"合计,\t,{totals.payments},{totals.refunds},{sums}"],
        [],
    )
    stem = f"{seller_id}0156_{day.replace('-', '')}_业务明细"
    archive = _zip([(f"{stem}(汇总).csv", summary.encode("gbk")), (f"{stem}.csv", detail.encode(encoding))])
    return archive[: len(archive) * 3 // 5] if switches.bill_truncated else archive


def _totals(rows: Sequence[Payment]) -> Totals:
    paid = [row for row in rows if row.kind == "pay"]
    back = [row for row in rows if row.kind == "refund"]
    return Totals(
        payments=len(paid),
        refunds=len(back),
        paid_fen=sum(row.amount_fen for row in paid),
        back_fen=sum(row.amount_fen for row in back),
        fee_fen=sum(row.fee_fen for row in paid) - sum(row.fee_fen for row in back),
    )


def _row(row: Payment) -> str:
    is_refund = row.kind == "refund"
    amount = yuan(-row.amount_fen if is_refund else row.amount_fen)
    fee = yuan(row.fee_fen if is_refund else -row.fee_fen)
    return (
        f"{row.alipay_no}\t,{row.order_no}\t,{'退款' if is_refund else '交易'}\t,{row.title},"
        f"{clock_text(row.created_ms)},{clock_text(row.done_ms)},\t,\t,\t,\t,{row.buyer}\t,"
        f"{amount},{amount},0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,{row.request_no}\t,{fee},0.00,"
    )


def _frame(head: list[str], name: str, lines: list[str], foot: list[str]) -> str:
    begin, end = f"#{'-' * 41}{name}{'-' * 40}", f"#{'-' * 41}{name}结束{'-' * 36}"
    return "\r\n".join([*head, begin, *lines, end, *foot]) + "\r\n"


def _account(seller_id: str) -> str:
    return f"#账号：[{seller_id}0156]"


def _span(day: str) -> str:
    # The known samples end at midnight of the next day.
    next_day = date.fromisoformat(day) + timedelta(days=1)
    return f"#起始日期：[{_chinese_time(f'{day} 00:00:00')}]   终止日期：[{_chinese_time(f'{next_day} 00:00:00')}]"


def _chinese_time(text: str) -> str:
    year, month, rest = text.split("-")
    day, _space, time = rest.partition(" ")
    return f"{year}年{month}月{day}日 {time}"


def _zip(members: Sequence[tuple[str, bytes]]) -> bytes:
    """A ZIP whose member names are raw GBK without the UTF-8 flag, which the standard library cannot write."""
    out, directory = bytearray(), bytearray()
    for name, content in members:
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = packer.compress(content) + packer.flush()
        raw_name, offset = name.encode("gbk"), len(out)
        # version needed, flags, deflate, time, date (1 January 2020), checksum, sizes, lengths of name and extra
        common = struct.pack(
            "<HHHHHIIIHH", 20, 0, 8, 0, 0x5021, zlib.crc32(content), len(packed), len(content), len(raw_name), 0
        )
        out += b"PK\x03\x04" + common + raw_name + packed
        directory += (
            b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, offset) + raw_name
        )
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(out), 0)
    return bytes(out + directory + b"PK\x05\x06" + end)
