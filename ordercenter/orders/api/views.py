"""Orders through the API: list, one, cancel. Taking orders in is the door of the floor above, which books payments."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ordercenter.catalog.models import ApiScope
from ordercenter.common.keyset import page_by_key
from ordercenter.common.rest import ApiView
from ordercenter.orders import services
from ordercenter.orders.api.serializers import CancelIn, CancelOut, OrderOut, OrderPage, OrderQuery
from ordercenter.orders.selectors import order_in_scope, orders_matching, with_details


class OrderList(ApiView):
    needs = ApiScope.ORDERS_READ
    permission = "orders.view_order"

    @extend_schema(
        operation_id="orders_list",
        tags=["orders"],
        summary=_("List orders"),
        parameters=[OrderQuery],
        description=_("Newest first, page after page. Contacts are masked. Scope: orders:read."),
        responses={200: OrderPage},
    )
    def get(self, request: Request) -> Response:
        filters = self.read_query(OrderQuery)
        orders = with_details(orders_matching(filters, scope=self.reach()))
        page = page_by_key(orders, cursor=filters["cursor"], limit=filters["limit"], newest_first=True)
        return self.answer_page(page, OrderOut)


class OrderDetail(ApiView):
    needs = ApiScope.ORDERS_READ
    permission = "orders.view_order"

    @extend_schema(
        operation_id="orders_read",
        tags=["orders"],
        summary=_("Read an order"),
        description=_("Contacts are masked. Scope: orders:read."),
        responses={200: OrderOut},
    )
    def get(self, request: Request, order_id: int) -> Response:
        return Response(OrderOut.row(order_in_scope(order_id, scope=self.reach())))


class OrderCancel(ApiView):
    needs = ApiScope.ORDERS_WRITE

    @extend_schema(
        operation_id="orders_cancel",
        tags=["orders"],
        summary=_("Cancel an order"),
        request=CancelIn,
        description=_(
            "Possible until the goods have left; cancelling once more changes nothing. A warehouse that has the order "
            "already is asked to stop it. Scope: orders:write."
        ),
        responses={200: CancelOut},
    )
    def post(self, request: Request, order_id: int) -> Response:
        reason = self.read_body(CancelIn())["reason"]
        order = order_in_scope(order_id, scope=self.reach())
        result = services.cancel_orders(order_ids=[order.pk], reason=reason, at=timezone.now(), actor=self.actor())
        result.raise_first()
        return Response(CancelOut(result.done[0]).data)
