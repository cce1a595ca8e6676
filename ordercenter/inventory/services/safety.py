"""Safety stock: how many pieces of a SKU in a warehouse the channels are not told of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.inventory.services.levels import lock_levels, make_levels


@dataclass(frozen=True, slots=True)
class Safety:
    """So many pieces of a SKU in a warehouse are kept back from the channels; 0 or more."""

    sku_id: int
    warehouse_id: int
    pieces: int


def set_safety(
    *,
    wanted: Sequence[Safety],
    note: str,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> list[Safety]:
    """Keep so much back from here on; paid orders may still use it. Returns what was changed, each with its deed.

    note: why; raises ReasonMissing for a person who gives none. The deed "stock.safety" tells what it was before.
    """
    if actor.is_person and not note.strip():
        raise ReasonMissing
    changed = []
    with unit_of_work(work, at=at, actor=actor, reason=note) as work:
        make_levels([(s.sku_id, s.warehouse_id) for s in wanted])
        levels = lock_levels(sku_ids={s.sku_id for s in wanted}, work=work)
        for s in wanted:
            level = levels[s.sku_id, s.warehouse_id]
            if level.safety == s.pieces:
                continue
            details = {"warehouse": s.warehouse_id, "was": level.safety, "now": s.pieces}
            level.safety = s.pieces
            work.save(level, "safety")
            record_deed(work, action="stock.safety", subject=f"sku:{s.sku_id}", reason=note, details=details)
            changed.append(s)
    return changed
