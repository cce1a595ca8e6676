"""Orders and refunds as Shopify's Admin REST API writes them: money as text, tax in it, ISO 8601 with a zone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from channels_sync.sandbox.goods import LISTED
from channels_sync.sandbox.trades import (
    TRADE_CLOSED,
    TRADE_CLOSED_BY_TAOBAO,
    TRADE_FINISHED,
    WAIT_BUYER_PAY,
    Line,
    Refund,
    Trade,
)

Json = dict[str, Any]

ITEM_SHIFT = 40_000_000_000
FLAG_TAG = "order-center-flag-"
# Stock is kept by inventory item, goods are sold by variant.
LISTING_OF_SKU: Mapping[int, int] = {ware.sku_id: ware.num_iid for ware in LISTED}


def order_document(trade: Trade, refunds: list[Refund]) -> Json:
    """One order. refunds: those whose money went back; Shopify knows of no others."""
    is_over = trade.status in (TRADE_CLOSED, TRADE_CLOSED_BY_TAOBAO)
    total, back = trade.payment_fen, sum(refund.fee_fen for refund in refunds)
    lines = [_line(trade, line) for line in trade.lines]
    note = "\n".join(filter(None, (trade.buyer_message, trade.seller_memo)))
    return {
        "id": int(trade.number),
        "admin_graphql_api_id": f"gid://shopify/Order/{trade.number}",
        "name": f"#{int(trade.number) % 10**7}",
        "order_number": int(trade.number) % 10**7,
        "created_at": iso(trade.created_ms),
        "processed_at": iso(trade.paid_ms or trade.created_ms),
        "updated_at": iso(trade.modified_ms),
        "cancelled_at": iso(trade.ended_ms) if is_over and trade.ended_ms else None,
        "closed_at": None,
        "test": False,
        "financial_status": _financial(trade, back),
        "fulfillment_status": _fulfillment(trade),
        "currency": "CNY",
        "presentment_currency": "CNY",
        "taxes_included": True,
        "total_line_items_price": yuan(trade.total_fen),
        "total_discounts": yuan(max(trade.total_fen + trade.post_fen - total, 0)),
        "subtotal_price": yuan(total - trade.post_fen),
        "total_tax": yuan(total * 6 // 106),
        "total_price": yuan(total),
        "current_total_price": yuan(total - back),
        "note": note or None,
        "tags": f"{FLAG_TAG}{trade.seller_flag}" if trade.seller_flag else "",
        "customer": {"id": customer_id(trade), "first_name": trade.buyer.name[1:], "last_name": trade.buyer.name[:1]},
        "shipping_address": {
            "name": trade.buyer.name,
            "phone": trade.buyer.mobile,
            "address1": f"{trade.buyer.district}{trade.buyer.town}{trade.buyer.address}",
            "address2": None,
            "city": trade.buyer.city,
            "province": trade.buyer.state,
            "province_code": None,
            "country": "China",
            "country_code": "CN",
            "zip": "",
        },
        "shipping_lines": [
            {"id": 1, "title": "快递", "price": yuan(trade.post_fen), "discounted_price": yuan(trade.post_fen)}
        ],
        "line_items": lines,
        "refunds": [refund_document(refund, trade) for refund in refunds],
        "fulfillments": fulfillments(trade),
    }


def refund_document(refund: Refund, trade: Trade) -> Json:
    """One refund with its line and its money."""
    line = next(line for line in trade.lines if line.oid == refund.oid)
    restock = "return" if refund.kind == "return" else "no_restock" if line.sent else "cancel"
    row = {
        "id": int(refund.refund_id) * 10 + 1,
        "line_item_id": int(trade.line_number(line)),
        "quantity": refund.num,
        "restock_type": restock,
        "subtotal": yuan(refund.fee_fen),
        "total_tax": "0.00",
    }
    return {
        "id": int(refund.refund_id),
        "order_id": int(trade.number),
        "created_at": iso(refund.modified_ms),
        "processed_at": iso(refund.modified_ms),
        "note": refund.reason,
        # A part of the price is money without goods.
        "refund_line_items": [] if refund.kind == "price_protection" else [row],
        "transactions": [
            {"id": int(refund.refund_id), "kind": "refund", "status": "success", "amount": yuan(refund.fee_fen)}
        ],
    }


def fulfillments(trade: Trade) -> list[Json]:
    """The parcels that were reported."""
    delivered = trade.status == TRADE_FINISHED
    return [
        {
            "id": int(trade.number) * 100 + at,
            "order_id": int(trade.number),
            "status": "success",
            "shipment_status": "delivered" if delivered else None,
            "tracking_company": parcel.carrier,
            "tracking_number": parcel.waybill,
            "tracking_numbers": [parcel.waybill],
            "created_at": iso(parcel.sent_ms),
        }
        for at, parcel in enumerate(trade.parcels, 1)
    ]


def fulfillment_order(trade: Trade) -> Json:
    """What is left to be sent, all of it from one place."""
    left = [
        {
            "id": int(trade.line_number(line)) + 1,
            "line_item_id": int(trade.line_number(line)),
            "quantity": line.num,
            "fulfillable_quantity": line.num - line.sent,
        }
        for line in trade.lines
        if line.sent < line.num and line.status != TRADE_CLOSED
    ]
    return {"id": int(trade.number) + 1, "status": "open" if left else "closed", "line_items": left}


def customer_id(trade: Trade) -> int:
    return int.from_bytes(hashlib.sha256(trade.buyer.open_uid.encode()).digest()[:6], "big")


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, tz=UTC).isoformat()


def _financial(trade: Trade, back: int) -> str:
    if not trade.paid_ms:
        return "voided" if trade.status == TRADE_CLOSED_BY_TAOBAO else "pending"
    if back >= trade.payment_fen or trade.status == TRADE_CLOSED:
        return "refunded"
    return "partially_refunded" if back else "paid"


def _fulfillment(trade: Trade) -> str | None:
    if trade.status == WAIT_BUYER_PAY or not trade.parcels:
        return None
    lines = [line for line in trade.lines if line.status != TRADE_CLOSED or line.sent]
    return "fulfilled" if all(line.sent == line.num for line in lines) else "partial"


def _line(trade: Trade, line: Line) -> Json:
    discount = line.price_fen * line.num - line.divided_fen
    state = "fulfilled" if line.sent == line.num else "partial" if line.sent else None
    return {
        "id": int(trade.line_number(line)),
        "product_id": line.num_iid,
        "variant_id": line.sku_id,
        "sku": line.outer_sku_id,
        "title": line.title,
        "variant_title": line.properties or None,
        "quantity": line.num,
        "fulfillable_quantity": line.num - line.sent,
        "fulfillment_status": state,
        "price": yuan(line.price_fen),
        "total_discount": "0.00",
        "discount_allocations": [{"amount": yuan(discount)}] if discount > 0 else [],
        "tax_lines": [{"title": "VAT", "rate": 0.06, "price": yuan(max(line.divided_fen, 0) * 6 // 106)}],
    }
