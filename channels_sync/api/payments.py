"""The door for payments of orders that another system has handed over unpaid, or paid in part."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from channels_sync.api.serializers import PaymentIn, PaymentOut
from channels_sync.errors import ShopDrivenByPlatform
from channels_sync.models import ChannelAccount
from finance.services import HandPayment, book_payments
from ordercenter.catalog.models import ApiScope
from ordercenter.common.problems import CONTENT_TYPE
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_schema import ProblemOut
from ordercenter.orders.selectors import order_in_scope


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
