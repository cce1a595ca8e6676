"""Orders and after-sales as Douyin writes them: fen, Unix seconds, sealed receivers beside masked ones."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from channels_sync.sandbox.documents import clock_text
from channels_sync.sandbox.goods import CARRIERS
from channels_sync.sandbox.people import masked_address, masked_mobile, masked_name
from channels_sync.sandbox.platforms import TRAITS
from channels_sync.sandbox.platforms.settling import Movement
from channels_sync.sandbox.trades import (
    FRONT_PAID_FINAL_NOPAID,
    NO_REFUND,
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

SHIP_WITHIN_MS = 48 * 3_600_000
PAY_BALANCE_WITHIN_MS = 72 * 3_600_000
# Our carriers to (code, name) of the platform.
COMPANIES: Mapping[str, tuple[str, str]] = {
    ours: (theirs, CARRIERS[ours][1])
    for ours, theirs in (
        ("SF", "shunfeng"),
        ("ZTO", "zhongtong"),
        ("YTO", "yuantong"),
        ("YUNDA", "yunda"),
        ("STO", "shentong"),
        ("JTSD", "jtexpress"),
        ("EMS", "ems"),
        ("POSTB", "youzhengguonei"),
        ("JD", "jd"),
    )
}
STATUS: Mapping[str, int] = {
    WAIT_BUYER_PAY: 1,
    WAIT_SELLER_SEND_GOODS: 2,
    SELLER_CONSIGNED_PART: 101,
    WAIT_BUYER_CONFIRM_GOODS: 3,
    TRADE_FINISHED: 5,
    TRADE_CLOSED: 4,
    TRADE_CLOSED_BY_TAOBAO: 4,
}
AFTER_SALE_STATUS: Mapping[str, int] = {
    "WAIT_SELLER_AGREE": 6,
    "WAIT_BUYER_RETURN_GOODS": 7,
    "WAIT_SELLER_CONFIRM_GOODS": 11,
    "SELLER_REFUSE_BUYER": 27,
    "CLOSED": 28,
    "SUCCESS": 12,
}
_EXCHANGED = 14
_KINDS: Mapping[str, int] = {"return": 0, "exchange": 3, "price_protection": 6}


def order_status(trade: Trade) -> int:
    """The order's state as the platform counts it."""
    return STATUS[trade.status]


def order_document(trade: Trade, refunds: Mapping[str, Refund], *, shop_id: int, is_clear: bool) -> dict[str, Any]:
    """One order with its lines. is_clear: receivers in the clear, as older apps get them."""
    status = order_status(trade)
    is_deposit = trade.step_status == FRONT_PAID_FINAL_NOPAID
    return {
        "order_id": trade.number,
        "order_level": 2,
        "shop_id": shop_id,
        "shop_name": TRAITS[trade.platform].shop_name,
        "open_id": "",
        "doudian_open_id": trade.buyer.open_uid,
        "order_type": 0,
        "biz": 2,
        "b_type": 2,
        "order_status": status,
        "main_status": 103 if is_deposit else status,
        "create_time": trade.created_ms // 1000,
        "pay_time": trade.paid_ms // 1000,
        "update_time": trade.modified_ms // 1000,
        "finish_time": trade.ended_ms // 1000,
        "exp_ship_time": (trade.paid_ms + SHIP_WITHIN_MS) // 1000 if trade.paid_ms else 0,
        "ship_time": trade.consigned_ms // 1000,
        "pay_type": 2,
        "channel_payment_no": trade.alipay_no,
        "order_amount": trade.total_fen + trade.post_fen,
        "pay_amount": trade.payment_fen,
        "post_amount": trade.post_fen,
        "promotion_amount": trade.total_fen - trade.payment_fen + trade.post_fen,
        "promotion_shop_amount": trade.total_fen - trade.payment_fen + trade.post_fen,
        "promotion_platform_amount": 0,
        "buyer_words": trade.buyer_message,
        "seller_words": trade.seller_memo,
        "seller_remark_stars": trade.seller_flag,
        **_receiver(trade, is_clear=is_clear),
        "logistics_info": [_pack(trade, number) for number in range(len(trade.parcels))],
        "order_phase_list": _phases(trade),
        "sku_order_list": [_line(trade, line, refunds) for line in trade.lines],
    }


def _line(trade: Trade, line: Line, refunds: Mapping[str, Refund]) -> dict[str, Any]:
    status = STATUS[line.status]
    return {
        "order_id": trade.line_number(line),
        "parent_order_id": trade.number,
        "order_level": 3,
        "order_status": status,
        "main_status": status,
        "trade_type": 2 if trade.step_status else 0,
        "biz": 2,
        "author_id": int(trade.author_id or 0),
        "author_name": "",
        "room_id": int(trade.room_id or 0),
        "product_id": line.num_iid,
        "product_id_str": str(line.num_iid),
        "product_name": line.title,
        "sku_id": line.sku_id,
        "code": line.outer_sku_id,
        "out_sku_id": line.outer_sku_id,
        "spec": [{"name": "规格", "value": line.properties}],
        "item_num": line.num,
        "origin_amount": line.price_fen,
        "sum_amount": line.price_fen * line.num,
        "order_amount": line.price_fen * line.num,
        "pay_amount": line.divided_fen,
        "promotion_amount": line.price_fen * line.num - line.divided_fen,
        "promotion_shop_amount": line.price_fen * line.num - line.divided_fen,
        "promotion_platform_amount": 0,
        "given_product_type": "",
        "after_sale_info": _line_after_sale(trade, line, refunds),
        "create_time": trade.created_ms // 1000,
        "pay_time": trade.paid_ms // 1000,
        "update_time": trade.modified_ms // 1000,
        "ship_time": line.consign_ms // 1000,
    }


def _line_after_sale(trade: Trade, line: Line, refunds: Mapping[str, Refund]) -> dict[str, int]:
    refund = refunds.get(line.refund_id)
    if line.refund_status == NO_REFUND or refund is None:
        return {"after_sale_status": 0, "after_sale_type": 0, "refund_status": 0}
    return {
        "after_sale_status": after_sale_status(refund),
        "after_sale_type": after_sale_type(refund, trade),
        "refund_status": _refund_status(refund),
    }


def pack_id(trade: Trade, number: int) -> str:
    """The platform's id of an order's parcel, counted from 0."""
    return f"{trade.tid}{number + 1:02d}"


def _pack(trade: Trade, number: int) -> dict[str, Any]:
    parcel = trade.parcels[number]
    lines = {line.oid: line for line in trade.lines}
    return {
        "tracking_no": parcel.waybill,
        "company": COMPANIES[parcel.carrier][0],
        "company_name": COMPANIES[parcel.carrier][1],
        "ship_time": parcel.sent_ms // 1000,
        "delivery_id": pack_id(trade, number),
        "product_info": [
            {
                "sku_order_id": trade.line_number(lines[oid]),
                "product_id": lines[oid].num_iid,
                "sku_id": lines[oid].sku_id,
                "outer_sku_id": lines[oid].outer_sku_id,
                "product_count": pieces,
            }
            for oid, pieces in parcel.pieces
        ],
    }


def _phases(trade: Trade) -> list[dict[str, Any]]:
    """Deposit and balance of a pre-sale, written on its first line."""
    if not trade.step_status:
        return []
    deposit = trade.payment_fen // 5
    paid = (bool(trade.step_paid_fen), bool(trade.paid_ms))
    return [
        {
            "phase_order_id": f"{trade.number}{stage}",
            "total_phase": 2,
            "current_phase": stage,
            "pay_success": paid[stage - 1],
            "sku_order_id": trade.line_number(trade.lines[0]),
            "phase_pay_amount": amount,
            "phase_pay_time": (trade.paid_ms or trade.modified_ms) // 1000 if paid[stage - 1] else 0,
            "phase_open_time": trade.created_ms // 1000,
            "phase_close_time": (trade.created_ms + PAY_BALANCE_WITHIN_MS) // 1000,
            "channel_payment_no": f"{trade.number}{stage:02d}" if paid[stage - 1] else "",
        }
        for stage, amount in ((1, deposit), (2, trade.payment_fen - deposit))
    ]


def _receiver(trade: Trade, *, is_clear: bool) -> dict[str, Any]:
    buyer = trade.buyer
    place = {
        "province": {"name": buyer.state, "id": ""},
        "city": {"name": buyer.city, "id": ""},
        "town": {"name": buyer.district, "id": ""},
        "street": {"name": buyer.town, "id": ""},
    }
    clear = {"post_receiver": buyer.name, "post_tel": buyer.mobile} if is_clear else {}
    sealed = {
        "encrypt_post_receiver": "" if is_clear else _sealed("#", buyer.name),
        "encrypt_post_tel": "" if is_clear else _sealed("$", buyer.mobile),
    }
    return {
        "post_receiver": "",
        "post_tel": "",
        **clear,
        **sealed,
        "mask_post_receiver": masked_name(buyer.name),
        "mask_post_tel": masked_mobile(buyer.mobile),
        "post_addr": {
            **place,
            "detail": buyer.address if is_clear else "",
            "encrypt_detail": "" if is_clear else _sealed("~", buyer.address),
        },
        "mask_post_addr": {**place, "detail": masked_address(buyer.address)},
        "open_address_id": "" if is_clear else buyer.oaid,
    }


def _sealed(mark: str, text: str) -> str:
    """A sealed text: equal for equal texts, and nothing to be read out of it. Empty stays empty."""
    if not text:
        return ""
    digest = hashlib.blake2b(text.encode(), digest_size=24, person=b"douyin").digest()
    return f"{mark}{b64encode(digest).decode()}{mark}1{mark}{mark}"


# --- after-sales ------------------------------------------------------------------------------------------------------


def after_sale_type(refund: Refund, trade: Trade) -> int:
    """0 return and refund, 1 refund after shipping, 2 before, 3 exchange, 6 price protection."""
    line = next(line for line in trade.lines if line.oid == refund.oid)
    return _KINDS.get(refund.kind, 1 if line.consign_ms else 2)


def after_sale_status(refund: Refund) -> int:
    return _EXCHANGED if refund.kind == "exchange" and refund.status == "SUCCESS" else AFTER_SALE_STATUS[refund.status]


def _refund_status(refund: Refund) -> int:
    return 3 if refund.status == "SUCCESS" and refund.kind != "exchange" else 1


def after_sale_item(refund: Refund, trade: Trade) -> dict[str, Any]:
    """One row of afterSale.List."""
    line = next(line for line in trade.lines if line.oid == refund.oid)
    number = trade.line_number(line)
    return {
        "aftersale_info": {
            "aftersale_id": refund.refund_id,
            "aftersale_order_type": 1,
            "aftersale_type": after_sale_type(refund, trade),
            "aftersale_status": after_sale_status(refund),
            "related_id": number,
            "apply_time": refund.created_ms // 1000,
            "create_time": refund.created_ms // 1000,
            "update_time": refund.modified_ms // 1000,
            "refund_amount": refund.fee_fen,
            "refund_post_amount": 0,
            "aftersale_num": refund.num,
            "refund_status": _refund_status(refund),
            "return_logistics_code": refund.return_waybill,
        },
        "order_info": {
            "shop_order_id": trade.number,
            "related_order_info": [
                {"sku_order_id": number, "item_num": line.num, "aftersale_item_num": refund.num},
            ],
        },
        "text_part": {"reason_text": refund.reason},
    }


def after_sale_detail(refund: Refund, trade: Trade) -> dict[str, Any]:
    """The data of afterSale.Detail, which calls many things otherwise than the list."""
    line = next(line for line in trade.lines if line.oid == refund.oid)
    return {
        "order_info": {
            "shop_order_id": int(trade.number),
            "sku_order_infos": [
                {
                    "sku_order_id": int(trade.line_number(line)),
                    "item_quantity": line.num,
                    "after_sale_item_count": refund.num,
                    "pay_amount": line.divided_fen,
                }
            ],
        },
        "process_info": {
            "after_sale_info": {
                "after_sale_id": int(refund.refund_id),
                "after_sale_order_type": 1,
                "after_sale_status": after_sale_status(refund),
                "after_sale_type": after_sale_type(refund, trade),
                "refund_status": _refund_status(refund),
                "refund_total_amount": refund.fee_fen,
                "refund_post_amount": 0,
                "apply_time": refund.created_ms // 1000,
                "update_time": refund.modified_ms // 1000,
                "reason": refund.reason,
                "after_sale_apply_count": refund.num,
            }
        },
    }


def settlement_row(movement: Movement) -> dict[str, Any]:
    """A row of the settlement: fen, fees negative where they are taken. Its number is the line's, or the refund's."""
    trade, line, refund = movement.trade, movement.line, movement.refund
    way = -1 if refund is not None else 1
    net = way * (movement.paid_fen - movement.fee_fen)
    gross = movement.paid_fen + line.share_fen if refund is None else 0
    return {
        "settle_time": clock_text(movement.at_ms),
        "request_no": movement.key,
        "shop_order_id": trade.number,
        "order_id": trade.line_number(line),
        "settle_amount": net,
        "pay_type_desc": "聚合账户",
        "trade_type": 0 if refund is None else 1,
        "is_contains_refund_before_settle": int(movement.back_before_fen > 0),
        "order_time": clock_text(trade.created_ms),
        "product_id": str(line.num_iid),
        "goods_count": line.num,
        "flow_type_desc": "",
        "order_type": "普通订单",
        "total_amount": gross,
        "total_goods_amount": gross - movement.freight_fen,
        "post_amount": movement.freight_fen,
        "shop_coupon": line.share_fen,
        "refund_before_settle": movement.back_before_fen,
        "platform_coupon": 0,
        "author_coupon": 0,
        "zt_pay_promotion": 0,
        "zr_pay_promotion": 0,
        "real_pay_amount": way * (movement.paid_fen + movement.back_before_fen),
        "total_income": way * movement.paid_fen,
        "platform_service_fee": -way * movement.fee_fen,
        "commission": 0,
        "good_learn_channel_fee": 0,
        "colonel_service_fee": 0,
        "channel_promotion_fee": 0,
        "other_sharing_amount": 0,
        "total_outcome": -way * movement.fee_fen,
        "remark": "",
        "packing_amount": 0,
    }
