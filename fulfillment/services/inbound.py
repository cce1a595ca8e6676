"""Goods announced to warehouses with a system of their own, and what these say that they received."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fulfillment.errors import InboundUnknown
from fulfillment.models import InboundLine, InboundOrder
from fulfillment.services.own_house import own_warehouses
from fulfillment.services.receipts import Graded, take_confirmed
from fulfillment.services.receiving import book_received, expect_no_more, new_inbound, tell_differences
from fulfillment.services.silence import close_silent_deliveries
from fulfillment.states import InboundKind, InboundState
from fulfillment.wms.goods_documents import InboundConfirm
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.fsm import TransitionRefused
from ordercenter.inventory import services as inventory
from ordercenter.inventory.services import Movement
from ordercenter.inventory.states import MovementReason
from ordercenter.orders.models import Order

ENTRY_KIND = "qimen.entryorder.create"
RETURN_KIND = "qimen.returnorder.create"
# A confirm after which more goods follow.
INTERMEDIATE = 1
# Words of the warehouse that mean: goods are in, or all that will come is in.
_IN = ("FULFILLED", "PARTFULFILLED", "CLOSED", "")
_GRADES = {"ZP": 0, "CC": 1, "JS": 1, "XS": 1, "ZT": 2}


@dataclass(frozen=True)
class InboundDraft:
    """Goods that shall come. pieces: SKU id -> how many; order_lines: SKU id -> whose line, for returns.

    key: what the wish is called by whoever has it, so that the same wish is one inbound order.
    """

    kind: InboundKind
    warehouse_id: int
    pieces: Mapping[int, int]
    order_id: int | None = None
    shipment_code: str = ""
    carrier_code: str = ""
    tracking_no: str = ""
    supplier: str = ""
    expected_at: datetime | None = None
    order_lines: Mapping[int, int] | None = None
    key: str | None = None


def announce_inbound(
    *, drafts: Sequence[InboundDraft], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> list[InboundOrder]:
    """Make inbound orders and write the commands that announce them to their warehouses; returns them in order.

    A warehouse of our own is not told: its people find the parcel by its number.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        made = []
        for draft in drafts:
            inbound = new_inbound(
                work,
                kind=draft.kind,
                warehouse_id=draft.warehouse_id,
                order_id=draft.order_id,
                shipment_code=draft.shipment_code,
                carrier_code=draft.carrier_code,
                tracking_no=draft.tracking_no.strip().upper(),
                supplier=draft.supplier,
                expected_at=draft.expected_at,
                key=draft.key,
            )
            work.add(
                [
                    InboundLine(
                        inbound_id=inbound.pk,
                        sku_id=sku_id,
                        planned=pieces,
                        order_line_id=(draft.order_lines or {}).get(sku_id),
                    )
                    for sku_id, pieces in draft.pieces.items()
                ]
            )
            made.append(inbound)
        send_inbound(inbound_ids=[inbound.pk for inbound in made], work=work)
        return made


def send_inbound(*, inbound_ids: Collection[int], work: Work) -> BatchResult:
    """Announce these to their warehouses, also those that were rejected before. done: the inbound orders.

    Refused: TransitionRefused. One of an own warehouse stays planned (done).
    """
    result = BatchResult()
    own = own_warehouses(work)
    for inbound in work.lock(InboundOrder, inbound_ids).values():
        with result.refusals(inbound.pk, TransitionRefused):
            if inbound.warehouse_id not in own:
                again = inbound.state == InboundState.REJECTED
                inbound.send()
                inbound.sent_at = work.at
                work.save(inbound, "sent_at")
                kind = RETURN_KIND if inbound.kind == InboundKind.RETURN else ENTRY_KIND
                key = f"{kind}:{inbound.code}"
                work.command(
                    kind=kind,
                    target=f"warehouse:{inbound.warehouse_id}",
                    subject=f"inbound:{inbound.pk}",
                    # The warehouse knows a repeat by the document's number, our post office by this key.
                    key=f"{key}:{work.at:%y%m%d%H%M%S%f}" if again else key,
                    payload={"inbound_id": inbound.pk},
                )
            result.done.append(inbound)
    return result


def take_inbound_answers(*, refs: Mapping[int, str], reasons: Mapping[int, str], work: Work) -> None:
    """The warehouses' yes (inbound id -> number there) and no (-> why) to what was announced. A no is a case."""
    rows = work.lock(InboundOrder, [*refs, *reasons])
    for pk, ref in refs.items():
        if pk in rows and rows[pk].state == InboundState.SENT:
            rows[pk].accept()
            rows[pk].warehouse_ref = ref[:64]
            work.save(rows[pk], "warehouse_ref")
    close_silent_deliveries(inbound_ids=list(rows), work=work)
    _reject({rows[pk]: reasons[pk] for pk in reasons if pk in rows and rows[pk].state == InboundState.SENT}, work)


def _reject(rejected: Mapping[InboundOrder, str], work: Work) -> None:
    for inbound in rejected:
        inbound.reject()
        work.save(inbound)
    cases.open_cases(
        drafts=[
            CaseDraft(
                code="WMS_REJECTED",
                subject=f"inbound:{inbound.pk}",
                warehouse_id=inbound.warehouse_id,
                reference=inbound.code,
                evidence={"reason": reason[:200]},
            )
            for inbound, reason in rejected.items()
        ],
        work=work,
    )


def confirm_inbound(
    *, confirms: Sequence[InboundConfirm], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Warehouses received goods: stock, order lines and the inbound orders follow.

    Quantities are those of each confirm; the same outBizCode counts once, and pieces that a person booked by hand
    before are matched, not added (`receipts`). Good pieces can be promised, defective ones count as damaged. The final
    confirm (or the word CLOSED) ends the document, and what differs from the announcement is a case. Goods of a
    document that was called off open it again, goods beyond one that had ended are booked: either is a case with what
    came. The word CLOSED also closes the rest of a purchase order of which no other delivery is open. done: the inbound
    orders. Refused: InboundUnknown. Emits StockReplenished, GoodsReturned.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        codes = {confirm.code for confirm in confirms}
        known = {i.code: i for i in InboundOrder.objects.filter(code__in=codes)}
        work.lock(Order, sorted({i.order_id for i in known.values() if i.order_id}))
        locked = work.lock(InboundOrder, [i.pk for i in known.values()])
        by_code = {inbound.code: inbound for inbound in locked.values()}
        lines = work.lock_children(InboundLine, "inbound_id", list(locked))
        close_silent_deliveries(inbound_ids=list(locked), work=work)
        ended = []
        for confirm in confirms:
            inbound = by_code.get(confirm.code)
            if inbound is None:
                result.refuse(confirm, InboundUnknown(number=confirm.code))
                continue
            result.done.append(inbound)
            if confirm.out_biz_code in inbound.confirms:
                continue
            if confirm.status in ("REJECT", "CANCELED"):
                # A warehouse that had said yes may still say no.
                if inbound.state in (InboundState.SENT, InboundState.ACCEPTED):
                    _reject({inbound: confirm.status}, work)
            elif confirm.status in _IN and _take_confirm(inbound, lines[inbound.pk], confirm, work):
                ended.append(inbound)
        tell_differences([(inbound, lines[inbound.pk]) for inbound in ended], work, is_confirmed=True)
        expect_no_more(ended, work)
    return result


def _take_confirm(inbound: InboundOrder, lines: list[InboundLine], confirm: InboundConfirm, work: Work) -> bool:
    """Book one confirm; whether the document has ended with it."""
    was = inbound.state
    inbound.confirms = [*inbound.confirms, confirm.out_biz_code]
    work.save(inbound, "confirms")
    if was == InboundState.CANCELLED:
        if not any(line.actual for line in confirm.lines):
            return False
        inbound.reopen()
    came, stuck = _receive(inbound, lines, confirm, work)
    not_taken: dict[int, int] = {}
    if was == InboundState.CANCELLED:
        not_taken = _take_from_sender_again(inbound, lines, came, work)
    if was == InboundState.CANCELLED or stuck or (was == InboundState.RECEIVED and any(map(sum, came.values()))):
        cases.open_cases(drafts=[_after_end(inbound, was, lines, came, stuck, not_taken)], work=work)
    if was == InboundState.RECEIVED:
        return False
    if confirm.confirm_type != INTERMEDIATE:
        inbound.finish()
        inbound.received_at = confirm.operated_at or work.at
        inbound.is_last = inbound.is_last or confirm.status == "CLOSED"
        work.save(inbound, "received_at", "is_last")
        return True
    if inbound.state != InboundState.ARRIVING:
        inbound.arrive()
        work.save(inbound)
    return False


def _receive(
    inbound: InboundOrder, lines: list[InboundLine], confirm: InboundConfirm, work: Work
) -> tuple[dict[int, Graded], dict[int, int]]:
    """Lines and stock follow a confirm: what was booked of it now, and what could not change its grade, by line."""
    codes = dict(Sku.objects.filter(code__in={line.item_code for line in confirm.lines}).values_list("code", "pk"))
    pieces: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for received in confirm.lines:
        sku_id = codes.get(received.item_code)
        line = next((ln for ln in lines if str(ln.pk) == received.line_no and ln.sku_id == sku_id), None)
        line = line or next((ln for ln in lines if ln.sku_id == sku_id), None)
        if line is None:
            if sku_id is None:
                cases.open_cases(drafts=[_unknown_item(inbound, received.item_code)], work=work)
                continue
            line = InboundLine(inbound_id=inbound.pk, sku_id=sku_id)
            work.add([line])
            lines.append(line)
        pieces[line.pk][_GRADES.get(received.inventory_type, 2)] += received.actual
    confirmed = {pk: (good, bad, apart) for pk, (good, bad, apart) in pieces.items()}
    key = confirm.out_biz_code[:48]
    came, stuck = take_confirmed(inbound, lines, confirmed, key=key, work=work)
    book_received(inbound, came, lines, key=key, work=work)
    return came, stuck


def _take_from_sender_again(
    inbound: InboundOrder, lines: Sequence[InboundLine], came: Mapping[int, Graded], work: Work
) -> dict[int, int]:
    """A transfer was called off, so its sender's books have the pieces back; they are here. SKU id -> not taken."""
    if inbound.kind != InboundKind.TRANSFER or inbound.from_warehouse_id is None:
        return {}
    not_taken = {}
    for line in lines:
        n = sum(came.get(line.pk, ()))
        key = f"transfer:{inbound.code}:{line.sku_id}:came-{line.pk}"
        place = (line.sku_id, inbound.from_warehouse_id)
        out = Movement(*place, -n, MovementReason.TRANSFER, inbound.code, key)
        if n and inventory.move_stock(movements=[out], work=work).refused:
            not_taken[line.sku_id] = n
        line.planned = 0 if line.sku_id in not_taken else n
        work.save(line, "planned")
    return not_taken


def _after_end(
    inbound: InboundOrder,
    was: str,
    lines: Sequence[InboundLine],
    came: Mapping[int, Graded],
    stuck: Mapping[int, int],
    not_taken: Mapping[int, int],
) -> CaseDraft:
    codes = dict(Sku.objects.filter(pk__in=[line.sku_id for line in lines]).values_list("pk", "code"))
    rows = [
        {"sku": codes[line.sku_id], "came": sum(came.get(line.pk, ())), "not_regraded": stuck.get(line.pk, 0)}
        for line in lines
        if any(came.get(line.pk, ())) or line.pk in stuck
    ]
    return CaseDraft(
        code="GOODS_AFTER_END" if was in (InboundState.CANCELLED, InboundState.RECEIVED) else "INBOUND_DIFFERENCE",
        subject=f"inbound:{inbound.pk}",
        warehouse_id=inbound.warehouse_id,
        reference=inbound.code,
        evidence={
            "state": was,
            "lines": rows[:20],
            **({"not_booked": {codes[pk]: n for pk, n in not_taken.items()}} if not_taken else {}),
        },
    )


def _unknown_item(inbound: InboundOrder, item_code: str) -> CaseDraft:
    return CaseDraft(
        code="INBOUND_DIFFERENCE",
        subject=f"inbound:{inbound.pk}",
        warehouse_id=inbound.warehouse_id,
        reference=inbound.code,
        evidence={"unknown_item": item_code},
    )
