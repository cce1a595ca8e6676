"""Goods announced to warehouses with a system of their own, and what these say that they received."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fulfillment.errors import InboundUnknown
from fulfillment.models import InboundLine, InboundOrder
from fulfillment.services.own_house import own_warehouses
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
from ordercenter.orders.models import Order

ENTRY_KIND = "qimen.entryorder.create"
RETURN_KIND = "qimen.returnorder.create"
# A confirm after which more goods follow.
INTERMEDIATE = 1
# Words of the warehouse that mean: goods are in, or all that will come is in.
_IN = ("FULFILLED", "PARTFULFILLED", "CLOSED", "")
_OPEN = (InboundState.PLANNED, InboundState.SENT, InboundState.ACCEPTED, InboundState.REJECTED, InboundState.ARRIVING)
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
    rejected = [rows[pk] for pk in reasons if pk in rows and rows[pk].state == InboundState.SENT]
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
                evidence={"reason": reasons[inbound.pk][:200]},
            )
            for inbound in rejected
        ],
        work=work,
    )


def confirm_inbound(
    *, confirms: Sequence[InboundConfirm], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Warehouses received goods: stock, order lines and the inbound orders follow.

    Quantities are those of each confirm; the same outBizCode counts once. Good pieces can be promised, defective ones
    count as damaged. The final confirm (or the word CLOSED) ends the document, and what differs from the announcement
    is a case. done: the inbound orders. Refused: InboundUnknown. Emits StockReplenished, GoodsReturned.
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
            if inbound.state not in _OPEN:
                continue
            if confirm.status in ("REJECT", "CANCELED"):
                take_inbound_answers(refs={}, reasons={inbound.pk: confirm.status}, work=work)
                continue
            if confirm.status not in _IN:
                continue
            _receive(inbound, lines[inbound.pk], confirm, work)
            if confirm.confirm_type != INTERMEDIATE:
                inbound.finish()
                inbound.received_at = confirm.operated_at or work.at
                work.save(inbound, "received_at")
                ended.append(inbound)
            elif inbound.state != InboundState.ARRIVING:
                inbound.arrive()
                work.save(inbound)
        tell_differences([(inbound, lines[inbound.pk]) for inbound in ended], work)
        expect_no_more(ended, work)
    return result


def _receive(inbound: InboundOrder, lines: list[InboundLine], confirm: InboundConfirm, work: Work) -> None:
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
        grade = _GRADES.get(received.inventory_type, 2)
        pieces[line.pk][grade] += received.actual
        name = ("good", "defective", "quarantine")[grade]
        setattr(line, name, getattr(line, name) + received.actual)
        line.put_away += received.actual
        work.save(line, "good", "defective", "quarantine", "put_away")
    booked = {pk: (good, bad, apart) for pk, (good, bad, apart) in pieces.items()}
    book_received(inbound, booked, lines, key=confirm.out_biz_code[:48], work=work)


def _unknown_item(inbound: InboundOrder, item_code: str) -> CaseDraft:
    return CaseDraft(
        code="INBOUND_DIFFERENCE",
        subject=f"inbound:{inbound.pk}",
        warehouse_id=inbound.warehouse_id,
        reference=inbound.code,
        evidence={"unknown_item": item_code},
    )
