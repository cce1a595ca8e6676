"""Reading cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from ordercenter.cases.errors import CaseUnknown
from ordercenter.cases.models import Case
from ordercenter.common.scope import Scope

_LOOKUPS = {
    "state": "state__in",
    "code": "code__in",
    "level": "level",
    "shop_id": "shop_id__in",
    "subject": "subject",
    "reference": "reference",
    "opened_from": "opened_at__gte",
    "opened_before": "opened_at__lt",
}


def cases_matching(filters: Mapping[str, Any], *, scope: Scope) -> QuerySet[Case]:
    """The cases in the scope that all of these filters let through; filters are named as in the API's list."""
    lookups = {lookup: filters[name] for name, lookup in _LOOKUPS.items() if name in filters}
    return scope.narrow(
        Case.objects.filter(**lookups).select_related("group"), shop="shop_id", warehouse="warehouse_id"
    )


def case_in_scope(case_id: int, *, scope: Scope) -> Case:
    """One case. Raises CaseUnknown for one that does not exist or is not in the scope."""
    case = cases_matching({}, scope=scope).filter(pk=case_id).first()
    if case is None:
        raise CaseUnknown(case_id=case_id)
    return case
