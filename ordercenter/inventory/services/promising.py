"""A date for every line that waits: of what is on its way, or of what can be made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F, Q

from ordercenter.audit.work import Work
from ordercenter.inventory.formulas import Making, available_by_day, capable_date, promise_date
from ordercenter.inventory.models import (
    CapacityDay,
    Component,
    ProductionOrder,
    ProductionRoute,
    StockLevel,
    StockPolicy,
    Supply,
    SupplyClaim,
)
from ordercenter.inventory.services.levels import Place
from ordercenter.inventory.services.producing import book_production, cancel_production
from ordercenter.inventory.states import ProductionState, PromiseBasis, StockSource, SupplyState, WarehouseKind

SHANGHAI = ZoneInfo("Asia/Shanghai")
Dated = list[tuple[date, int]]


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A line that waits for pieces of a SKU."""

    order_id: int
    line_id: int
    sku_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Promised:
    """From when on the pieces are there; None where no day is known. basis: what the day rests on.

    places: from when on all of them lie in one warehouse, by warehouse; only where it was asked for.
    """

    on: date | None
    basis: PromiseBasis
    places: Mapping[int, date] = field(default_factory=dict)


def promise_lines(*, lines: Sequence[WaitingLine], work: Work) -> dict[int, Promised]:
    """Promise a day to each of these lines, in the order given, and keep it as their claim on what is to come.

    From coming supply by cumulative look-ahead, so that no promise takes the pieces of another; made to order, by the
    free minutes of the resource and the parts, which are booked with it; a pre-sale not before its date. Old promises
    of these lines are made anew; what is being made for a line already keeps its day. A constant number of statements,
    and a few for each line that is made to order. By line id.
    """
    if not lines:
        return {}
    with connection.cursor() as cursor:
        # One promises at a time: two would both see the same pieces unpromised.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('promises'), 0)")
    SupplyClaim.objects.filter(line_id__in=[line.line_id for line in lines]).delete()
    desk = _Desk(lines, work)
    answer = {line.line_id: desk.promise(line) for line in lines}
    work.add(
        [
            SupplyClaim(
                sku_id=line.sku_id,
                quantity=line.quantity,
                promised_on=answer[line.line_id].on,
                basis=answer[line.line_id].basis,
                order_id=line.order_id,
                line_id=line.line_id,
                made_at=work.at,
            )
            for line in lines
        ]
    )
    return answer


def foresee_lines(*, lines: Sequence[WaitingLine], work: Work) -> dict[int, Promised]:
    """What `promise_lines` would answer now, in the order given: nothing is promised, booked or locked. By line id.

    For what cannot leave as things are: where as many pieces as wanted lie somewhere, the day on which more are there.
    What these orders were promised before does not stand in their way. line_id need be no line: any number below zero.
    Says the places, too. A constant number of statements.
    """
    if not lines:
        return {}
    desk = _Desk(lines, work, is_trial=True)
    answer: dict[int, Promised] = {}
    for line in lines:
        promised = desk.promise(line)
        answer[line.line_id] = replace(promised, places=desk.places(line, promised))
    return answer


def drop_promises(
    *, order_ids: Collection[int] = (), line_ids: Collection[int] = (), cancelled: bool, work: Work
) -> set[int]:
    """These lines wait no more. cancelled: nobody wants their pieces, so what is not made yet will not be made; others
    may have what was to come for them. Returns the SKUs of which something was promised.
    """
    claims = SupplyClaim.objects.filter(Q(order_id__in=order_ids) | Q(line_id__in=line_ids), line_id__isnull=False)
    rows = list(claims.values_list("line_id", "sku_id"))
    if not rows:
        return set()
    claims.delete()
    if cancelled:
        cancel_production(line_ids=[pk for pk, _sku in rows if pk is not None], work=work)
    return {sku_id for _line, sku_id in rows}


class _Desk:
    """What is known while a list of lines is promised: supplies, claims, calendars; each promise is added to it."""

    def __init__(self, lines: Sequence[WaitingLine], work: Work, *, is_trial: bool = False):
        self.work, self.is_trial = work, is_trial
        self.today = work.at.astimezone(SHANGHAI).date()
        skus = {line.sku_id for line in lines}
        self.policies = {p.sku_id: p for p in StockPolicy.objects.filter(sku_id__in=skus)}
        routes = ProductionRoute.objects.filter(sku_id__in=skus, is_active=True, resource__is_active=True)
        self.routes = {r.sku_id: r for r in routes.select_related("resource")}
        self.parts: dict[int, list[Component]] = defaultdict(list)
        for component in Component.objects.filter(route__in=self.routes.values()).order_by("pk"):
            self.parts[component.route_id].append(component)
        self.days: dict[int, dict[date, CapacityDay]] = defaultdict(dict)
        if self.routes:
            resources = {r.resource_id for r in self.routes.values()}
            days = CapacityDay.objects.filter(resource_id__in=resources, day__gte=self.today).order_by("pk")
            rows = list(days if is_trial else days.select_for_update(of=("self",)))
            if not is_trial:
                work.adopt(CapacityDay, rows)
            for row in rows:
                self.days[row.resource_id][row.day] = row
        made = ProductionOrder.objects.filter(line_id__in=[n.line_id for n in lines], state=ProductionState.PLANNED)
        self.in_making = {o.line_id: o for o in made}
        skus |= {c.part_id for group in self.parts.values() for c in group}
        self.free, self.arriving = _free_now(skus), _coming(skus, self.today)
        self.now = _summed(self.free)
        self.coming = _joined(self.arriving)
        self.claimed = _claimed(skus, without=[n.order_id for n in lines] if is_trial else ())

    def promise(self, line: WaitingLine) -> Promised:
        promised = self._find(line)
        if promised.on is not None:
            self.claimed[line.sku_id].append((promised.on, line.quantity))
        return promised

    def places(self, line: WaitingLine, promised: Promised) -> dict[int, date]:
        """From when on a promise of a trial could leave from each warehouse: claims are on all of them together, so
        nowhere before the day of the promise, and where as much has come by then, or will have come later."""
        if promised.on is None:
            return {}
        if promised.basis == PromiseBasis.PRODUCTION and line.sku_id in self.routes:
            return {self.routes[line.sku_id].resource.warehouse_id: promised.on}
        found: dict[int, date] = {}
        here = {w for sku_id, w in (*self.free, *self.arriving) if sku_id == line.sku_id}
        for warehouse_id in sorted(here):
            place = (line.sku_id, warehouse_id)
            timeline = available_by_day(
                now=self.free.get(place, 0), coming=self.arriving.get(place, ()), promised=(), today=self.today
            )
            day = promise_date(timeline, line.quantity)
            if day is not None:
                found[warehouse_id] = max(day, promised.on)
        return found

    def _find(self, line: WaitingLine) -> Promised:
        if line.line_id in self.in_making:
            return Promised(self.in_making[line.line_id].ready_on, PromiseBasis.PRODUCTION)
        policy = self.policies.get(line.sku_id)
        source = policy.source if policy is not None else StockSource.STOCK
        timeline = self._timeline(line.sku_id)
        supplied = promise_date(timeline, max(line.quantity, timeline[0][1] + 1 if self.is_trial else 0))
        if source == StockSource.PRESALE and policy is not None and policy.ships_on is not None:
            return Promised(max(policy.ships_on, supplied or policy.ships_on), PromiseBasis.PRESALE)
        if source in (StockSource.MADE_TO_ORDER, StockSource.STOCK_OR_MADE):
            making = self._making(line)
            # Making takes minutes and parts: what comes as early by itself is taken first.
            if making is not None and (supplied is None or making.ready_on < supplied):
                self._book(line, making)
                return Promised(making.ready_on, PromiseBasis.PRODUCTION)
        if supplied is None:
            return Promised(None, PromiseBasis.UNKNOWN)
        return Promised(supplied, PromiseBasis.SUPPLY)

    def _timeline(self, sku_id: int) -> Dated:
        return available_by_day(
            now=self.now.get(sku_id, 0), coming=self.coming[sku_id], promised=self.claimed[sku_id], today=self.today
        )

    def _making(self, line: WaitingLine) -> Making | None:
        route = self.routes.get(line.sku_id)
        if route is None:
            return None
        days = self.days[route.resource_id]
        return capable_date(
            free_minutes={day: row.minutes - row.used for day, row in days.items()},
            pieces=line.quantity,
            minutes_per_unit=route.minutes_per_unit,
            today=self.today,
            setup_days=route.setup_days,
            lead_days=route.lead_days,
            components=[(self._timeline(c.part_id), c.quantity * line.quantity) for c in self.parts[route.pk]],
        )

    def _book(self, line: WaitingLine, making: Making) -> None:
        route = self.routes[line.sku_id]
        if self.is_trial:
            for day, minutes in making.minutes:
                self.days[route.resource_id][day].used += minutes
        else:
            book_production(
                route=route,
                resource=route.resource,
                components=self.parts[route.pk],
                making=making,
                quantity=line.quantity,
                order_id=line.order_id,
                line_id=line.line_id,
                days=self.days[route.resource_id],
                work=self.work,
            )
        self.coming[line.sku_id].append((making.ready_on, line.quantity))
        for c in self.parts[route.pk]:
            self.claimed[c.part_id].append((making.minutes[0][0], c.quantity * line.quantity))


def _free_now(sku_ids: Collection[int]) -> dict[Place, int]:
    ats = F("on_hand") - F("reserved") - F("allocated") - F("set_aside") - F("safety")
    lying = StockLevel.objects.filter(sku_id__in=sku_ids, warehouse__is_open=True)
    rows = lying.exclude(warehouse__kind=WarehouseKind.STORE).annotate(pieces=ats)
    return {(sku, w): pieces for sku, w, pieces in rows.values_list("sku_id", "warehouse_id", "pieces")}


def _coming(sku_ids: Collection[int], today: date) -> dict[Place, Dated]:
    coming: dict[Place, Dated] = defaultdict(list)
    rows = Supply.objects.filter(sku_id__in=sku_ids, state=SupplyState.COMING, warehouse__is_open=True)
    rows = rows.exclude(warehouse__kind=WarehouseKind.STORE)
    names = ("sku_id", "warehouse_id", "due_on", "quantity", "arrived")
    for sku_id, warehouse_id, due_on, quantity, arrived in rows.values_list(*names):
        # What is late already does not come today: tomorrow is the best that can be said.
        day = due_on if due_on >= today else today + timedelta(days=1)
        coming[sku_id, warehouse_id].append((day, max(0, quantity - arrived)))
    return coming


def _summed(free: Mapping[Place, int]) -> dict[int, int]:
    total: dict[int, int] = defaultdict(int)
    for (sku_id, _warehouse_id), pieces in free.items():
        total[sku_id] += pieces
    return total


def _joined(arriving: Mapping[Place, Dated]) -> dict[int, Dated]:
    joined: dict[int, Dated] = defaultdict(list)
    for (sku_id, _warehouse_id), dated in arriving.items():
        joined[sku_id].extend(dated)
    return joined


def _claimed(sku_ids: Collection[int], *, without: Collection[int] = ()) -> dict[int, Dated]:
    claimed: dict[int, Dated] = defaultdict(list)
    rows = SupplyClaim.objects.filter(sku_id__in=sku_ids, promised_on__isnull=False)
    if without:
        rows = rows.exclude(order_id__in=without)
    for sku_id, day, quantity in rows.values_list("sku_id", "promised_on", "quantity"):
        if day is not None:
            claimed[sku_id].append((day, quantity))
    return claimed


def timeline_of(sku_id: int, *, today: date) -> Mapping[date, int]:
    """ATP of a SKU by day, from today on. Three statements."""
    skus = [sku_id]
    timeline = available_by_day(
        now=_summed(_free_now(skus)).get(sku_id, 0),
        coming=_joined(_coming(skus, today))[sku_id],
        promised=_claimed(skus)[sku_id],
        today=today,
    )
    return dict(timeline)
