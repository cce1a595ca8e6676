"""The door for payments of orders that another system has handed over unpaid, or paid in part."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from channels_sync.api.serializers import PaymentIn, PaymentOut
from channels_sync.errors import ShopDrivenByPlatform
from channels_sync.models import ChannelAccount
from finance.services import HandPayment, book_payments, keep_excess, refund_excess
from ordercenter.catalog.models import ApiScope
from ordercenter.common.problems import CONTENT_TYPE
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_fields import Choice, Code, StrictSerializer, Text
from ordercenter.common.rest_schema import ProblemOut
from ordercenter.orders.selectors import order_in_scope


class ExcessIn(StrictSerializer):
    """What becomes of what was paid too much. refund_no: the provider's number of the refund, only for a refund."""

    way = Choice(choices=[("refund", _("it has gone back")), ("credit", _("it is kept for the buyer"))])
    refund_no = Code(required=False, max_length=64)
    reason = Text(max_length=200)

    def validate(self, attrs: Any) -> Any:
        if (attrs["way"] == "refund") != ("refund_no" in attrs):
            raise serializers.ValidationError({"refund_no": [_("A refund has its number, a credit has none.")]})
        return attrs


class OrderExcess(ApiView):
    needs = ApiScope.ORDERS_WRITE

    @extend_schema(
        operation_id="orders_settle_excess",
        tags=["orders"],
        summary=_("Settle what was paid too much"),
        request=ExcessIn,
        description=_(
            "An order of which more was paid than is due waits until somebody says whether the excess has gone back or "
            "is kept for the buyer; then it goes on its way. Said again, nothing changes. Scope: orders:write."
        ),
        responses={200: PaymentOut, (422, CONTENT_TYPE): ProblemOut},
    )
    def post(self, request: Request, order_id: int) -> Response:
        order = order_in_scope(order_id, scope=self.reach())
        data = self.read_body(ExcessIn())
        values = {"order_id": order.pk, "reason": data["reason"], "actor": self.actor(), "at": timezone.now()}
        if data["way"] == "refund":
            excess = refund_excess(refund_no=data["refund_no"], **values)
        else:
            excess = keep_excess(**values)
        return Response(
            {
                "id": excess.order.pk,
                "state": excess.order.state,
                "paid_amount": f"{excess.paid - excess.refunded:.2f}",
                "outstanding_amount": "0.00",
            }
        )


class OrderPayments(ApiView):
    needs = ApiScope.ORDERS_WRITE

    @extend_schema(
        operation_id="orders_pay",
        tags=["orders"],
        summary=_("Enter a payment"),
        request=PaymentIn,
        description=_(
            "For an order that was handed over unpaid, or paid in part. When nothing is outstanding any more the order "
            "goes on its way. The transaction number is known once: the same payment again changes nothing. Orders of "
            "a platform's shop are paid at the platform. Scope: orders:write."
        ),
        responses={200: PaymentOut, (422, CONTENT_TYPE): ProblemOut},
    )
    def post(self, request: Request, order_id: int) -> Response:
        order = order_in_scope(order_id, scope=self.reach())
        data = self.read_body(PaymentIn())
        if ChannelAccount.objects.filter(shop_id=order.shop_id, is_active=True).exists():
            raise ShopDrivenByPlatform(shop=order.shop.code)
        payment = HandPayment(
            order.pk, data["provider"], data["external_no"], data["amount"], data["paid_at"], data["merchant_no"]
        )
        result = book_payments(payments=[payment], reason="API", at=timezone.now(), actor=self.actor())
        result.raise_first()
        booked = result.done[0]
        return Response(
            {
                "id": booked.order.pk,
                "state": booked.order.state,
                "paid_amount": f"{booked.paid:.2f}",
                "outstanding_amount": f"{booked.outstanding:.2f}",
            }
        )
