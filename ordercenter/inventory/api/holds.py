"""Stock held for carts and live streams, before there is an order: asked for, looked at, released, by a key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from ordercenter.catalog.models import ApiScope
from ordercenter.common.problems import problem_of
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_fields import Code, StrictSerializer, Text, WholeNumber
from ordercenter.common.rest_schema import ProblemOut
from ordercenter.inventory.services.holds import HoldWanted, holder_of_key, place_holds
from ordercenter.inventory.services.reserving import release_holds_of

MOST_HOLDS, MOST_LINES, MOST_PIECES = 200, 50, 100_000
USUAL_S, LEAST_S, MOST_S = 900, 10, 24 * 3600


class HoldLineIn(StrictSerializer):
    """So many pieces of one SKU."""

    sku = Text(max_length=64, help_text=_("Our SKU code."))
    quantity = WholeNumber(min_value=1, max_value=MOST_PIECES)


class HoldIn(StrictSerializer):
    """What a cart or a place in a live stream holds: all of its lines or none."""

    id = Code(max_length=64, help_text=_("Your name of the hold. Sent again, it is the same hold: retry as you like."))
    shop = Code(max_length=32, help_text=_("Code of the shop; what is set aside for it is used first."))
    warehouse = Code(max_length=32, help_text=_("Code of the warehouse; the key needs its stock."))
    expires_in_s = WholeNumber(
        min_value=LEAST_S, max_value=MOST_S, default=USUAL_S, help_text=_("Seconds until it ends by itself.")
    )
    lines = serializers.ListField(child=HoldLineIn(), min_length=1, max_length=MOST_LINES)

    def validate_lines(self, value: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        if len({line["sku"] for line in value}) < len(value):
            raise ValidationError(_("A SKU stands in two lines."), "unique")
        return value


class HoldsIn(StrictSerializer):
    """Up to 200 holds, served in this order as long as the pieces last."""

    holds = serializers.ListField(child=HoldIn(), min_length=1, max_length=MOST_HOLDS)

    def validate_holds(self, value: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        if len({hold["id"] for hold in value}) < len(value):
            raise ValidationError(_("Two holds have the same id."), "unique")
        return value


class HoldOut(serializers.Serializer[Any]):
    """What became of one hold."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["held", "refused"])
    expires_at = serializers.DateTimeField(allow_null=True, help_text=_("When it ends by itself."))
    error = ProblemOut(allow_null=True)


class HoldsOut(serializers.Serializer[Any]):
    """The holds in the order of the list, and how many stand."""

    held = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = HoldOut(many=True)


class ReleaseIn(StrictSerializer):
    """Holds that are not wanted any more."""

    ids = serializers.ListField(child=Code(max_length=64), min_length=1, max_length=MOST_HOLDS)


class ReleaseOut(serializers.Serializer[Any]):
    """How many promises of pieces were taken back; 0 where all had ended, or had become an order's."""

    released = serializers.IntegerField()


class HoldsPlace(ApiView):
    needs = ApiScope.STOCK_HOLD

    @extend_schema(
        operation_id="stock_hold",
        tags=["stock"],
        summary=_("Hold stock"),
        request=HoldsIn,
        description=_(
            "Holds pieces for carts and live streams before there is an order, at once and safe on disk when it is "
            "answered. Each hold stands for itself: all of its lines or none. Its id makes it idempotent: a hold that "
            "stands is answered as it stands, and with other pieces refused. It ends by itself, or by its release, or "
            "becomes an order's own: see hold_id of a new order. Scope: stock:hold for the shop, and the stock of the "
            "warehouse."
        ),
        responses={200: HoldsOut},
    )
    def post(self, request: Request) -> Response:
        data, at = self.read_body(HoldsIn()), timezone.now()
        result = place_holds(
            wanted=[
                HoldWanted(
                    hold["id"],
                    hold["shop"],
                    hold["warehouse"],
                    {line["sku"]: line["quantity"] for line in hold["lines"]},
                    at + timedelta(seconds=hold["expires_in_s"]),
                )
                for hold in data["holds"]
            ],
            key_id=request.auth.key_id,
            reach=self.reach(),
            warehouse_ids=request.auth.find_warehouses(),
            at=at,
        )
        rows: dict[str, dict[str, Any]] = {}
        for held in result.done:
            ends = held.expires_at.isoformat()
            rows[held.name] = {"id": held.name, "status": "held", "expires_at": ends, "error": None}
        for refusal in result.refused:
            problem = problem_of(refusal.error)
            rows[refusal.key] = {"id": refusal.key, "status": "refused", "expires_at": None, "error": problem}
        results = [rows[hold["id"]] for hold in data["holds"]]
        return Response({"held": len(result.done), "refused": len(result.refused), "results": results})


class HoldsRelease(ApiView):
    needs = ApiScope.STOCK_HOLD

    @extend_schema(
        operation_id="stock_hold_release",
        tags=["stock"],
        summary=_("Release held stock"),
        request=ReleaseIn,
        description=_(
            "What these holds of this key still hold is free for others at once. What has ended or has become an "
            "order's is left alone, so it may be sent again. Scope: stock:hold."
        ),
        responses={200: ReleaseOut},
    )
    def post(self, request: Request) -> Response:
        ids = self.read_body(ReleaseIn())["ids"]
        holders = [holder_of_key(request.auth.key_id, name) for name in ids]
        return Response({"released": release_holds_of(holders=holders)})
