"""Why an order ships from where it does, through the API: the kept decisions, as data and in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.services.explaining import Explained, explained_decisions
from ordercenter.catalog.models import ApiScope
from ordercenter.common.rest import ApiView
from ordercenter.orders.selectors import order_in_scope


class CandidateOut(serializers.Serializer[Any]):
    """One warehouse that was looked at. Amounts are integer fen."""

    warehouse = serializers.CharField(help_text=_("Name of the warehouse."))
    verdict = serializers.CharField(help_text=_("chosen, dearer, short, excluded, not_pinned, no_courier or full."))
    carrier = serializers.CharField(allow_blank=True)
    cost_fen = serializers.IntegerField(
        allow_null=True, help_text=_("What the whole order would cost from there as one parcel.")
    )
    terms = serializers.DictField(child=serializers.IntegerField(), help_text=_("The parts of the cost."))
    price_fen = serializers.IntegerField(help_text=_("Shadow price of the stock it would use; nobody pays it."))
    why = serializers.CharField(help_text=_("Why it was chosen or lost."))
    change = serializers.CharField(allow_blank=True, help_text=_("What would have to change for it to be chosen."))


class DecisionOut(serializers.Serializer[Any]):
    """One decision, as it was made; never worked out anew."""

    at = serializers.DateTimeField()
    outcome = serializers.CharField(help_text=_("routed, refused, moved or kept."))
    shipments = serializers.ListField(child=serializers.CharField(), help_text=_("Delivery order numbers."))
    headline = serializers.CharField()
    sentences = serializers.ListField(child=serializers.CharField())
    parcels = serializers.ListField(child=serializers.CharField())
    candidates = CandidateOut(many=True)
    versions = serializers.CharField(allow_blank=True)
    record = serializers.DictField(help_text=_("The decision as data: versions, parcels, candidates, notes."))


class DecisionsOut(serializers.Serializer[Any]):
    decisions = DecisionOut(many=True)


class OrderRouting(ApiView):
    needs = ApiScope.ORDERS_READ
    permission = "orders.view_order"

    @extend_schema(
        operation_id="orders_routing",
        tags=["orders"],
        summary=_("Why this warehouse"),
        description=_(
            "Every decision about where the order ships from, the latest first: which warehouses were looked at, why "
            "each lost, and what would have to change. Sentences are in the request's language. Scope: orders:read."
        ),
        responses={200: DecisionsOut},
    )
    def get(self, request: Request, order_id: int) -> Response:
        order = order_in_scope(order_id, scope=self.reach())
        return Response({"decisions": [decision_out(each) for each in explained_decisions(order)]})


def decision_out(decision: Explained) -> dict[str, Any]:
    """One decision as the API shows it."""
    words = decision.explanation
    return {
        "at": decision.at,
        "outcome": decision.outcome,
        "shipments": list(decision.shipments),
        "headline": words.headline,
        "sentences": list(words.sentences),
        "parcels": list(words.parcels),
        "candidates": [
            {
                "warehouse": row.warehouse,
                "verdict": row.verdict,
                "carrier": row.carrier,
                "cost_fen": row.fen,
                "terms": {term.code: term.fen for term in row.terms},
                "price_fen": row.price_fen,
                "why": row.why,
                "change": row.change,
            }
            for row in words.rows
        ],
        "versions": words.versions,
        "record": dict(decision.record),
    }
