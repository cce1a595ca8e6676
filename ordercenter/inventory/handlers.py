"""What stock does when a time has come."""

from __future__ import annotations

from collections.abc import Sequence

from ordercenter.audit.work import unit_of_work
from ordercenter.events.registry import Recorded, on
from ordercenter.events.types import QuotaDue
from ordercenter.inventory import services


@on(QuotaDue, name="inventory.quotas")
def move_quotas(events: Sequence[Recorded]) -> None:
    """Quotas begin and end. A start that comes after its end is one that was called off: nothing is left to do."""
    due = [r.event for r in events if isinstance(r.event, QuotaDue)]
    with unit_of_work(because=events) as work:
        services.lock_quotas_with_stock(quota_ids=[e.quota_id for e in due], work=work)
        services.open_quotas(quota_ids=[e.quota_id for e in due if e.move == "open"], work=work)
        ending = [e.quota_id for e in due if e.move == "end"]
        if ending:
            services.end_quotas(quota_ids=ending, reason="its time is over", work=work)
