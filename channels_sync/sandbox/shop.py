"""What happens in the shops: buyers order, pay, ask for money back and receive; every step is told to the platform.

All verbs take the world's lock themselves. What a platform makes of a fact is its own affair (see platforms/).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial

from channels_sync.sandbox.people import masked_mobile, masked_name
from channels_sync.sandbox.platforms import TRAITS, Fact, Happened
from channels_sync.sandbox.trades import (
    FRONT_NOPAID_FINAL_NOPAID,
    FRONT_PAID_FINAL_NOPAID,
    FRONT_PAID_FINAL_PAID,
    NO_REFUND,
    SELLER_CONSIGNED_PART,
    TRADE_CLOSED,
    TRADE_CLOSED_BY_TAOBAO,
    TRADE_FINISHED,
    WAIT_BUYER_CONFIRM_GOODS,
    WAIT_BUYER_PAY,
    WAIT_SELLER_SEND_GOODS,
    Line,
    Payment,
    Refund,
    Sent,
    Trade,
)
from channels_sync.sandbox.world import World, day_of

TIDS_PER_TRADE = 10
# How soon after its payment a trade is split.
SPLIT_AFTER_MS = 1_500
REFUND_KINDS = ("refund", "return", "exchange", "price_protection")
_WITH_GOODS = ("return", "exchange")
_SHIPPABLE = (WAIT_SELLER_SEND_GOODS, SELLER_CONSIGNED_PART)
_UNDECIDED = ("WAIT_SELLER_AGREE", "WAIT_BUYER_RETURN_GOODS", "WAIT_SELLER_CONFIRM_GOODS", "SELLER_REFUSE_BUYER")


class Refused(Exception):
    """This is not done in the state things are in. code: a plain word, which a platform says in its own."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def fee_fen(amount_fen: int) -> int:
    """The payment provider's fee: 0.6 %, half up to the fen."""
    return (amount_fen * 6 + 500) // 1000


class Shop:
    """The verbs of the played shops."""

    def __init__(self, world: World, *, tell: Callable[[Happened], None] | None = None):
        """tell: who hears of every fact, within the change that made it true; may be given later."""
        self.world = world
        self.tell = tell or (lambda _happened: None)

    def place(self, trade: Trade) -> None:
        """A buyer orders: the trade appears unpaid, or waiting for its deposit."""
        with self.world.change():
            self.world.add_trade(trade)
            self.emit(Fact.PLACED, trade)

    def pay(self, tid: int) -> Trade:
        """The buyer pays: all, or for a presale the deposit first and the balance the second time.

        The payment is booked whole, for a presale with its balance.
        """
        world = self.world
        with world.change():
            trade = self.trade(tid)
            if trade.status != WAIT_BUYER_PAY:
                raise Refused("not_payable", f"{tid} is {trade.status}")
            trade.pay_due_ms = 0
            if trade.step_status == FRONT_NOPAID_FINAL_NOPAID:
                trade.step_status = FRONT_PAID_FINAL_NOPAID
                trade.step_paid_fen = trade.payment_fen // 5
                world.touch(trade)
                self.emit(Fact.DEPOSIT_PAID, trade)
                return trade
            if trade.step_status:
                trade.step_status, trade.step_paid_fen = FRONT_PAID_FINAL_PAID, trade.payment_fen
            trade.balance_due_ms = 0
            trade.paid_ms, trade.announced_ms = world.clock_of(trade.platform), world.clock()
            trade.alipay_no = f"{day_of(trade.paid_ms).replace('-', '')}2200140{trade.tid % 10**13:013d}"
            self._set_status(trade, WAIT_SELLER_SEND_GOODS)
            if TRAITS[trade.platform].provider:
                world.add_payment(_payment_of(trade))
            world.touch(trade)
            if play := world.plays.get(trade.scenario_id):
                play["paid"] += 1
                world.save("play", play["id"], play)
            self.emit(Fact.PAID, trade)
            share = world.switches.of(trade.platform).split_orders
            if TRAITS[trade.platform].splits and random.Random(f"split/{tid}").random() < share:
                world.agenda.at(world.clock() + SPLIT_AFTER_MS, partial(self.split_if_due, tid))
            return trade

    def split(self, tid: int) -> list[Trade]:
        """The platform splits a paid trade before anything of it has left: each line becomes a trade of its own.

        The freight goes with the first part. Refused with not_splittable for one line, or one that is not just paid.
        """
        world = self.world
        with world.change():
            trade = self.trade(tid)
            is_whole = trade.status == WAIT_SELLER_SEND_GOODS and not trade.is_split
            if not TRAITS[trade.platform].splits or not is_whole or len(trade.lines) < 2:
                raise Refused("not_splittable", f"{tid} is {trade.status}")
            now, parts = world.clock_of(trade.platform), []
            for at, line in enumerate(trade.lines):
                part_tid = world.next_number("tid", TIDS_PER_TRADE)
                part = replace(
                    trade,
                    tid=part_tid,
                    lines=[replace(line, oid=part_tid)],
                    created_ms=now,
                    modified_ms=now,
                    post_fen=0 if at else trade.post_fen,
                    parcels=[],
                    split_from=[trade.tid, *trade.split_from],
                )
                world.add_trade(part)
                parts.append(part)
            trade.is_split = True
            self._end(trade, TRADE_CLOSED)
            for part in parts:
                self.emit(Fact.PAID, part)
            self.emit(Fact.CLOSED, trade)
            return parts

    def split_if_due(self, tid: int) -> None:
        with self.world.change():
            trade = self.world.trades.get(tid)
            if trade is not None and trade.status == WAIT_SELLER_SEND_GOODS and len(trade.lines) > 1:
                self.split(tid)

    def close_unpaid(self, tid: int) -> Trade:
        """The buyer or the platform gives up an unpaid trade."""
        with self.world.change():
            trade = self.trade(tid)
            if trade.status != WAIT_BUYER_PAY:
                raise Refused("not_closable", f"{tid} is {trade.status}")
            trade.pay_due_ms = trade.balance_due_ms = 0
            self._end(trade, TRADE_CLOSED_BY_TAOBAO)
            self.emit(Fact.CLOSED, trade)
            return trade

    def change_memo(self, tid: int, *, memo: str, flag: int = 0) -> Trade:
        """The seller writes a memo."""
        with self.world.change():
            trade = self.trade(tid)
            trade.seller_memo, trade.seller_flag = memo, flag
            self.world.touch(trade)
            self.emit(Fact.MEMO_CHANGED, trade)
            return trade

    def ship(
        self,
        tid: int,
        *,
        waybill: str,
        carrier: str,
        oids: Collection[int] = (),
        pieces: Mapping[int, int] | None = None,
    ) -> Trade:
        """The seller reports a parcel. oids: only these lines, whole; pieces: so many of each; else all that is left.

        Refused with not_shippable when the trade is not waiting for it, or not for so much of a line.
        """
        world = self.world
        with world.change():
            trade = self.trade(tid)
            trade.send_receipts += 1
            world.save("trade", tid, trade)
            left = {line.oid: line.num - line.sent for line in trade.lines if line.status == WAIT_SELLER_SEND_GOODS}
            wanted = dict(pieces) if pieces else {oid: num for oid, num in left.items() if not oids or oid in oids}
            fits = wanted and all(0 < num <= left.get(oid, 0) for oid, num in wanted.items())
            if trade.status not in _SHIPPABLE or not fits or len(oids) > len(wanted):
                raise Refused("not_shippable", "订单状态不正确")
            now = world.clock_of(trade.platform)
            for line in trade.lines:
                if line.oid in wanted:
                    line.sent += wanted[line.oid]
                    line.carrier, line.waybill = carrier, waybill
                    if line.sent == line.num:
                        line.status, line.consign_ms = WAIT_BUYER_CONFIRM_GOODS, now
            trade.parcels.append(Sent(carrier, waybill, now, list(wanted.items())))
            trade.consigned_ms = trade.consigned_ms or world.clock()
            if any(line.status == WAIT_SELLER_SEND_GOODS for line in trade.lines):
                trade.status = SELLER_CONSIGNED_PART
                self.emit(Fact.PARTLY_SHIPPED, trade)
            else:
                self._wait_for_buyer(trade)
                self.emit(Fact.SHIPPED, trade)
            world.touch(trade)
            return trade

    def change_number(self, tid: int, *, old: str, waybill: str, carrier: str) -> Trade:
        """The seller corrects the number of a parcel. Refused with parcel_unknown when none has the old number."""
        with self.world.change():
            trade = self.trade(tid)
            found = [parcel for parcel in trade.parcels if parcel.waybill == old]
            if not found:
                raise Refused("parcel_unknown", "包裹不存在")
            for parcel in found:
                parcel.carrier, parcel.waybill = carrier, waybill
            for line in trade.lines:
                if line.waybill == old:
                    line.carrier, line.waybill = carrier, waybill
            self.world.touch(trade)
            self.emit(Fact.NUMBER_CHANGED, trade)
            return trade

    def _wait_for_buyer(self, trade: Trade) -> None:
        world = self.world
        trade.status = WAIT_BUYER_CONFIRM_GOODS
        trade.receive_due_ms = world.clock() + int(world.switches.receive_after_s * 1000)
        world.agenda.at(trade.receive_due_ms, partial(self.receive_if_due, trade.tid))

    def receive(self, tid: int) -> Trade:
        """The buyer confirms the goods: the trade is finished."""
        with self.world.change():
            trade = self.trade(tid)
            if trade.status != WAIT_BUYER_CONFIRM_GOODS:
                raise Refused("not_receivable", f"{tid} is {trade.status}")
            trade.receive_due_ms = 0
            self._end(trade, TRADE_FINISHED)
            self.emit(Fact.FINISHED, trade)
            return trade

    def open_refund(
        self,
        tid: int,
        *,
        oid: int,
        reason: str,
        agree_after_ms: int | None = None,
        kind: str = "refund",
        num: int = 0,
        fee_fen: int | None = None,
    ) -> Refund:
        """The buyer asks for the money of one line. agree_after_ms: it succeeds by itself then, None = it waits.

        kind, num, fee_fen: see trades.Refund; the whole line unless said.
        """
        world = self.world
        with world.change():
            trade = self.trade(tid)
            line = self.line(trade, oid)
            if line.refund_status not in (NO_REFUND, "CLOSED", "SELLER_REFUSE_BUYER") or not trade.paid_ms:
                raise Refused("not_refundable", f"{oid} is {line.status}, {line.refund_status}")
            if num > line.num or (fee_fen or 0) > line.divided_fen or kind not in REFUND_KINDS:
                raise Refused("not_refundable", f"{oid}: {kind} of {num} pieces, {fee_fen} fen")
            now = world.clock_of(trade.platform)
            refund = Refund(
                refund_id=str(world.next_number("refund")),
                tid=tid,
                oid=line.oid,
                fee_fen=line.divided_fen if fee_fen is None else fee_fen,
                created_ms=now,
                modified_ms=now,
                version=now,
                reason=reason,
                good_status="BUYER_NOT_RECEIVED" if line.status != TRADE_FINISHED else "BUYER_RECEIVED",
                phase="onsale" if trade.status != TRADE_FINISHED else "aftersale",
                kind=kind,
                num=num or line.num,
            )
            line.refund_status, line.refund_id = refund.status, refund.refund_id
            world.add_refund(refund)
            world.touch(trade)
            self.emit(Fact.REFUND_OPENED, trade, refund)
            if agree_after_ms is not None:
                refund.agree_due_ms = world.clock() + agree_after_ms
                world.agenda.at(refund.agree_due_ms, partial(self.agree_if_due, refund.refund_id))
            return refund

    def decide_refund(self, refund_id: str, decision: str) -> Refund:
        """agree: the goods may come back, or when nothing comes or has come: money goes back and the line closes.

        refuse: the seller says no. close: the buyer takes it back.
        """
        world = self.world
        with world.change():
            refund = world.refunds.get(refund_id)
            if refund is None:
                raise Refused("refund_unknown", refund_id)
            if refund.status not in _UNDECIDED:
                raise Refused("refund_decided", f"{refund_id} is {refund.status}")
            status, fact = {
                "agree": ("SUCCESS", Fact.REFUND_PAID),
                "refuse": ("SELLER_REFUSE_BUYER", Fact.REFUND_REFUSED),
                "close": ("CLOSED", Fact.REFUND_CLOSED),
            }[decision]
            if decision == "agree" and refund.kind in _WITH_GOODS and refund.status == "WAIT_SELLER_AGREE":
                status, fact = "WAIT_BUYER_RETURN_GOODS", Fact.RETURN_AGREED
            trade = self.trade(refund.tid)
            line = self.line(trade, refund.oid)
            refund.status = line.refund_status = status
            refund.agree_due_ms = 0
            if status == "SUCCESS" and refund.kind != "exchange":
                self._give_back(trade, line, refund)
            world.touch_refund(refund)
            world.touch(trade)
            self.emit(fact, trade, refund)
            return refund

    def send_back(self, refund_id: str, *, waybill: str, carrier: str) -> Refund:
        """The buyer sends the goods of an agreed return or exchange."""
        world = self.world
        with world.change():
            refund = world.refunds.get(refund_id)
            if refund is None:
                raise Refused("refund_unknown", refund_id)
            if refund.status != "WAIT_BUYER_RETURN_GOODS":
                raise Refused("refund_decided", f"{refund_id} is {refund.status}")
            trade = self.trade(refund.tid)
            refund.status = self.line(trade, refund.oid).refund_status = "WAIT_SELLER_CONFIRM_GOODS"
            refund.return_carrier, refund.return_waybill = carrier, waybill
            world.touch_refund(refund)
            world.touch(trade)
            self.emit(Fact.GOODS_SENT_BACK, trade, refund)
            return refund

    def emit(self, fact: Fact, trade: Trade, refund: Refund | None = None) -> None:
        """Let the trade's platform know, which tells us in its own way."""
        self.tell(Happened(fact, trade, refund))

    def trade(self, tid: int) -> Trade:
        trade = self.world.trades.get(tid)
        if trade is None:
            raise Refused("trade_unknown", "交易订单不存在")
        return trade

    def sold_on(self, platform: str, number: str) -> Trade:
        """The trade with this number on this platform; of another platform it is unknown as well."""
        tid = int(number) + TRAITS[platform].number_shift if number.isascii() and number.isdigit() else 0
        trade = self.trade(tid)
        if trade.platform != platform:
            raise Refused("trade_unknown", "交易订单不存在")
        return trade

    @staticmethod
    def line(trade: Trade, oid: int) -> Line:
        for line in trade.lines:
            if line.oid == oid:
                return line
        raise Refused("trade_unknown", "子订单不存在")

    # Deeds of the agenda: they look again, since a person may have been faster.

    def pay_balance_if_due(self, tid: int) -> None:
        with self.world.change():
            trade = self.world.trades.get(tid)
            if trade is not None and trade.status == WAIT_BUYER_PAY and trade.balance_due_ms:
                self.pay(tid)

    def receive_if_due(self, tid: int) -> None:
        with self.world.change():
            trade = self.world.trades.get(tid)
            if trade is not None and trade.status == WAIT_BUYER_CONFIRM_GOODS and trade.receive_due_ms:
                self.receive(tid)

    def agree_if_due(self, refund_id: str) -> None:
        with self.world.change():
            refund = self.world.refunds.get(refund_id)
            if refund is not None and refund.status == "WAIT_SELLER_AGREE" and refund.agree_due_ms:
                self.decide_refund(refund_id, "agree")

    def resume(self) -> None:
        """After a restart: put back on the agenda what was promised to happen."""
        agenda = self.world.agenda
        for trade in self.world.trades.values():
            if trade.status == WAIT_BUYER_PAY and trade.balance_due_ms:
                agenda.at(trade.balance_due_ms, partial(self.pay_balance_if_due, trade.tid))
            elif trade.status == WAIT_BUYER_CONFIRM_GOODS and trade.receive_due_ms:
                agenda.at(trade.receive_due_ms, partial(self.receive_if_due, trade.tid))
        for refund in self.world.refunds.values():
            if refund.status == "WAIT_SELLER_AGREE" and refund.agree_due_ms:
                agenda.at(refund.agree_due_ms, partial(self.agree_if_due, refund.refund_id))

    def _give_back(self, trade: Trade, line: Line, refund: Refund) -> None:
        if TRAITS[trade.platform].provider:
            self.world.add_payment(_payment_of(trade, refund, done_ms=self.world.clock()))
        if refund.fee_fen < line.divided_fen:
            return
        line.status = TRADE_CLOSED
        left = {other.status for other in trade.lines if other.status != TRADE_CLOSED}
        if not left:
            trade.receive_due_ms = 0
            trade.status, trade.ended_ms = TRADE_CLOSED, self.world.clock_of(trade.platform)
            self.emit(Fact.CLOSED, trade)
        elif trade.status == SELLER_CONSIGNED_PART and WAIT_SELLER_SEND_GOODS not in left:
            self._wait_for_buyer(trade)

    def _end(self, trade: Trade, status: str) -> None:
        self._set_status(trade, status)
        trade.ended_ms = self.world.clock_of(trade.platform)
        self.world.touch(trade)

    @staticmethod
    def _set_status(trade: Trade, status: str) -> None:
        trade.status = status
        for line in trade.lines:
            if line.status != TRADE_CLOSED:
                line.status = status


def _payment_of(trade: Trade, refund: Refund | None = None, *, done_ms: int = 0) -> Payment:
    amount = refund.fee_fen if refund else trade.payment_fen
    return Payment(
        kind="refund" if refund else "pay",
        alipay_no=trade.alipay_no,
        order_no=trade.order_no,
        tid=trade.tid,
        amount_fen=amount,
        fee_fen=fee_fen(amount),
        created_ms=refund.created_ms if refund else trade.created_ms,
        done_ms=done_ms or trade.paid_ms,
        title=trade.lines[0].title,
        buyer=f"{masked_name(trade.buyer.name)}({trade.buyer.mobile[:3]}****{masked_mobile(trade.buyer.mobile)[-4:]})",
        request_no=refund.refund_id if refund else "",
    )
