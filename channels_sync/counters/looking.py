"""What nobody sends: documents that wait for too long, shifts that stay incomplete, stock that is there again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from channels_sync.counter_models import Counter, CounterDocument, CounterShift
from channels_sync.counters.settling import cases_of, settle_shop
from channels_sync.counters.shifts import PATIENCE, tell_differences
from channels_sync.counters.taking import lock_shop
from channels_sync.states import DocumentState, WaitReason
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import SYSTEM
from ordercenter.inventory.services import settle_stores


def look_at_counters(*, at: datetime) -> None:
    """Book what can be booked by now (its SKU was made), and tell a person what has waited for a day."""
    waiting = CounterDocument.objects.filter(state=DocumentState.WAITING).values("counter__shop")
    for shop in Shop.objects.filter(pk__in=waiting).order_by("pk"):
        with transaction.atomic():
            lock_shop(shop.pk)
            settle_shop(shop=shop, at=at, actor=SYSTEM)
            _tell_old(shop, at)
    late = CounterShift.objects.filter(
        arrived__lt=F("documents"), closed_at__lt=at - PATIENCE, closed_at__gt=at - 7 * PATIENCE
    )
    told = _told(f"countershift:{shift.pk}" for shift in late)
    with unit_of_work(at=at) as work:
        tell_differences([shift for shift in late if f"countershift:{shift.pk}" not in told], work)
        settle_stores(work=work)


def _tell_old(shop: Shop, at: datetime) -> None:
    """Each is told once, whatever a person made of it then."""
    rows = CounterDocument.objects.filter(
        counter__shop=shop,
        state=DocumentState.WAITING,
        wait_reason=WaitReason.NO_SALE,
        received_at__lt=at - PATIENCE,
        received_at__gt=at - 2 * PATIENCE,
    ).order_by("pk")
    told = _told(f"counterdocument:{d.pk}" for d in rows)
    old = [d for d in rows if f"counterdocument:{d.pk}" not in told]
    if old:
        with unit_of_work(at=at) as work:
            cases_of(old, shop, Counter.objects.in_bulk({d.counter_id for d in old}), work)


def _told(subjects: Iterable[str]) -> set[str]:
    return set(Case.objects.filter(subject__in=list(subjects)).values_list("subject", flat=True))
