"""The figures of the home page, each within the reader's scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from ordercenter.audit.models import Deed
from ordercenter.cases.models import Case
from ordercenter.cases.states import OPEN_STATES
from ordercenter.common.scope import Scope
from ordercenter.events.models import Delivery, InboxMessage, OutgoingCommand, OutgoingStatus, WorkStatus
from ordercenter.orders.models import Hold, Order


@dataclass(frozen=True)
class CodeCount:
    """How many open cases of one code, and how many of them are overdue."""

    code: str
    total: int
    overdue: int


@dataclass(frozen=True)
class PostOffice:
    """What waits inside the system, for those who see the whole company. oldest: None when nothing waits."""

    outgoing_waiting: int
    outgoing_dead: int
    oldest_outgoing: datetime | None
    parked: int
    oldest_delivery: datetime | None


@dataclass(frozen=True)
class Figures:
    """received, touched: orders since `since`, and how many of them needed a person."""

    since: datetime
    received: int
    touched: int
    cases: list[CodeCount]
    post_office: PostOffice | None

    @property
    def open_cases(self) -> int:
        return sum(row.total for row in self.cases)

    @property
    def untouched_percent(self) -> float | None:
        """Share of the orders that no person had to touch; None as long as there are none."""
        return None if not self.received else 100 * (self.received - self.touched) / self.received


def figures_of_day(*, since: datetime, at: datetime, scope: Scope) -> Figures:
    """The figures from `since`, the begin of the business day, until now. At most eight statements."""
    orders = scope.narrow(Order.objects.all(), shop="shop_id").filter(received_at__gte=since)
    held = Hold.objects.filter(scope.condition(shop="order__shop_id"), order__received_at__gte=since)
    touched = set(held.values_list("order_id", flat=True))
    touched |= _touched_by_deeds(since, scope)
    cases = scope.narrow(Case.objects.all(), shop="shop_id", warehouse="warehouse_id").filter(state__in=OPEN_STATES)
    by_code = cases.values("code").annotate(total=Count("pk"), overdue=Count("pk", filter=Q(due_at__lt=at)))
    return Figures(
        since=since,
        received=orders.count(),
        touched=len(touched),
        cases=[CodeCount(**row) for row in by_code.order_by("-total", "code")],
        post_office=_post_office() if scope.is_everything else None,
    )


def _touched_by_deeds(since: datetime, scope: Scope) -> set[int]:
    """Orders of the day that a person did something with, besides taking it from a hold."""
    deeds = Deed.objects.filter(at__gte=since, subject__startswith="order:", user__isnull=False)
    ids = {int(subject[6:]) for subject in deeds.values_list("subject", flat=True).distinct() if subject[6:].isdigit()}
    if not ids:
        return set()
    orders = scope.narrow(Order.objects.all(), shop="shop_id").filter(pk__in=ids, received_at__gte=since)
    return set(orders.values_list("pk", flat=True))


def _post_office() -> PostOffice:
    waiting = OutgoingCommand.objects.filter(status__in=[OutgoingStatus.WAITING, OutgoingStatus.SENDING])
    outgoing = waiting.aggregate(n=Count("pk"), oldest=Min("created_at"))
    parked = Delivery.objects.filter(status=WorkStatus.PARKED).count()
    parked += InboxMessage.objects.filter(status=WorkStatus.PARKED).count()
    oldest = Delivery.objects.filter(status=WorkStatus.WAITING).aggregate(oldest=Min("due_at"))["oldest"]
    return PostOffice(
        outgoing_waiting=outgoing["n"],
        outgoing_dead=OutgoingCommand.objects.filter(status=OutgoingStatus.DEAD).count(),
        oldest_outgoing=outgoing["oldest"],
        parked=parked,
        oldest_delivery=oldest,
    )


def begin_of_day(at: datetime) -> datetime:
    """Midnight of the business day in the zone of the instant."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
