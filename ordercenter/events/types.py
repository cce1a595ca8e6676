"""Every fact of the system, one frozen dataclass each: the page to read first.

Past tense, ids and plain values. A dotted name never changes its meaning: add a field with a default, or a new event.
`subject` says whose order of events is kept; events of one subject reach each handler in the order they were recorded.
`is_trigger` marks the facts that a flow may start from or wait for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all facts. occurred_at: when it became true, aware; None means at the instant of recording."""

    name: ClassVar[str] = ""
    is_trigger: ClassVar[bool] = False
    subject_kind: ClassVar[str] = ""
    occurred_at: datetime | None = None

    @property
    def subject(self) -> str:
        return f"{self.subject_kind}:{getattr(self, self.subject_kind + '_id')}"


@dataclass(frozen=True, kw_only=True)
class OrderEvent(Event):
    subject_kind: ClassVar[str] = "order"
    order_id: int


@dataclass(frozen=True, kw_only=True)
class ShipmentEvent(Event):
    subject_kind: ClassVar[str] = "shipment"
    shipment_id: int
    order_ids: tuple[int, ...] = ()


# --- orders -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OrderReceived(OrderEvent):
    name: ClassVar[str] = "orders.order.received"
    channel_order_no: str


@dataclass(frozen=True, kw_only=True)
class OrderPaid(OrderEvent):
    name: ClassVar[str] = "orders.order.paid"
    is_trigger: ClassVar[bool] = True
    amount: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class OrderChangedByChannel(OrderEvent):
    """The platform changed what we hold of the order; fields: which of ours differ now."""

    name: ClassVar[str] = "orders.order.changed_by_channel"
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OrderHeld(OrderEvent):
    name: ClassVar[str] = "orders.order.held"
    codes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OrderReleased(OrderEvent):
    """The last hold of the order is gone: what waited for it goes on."""

    name: ClassVar[str] = "orders.order.released"
    is_trigger: ClassVar[bool] = True
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DuplicateSeen(OrderEvent):
    """An order placed a little earlier, checked only now, has the same buyer, goods and address: other_order."""

    name: ClassVar[str] = "orders.order.duplicate_seen"
    other_order: str


@dataclass(frozen=True, kw_only=True)
class OrderRegraded(OrderEvent):
    """The clock ran on, or a remark came: the order is more or less urgent than before."""

    name: ClassVar[str] = "orders.order.regraded"
    priority: int
    before: int = 0


@dataclass(frozen=True, kw_only=True)
class OrderApproved(OrderEvent):
    name: ClassVar[str] = "orders.order.approved"


@dataclass(frozen=True, kw_only=True)
class MergeDue(OrderEvent):
    """Time to look whether an order that waits for others of its buyer may go on. is_over: its time to wait is over."""

    name: ClassVar[str] = "orders.order.merge_due"
    is_over: bool = False


@dataclass(frozen=True, kw_only=True)
class MergeWindowClosed(OrderEvent):
    """An order that waited for others of its buyer went on; together: with how many orders, itself among them."""

    name: ClassVar[str] = "orders.order.merge_window_closed"
    is_trigger: ClassVar[bool] = True
    together: int = 1


@dataclass(frozen=True, kw_only=True)
class OrderAwaitingSupply(OrderEvent):
    name: ClassVar[str] = "orders.order.awaiting_supply"
    sku_ids: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OrderShipped(OrderEvent):
    name: ClassVar[str] = "orders.order.shipped"


@dataclass(frozen=True, kw_only=True)
class TradeFinished(OrderEvent):
    """The channel says that the buyer confirmed receipt."""

    name: ClassVar[str] = "orders.order.trade_finished"
    is_trigger: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class OrderCompleted(OrderEvent):
    name: ClassVar[str] = "orders.order.completed"


@dataclass(frozen=True, kw_only=True)
class GoodsReturned(OrderEvent):
    """Pieces of the order lie at a warehouse again, in whatever condition."""

    name: ClassVar[str] = "orders.goods.returned"
    is_trigger: ClassVar[bool] = True
    pieces: int


@dataclass(frozen=True, kw_only=True)
class OrderCancelled(OrderEvent):
    name: ClassVar[str] = "orders.order.cancelled"
    is_trigger: ClassVar[bool] = True
    reason: str


@dataclass(frozen=True, kw_only=True)
class OrderReplaced(OrderEvent):
    """The channel split the order: these parts, orders of their own, are sent in its place."""

    name: ClassVar[str] = "orders.order.replaced"
    by_order_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RefundRequested(OrderEvent):
    """kind: see orders.intake_types.AfterSaleKind."""

    name: ClassVar[str] = "orders.refund.requested"
    is_trigger: ClassVar[bool] = True
    channel_refund_no: str
    amount: Decimal
    kind: str = "refund"


@dataclass(frozen=True, kw_only=True)
class RefundWithdrawn(OrderEvent):
    name: ClassVar[str] = "orders.refund.withdrawn"
    channel_refund_no: str


@dataclass(frozen=True, kw_only=True)
class RefundSucceeded(OrderEvent):
    name: ClassVar[str] = "orders.refund.succeeded"
    channel_refund_no: str
    amount: Decimal
    kind: str = "refund"


@dataclass(frozen=True, kw_only=True)
class ReturnExpected(OrderEvent):
    """Goods that have left are to come back. carrier, tracking_no: "" until the buyer tells; then it is told again."""

    name: ClassVar[str] = "orders.return.expected"
    channel_refund_no: str
    channel_line_no: str
    pieces: int
    carrier: str = ""
    tracking_no: str = ""


@dataclass(frozen=True, kw_only=True)
class ReturnCalledOff(OrderEvent):
    """They will not come back after all: the request was withdrawn or refused."""

    name: ClassVar[str] = "orders.return.called_off"
    channel_refund_no: str


# --- stock ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StockReserved(OrderEvent):
    name: ClassVar[str] = "inventory.stock.reserved"
    warehouse_id: int


@dataclass(frozen=True, kw_only=True)
class StockReleased(OrderEvent):
    name: ClassVar[str] = "inventory.stock.released"


@dataclass(frozen=True, kw_only=True)
class StockTakenOver(OrderEvent):
    """A more urgent order got pieces that these other orders were promised."""

    name: ClassVar[str] = "inventory.stock.taken_over"
    from_order_ids: tuple[int, ...] = ()
    pieces: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class StockGivenUp(OrderEvent):
    """Pieces that an order was promised went to a more urgent one; it waits for supply again."""

    name: ClassVar[str] = "inventory.stock.given_up"
    to_order_id: int = 0
    pieces: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class OrderUnpaid(OrderEvent):
    """An order came in whose money, or whose balance, is still to come. stage: placed | deposit (which is paid)."""

    name: ClassVar[str] = "orders.order.unpaid"
    stage: str = "placed"


@dataclass(frozen=True, kw_only=True)
class OrderPartAwaitsSupply(OrderEvent):
    """What is there of an order goes its way; the pieces of these SKUs wait for supply."""

    name: ClassVar[str] = "orders.order.part_awaits_supply"
    sku_ids: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StockReplenished(Event):
    """More of a SKU can be promised than before."""

    name: ClassVar[str] = "inventory.stock.replenished"
    subject_kind: ClassVar[str] = "sku"
    sku_id: int
    warehouse_id: int


@dataclass(frozen=True, kw_only=True)
class SupplyChanged(Event):
    """What is to come of a SKU, or when, is not what it was."""

    name: ClassVar[str] = "inventory.supply.changed"
    subject_kind: ClassVar[str] = "sku"
    sku_id: int


@dataclass(frozen=True, kw_only=True)
class QuotaDue(Event):
    """The time has come for a shop's quota to begin or to end. move: open | end."""

    name: ClassVar[str] = "inventory.quota.due"
    subject_kind: ClassVar[str] = "quota"
    quota_id: int
    move: str


@dataclass(frozen=True, kw_only=True)
class LiveSessionDue(Event):
    """The time has come for a live-stream session to begin or to end. move: start | end."""

    name: ClassVar[str] = "channels.live_session.due"
    subject_kind: ClassVar[str] = "live_session"
    live_session_id: int
    move: str


@dataclass(frozen=True, kw_only=True)
class LiveSessionChanged(Event):
    """A live-stream session was planned, changed or moved on. state: as it is now."""

    name: ClassVar[str] = "channels.live_session.changed"
    subject_kind: ClassVar[str] = "live_session"
    live_session_id: int
    state: str


@dataclass(frozen=True, kw_only=True)
class ListingMatched(Event):
    """A listing means another SKU than before. after_order: orders up to this id have been looked at already."""

    name: ClassVar[str] = "catalog.listing.matched"
    subject_kind: ClassVar[str] = "match"
    match_id: int
    shop_id: int
    listing_id: str
    listing_sku_id: str
    sku_id: int
    after_order: int = 0


# --- fulfilment -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ShipmentCreated(ShipmentEvent):
    name: ClassVar[str] = "fulfillment.shipment.created"
    warehouse_id: int


@dataclass(frozen=True, kw_only=True)
class ShipmentDispatched(ShipmentEvent):
    """The command to the warehouse is written; it leaves after the commit."""

    name: ClassVar[str] = "fulfillment.shipment.dispatched"


@dataclass(frozen=True, kw_only=True)
class ShipmentAccepted(ShipmentEvent):
    name: ClassVar[str] = "fulfillment.shipment.accepted"


@dataclass(frozen=True, kw_only=True)
class ShipmentProgressed(ShipmentEvent):
    """The warehouse says how far it is. status: its own word: PRINT, PICK, CHECK, PACKAGE, WEIGH ..."""

    name: ClassVar[str] = "fulfillment.shipment.progressed"
    status: str


@dataclass(frozen=True, kw_only=True)
class ShipmentPickStarted(ShipmentEvent):
    """Its first piece has left the bin, in a warehouse of our own."""

    name: ClassVar[str] = "fulfillment.shipment.pick_started"


@dataclass(frozen=True, kw_only=True)
class ShipmentRejected(ShipmentEvent):
    name: ClassVar[str] = "fulfillment.shipment.rejected"
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ShipmentSentAgain(ShipmentEvent):
    """The warehouse is asked once more, for the sake of one of its orders. case_ids: the others' doubts about it."""

    name: ClassVar[str] = "fulfillment.shipment.sent_again"
    order_ids: tuple[int, ...] = ()
    case_ids: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ShipmentShipped(ShipmentEvent):
    name: ClassVar[str] = "fulfillment.shipment.shipped"
    is_trigger: ClassVar[bool] = True
    parcel_ids: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ShipmentCancelled(ShipmentEvent):
    name: ClassVar[str] = "fulfillment.shipment.cancelled"


@dataclass(frozen=True, kw_only=True)
class OrderReleaseDue(OrderEvent):
    """What was held back of the order for a wave is to be handed to its warehouse now."""

    name: ClassVar[str] = "fulfillment.order.release_due"
    is_trigger: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class OrderRejectedByWarehouse(OrderEvent):
    """A warehouse will not ship this part of the order, and the order is held for it: another way may be looked for."""

    name: ClassVar[str] = "fulfillment.order.rejected"
    is_trigger: ClassVar[bool] = True
    shipments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OtherWarehouseWanted(OrderEvent):
    """A flow wants the order shipped from elsewhere, at most so many times; quarantine: doubt the stock left behind."""

    name: ClassVar[str] = "fulfillment.order.other_warehouse_wanted"
    times: int
    quarantine: bool = False


@dataclass(frozen=True, kw_only=True)
class WarehouseSilent(OrderEvent):
    """A warehouse has been silent for too long about a delivery order of this order: it may have it, or not."""

    name: ClassVar[str] = "fulfillment.order.warehouse_silent"
    is_trigger: ClassVar[bool] = True
    shipment: str


@dataclass(frozen=True, kw_only=True)
class NothingLeftWarehouse(OrderEvent):
    """A warehouse is through with a delivery order of this order, and no piece of it has left."""

    name: ClassVar[str] = "fulfillment.order.nothing_left"
    is_trigger: ClassVar[bool] = True
    shipment: str


@dataclass(frozen=True, kw_only=True)
class WarehouseChangeWanted(OrderEvent):
    """A flow wants the order away from its warehouse: asked to stop it, and shipped from elsewhere once it has."""

    name: ClassVar[str] = "fulfillment.order.warehouse_change_wanted"


@dataclass(frozen=True, kw_only=True)
class UrgentOrderWaits(OrderEvent):
    """A rush or VIP order waits for goods, some of which may be taken over from less urgent ones."""

    name: ClassVar[str] = "fulfillment.order.urgent_waits"
    is_trigger: ClassVar[bool] = True
    grade: str


@dataclass(frozen=True, kw_only=True)
class TakeoverWanted(OrderEvent):
    """A flow wants the order to get what less urgent ones are promised. grades: whose orders may take; pieces: at most
    so many for this order, 0: as many as the caps of its goods allow."""

    name: ClassVar[str] = "fulfillment.order.takeover_wanted"
    grades: tuple[str, ...]
    pieces: int = 0


@dataclass(frozen=True, kw_only=True)
class OtherWarehouseFound(OrderEvent):
    """What one warehouse rejected of the order leaves from others. shipments: the delivery orders given up."""

    name: ClassVar[str] = "fulfillment.order.other_warehouse_found"
    shipments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NoOtherWarehouse(OrderEvent):
    """What a warehouse rejected stays with a person. code: of the refusal that says why no other one ships it."""

    name: ClassVar[str] = "fulfillment.order.no_other_warehouse"
    code: str


@dataclass(frozen=True, kw_only=True)
class TrackingReported(ShipmentEvent):
    """The channel knows the tracking number."""

    name: ClassVar[str] = "fulfillment.tracking.reported"


# --- waybills and parcels ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class WaybillAssigned(ShipmentEvent):
    """The courier has given a number for a package."""

    name: ClassVar[str] = "fulfillment.waybill.assigned"
    waybill_id: int
    number: str


@dataclass(frozen=True, kw_only=True)
class WaybillFailed(ShipmentEvent):
    """The courier gives no number; a person has to look."""

    name: ClassVar[str] = "fulfillment.waybill.failed"
    waybill_id: int
    error_code: str = ""


@dataclass(frozen=True, kw_only=True)
class ParcelEvent(ShipmentEvent):
    """Told in the lane of the parcel's shipment, so that the facts of both stay in order."""

    parcel_id: int


@dataclass(frozen=True, kw_only=True)
class ParcelCollected(ParcelEvent):
    """The courier has it: the first scan."""

    name: ClassVar[str] = "fulfillment.parcel.collected"


@dataclass(frozen=True, kw_only=True)
class ParcelDelivered(ParcelEvent):
    name: ClassVar[str] = "fulfillment.parcel.delivered"


@dataclass(frozen=True, kw_only=True)
class ParcelReturning(ParcelEvent):
    """Refused, not deliverable or recalled. reason: refused, returning or recalled."""

    name: ClassVar[str] = "fulfillment.parcel.returning"
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ParcelReturned(ParcelEvent):
    name: ClassVar[str] = "fulfillment.parcel.returned"


@dataclass(frozen=True, kw_only=True)
class ParcelLost(ParcelEvent):
    name: ClassVar[str] = "fulfillment.parcel.lost"


@dataclass(frozen=True, kw_only=True)
class ShipmentDelivered(ShipmentEvent):
    """The last parcel of the shipment was signed for."""

    name: ClassVar[str] = "fulfillment.shipment.delivered"
    is_trigger: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class OrderDelivered(OrderEvent):
    """All that was shipped of the order was signed for."""

    name: ClassVar[str] = "orders.order.delivered"
    is_trigger: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class TrackingWithheld(ShipmentEvent):
    """The channel cannot be told this tracking number for this order. why: merged_into (it knows it by the order
    `instead`) or not_supported (it takes no further number for these lines).
    """

    name: ClassVar[str] = "fulfillment.tracking.withheld"
    why: str
    instead: str = ""


# --- money ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PaymentCaptured(OrderEvent):
    name: ClassVar[str] = "finance.payment.captured"
    external_no: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class PaymentRefunded(OrderEvent):
    name: ClassVar[str] = "finance.payment.refunded"
    external_no: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class StatementEvent(Event):
    subject_kind: ClassVar[str] = "statement"
    statement_id: int


@dataclass(frozen=True, kw_only=True)
class StatementImported(StatementEvent):
    name: ClassVar[str] = "finance.statement.imported"
    is_trigger: ClassVar[bool] = True
    lines: int


@dataclass(frozen=True, kw_only=True)
class StatementMatched(StatementEvent):
    name: ClassVar[str] = "finance.statement.matched"
    differences: int


@dataclass(frozen=True, kw_only=True)
class StatementClosed(StatementEvent):
    name: ClassVar[str] = "finance.statement.closed"


# --- what couriers charge ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class FreightBillEvent(Event):
    subject_kind: ClassVar[str] = "freight_bill"
    freight_bill_id: int


@dataclass(frozen=True, kw_only=True)
class FreightUploaded(Event):
    """A courier's bill is there as a file: it is to be read, or to be taken in as somebody wants it."""

    name: ClassVar[str] = "fulfillment.freight_upload.wanted"
    subject_kind: ClassVar[str] = "freight_upload"
    freight_upload_id: int


@dataclass(frozen=True, kw_only=True)
class FreightBillToJudge(FreightBillEvent):
    """The lines of a courier's bill are there, or are to be judged once more."""

    name: ClassVar[str] = "fulfillment.freight_bill.to_judge"
    lines: int


@dataclass(frozen=True, kw_only=True)
class FreightBillChecked(FreightBillEvent):
    """A courier's bill was taken in, or held against parcels and contracts once more. differences: lines left open."""

    name: ClassVar[str] = "fulfillment.freight_bill.checked"
    lines: int
    differences: int


@dataclass(frozen=True, kw_only=True)
class FreightBillClosed(FreightBillEvent):
    name: ClassVar[str] = "fulfillment.freight_bill.closed"


@dataclass(frozen=True, kw_only=True)
class FreightBillReopened(FreightBillEvent):
    name: ClassVar[str] = "fulfillment.freight_bill.reopened"


@dataclass(frozen=True, kw_only=True)
class FreightBillWithdrawn(FreightBillEvent):
    name: ClassVar[str] = "fulfillment.freight_bill.withdrawn"


# --- work for people --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CaseEvent(Event):
    subject_kind: ClassVar[str] = "case"
    case_id: int
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class CaseOpened(CaseEvent):
    name: ClassVar[str] = "cases.case.opened"


@dataclass(frozen=True, kw_only=True)
class CaseClosed(CaseEvent):
    name: ClassVar[str] = "cases.case.closed"
    how: str = ""
    case_subject: str = ""


# --- the post office itself -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CommandAnswered(Event):
    """An outgoing command has its final answer. outcome: done | refused | dead."""

    name: ClassVar[str] = "events.command.answered"
    is_trigger: ClassVar[bool] = True
    subject_kind: ClassVar[str] = "command"
    command_id: int
    kind: str
    about: str
    outcome: str
    error_code: str = ""
    flow_run_id: int | None = None

    @property
    def subject(self) -> str:
        # In the lane of what the command is about, so that its facts stay in order.
        return self.about


@dataclass(frozen=True, kw_only=True)
class CommandSentAgain(Event):
    """A person has a command sent once more that was refused or given up."""

    name: ClassVar[str] = "events.command.sent_again"
    subject_kind: ClassVar[str] = "command"
    command_id: int
    kind: str
    about: str

    @property
    def subject(self) -> str:
        return self.about


@dataclass(frozen=True, kw_only=True)
class DeliveryParked(Event):
    """A handler failed on this event for good; the event waits for a person."""

    name: ClassVar[str] = "events.delivery.parked"
    subject_kind: ClassVar[str] = "delivery"
    delivery_id: int
    handler: str
    about: str
    error: str


@dataclass(frozen=True, kw_only=True)
class MessageParked(Event):
    """An inbox message could not be read or applied; it waits for a person, as it was received."""

    name: ClassVar[str] = "events.message.parked"
    subject_kind: ClassVar[str] = "message"
    message_id: int
    source: str
    kind: str
    error_code: str
    error: str
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FlowTimerDue(Event):
    """A wait of a flow run is over."""

    name: ClassVar[str] = "workflow.timer.due"
    subject_kind: ClassVar[str] = "run"
    run_id: int
    about: str
    node: str

    @property
    def subject(self) -> str:
        return self.about
