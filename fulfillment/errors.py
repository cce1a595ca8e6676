"""What a warehouse may refuse or fail at."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError

# "We have this number already", as warehouses put it. A line or an item that is there twice is something else.
_DUPLICATE = re.compile(
    "(?:单号|单据|出库单|发货单|订单(?!行))[^，。；]{0,12}(?:重复|已存在)|(?:重复|已存在)的?(?:单|订单|发货)"
    "|duplicate (?:order|document)|(?:order|document).{0,40}already exist",
    re.IGNORECASE,
)


class RulesInvalid(OrderCenterError):
    """A rule set of routing with errors; `findings` names each."""

    code = "fulfillment.rules_invalid"
    title = _("The routing rules have errors.")
    hint = _("Correct the marked rules and try again.")
    status = 400

    def __init__(self, findings: Sequence[str]):
        super().__init__("; ".join(findings))
        self.findings = list(findings)


class DraftChanged(OrderCenterError):
    """Somebody changed the draft since it was shown."""

    code = "fulfillment.draft_changed"
    title = _("Somebody else changed the draft meanwhile.")
    hint = _("Look at the draft as it is now, and make your change again.")

    def __init__(self, *, revision: int):
        super().__init__(f"the draft is at revision {revision}")
        self.revision = revision


class RuleUnknown(OrderCenterError):
    """There is no such rule or table in the draft."""

    code = "fulfillment.rule_unknown"
    title = _("There is no such rule.")
    hint = _("Reload the page; it may have been deleted.")
    status = 404

    def __init__(self, *, rule_id: str):
        super().__init__(f"rule {rule_id} is unknown")
        self.rule_id = rule_id


class RuleVersionUnknown(OrderCenterError):
    """There is no such version of the routing rules."""

    code = "fulfillment.rule_version_unknown"
    title = _("There is no such version of the routing rules.")
    status = 404

    def __init__(self, *, version_id: int):
        super().__init__(f"version {version_id} is unknown")
        self.version_id = version_id


class WarehouseRefused(OrderCenterError):
    """The warehouse answered, and the answer is no: final until somebody changes something.

    warehouse_code, message: the warehouse's own words. is_duplicate: it says that it has this document already.
    """

    code = "fulfillment.warehouse_refused"
    title = _("The warehouse refused the document.")
    hint = _("Read its reason, mend the cause, and send the document again.")
    status = 502

    def __init__(self, *, method: str, warehouse_code: str, message: str):
        super().__init__(f"{method}: {warehouse_code} {message}")
        self.method, self.warehouse_code, self.message = method, warehouse_code, message
        self.is_duplicate = _DUPLICATE.search(message) is not None


class WarehouseUnavailable(OrderCenterError):
    """No usable answer: not reached, too late, HTTP 5xx, or bytes that are no answer.

    Send the same document with the same number again. outcome_known: True when the request never left, so nothing was
    done for certain; else the warehouse may have taken it.
    """

    code = "fulfillment.warehouse_unavailable"
    title = _("The warehouse does not answer properly.")
    hint = _("The document is sent again by itself.")
    retryable = True
    status = 502

    def __init__(self, *, method: str, detail: str, outcome_known: bool = False):
        super().__init__(f"{method}: {detail}")
        self.method, self.detail, self.outcome_known = method, detail, outcome_known


class WarehouseMessageUnreadable(OrderCenterError):
    """A warehouse's document is not XML of the standard, or a mandatory field is missing or ill-typed.

    path: the field in the standard's words, e.g. "request.packages.package[0].expressCode". problem: missing,
    ill_typed, not_xml, too_large or too_deep.
    """

    code = "fulfillment.warehouse_message_unreadable"
    title = _("A document of the warehouse cannot be read.")
    status = 422

    def __init__(self, *, path: str, problem: str, detail: str = ""):
        super().__init__(f"{path}: {problem}{f' ({detail})' if detail else ''}")
        self.path, self.problem, self.detail = path, problem, detail


class WarehouseSignatureInvalid(OrderCenterError):
    """A request that claims to come from a warehouse, without its signature. problem: missing, mismatch or stale."""

    code = "fulfillment.warehouse_signature_invalid"
    title = _("The signature of the warehouse's request is not valid.")
    status = 403

    def __init__(self, *, problem: str):
        super().__init__(problem)
        self.problem = problem


class NoCourierThere(OrderCenterError):
    """No open warehouse has a courier contract for the receiver's province."""

    code = "fulfillment.routing_none"
    title = _("No warehouse delivers to this address.")
    hint = _("Check the address, or add a rate of that place to a courier contract.")

    def __init__(self, *, order_id: int, province: str):
        super().__init__(f"order {order_id}: no courier to {province or 'an unknown province'}")
        self.order_id, self.province = order_id, province


class WarehouseClosed(OrderCenterError):
    """The warehouse that would ship the order is temporarily closed, and nobody else may or can."""

    code = "fulfillment.warehouse_closed"
    title = _("The warehouse that would ship it is temporarily closed.")
    hint = _("It goes on by itself when the warehouse opens again; or let it ship from another one.")

    def __init__(self, *, order_id: int, warehouse: str, reopens_on: str):
        super().__init__(f"order {order_id}: warehouse {warehouse} is closed until {reopens_on}")
        self.order_id, self.warehouse, self.reopens_on = order_id, warehouse, reopens_on


class PinTooLate(OrderCenterError):
    """A warehouse has the order already, or it has left: too late to say from where it ships."""

    code = "fulfillment.pin_too_late"
    title = _("A warehouse has this order already.")
    hint = _("Ask it back first; then choose another warehouse.")

    def __init__(self, *, order_id: int):
        super().__init__(f"order {order_id} is with a warehouse already")
        self.order_id = order_id


class RuleUnanswered(OrderCenterError):
    """A routing rule that forbids something cannot be asked, because a value of the order is missing."""

    code = "fulfillment.rule_unanswered"
    title = _("A routing rule cannot be answered because a value of the order is missing.")
    hint = _("Fill in the missing value, or change the rule, and run the routing again.")

    def __init__(self, *, order_id: int, rule: str):
        super().__init__(f"order {order_id}: rule {rule} cannot be answered")
        self.order_id, self.rule = order_id, rule


class RoutingForbidden(OrderCenterError):
    """Rules leave no warehouse or courier for the order. rules: the ids of those that do."""

    code = "fulfillment.routing_forbidden"
    title = _("The routing rules leave no way for this order.")
    hint = _("Look at the rules it names; pin the order to a warehouse, or change the rules.")

    def __init__(self, *, order_id: int, rules: Sequence[str]):
        super().__init__(f"order {order_id}: forbidden by rules {', '.join(rules)}")
        self.order_id, self.rules = order_id, list(rules)


class CapacityFull(OrderCenterError):
    """Every warehouse that could ship the order has as many parcels today as it can hand over."""

    code = "fulfillment.capacity_full"
    title = _("The warehouses that could ship it are full today.")
    hint = _("It goes on by itself on the next day; or raise the number of parcels of the day.")

    def __init__(self, *, order_id: int, warehouses: Sequence[str]):
        super().__init__(f"order {order_id}: full today: {', '.join(warehouses)}")
        self.order_id, self.warehouses = order_id, list(warehouses)


class NothingReserved(OrderCenterError):
    """A shipment can only be planned for an order whose goods are reserved in one warehouse."""

    code = "fulfillment.nothing_reserved"
    title = _("The order has no reserved stock to ship.")
    hint = _("Run its routing again.")

    def __init__(self, *, order_id: int):
        super().__init__(f"order {order_id} has no reserved stock")
        self.order_id = order_id


class ShipmentAtWarehouse(OrderCenterError):
    """A warehouse has a shipment of the order, or may have it: sent from another one, the goods would leave twice."""

    code = "fulfillment.shipment_at_warehouse"
    title = _("A warehouse has this order, or may have it.")
    hint = _("Ask the goods back first; when the warehouse has stopped them, choose another way.")

    def __init__(self, *, order_id: int, shipment: str):
        super().__init__(f"order {order_id}: {shipment} is at its warehouse")
        self.order_id, self.shipment = order_id, shipment


class NothingToStop(OrderCenterError):
    """No warehouse has anything of the order that could be stopped."""

    code = "fulfillment.nothing_to_stop"
    title = _("No warehouse has goods of this order that could be stopped.")
    hint = _("Cancel the order, or ask the courier if the parcel has left.")

    def __init__(self, *, order_id: int):
        super().__init__(f"order {order_id} has nothing to stop")
        self.order_id = order_id


class ShipmentUnknown(OrderCenterError):
    """A warehouse speaks of a delivery order that we never gave it. May still be on its way to our books: retried."""

    code = "fulfillment.shipment_unknown"
    title = _("There is no such delivery order.")
    hint = _("Ask the warehouse which order it means.")
    retryable = True
    status = 404

    def __init__(self, *, number: str):
        super().__init__(f"delivery order {number} is unknown")
        self.number = number


class ConfirmWithoutPieces(OrderCenterError):
    """One of several confirms of a delivery order names parcels, but not what is in them."""

    code = "fulfillment.confirm_without_pieces"
    title = _("The warehouse says that a part has left, but not which.")
    hint = _("Ask the warehouse to name the lines or the items of its parcels.")
    status = 422

    def __init__(self, *, number: str):
        super().__init__(f"intermediate confirm of {number} without lines or items")
        self.number = number


class WarehouseNotConnected(OrderCenterError):
    """The warehouse has no active account to send to."""

    code = "fulfillment.warehouse_not_connected"
    title = _("The warehouse has no connection set up.")
    hint = _("Fill in its warehouse account in the admin.")
    retryable = True

    def __init__(self, *, warehouse_id: int):
        super().__init__(f"warehouse {warehouse_id} has no account")
        self.warehouse_id = warehouse_id


class CourierNotConnected(OrderCenterError):
    """No active courier account gives numbers of this courier for this warehouse."""

    code = "fulfillment.courier_not_connected"
    title = _("There is no account that gives waybill numbers of this courier.")
    hint = _("Set up a courier account for the carrier, for this warehouse or for all.")

    def __init__(self, *, shipment_id: int, carrier_id: int, warehouse_id: int):
        super().__init__(f"shipment {shipment_id}: no account of carrier {carrier_id} for warehouse {warehouse_id}")
        self.shipment_id, self.carrier_id, self.warehouse_id = shipment_id, carrier_id, warehouse_id


class WaybillUnusable(OrderCenterError):
    """The waybill has no number, or its number is on its way back, void or used already."""

    code = "fulfillment.waybill_unusable"
    title = _("The waybill cannot be used.")
    hint = _("Ask for a new number; put the new label on the parcel.")

    def __init__(self, *, waybill_id: int, state: str):
        super().__init__(f"waybill {waybill_id} is {state}")
        self.waybill_id, self.state = waybill_id, state


class WaybillInUse(OrderCenterError):
    """A parcel has left under this number: it can no longer be given back."""

    code = "fulfillment.waybill_in_use"
    title = _("A parcel has left under this number.")
    hint = _("Ask the courier to bring the parcel back instead.")

    def __init__(self, *, waybill_id: int):
        super().__init__(f"waybill {waybill_id} is used")
        self.waybill_id = waybill_id


class ReprintNeedsReason(OrderCenterError):
    """A label that was printed before is printed again only with a reason: two labels may mean two parcels."""

    code = "fulfillment.reprint_needs_reason"
    title = _("The label was printed before; a second one needs a reason.")
    hint = _("Destroy the first label, and say why a new one is needed.")

    def __init__(self, *, waybill_ids: list[int]):
        super().__init__(f"printed before: {waybill_ids}")
        self.waybill_ids = waybill_ids


class ParcelUnknown(OrderCenterError):
    """A provider speaks of a number under which nothing left. May still be on its way to our books: retried."""

    code = "fulfillment.parcel_unknown"
    title = _("There is no parcel with this number.")
    hint = _("It may belong to somebody else, or its confirm is still missing.")
    retryable = True
    status = 404

    def __init__(self, *, number: str):
        super().__init__(f"parcel {number} is unknown")
        self.number = number


class RecallImpossible(OrderCenterError):
    """The courier cannot be asked to bring a parcel back: a person has to call it."""

    code = "fulfillment.recall_impossible"
    title = _("This courier cannot be asked to bring a parcel back.")
    hint = _("Call the courier's branch.")

    def __init__(self, *, parcel_id: int):
        super().__init__(f"parcel {parcel_id}: no way to recall")
        self.parcel_id = parcel_id


class NotInCompany(OrderCenterError):
    """The order shares no shipment that is still in the house, and waits for no other order."""

    code = "fulfillment.not_in_company"
    title = _("The order shares no parcel that is still here.")
    hint = _("Look at its shipments: the parcel may have left, or the order may travel alone already.")

    def __init__(self, *, order_id: int):
        super().__init__(f"order {order_id} shares no shipment")
        self.order_id = order_id


class MergeImpossible(OrderCenterError):
    """Orders cannot travel together. problem: one, receiver, warehouse, begun, gone or too_heavy."""

    code = "fulfillment.merge_impossible"
    title = _("These orders cannot travel together.")
    hint = _(
        "Name at least two orders of one shop, one buyer and one address that are planned in one warehouse or wait for "
        "each other, of which nobody has begun to pick and which a courier takes in one parcel; ask back first what "
        "a warehouse was told of."
    )

    def __init__(self, *, order_id: int, problem: str):
        super().__init__(f"order {order_id} cannot be merged: {problem}")
        self.order_id, self.problem = order_id, problem


class SplitImpossible(OrderCenterError):
    """An order cannot be split like this. problem: gone, unknown_line, too_many or nothing_left."""

    code = "fulfillment.split_impossible"
    title = _("The order cannot be split like this.")
    hint = _("Name pieces of its own lines that have not left, and leave at least one for the first parcel.")

    def __init__(self, *, order_id: int, problem: str):
        super().__init__(f"order {order_id} cannot be split: {problem}")
        self.order_id, self.problem = order_id, problem


class InboundUnknown(OrderCenterError):
    """A warehouse speaks of an inbound order that we never announced to it. May be on its way to our books: retried."""

    code = "fulfillment.inbound_unknown"
    title = _("There is no such inbound order.")
    hint = _("Ask the warehouse which delivery it means.")
    retryable = True
    status = 404

    def __init__(self, *, number: str):
        super().__init__(f"inbound order {number} is unknown")
        self.number = number


class StockOutUnknown(OrderCenterError):
    """A warehouse speaks of goods that it was never asked to send over."""

    code = "fulfillment.stock_out_unknown"
    title = _("There is no such stock-out of a transfer.")
    hint = _("Ask the warehouse which transfer it means.")
    retryable = True
    status = 404

    def __init__(self, *, number: str):
        super().__init__(f"stock-out {number} is unknown")
        self.number = number


class WarehouseUnknown(OrderCenterError):
    """A report names a warehouse that is not one of the sender's."""

    code = "fulfillment.warehouse_unknown"
    title = _("The warehouse's report names a warehouse that we do not know as its own.")
    hint = _("Compare the warehouse code and the customer id with the warehouse's settings.")
    status = 404

    def __init__(self, *, code: str):
        super().__init__(f"warehouse {code} is unknown")
        self.warehouse_code = code


class TriedOften(OrderCenterError):
    """So many other warehouses were tried as the flow allows."""

    code = "fulfillment.tried_often"
    title = _("So many warehouses were tried as the flow allows.")
    hint = _("Look at what the warehouses say; then send it again, or ship it from another warehouse by hand.")

    def __init__(self, *, order_id: int, times: int):
        super().__init__(f"order {order_id}: {times} other warehouses were tried")
        self.order_id, self.times = order_id, times


class TakeoverImpossible(OrderCenterError):
    """An order cannot get the goods of less urgent ones. problem: see services.taking_over.Takeover."""

    code = "fulfillment.takeover_impossible"
    title = _("This order cannot get the goods of others.")

    def __init__(self, *, order_id: int, problem: str):
        super().__init__(f"order {order_id} cannot take over stock: {problem}")
        self.order_id, self.problem = order_id, problem
        self.hint = TAKEOVER_PROBLEMS.get(problem, "")  # type: ignore[misc]


TAKEOVER_PROBLEMS = {
    "not_waiting": _("It does not wait for goods alone: solve what else holds it first."),
    "low_grade": _("Only rush and VIP orders get goods of others: raise its grade first."),
    "no_cap": _("None of its goods may change hands: set a share in the stock policy of the SKU."),
    "cap_used": _("As many pieces as the stock policy allows have changed hands today."),
    "nobody": _("No less urgent order has these goods without a warehouse at work on them."),
    "no_way": _("Even with all that less urgent orders have, it could not ship."),
    "over_most": _("More pieces would change hands than the flow allows for one order."),
    "no_need": _("What it lacks is free: let it go on."),
}
