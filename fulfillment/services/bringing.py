"""Deliveries that people make: purchases, returns and transfers announced, received by hand, called off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time

from django.db import connection
from django.db.models import F, Sum

from fulfillment.floor_errors import (
    InboundClosed,
    InboundEmpty,
    InboundOnItsWay,
    ReceiptTooMuch,
    ReturnTooMuch,
)
from fulfillment.models import InboundLine, InboundOrder, Shipment
from fulfillment.services.inbound import send_inbound
from fulfillment.services.own_house import own_warehouses
from fulfillment.services.receipts import GRADES, Graded
from fulfillment.services.receiving import (
    book_received,
    expect_no_more,
    lock_inbound,
    new_inbound,
    paper_of,
    tell_differences,
)
from fulfillment.services.transfers import ask_again, ask_to_send, drop_delivery, keep_back
from fulfillment.states import HAS_LEFT, InboundKind, InboundState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import Actor
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import StockMovement
from ordercenter.inventory.services import Expected
from ordercenter.inventory.services.promising import SHANGHAI
from ordercenter.inventory.states import SupplyKind
from ordercenter.orders.models import OrderLine

CANCEL_INBOUND_KIND = "qimen.inbound.cancel"
_NOT_IN_YET = (InboundState.PLANNED, InboundState.SENT, InboundState.ACCEPTED, InboundState.REJECTED)


def bring_purchase(
    *,
    warehouse_id: int,
    pieces: Mapping[int, int],
    due_on: date,
    key: str,
    supplier: str = "",
    reference: str = "",
    is_last: bool = False,
    carrier_code: str = "",
    tracking_no: str = "",
    note: str = "",
    at: datetime,
    actor: Actor,
) -> InboundOrder:
    """Goods were bought and will come: the warehouse is told, and orders that wait may be promised of them.

    pieces: SKU id -> how many, one or more each. reference: the purchase order's own number; what is expected under it
    already stays as it is. is_last: when this one has ended, no more of that purchase order is expected. key: the same
    wish is one delivery. Raises InboundEmpty. Emits SupplyChanged; writes the
    deed "inbound.announce".
    """
    _must_name_goods(pieces)
    with unit_of_work(at=at, actor=actor, reason=note) as work:
        if (known := _known(key)) is not None:
            return known
        inbound = new_inbound(
            work,
            kind=InboundKind.PURCHASE,
            warehouse_id=warehouse_id,
            supplier=supplier[:64],
            reference=reference[:64],
            is_last=is_last,
            carrier_code=carrier_code[:16],
            tracking_no=tracking_no.strip().upper()[:64],
            expected_at=datetime.combine(due_on, time(9), SHANGHAI),
            note=note[:200],
            key=key,
        )
        _add_lines(work, inbound, pieces)
        kind, ref = paper_of(inbound) or (SupplyKind.PURCHASE, inbound.code)
        expected = [Expected(kind, ref, sku_id, warehouse_id, n, due_on) for sku_id, n in sorted(pieces.items())]
        inventory.expect_supplies(expected=_not_expected_yet(expected), work=work)
        _announce(work, inbound, sum(pieces.values()))
    return inbound


def send_over(
    *,
    from_warehouse_id: int,
    to_warehouse_id: int,
    pieces: Mapping[int, int],
    due_on: date,
    key: str,
    note: str,
    at: datetime,
    actor: Actor,
) -> InboundOrder:
    """Pieces leave one warehouse's books at once, so that nobody is promised them, and shall be in the other one.

    A sending warehouse with a system of its own is asked for them, and the receiving one is told when they have left;
    of an own warehouse they count as on their way now. All of it or nothing: raises StockWouldBeNegative where not
    enough is free, InboundEmpty, ReasonMissing. key: the same wish is one transfer. Emits SupplyChanged; writes the
    deed "inbound.announce".
    """
    _must_name_goods(pieces)
    if not note.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=note) as work:
        if (known := _known(key)) is not None:
            return known
        inbound = new_inbound(
            work,
            kind=InboundKind.TRANSFER,
            warehouse_id=to_warehouse_id,
            from_warehouse_id=from_warehouse_id,
            expected_at=datetime.combine(due_on, time(9), SHANGHAI),
            note=note[:200],
            key=key,
        )
        inventory.send_transfer(
            ref=inbound.code,
            from_warehouse_id=from_warehouse_id,
            to_warehouse_id=to_warehouse_id,
            pieces=dict(pieces),
            due_on=due_on,
            work=work,
        ).raise_first()
        _add_lines(work, inbound, pieces)
        if from_warehouse_id not in own_warehouses(work):
            ask_to_send(inbound=inbound, pieces=pieces, work=work)
            _note_announced(work, inbound, sum(pieces.values()))
        else:
            _announce(work, inbound, sum(pieces.values()))
    return inbound


def bring_back(
    *,
    order_id: int,
    warehouse_id: int,
    pieces: Mapping[int, int],
    key: str,
    tracking_no: str = "",
    carrier_code: str = "",
    note: str = "",
    at: datetime,
    actor: Actor,
) -> InboundOrder:
    """A buyer sends goods back: the warehouse is told which pieces of which order come.

    pieces: order line id -> how many, no more than left and are not back yet, else ReturnTooMuch. Raises InboundEmpty.
    Writes the deed "inbound.announce".
    """
    _must_name_goods(pieces)
    with unit_of_work(at=at, actor=actor, reason=note) as work:
        if (known := _known(key)) is not None:
            return known
        may_come = {line.pk: (line, left) for line, left in returnable_lines(order_id)}
        wrong = [pk for pk, n in pieces.items() if pk not in may_come or n > may_come[pk][1]]
        if wrong:
            skus = [may_come[pk][0].sku_id or 0 for pk in wrong if pk in may_come]
            raise ReturnTooMuch(order_id=order_id, sku_ids=skus)
        left = Shipment.objects.filter(lines__order_id=order_id, state__in=HAS_LEFT).order_by("-pk").first()
        inbound = new_inbound(
            work,
            kind=InboundKind.RETURN,
            warehouse_id=warehouse_id,
            order_id=order_id,
            shipment_code=left.code if left is not None else "",
            carrier_code=carrier_code[:16],
            tracking_no=tracking_no.strip().upper()[:64],
            note=note[:200],
            key=key,
        )
        work.add(
            [
                InboundLine(inbound_id=inbound.pk, sku_id=may_come[pk][0].sku_id or 0, order_line_id=pk, planned=n)
                for pk, n in sorted(pieces.items())
            ]
        )
        _announce(work, inbound, sum(pieces.values()))
    return inbound


def returnable_lines(order_id: int) -> list[tuple[OrderLine, int]]:
    """The lines of an order with how many of their pieces left, are not back, and are not announced to come back."""
    lines = OrderLine.objects.filter(order_id=order_id, shipped__gt=F("returned"), sku__isnull=False)
    announced = InboundLine.objects.filter(order_line__order_id=order_id, inbound__state__in=_NOT_IN_YET)
    coming = dict(announced.values("order_line_id").annotate(n=Sum("planned")).values_list("order_line_id", "n"))
    known = [
        (line, line.shipped - line.returned - coming.get(line.pk, 0))
        for line in lines.select_related("sku").order_by("line_no")
    ]
    return [(line, left) for line, left in known if left > 0]


def receive_by_hand(
    *,
    inbound_id: int,
    pieces: Mapping[int, Graded],
    is_final: bool,
    key: str,
    reason: str,
    at: datetime,
    actor: Actor,
) -> InboundOrder:
    """A person says what came: stock, order lines and what was expected follow; the last receipt ends the delivery.

    pieces: line id -> (good, defective, quarantine). key: of this receipt; told twice, it counts once. What differs in
    the end from what was announced is a case. A warehouse with a system of its own will confirm the same goods: they
    are matched then, not added, and no more can be booked ahead of it than is missing. Raises InboundClosed,
    InboundEmpty (nothing came, and it is not the end), ReceiptTooMuch and ReasonMissing. Emits StockReplenished,
    SupplyChanged, GoodsReturned; writes the deed "inbound.receive".
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        if _is_booked(inbound_id, key):
            return InboundOrder.objects.get(pk=inbound_id)
        inbound, lines = lock_inbound(inbound_id, work)
        came = {line.pk: pieces[line.pk] for line in lines if any(pieces.get(line.pk, ()))}
        if (not came and not is_final) or any(min(graded) < 0 for graded in came.values()):
            raise InboundEmpty(inbound=inbound.code)
        confirms_itself = inbound.warehouse_id not in own_warehouses(work)
        if confirms_itself:
            _must_be_missing(inbound, lines, came)
        for line in lines:
            for grade, n in zip(GRADES, came.get(line.pk, (0, 0, 0)), strict=True):
                setattr(line, grade, getattr(line, grade) + n)
                line.put_away += n
                if confirms_itself:
                    setattr(line, f"hand_{grade}", getattr(line, f"hand_{grade}") + n)
            work.save(line, *GRADES, "put_away", *(f"hand_{grade}" for grade in GRADES))
        book_received(inbound, came, lines, key=_receipt(key), work=work)
        if is_final:
            inbound.finish()
            inbound.received_at = work.at
            work.save(inbound, "received_at")
            tell_differences([(inbound, lines)], work)
            expect_no_more([inbound], work)
        elif inbound.state != InboundState.ARRIVING:
            inbound.arrive()
            work.save(inbound)
        details = {"inbound": inbound.code, "pieces": sum(map(sum, came.values())), "final": is_final}
        record_deed(work, action="inbound.receive", subject=f"inbound:{inbound_id}", reason=reason, details=details)
    return inbound


def call_off(*, inbound_id: int, reason: str, at: datetime, actor: Actor) -> InboundOrder:
    """This delivery will not come. A warehouse that was told of it is asked first, and its answer decides.

    What was expected is expected no more; of a transfer, the pieces are back in the books of the warehouse that was to
    send them. Raises InboundClosed, InboundOnItsWay, TransferHasLeft, ReasonMissing. Emits SupplyChanged; writes the
    deed "inbound.cancel".
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        inbound, _lines = lock_inbound(inbound_id, work)
        if inbound.state not in _NOT_IN_YET:
            raise InboundOnItsWay(inbound=inbound.code, state=inbound.state)
        waits = keep_back(inbound=inbound, reason=reason, work=work)
        is_known_there = inbound.state in (InboundState.SENT, InboundState.ACCEPTED)
        if is_known_there and inbound.warehouse_id not in own_warehouses(work):
            work.command(
                kind=CANCEL_INBOUND_KIND,
                target=f"warehouse:{inbound.warehouse_id}",
                subject=f"inbound:{inbound.pk}",
                key=f"{CANCEL_INBOUND_KIND}:{inbound.code}:{work.at:%y%m%d%H%M%S%f}",
                payload={"inbound_id": inbound.pk, "reason": reason[:100]},
            )
        elif not waits:
            drop_delivery(inbound, work)
        details = {"inbound": inbound.code}
        record_deed(work, action="inbound.cancel", subject=f"inbound:{inbound_id}", reason=reason, details=details)
    return inbound


def take_cancel_answers(*, answers: Mapping[int, str], work: Work) -> None:
    """The warehouses' answers to being asked to forget deliveries: inbound id -> "" for a yes, or why not.

    A no is a case: the goods will be received there. What has come meanwhile stays received.
    """
    rows = work.lock(InboundOrder, list(answers))
    drafts = []
    for pk, why_not in answers.items():
        inbound = rows.get(pk)
        if inbound is None or inbound.state not in _NOT_IN_YET:
            continue
        if not why_not:
            drop_delivery(inbound, work)
            continue
        drafts.append(
            CaseDraft(
                code="WMS_REJECTED",
                subject=f"inbound:{pk}",
                warehouse_id=inbound.warehouse_id,
                reference=inbound.code,
                evidence={"reason": why_not[:200]},
            )
        )
    cases.open_cases(drafts=drafts, work=work)


def send_again(*, inbound_id: int, at: datetime, actor: Actor) -> InboundOrder:
    """Announce a delivery that the warehouse rejected, or was never told of; or ask a sending warehouse once more.

    Raises TransitionRefused, and TransferNotLeft where nothing has left that could be announced.
    """
    with unit_of_work(at=at, actor=actor) as work:
        inbound = work.lock(InboundOrder, [inbound_id])[inbound_id]
        if not ask_again(inbound=inbound, work=work):
            send_inbound(inbound_ids=[inbound_id], work=work).raise_first()
        cases.close_cases_of(
            subjects=[f"inbound:{inbound_id}"], codes=["WMS_REJECTED"], resolution="sent again", work=work
        )
        record_deed(work, action="inbound.send", subject=f"inbound:{inbound_id}", details={"inbound": inbound.code})
    return inbound


def _announce(work: Work, inbound: InboundOrder, pieces: int) -> None:
    send_inbound(inbound_ids=[inbound.pk], work=work)
    _note_announced(work, inbound, pieces)


def _note_announced(work: Work, inbound: InboundOrder, pieces: int) -> None:
    details = {"inbound": inbound.code, "kind": str(inbound.kind), "pieces": pieces}
    record_deed(work, action="inbound.announce", subject=f"inbound:{inbound.pk}", reason=inbound.note, details=details)


def _add_lines(work: Work, inbound: InboundOrder, pieces: Mapping[int, int]) -> None:
    rows = [InboundLine(inbound_id=inbound.pk, sku_id=pk, planned=n) for pk, n in sorted(pieces.items())]
    work.add(rows)


def _must_name_goods(pieces: Mapping[int, int]) -> None:
    if not pieces or min(pieces.values()) < 1:
        raise InboundEmpty


def _must_be_missing(inbound: InboundOrder, lines: list[InboundLine], came: Mapping[int, Graded]) -> None:
    too_much = [line.sku_id for line in lines if line.pk in came and line.received + sum(came[line.pk]) > line.planned]
    if too_much:
        skus = Sku.objects.filter(pk__in=too_much).order_by("code").values_list("code", flat=True)
        raise ReceiptTooMuch(inbound=inbound.code, skus=list(skus))


def _known(key: str) -> InboundOrder | None:
    """What the same wish made before; two at one instant wait for each other here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 13))", [key])
    return InboundOrder.objects.filter(key=key).first()


def _not_expected_yet(expected: list[Expected]) -> list[Expected]:
    from_before = inventory.expected_already(papers=[(e.kind, e.ref) for e in expected])
    return [e for e in expected if (str(e.kind), e.ref, e.sku_id, e.warehouse_id) not in from_before]


def _receipt(key: str) -> str:
    return f"hand-{key[:32]}"


def _is_booked(inbound_id: int, key: str) -> bool:
    """Whether this very receipt is in the ledger; the same form sent twice at one instant waits here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 14))", [key])
    inbound = InboundOrder.objects.filter(pk=inbound_id).first()
    if inbound is None:
        raise InboundClosed(inbound=str(inbound_id), state="")
    skus = InboundLine.objects.filter(inbound_id=inbound_id).values("sku_id")
    booked = StockMovement.objects.filter(sku_id__in=skus, warehouse_id=inbound.warehouse_id)
    return booked.filter(idempotency_key__startswith=f"inbound:{inbound.code}:{_receipt(key)}:").exists()
