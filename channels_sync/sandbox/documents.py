"""Trades and refunds as TOP writes them: text money, GMT+8 text times, lists wrapped twice, masked receivers.

Only named fields come back, and a field without a value is left out. Lists (sold.get) never carry the texts that only
trade.fullinfo.get gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from channels_sync.sandbox.goods import SHOP_NAME
from channels_sync.sandbox.people import masked_address, masked_mobile, masked_name
from channels_sync.sandbox.trades import SELLER_CONSIGNED_PART, TRADE_FINISHED, Line, Refund, Trade
from ordercenter.common.gmt8 import GMT8, format_gmt8

_ONLY_FULL = frozenset(("buyer_message", "seller_memo", "promotion_details"))
_WITH_OAID = frozenset(("receiver_name", "receiver_address", "created", "receiver_mobile", "receiver_phone"))


def yuan(fen: int) -> str:
    """Whole fen as yuan text with two decimals."""
    return f"-{yuan(-fen)}" if fen < 0 else f"{fen // 100}.{fen % 100:02d}"


def clock_text(ms: int) -> str:
    """An instant as `yyyy-MM-dd HH:mm:ss` in GMT+8."""
    return _second_text(ms // 1000)


@lru_cache(maxsize=8192)
def _second_text(second: int) -> str:
    return format_gmt8(datetime.fromtimestamp(second, tz=GMT8))


def _time_or_none(ms: int) -> str | None:
    return clock_text(ms) if ms else None


def line_document(trade: Trade, line: Line) -> dict[str, Any]:
    """One line. For a trade of one line `payment` includes the freight, as on the platform."""
    document = {
        "oid": line.oid,
        "oid_str": str(line.oid),
        "title": line.title,
        "num_iid": line.num_iid,
        "sku_id": str(line.sku_id),
        "sku_properties_name": line.properties,
        "price": yuan(line.price_fen),
        "num": line.num,
        "total_fee": yuan(line.total_fen),
        "discount_fee": yuan(line.discount_fen),
        "adjust_fee": yuan(line.adjust_fen),
        "payment": yuan(line.total_fen + (trade.post_fen if len(trade.lines) == 1 else 0)),
        "divide_order_fee": yuan(line.divided_fen),
        "part_mjz_discount": yuan(line.share_fen),
        "status": line.status,
        "refund_status": line.refund_status,
        "cid": line.cid,
        "seller_type": "B",
        "buyer_rate": False,
        "seller_rate": False,
        "is_oversold": False,
    }
    if line.outer_sku_id:
        document["outer_sku_id"] = line.outer_sku_id
    if line.outer_iid:
        document["outer_iid"] = line.outer_iid
    if line.refund_id:
        document["refund_id"] = line.refund_id
    if line.consign_ms:
        document |= {
            "consign_time": clock_text(line.consign_ms),
            "logistics_company": line.carrier,
            "invoice_no": line.waybill,
            "shipping_type": "express",
        }
    return document


def _orders(trade: Trade) -> dict[str, Any]:
    return {"order": [line_document(trade, line) for line in trade.lines]}


def _promotions(trade: Trade) -> dict[str, Any] | None:
    if not trade.promotion_id:
        return None
    detail = {
        "id": trade.tid,
        "promotion_id": trade.promotion_id,
        "promotion_name": trade.promotion_name,
        "discount_fee": yuan(trade.promotion_fen),
    }
    return {"promotion_detail": [detail]}


_TRADE_FIELDS: Mapping[str, Callable[[Trade], Any]] = {
    "tid": lambda trade: trade.tid,
    "tid_str": lambda trade: str(trade.tid),
    "type": lambda trade: "step" if trade.step_status else "fixed",
    "status": lambda trade: trade.status,
    "created": lambda trade: clock_text(trade.created_ms),
    "pay_time": lambda trade: _time_or_none(trade.paid_ms),
    "modified": lambda trade: clock_text(trade.modified_ms),
    "consign_time": lambda trade: _time_or_none(trade.consigned_ms),
    "end_time": lambda trade: _time_or_none(trade.ended_ms),
    "payment": lambda trade: yuan(trade.payment_fen),
    "total_fee": lambda trade: yuan(trade.total_fen),
    "discount_fee": lambda trade: yuan(sum(line.discount_fen for line in trade.lines)),
    "adjust_fee": lambda trade: yuan(sum(line.adjust_fen for line in trade.lines)),
    "post_fee": lambda trade: yuan(trade.post_fen),
    "received_payment": lambda trade: yuan(trade.payment_fen if trade.status == TRADE_FINISHED else 0),
    "commission_fee": lambda trade: "0.00",
    "alipay_no": lambda trade: trade.alipay_no or None,
    "num": lambda trade: sum(line.num for line in trade.lines),
    "seller_nick": lambda trade: SHOP_NAME,
    "buyer_nick": lambda trade: masked_name(trade.buyer.name),
    "buyer_open_uid": lambda trade: trade.buyer.open_uid,
    "buyer_message": lambda trade: trade.buyer_message or None,
    "has_buyer_message": lambda trade: bool(trade.buyer_message),
    "seller_memo": lambda trade: trade.seller_memo or None,
    "seller_flag": lambda trade: trade.seller_flag,
    "shipping_type": lambda trade: "express",
    "step_trade_status": lambda trade: trade.step_status or None,
    "step_paid_fee": lambda trade: yuan(trade.step_paid_fen) if trade.step_status else None,
    "is_part_consign": lambda trade: trade.status == SELLER_CONSIGNED_PART,
    "trade_from": lambda trade: "WAP",
    "receiver_state": lambda trade: trade.buyer.state or None,
    "receiver_city": lambda trade: trade.buyer.city or None,
    "receiver_district": lambda trade: trade.buyer.district or None,
    "receiver_town": lambda trade: trade.buyer.town or None,
    "receiver_zip": lambda trade: "000000",
    "oaid": lambda trade: trade.buyer.oaid,
    "orders": _orders,
    "promotion_details": _promotions,
}
_MASKED: Mapping[str, Callable[[Trade], Any]] = {
    "receiver_name": lambda trade: masked_name(trade.buyer.name) or None,
    "receiver_mobile": lambda trade: masked_mobile(trade.buyer.mobile) or None,
    "receiver_address": lambda trade: masked_address(trade.buyer.address) or None,
}
_CLEAR: Mapping[str, Callable[[Trade], Any]] = {
    "receiver_name": lambda trade: trade.buyer.name or None,
    "receiver_mobile": lambda trade: trade.buyer.mobile or None,
    "receiver_address": lambda trade: trade.buyer.address or None,
}
TRADE_FIELDS = (*_TRADE_FIELDS, *_MASKED)


@lru_cache(maxsize=64)
def _readers(fields: str, full: bool, clear: bool, with_oaid: bool) -> tuple[tuple[str, Callable[[Trade], Any]], ...]:
    named = {name.strip() for name in fields.split(",")}
    lines = {name.partition(".")[2] for name in named if name.startswith("orders.")}
    readers = {**_TRADE_FIELDS, **(_CLEAR if clear else _MASKED)}
    if lines and "orders" not in named:
        readers["orders"] = lambda trade: {
            "order": [
                {name: value for name, value in line_document(trade, line).items() if name in lines}
                for line in trade.lines
            ]
        }
        named.add("orders")
    if with_oaid or not named.isdisjoint(_WITH_OAID):
        named.add("oaid")
    if not full:
        named -= _ONLY_FULL
    return tuple((name, read) for name, read in readers.items() if name in named)


def trade_document(
    trade: Trade, fields: str, *, full: bool = True, clear: bool = False, with_oaid: bool = False
) -> dict[str, Any]:
    """The named fields of a trade. fields: TOP's comma list. full: as trade.fullinfo.get, else as the lists give it.

    clear: unmasked receivers, as older applications get them. oaid comes with any receiver field, as documented.
    """
    document = {}
    for name, read in _readers(fields, full, clear, with_oaid):
        value = read(trade)
        if value is not None:
            document[name] = value
    return document


def refund_document(refund: Refund, trade: Trade, fields: str) -> dict[str, Any]:
    """The named fields of a refund."""
    line = next(line for line in trade.lines if line.oid == refund.oid)
    document = {
        "refund_id": refund.refund_id,
        "tid": refund.tid,
        "oid": refund.oid,
        "status": refund.status,
        "order_status": line.status,
        "good_status": refund.good_status,
        "refund_phase": refund.phase,
        "has_good_return": False,
        "refund_fee": yuan(refund.fee_fen),
        "total_fee": yuan(line.price_fen * line.num),
        "payment": yuan(line.divided_fen - refund.fee_fen),
        "num": line.num,
        "num_iid": line.num_iid,
        "title": line.title,
        "reason": refund.reason,
        "desc": "",
        "created": clock_text(refund.created_ms),
        "modified": clock_text(refund.modified_ms),
        "sid": line.waybill,
        "company_name": line.carrier,
        "outer_id": line.outer_sku_id,
        "refund_version": refund.version,
        "alipay_no": trade.alipay_no,
        "buyer_nick": masked_name(trade.buyer.name),
        "buyer_open_uid": trade.buyer.open_uid,
        "seller_nick": SHOP_NAME,
    }
    named = {name.strip() for name in fields.split(",")}
    return {name: value for name, value in document.items() if name in named}
