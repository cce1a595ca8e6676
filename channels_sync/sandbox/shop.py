"""What happens in the shop: buyers order, pay, ask for money back and receive; every step leaves its message.

All verbs take the world's lock themselves. Topics: a public list of TMC topics; contents hold ids, never the order.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import partial

from channels_sync.sandbox.goods import SHOP_NAME
from channels_sync.sandbox.people import masked_mobile, masked_name
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
    Message,
    Payment,
    Refund,
    Trade,
)
from channels_sync.sandbox.world import World, day_of

_SHIPPABLE = (WAIT_SELLER_SEND_GOODS, SELLER_CONSIGNED_PART)


class Refused(Exception):
    """The platform does not do this in the state things are in. code: the platform's word."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def fee_fen(amount_fen: int) -> int:
    """The payment provider's fee: 0.6 %, half up to the fen."""
    return (amount_fen * 6 + 500) // 1000


class Shop:
    """The verbs of the played shop."""

    def __init__(self, world: World):
        self.world = world

    def place(self, trade: Trade) -> None:
        """A buyer orders: the trade appears unpaid, or waiting for its deposit."""
        with self.world.change():
            self.world.add_trade(trade)
            self.emit("taobao_trade_TradeCreate", trade)

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
                self.emit("taobao_trade_TradeBuyerStepPay", trade)
                return trade
            if trade.step_status:
                trade.step_status, trade.step_paid_fen = FRONT_PAID_FINAL_PAID, trade.payment_fen
            trade.balance_due_ms = 0
            trade.paid_ms = trade.announced_ms = world.clock()
            trade.alipay_no = f"{day_of(trade.paid_ms).replace('-', '')}2200140{trade.tid % 10**13:013d}"
            self._set_status(trade, WAIT_SELLER_SEND_GOODS)
            world.add_payment(_payment_of(trade))
            world.touch(trade)
            if play := world.plays.get(trade.scenario_id):
                play["paid"] += 1
                world.save("play", play["id"], play)
            self.emit("taobao_trade_TradeBuyerPay", trade)
            return trade

    def close_unpaid(self, tid: int) -> Trade:
        """The buyer or the platform gives up an unpaid trade."""
        with self.world.change():
            trade = self.trade(tid)
            if trade.status != WAIT_BUYER_PAY:
                raise Refused("not_closable", f"{tid} is {trade.status}")
            trade.pay_due_ms = trade.balance_due_ms = 0
            self._end(trade, TRADE_CLOSED_BY_TAOBAO)
            self.emit("taobao_trade_TradeClose", trade)
            return trade

    def change_memo(self, tid: int, *, memo: str, flag: int = 0) -> Trade:
        """The seller writes a memo."""
        with self.world.change():
            trade = self.trade(tid)
            trade.seller_memo, trade.seller_flag = memo, flag
            self.world.touch(trade)
            self.emit("taobao_trade_TradeMemoModified", trade)
            return trade

    def ship(self, tid: int, *, waybill: str, carrier: str, oids: Collection[int] = ()) -> Trade:
        """The seller reports a parcel; oids: only these lines, all that are left when empty.

        Refused with the platform's B04 when the trade or a line is not waiting for it.
        """
        world = self.world
        with world.change():
            trade = self.trade(tid)
            trade.send_receipts += 1
            world.save("trade", tid, trade)
            wanted = [line for line in trade.lines if line.status == WAIT_SELLER_SEND_GOODS]
            wanted = [line for line in wanted if not oids or line.oid in oids]
            if trade.status not in _SHIPPABLE or not wanted or len(oids) > len(wanted):
                raise Refused("B04", "订单状态不正确")
            now = world.clock()
            for line in wanted:
                line.status, line.consign_ms = WAIT_BUYER_CONFIRM_GOODS, now
                line.carrier, line.waybill = carrier, waybill
            trade.consigned_ms = trade.consigned_ms or now
            if any(line.status == WAIT_SELLER_SEND_GOODS for line in trade.lines):
                trade.status = SELLER_CONSIGNED_PART
                self.emit("taobao_trade_TradePartlySellerShip", trade)
            else:
                trade.status = WAIT_BUYER_CONFIRM_GOODS
                trade.receive_due_ms = now + int(world.switches.receive_after_s * 1000)
                world.agenda.at(trade.receive_due_ms, partial(self.receive_if_due, tid))
                self.emit("taobao_trade_TradeSellerShip", trade)
            world.touch(trade)
            return trade

    def receive(self, tid: int) -> Trade:
        """The buyer confirms the goods: the trade is finished."""
        with self.world.change():
            trade = self.trade(tid)
            if trade.status != WAIT_BUYER_CONFIRM_GOODS:
                raise Refused("not_receivable", f"{tid} is {trade.status}")
            trade.receive_due_ms = 0
            self._end(trade, TRADE_FINISHED)
            self.emit("taobao_trade_TradeSuccess", trade)
            return trade

    def open_refund(self, tid: int, *, oid: int, reason: str, agree_after_ms: int | None = None) -> Refund:
        """The buyer asks for the money of one line. agree_after_ms: it succeeds by itself then, None = it waits."""
        world = self.world
        with world.change():
            trade = self.trade(tid)
            line = self.line(trade, oid)
            if line.refund_status not in (NO_REFUND, "CLOSED", "SELLER_REFUSE_BUYER") or not trade.paid_ms:
                raise Refused("not_refundable", f"{oid} is {line.status}, {line.refund_status}")
            now = world.clock()
            refund = Refund(
                refund_id=str(world.next_number("refund")),
                tid=tid,
                oid=line.oid,
                fee_fen=line.divided_fen,
                created_ms=now,
                modified_ms=now,
                version=now,
                reason=reason,
                good_status="BUYER_NOT_RECEIVED" if line.status != TRADE_FINISHED else "BUYER_RECEIVED",
                phase="onsale" if trade.status != TRADE_FINISHED else "aftersale",
            )
            line.refund_status, line.refund_id = refund.status, refund.refund_id
            world.add_refund(refund)
            world.touch(trade)
            self.emit("taobao_refund_RefundCreated", trade, refund)
            if agree_after_ms is not None:
                refund.agree_due_ms = now + agree_after_ms
                world.agenda.at(refund.agree_due_ms, partial(self.agree_if_due, refund.refund_id))
            return refund

    def decide_refund(self, refund_id: str, decision: str) -> Refund:
        """agree: money goes back and the line closes. refuse: the seller says no. close: the buyer takes it back."""
        world = self.world
        with world.change():
            refund = world.refunds.get(refund_id)
            if refund is None:
                raise Refused("refund_unknown", refund_id)
            if refund.status not in ("WAIT_SELLER_AGREE", "SELLER_REFUSE_BUYER"):
                raise Refused("refund_decided", f"{refund_id} is {refund.status}")
            status, topic = {
                "agree": ("SUCCESS", "taobao_refund_RefundSuccess"),
                "refuse": ("SELLER_REFUSE_BUYER", "taobao_refund_RefundSellerRefuseAgreement"),
                "close": ("CLOSED", "taobao_refund_RefundClosed"),
            }[decision]
            trade = self.trade(refund.tid)
            line = self.line(trade, refund.oid)
            refund.status = line.refund_status = status
            refund.agree_due_ms = 0
            if status == "SUCCESS":
                self._give_back(trade, line, refund)
            world.touch_refund(refund)
            world.touch(trade)
            self.emit(topic, trade, refund)
            return refund

    def emit(self, topic: str, trade: Trade, refund: Refund | None = None) -> None:
        """Queue a message, as the switches will have it: lost, late, overtaken or twice."""
        world, switches = self.world, self.world.switches
        if world.rng.random() < switches.lost_messages:
            return
        now = world.clock()
        ready = now + int(switches.delay_s * 1000)
        if world.rng.random() < switches.disorder:
            ready += world.rng.randrange(100, 2000)
        content = _content_of(trade, refund)
        message = Message(world.next_number("message"), topic, content, now, trade.tid)
        if world.rng.random() < switches.duplicates:
            if world.rng.random() < 0.5:
                message.extra = 1
            else:
                twin = Message(world.next_number("message"), topic, content, now, trade.tid)
                world.messages.put(twin, ready_ms=ready + world.rng.randrange(1000))
                world.save("message", twin.id, twin)
        world.messages.put(message, ready_ms=ready)
        world.save("message", message.id, message)

    def trade(self, tid: int) -> Trade:
        trade = self.world.trades.get(tid)
        if trade is None:
            raise Refused("isv.trade-not-exist", "交易订单不存在")
        return trade

    @staticmethod
    def line(trade: Trade, oid: int) -> Line:
        for line in trade.lines:
            if line.oid == oid:
                return line
        raise Refused("isv.trade-not-exist", "子订单不存在")

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
        self.world.add_payment(_payment_of(trade, refund, done_ms=self.world.clock()))
        line.status = TRADE_CLOSED
        left = {other.status for other in trade.lines if other.status != TRADE_CLOSED}
        if not left:
            trade.receive_due_ms = 0
            trade.status, trade.ended_ms = TRADE_CLOSED, self.world.clock()
            self.emit("taobao_trade_TradeClose", trade)
        elif trade.status == SELLER_CONSIGNED_PART and WAIT_SELLER_SEND_GOODS not in left:
            trade.status = WAIT_BUYER_CONFIRM_GOODS
            trade.receive_due_ms = self.world.clock() + int(self.world.switches.receive_after_s * 1000)
            self.world.agenda.at(trade.receive_due_ms, partial(self.receive_if_due, trade.tid))

    def _end(self, trade: Trade, status: str) -> None:
        self._set_status(trade, status)
        trade.ended_ms = self.world.clock()
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


def _content_of(trade: Trade, refund: Refund | None) -> str:
    content: dict[str, object] = {
        "tid": trade.tid,
        "oid": refund.oid if refund else trade.lines[0].oid,
        "buyer_nick": masked_name(trade.buyer.name),
        "buyer_open_uid": trade.buyer.open_uid,
        "seller_nick": SHOP_NAME,
    }
    if refund:
        fee = f"{refund.fee_fen // 100}.{refund.fee_fen % 100:02d}"
        content |= {"refund_id": int(refund.refund_id), "refund_fee": fee, "bill_type": "refund_bill"}
    else:
        payment = trade.payment_fen
        content |= {
            "payment": f"{payment // 100}.{payment % 100:02d}",
            "status": trade.status,
            "type": "step" if trade.step_status else "guarantee_trade",
        }
    return json.dumps(content, ensure_ascii=False)
