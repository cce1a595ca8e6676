"""The end of what was expected: no more of it will come."""

from __future__ import annotations

from collections.abc import Collection

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
