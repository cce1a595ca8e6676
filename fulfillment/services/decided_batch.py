"""The decisions of one batch as what is written of them: parcels with their record, refusals with their reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fulfillment.errors import CapacityFull, NoCourierThere, RoutingForbidden, RuleUnanswered, WarehouseClosed
from fulfillment.models import RoutingDecision
from fulfillment.models.routing import DecisionOutcome
from fulfillment.routing.calendar import ALWAYS_OPEN
from fulfillment.routing.decide import Decider
from fulfillment.routing.facts import Decision, Free, OrderFacts
from fulfillment.routing.record import later_of, record_of
from fulfillment.routing.terms import Parcel
from fulfillment.services.assignments import Assignment, CourierTerms, PlannedParcel
from fulfillment.services.missing import missing_of, once_there, with_dates
from fulfillment.services.routing_world import RoutingWorld
from ordercenter.audit.work import Work
from ordercenter.catalog.models import Contact, Sku
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.money import from_fen
from ordercenter.common.rows import new_row
from ordercenter.inventory.errors import StockShort
from ordercenter.orders.models import Order


@dataclass
class DecidedBatch:
    """The decisions of one call: what they are made with, and what has to be written of them."""

    world: RoutingWorld
    decider: Decider
    why: str
    refused: list[RoutingDecision] = field(default_factory=list)
    # Of orders that lack something: what was known of them, what they might take, whether parts of them leave alone.
    lacking: dict[int, tuple[OrderFacts, Free, bool]] = field(default_factory=dict)

    def assign(self, decision: Decision) -> Assignment:
        """The parcels of a decision, with its record."""
        choice = decision.choice
        if choice is None:
            raise ValueError(f"order {decision.need.order_id}: nothing was chosen")
        parcels = []
        for parcel in choice.parcels:
            pieces = decision.pieces_of(parcel.line_ids)
            release_at = None
            if parcel.warehouse_id in decision.ruling.held and parcel.warehouse_id in self.world.calendars:
                release_at = self.world.calendars[parcel.warehouse_id].next_release(self.decider.at)
            cost, carrier_id = from_fen(parcel.freight_fen), self.world.carriers[parcel.courier_id]
            terms = _courier_terms(decision, parcel)
            parcels.append(
                PlannedParcel(parcel.warehouse_id, carrier_id, cost, parcel.weight_g, pieces, release_at, terms)
            )
        record = self._record(decision)
        for kept, parcel in zip(record["parcels"], choice.parcels, strict=True):
            day = self.decider.dispatch_on[parcel.warehouse]
            if day is not None and parcel.warehouse_id in self.world.limited:
                # By this its shipment is counted on that day, and the day has room again when it is cancelled.
                kept["on"] = day.isoformat()
        return Assignment(tuple(parcels), record)

    def _record(self, decision: Decision) -> dict[str, Any]:
        world = self.world
        return record_of(decision, world.versions, tariff=world.tariff, why=self.why, carriers=world.carriers)

    def keep_refused(self, order: Order, decision: Decision, error: OrderCenterError, at: datetime) -> None:
        self.refused.append(
            new_row(
                RoutingDecision,
                order_id=order.id,
                at=at,
                outcome=DecisionOutcome.REFUSED,
                code=error.code,
                record=self._record(decision),
            )
        )

    def date_missing(self, work: Work) -> None:
        """Say in the records of orders that lack something what it is, from when on it could be there, and which way
        the order would go then: from where it comes to lie, late as that is."""
        short = {row.order_id: row for row in self.refused if row.order_id in missing_of(work)}
        dated = with_dates({order_id: missing_of(work)[order_id] for order_id in short}, work=work)
        missing_of(work).update(dated)
        for order_id, rows in dated.items():
            short[order_id].record["missing"] = [
                {"sku": m.sku_id, "pieces": m.pieces, "from": m.earliest.isoformat() if m.earliest else None}
                for m in rows
            ]
            facts, free, in_parts = self.lacking[order_id]
            today = ALWAYS_OPEN.today(work.at)
            later = once_there(facts, rows, free, today, in_parts=in_parts)
            if later is not None:
                decision = self.decider.decide(later, free)
                found = later_of(decision, on=today, tariff=self.world.tariff, carriers=self.world.carriers)
                short[order_id].record.update({"later": found} if found else {})

    def refusal(
        self, order: Order, decision: Decision, contacts: Mapping[int, Contact], skus: Mapping[int, Sku]
    ) -> OrderCenterError:
        """Why there is no way, as the error that the flow and the case speak of."""
        if decision.problem == "short":
            codes = {skus[sku_id].code: sku_id for sku_id in decision.short}
            return StockShort(order_id=order.id, sku_ids=decision.short, missing=codes)
        if decision.problem == "closed" and decision.closed is not None:
            closing = self.decider.closings[decision.closed]
            code = self.world.warehouse_codes.get(decision.closed, str(decision.closed))
            return WarehouseClosed(order_id=order.id, warehouse=code, reopens_on=closing.reopens_on.isoformat())
        if decision.problem == "unanswered":
            return RuleUnanswered(order_id=order.id, rule=decision.ruling.unanswered)
        if decision.problem == "excluded":
            return RoutingForbidden(order_id=order.id, rules=forbidding_rules(decision))
        if decision.problem == "full":
            full = [
                c.warehouse_id for c in (decision.choice.candidates if decision.choice else ()) if c.verdict == "full"
            ]
            return CapacityFull(order_id=order.id, warehouses=[self.world.warehouse_codes[pk] for pk in full])
        contact = contacts.get(order.contact_id or 0)
        return NoCourierThere(order_id=order.id, province=contact.province if contact else "")


def _courier_terms(decision: Decision, parcel: Parcel) -> CourierTerms | None:
    """What the rules say of the couriers of this parcel, should planning cut it or put it together with others."""
    ruling, w = decision.ruling, parcel.warehouse
    if ruling.allowed is None and ruling.extra_fen is None and not ruling.goods_masks:
        return None
    allowed = [] if ruling.allowed is None else [ruling.allowed[w]]
    if ruling.goods_masks:
        inside = set(parcel.line_ids)
        lines = (line for line in decision.need.lines if line.line_id in inside)
        allowed += [line.allowed[w] for line in lines if line.allowed is not None]
    return CourierTerms(tuple(allowed), ruling.extra_fen[w] if ruling.extra_fen is not None else None)


def forbidding_rules(decision: Decision) -> list[str]:
    """The rules that leave an order no way, as far as single ones are to blame."""
    named = [rule for rule in decision.need.excluded.values() if not rule.startswith(":")]
    if any(line.allowed is not None for line in decision.need.lines):
        named.extend(rule for _bit, rule, _mask in decision.ruling.goods_masks)
    return sorted(set(named))
