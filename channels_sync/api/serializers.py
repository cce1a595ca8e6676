"""What another system sends to have orders created, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from ordercenter.common.money import ZERO
from ordercenter.common.rest_fields import Choice, Code, Flag, Instant, Money, StrictSerializer, Text, WholeNumber
from ordercenter.common.rest_schema import ProblemOut
from ordercenter.orders.intake_types import IncomingLine, IncomingOrder, IncomingPayment, IncomingReceiver
from ordercenter.orders.states import OrderState

MOST_ORDERS = 500
MOST_LINES = 200
_SUMS = {
    "goods_amount": _("goods_amount is not the sum of quantity times unit_price of the lines."),
    "total_amount": _("total_amount is not goods_amount less discount_amount plus freight_amount."),
    "lines": _("The paid_share of the lines do not add up to total_amount less freight_amount."),
}


class ReceiverIn(StrictSerializer):
    """Who gets the goods. Kept sealed; afterwards every answer shows it masked."""

    name = Text(max_length=64)
    phone = Text(max_length=32)
    province = Text(
        max_length=32,
        allow_blank=True,
        default="",
        help_text=_("Province, city and district may be left out: they are read from the address. A guess is a case."),
    )
    city = Text(max_length=32, allow_blank=True, default="")
    district = Text(max_length=32, allow_blank=True, default="")
    town = Text(max_length=64, allow_blank=True, default="")
    address = Text(max_length=256)
    zip_code = Text(max_length=16, allow_blank=True, default="")
    opaque_id = Text(
        max_length=128,
        allow_blank=True,
        default="",
        help_text=_("What a platform gives in place of the clear contact; name, phone and address are masked then."),
    )


class LineIn(StrictSerializer):
    """So many pieces of one thing, by our SKU code or by a listing that is matched to one."""

    channel_line_no = Code(max_length=64, help_text=_("Your number of the line."))
    sku = Text(max_length=64, allow_blank=True, default="", help_text=_("Our SKU code."))
    listing_id = Text(max_length=64, allow_blank=True, default="", help_text=_("The listing, if no SKU code is known."))
    listing_sku_id = Text(max_length=64, allow_blank=True, default="")
    title = Text(max_length=255, allow_blank=True, default="")
    quantity = WholeNumber(min_value=1, max_value=100_000)
    unit_price = Money()
    paid_share = Money(help_text=_("What the buyer pays for this line after all discounts, without freight."))
    is_gift = Flag(default=False)


class PaymentIn(StrictSerializer):
    """One captured payment; it is recorded in the books and compared with the provider's bill."""

    provider = Code(max_length=16, help_text=_('Such as "alipay".'))
    external_no = Code(max_length=64, help_text=_("The provider's transaction number."))
    merchant_no = Text(max_length=64, allow_blank=True, default="", help_text=_("Your number at the provider."))
    amount = Money()
    paid_at = Instant()

    def validate_amount(self, value: Decimal) -> Decimal:
        if value == ZERO:
            raise ValidationError(_("A payment is more than nothing."), "min_value")
        return value


class PaymentOut(serializers.Serializer[Any]):
    """The order after its payment was entered."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=OrderState.values)
    paid_amount = serializers.CharField(help_text=_("The payments in the books, together."))
    outstanding_amount = serializers.CharField(help_text=_("What is still due; 0.00 when the order is paid."))


class OrderIn(StrictSerializer):
    """One new order. Amounts have to add up; shop and number together name it for ever."""

    shop = Code(max_length=32, help_text=_("Code of the shop."))
    channel_order_no = Code(max_length=64, help_text=_("Your number of the order, once per shop."))
    status = Choice(choices=["created", "paid"])
    placed_at = Instant()
    paid_at = Instant(required=False, allow_null=True, default=None, help_text=_("Needed when the status is paid."))
    currency = Choice(choices=["CNY"], default="CNY")
    goods_amount = Money()
    discount_amount = Money(default=ZERO)
    freight_amount = Money(default=ZERO)
    total_amount = Money(help_text=_("What the buyer pays, freight included."))
    buyer_id = Text(max_length=64, allow_blank=True, default="", help_text=_("Tells buyers apart; no name."))
    buyer_nick = Text(max_length=64, allow_blank=True, default="")
    buyer_remark = Text(max_length=1000, allow_blank=True, default="", help_text=_("A remark stops for a person."))
    seller_remark = Text(max_length=1000, allow_blank=True, default="")
    receiver = ReceiverIn()
    lines = serializers.ListField(child=LineIn(), min_length=1, max_length=MOST_LINES)
    payment = PaymentIn(required=False, allow_null=True, default=None)
    hold_id = Code(
        max_length=64,
        required=False,
        default="",
        help_text=_("The hold that this key placed for the order: its pieces become the order's own."),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wrong: dict[str, Any] = {}
        _check_payment(attrs, wrong)
        _check_lines(attrs["lines"], wrong)
        _check_sums(attrs, wrong)
        if wrong:
            raise ValidationError(wrong)
        return attrs


class BulkIn(StrictSerializer):
    """Up to 500 new orders. Each stands for itself: a row that is refused does not hold up the others."""

    orders = serializers.ListField(child=OrderIn(), min_length=1, max_length=MOST_ORDERS)


class RowOut(serializers.Serializer[Any]):
    """What became of one order of the list."""

    index = serializers.IntegerField(help_text=_("Its place in the list, from 0."))
    status = serializers.ChoiceField(choices=["created", "exists", "refused"])
    id = serializers.IntegerField(allow_null=True, help_text=_("Our id of the order; none when it was refused."))
    error = ProblemOut(allow_null=True)
    hold = serializers.ChoiceField(
        choices=["given", "gone"],
        required=False,
        help_text=_("Only for a new order with a hold_id: gone where the hold had ended, or is another shop's."),
    )


class BulkOut(serializers.Serializer[Any]):
    """The rows in the order of the list, and how many of each kind."""

    created = serializers.IntegerField()
    exists = serializers.IntegerField(help_text=_("Known already; nothing was changed."))
    refused = serializers.IntegerField()
    results = RowOut(many=True)


def incoming_order(data: Mapping[str, Any]) -> IncomingOrder:
    """A checked OrderIn as intake takes it."""
    payment = data["payment"]
    paid_at = data["paid_at"]
    return IncomingOrder(
        channel_order_no=data["channel_order_no"],
        status=data["status"],
        held=False,
        created_at=data["placed_at"],
        paid_at=paid_at,
        modified_at=paid_at or data["placed_at"],
        goods_total=data["goods_amount"],
        discount_total=data["discount_amount"],
        freight=data["freight_amount"],
        total_amount=data["total_amount"],
        currency=data["currency"],
        buyer_id=data["buyer_id"],
        buyer_nick=data["buyer_nick"],
        buyer_remark=data["buyer_remark"],
        seller_remark=data["seller_remark"],
        seller_flag=0,
        presale_state=None,
        receiver=_receiver(data["receiver"]),
        lines=tuple(_line(line, data["status"]) for line in data["lines"]),
        payment=IncomingPayment(**payment) if payment else None,
        raw_status=data["status"],
    )


def _receiver(data: Mapping[str, Any]) -> IncomingReceiver:
    rest = {name: value for name, value in data.items() if name != "opaque_id"}
    return IncomingReceiver(**rest, oaid=data["opaque_id"], is_masked=bool(data["opaque_id"]))


def _line(data: Mapping[str, Any], status: Any) -> IncomingLine:
    return IncomingLine(
        channel_line_no=data["channel_line_no"],
        listing_id=data["listing_id"],
        listing_sku_id=data["listing_sku_id"],
        outer_sku=data["sku"],
        title=data["title"],
        sku_text="",
        quantity=data["quantity"],
        unit_price=data["unit_price"],
        discount=max(ZERO, data["unit_price"] * data["quantity"] - data["paid_share"]),
        paid_share=data["paid_share"],
        status=status,
        refund_status="none",
        is_gift=data["is_gift"],
    )


def _check_payment(attrs: Mapping[str, Any], wrong: dict[str, Any]) -> None:
    if attrs["status"] == "paid":
        if attrs["paid_at"] is None:
            wrong["paid_at"] = [ErrorDetail(str(_("A paid order says when it was paid.")), "required")]
        return
    for name in ("paid_at", "payment"):
        if attrs[name] is not None:
            wrong[name] = [ErrorDetail(str(_("Only a paid order has this.")), "unexpected")]


def _check_lines(lines: Sequence[Mapping[str, Any]], wrong: dict[str, Any]) -> None:
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for line in lines:
        mistakes: dict[str, Any] = {}
        if line["channel_line_no"] in seen:
            mistakes["channel_line_no"] = [ErrorDetail(str(_("Another line has this number.")), "repeated")]
        seen.add(line["channel_line_no"])
        if not (line["sku"] or line["listing_id"]):
            mistakes["sku"] = [ErrorDetail(str(_("A line names a SKU or a listing.")), "required")]
        found.append(mistakes)
    if any(found):
        wrong["lines"] = found


def _check_sums(attrs: Mapping[str, Any], wrong: dict[str, Any]) -> None:
    lines, total, freight = attrs["lines"], attrs["total_amount"], attrs["freight_amount"]
    fits = {
        "goods_amount": attrs["goods_amount"] == sum(line["quantity"] * line["unit_price"] for line in lines),
        "total_amount": total == attrs["goods_amount"] - attrs["discount_amount"] + freight,
        "lines": total - freight == sum(line["paid_share"] for line in lines),
    }
    for name, is_right in fits.items():
        if not is_right and name not in wrong:
            wrong[name] = [ErrorDetail(str(_SUMS[name]), "sum")]
