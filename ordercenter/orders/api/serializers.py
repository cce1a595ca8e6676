"""Orders as the API shows them, and the questions it takes about them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from ordercenter.catalog.models import Contact
from ordercenter.common.rest_fields import (
    Choice,
    Code,
    Instant,
    PageOut,
    PageQuery,
    QueryFlag,
    StrictSerializer,
    Text,
)
from ordercenter.common.rest_output import PlainOutput
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import Grade, OrderState


class OrderQuery(PageQuery):
    """Which orders a list shows; ranges begin with their first instant and end before their last."""

    state = serializers.ListField(
        child=Choice(choices=OrderState.choices), required=False, help_text=_("One of these states.")
    )
    shop = serializers.ListField(child=Code(max_length=32), required=False, help_text=_("Codes of shops."))
    grade = serializers.ListField(child=Choice(choices=Grade.choices), required=False, help_text=_("How urgent."))
    channel_order_no = Text(required=False, max_length=64, help_text=_("The channel's order number, exactly."))
    on_hold = QueryFlag(required=False, help_text=_("Whether something holds the order."))
    placed_from = Instant(required=False, help_text=_("Placed at this time or later."))
    placed_before = Instant(required=False, help_text=_("Placed before this time."))
    paid_from = Instant(required=False, help_text=_("Paid at this time or later."))
    paid_before = Instant(required=False, help_text=_("Paid before this time."))
    changed_from = Instant(required=False, help_text=_("Changed at the channel at this time or later."))
    changed_before = Instant(required=False, help_text=_("Changed at the channel before this time."))


class ReceiverOut(PlainOutput, serializers.ModelSerializer[Contact]):
    """Where the parcel goes; name, phone and address are masked, always."""

    name = serializers.CharField(source="masked_name")
    phone = serializers.CharField(source="masked_phone")
    address = serializers.CharField(source="masked_address")

    class Meta:
        model = Contact
        fields = ["name", "phone", "province", "city", "district", "town", "address"]


class OrderLineOut(PlainOutput, serializers.ModelSerializer[OrderLine]):
    """One line. ordered = cancelled + unplanned + backordered + reserved + released + shipped, always."""

    sku = serializers.CharField(source="sku_code", allow_null=True, help_text=_("Our SKU code."))
    bundle = serializers.CharField(
        source="bundle_code", allow_null=True, help_text=_("The bundle that the line is a part of.")
    )

    class Meta:
        model = OrderLine
        fields = [
            "line_no",
            "channel_line_no",
            "sku",
            "bundle",
            "outer_sku",
            "title",
            "unit_price",
            "paid_share",
            "is_gift",
            "refund_status",
            "ordered",
            "cancelled",
            "unplanned",
            "backordered",
            "promised_on",
            "reserved",
            "released",
            "shipped",
            "delivered",
            "returned",
        ]


class OrderOut(PlainOutput, serializers.ModelSerializer[Order]):
    """One order, whole: amounts as text in its currency, times in UTC."""

    shop = serializers.CharField(source="shop_code", help_text=_("Code of the shop."))
    placed_at = Instant()
    paid_at = Instant(allow_null=True)
    ship_by = Instant(allow_null=True)
    balance_due_at = Instant(
        allow_null=True, help_text=_("Of a pre-sale with its deposit: until when the balance may be paid.")
    )
    received_at = Instant()
    changed_at = Instant(source="channel_modified_at", help_text=_("Last change at the channel."))
    on_hold = serializers.BooleanField(source="is_on_hold")
    holds = serializers.SerializerMethodField(help_text=_("Codes of what holds it now."))
    receiver = ReceiverOut(source="contact", allow_null=True)
    lines = OrderLineOut(many=True)

    class Meta:
        model = Order
        fields = [
            "id",
            "shop_id",
            "shop",
            "channel_order_no",
            "state",
            "channel_status",
            "grade",
            "on_hold",
            "holds",
            "currency",
            "goods_amount",
            "discount_amount",
            "freight_amount",
            "total_amount",
            "paid_amount",
            "refunded_amount",
            "placed_at",
            "paid_at",
            "ship_by",
            "balance_due_at",
            "received_at",
            "changed_at",
            "cancel_reason",
            "receiver",
            "lines",
        ]

    def get_holds(self, order: Order) -> list[str]:
        return [hold.code for hold in order.open_holds]  # type: ignore[attr-defined]


class OrderPage(PageOut):
    """One page of orders, newest first."""

    results = OrderOut(many=True)


class CancelIn(StrictSerializer):
    """Why an order is cancelled; the audit keeps it."""

    reason = Text(max_length=200, help_text=_("A few words; the audit keeps them."))

    def validate_reason(self, value: str) -> str:
        if not value.strip():
            raise serializers.ValidationError(_("A reason is needed."), "blank")
        return value.strip()


class CancelOut(serializers.ModelSerializer[Order]):
    """What became of a cancelled order; the rest is for keys that may read."""

    shop = serializers.CharField(source="shop.code", help_text=_("Code of the shop."))

    class Meta:
        model = Order
        fields = ["id", "shop_id", "shop", "channel_order_no", "state", "cancel_reason"]
