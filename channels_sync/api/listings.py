"""The door for listings: which wait for a match, what they may be, matching many, taking matches away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from channels_sync.listings.suggesting import Asked, Suggestion, suggest
from channels_sync.listings.waiting import WaitingListing, waiting_listings
from ordercenter.catalog.binding import Binding, bind_listings
from ordercenter.catalog.listings import LONGEST, Listing
from ordercenter.catalog.models import ApiScope, Shop
from ordercenter.catalog.sets import MOST_PARTS, MOST_PIECES
from ordercenter.catalog.unbinding import unbind_listings
from ordercenter.catalog.writing_once import IDEMPOTENCY_KEY, WritesOnce
from ordercenter.common.problems import CONTENT_TYPE, problem_of
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_fields import (
    Code,
    Instant,
    Money,
    QueryFlag,
    QueryNumber,
    StrictSerializer,
    Text,
    WholeNumber,
)
from ordercenter.common.rest_schema import ProblemOut

MOST_LISTINGS = 500
MOST_ON_A_PAGE = 100
NOBODY = 0


class UnmatchedQuery(StrictSerializer):
    """Which listings that wait."""

    shop = Code(required=False, max_length=32, help_text=_("Code of the shop."))
    q = Text(required=False, default="", max_length=64, help_text=_("Part of the title, code or number."))
    ignored = QueryFlag(required=False, default=False, help_text=_("Those that are none of ours instead."))
    limit = QueryNumber(required=False, default=50, min_value=1, max_value=MOST_ON_A_PAGE)
    offset = QueryNumber(required=False, default=0, min_value=0, max_value=1_000_000)


class SuggestionQuery(StrictSerializer):
    """What is known of a listing."""

    title = Text(required=False, default="", max_length=255)
    choice = Text(required=False, default="", max_length=255, help_text=_("The choice in words: colour, size."))
    code = Text(required=False, default="", max_length=LONGEST, help_text=_("The code that comes with it."))


class SuggestionOut(serializers.Serializer[Any]):
    """One SKU that it may be."""

    sku = serializers.CharField(help_text=_("SKU code."))
    name = serializers.CharField()
    score = serializers.IntegerField(help_text=_("0 to 100."))
    is_sure = serializers.BooleanField()
    kind = serializers.ChoiceField(choices=["code", "doubtful_code", "barcode", "title"])
    reason = serializers.CharField(help_text=_("In the language of the caller."))


class SuggestionsOut(serializers.Serializer[Any]):
    """The best first, at most three."""

    suggestions = SuggestionOut(many=True)


class UnmatchedOut(serializers.Serializer[Any]):
    """A listing, what waits for it, and what it may be."""

    shop = serializers.CharField(help_text=_("Code of the shop."))
    listing_id = serializers.CharField(help_text=_("Empty for goods that come with a code only."))
    listing_sku_id = serializers.CharField(help_text=_("Of goods without a listing: the code they come with."))
    title = serializers.CharField()
    choice = serializers.CharField()
    code = serializers.CharField()
    orders = serializers.IntegerField(help_text=_("Orders that wait."))
    pieces = serializers.IntegerField()
    amount = Money(help_text=_("Total of the orders that wait."))
    currency = serializers.CharField()
    waiting_since = Instant()
    ignored = serializers.CharField(help_text=_("Why it is none of ours; empty when nobody said so."))
    suggestions = SuggestionOut(many=True)


class UnmatchedPage(serializers.Serializer[Any]):
    """Listings with most orders first. total: on all pages."""

    results = UnmatchedOut(many=True)
    total = serializers.IntegerField()


class ListingIn(StrictSerializer):
    """Names a listing."""

    shop = Code(max_length=32, help_text=_("Code of the shop."))
    listing_id = Text(max_length=LONGEST, allow_blank=True, help_text=_("Empty for goods that come with a code only."))
    listing_sku_id = Text(
        max_length=LONGEST,
        allow_blank=True,
        default="",
        help_text=_("Of goods without a listing: the code they come with."),
    )


class BindPartIn(StrictSerializer):
    """Pieces of one SKU."""

    sku = Text(max_length=64, help_text=_("SKU code."))
    quantity = WholeNumber(min_value=1, max_value=MOST_PIECES)


class BindingIn(ListingIn):
    """What a listing means: one SKU or bundle, or several pieces that are sold as one."""

    sku = Text(required=False, max_length=64, help_text=_("SKU code; instead of parts."))
    parts = BindPartIn(many=True, required=False, allow_empty=False, max_length=MOST_PARTS)

    def validate(self, attrs: Any) -> Any:
        if ("sku" in attrs) == ("parts" in attrs):
            raise serializers.ValidationError({"sku": [_("Name a SKU, or parts.")]})
        return attrs


class BindIn(StrictSerializer):
    """Up to 500 listings; the last word about one counts."""

    bindings = BindingIn(many=True, allow_empty=False, max_length=MOST_LISTINGS)
    reason = Text(max_length=200, help_text=_("A few words; the audit keeps them."))


class UnbindIn(StrictSerializer):
    """Up to 500 listings."""

    listings = ListingIn(many=True, allow_empty=False, max_length=MOST_LISTINGS)
    reason = Text(max_length=200, help_text=_("A few words; the audit keeps them."))


class ListingRowOut(serializers.Serializer[Any]):
    """What became of one row."""

    index = serializers.IntegerField(help_text=_("Place in the request, from 0."))
    status = serializers.ChoiceField(choices=["done", "refused"])
    sku = serializers.CharField(help_text=_("SKU code it means now; empty when it means none."))
    problem = ProblemOut(allow_null=True)


class ListingRowsOut(serializers.Serializer[Any]):
    """One answer for each row, in the order of the request."""

    results = ListingRowOut(many=True)


class UnmatchedListings(ApiView):
    needs = ApiScope.LISTINGS_READ
    permission = "catalog.view_ignoredlisting"

    @extend_schema(
        operation_id="listings_unmatched",
        tags=["listings"],
        summary=_("Listings that wait for a match"),
        parameters=[UnmatchedQuery],
        description=_("Each with the orders that wait for it and what it may be. Scope: listings:read."),
        responses={200: UnmatchedPage},
    )
    def get(self, request: Request) -> Response:
        query = self.read_query(UnmatchedQuery)
        shop_id = _shops(self).get(query["shop"], NOBODY) if "shop" in query else None
        found = waiting_listings(
            scope=self.reach(),
            shop_id=shop_id,
            text=query["q"],
            ignored=query["ignored"],
            most=query["limit"],
            skip=query["offset"],
        )
        asked = [Asked(n.listing, n.title, n.choice, n.code) for n in found.listings]
        suggestions = suggest(asked) if asked else {}
        rows = [_waiting_out(n, suggestions[n.listing]) for n in found.listings]
        return Response({"results": rows, "total": found.total})


class ListingSuggestions(ApiView):
    needs = ApiScope.LISTINGS_READ
    permission = "catalog.view_ignoredlisting"

    @extend_schema(
        operation_id="listings_suggestions",
        tags=["listings"],
        summary=_("What a listing may be"),
        parameters=[SuggestionQuery],
        description=_(
            "By its code, a bar code and its title, whether an order waits for it or not. Scope: listings:read."
        ),
        responses={200: SuggestionsOut},
    )
    def get(self, request: Request) -> Response:
        query = self.read_query(SuggestionQuery)
        listing = Listing(NOBODY, "", "")
        found = suggest([Asked(listing, query["title"], query["choice"], query["code"])])[listing]
        return Response({"suggestions": [_suggestion_out(s) for s in found]})


class ListingsBind(WritesOnce):
    needs = ApiScope.LISTINGS_WRITE

    @extend_schema(
        operation_id="listings_bind",
        tags=["listings"],
        summary=_("Match listings to SKUs"),
        request=BindIn,
        parameters=[IDEMPOTENCY_KEY],
        description=_(
            "Each row is answered for itself. Orders that wait for a listing go on by themselves; lines that have "
            "their goods keep them. Parts become a bundle, made when there is none with just these. "
            "Scope: listings:write."
        ),
        responses={200: ListingRowsOut, (422, CONTENT_TYPE): ProblemOut},
    )
    def post(self, request: Request) -> Response:
        return self.once(request, read=lambda: self.read_body(BindIn()), perform=self._bind)

    def _bind(self, body: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        shops = _shops(self)
        bindings = [
            Binding(
                *_listing(row, shops),
                sku_code=row.get("sku", ""),
                parts=tuple((part["sku"], part["quantity"]) for part in row.get("parts", ())),
            )
            for row in body["bindings"]
        ]
        result = bind_listings(bindings=bindings, scope=self.reach(), reason=body["reason"], at=at, actor=self.actor())
        refused = {refusal.key: problem_of(refusal.error) for refusal in result.refused}
        matches = iter(result.done)
        rows = [
            _row(n, problem=refused[n]) if n in refused else _row(n, sku=next(matches).sku.code)
            for n in range(len(bindings))
        ]
        return {"results": rows}


class ListingsUnbind(WritesOnce):
    needs = ApiScope.LISTINGS_WRITE

    @extend_schema(
        operation_id="listings_unbind",
        tags=["listings"],
        summary=_("Take matches away"),
        request=UnbindIn,
        parameters=[IDEMPOTENCY_KEY],
        description=_(
            "Orders that have their goods keep them; those that come from now on are matched by their code, or wait. "
            "Scope: listings:write."
        ),
        responses={200: ListingRowsOut, (422, CONTENT_TYPE): ProblemOut},
    )
    def post(self, request: Request) -> Response:
        return self.once(request, read=lambda: self.read_body(UnbindIn()), perform=self._unbind)

    def _unbind(self, body: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        shops = _shops(self)
        listings = [_listing(row, shops) for row in body["listings"]]
        first = list(dict.fromkeys(listings))
        result = unbind_listings(listings=first, scope=self.reach(), reason=body["reason"], at=at, actor=self.actor())
        refused = {refusal.key: problem_of(refusal.error) for refusal in result.refused}
        return {"results": [_row(n, problem=refused.get(listing)) for n, listing in enumerate(listings)]}


def _shops(view: ApiView) -> dict[str, int]:
    return dict(view.reach().narrow(Shop.objects.all(), shop="pk").values_list("code", "pk"))


def _listing(row: Mapping[str, Any], shops: Mapping[str, int]) -> Listing:
    return Listing(shops.get(row["shop"], NOBODY), row["listing_id"], row["listing_sku_id"])


def _row(index: int, *, sku: str = "", problem: Any = None) -> dict[str, Any]:
    return {"index": index, "status": "refused" if problem else "done", "sku": sku, "problem": problem}


def _waiting_out(n: WaitingListing, suggestions: Sequence[Suggestion]) -> dict[str, Any]:
    return {
        "shop": n.shop_code,
        "listing_id": n.listing.listing_id,
        "listing_sku_id": n.listing.listing_sku_id,
        "title": n.title,
        "choice": n.choice,
        "code": n.code,
        "orders": n.orders,
        "pieces": int(n.pieces),
        "amount": f"{n.money:.2f}",
        "currency": n.currency,
        "waiting_since": Instant().to_representation(n.since),
        "ignored": n.ignored,
        "suggestions": [_suggestion_out(s) for s in suggestions],
    }


def _suggestion_out(s: Suggestion) -> dict[str, Any]:
    return {
        "sku": s.sku_code,
        "name": s.sku_name,
        "score": s.score,
        "is_sure": s.is_sure,
        "kind": s.kind,
        "reason": s.reason,
    }
