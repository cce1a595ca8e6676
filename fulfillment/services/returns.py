"""Goods that buyers send back, announced to the warehouse that they left from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fulfillment.models import InboundOrder, ShipmentLine
from fulfillment.services.bringing import CANCEL_INBOUND_KIND
from fulfillment.services.inbound import InboundDraft, announce_inbound
from fulfillment.services.own_house import own_warehouses
from fulfillment.states import InboundKind, InboundState
from ordercenter.audit.work import Work
from ordercenter.catalog.models import BundlePart
from ordercenter.events.types import Event, ReturnCalledOff, ReturnExpected
from ordercenter.orders.models import Order, OrderLine

_NOT_THERE_YET = (InboundState.PLANNED, InboundState.SENT, InboundState.ACCEPTED, InboundState.REJECTED)


@dataclass(frozen=True, slots=True)
class _Left:
    """The last shipment in which a line left."""

    warehouse_id: int
    shipment_code: str


def take_return_news(*, news: Sequence[Event], work: Work) -> list[InboundOrder]:
    """Announce the returns that are expected, call off those that will not come; returns the new inbound orders.

    A request is one inbound order, however often it is told: a later word brings its tracking number. The goods of a
    line go to the warehouse from which they left last, no more of them than are out; of a bundle each part. What a
    warehouse has begun to receive is not called off. The number of statements does not grow with the list.
    """
    expected = {_key(e): e for e in news if isinstance(e, ReturnExpected)}
    gone = {_key(e) for e in news if isinstance(e, ReturnCalledOff)}
    work.lock(Order, sorted({e.order_id for e in news if isinstance(e, ReturnExpected | ReturnCalledOff)}))
    known = _known({*expected, *gone}, work)
    for key, inbound in known.items():
        if key in expected:
            _bring_number(inbound, expected[key], work)
    last_words = {_key(e): e for e in news if isinstance(e, ReturnExpected | ReturnCalledOff)}
    for key in gone & known.keys():
        if isinstance(last_words[key], ReturnCalledOff) and known[key].state in _NOT_THERE_YET:
            _call_off(known[key], work)
    new = {
        key: event
        for key, event in expected.items()
        if key not in known and isinstance(last_words[key], ReturnExpected)
    }
    return announce_inbound(drafts=_drafts(new), work=work) if new else []


def _key(event: ReturnExpected | ReturnCalledOff) -> str:
    return f"return:{event.order_id}:{event.channel_refund_no}"[:64]


def _known(keys: Collection[str], work: Work) -> dict[str, InboundOrder]:
    ids = list(InboundOrder.objects.filter(key__in=keys).values_list("pk", flat=True))
    return {str(inbound.key): inbound for inbound in work.lock(InboundOrder, ids).values()}


def _bring_number(inbound: InboundOrder, event: ReturnExpected, work: Work) -> None:
    number = event.tracking_no.strip().upper()[:64]
    if number and number != inbound.tracking_no and inbound.state in _NOT_THERE_YET:
        inbound.tracking_no, inbound.carrier_code = number, event.carrier[:16]
        work.save(inbound, "tracking_no", "carrier_code")


def _call_off(inbound: InboundOrder, work: Work) -> None:
    """A warehouse that was told is asked first, and its answer decides."""
    is_known_there = inbound.state in (InboundState.SENT, InboundState.ACCEPTED)
    if not is_known_there or inbound.warehouse_id in own_warehouses(work):
        inbound.cancel()
        work.save(inbound)
        return
    work.command(
        kind=CANCEL_INBOUND_KIND,
        target=f"warehouse:{inbound.warehouse_id}",
        subject=f"inbound:{inbound.pk}",
        key=f"{CANCEL_INBOUND_KIND}:{inbound.code}:withdrawn",
        payload={"inbound_id": inbound.pk, "reason": "return withdrawn"},
    )


def _drafts(expected: Mapping[str, ReturnExpected]) -> list[InboundDraft]:
    lines = _lines_of({event.order_id for event in expected.values()})
    left = _left({line.pk for rows in lines.values() for line in rows})
    parts = _pieces_in_bundles({line.bundle_id for rows in lines.values() for line in rows if line.bundle_id})
    drafts = []
    for key, event in expected.items():
        back: dict[int, int] = {}
        owners: dict[int, int] = {}
        place: _Left | None = None
        for line in lines[event.order_id, event.channel_line_no]:
            if line.sku_id is None or line.pk not in left:
                continue
            in_each = parts.get((line.bundle_id, line.sku_id), 1) if line.bundle_id else 1
            pieces = min(event.pieces * in_each, line.shipped - line.returned)
            if pieces > 0:
                place = place or left[line.pk]
                back[line.sku_id] = back.get(line.sku_id, 0) + pieces
                owners[line.sku_id] = line.pk
        if place is not None:
            drafts.append(
                InboundDraft(
                    kind=InboundKind.RETURN,
                    warehouse_id=place.warehouse_id,
                    pieces=back,
                    order_id=event.order_id,
                    shipment_code=place.shipment_code,
                    carrier_code=event.carrier[:16],
                    tracking_no=event.tracking_no[:64],
                    order_lines=owners,
                    key=key,
                )
            )
    return drafts


def _lines_of(order_ids: Collection[int]) -> dict[tuple[int, str], list[OrderLine]]:
    found: dict[tuple[int, str], list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order_id__in=order_ids).order_by("pk"):
        found[line.order_id, line.channel_line_no].append(line)
    return found


def _left(line_ids: Collection[int]) -> dict[int, _Left]:
    rows = ShipmentLine.objects.filter(order_line_id__in=line_ids, shipped__gt=0).order_by("pk")
    names = ("order_line_id", "shipment__warehouse_id", "shipment__code")
    return {line_id: _Left(warehouse_id, code) for line_id, warehouse_id, code in rows.values_list(*names)}


def _pieces_in_bundles(bundle_ids: Collection[int]) -> dict[tuple[int, int], int]:
    rows = BundlePart.objects.filter(bundle_id__in=bundle_ids).values_list("bundle_id", "part_id", "quantity")
    return {(bundle_id, part_id): quantity for bundle_id, part_id, quantity in rows}
