"""Goods come in at our own dock: returns of buyers by their parcel or order, graded, and put away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Q

from fulfillment.floor.reading import looks_like_tracking, tidy
from fulfillment.floor.scans import Answer, ScanInput, number_of
from fulfillment.floor_errors import InboundClosed, NothingOpened, ScanTooOld, ScanUnknown
from fulfillment.models import Bin, InboundLine, InboundOrder, Shipment, ShipmentLine
from fulfillment.services.floor_labels import sku_of
from fulfillment.states import HAS_LEFT, GoodsGrade, InboundKind, InboundState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.ids import new_ids
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import StockMovement
from ordercenter.inventory.services import Arrived, Movement
from ordercenter.inventory.states import Bucket, MovementReason, SupplyKind
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order

DONE = "#DONE"
# Where goods of each grade lie in the books: good, defective, quarantine.
_BUCKETS = (Bucket.ON_HAND, Bucket.DAMAGED, Bucket.QUARANTINE)
_OPEN = (InboundState.PLANNED, InboundState.SENT, InboundState.ACCEPTED, InboundState.REJECTED, InboundState.ARRIVING)


def receive_scanned(scan: ScanInput, place: str, work: Work) -> Answer:
    """A parcel's tracking number (or an order's, a delivery order's, an announcement's) opens it; a SKU is a piece.

    grade says in what condition; "#done" finishes the parcel: stock, order lines and cases follow, and the answer says
    into which bin each good piece goes. A tracking number that nobody knows is received all the same, as a case.
    Raises NothingOpened, ScanUnknown, InboundClosed.
    """
    inbound_id = number_of(place, "inbound")
    text = tidy(scan.text)
    if text == DONE:
        if inbound_id is None:
            raise NothingOpened(step=scan.step)
        inbound = finish_inbound(inbound_id=inbound_id, work=work)
        return Answer("received", params={"inbound": inbound.code}, undo={"kind": "none"})
    sku = sku_of(scan.text)
    if sku is None:
        return _open_parcel(scan, text, work)
    if inbound_id is None:
        raise NothingOpened(step=scan.step)
    return _take_piece(scan, inbound_id, sku, work)


def finish_inbound(
    *, inbound_id: int, work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> InboundOrder:
    """Everything of this parcel is out and graded. Good pieces are stock again, order lines count what came back.

    Raises InboundClosed. Emits StockReplenished, GoodsReturned.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        inbound, lines = lock_inbound(inbound_id, work)
        book_received(inbound, _unbooked(inbound, lines), lines, key="own", work=work)
        for line in lines:
            line.put_away = line.received
            work.save(line, "put_away")
        inbound.finish()
        inbound.received_at = work.at
        work.save(inbound, "received_at")
        tell_differences([(inbound, lines)], work)
        expect_no_more([inbound], work)
        return inbound


def _unbooked(inbound: InboundOrder, lines: Sequence[InboundLine]) -> dict[int, tuple[int, int, int]]:
    """What was scanned and is not in the stock yet; a part may have been received by hand before."""
    booked: dict[tuple[int, str], int] = defaultdict(int)
    if any(line.put_away for line in lines):
        moved = StockMovement.objects.filter(
            sku_id__in={line.sku_id for line in lines},
            warehouse_id=inbound.warehouse_id,
            idempotency_key__startswith=f"inbound:{inbound.code}:",
        )
        for sku_id, bucket, delta in moved.values_list("sku_id", "bucket", "delta"):
            booked[sku_id, bucket] += delta
    left = {}
    for line in lines:
        pieces = []
        for bucket, n in zip(_BUCKETS, (line.good, line.defective, line.quarantine), strict=True):
            known = min(n, booked[line.sku_id, str(bucket)])
            booked[line.sku_id, str(bucket)] -= known
            pieces.append(n - known)
        left[line.pk] = (pieces[0], pieces[1], pieces[2])
    return left


def undo_receive(undo: Mapping[str, Any], work: Work) -> None:
    """The piece was not there. Raises ScanTooOld when the parcel is finished."""
    owner = InboundLine.objects.filter(pk=int(undo["line"])).values_list("inbound_id", flat=True).first()
    if owner is None:
        raise ScanTooOld(scan=str(undo["line"]))
    try:
        _inbound, lines = lock_inbound(owner, work)
    except InboundClosed as error:
        raise ScanTooOld(scan=str(undo["line"])) from error
    line = next(line for line in lines if line.pk == int(undo["line"]))
    setattr(line, undo["grade"], max(0, getattr(line, undo["grade"]) - int(undo["pieces"])))
    work.save(line, undo["grade"])


def lock_inbound(inbound_id: int, work: Work) -> tuple[InboundOrder, list[InboundLine]]:
    """An inbound order that is not finished, with its lines, locked; its order before it. Raises InboundClosed."""
    order_id = InboundOrder.objects.filter(pk=inbound_id).values_list("order_id", flat=True).first()
    if order_id:
        work.lock(Order, [order_id])
    inbound = work.lock(InboundOrder, [inbound_id]).get(inbound_id)
    if inbound is None or inbound.state not in _OPEN:
        raise InboundClosed(
            inbound=inbound.code if inbound else str(inbound_id), state=inbound.state if inbound else ""
        )
    return inbound, work.lock_children(InboundLine, "inbound_id", [inbound_id])[inbound_id]


def book_received(
    inbound: InboundOrder,
    pieces: Mapping[int, tuple[int, int, int]],
    lines: Sequence[InboundLine],
    *,
    key: str,
    work: Work,
) -> None:
    """Stock and order lines follow what came in. pieces: line id -> (good, defective, quarantine). key: once only.

    Only good pieces can be promised to anybody; defective ones count as damaged, the others lie in quarantine.
    """
    by_bucket: dict[tuple[int, Bucket], int] = defaultdict(int)
    for line in lines:
        for bucket, n in zip(_BUCKETS, pieces.get(line.pk, (0, 0, 0)), strict=True):
            by_bucket[line.sku_id, bucket] += n
    came = {
        f"inbound:{inbound.code}:{key}:{sku_id}:{bucket.value}"[:128]: (sku_id, bucket, n)
        for (sku_id, bucket), n in by_bucket.items()
        if n
    }
    paper = paper_of(inbound)
    if paper is not None:
        kind, ref = paper
        arrived = [
            Arrived(kind, ref, sku_id, inbound.warehouse_id, n, movement_key, bucket)
            for movement_key, (sku_id, bucket, n) in came.items()
        ]
        inventory.receive_supplies(arrived=arrived, work=work).raise_first()
    else:
        movements = [
            Movement(sku_id, inbound.warehouse_id, n, MovementReason.RETURN, inbound.code, movement_key, bucket)
            for movement_key, (sku_id, bucket, n) in came.items()
        ]
        inventory.move_stock(movements=movements, work=work).raise_first()
    if inbound.kind == InboundKind.RETURN:
        back: dict[int, int] = defaultdict(int)
        for line in lines:
            if line.order_line_id:
                back[line.order_line_id] += sum(pieces.get(line.pk, (0, 0, 0)))
        orders_services.return_goods(returned=back, work=work)


def paper_of(inbound: InboundOrder) -> tuple[SupplyKind, str] | None:
    """Under which kind and reference its pieces are expected; None for returns, which nobody is promised of."""
    if inbound.kind == InboundKind.RETURN:
        return None
    if inbound.kind == InboundKind.TRANSFER:
        return SupplyKind.TRANSFER, inbound.code
    return SupplyKind.PURCHASE, inbound.reference or inbound.code


def expect_no_more(ended: Sequence[InboundOrder], work: Work) -> None:
    """What these did not bring is expected no more.

    Of a purchase order with a number of its own more deliveries may follow: its rest is expected until a delivery that
    is its last has ended and no other is open, or somebody closes it (`bringing.close_rest`).
    """
    over = [paper for inbound in ended if (paper := paper_of(inbound)) is not None and paper[1] == inbound.code]
    of_orders = [inbound for inbound in ended if inbound.kind == InboundKind.PURCHASE and inbound.reference]
    if of_orders:
        ids, refs = [inbound.pk for inbound in of_orders], {inbound.reference for inbound in of_orders}
        others = InboundOrder.objects.filter(kind=InboundKind.PURCHASE, reference__in=refs).exclude(pk__in=ids)
        still_open = set(others.filter(state__in=_OPEN).values_list("reference", flat=True))
        last = set(others.filter(is_last=True).values_list("reference", flat=True))
        last |= {inbound.reference for inbound in of_orders if inbound.is_last}
        over += [(SupplyKind.PURCHASE, ref) for ref in sorted(refs & last - still_open)]
    if over:
        inventory.end_supplies(papers=over, work=work)


def tell_differences(
    received: Sequence[tuple[InboundOrder, Sequence[InboundLine]]], work: Work, *, is_confirmed: bool = False
) -> None:
    """A case for each inbound order of which something else came than was announced, or came broken.

    is_confirmed: the warehouse said so, and pieces that were booked by hand and that it did not confirm differ too.
    """
    drafts = []
    for inbound, lines in received:
        wrong = [
            line
            for line in lines
            if line.received != line.planned or line.received != line.good or (is_confirmed and line.by_hand)
        ]
        if not wrong or not any(line.planned for line in lines):
            continue
        codes = dict(Sku.objects.filter(pk__in=[line.sku_id for line in wrong]).values_list("pk", "code"))
        rows = [
            {
                "sku": codes[line.sku_id],
                "planned": line.planned,
                "good": line.good,
                "defective": line.defective,
                "quarantine": line.quarantine,
                # Not confirmed by the warehouse: there, or not there after all.
                **({"by_hand": line.by_hand} if is_confirmed and line.by_hand else {}),
            }
            for line in wrong
        ]
        drafts.append(
            CaseDraft(
                code="INBOUND_DIFFERENCE",
                subject=f"inbound:{inbound.pk}",
                warehouse_id=inbound.warehouse_id,
                reference=inbound.code,
                evidence={"lines": rows[:20]},
            )
        )
    cases.open_cases(drafts=drafts, work=work)


def new_inbound(work: Work, **values: Any) -> InboundOrder:
    """A new inbound order with its number, in the work."""
    (pk,) = new_ids(InboundOrder, 1)
    inbound = InboundOrder(id=pk, code=f"IN{work.at:%y%m%d}{pk:06d}", created_at=work.at, **values)
    work.add([inbound])
    return inbound


def _take_piece(scan: ScanInput, inbound_id: int, sku: Sku, work: Work) -> Answer:
    grade = scan.grade if scan.grade in GoodsGrade.values else GoodsGrade.GOOD.value
    inbound, lines = lock_inbound(inbound_id, work)
    if inbound.warehouse_id != scan.warehouse_id:
        raise ScanUnknown(text=scan.text[:64])
    mine = [line for line in lines if line.sku_id == sku.pk]
    line = next((line for line in mine if line.received < line.planned), mine[0] if mine else None)
    if line is None:
        line = InboundLine(inbound_id=inbound_id, sku_id=sku.pk)
        setattr(line, grade, scan.pieces)
        work.add([line])
    else:
        setattr(line, grade, getattr(line, grade) + scan.pieces)
        work.save(line, grade)
    bin_code = Bin.objects.filter(warehouse_id=scan.warehouse_id, sku_id=sku.pk).values_list("code", flat=True).first()
    return Answer(
        "piece_received",
        place=f"inbound:{inbound_id}",
        params={
            "sku": sku.code,
            "name": sku.name,
            "grade": grade,
            "pieces": scan.pieces,
            "bin": bin_code or "",
            "is_more": line.received > line.planned > 0,
        },
        undo={"kind": "receive", "line": line.pk, "grade": grade, "pieces": scan.pieces},
    )


def _open_parcel(scan: ScanInput, text: str, work: Work) -> Answer:
    with connection.cursor() as cursor:
        # The same parcel scanned by two people at one instant is one parcel.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"{scan.warehouse_id}:{text}"])
    announced = InboundOrder.objects.filter(
        Q(tracking_no=text) | Q(code=text) | Q(shipment_code=text), warehouse_id=scan.warehouse_id, state__in=_OPEN
    ).order_by("pk")
    inbound = announced.first()
    if inbound is not None:
        return _parcel_opened(inbound, is_known=inbound.order_id is not None or inbound.kind == InboundKind.PURCHASE)
    shipment = _shipment_of(text)
    if shipment is not None:
        return _parcel_opened(_announce(scan, text, shipment, work), is_known=True)
    if not looks_like_tracking(text):
        raise ScanUnknown(text=scan.text[:64])
    inbound = new_inbound(work, kind=InboundKind.RETURN, warehouse_id=scan.warehouse_id, tracking_no=text)
    cases.open_cases(
        drafts=[
            CaseDraft(
                code="PARCEL_UNKNOWN",
                subject=f"inbound:{inbound.pk}",
                warehouse_id=scan.warehouse_id,
                reference=text,
                evidence={"tracking_no": text, "inbound": inbound.code},
            )
        ],
        work=work,
    )
    return _parcel_opened(inbound, is_known=False)


def _parcel_opened(inbound: InboundOrder, *, is_known: bool) -> Answer:
    return Answer(
        "parcel_opened" if is_known else "parcel_unknown",
        place=f"inbound:{inbound.pk}",
        params={"inbound": inbound.code, "tracking_no": inbound.tracking_no},
    )


def _shipment_of(text: str) -> Shipment | None:
    """The shipment that came back: by its parcel's number, its own number or its order's."""
    left = Shipment.objects.filter(state__in=HAS_LEFT).order_by("-pk")
    return (
        left.filter(parcels__tracking_no=text).first()
        or left.filter(code=text).first()
        or left.filter(lines__order__channel_order_no=text).first()
    )


def _announce(scan: ScanInput, text: str, shipment: Shipment, work: Work) -> InboundOrder:
    lines = list(
        ShipmentLine.objects.filter(shipment_id=shipment.pk, shipped__gt=F("order_line__returned"))
        .select_related("order_line")
        .order_by("pk")
    )
    order_ids = {line.order_id for line in lines}
    inbound = new_inbound(
        work,
        kind=InboundKind.RETURN,
        warehouse_id=scan.warehouse_id,
        order_id=min(order_ids) if order_ids else None,
        shipment_code=shipment.code,
        tracking_no=text if looks_like_tracking(text) and text != shipment.code else "",
    )
    work.add(
        [
            InboundLine(
                inbound_id=inbound.pk,
                sku_id=line.sku_id,
                order_line_id=line.order_line_id,
                planned=line.shipped - line.order_line.returned,
            )
            for line in lines
        ]
    )
    return inbound
