"""What a connector can tell us of an order, its lines and its refunds: the left side of every mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

FieldKind = Literal[
    "text", "money", "time", "whole", "flag", "order_status", "refund_status", "line_refund", "phase", "after_sale"
]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of ours."""

    kind: FieldKind
    label: StrPromise
    is_required: bool = False


ORDER_FIELDS: Mapping[str, FieldSpec] = {
    "order_no": FieldSpec("text", _("order number"), is_required=True),
    "status": FieldSpec("order_status", _("status"), is_required=True),
    "created_at": FieldSpec("time", _("placed at"), is_required=True),
    "modified_at": FieldSpec("time", _("changed at"), is_required=True),
    "paid_at": FieldSpec("time", _("paid at")),
    "ship_by": FieldSpec("time", _("to be shipped by")),
    "total": FieldSpec("money", _("what the buyer pays, carriage included"), is_required=True),
    "freight": FieldSpec("money", _("carriage")),
    "currency": FieldSpec("text", _("currency (CNY when nothing is said)")),
    "held": FieldSpec("flag", _("must not be shipped yet")),
    "buyer_id": FieldSpec("text", _("buyer's number")),
    "buyer_nick": FieldSpec("text", _("buyer's name on pages")),
    "buyer_remark": FieldSpec("text", _("buyer's remark")),
    "seller_remark": FieldSpec("text", _("seller's remark")),
    "payment_no": FieldSpec("text", _("payment's number")),
    "receiver_name": FieldSpec("text", _("receiver")),
    "receiver_phone": FieldSpec("text", _("phone")),
    "province": FieldSpec("text", _("province")),
    "city": FieldSpec("text", _("city")),
    "district": FieldSpec("text", _("district")),
    "town": FieldSpec("text", _("town")),
    "address": FieldSpec("text", _("address")),
    "zip_code": FieldSpec("text", _("post code")),
}
LINE_FIELDS: Mapping[str, FieldSpec] = {
    "line_no": FieldSpec("text", _("line number"), is_required=True),
    "title": FieldSpec("text", _("title"), is_required=True),
    "quantity": FieldSpec("whole", _("quantity"), is_required=True),
    "unit_price": FieldSpec("money", _("price of a piece"), is_required=True),
    "paid": FieldSpec("money", _("what the buyer pays for the line")),
    "listing_id": FieldSpec("text", _("listing")),
    "sku_id": FieldSpec("text", _("SKU of the listing")),
    "outer_sku": FieldSpec("text", _("own code of the SKU")),
    "sku_text": FieldSpec("text", _("choice in words")),
    "refund_status": FieldSpec("line_refund", _("refund")),
    "is_gift": FieldSpec("flag", _("gift")),
}
REFUND_FIELDS: Mapping[str, FieldSpec] = {
    "refund_no": FieldSpec("text", _("refund number"), is_required=True),
    "order_no": FieldSpec("text", _("order number"), is_required=True),
    "line_no": FieldSpec("text", _("line number")),
    "status": FieldSpec("refund_status", _("status"), is_required=True),
    "amount": FieldSpec("money", _("amount"), is_required=True),
    "quantity": FieldSpec("whole", _("quantity")),
    "reason": FieldSpec("text", _("reason")),
    "phase": FieldSpec("phase", _("before or after the trade was finished")),
    "kind": FieldSpec("after_sale", _("kind of after-sale")),
    "return_carrier": FieldSpec("text", _("courier of what comes back")),
    "return_no": FieldSpec("text", _("parcel number of what comes back")),
    "has_goods_return": FieldSpec("flag", _("goods come back")),
    "created_at": FieldSpec("time", _("asked at")),
    "modified_at": FieldSpec("time", _("changed at"), is_required=True),
}
