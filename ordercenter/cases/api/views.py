"""Cases through the API: what waits for a person, and why. They are worked on in the queue of the console."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ordercenter.cases.codes import case_code
from ordercenter.cases.models import Case
from ordercenter.cases.selectors import case_in_scope, cases_matching
from ordercenter.cases.states import CaseLevel, CaseState
from ordercenter.common.keyset import page_by_key
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_fields import Choice, Code, Instant, PageOut, PageQuery, QueryNumber, Text
from ordercenter.common.rest_output import PlainOutput

# Words of buyers: they may hold phone numbers and addresses.
FREE_TEXT = frozenset({"buyer_remark", "seller_remark"})


class CaseQuery(PageQuery):
    """Which cases a list shows."""

    state = serializers.ListField(
        child=Choice(choices=CaseState.choices), required=False, help_text=_("One of these states.")
    )
    code = serializers.ListField(child=Code(max_length=40), required=False, help_text=_("Codes of cases."))
    level = Choice(choices=CaseLevel.choices, required=False, help_text=_("Whether it blocks its order."))
    shop_id = serializers.ListField(child=QueryNumber(), required=False, help_text=_("Ids of shops."))
    subject = Code(required=False, max_length=64, help_text=_('What it is about, such as "order:12".'))
    reference = Text(required=False, max_length=96, help_text=_("The channel's order number, exactly."))
    opened_from = Instant(required=False, help_text=_("Opened at this time or later."))
    opened_before = Instant(required=False, help_text=_("Opened before this time."))


class CaseOut(PlainOutput, serializers.ModelSerializer[Case]):
    """One case. title is in the language of the reader; evidence leaves out what buyers wrote."""

    title = serializers.SerializerMethodField()
    root_cause = serializers.CharField(source="group.root_cause", default=None, allow_null=True)
    opened_at = Instant()
    due_at = Instant()
    closed_at = Instant(allow_null=True)
    evidence = serializers.SerializerMethodField()

    class Meta:
        model = Case
        fields = [
            "id",
            "code",
            "title",
            "level",
            "state",
            "subject",
            "reference",
            "shop_id",
            "warehouse_id",
            "money_at_risk",
            "root_cause",
            "evidence",
            "opened_at",
            "due_at",
            "closed_at",
            "resolution",
            "times_seen",
        ]

    def get_title(self, case: Case) -> str:
        return str(case_code(case.code).title)

    def get_evidence(self, case: Case) -> dict[str, Any]:
        return {name: value for name, value in case.evidence.items() if name not in FREE_TEXT}


class CasePage(PageOut):
    """One page of cases, newest first."""

    results = CaseOut(many=True)


class CaseList(ApiView):
    needs = "cases:read"
    permission = "cases.view_case"

    @extend_schema(
        operation_id="cases_list",
        tags=["cases"],
        summary=_("List cases"),
        parameters=[CaseQuery],
        description=_("What waits for a person, newest first, page after page. Scope: cases:read."),
        responses={200: CasePage},
    )
    def get(self, request: Request) -> Response:
        filters = self.read_query(CaseQuery)
        cases = cases_matching(filters, scope=self.reach())
        page = page_by_key(cases, cursor=filters["cursor"], limit=filters["limit"], newest_first=True)
        return self.answer_page(page, CaseOut)


class CaseDetail(ApiView):
    needs = "cases:read"
    permission = "cases.view_case"

    @extend_schema(
        operation_id="cases_read",
        tags=["cases"],
        summary=_("Read a case"),
        description=_("Scope: cases:read."),
        responses={200: CaseOut},
    )
    def get(self, request: Request, case_id: int) -> Response:
        return Response(CaseOut.row(case_in_scope(case_id, scope=self.reach())))
