"""What is asked of warehouses about goods: tell them items, ask for their stock. Commands, sent after the commit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import connection
from django.utils import timezone

from fulfillment.models import WmsAccount
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.inventory.models import StockLevel

ITEMS_KIND = "qimen.items.synchronize"
STOCK_KIND = "qimen.inventory.query"
MOST_ITEMS = 50
MOST_ASKED = 500
MOST_CHANGES = 5000

_TAKE_CHANGES = """
DELETE FROM fulfillment_itemchange WHERE id IN (
    SELECT id FROM fulfillment_itemchange ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING sku_id, is_new
"""


def tell_items(
    *, sku_ids: Collection[int], warehouse_ids: Collection[int] | None, is_new: bool = True, work: Work | None = None
) -> int:
    """Tell warehouses with a system of their own these SKUs, fifty in a call; returns how many commands were written.

    Only warehouses with an active account are told; None: all of them.
    """
    with unit_of_work(work) as work:
        ids = sorted(Sku.objects.filter(pk__any_of=sorted(sku_ids), is_bundle=False).values_list("pk", flat=True))
        commands = 0
        for warehouse_id in _connected(warehouse_ids):
            for at in range(0, len(ids), MOST_ITEMS):
                part = ids[at : at + MOST_ITEMS]
                work.command(
                    kind=ITEMS_KIND,
                    target=f"warehouse:{warehouse_id}",
                    subject=f"warehouse:{warehouse_id}",
                    key=f"{ITEMS_KIND}:{warehouse_id}:{part[0]}-{part[-1]}:{int(is_new)}:{work.at:%y%m%d%H%M%S%f}",
                    payload={"sku_ids": part, "is_new": is_new},
                )
                commands += 1
        return commands


def tell_changed_items(*, at: datetime | None = None, work: Work | None = None) -> int:
    """Tell the connected warehouses the SKUs that are new or changed since the last time, each once.

    Returns how many commands were written; nothing is told while no warehouse is connected. Six statements for five
    thousand changes, however many workers do it at once.
    """
    with unit_of_work(work, at=at) as work, connection.cursor() as cursor:
        cursor.execute(_TAKE_CHANGES, [MOST_CHANGES])
        rows = cursor.fetchall()
        new = {sku_id for sku_id, is_new in rows if is_new}
        changed = {sku_id for sku_id, _is_new in rows} - new
        commands = 0
        for sku_ids, is_new in ((new, True), (changed, False)):
            if sku_ids:
                commands += tell_items(sku_ids=sku_ids, warehouse_ids=None, is_new=is_new, work=work)
        return commands


def tell_all_items(
    *,
    warehouse_ids: Collection[int] | None = None,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
) -> int:
    """Tell warehouses (all that are connected when None) every active SKU, as after connecting one.

    Returns how many commands were written, one for fifty SKUs of a warehouse. A person's telling is the deed
    "warehouse.tell_items".
    """
    with unit_of_work(at=at, actor=actor) as work:
        ids = list(Sku.objects.filter(is_active=True, is_bundle=False).values_list("pk", flat=True))
        told = _connected(warehouse_ids)
        commands = tell_items(sku_ids=ids, warehouse_ids=told, work=work)
        if actor.is_person:
            for warehouse_id in told:
                details = {"items": len(ids)}
                record_deed(work, action="warehouse.tell_items", subject=f"warehouse:{warehouse_id}", details=details)
        return commands


def ask_stock(
    *,
    warehouse_ids: Collection[int] | None = None,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> int:
    """Ask warehouses (all that are connected when None) what they have of what our books say they have.

    The answers are held against the books when they come; see `compare_stock`. Returns how many commands were written:
    one for five hundred SKUs of a warehouse.
    """
    with unit_of_work(work, at=at or timezone.now(), actor=actor) as work:
        commands = 0
        for warehouse_id in _connected(warehouse_ids):
            ids = _stocked(warehouse_id)
            for start in range(0, len(ids), MOST_ASKED):
                work.command(
                    kind=STOCK_KIND,
                    target=f"warehouse:{warehouse_id}",
                    subject=f"warehouse:{warehouse_id}",
                    key=f"{STOCK_KIND}:{warehouse_id}:{start}:{work.at:%y%m%d%H%M%S%f}",
                    payload={"warehouse_id": warehouse_id, "sku_ids": list(ids[start : start + MOST_ASKED])},
                )
                commands += 1
        return commands


def _connected(warehouse_ids: Collection[int] | None) -> list[int]:
    rows = WmsAccount.objects.filter(is_active=True).order_by("warehouse_id")
    if warehouse_ids is not None:
        rows = rows.filter(warehouse_id__in=warehouse_ids)
    return list(rows.values_list("warehouse_id", flat=True))


def _stocked(warehouse_id: int) -> Sequence[int]:
    rows = StockLevel.objects.filter(warehouse_id=warehouse_id).order_by("sku_id")
    return list(rows.values_list("sku_id", flat=True))
