"""The sending side of a transfer where the warehouse has a system of its own: it is asked, and says what left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Sum

from fulfillment.errors import StockOutUnknown
from fulfillment.floor_errors import TransferHasLeft, TransferNotLeft
from fulfillment.models import InboundLine, InboundOrder, StockOut, StockOutLine
from fulfillment.services.inbound import INTERMEDIATE, send_inbound
from fulfillment.services.receiving import expect_no_more
from fulfillment.services.silence import close_silent_deliveries
from fulfillment.states import InboundKind, InboundState, StockOutState
from fulfillment.wms.goods_documents import StockOutConfirm
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.ids import new_ids
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import StockMovement
from ordercenter.inventory.services import Movement
from ordercenter.inventory.states import Bucket, MovementReason, SupplyKind

STOCK_OUT_KIND = "qimen.stockout.create"
KEEP_KIND = "qimen.stockout.cancel"
# Words of the warehouse that mean: it has left, or all that leaves has.
_LEFT = ("DELIVERED", "PARTDELIVERED", "CLOSED", "")
_WILL_NOT = ("REJECT", "CANCELED")
_ASKED = (StockOutState.SENT, StockOutState.ACCEPTED)
_GONE = (StockOutState.LEAVING, StockOutState.LEFT)


def ask_to_send(*, inbound: InboundOrder, pieces: Mapping[int, int], work: Work) -> StockOut:
    """Ask the sending warehouse for the goods of this transfer. The receiving one is told when they have left.

    pieces: SKU id -> how many, out of its books already.
    """
    (pk,) = new_ids(StockOut, 1)
    stock_out = StockOut(
        id=pk,
        code=f"OUT{inbound.code.removeprefix('IN')}",
        inbound_id=inbound.pk,
        warehouse_id=inbound.from_warehouse_id or 0,
        created_at=work.at,
    )
    work.add([stock_out])
    work.add([StockOutLine(stock_out_id=pk, sku_id=sku_id, planned=n) for sku_id, n in sorted(pieces.items())])
    _send(stock_out, work)
    return stock_out


def ask_again(*, inbound: InboundOrder, work: Work) -> bool:
    """Ask the sending warehouse once more, where it refused; False when this is not about a sending warehouse.

    Raises TransferNotLeft while the goods have not left: the receiving warehouse has nothing to be told yet.
    """
    stock_out = _locked(inbound, work)
    if stock_out is None or stock_out.state in _GONE:
        return False
    if stock_out.state != StockOutState.REJECTED:
        raise TransferNotLeft(inbound=inbound.code, stock_out=stock_out.code)
    _send(stock_out, work)
    return True


def keep_back(*, inbound: InboundOrder, reason: str, work: Work) -> bool:
    """The goods of this transfer shall stay where they are. True: the sending warehouse is asked, its answer decides.

    False: it need not be asked; where it had refused, its document is over now. Raises TransferHasLeft.
    """
    stock_out = _locked(inbound, work)
    if stock_out is None:
        return False
    if stock_out.state in _GONE:
        raise TransferHasLeft(inbound=inbound.code, stock_out=stock_out.code)
    if stock_out.state in _ASKED:
        work.command(
            kind=KEEP_KIND,
            target=f"warehouse:{stock_out.warehouse_id}",
            subject=f"inbound:{inbound.pk}",
            key=f"{KEEP_KIND}:{stock_out.code}:{work.at:%y%m%d%H%M%S%f}",
            payload={"inbound_id": inbound.pk, "reason": reason[:100]},
        )
        return True
    stock_out.cancel()
    work.save(stock_out)
    return False


def drop_delivery(inbound: InboundOrder, work: Work) -> None:
    """It will not come: expected no more; the pieces of a transfer are back in the books of the warehouse they left."""
    inbound.cancel()
    work.save(inbound)
    expect_no_more([inbound], work)
    if inbound.kind != InboundKind.TRANSFER or inbound.from_warehouse_id is None:
        return
    skus = InboundLine.objects.filter(inbound_id=inbound.pk).values("sku_id")
    moved = StockMovement.objects.filter(
        idempotency_key__startswith=f"transfer:{inbound.code}:", warehouse_id=inbound.from_warehouse_id, sku_id__in=skus
    )
    net = moved.values_list("sku_id").annotate(n=Sum("delta")).order_by("sku_id")
    inventory.move_stock(
        movements=[_movement(inbound, sku_id, -n, "back") for sku_id, n in net if n < 0], work=work
    ).raise_first()


def take_stock_out_answers(*, refs: Mapping[int, str], reasons: Mapping[int, str], work: Work) -> None:
    """The sending warehouses' yes (inbound id -> number there) and no (-> why). A no is a case; the goods wait for it.

    What left meanwhile has left, whatever the answer says.
    """
    outs = _by_inbound([*refs, *reasons], work)
    for pk, ref in refs.items():
        if pk in outs and outs[pk].state == StockOutState.SENT:
            outs[pk].accept()
            outs[pk].warehouse_ref = ref[:64]
            work.save(outs[pk], "warehouse_ref")
    close_silent_deliveries(inbound_ids=list(outs), work=work)
    _refuse({outs[pk]: why for pk, why in reasons.items() if pk in outs}, work)


def take_keep_answers(*, answers: Mapping[int, str], work: Work) -> None:
    """The answers to being asked to keep the goods: inbound id -> "" for a yes, or why not. A no is a case."""
    outs = _by_inbound(list(answers), work)
    inbounds = work.lock(InboundOrder, list(outs))
    drafts = []
    for pk, why_not in answers.items():
        if pk not in outs or outs[pk].state not in (*_ASKED, StockOutState.REJECTED):
            continue
        if why_not:
            drafts.append(_no(outs[pk], why_not))
            continue
        outs[pk].cancel()
        work.save(outs[pk])
        drop_delivery(inbounds[pk], work)
    close_silent_deliveries(inbound_ids=list(outs), work=work)
    cases.open_cases(drafts=drafts, work=work)


def confirm_stock_outs(
    *, confirms: Sequence[StockOutConfirm], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Warehouses sent goods to other warehouses. Quantities are those of each confirm; an outBizCode counts once.

    The first goods that leave bring the announcement to the receiving warehouse; the final confirm says how many will
    come in all. Pieces that stayed lie in quarantine at the sender, more than was asked leaves its books, either is a
    case. A final confirm of nothing is a no. Goods of a transfer that was called off are on their way all the same:
    it is open again, and a case. done: the stock-outs. Refused: StockOutUnknown. Emits SupplyChanged.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        codes = {confirm.code for confirm in confirms}
        known = dict(StockOut.objects.filter(code__in=codes).values_list("inbound_id", "pk"))
        inbounds = work.lock(InboundOrder, list(known))
        outs = {out.code: out for out in work.lock(StockOut, list(known.values())).values()}
        lines = work.lock_children(StockOutLine, "stock_out_id", list(known.values()))
        skus = _skus(confirms)
        departures: dict[int, _Departure] = {}
        for confirm in confirms:
            out = outs.get(confirm.code)
            if out is None:
                result.refuse(confirm, StockOutUnknown(number=confirm.code))
                continue
            result.done.append(out)
            if confirm.out_biz_code in out.confirms:
                continue
            if confirm.status in _WILL_NOT:
                _refuse({out: confirm.status}, work)
            elif confirm.status in _LEFT:
                departure = departures.setdefault(out.pk, _Departure(out, inbounds[out.inbound_id], lines[out.pk]))
                departure.take(confirm, skus, work)
        close_silent_deliveries(inbound_ids=list(known), work=work)
        _depart(list(departures.values()), work)
    return result


@dataclass
class _Departure:
    """What these confirms say of one stock-out. out_of_books: SKU -> pieces that its books gave up before."""

    out: StockOut
    inbound: InboundOrder
    lines: list[StockOutLine]
    out_of_books: dict[int, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    not_booked: dict[int, int] = field(default_factory=dict)
    is_final: bool = False
    was: str = ""

    def __post_init__(self) -> None:
        self.was = str(self.out.state)
        if self.was == StockOutState.CANCELLED:
            self.out_of_books = {line.sku_id: 0 for line in self.lines}
        else:
            is_over = self.was == StockOutState.LEFT
            self.out_of_books = {line.sku_id: line.left if is_over else line.planned for line in self.lines}

    def take(self, confirm: StockOutConfirm, skus: Mapping[str, int], work: Work) -> None:
        for received in confirm.lines:
            sku_id = skus.get(received.item_code)
            if sku_id is None:
                if received.actual:
                    self.unknown.append(received.item_code)
                continue
            line = next((line for line in self.lines if line.sku_id == sku_id), None)
            if line is None:
                line = StockOutLine(stock_out_id=self.out.pk, sku_id=sku_id)
                work.add([line])
                self.lines.append(line)
            line.left += received.actual
            work.save(line, "left")
        self.is_final = self.is_final or confirm.confirm_type != INTERMEDIATE
        self.out.confirms = [*self.out.confirms, confirm.out_biz_code]
        work.save(self.out, "confirms")
        if confirm.tracking_no and not self.inbound.tracking_no:
            self.inbound.tracking_no = confirm.tracking_no.strip().upper()[:64]
            self.inbound.carrier_code = confirm.carrier_code[:16]
            work.save(self.inbound, "tracking_no", "carrier_code")

    @property
    def settles(self) -> bool:
        """Whether it is known now what left in all."""
        return self.is_final or self.was in (StockOutState.LEFT, StockOutState.CANCELLED)

    @property
    def left(self) -> int:
        return sum(line.left for line in self.lines)

    def movements(self) -> list[Movement]:
        """What brings the sender's books to what left: the rest into quarantine, more out of what is on hand."""
        key = str(len(self.out.confirms))
        moves = []
        for line in sorted(self.lines, key=lambda line: line.sku_id):
            more = line.left - self.out_of_books.get(line.sku_id, 0)
            if more:
                bucket = Bucket.ON_HAND if more > 0 else Bucket.QUARANTINE
                moves.append(_movement(self.inbound, line.sku_id, -more, f"left{key}", bucket))
        return moves


def _depart(departures: Sequence[_Departure], work: Work) -> None:
    nothing = [d for d in departures if d.settles and not d.left]
    _refuse({d.out: "nothing left" for d in nothing}, work)
    gone = [d for d in departures if d.left]
    settled = [d for d in gone if d.settles]
    owners = {move.key: d for d in settled for move in d.movements()}
    moved = inventory.move_stock(movements=[move for d in settled for move in d.movements()], work=work)
    for refusal in moved.refused:
        owners[refusal.key.key].not_booked[refusal.key.sku_id] = -refusal.key.delta
    on_their_way = [d for d in gone if not _is_lost(d)]
    cases.close_cases_of(
        subjects=[f"inbound:{d.inbound.pk}" for d in on_their_way],
        codes=["WMS_REJECTED"],
        resolution="the goods have left",
        work=work,
    )
    inbound_lines = work.lock_children(InboundLine, "inbound_id", [d.inbound.pk for d in on_their_way])
    for d in on_their_way:
        _leave(d, inbound_lines[d.inbound.pk], work)
    expected = {
        (d.inbound.code, line.sku_id): line.left - d.not_booked.get(line.sku_id, 0)
        for d in on_their_way
        if d.settles
        for line in d.lines
    }
    inventory.correct_supplies(kind=SupplyKind.TRANSFER, pieces=expected, work=work)
    cases.open_cases(drafts=[draft for d in gone if (draft := _told(d)) is not None], work=work)
    send_inbound(
        inbound_ids=[d.inbound.pk for d in on_their_way if d.inbound.state == InboundState.PLANNED], work=work
    ).raise_first()


def _leave(d: _Departure, lines: list[InboundLine], work: Work) -> None:
    out, inbound = d.out, d.inbound
    if out.state != StockOutState.LEFT:
        out.leave() if d.settles else out.leave_in_part()
        if d.settles:
            out.left_at = work.at
        work.save(out, "left_at")
    if inbound.state == InboundState.CANCELLED:
        inbound.reopen()
        work.save(inbound)
    if not d.settles:
        return
    by_sku = {line.sku_id: line for line in lines}
    for sent in d.lines:
        comes = sent.left - d.not_booked.get(sent.sku_id, 0)
        line = by_sku.get(sent.sku_id)
        if line is None:
            line = InboundLine(inbound_id=inbound.pk, sku_id=sent.sku_id)
            work.add([line])
            lines.append(line)
        line.planned = comes
        work.save(line, "planned")


def _is_lost(d: _Departure) -> bool:
    """Called off, and the books have not one of the pieces to give: only a person can say where they come from."""
    return d.was == StockOutState.CANCELLED and sum(d.not_booked.values()) >= d.left


def _told(d: _Departure) -> CaseDraft | None:
    is_after_end = d.was in (StockOutState.LEFT, StockOutState.CANCELLED)
    other = d.settles and any(line.left != line.planned for line in d.lines)
    if not (is_after_end or other or d.unknown):
        return None
    codes = dict(Sku.objects.filter(pk__in=[line.sku_id for line in d.lines]).values_list("pk", "code"))
    return CaseDraft(
        code="GOODS_AFTER_END" if is_after_end else "TRANSFER_SHORT",
        subject=f"inbound:{d.inbound.pk}",
        warehouse_id=d.out.warehouse_id,
        reference=d.inbound.code,
        evidence={
            "stock_out": d.out.code,
            "lines": [
                {"sku": codes[line.sku_id], "planned": line.planned, "left": line.left}
                for line in d.lines
                if is_after_end or line.left != line.planned
            ][:20],
            **({"not_booked": {codes[pk]: n for pk, n in d.not_booked.items()}} if d.not_booked else {}),
            **({"unknown_items": d.unknown[:20]} if d.unknown else {}),
        },
    )


def _refuse(refused: Mapping[StockOut, str], work: Work) -> None:
    drafts = []
    for out, why in refused.items():
        if out.state in _ASKED:
            out.reject()
            work.save(out)
            drafts.append(_no(out, why))
    cases.open_cases(drafts=drafts, work=work)


def _no(out: StockOut, why: str) -> CaseDraft:
    return CaseDraft(
        code="WMS_REJECTED",
        subject=f"inbound:{out.inbound_id}",
        warehouse_id=out.warehouse_id,
        reference=out.code,
        evidence={"reason": why[:200], "stock_out": out.code},
    )


def _send(stock_out: StockOut, work: Work) -> None:
    again = stock_out.state == StockOutState.REJECTED
    stock_out.send()
    stock_out.sent_at = work.at
    work.save(stock_out, "sent_at")
    key = f"{STOCK_OUT_KIND}:{stock_out.code}"
    work.command(
        kind=STOCK_OUT_KIND,
        target=f"warehouse:{stock_out.warehouse_id}",
        subject=f"inbound:{stock_out.inbound_id}",
        # The warehouse knows a repeat by the document's number, our post office by this key.
        key=f"{key}:{work.at:%y%m%d%H%M%S%f}" if again else key,
        payload={"inbound_id": stock_out.inbound_id},
    )


def _locked(inbound: InboundOrder, work: Work) -> StockOut | None:
    return _by_inbound([inbound.pk], work).get(inbound.pk)


def _by_inbound(inbound_ids: Sequence[int], work: Work) -> dict[int, StockOut]:
    """Stock-outs by their inbound orders, those locked before them."""
    ids = dict(StockOut.objects.filter(inbound_id__in=inbound_ids).values_list("inbound_id", "pk"))
    work.lock(InboundOrder, sorted(ids))
    return {out.inbound_id: out for out in work.lock(StockOut, list(ids.values())).values()}


def _movement(inbound: InboundOrder, sku_id: int, delta: int, what: str, bucket: Bucket = Bucket.ON_HAND) -> Movement:
    return Movement(
        sku_id,
        inbound.from_warehouse_id or 0,
        delta,
        MovementReason.TRANSFER,
        inbound.code,
        f"transfer:{inbound.code}:{sku_id}:{what}",
        bucket,
    )


def _skus(confirms: Sequence[StockOutConfirm]) -> dict[str, int]:
    codes = {line.item_code for confirm in confirms for line in confirm.lines}
    return dict(Sku.objects.filter(code__in=codes).values_list("code", "pk"))


def still_there(warehouse_id: int) -> dict[int, int]:
    """SKU id -> pieces that are out of this warehouse's books for transfers and have not left it yet."""
    rows = StockOutLine.objects.filter(stock_out__warehouse_id=warehouse_id).exclude(
        stock_out__state__in=[StockOutState.LEFT, StockOutState.CANCELLED]
    )
    there: dict[int, int] = defaultdict(int)
    for sku_id, planned, left in rows.values_list("sku_id", "planned", "left"):
        there[sku_id] += max(0, planned - left)
    return there
