"""What nobody sends: goods of a session are nearly sold out, or sales that nobody has found meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from channels_sync.live.attributing import attribute_sales
from channels_sync.live_models import LiveItem, LiveSession
from channels_sync.states import LiveState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.inventory.states import QuotaState

FEW_CASE = "LIVE_FEW_LEFT"
# Sessions that ended longer ago find sales that come late when they are changed.
_STILL_LOOKED_AT = timedelta(days=2)


def tell_few_left(*, at: datetime, work: Work | None = None) -> None:
    """One case for each SKU of which few set-aside pieces are left, however many orders follow; it closes by itself.

    It closes when more is set aside or given back, and when the session is over. A case that a person closed is not
    opened again before the SKU had enough once. Two statements where nothing has changed.
    """
    set_aside = Q(
        session__state__in=[LiveState.PLANNED, LiveState.LIVE], is_dropped=False, quota__state=QuotaState.OPEN
    )
    rows = LiveItem.objects.select_related("quota").only("quantity", "few_pieces", "few_told_at", "quota__left")
    changed = [item.pk for item in rows.filter(set_aside) if _is_low(item) == (item.few_told_at is None)]
    changed += LiveItem.objects.filter(~set_aside, few_told_at__isnull=False).values_list("pk", flat=True)
    if changed:
        with unit_of_work(work, at=at) as work:
            _tell(work, sorted(changed))


def attribute_late_sales(*, at: datetime) -> None:
    """Sales that nobody has find their session: those that came at the very moment in which it was planned or changed,
    so that neither saw the other. Three statements.
    """
    ids = LiveSession.objects.filter(planned_end__gt=at - _STILL_LOOKED_AT).exclude(state=LiveState.CANCELLED)
    attribute_sales(list(ids.values_list("pk", flat=True)))


def _is_low(item: LiveItem) -> bool:
    return item.quota is not None and item.quota.left <= item.few_at


def _tell(work: Work, item_ids: Sequence[int]) -> None:
    """Judge these again under their locks, so that each is told once however many look."""
    locked = work.lock(LiveItem, item_ids)
    rows = LiveItem.objects.filter(pk__in=item_ids).select_related("quota", "session", "sku", "warehouse")
    drafts, enough = [], []
    for now in rows.order_by("pk"):
        item = locked[now.pk]
        is_set_aside = now.session.is_open and not item.is_dropped and now.quota and now.quota.state == QuotaState.OPEN
        is_low = bool(is_set_aside) and _is_low(now)
        if is_low == (item.few_told_at is not None):
            continue
        item.few_told_at = work.at if is_low else None
        work.save(item, "few_told_at")
        if is_low:
            drafts.append(_draft(now))
        else:
            enough.append(f"live_item:{now.pk}")
    cases.open_cases(drafts=drafts, work=work)
    cases.close_cases_of(
        subjects=enough, codes=[FEW_CASE], resolution="enough is set aside, or the session is over", work=work
    )


def _draft(item: LiveItem) -> CaseDraft:
    left = item.quota.left if item.quota is not None else 0
    return CaseDraft(
        code=FEW_CASE,
        subject=f"live_item:{item.pk}",
        shop_id=item.session.shop_id,
        warehouse_id=item.warehouse_id,
        reference=f"{item.session.title} · {item.sku.code}"[:64],
        evidence={
            "live_session_id": item.session_id,
            "sku": item.sku.code,
            "name": item.sku.name,
            "set_aside": item.quantity,
            "left": left,
        },
    )
