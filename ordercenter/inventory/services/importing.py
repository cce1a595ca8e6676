"""Tables of stock: looked at row by row before anything is written, then carried out whole, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import connection
from django.utils.translation import gettext as _

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import Actor
from ordercenter.common.scope import Scope
from ordercenter.common.sheets import read_sheet
from ordercenter.inventory.errors import (
    StockMovedMeanwhile,
    StockTablePutAside,
    StockTableRefused,
    StockTableUnknown,
)
from ordercenter.inventory.models import StockLevel, StockTable, Supply, Warehouse
from ordercenter.inventory.services.levels import lock_levels, make_levels
from ordercenter.inventory.services.moving import Movement, move_stock
from ordercenter.inventory.services.safety import Safety, set_safety
from ordercenter.inventory.services.supplying import (
    COUNT_CASE,
    Arrived,
    Expected,
    expect_supplies,
    receive_supplies,
)
from ordercenter.inventory.states import Bucket, MovementReason, SupplyKind, SupplyState, TableKind, TableState
from ordercenter.inventory.tables import (
    COLUMNS,
    NEEDED,
    Lying,
    Planned,
    TableError,
    TableRow,
    digest_of,
    fingerprint,
    packed,
    rows_of,
    unpacked,
    work_out,
)

Places = Mapping[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class TableRead:
    """What came of a file: a draft to look at, or its mistakes by row and column, and then nothing was kept."""

    table: StockTable | None
    errors: Sequence[TableError] = ()


@dataclass(frozen=True, slots=True)
class TablePreview:
    """What the rows would do now. seen: stands for the numbers as they are; a yes is a yes to these."""

    rows: Sequence[Planned]
    errors: Sequence[TableError]
    seen: str

    @property
    def refused(self) -> list[Planned]:
        return [row for row in self.rows if row.refused]

    @property
    def changing(self) -> list[Planned]:
        return [row for row in self.rows if row.change and not row.refused]


@dataclass(frozen=True, slots=True)
class TableApplied:
    """The table that is in the books. was_known: it had been there before, and nothing was done again."""

    table: StockTable
    was_known: bool


def bring_table(
    *,
    kind: str,
    content: bytes,
    file_name: str,
    reach: Scope,
    at: datetime,
    actor: Actor,
    reference: str = "",
    note: str = "",
) -> TableRead:
    """Read a CSV or XLSX file and keep it as a draft; nothing of the stock changes. kind: of TableKind.

    reference: tells two tables with the same rows apart, as two counts that found the same. note: the reason of rows
    without one of their own. Mistakes are named by row and column, unknown SKUs, bundles and warehouses out of reach
    among them. Earlier drafts of the person are put aside. Raises SheetUnreadable.
    """
    rows, errors = rows_of(kind, read_sheet(content, COLUMNS[kind], NEEDED[kind]), note=note)
    places, unknown = _places(rows, reach)
    errors += unknown
    if errors:
        return TableRead(None, sorted(errors, key=lambda error: error.row))
    with unit_of_work(at=at, actor=actor, reason=note) as work:
        drafts = StockTable.objects.filter(uploaded_by_id=actor.user_id, state=TableState.DRAFT)
        for draft in work.lock(StockTable, list(drafts.values_list("pk", flat=True))).values():
            draft.discard()
            work.save(draft)
        table = StockTable(
            kind=kind,
            reference=reference.strip()[:48],
            note=note.strip()[:200],
            file_name=file_name[:120],
            original=content,
            parsed=packed(rows),
            digest=digest_of(kind, reference, rows),
            rows=len(rows),
            warehouse_ids=sorted({warehouse_id for _sku, warehouse_id in places.values()}),
            uploaded_by_id=actor.user_id,
            uploaded_at=at,
        )
        work.add([table])
    return TableRead(table)


def preview_table(*, table: StockTable, reach: Scope) -> TablePreview:
    """What each row of a draft would do with the stock as it is now. Four statements, however long the table."""
    rows = unpacked(bytes(table.parsed))
    places, errors = _places(rows, reach)
    if errors:
        return TablePreview([], errors, "")
    levels = {
        (level.sku_id, level.warehouse_id): level
        for level in StockLevel.objects.filter(sku_id__any_of=sorted({sku for sku, _house in places.values()}))
    }
    planned = _plan(table.kind, rows, places, levels, _supplies(table.kind, rows))
    return TablePreview(planned, [], fingerprint(planned))


def apply_table(*, table_id: int, reach: Scope, at: datetime, actor: Actor, seen: str | None = None) -> TableApplied:
    """Carry out all rows of a table, or none: movements in the ledger, supplies, safety stock, with one deed.

    seen: `TablePreview.seen` of what the person said yes to; a count or safety stock whose numbers moved since is
    refused with StockMovedMeanwhile; None: whatever they are. The same rows under the same reference have one effect,
    from whichever file. Raises StockTableUnknown, StockTablePutAside, StockTableRefused. Emits StockReplenished and
    SupplyChanged.
    """
    with unit_of_work(at=at, actor=actor) as work:
        table = work.lock(StockTable, [table_id]).get(table_id)
        if table is None or not may_see(table, reach):
            raise StockTableUnknown(table_id=table_id)
        if table.state == TableState.APPLIED:
            return TableApplied(table, was_known=True)
        if table.state == TableState.DISCARDED:
            raise StockTablePutAside(table_id=table_id)
        with connection.cursor() as cursor:
            # Two drafts of one table: the second waits here, and finds the first in the books.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 11))", [table.digest])
        known = StockTable.objects.filter(digest=table.digest, state=TableState.APPLIED).first()
        if known is not None:
            table.discard()
            work.save(table)
            return TableApplied(known, was_known=True)
        work.reason = table.note
        table.moved = _carry_out(table, reach, seen, work)
        table.apply()
        table.applied_at = at
        work.save(table, "moved", "applied_at")
        details = {"kind": table.kind, "file": table.file_name, "rows": table.rows, "changed": table.moved}
        record_deed(work, action="stock.import", subject=f"stocktable:{table.pk}", reason=table.note, details=details)
    return TableApplied(table, was_known=False)


def discard_table(*, table_id: int, reach: Scope, at: datetime, actor: Actor) -> StockTable:
    """Nobody wants this draft. Raises StockTableUnknown, and TransitionRefused for one that was taken in."""
    with unit_of_work(at=at, actor=actor) as work:
        table = work.lock(StockTable, [table_id]).get(table_id)
        if table is None or not may_see(table, reach):
            raise StockTableUnknown(table_id=table_id)
        if table.state != TableState.DISCARDED:
            table.discard()
            work.save(table)
    return table


def may_see(table: StockTable, reach: Scope) -> bool:
    """Whether all warehouses that the table speaks of are within reach."""
    return reach.warehouse_ids is None or set(table.warehouse_ids) <= reach.warehouse_ids


def _carry_out(table: StockTable, reach: Scope, seen: str | None, work: Work) -> int:
    rows = unpacked(bytes(table.parsed))
    places, errors = _places(rows, reach)
    if errors:
        raise StockTableRefused(rows=[error.row for error in errors])
    # Before the lock: rows made later would not be among those that are locked.
    new = [row for row in rows if row.pieces > 0 or table.kind == TableKind.SAFETY]
    if table.kind != TableKind.EXPECTED:
        make_levels({places[row.sku, row.warehouse] for row in new})
    levels = lock_levels(sku_ids={sku for sku, _house in places.values()}, work=work)
    planned = _plan(table.kind, rows, places, levels, _supplies(table.kind, rows, work))
    if refused := [p.row.row for p in planned if p.refused]:
        raise StockTableRefused(rows=refused)
    is_absolute = table.kind in (TableKind.COUNT, TableKind.SAFETY)
    if is_absolute and seen is not None and seen != fingerprint(planned):
        raise StockMovedMeanwhile(table_id=table.pk)
    if table.kind == TableKind.SAFETY:
        wanted = [Safety(*places[p.row.sku, p.row.warehouse], p.row.pieces) for p in planned]
        return len(set_safety(wanted=wanted, note=table.note or table.ref, work=work))
    if table.kind == TableKind.EXPECTED:
        expect_supplies(expected=[_expected(p.row, places) for p in planned], work=work)
        return sum(p.change != 0 for p in planned)
    if table.kind == TableKind.ARRIVAL:
        arrived = [_arrived(table, n, p.row, places) for n, p in enumerate(planned)]
        done = receive_supplies(arrived=arrived, work=work)
    else:
        movements = [_movement(table, n, p, places) for n, p in enumerate(planned) if p.change]
        done = move_stock(movements=movements, work=work)
    # Under the lock nothing of this can happen; if it does, half a table must not be in the books.
    done.raise_first()
    if table.kind == TableKind.COUNT:
        subjects = {f"stock:{sku}@{house}" for sku, house in places.values()}
        cases.close_cases_of(subjects=subjects, codes=[COUNT_CASE], resolution="counted again", work=work)
    return len(done.done)


def _places(rows: Sequence[TableRow], reach: Scope) -> tuple[dict[tuple[str, str], tuple[int, int]], list[TableError]]:
    """Codes as ids; what is unknown, a bundle, or a warehouse that is not the person's."""
    skus = {
        code: (pk, is_bundle)
        for code, pk, is_bundle in Sku.objects.filter(code__any_of=sorted({row.sku for row in rows})).values_list(
            "code", "pk", "is_bundle"
        )
    }
    houses = dict(reach.narrow(Warehouse.objects.all(), warehouse="pk").values_list("code", "pk"))
    places: dict[tuple[str, str], tuple[int, int]] = {}
    errors = []
    for row in rows:
        pk, is_bundle = skus.get(row.sku, (0, False))
        if not pk:
            errors.append(TableError(row.row, "sku", _("there is no SKU “%(code)s”") % {"code": row.sku}))
        elif is_bundle:
            problem = _("“%(code)s” is a bundle; its parts have stock, it has none") % {"code": row.sku}
            errors.append(TableError(row.row, "sku", problem))
        house = houses.get(row.warehouse)
        if house is None:
            problem = _("there is no warehouse “%(code)s” for you") % {"code": row.warehouse}
            errors.append(TableError(row.row, "warehouse", problem))
        elif pk:
            places[row.sku, row.warehouse] = (pk, house)
    return places, errors


def _plan(
    kind: str,
    rows: Sequence[TableRow],
    places: Places,
    levels: Mapping[tuple[int, int], StockLevel],
    supplies: Mapping[tuple[str, int, int], Supply],
) -> list[Planned]:
    if kind == TableKind.EXPECTED:
        return [_plan_supply(row, supplies.get((row.ref, *places[row.sku, row.warehouse]))) for row in rows]
    lying = {}
    for codes, place in places.items():
        level = levels.get(place)
        if level is not None:
            buckets = {bucket: getattr(level, bucket) for bucket in Bucket.values}
            lying[codes] = Lying(buckets, level.promised + level.set_aside, level.safety)
    return work_out(kind, rows, lying)


def _plan_supply(row: TableRow, known: Supply | None) -> Planned:
    if known is None:
        return Planned(row, 0, row.pieces)
    if known.state == SupplyState.COMING:
        return Planned(row, known.quantity, row.pieces)
    state = SupplyState(known.state).label
    return Planned(row, known.quantity, row.pieces, _("this one is closed already: %(state)s") % {"state": state})


def _supplies(kind: str, rows: Sequence[TableRow], work: Work | None = None) -> dict[tuple[str, int, int], Supply]:
    if kind != TableKind.EXPECTED:
        return {}
    refs = sorted({row.ref for row in rows})
    found = Supply.objects.filter(kind=SupplyKind.PURCHASE, ref__any_of=refs)
    if work is not None:
        known = list(work.lock(Supply, list(found.values_list("pk", flat=True))).values())
    else:
        known = list(found)
    return {(supply.ref, supply.sku_id, supply.warehouse_id): supply for supply in known}


def _expected(row: TableRow, places: Places) -> Expected:
    sku_id, warehouse_id = places[row.sku, row.warehouse]
    return Expected(SupplyKind.PURCHASE, row.ref, sku_id, warehouse_id, row.pieces, date.fromisoformat(row.due_on))


def _arrived(table: StockTable, number: int, row: TableRow, places: Places) -> Arrived:
    sku_id, warehouse_id = places[row.sku, row.warehouse]
    key = _key(table, number)
    return Arrived(SupplyKind.PURCHASE, row.ref, sku_id, warehouse_id, row.pieces, key, Bucket(row.bucket))


def _movement(table: StockTable, number: int, planned: Planned, places: Places) -> Movement:
    row = planned.row
    sku_id, warehouse_id = places[row.sku, row.warehouse]
    reason = MovementReason.COUNT if table.kind == TableKind.COUNT else MovementReason.ADJUSTMENT
    plain = Movement(sku_id, warehouse_id, planned.change, reason, table.ref, _key(table, number), Bucket(row.bucket))
    return replace(plain, note=row.reason)


def _key(table: StockTable, number: int) -> str:
    """Of the content, not of the upload: the ledger itself knows a table that is brought again."""
    return f"table:{table.digest[:32]}:{number}"
