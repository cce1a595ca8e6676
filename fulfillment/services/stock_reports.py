"""What warehouses say about their stock: differences they found, and what they have in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from fulfillment.services.transfers import still_there
from fulfillment.wms.goods_documents import StockChange, StockThere
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import StockLevel, Warehouse
from ordercenter.inventory.services import Movement
from ordercenter.inventory.states import Bucket, MovementReason

# The standard's conditions of goods, and where they lie in our books; what is in transit is not there yet.
_BUCKETS = {"ZP": Bucket.ON_HAND, "CC": Bucket.DAMAGED, "JS": Bucket.DAMAGED, "XS": Bucket.DAMAGED}
MOST_DIFFERENCES = 50


def apply_stock_changes(
    *,
    changes: Mapping[int, Sequence[StockChange]],
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> BatchResult:
    """Book the signed differences that warehouses reported. changes: warehouse id -> differences, each with its key.

    The same key counts once. A difference that would take what is promised is not booked but a case, and so is an item
    that we do not know; the rest of the report is booked all the same. done: the movements. Two statements more than
    `move_stock`.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        known = _skus({change.item_code for group in changes.values() for change in group})
        movements: dict[str, tuple[Movement, StockChange]] = {}
        drafts: list[CaseDraft] = []
        for warehouse_id, group in changes.items():
            for change in group:
                sku_id, bucket = known.get(change.item_code), _BUCKETS.get(change.inventory_type)
                if sku_id is None:
                    drafts.append(_case(warehouse_id, change, "the item is not known here"))
                elif bucket is not None and change.delta:
                    movement = Movement(
                        sku_id,
                        warehouse_id,
                        change.delta,
                        MovementReason.REPORT,
                        change.ref[:96],
                        f"report:{warehouse_id}:{change.key}"[:128],
                        bucket=bucket,
                    )
                    movements[movement.key] = (movement, change)
        result = inventory.move_stock(movements=[movement for movement, _change in movements.values()], work=work)
        for refusal in result.refused:
            movement, change = movements[refusal.key.key]
            drafts.append(_case(movement.warehouse_id, change, "less would be there than is promised"))
        cases.open_cases(drafts=drafts, work=work)
        return result


def compare_stock(
    *, warehouse_id: int, there: Sequence[StockThere], work: Work | None = None, at: datetime | None = None
) -> list[dict[str, int | str]]:
    """Hold what a warehouse has in all against our books. Returns the differences: one case, nothing is booked.

    Pieces of a transfer are out of our books before they leave the shelf there, and are counted with the books until
    the warehouse confirms. What has left there and was not confirmed yet differs for a while: only the warehouse's own
    count, or a person, may change the books. A comparison without differences closes the case of the last one.
    """
    with unit_of_work(work, at=at) as work:
        known = _skus({row.item_code for row in there})
        levels = {
            level.sku_id: level
            for level in StockLevel.objects.filter(warehouse_id=warehouse_id, sku_id__in=known.values())
        }
        leaving = still_there(warehouse_id)
        found: list[dict[str, int | str]] = []
        for row in there:
            bucket, level = _BUCKETS.get(row.inventory_type), levels.get(known.get(row.item_code, 0))
            books = getattr(level, bucket.value) if bucket is not None and level is not None else 0
            if bucket == Bucket.ON_HAND:
                books += leaving.get(known.get(row.item_code, 0), 0)
            if bucket is not None and books != row.quantity:
                found.append({"sku": row.item_code, "books": books, "there": row.quantity, "type": row.inventory_type})
        subject = f"warehouse:{warehouse_id}"
        if found:
            reference = Warehouse.objects.values_list("code", flat=True).get(pk=warehouse_id)
            draft = CaseDraft(
                code="STOCK_DIFFERENCE",
                subject=subject,
                warehouse_id=warehouse_id,
                reference=reference,
                evidence={"differences": found[:MOST_DIFFERENCES], "count": len(found)},
            )
            cases.open_cases(drafts=[draft], work=work)
        else:
            cases.close_cases_of(subjects=[subject], codes=["STOCK_DIFFERENCE"], resolution="stock agrees", work=work)
        return found


def _skus(codes: set[str]) -> dict[str, int]:
    return dict(Sku.objects.filter(code__in=codes).values_list("code", "pk"))


def _case(warehouse_id: int, change: StockChange, why: str) -> CaseDraft:
    return CaseDraft(
        code="STOCK_DIFFERENCE",
        subject=f"stock:{change.item_code[:40]}@{warehouse_id}",
        warehouse_id=warehouse_id,
        reference=change.item_code[:96],
        evidence={"delta": change.delta, "type": change.inventory_type, "document": change.ref, "why": why},
    )
