"""Giving an urgent order the goods of less urgent ones, through the API: who would give, and doing it."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.errors import TAKEOVER_PROBLEMS
from fulfillment.services import preview_takeover, take_over_stock
from fulfillment.services.taking_over import Takeover
from ordercenter.catalog.models import ApiScope, Sku
from ordercenter.common.rest import ApiView
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.selectors import order_in_scope


class TakeoverIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200, help_text=_("Kept with the pieces, in the history and the audit."))


class GivenOut(serializers.Serializer[Any]):
    sku = serializers.CharField()
    warehouse = serializers.CharField()
    pieces = serializers.IntegerField()


class GiverOut(serializers.Serializer[Any]):
    order_id = serializers.IntegerField()
    channel_order_no = serializers.CharField()
    grade = serializers.CharField()
    gives = GivenOut(many=True)


class TakeoverOut(serializers.Serializer[Any]):
    """problem: empty where it can be done, else a word and why."""

    problem = serializers.CharField(allow_blank=True)
    why = serializers.CharField(allow_blank=True)
    givers = GiverOut(many=True, help_text=_("The least urgent first. Each waits for supply then."))


class TakeoverPreview(ApiView):
    needs = ApiScope.ORDERS_READ
    permission = "inventory.take_over_stock"

    @extend_schema(
        operation_id="orders_takeover_preview",
        tags=["orders"],
        summary=_("Who would give stock to an urgent order"),
        description=_(
            "Which less urgent orders would give their goods to this one, were it done now: least urgent first, within "
            "the caps of the SKUs, and only what no warehouse was told of. Nothing is changed. Scope: orders:read."
        ),
        responses={200: TakeoverOut},
    )
    def get(self, request: Request, order_id: int) -> Response:
        reach = self.reach()
        order = order_in_scope(order_id, scope=reach)
        return Response(takeover_out(preview_takeover(order_id=order.pk, shop_ids=reach.shop_ids)))


class TakeoverDo(ApiView):
    needs = ApiScope.ORDERS_WRITE

    @extend_schema(
        operation_id="orders_takeover",
        tags=["orders"],
        summary=_("Give an urgent order the stock of less urgent ones"),
        request=TakeoverIn,
        description=_(
            "The order is reserved at once; who gives waits for supply. Refused with fulfillment.takeover_impossible, "
            "and nothing is changed then. Scope: orders:write."
        ),
        responses={200: TakeoverOut},
    )
    def post(self, request: Request, order_id: int) -> Response:
        reason = self.read_body(TakeoverIn())["reason"]
        reach = self.reach()
        order = order_in_scope(order_id, scope=reach)
        takeover = take_over_stock(
            order_id=order.pk, reason=reason, actor=self.actor(), shop_ids=reach.shop_ids, at=timezone.now()
        )
        return Response(takeover_out(takeover))


def takeover_out(takeover: Takeover) -> dict[str, Any]:
    """A takeover as the API shows it."""
    places = {place for giver in takeover.givers for place in giver.pieces}
    skus = dict(Sku.objects.filter(pk__in={sku for sku, _w in places}).values_list("pk", "code"))
    houses = dict(Warehouse.objects.filter(pk__in={w for _sku, w in places}).values_list("pk", "code"))
    return {
        "problem": takeover.problem,
        "why": str(TAKEOVER_PROBLEMS.get(takeover.problem, "")),
        "givers": [
            {
                "order_id": giver.order.pk,
                "channel_order_no": giver.order.channel_order_no,
                "grade": giver.order.grade,
                "gives": [
                    {"sku": skus[sku], "warehouse": houses[warehouse], "pieces": pieces}
                    for (sku, warehouse), pieces in sorted(giver.pieces.items())
                ],
            }
            for giver in takeover.givers
        ],
    }
