"""The door for orders that another system hands over: up to 500 at once, each request with its Idempotency-Key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from channels_sync.api.serializers import MOST_ORDERS, BulkIn, BulkOut, OrderIn, incoming_order
from channels_sync.bulk_orders import BulkResult, BulkRow, take_bulk
from ordercenter.catalog.models import ApiScope
from ordercenter.catalog.writing_once import IDEMPOTENCY_KEY, WritesOnce
from ordercenter.common.problems import CONTENT_TYPE, FieldError, RequestInvalid, problem_of
from ordercenter.common.rest_fields import mistakes_of
from ordercenter.common.rest_schema import ProblemOut
from ordercenter.inventory.services.holds import holder_of_key


class OrderBulkCreate(WritesOnce):
    needs = ApiScope.ORDERS_WRITE

    @extend_schema(
        operation_id="orders_bulk_create",
        tags=["orders"],
        summary=_("Create orders"),
        request=BulkIn,
        parameters=[IDEMPOTENCY_KEY],
        description=_(
            "Takes up to 500 new orders. Each row is answered for itself: created, exists (known before, nothing is "
            "changed) or refused with the reason. Amounts are texts with two decimals and have to add up. Scope: "
            "orders:write."
        ),
        responses={
            200: BulkOut,
            (422, CONTENT_TYPE): ProblemOut,
        },
    )
    def post(self, request: Request) -> Response:
        return self.once(request, read=lambda: _rows_of(request.data), perform=self._take)

    def _take(self, rows: Sequence[Any], at: datetime) -> dict[str, Any]:
        fit, problems = _checked(rows, self.request.auth.key_id)
        subject = f"api_key:{self.request.auth.key_id}"
        result = take_bulk(rows=fit, reach=self.reach(), actor=self.actor(), subject=subject, at=at)
        problems.update((index, problem_of(error)) for index, error in result.refused.items())
        return _answer(len(rows), result, problems)


def _rows_of(data: Any) -> list[Any]:
    """The rows of the envelope, unread. Raises RequestInvalid when there is no list of 1 to 500 of them."""
    if not isinstance(data, dict):
        raise RequestInvalid(
            [FieldError(field="", code="invalid", detail=gettext("The body has to be a JSON object."))]
        )
    unknown = [name for name in data if name != "orders"]
    if unknown:
        detail = gettext("There is no such field.")
        raise RequestInvalid([FieldError(field=name[:64], code="unknown", detail=detail) for name in unknown[:20]])
    rows = data.get("orders")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ORDERS:
        detail = gettext("A list of 1 to %(most)s orders is needed.") % {"most": MOST_ORDERS}
        raise RequestInvalid([FieldError(field="orders", code="length", detail=detail)])
    return rows


def _checked(rows: Sequence[Any], key_id: int) -> tuple[list[BulkRow], dict[int, Any]]:
    """The rows that are well formed, and the problems of the others, by place."""
    reader = OrderIn()
    fit: list[BulkRow] = []
    problems: dict[int, Any] = {}
    for index, row in enumerate(rows):
        try:
            data = reader.run_validation(row)
        except ValidationError as error:
            problems[index] = problem_of(RequestInvalid(mistakes_of(error)))
        else:
            holder = holder_of_key(key_id, data["hold_id"]) if data["hold_id"] else ""
            fit.append(BulkRow(index, data["shop"], incoming_order(data), holder))
    return fit, problems


def _answer(count: int, result: BulkResult, problems: dict[int, Any]) -> dict[str, Any]:
    results = []
    for index in range(count):
        if index in result.created:
            row = {"status": "created", "id": result.created[index], "error": None}
        elif index in result.exists:
            row = {"status": "exists", "id": result.exists[index], "error": None}
        else:
            row = {"status": "refused", "id": None, "error": problems[index]}
        if index in result.holds:
            row["hold"] = "given" if result.holds[index] else "gone"
        results.append({"index": index, **row})
    return {
        "created": len(result.created),
        "exists": len(result.exists),
        "refused": len(problems),
        "results": results,
    }
