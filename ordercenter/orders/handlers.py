"""What orders do when a case about them is closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ordercenter.audit.work import unit_of_work
from ordercenter.cases.states import CaseState
from ordercenter.events.registry import Recorded, on
from ordercenter.events.types import CaseClosed, DuplicateSeen, ListingMatched
from ordercenter.orders import services


@on(CaseClosed, name="orders.case_closed")
def release_holds_of_closed_cases(events: Sequence[Recorded]) -> None:
    """A closed case takes its own hold with it; what a person decided is not asked again.

    Only its own: when the same is wrong again meanwhile, that hold has another case and stays.
    """
    closed: dict[bool, dict[int, int]] = defaultdict(dict)
    for event in (r.event for r in events):
        if isinstance(event, CaseClosed) and event.case_subject.startswith("order:"):
            by_person = event.how in (CaseState.RESOLVED, CaseState.DISMISSED)
            closed[by_person][event.case_id] = int(event.case_subject.partition(":")[2])
    if closed:
        with unit_of_work(because=events) as work:
            for by_person, orders in sorted(closed.items()):
                services.release_holds(
                    order_ids=sorted(set(orders.values())),
                    case_ids=list(orders),
                    reason="case closed",
                    accepted=by_person,
                    work=work,
                )


@on(DuplicateSeen, name="orders.duplicate_seen")
def hold_later_twins(events: Sequence[Recorded]) -> None:
    """The later of two equal orders was on its way before the earlier one arrived: it waits for a person."""
    with unit_of_work(because=events) as work:
        suspects = {e.order_id: e.other_order for r in events if isinstance(e := r.event, DuplicateSeen)}
        services.hold_duplicates(suspects=suspects, work=work)


@on(ListingMatched, name="orders.listing_matched")
def let_orders_of_matched_listings_go_on(events: Sequence[Recorded]) -> None:
    """Orders that waited for a match go on, a batch at a time."""
    with unit_of_work(because=events) as work:
        matched = [e for r in events if isinstance(e := r.event, ListingMatched)]
        services.rerun_waiting(matched=matched, work=work)
