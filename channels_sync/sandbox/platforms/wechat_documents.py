"""Orders, after-sales and events as WeChat shop writes them: integer fen, Unix seconds, masked receivers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from channels_sync.sandbox.people import masked_address, masked_mobile, masked_name
from channels_sync.sandbox.platforms import Fact, Happened
from channels_sync.sandbox.platforms.settling import Movement
from channels_sync.sandbox.trades import (
    SELLER_CONSIGNED_PART,
    TRADE_CLOSED,
    TRADE_CLOSED_BY_TAOBAO,
    TRADE_FINISHED,
    WAIT_BUYER_CONFIRM_GOODS,
    WAIT_BUYER_PAY,
    WAIT_SELLER_SEND_GOODS,
    Line,
    Refund,
    Trade,
)

Json = dict[str, Any]

STATUS: Mapping[str, int] = {
    WAIT_BUYER_PAY: 10,
    WAIT_SELLER_SEND_GOODS: 20,
    SELLER_CONSIGNED_PART: 21,
    WAIT_BUYER_CONFIRM_GOODS: 30,
    TRADE_FINISHED: 100,
    TRADE_CLOSED: 200,
    TRADE_CLOSED_BY_TAOBAO: 250,
}
TYPES = {"refund": "REFUND", "return": "RETURN", "exchange": "EXCHANGE", "price_protection": "REFUND"}
_SUCCESS = {
    "REFUND": "MERCHANT_REFUND_SUCCESS",
    "RETURN": "MERCHANT_RETURN_SUCCESS",
    "EXCHANGE": "MERCHANT_EXCHANGE_SUCCESS",
}
_REFUND_STATUS = {
    "WAIT_SELLER_AGREE": "MERCHANT_PROCESSING",
    "WAIT_BUYER_RETURN_GOODS": "USER_WAIT_RETURN",
    "WAIT_SELLER_CONFIRM_GOODS": "MERCHANT_WAIT_RECEIPT",
    "CLOSED": "USER_CANCELD",
}
EVENTS: Mapping[Fact, tuple[str, ...]] = {
    Fact.PLACED: ("channels_ec_order_new",),
    Fact.PAID: ("channels_ec_order_pay", "channels_ec_order_wait_shipping"),
    Fact.CLOSED: ("channels_ec_order_cancel",),
    Fact.MEMO_CHANGED: ("channels_ec_order_ext_info_update",),
    Fact.PARTLY_SHIPPED: ("channels_ec_order_deliver",),
    Fact.SHIPPED: ("channels_ec_order_deliver",),
    Fact.FINISHED: ("channels_ec_order_confirm",),
}
AFTER_SALE_EVENT = "channels_ec_aftersale_update"


def seconds(ms: int) -> int:
    return ms // 1000


def order_document(trade: Trade) -> Json:
    """The order as order/get answers it."""
    return {
        "order_id": trade.number,
        "openid": trade.buyer.open_uid,
        "status": STATUS[trade.status],
        "create_time": seconds(trade.created_ms),
        "update_time": seconds(trade.modified_ms),
        "order_detail": {
            "product_infos": [_product(trade, line) for line in trade.lines],
            "pay_info": _pay_info(trade),
            "price_info": {
                "product_price": trade.total_fen,
                "order_price": trade.payment_fen,
                "freight": trade.post_fen,
                "discounted_price": trade.total_fen + trade.post_fen - trade.payment_fen,
                "is_discounted": trade.total_fen + trade.post_fen != trade.payment_fen,
                "merchant_receieve_price": trade.payment_fen,
            },
            "delivery_info": _delivery_info(trade),
            "ext_info": {
                "customer_notes": trade.buyer_message,
                "merchant_notes": trade.seller_memo,
                "finder_id": trade.author_id or "sph_mumian",
                "live_id": trade.room_id or "0",
                "order_scene": 1,
            },
            "commission_infos": [],
        },
        "aftersale_detail": {
            "aftersale_order_list": [{"aftersale_order_id": line.refund_id} for line in trade.lines if line.refund_id],
            "on_aftersale_order_cnt": sum(1 for line in trade.lines if _is_asked(line)),
        },
    }


def after_sale_document(refund: Refund, trade: Trade) -> Json:
    """The after-sale as getaftersaleorder answers it."""
    line = next(line for line in trade.lines if line.oid == refund.oid)
    return {
        "after_sale_order_id": refund.refund_id,
        "order_id": trade.number,
        "openid": trade.buyer.open_uid,
        "status": after_sale_status(refund),
        "type": TYPES[refund.kind],
        "product_info": {"product_id": str(line.num_iid), "sku_id": str(line.sku_id), "count": refund.num},
        "refund_info": {"amount": refund.fee_fen, "refund_reason": 1},
        "return_info": {
            "waybill_id": refund.return_waybill,
            "delivery_id": refund.return_carrier,
            "delivery_name": refund.return_carrier,
        },
        "create_time": seconds(refund.created_ms),
        "update_time": seconds(refund.modified_ms),
        "reason_text": refund.reason,
    }


def after_sale_status(refund: Refund) -> str:
    kind = TYPES[refund.kind]
    if refund.status == "SUCCESS":
        return _SUCCESS[kind]
    if refund.status == "SELLER_REFUSE_BUYER":
        return "MERCHANT_REJECT_REFUND" if kind == "REFUND" else "MERCHANT_REJECT_RETURN"
    return _REFUND_STATUS[refund.status]


def events_of(happened: Happened, *, shop_id: str, at_ms: int) -> list[tuple[str, Json]]:
    """(event, its message) for a fact; none where the platform tells nothing."""
    trade, refund = happened.trade, happened.refund
    head = {
        "ToUserName": shop_id,
        "FromUserName": trade.buyer.open_uid,
        "CreateTime": seconds(at_ms),
        "MsgType": "event",
    }
    if refund is not None:
        status = {"status": after_sale_status(refund), "after_sale_order_id": refund.refund_id}
        update = {**status, "order_id": trade.number}
        message = {**head, "Event": AFTER_SALE_EVENT, "finder_shop_aftersale_status_update": update}
        return [(AFTER_SALE_EVENT, message)]
    found = []
    for event in EVENTS.get(happened.fact, ()):
        info: Json = {"order_id": trade.number}
        if event == "channels_ec_order_pay":
            info["pay_time"] = seconds(trade.paid_ms)
        elif event == "channels_ec_order_cancel":
            info["cancel_type"] = 3 if trade.paid_ms else 1
        elif event == "channels_ec_order_deliver":
            info["finish_delivery"] = int(happened.fact is Fact.SHIPPED)
        elif event == "channels_ec_order_confirm":
            info["confirm_type"] = 1
        found.append((event, {**head, "Event": event, "order_info": info}))
    return found


def as_json(message: Json) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def as_xml(message: Json) -> str:
    return f"<xml>{_elements(message)}</xml>"


def _elements(message: Json) -> str:
    parts = []
    for name, value in message.items():
        if isinstance(value, dict):
            inner = _elements(value)
        else:
            text = str(value).replace("]]>", "]]]]><![CDATA[>")
            inner = text if isinstance(value, int) else f"<![CDATA[{text}]]>"
        parts.append(f"<{name}>{inner}</{name}>")
    return "".join(parts)


def _product(trade: Trade, line: Line) -> Json:
    finished = line.num if line.refund_status == "SUCCESS" else 0
    return {
        "product_id": str(line.num_iid),
        "sku_id": str(line.sku_id),
        "title": line.title,
        "sku_code": line.outer_sku_id,
        "out_sku_id": line.outer_sku_id,
        "out_product_id": line.outer_iid,
        "sku_cnt": line.num,
        "sale_price": line.price_fen,
        "market_price": line.price_fen,
        "real_price": line.divided_fen,
        "estimate_price": line.divided_fen,
        "is_discounted": line.divided_fen < line.price_fen * line.num,
        "on_aftersale_sku_cnt": line.num if _is_asked(line) else 0,
        "finish_aftersale_sku_cnt": finished,
        "sku_attrs": [
            {"attr_key": pair.partition(":")[0], "attr_value": pair.partition(":")[2]}
            for pair in line.properties.split(";")
            if pair
        ],
        "sku_deliver_info": {"stock_type": 0},
        "delivery_deadline": seconds(trade.paid_ms) + 48 * 3600 if trade.paid_ms else 0,
        "is_free_gift": 0,
    }


def _pay_info(trade: Trade) -> Json:
    if not trade.paid_ms:
        return {"prepay_id": f"wx{trade.tid % 10**10:010d}", "prepay_time": seconds(trade.created_ms)}
    return {
        "prepay_id": f"wx{trade.tid % 10**10:010d}",
        "prepay_time": seconds(trade.created_ms),
        "pay_time": seconds(trade.paid_ms),
        "transaction_id": f"4200{trade.alipay_no}",
        "payment_method": 1,
    }


def _delivery_info(trade: Trade) -> Json:
    lines = {line.oid: line for line in trade.lines}
    buyer = trade.buyer
    # One buyer at one address has one hash, and at most 64 characters of it.
    hash_code = hashlib.sha256(buyer.oaid.encode()).hexdigest()[:40]
    return {
        "deliver_method": 0,
        "ship_done_time": seconds(trade.parcels[-1].sent_ms) if STATUS[trade.status] in (30, 100) else 0,
        "address_info": {
            "user_name": masked_name(buyer.name),
            "tel_number": masked_mobile(buyer.mobile),
            "province_name": buyer.state,
            "city_name": buyer.city,
            "county_name": buyer.district,
            "detail_info": masked_address(buyer.address),
            "postal_code": "000000",
            "hash_code": hash_code,
        },
        "delivery_product_info": [
            {
                "waybill_id": parcel.waybill,
                "delivery_id": parcel.carrier,
                "delivery_name": parcel.carrier,
                "delivery_time": seconds(parcel.sent_ms),
                "deliver_type": 1,
                "product_infos": [
                    {"product_id": str(lines[oid].num_iid), "sku_id": str(lines[oid].sku_id), "product_cnt": num}
                    for oid, num in parcel.pieces
                ],
            }
            for parcel in trade.parcels
        ],
    }


def _is_asked(line: Line) -> bool:
    return line.refund_status in ("WAIT_SELLER_AGREE", "WAIT_BUYER_RETURN_GOODS", "WAIT_SELLER_CONFIRM_GOODS")


def funds_flows(found: Iterable[Movement]) -> list[dict[str, Any]]:
    """Movements of the shop's account: income and platform commission of a line, or what goes back with its fee."""
    flows: list[dict[str, Any]] = []
    for movement in found:
        # funds_type and the way of what buyers paid, and of the fee: taken for a sale, given back with a refund.
        parts = [(1, 1, movement.paid_fen), (11, 2, movement.fee_fen)]
        if movement.refund is not None:
            parts = [(3, 2, movement.paid_fen), (11, 1, movement.fee_fen)]
        flows.extend(
            {
                "flow_id": f"{movement.key}{kind:02d}",
                "funds_type": kind,
                "flow_type": way,
                "amount": amount,
                "balance": 0,
                "related_info_list": [{"related_type": 1, "order_id": movement.trade.number}],
                "bookkeeping_time": str(movement.at_ms // 1000),
                "remark": "",
            }
            for kind, way, amount in parts
            if amount
        )
    return flows
