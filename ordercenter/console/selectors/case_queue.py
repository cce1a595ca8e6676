"""The case queue: which cases, in which order, with what beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, F, Min, Q, QuerySet, Sum

from fulfillment.models import ShipmentLine
from ordercenter.cases.models import Case
from ordercenter.cases.states import OPEN_STATES, CaseState
from ordercenter.catalog.models import Shop
from ordercenter.common.scope import Scope
from ordercenter.console.selectors.order_page import StoppedStep, order_in_scope, stopped_steps
from ordercenter.orders.models import Order

PAGE_ROWS = 50
SOON = timedelta(minutes=30)
VIEWS = ("todo", "mine", "free", "late", "aside")


@dataclass(frozen=True)
class Filters:
    """What the reader chose. view: see VIEWS. grouped: one row for each root cause."""

    view: str = "todo"
    code: str = ""
    shop_id: int | None = None
    level: str = ""
    text: str = ""
    grouped: bool = False


@dataclass(frozen=True)
class Root:
    """Cases with one root cause; single cases have no group and stand alone in the plain list."""

    group_id: int
    title: str
    code: str
    total: int
    due_at: datetime
    money: object
    case_ids: list[int]


@dataclass(frozen=True)
class CaseView:
    """A case with what its panel shows beside it. order: None when it is about something else."""

    case: Case
    order: Order | None
    stopped: list[StoppedStep]
    same_root: int
    shop: Shop | None


def cases_in_scope(scope: Scope) -> QuerySet[Case]:
    """The cases that the reader may see."""
    return scope.narrow(Case.objects.all(), shop="shop_id", warehouse="warehouse_id")


def queue(filters: Filters, *, scope: Scope, user_id: int, at: datetime) -> QuerySet[Case]:
    """Open cases after the reader's filters, most urgent first: level, the order's priority, due time, age."""
    cases = cases_in_scope(scope).filter(_view(filters.view, user_id, at))
    if filters.code:
        cases = cases.filter(code=filters.code)
    if filters.shop_id is not None:
        cases = cases.filter(shop_id=filters.shop_id)
    if filters.level:
        cases = cases.filter(level=filters.level)
    if filters.text:
        cases = cases.filter(Q(reference__iexact=filters.text) | Q(subject=filters.text))
    return cases.order_by("level", "-priority", "due_at", "pk")


def page_of(cases: QuerySet[Case], after: tuple[str, int, datetime, int] | None) -> tuple[list[Case], bool]:
    """One page after a place (level, priority, due_at, id), with owner and group, and whether there are more."""
    if after is not None:
        level, priority, due_at, pk = after
        later = Q(due_at__gt=due_at) | Q(due_at=due_at, pk__gt=pk)
        cases = cases.filter(
            Q(level__gt=level) | Q(level=level, priority__lt=priority) | Q(later, level=level, priority=priority)
        )
    rows = list(cases.select_related("owner", "group")[: PAGE_ROWS + 1])
    return rows[:PAGE_ROWS], len(rows) > PAGE_ROWS


def roots(cases: QuerySet[Case]) -> list[Root]:
    """The root causes of these cases, most cases first; those that stand alone are left out."""
    rows = (
        cases.filter(group__isnull=False)
        .order_by()
        .values("group_id", title=F("group__title"), root_code=F("group__code"))
        .annotate(total=Count("pk"), due=Min("due_at"), money=Sum("money_at_risk"), ids=ArrayAgg("pk"))
        .order_by("-total", "due")
    )
    return [
        Root(r["group_id"], r["title"], r["root_code"], r["total"], r["due"], r["money"], sorted(r["ids"]))
        for r in rows[:PAGE_ROWS]
    ]


def counts(*, scope: Scope, user_id: int, at: datetime) -> Mapping[str, int]:
    """How many cases each view has. One statement."""
    wanted = {view: Count("pk", filter=_view(view, user_id, at)) for view in VIEWS}
    found: dict[str, int] = cases_in_scope(scope).filter(state__in=OPEN_STATES).aggregate(**wanted)
    return found


def codes_in_queue(*, scope: Scope) -> list[tuple[str, int]]:
    """(code, number of open cases), most first."""
    rows = cases_in_scope(scope).filter(state__in=OPEN_STATES).order_by().values_list("code")
    return list(rows.annotate(total=Count("pk")).order_by("-total", "code"))


def case_view(case: Case, scope: Scope) -> CaseView:
    """What the panel of a case shows. At most six statements."""
    kind, _sep, number = case.subject.partition(":")
    order_id = _order_of(kind, int(number)) if number.isdigit() else None
    order = order_in_scope(order_id, scope) if order_id is not None else None
    same = cases_in_scope(scope).filter(group_id=case.group_id, state__in=OPEN_STATES).count() if case.group_id else 0
    return CaseView(
        case=case,
        order=order,
        stopped=stopped_steps(case.subject),
        same_root=max(0, same - 1) if case.is_open else same,
        shop=Shop.objects.filter(pk=case.shop_id).first() if case.shop_id and order is None else None,
    )


def _order_of(kind: str, number: int) -> int | None:
    """The order that a case is about: itself, or the first of those in its shipment or parcel."""
    if kind == "order":
        return number
    lookup = {"shipment": "shipment_id", "parcel": "shipment__parcels"}.get(kind)
    if lookup is None:
        return None
    return ShipmentLine.objects.filter(**{lookup: number}).order_by("pk").values_list("order_id", flat=True).first()


def visible_ids(case_ids: Collection[int], scope: Scope) -> list[int]:
    """Those of these cases that the reader may see."""
    return list(cases_in_scope(scope).filter(pk__in=case_ids).values_list("pk", flat=True))


def _view(view: str, user_id: int, at: datetime) -> Q:
    """The condition of a view. todo: mine and what nobody has; aside: snoozed or waiting for the outside."""
    is_open = Q(state__in=OPEN_STATES)
    aside = Q(state=CaseState.WAITING) | Q(state=CaseState.SNOOZED, snoozed_until__gt=at)
    free = Q(state=CaseState.OPEN) | Q(state=CaseState.CLAIMED, lease_until__lte=at)
    free |= Q(state=CaseState.SNOOZED, snoozed_until__lte=at)
    mine = Q(state=CaseState.CLAIMED, owner_id=user_id)
    views = {
        "todo": is_open & (mine | free),
        "mine": mine,
        "free": free,
        "late": is_open & ~aside & Q(due_at__lte=at + SOON),
        "aside": aside,
    }
    return views.get(view, is_open)
