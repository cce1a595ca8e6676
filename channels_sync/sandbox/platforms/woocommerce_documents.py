"""Orders and refunds as WooCommerce's REST API writes them: money as text without tax, UTC times without a zone."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from channels_sync.sandbox.trades import (
    TRADE_CLOSED,
    TRADE_CLOSED_BY_TAOBAO,
    TRADE_FINISHED,
    WAIT_BUYER_CONFIRM_GOODS,
    WAIT_BUYER_PAY,
    Line,
    Refund,
    Trade,
)

Json = dict[str, Any]
TRACKING = "_wc_shipment_tracking_items"
REMARK, FLAG = "_order_center_remark", "_order_center_flag"


def order_document(trade: Trade, refunds: list[Refund]) -> Json:
    """One order. refunds: those whose money went back."""
    freight_tax = _tax(trade.post_fen)
    return {
        "id": int(trade.number),
        "number": trade.number,
        "order_key": f"wc_order_{trade.number}",
        "status": _status(trade),
        "currency": "CNY",
        "prices_include_tax": True,
        "date_created": gmt(trade.created_ms + 8 * 3_600_000),
        "date_created_gmt": gmt(trade.created_ms),
        "date_modified_gmt": gmt(trade.modified_ms),
        "date_paid_gmt": gmt(trade.paid_ms) if trade.paid_ms else None,
        "customer_id": int.from_bytes(hashlib.sha256(trade.buyer.open_uid.encode()).digest()[:5], "big"),
        "customer_note": trade.buyer_message,
        "transaction_id": trade.alipay_no,
        "payment_method": "alipay",
        "total": yuan(trade.payment_fen),
        "shipping_total": yuan(trade.post_fen - freight_tax),
        "shipping_tax": yuan(freight_tax),
        "billing": _address(trade),
        "shipping": _address(trade),
        "line_items": [_line(trade, line) for line in trade.lines],
        "fee_lines": [],
        "refunds": [{"id": int(r.refund_id), "reason": r.reason, "total": f"-{yuan(r.fee_fen)}"} for r in refunds],
        "meta_data": [
            {"key": TRACKING, "value": parcels(trade)},
            {"key": REMARK, "value": trade.seller_memo},
            {"key": FLAG, "value": str(trade.seller_flag or "")},
        ],
    }


def refund_document(refund: Refund, trade: Trade) -> Json:
    """One refund; a part of the price has no line."""
    line = next(line for line in trade.lines if line.oid == refund.oid)
    tax = _tax(refund.fee_fen)
    row = {
        "id": int(refund.refund_id) * 10 + 1,
        "quantity": -refund.num,
        "total": f"-{yuan(refund.fee_fen - tax)}",
        "total_tax": f"-{yuan(tax)}",
        "meta_data": [{"key": "_refunded_item_id", "value": trade.line_number(line)}],
    }
    return {
        "id": int(refund.refund_id),
        "date_created_gmt": gmt(refund.modified_ms),
        "amount": yuan(refund.fee_fen),
        "reason": refund.reason,
        "line_items": [] if refund.kind == "price_protection" else [row],
    }


def parcels(trade: Trade) -> list[Json]:
    """The parcels in the words of the usual tracking plug-in."""
    numbers = {line.oid: trade.line_number(line) for line in trade.lines}
    return [
        {
            "tracking_provider": parcel.carrier,
            "tracking_number": parcel.waybill,
            "date_shipped": str(parcel.sent_ms // 1000),
            "order_center_pieces": [[numbers[oid], count] for oid, count in parcel.pieces],
        }
        for parcel in trade.parcels
    ]


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def gmt(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _tax(fen: int) -> int:
    """The tax in a price with 6 % of it, to the fen."""
    return fen * 6 // 106


def _status(trade: Trade) -> str:
    if trade.status in (WAIT_BUYER_CONFIRM_GOODS, TRADE_FINISHED):
        return "completed"
    known = {WAIT_BUYER_PAY: "pending", TRADE_CLOSED: "refunded", TRADE_CLOSED_BY_TAOBAO: "cancelled"}
    return known.get(trade.status, "processing")


def _line(trade: Trade, line: Line) -> Json:
    before = max(line.price_fen * line.num, line.divided_fen)
    return {
        "id": int(trade.line_number(line)),
        "name": line.title,
        "product_id": line.num_iid,
        "variation_id": line.sku_id,
        "sku": line.outer_sku_id,
        "quantity": line.num,
        "subtotal": yuan(before - _tax(before)),
        "subtotal_tax": yuan(_tax(before)),
        "total": yuan(line.divided_fen - _tax(line.divided_fen)),
        "total_tax": yuan(_tax(line.divided_fen)),
        "meta_data": [
            {"key": "pa_choice", "display_key": pair.partition(":")[0], "display_value": pair.partition(":")[2]}
            for pair in line.properties.split(";")
            if pair
        ],
    }


def _address(trade: Trade) -> Json:
    buyer = trade.buyer
    return {
        "first_name": "",
        "last_name": buyer.name,
        "phone": buyer.mobile,
        "address_1": f"{buyer.district}{buyer.town}{buyer.address}",
        "address_2": "",
        "city": buyer.city,
        "state": buyer.state,
        "country": "CN",
        "postcode": "",
    }
