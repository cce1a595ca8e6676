"""Parcels through the API: what an order travels in, merging, splitting and taking apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.errors import SplitImpossible
from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services import merge_orders, split_order, unmerge_orders
from ordercenter.catalog.models import ApiScope
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_fields import Instant, Money, StrictSerializer, Text, WholeNumber
from ordercenter.orders.models import Order
from ordercenter.orders.selectors import order_in_scope

MOST_MERGED = 50
MOST_BOXES = 20
MOST_LINES = 200


class ReasonIn(StrictSerializer):
    """Why; the audit keeps it."""

    reason = Text(max_length=200, help_text=_("A few words; the audit keeps them."))

    def validate_reason(self, value: str) -> str:
        if not value.strip():
            raise serializers.ValidationError(_("A reason is needed."), "blank")
        return value.strip()


class MergeIn(ReasonIn):
    """Orders of one buyer to one address."""

    order_ids = serializers.ListField(
        child=WholeNumber(min_value=1), min_length=2, max_length=MOST_MERGED, help_text=_("Ids of two orders or more.")
    )


class PiecesIn(StrictSerializer):
    """Pieces of one line."""

    line_no = WholeNumber(min_value=1, help_text=_("Number of the line in the order."))
    quantity = WholeNumber(min_value=1, max_value=1_000_000, help_text=_("Pieces."))


class BoxIn(StrictSerializer):
    """One parcel besides the rest."""

    lines = PiecesIn(many=True, allow_empty=False, max_length=MOST_LINES)


class SplitIn(ReasonIn):
    """Parcels of their own; what is in none of them leaves in another one. No box undoes the split."""

    boxes = BoxIn(many=True, max_length=MOST_BOXES, help_text=_("Each a parcel of its own; none undoes the split."))


class PartOut(serializers.Serializer[Any]):
    """Pieces of one order line in a shipment."""

    order_id = serializers.IntegerField()
    line_no = serializers.IntegerField()
    sku = serializers.CharField(help_text=_("SKU code."))
    quantity = serializers.IntegerField()
    shipped = serializers.IntegerField(help_text=_("Pieces that have left."))
    amount = Money(help_text=_("What of the line's paid amount is in this shipment."))


class ShipmentOut(serializers.Serializer[Any]):
    """One delivery order. Lines of orders that this key does not reach are left out."""

    code = serializers.CharField(help_text=_("Delivery order number."))
    state = serializers.CharField()
    warehouse = serializers.CharField(help_text=_("Code of the warehouse."))
    carrier = serializers.CharField(help_text=_("Code of the courier."))
    release_at = Instant(allow_null=True, help_text=_("Held back until then; null: not held back."))
    shipped_at = Instant(allow_null=True)
    tracking_numbers = serializers.ListField(child=serializers.CharField())
    lines = PartOut(many=True)


class ShipmentsOut(serializers.Serializer[Any]):
    """Where the goods of these orders travel, the earliest shipment first."""

    shipments = ShipmentOut(many=True)


class OrderShipments(ApiView):
    needs = ApiScope.ORDERS_READ
    permission = "fulfillment.view_shipment"

    @extend_schema(
        operation_id="orders_shipments",
        tags=["parcels"],
        summary=_("Shipments of an order"),
        description=_("Every shipment with a part of the order, cancelled ones too. Scope: orders:read."),
        responses={200: ShipmentsOut},
    )
    def get(self, request: Request, order_id: int) -> Response:
        order = order_in_scope(order_id, scope=self.reach())
        return Response(shipments_out([order]))


class OrderUnmerge(ApiView):
    needs = ApiScope.PARCELS_WRITE

    @extend_schema(
        operation_id="orders_unmerge",
        tags=["parcels"],
        summary=_("Take an order out of a shared parcel"),
        request=ReasonIn,
        description=_(
            "From now on the order travels by itself. What no warehouse was told of is planned anew at once; for the "
            "rest the warehouse is asked, and its answer or the parcel decides. Scope: parcels:write."
        ),
        responses={200: ShipmentsOut},
    )
    def post(self, request: Request, order_id: int) -> Response:
        reason = self.read_body(ReasonIn())["reason"]
        order = order_in_scope(order_id, scope=self.reach())
        unmerge_orders(order_ids=[order.pk], reason=reason, at=timezone.now(), actor=self.actor()).raise_first()
        return Response(shipments_out([order]))


class OrderSplit(ApiView):
    needs = ApiScope.PARCELS_WRITE

    @extend_schema(
        operation_id="orders_split",
        tags=["parcels"],
        summary=_("Split an order into parcels"),
        request=SplitIn,
        description=_(
            "These pieces leave in parcels of their own, the rest in another one; it replaces an earlier split. Not "
            "possible once a warehouse has something of the order. Scope: parcels:write."
        ),
        responses={200: ShipmentsOut},
    )
    def post(self, request: Request, order_id: int) -> Response:
        order = order_in_scope(order_id, scope=self.reach())
        body = self.read_body(SplitIn())
        split_order(
            order_id=order.pk,
            boxes=_boxes(order, body["boxes"]),
            reason=body["reason"],
            at=timezone.now(),
            actor=self.actor(),
        )
        return Response(shipments_out([order]))


class OrdersMerge(ApiView):
    needs = ApiScope.PARCELS_WRITE

    @extend_schema(
        operation_id="orders_merge",
        tags=["parcels"],
        summary=_("Merge orders into one parcel"),
        request=MergeIn,
        description=_(
            "Orders of one shop, buyer and address that are planned in one warehouse or wait for each other travel "
            "together: all of these, or none. Not possible once a warehouse was told of one or somebody has begun to "
            "pick it. Scope: parcels:write."
        ),
        responses={200: ShipmentsOut},
    )
    def post(self, request: Request) -> Response:
        body = self.read_body(MergeIn())
        reach = self.reach()
        orders = [order_in_scope(pk, scope=reach) for pk in dict.fromkeys(body["order_ids"])]
        merge_orders(
            order_ids=[order.pk for order in orders], reason=body["reason"], at=timezone.now(), actor=self.actor()
        )
        return Response(shipments_out(orders))


def shipments_out(orders: Collection[Order]) -> dict[str, Any]:
    """The shipments of these orders as the API shows them, with the lines of these orders only. Three statements."""
    lines = list(
        ShipmentLine.objects.filter(order__in=orders)
        .select_related("order_line", "sku")
        .order_by("shipment_id", "order_id", "order_line__line_no")
    )
    shipments = Shipment.objects.filter(pk__in={line.shipment_id for line in lines}).order_by("pk")
    rows = shipments.select_related("warehouse", "carrier").prefetch_related("parcels")
    return {"shipments": [_shipment_out(s, [line for line in lines if line.shipment_id == s.pk]) for s in rows]}


def _shipment_out(shipment: Shipment, lines: Iterable[ShipmentLine]) -> dict[str, Any]:
    return {
        "code": shipment.code,
        "state": shipment.state,
        "warehouse": shipment.warehouse.code,
        "carrier": shipment.carrier.code,
        "release_at": shipment.release_at,
        "shipped_at": shipment.shipped_at,
        "tracking_numbers": [parcel.tracking_no for parcel in shipment.parcels.all()],
        "lines": [
            {
                "order_id": line.order_id,
                "line_no": line.order_line.line_no,
                "sku": line.sku.code,
                "quantity": line.quantity,
                "shipped": line.shipped,
                "amount": f"{line.amount:.2f}",
            }
            for line in lines
        ],
    }


def _boxes(order: Order, boxes: Iterable[dict[str, Any]]) -> list[dict[int, int]]:
    """By line id, as the service wants them. Raises SplitImpossible for a line number that the order does not have."""
    ids = dict(order.lines.values_list("line_no", "pk"))
    wanted: list[dict[int, int]] = []
    for box in boxes:
        pieces: dict[int, int] = {}
        for line in box["lines"]:
            if line["line_no"] not in ids:
                raise SplitImpossible(order_id=order.pk, problem="unknown_line")
            pk = ids[line["line_no"]]
            pieces[pk] = pieces.get(pk, 0) + line["quantity"]
        wanted.append(pieces)
    return wanted
