"""What is asked of warehouses about goods: tell them items, ask for their stock. Commands, sent after the commit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.utils import timezone

from fulfillment.models import WmsAccount
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.inventory.models import StockLevel

ITEMS_KIND = "qimen.items.synchronize"
STOCK_KIND = "qimen.inventory.query"
MOST_ITEMS = 50
MOST_ASKED = 500


def tell_items(
    *, sku_ids: Collection[int], warehouse_ids: Collection[int], is_new: bool = True, work: Work | None = None
) -> int:
    """Tell warehouses with a system of their own these SKUs, fifty in a call; returns how many commands were written.

    Only warehouses with an active account are told.
    """
    with unit_of_work(work) as work:
        ids = sorted(Sku.objects.filter(pk__in=sku_ids, is_bundle=False).values_list("pk", flat=True))
        commands = 0
        for warehouse_id in _connected(warehouse_ids):
            for at in range(0, len(ids), MOST_ITEMS):
                part = ids[at : at + MOST_ITEMS]
                work.command(
                    kind=ITEMS_KIND,
                    target=f"warehouse:{warehouse_id}",
                    subject=f"warehouse:{warehouse_id}",
                    key=f"{ITEMS_KIND}:{warehouse_id}:{part[0]}-{part[-1]}:{work.at:%y%m%d%H%M%S%f}",
                    payload={"sku_ids": part, "is_new": is_new},
                )
                commands += 1
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
