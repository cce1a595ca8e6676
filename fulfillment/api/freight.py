"""Couriers' bills through the API: how they stand, line by line, and deciding about differences."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.freight_selectors import bill_in_scope, bills_in_scope, lines_matching, whole_or_nothing
from fulfillment.freight_words import sentence_of
from fulfillment.models import FreightBill, FreightLine
from fulfillment.services.freight_cases import totals_of
from fulfillment.services.freight_closing import sign_off_kind, sign_off_lines, take_back_sign_off
from fulfillment.states import FREIGHT_DIFFERENCES, FREIGHT_KINDS, FreightBillState, FreightVerdict
from ordercenter.catalog.models import ApiScope
from ordercenter.common.api_client import ApiClient
from ordercenter.common.batch import BatchResult
from ordercenter.common.keyset import page_by_key
from ordercenter.common.problems import problem_of
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_fields import (
    Choice,
    Code,
    Instant,
    PageOut,
    PageQuery,
    StrictSerializer,
    Text,
    WholeNumber,
)
from ordercenter.common.rest_output import PlainOutput
from ordercenter.common.scope import Scope

MOST_LINES = 500
_VERDICTS = [("open", _("every difference that nobody has decided")), *FreightVerdict.choices]


class BillQuery(PageQuery):
    """Which bills a list shows."""

    state = serializers.ListField(child=Choice(choices=FreightBillState.choices), required=False)
    courier = Code(required=False, max_length=16, help_text=_("Code of the courier."))


class BillOut(PlainOutput, serializers.ModelSerializer[FreightBill]):
    """A courier's bill. ends_on is the day after the last one; judged_lines: how far it is while it is judged."""

    courier = serializers.CharField(source="carrier.code")
    warehouse = serializers.CharField(source="warehouse.code", default=None, allow_null=True)
    amount_total = serializers.DecimalField(max_digits=16, decimal_places=2)
    imported_at = Instant()
    checked_at = Instant(allow_null=True)
    closed_at = Instant(allow_null=True)

    class Meta:
        model = FreightBill
        fields = [
            "id",
            "courier",
            "warehouse",
            "starts_on",
            "ends_on",
            "state",
            "file_name",
            "line_count",
            "judged_lines",
            "amount_total",
            "imported_at",
            "checked_at",
            "closed_at",
        ]


class BillPage(PageOut):
    """One page of bills, the latest taken in first."""

    results = BillOut(many=True)


class KindOut(serializers.Serializer[Any]):
    """Lines of one verdict. difference: billed less expected."""

    verdict = serializers.CharField()
    lines = serializers.IntegerField()
    billed = serializers.CharField()
    expected = serializers.CharField()
    difference = serializers.CharField()
    is_open = serializers.BooleanField(help_text=_("Whether somebody has to decide about it."))


class BillDetailOut(BillOut):
    """A bill with the sums of each verdict that occurs on it."""

    verdicts = serializers.ListField(child=KindOut())

    class Meta(BillOut.Meta):
        fields = [*BillOut.Meta.fields, "verdicts"]


class LineQuery(PageQuery):
    """Which lines a list shows."""

    verdict = serializers.ListField(child=Choice(choices=_VERDICTS), required=False)
    tracking_no = Code(required=False, max_length=64)


class LineOut(PlainOutput, serializers.ModelSerializer[FreightLine]):
    """One line. why: what is wrong with it, in the reader's language; expected_amount: by contract."""

    amount = serializers.DecimalField(max_digits=12, decimal_places=2)
    expected_amount = serializers.DecimalField(max_digits=12, decimal_places=2, allow_null=True)
    difference = serializers.DecimalField(max_digits=12, decimal_places=2)
    why = serializers.SerializerMethodField()

    class Meta:
        model = FreightLine
        fields = [
            "id",
            "line_no",
            "tracking_no",
            "product_code",
            "billed_on",
            "destination",
            "billed_g",
            "our_g",
            "amount",
            "expected_amount",
            "difference",
            "verdict",
            "found_verdict",
            "term",
            "why",
            "detail",
            "signed_off_reason",
        ]

    def get_why(self, line: FreightLine) -> str:
        return sentence_of(line)


class LinePage(PageOut):
    """One page of lines, in the order of the file; parcels that the bill lacks come last."""

    results = LineOut(many=True)


class DecisionIn(StrictSerializer):
    """Which differences are accepted, and why: lines by id, or all of a kind."""

    reason = Text(max_length=200)
    lines = serializers.ListField(child=WholeNumber(min_value=1), required=False, min_length=1, max_length=MOST_LINES)
    verdict = Choice(choices=FREIGHT_KINDS, required=False)

    def validate(self, attrs: Any) -> Any:
        if ("lines" in attrs) == ("verdict" in attrs):
            raise serializers.ValidationError({"lines": [_("Give either lines or a verdict.")]})
        return attrs


class TakeBackIn(StrictSerializer):
    """Which lines are differences again, and why."""

    reason = Text(max_length=200)
    lines = serializers.ListField(child=WholeNumber(min_value=1), min_length=1, max_length=MOST_LINES)


class RefusedLineOut(serializers.Serializer[Any]):
    line_id = serializers.IntegerField()
    error = serializers.DictField()


class DecidedOut(serializers.Serializer[Any]):
    """What was decided. A line that is decided already is refused, and the others are not."""

    done = serializers.ListField(child=serializers.IntegerField())
    refused = RefusedLineOut(many=True)


class FreightView(ApiView):
    """Bills tell about the parcels of all shops: a key counts where it has the scope in every shop."""

    def reach(self) -> Scope:
        reach = super().reach()
        return whole_or_nothing(reach) if isinstance(self.request.auth, ApiClient) else reach


class BillList(FreightView):
    needs = ApiScope.FREIGHT_READ
    permission = "fulfillment.view_freightbill"

    @extend_schema(
        operation_id="courier_bills_list",
        tags=["courier bills"],
        summary=_("List courier bills"),
        parameters=[BillQuery],
        description=_(
            "The latest taken in first, page after page. Bills tell about parcels of all shops: a key needs the scope "
            "in every shop. Scope: freight:read."
        ),
        responses={200: BillPage},
    )
    def get(self, request: Request) -> Response:
        filters = self.read_query(BillQuery)
        bills = bills_in_scope(self.reach())
        if "state" in filters:
            bills = bills.filter(state__in=filters["state"])
        if "courier" in filters:
            bills = bills.filter(carrier__code=filters["courier"])
        page = page_by_key(bills, cursor=filters["cursor"], limit=filters["limit"], newest_first=True)
        return self.answer_page(page, BillOut)


class BillDetail(FreightView):
    needs = ApiScope.FREIGHT_READ
    permission = "fulfillment.view_freightbill"

    @extend_schema(
        operation_id="courier_bills_read",
        tags=["courier bills"],
        summary=_("Read a courier bill"),
        description=_("With the sums of each verdict. While it is judged, judged_lines grows. Scope: freight:read."),
        responses={200: BillDetailOut},
    )
    def get(self, request: Request, bill_id: int) -> Response:
        bill = bill_in_scope(bill_id, scope=self.reach())
        return Response({**BillOut.row(bill), "verdicts": _kinds(bill)})


class LineList(FreightView):
    needs = ApiScope.FREIGHT_READ
    permission = "fulfillment.view_freightline"

    @extend_schema(
        operation_id="courier_bills_lines",
        tags=["courier bills"],
        summary=_("List the lines of a courier bill"),
        parameters=[LineQuery],
        description=_("verdict=open shows what nobody has decided, whatever it is. Scope: freight:read."),
        responses={200: LinePage},
    )
    def get(self, request: Request, bill_id: int) -> Response:
        filters = self.read_query(LineQuery)
        lines = lines_matching(bill_in_scope(bill_id, scope=self.reach()), filters)
        page = page_by_key(lines, cursor=filters["cursor"], limit=filters["limit"], newest_first=False)
        return self.answer_page(page, LineOut)


class SignOff(FreightView):
    needs = ApiScope.FREIGHT_WRITE

    @extend_schema(
        operation_id="courier_bills_sign_off",
        tags=["courier bills"],
        summary=_("Accept differences of a courier bill"),
        request=DecisionIn,
        description=_(
            "These lines, or all open ones of a verdict, with the reason that is kept. Repeating it changes nothing. "
            "Refused while the bill is judged, and when it is closed or withdrawn. Scope: freight:write."
        ),
        responses={200: DecidedOut},
    )
    def post(self, request: Request, bill_id: int) -> Response:
        data = self.read_body(DecisionIn())
        bill = bill_in_scope(bill_id, scope=self.reach())
        values = {"bill_id": bill.pk, "reason": data["reason"], "at": timezone.now(), "actor": self.actor()}
        if "verdict" in data:
            return Response(_decided(sign_off_kind(verdict=data["verdict"], **values)))
        return Response(_decided(sign_off_lines(line_ids=data["lines"], **values)))


class TakeBack(FreightView):
    needs = ApiScope.FREIGHT_WRITE

    @extend_schema(
        operation_id="courier_bills_take_back",
        tags=["courier bills"],
        summary=_("Take the sign-off of lines back"),
        request=TakeBackIn,
        description=_("They are differences again. Scope: freight:write."),
        responses={200: DecidedOut},
    )
    def post(self, request: Request, bill_id: int) -> Response:
        data = self.read_body(TakeBackIn())
        bill = bill_in_scope(bill_id, scope=self.reach())
        result = take_back_sign_off(
            bill_id=bill.pk, line_ids=data["lines"], reason=data["reason"], at=timezone.now(), actor=self.actor()
        )
        return Response(_decided(result))


def _kinds(bill: FreightBill) -> list[dict[str, Any]]:
    return [
        {
            "verdict": verdict,
            "lines": totals.lines,
            "billed": f"{totals.billed:.2f}",
            "expected": f"{totals.expected:.2f}",
            "difference": f"{totals.net:.2f}",
            "is_open": verdict in {str(v) for v in FREIGHT_DIFFERENCES},
        }
        for verdict, totals in sorted(totals_of(bill.pk).items())
    ]


def _decided(result: BatchResult) -> dict[str, Any]:
    return {
        "done": list(result.done),
        "refused": [{"line_id": refusal.key, "error": problem_of(refusal.error)} for refusal in result.refused],
    }
