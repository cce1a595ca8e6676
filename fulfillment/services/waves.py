"""Waves: waiting shipments of an own warehouse become rounds of picking; missing pieces are decided upon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from fulfillment.floor.plans import Waiting, WavePlan, plan_waves
from fulfillment.floor_errors import NothingToWave, StepNotDue, WarehouseNotYours, WaveUnknown
from fulfillment.models import Basket, Bin, Carrier, FloorRules, PickLine, Shipment, ShipmentLine, Wave
from fulfillment.services.leaving_warehouse import after_stop
from fulfillment.services.own_house import own_warehouses, rules_of
from fulfillment.services.set_weights import set_pieces_g
from fulfillment.services.stopping import lock_for_stopping
from fulfillment.services.waybills import request_waybills
from fulfillment.states import HAS_LEFT, ShipmentState, WaveKind, WaveState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.errors import ReasonMissing
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.ids import new_ids
from ordercenter.common.rows import new_row
from ordercenter.inventory.states import WarehouseKind
from ordercenter.orders.models import Order
from ordercenter.orders.states import Grade

_RANK = {Grade.RUSH: 0, Grade.VIP: 1, Grade.NORMAL: 2}
_STILL_TO_PICK = (ShipmentState.WAVED, ShipmentState.PICKING, ShipmentState.SHORT_PICKED)
_ENDED = (*HAS_LEFT, ShipmentState.CANCELLED)
# Once a day in the worst case: a beat that was away for a night does not make the waves of yesterday.
_LATEST_CUT = timedelta(hours=12)


def make_waves(
    *,
    warehouse_id: int,
    kind: WaveKind | None = None,
    carrier_id: int | None = None,
    most: int | None = None,
    actor: Actor = SYSTEM,
    at: datetime | None = None,
    work: Work | None = None,
) -> list[Wave]:
    """Cut the shipments that wait in an own warehouse into waves; returns them.

    kind: what the shipments of a wave shall share; None: hot SKUs, then single pieces, then the rest by courier.
    carrier_id: only this courier's. most: shipments in a wave, the floor's rule when None. More points come first
    (`Shipment.priority`, the order of work everywhere), then rush before VIP before normal, then what is due
    earlier. Waybills are asked for where the courier is connected. Two people at one instant never get the same
    shipment. Raises WarehouseNotYours for a warehouse that is no own one, NothingToWave. A constant number of
    statements.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        if warehouse_id not in own_warehouses(work):
            raise WarehouseNotYours(warehouse_id=warehouse_id)
        rules = rules_of(warehouse_id)
        waiting = Shipment.objects.filter(warehouse_id=warehouse_id, state=ShipmentState.ACCEPTED)
        locked = work.lock(Shipment, list(waiting.values_list("pk", flat=True)))
        shipments = {pk: s for pk, s in locked.items() if s.state == ShipmentState.ACCEPTED}
        lines = _lines_of(shipments)
        bins = _bins(warehouse_id, {line.sku_id for group in lines.values() for line in group})
        plans = plan_waves(
            _waiting(shipments, lines, bins),
            kind=kind,
            most=most or rules.most_per_wave,
            hot_from=rules.hot_from,
            carrier_id=carrier_id,
        )
        if not plans:
            raise NothingToWave(warehouse_id=warehouse_id)
        waves = _write(work, warehouse_id, plans, shipments, lines, bins, rules)
        # Where a courier is connected its numbers are there by the time of packing; else they are typed or scanned.
        request_waybills(shipment_ids=[pk for plan in plans for pk in plan.shipment_ids], work=work)
        return waves


def is_a_wave_due(*, at: datetime) -> bool:
    """Whether some floor's time of day has come and anything waits there. One statement, two where a time has come."""
    rules = FloorRules.objects.exclude(waves_at="").filter(warehouse__kind=WarehouseKind.OWN)
    due = [each.warehouse_id for each in rules if _is_due(each, at)]
    return bool(due) and Shipment.objects.filter(warehouse_id__in=due, state=ShipmentState.ACCEPTED).exists()


def make_due_waves(*, at: datetime | None = None) -> list[Wave]:
    """Make the waves of every floor whose time of day has come since its last ones. For the beat; safe to repeat."""
    now = at or timezone.now()
    made: list[Wave] = []
    for rules in FloorRules.objects.exclude(waves_at="").select_related("warehouse"):
        with unit_of_work(at=now) as work:
            locked = work.lock(FloorRules, [rules.pk])[rules.pk]
            if not rules.warehouse.is_own or not _is_due(locked, now):
                continue
            locked.last_wave_at = now
            work.save(locked, "last_wave_at")
            try:
                made.extend(make_waves(warehouse_id=locked.warehouse_id, work=work))
            except NothingToWave:
                continue
    return made


def leave_wave(*, shipment_ids: Collection[int], actor: Actor, at: datetime | None = None) -> BatchResult:
    """Take shipments of which nothing has been picked out of their wave; they wait for another one. done: shipments.

    Refused: StepNotDue.
    """
    result = BatchResult()
    with unit_of_work(at=at, actor=actor) as work:
        shipments = work.lock(Shipment, shipment_ids)
        for shipment in shipments.values():
            if shipment.state != ShipmentState.WAVED:
                result.refuse(shipment.pk, StepNotDue(shipment=shipment.code, step="leave", state=shipment.state))
                continue
            shipment.leave_wave()
            work.save(shipment)
            result.done.append(shipment)
        gone = [shipment.pk for shipment in result.done]
        waves = _waves_of(gone)
        PickLine.objects.filter(basket__shipment_id__in=gone).delete()
        Basket.objects.filter(shipment_id__in=gone).delete()
        settle_waves(waves, without=gone, work=work)
    return result


def confirm_wave_picked(*, wave_id: int, actor: Actor, at: datetime | None = None) -> BatchResult:
    """Picked from paper: every piece that was not reported missing is in its basket now; the check will tell.

    done: the shipments that are picked. Refused: StepNotDue for one with missing pieces that nobody has decided upon.
    A constant number of statements. Raises WaveUnknown.
    """
    result = BatchResult()
    with unit_of_work(at=at, actor=actor) as work:
        ids = list(Basket.objects.filter(wave_id=wave_id).values_list("shipment_id", flat=True))
        shipments = work.lock(Shipment, ids)
        baskets = work.lock_children(Basket, "wave_id", [wave_id])[wave_id]
        if not baskets:
            raise WaveUnknown(wave=str(wave_id))
        lines = work.lock_children(PickLine, "basket_id", [basket.pk for basket in baskets])
        for basket in baskets:
            shipment = shipments[basket.shipment_id]
            if shipment.state == ShipmentState.SHORT_PICKED:
                result.refuse(shipment.pk, StepNotDue(shipment=shipment.code, step="pick", state=shipment.state))
            elif shipment.state in (ShipmentState.WAVED, ShipmentState.PICKING):
                for line in lines[basket.pk]:
                    line.picked = line.wanted - line.short
                    work.save(line, "picked")
                _to_picked(shipment)
                work.save(shipment)
                result.done.append(shipment)
        settle_waves([wave_id], without=[shipment.pk for shipment in result.done], work=work)
    return result


def decide_missing(
    *, shipment_id: int, ship_rest: bool, reason: str, actor: Actor, at: datetime | None = None
) -> Shipment:
    """What becomes of a shipment with missing pieces: it leaves without them, or goes back and looks for another way.

    ship_rest: the pieces that are there leave, the order gets the rest anew. Else the basket is put back; when nothing
    is in it, the order is free at once. Raises StepNotDue, ReasonMissing; the reason is kept as a deed.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        orders = lock_for_stopping(shipment_ids=[shipment_id], work=work)
        shipment = work.lock(Shipment, [shipment_id]).get(shipment_id)
        if shipment is None or shipment.state != ShipmentState.SHORT_PICKED:
            state = shipment.state if shipment else "none"
            raise StepNotDue(shipment=str(shipment_id), step="missing", state=state)
        basket = work.lock_children(Basket, "shipment_id", [shipment_id])[shipment_id][0]
        lines = work.lock_children(PickLine, "basket_id", [basket.pk])[basket.pk]
        in_hand = sum(line.picked for line in lines)
        if ship_rest and in_hand:
            shipment.finish_picking()
            work.save(shipment)
        else:
            shipment.order_back()
            work.save(shipment)
            if not in_hand:
                after_stop(answers={shipment_id: True}, work=work)
        cases.close_cases_of(
            subjects=[f"shipment:{shipment_id}"], codes=["SHORT_PICK"], resolution=reason[:200], work=work
        )
        for pk in orders:
            record_deed(
                work, action="shipment.missing", subject=f"order:{pk}", reason=reason, details={"ship_rest": ship_rest}
            )
        settle_waves([basket.wave_id], without=[shipment_id], work=work)
        return shipment


def settle_waves(wave_ids: Collection[int], *, without: Collection[int], work: Work) -> None:
    """Let waves follow their shipments. without: shipments that this work has brought on and not yet written.

    The wave is locked last, and two who finish at one instant look one after the other, so that one of them sees that
    nothing is left. Two statements.
    """
    if not wave_ids:
        return
    waves = work.lock(Wave, sorted(set(wave_ids)))
    rows = Basket.objects.filter(wave_id__in=list(waves)).exclude(shipment_id__in=list(without))
    states: dict[int, set[str]] = defaultdict(set)
    for wave_id, state in rows.values_list("wave_id", "shipment__state"):
        states[wave_id].add(state)
    mine = work.lock(Shipment, list(without))
    of_mine = dict(Basket.objects.filter(shipment_id__in=list(without)).values_list("shipment_id", "wave_id"))
    for pk, shipment in mine.items():
        if pk in of_mine:
            states[of_mine[pk]].add(shipment.state)
    for wave in waves.values():
        _follow(work, wave, states[wave.pk])


def _follow(work: Work, wave: Wave, states: Collection[str]) -> None:
    is_done = all(state in _ENDED for state in states)
    if wave.state != WaveState.DONE and is_done:
        wave.finish()
        wave.finished_at = work.at
    elif wave.state in (WaveState.OPEN, WaveState.PICKING) and not any(state in _STILL_TO_PICK for state in states):
        wave.finish_picking()
    elif wave.state == WaveState.PICKED and any(state in _STILL_TO_PICK for state in states):
        wave.pick_on()
    elif wave.state == WaveState.OPEN and any(state != ShipmentState.WAVED for state in states):
        wave.start()
        wave.started_at = work.at
    else:
        return
    wave.started_at = wave.started_at or work.at
    work.save(wave, "started_at", "finished_at")


def _to_picked(shipment: Shipment) -> None:
    if shipment.state == ShipmentState.WAVED:
        shipment.start_picking()
    shipment.finish_picking()


def _lines_of(shipments: Mapping[int, Shipment]) -> dict[int, list[ShipmentLine]]:
    lines: dict[int, list[ShipmentLine]] = defaultdict(list)
    for line in ShipmentLine.objects.filter(shipment_id__any_of=list(shipments)).order_by("pk"):
        lines[line.shipment_id].append(line)
    return lines


def _bins(warehouse_id: int, sku_ids: Collection[int]) -> dict[int, str]:
    rows = Bin.objects.filter(warehouse_id=warehouse_id, sku_id__any_of=list(sku_ids))
    return dict(rows.values_list("sku_id", "code"))


def _waiting(
    shipments: Mapping[int, Shipment], lines: Mapping[int, Sequence[ShipmentLine]], bins: Mapping[int, str]
) -> list[Waiting]:
    due = _due(lines)
    answer = []
    for shipment in shipments.values():
        mine = lines.get(shipment.pk, ())
        pieces: dict[int, int] = defaultdict(int)
        for line in mine:
            pieces[line.sku_id] += line.quantity
        grade = _RANK[Grade(shipment.grade)]
        urgency = (-shipment.priority, grade, due.get(shipment.pk) or shipment.created_at, shipment.pk)
        zones = frozenset(bins.get(line.sku_id, "").partition("-")[0] for line in mine)
        answer.append(Waiting(shipment.pk, urgency, shipment.carrier_id, tuple(pieces.items()), zones))
    return answer


def _due(lines: Mapping[int, Sequence[ShipmentLine]]) -> dict[int, datetime]:
    """By when each shipment has to leave: the earliest time of its orders; one that has none goes by its age."""
    orders = {line.order_id for group in lines.values() for line in group}
    rows = Order.objects.filter(pk__any_of=list(orders), ship_by__isnull=False).values_list("pk", "ship_by")
    by: dict[int, datetime] = {pk: at for pk, at in rows if at is not None}
    return {
        pk: min(times)
        for pk, group in lines.items()
        if (times := [by[line.order_id] for line in group if line.order_id in by])
    }


def _write(
    work: Work,
    warehouse_id: int,
    plans: Sequence[WavePlan],
    shipments: Mapping[int, Shipment],
    lines: Mapping[int, Sequence[ShipmentLine]],
    bins: Mapping[int, str],
    rules: FloorRules,
) -> list[Wave]:
    chosen = [pk for plan in plans for pk in plan.shipment_ids]
    skus = Sku.objects.in_bulk({line.sku_id for pk in chosen for line in lines[pk]})
    in_sets = set_pieces_g([line.pk for pk in chosen for line in lines[pk]])
    carriers = dict(Carrier.objects.values_list("pk", "name"))
    waves: list[Wave] = []
    baskets: list[Basket] = []
    for plan, pk in zip(plans, new_ids(Wave, len(plans)), strict=True):
        wave = new_row(
            Wave,
            id=pk,
            code=f"W{work.at:%y%m%d}{pk:05d}",
            warehouse_id=warehouse_id,
            kind=plan.kind,
            title=_title(plan, carriers, skus),
            shipments_total=len(plan.shipment_ids),
            pieces_total=sum(line.quantity for s in plan.shipment_ids for line in lines[s]),
            created_by_id=work.actor.user_id,
            created_at=work.at,
        )
        waves.append(wave)
        for number, shipment_id in enumerate(plan.shipment_ids, start=1):
            weight = sum(in_sets.get(n.pk, skus[n.sku_id].weight_g) * n.quantity for n in lines[shipment_id])
            baskets.append(
                new_row(
                    Basket,
                    wave_id=pk,
                    shipment_id=shipment_id,
                    number=number,
                    expected_g=weight + rules.packing_g,
                )
            )
            shipments[shipment_id].join_wave()
            work.save(shipments[shipment_id])
    work.add(waves)
    work.add(baskets)
    work.add(
        [
            new_row(
                PickLine,
                basket_id=basket.pk,
                shipment_line_id=line.pk,
                sku_id=line.sku_id,
                bin_code=bins.get(line.sku_id, ""),
                wanted=line.quantity,
            )
            for basket in baskets
            for line in lines[basket.shipment_id]
        ]
    )
    return waves


def _title(plan: WavePlan, carriers: Mapping[int, str], skus: Mapping[int, Sku]) -> str:
    if plan.kind == WaveKind.CARRIER and isinstance(plan.of, int):
        return carriers.get(plan.of, "")[:128]
    if plan.kind == WaveKind.HOT and isinstance(plan.of, int):
        return f"{skus[plan.of].code} {skus[plan.of].name}"[:128]
    return str(plan.of)[:128]


def _waves_of(shipment_ids: Collection[int]) -> list[int]:
    return list(Basket.objects.filter(shipment_id__in=shipment_ids).values_list("wave_id", flat=True).distinct())


def _is_due(rules: FloorRules, now: datetime) -> bool:
    """Whether one of its times of day has passed since its last waves, and not too long ago."""
    local = timezone.localtime(now)
    for text in rules.waves_at.split(","):
        hour, _colon, minute = text.strip().partition(":")
        cut = local.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        cut = cut if cut <= local else cut - timedelta(days=1)
        if local - cut <= _LATEST_CUT and (rules.last_wave_at is None or rules.last_wave_at < cut):
            return True
    return False
