"""What should have come and has not: a case for each late supply, and new dates for those who wait for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, F, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from fulfillment.services.promising import promise_waiting_orders
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.cases.services import CaseDraft, close_cases_of, open_cases
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.inventory.models import Supply
from ordercenter.inventory.states import SupplyState
from ordercenter.orders.models import OrderLine

CASE = "SUPPLY_LATE"
MOST_AT_ONCE = 500
SKUS_AT_ONCE = 50


@dataclass(frozen=True)
class LateSupply:
    """opened, closed: cases. promised: lines that were given a day anew."""

    opened: int
    closed: int
    promised: int


def look_at_late_supply(*, at: datetime | None = None, actor: Actor = SYSTEM) -> LateSupply:
    """Tell of goods, bought, sent over or being made, whose day has passed, and promise those who wait for them anew.

    A case closes by itself when its goods have come, will not come, or have a new day. For the beat: what was told
    before is not told again. Five statements, and a constant number for each fifty SKUs whose dates have passed.
    """
    now = at or timezone.now()
    today = timezone.localdate(now)
    late = list(
        Supply.objects.filter(state=SupplyState.COMING, due_on__lt=today, arrived__lt=F("quantity"))
        .select_related("sku", "warehouse")
        .order_by("due_on", "pk")[:MOST_AT_ONCE]
    )
    told = dict(Case.objects.filter(code=CASE, closed_at=None).values_list("subject", "pk"))
    subjects = {f"supply:{supply.pk}" for supply in late}
    with unit_of_work(at=now, actor=actor) as work:
        fresh = [supply for supply in late if f"supply:{supply.pk}" not in told]
        open_cases(drafts=_drafts(fresh, today), work=work)
        over = [subject for subject in told if subject not in subjects] if len(late) < MOST_AT_ONCE else []
        closed = close_cases_of(subjects=over, codes={CASE}, resolution=_("It is late no more."), work=work)
    skus = sorted({supply.sku_id for supply in late} | _with_passed_dates(today))
    promised = 0
    for start in range(0, len(skus), SKUS_AT_ONCE):
        with unit_of_work(at=now, actor=actor) as work:
            promised += len(promise_waiting_orders(sku_ids=skus[start : start + SKUS_AT_ONCE], work=work))
    return LateSupply(len(fresh), len(closed), promised)


def _with_passed_dates(today: date) -> set[int]:
    """SKUs that lines wait for with a promised day that has passed."""
    lines = OrderLine.objects.filter(backordered__gt=0, promised_on__lt=today, sku_id__isnull=False)
    return set(lines.values_list("sku_id", flat=True).distinct()[:MOST_AT_ONCE])


def _drafts(late: Sequence[Supply], today: date) -> list[CaseDraft]:
    waiting = _waiting({supply.sku_id for supply in late})
    drafts = []
    for supply in late:
        orders, pieces = waiting.get(supply.sku_id, (0, 0))
        drafts.append(
            CaseDraft(
                code=CASE,
                subject=f"supply:{supply.pk}",
                warehouse_id=supply.warehouse_id,
                reference=supply.ref,
                evidence={
                    "sku": supply.sku.code,
                    "kind": supply.kind,
                    "pieces": supply.still_coming,
                    "due_on": supply.due_on.isoformat(),
                    "days_late": (today - supply.due_on).days,
                    "orders_waiting": orders,
                    "pieces_waiting": pieces,
                },
                root_cause=f"{CASE}:{supply.ref}",
                root_title=supply.ref,
            )
        )
    return drafts


def _waiting(sku_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """SKU -> orders and pieces that wait for it."""
    if not sku_ids:
        return {}
    lines = OrderLine.objects.filter(sku_id__in=sku_ids, backordered__gt=0).order_by()
    rows = lines.values_list("sku_id").annotate(orders=Count("order_id", distinct=True), pieces=Sum("backordered"))
    return {sku_id or 0: (orders, pieces) for sku_id, orders, pieces in rows}
