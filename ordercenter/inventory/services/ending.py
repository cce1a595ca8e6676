"""The end of what was expected: no more of it will come."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ordercenter.audit.work import Work
from ordercenter.events.types import SupplyChanged
from ordercenter.inventory.models import Supply
from ordercenter.inventory.states import SupplyKind, SupplyState


def expected_already(*, papers: Collection[tuple[SupplyKind, str]]) -> set[tuple[str, str, int, int]]:
    """What is written down of these papers: (kind, reference, SKU, warehouse), whatever became of it."""
    refs = sorted({ref for _kind, ref in papers})
    rows = Supply.objects.filter(ref__any_of=refs).values_list("kind", "ref", "sku_id", "warehouse_id")
    return {(str(kind), ref, sku_id, warehouse_id) for kind, ref, sku_id, warehouse_id in rows}


def end_supplies(*, papers: Collection[tuple[SupplyKind, str]], work: Work) -> list[int]:
    """Of these papers nothing more will come: what has arrived in part has arrived, what has not is called off.

    papers: (kind, reference). Returns the supplies ended now. Emits SupplyChanged for each SKU.
    """
    wanted = {(str(kind), ref) for kind, ref in papers}
    refs = sorted({ref for _kind, ref in papers})
    found = Supply.objects.filter(ref__any_of=refs, state=SupplyState.COMING).values_list("pk", "kind", "ref")
    ids = [pk for pk, kind, ref in found if (kind, ref) in wanted]
    ended = [s for s in work.lock(Supply, ids).values() if s.state == SupplyState.COMING]
    for supply in ended:
        if supply.arrived:
            supply.arrive()
        else:
            supply.cancel()
        work.save(supply)
        work.record(SupplyChanged(sku_id=supply.sku_id))
    return [supply.pk for supply in ended]


def correct_supplies(*, kind: SupplyKind, pieces: Mapping[tuple[str, int], int], work: Work) -> None:
    """Other quantities are on their way than were thought. pieces: (reference, SKU) -> how many come in all.

    Nothing at all is called off; what has come by now and is all of it has arrived. What is over stays as it is, and
    what was never expected stays so. Emits SupplyChanged for each SKU.
    """
    refs = sorted({ref for ref, _sku_id in pieces})
    found = Supply.objects.filter(kind=kind, ref__any_of=refs, state=SupplyState.COMING).values_list("pk", flat=True)
    for supply in work.lock(Supply, list(found)).values():
        n = pieces.get((supply.ref, supply.sku_id))
        if n is None or n == supply.quantity or supply.state != SupplyState.COMING:
            continue
        if n:
            supply.quantity = n
        if n <= supply.arrived or not n:
            supply.arrive() if supply.arrived else supply.cancel()
        work.save(supply, "quantity")
        work.record(SupplyChanged(sku_id=supply.sku_id))
