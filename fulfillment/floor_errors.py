"""What the floor of an own warehouse refuses."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class ScanUnknown(OrderCenterError):
    """The scanned text is no label, no SKU and no bar code that we know."""

    code = "fulfillment.scan_unknown"
    title = _("This code is not known here.")
    hint = _("Scan again; if it is right, enter the bar code for its SKU.")
    status = 404

    def __init__(self, *, text: str):
        super().__init__(f"{text!r} is not known")
        self.text = text


class LabelUnknown(OrderCenterError):
    """The scanned text is the label of no parcel of this house."""

    code = "fulfillment.label_unknown"
    title = _("No parcel of this warehouse has this label.")
    hint = _(
        "Scan the tracking number or the number of the shipment on the parcel; it may belong to another warehouse."
    )
    status = 404

    def __init__(self, *, text: str):
        super().__init__(f"{text!r} is no label")
        self.text = text


class WrongItem(OrderCenterError):
    """The scanned SKU is not due here. due: the codes of those that are."""

    code = "fulfillment.wrong_item"
    title = _("Wrong item.")
    hint = _("Put it back and take what is due.")

    def __init__(self, *, scanned: str, due: Sequence[str]):
        super().__init__(f"{scanned} is not due, {list(due)} is")
        self.scanned, self.due = scanned, list(due)[:5]


class TooManyPieces(OrderCenterError):
    """The SKU is due here, but not that many pieces of it any more."""

    code = "fulfillment.too_many_pieces"
    title = _("One piece too many.")
    hint = _("Everything that is due of this SKU is there already; put it back.")

    def __init__(self, *, scanned: str, due: int, given: int):
        super().__init__(f"{scanned}: {given} given, {due} due")
        self.scanned, self.due, self.given = scanned, due, given


class ShipmentStopped(OrderCenterError):
    """The order was cancelled or asked back: its goods must not leave."""

    code = "fulfillment.shipment_stopped"
    title = _("Stop: this shipment must not leave.")
    hint = _("Put its goods back into their bins and confirm that under Put back.")

    def __init__(self, *, shipment: str, why: str):
        super().__init__(f"{shipment} is stopped: {why}")
        self.shipment, self.why = shipment, why


class StepNotDue(OrderCenterError):
    """The shipment is not ready for this step, or has done it already."""

    code = "fulfillment.step_not_due"
    title = _("The shipment is not at this step.")
    hint = _("Its state says what is to be done with it.")

    def __init__(self, *, shipment: str, step: str, state: str):
        super().__init__(f"{shipment}: {step} is not due in state {state}")
        self.shipment, self.step, self.state = shipment, step, state


class NothingOpened(OrderCenterError):
    """An item was scanned before the wave, the shipment, the count or the parcel that it belongs to."""

    code = "fulfillment.nothing_opened"
    title = _("First scan the wave or the shipment.")
    hint = _("The number is on the pick list and on the basket's label.")

    def __init__(self, *, step: str):
        super().__init__(f"{step}: nothing is opened")
        self.step = step


class TrackingUnreadable(OrderCenterError):
    """What was scanned as a tracking number cannot be one."""

    code = "fulfillment.tracking_unreadable"
    title = _("This is not a tracking number.")
    hint = _("Scan the bar code of the waybill.")

    def __init__(self, *, text: str):
        super().__init__(f"{text!r} is no tracking number")
        self.text = text


class TrackingTaken(OrderCenterError):
    """The tracking number is on another parcel already."""

    code = "fulfillment.tracking_taken"
    title = _("This tracking number belongs to another parcel.")
    hint = _("Take a new waybill; one number goes on one parcel.")

    def __init__(self, *, number: str, shipment: str):
        super().__init__(f"{number} is on {shipment}")
        self.number, self.shipment = number, shipment


class WrongWaybill(OrderCenterError):
    """The waybill in hand was made for another shipment."""

    code = "fulfillment.wrong_waybill"
    title = _("This waybill is not the one of this shipment.")
    hint = _("Find the waybill with the number shown, or print it again.")

    def __init__(self, *, number: str, expected: Sequence[str]):
        super().__init__(f"{number} is not one of {list(expected)}")
        self.number, self.expected = number, list(expected)


class WeightUnreadable(OrderCenterError):
    """What came from the scale is no weight."""

    code = "fulfillment.weight_unreadable"
    title = _("This is not a weight.")
    hint = _("Type kilograms, as in 1.25, or let the scale send it.")

    def __init__(self, *, text: str):
        super().__init__(f"{text!r} is no weight")
        self.text = text


class WeightDiffers(OrderCenterError):
    """The parcel does not weigh what its goods and box should: something is missing or too much."""

    code = "fulfillment.weight_differs"
    title = _("The weight is not what it should be.")
    hint = _("Open the box and check it again. A case is open; somebody may let the weight pass there.")

    def __init__(self, *, shipment: str, weight_g: int, expected_g: int, allowed_g: int):
        super().__init__(f"{shipment}: {weight_g} g, expected {expected_g} g within {allowed_g} g")
        self.shipment, self.weight_g, self.expected_g, self.allowed_g = shipment, weight_g, expected_g, allowed_g


class NothingToUndo(OrderCenterError):
    """There is no scan of this person and device that could be taken back."""

    code = "fulfillment.nothing_to_undo"
    title = _("There is nothing to take back.")
    hint = _("What was handed over to the courier cannot be taken back here.")


class ScanTooOld(OrderCenterError):
    """What came after this scan stands on it: it can no longer be taken back by itself."""

    code = "fulfillment.scan_too_old"
    title = _("The last scan can no longer be taken back.")
    hint = _("The shipment has gone on since.")

    def __init__(self, *, scan: str):
        super().__init__(f"scan {scan} is too old to be taken back")
        self.scan = scan


class NothingToWave(OrderCenterError):
    """No shipment waits that fits this wave."""

    code = "fulfillment.nothing_to_wave"
    title = _("No shipment is waiting for such a wave.")
    hint = _("Choose another kind, or wait for orders.")

    def __init__(self, *, warehouse_id: int):
        super().__init__(f"nothing waits in warehouse {warehouse_id}")
        self.warehouse_id = warehouse_id


class WarehouseNotYours(OrderCenterError):
    """The warehouse is no own one, or not one that this person works for."""

    code = "fulfillment.warehouse_not_yours"
    title = _("This is not a warehouse that you work in.")
    hint = _("Choose one of yours, or ask for access to it.")
    status = 403

    def __init__(self, *, warehouse_id: int):
        super().__init__(f"warehouse {warehouse_id} is not theirs")
        self.warehouse_id = warehouse_id


class WaveUnknown(OrderCenterError):
    """There is no such wave in this warehouse."""

    code = "fulfillment.wave_unknown"
    title = _("There is no such wave here.")
    status = 404

    def __init__(self, *, wave: str):
        super().__init__(f"wave {wave} is unknown")
        self.wave = wave


class CountNotOpen(OrderCenterError):
    """The count is posted or cancelled, or there is none of this number."""

    code = "fulfillment.count_not_open"
    title = _("This count is not open.")
    hint = _("Make a new count.")

    def __init__(self, *, count: str):
        super().__init__(f"count {count} is not open")
        self.count = count


class NotCountedYet(OrderCenterError):
    """A count has lines that nobody has counted."""

    code = "fulfillment.not_counted_yet"
    title = _("Not everything has been counted.")
    hint = _("Count the rest; what is not there is counted as 0.")

    def __init__(self, *, count: str, lines: int):
        super().__init__(f"count {count}: {lines} lines are not counted")
        self.count, self.lines = count, lines


class InboundEmpty(OrderCenterError):
    """A delivery of nothing, or a receipt of nothing."""

    code = "fulfillment.inbound_empty"
    title = _("No goods are named.")
    hint = _("Name at least one SKU with one piece or more.")
    status = 400

    def __init__(self, *, inbound: str = ""):
        super().__init__(f"inbound {inbound} of nothing")
        self.inbound = inbound


class ReturnTooMuch(OrderCenterError):
    """More is to come back than went out."""

    code = "fulfillment.return_too_much"
    title = _("So many pieces did not leave with this order, or are back already.")
    hint = _("Look at what was shipped and what came back, and name no more than that.")

    def __init__(self, *, order_id: int, sku_ids: Sequence[int]):
        super().__init__(f"order {order_id}: more of SKU {list(sku_ids)} than went out")
        self.order_id, self.sku_ids = order_id, list(sku_ids)


class InboundOnItsWay(OrderCenterError):
    """Goods came already; what came cannot be called off."""

    code = "fulfillment.inbound_on_its_way"
    title = _("A part of this delivery has come; it cannot be called off any more.")
    hint = _("Finish it with what has come; the difference becomes a case.")

    def __init__(self, *, inbound: str, state: str):
        super().__init__(f"inbound {inbound} is {state}")
        self.inbound, self.state = inbound, state


class ReceiptTooMuch(OrderCenterError):
    """More is booked by hand than this delivery lacks, at a warehouse that confirms what it receives by itself."""

    code = "fulfillment.receipt_too_much"
    title = _("These are more pieces than this delivery still lacks.")
    hint = _("Book by hand only what the warehouse has not confirmed. What lies there beyond that is a stock count.")

    def __init__(self, *, inbound: str, skus: Sequence[str]):
        super().__init__(f"inbound {inbound}: more of {', '.join(skus)} than is missing")
        self.inbound, self.skus = inbound, list(skus)


class NothingExpected(OrderCenterError):
    """There is no rest that could be closed."""

    code = "fulfillment.nothing_expected"
    title = _("Nothing more is expected of this purchase order, or another delivery of it is still open.")
    hint = _("Look at the other deliveries of the purchase order; the rest can be closed when they have ended.")

    def __init__(self, *, inbound: str, reference: str):
        super().__init__(f"inbound {inbound}: no rest of {reference!r} to close")
        self.inbound, self.reference = inbound, reference


class TransferHasLeft(OrderCenterError):
    """The sending warehouse has sent the goods; they cannot be kept back any more."""

    code = "fulfillment.transfer_has_left"
    title = _("The goods of this transfer have left the sending warehouse; it cannot be called off any more.")
    hint = _("Receive them where they arrive, and send them back with a transfer of its own.")

    def __init__(self, *, inbound: str, stock_out: str):
        super().__init__(f"inbound {inbound}: stock-out {stock_out} has left")
        self.inbound, self.stock_out = inbound, stock_out


class TransferNotLeft(OrderCenterError):
    """The receiving warehouse is told when the goods have left the sending one, not before."""

    code = "fulfillment.transfer_not_left"
    title = _("The sending warehouse has not sent these goods yet.")
    hint = _("The receiving warehouse is told by itself, of what has really left.")

    def __init__(self, *, inbound: str, stock_out: str):
        super().__init__(f"inbound {inbound}: stock-out {stock_out} has not left")
        self.inbound, self.stock_out = inbound, stock_out


class InboundClosed(OrderCenterError):
    """The inbound order has been received or cancelled already."""

    code = "fulfillment.inbound_closed"
    title = _("This delivery has been received already.")
    hint = _("Goods that come later need an inbound order of their own.")

    def __init__(self, *, inbound: str, state: str):
        super().__init__(f"inbound {inbound} is {state}")
        self.inbound, self.state = inbound, state
