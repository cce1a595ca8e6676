"""The catalogue of cases: every code that something may raise, how urgent it is, and by when it should be decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ordercenter.cases.states import CaseLevel


@dataclass(frozen=True)
class CaseCode:
    """One kind of case. due_in: the time a person has, from opening."""

    code: str
    title: str | Promise
    level: str
    due_in: timedelta


def _blocking(code: str, title: str | Promise, hours: int) -> tuple[str, CaseCode]:
    return code, CaseCode(code, title, CaseLevel.BLOCKING, timedelta(hours=hours))


def _warning(code: str, title: str | Promise, hours: int) -> tuple[str, CaseCode]:
    return code, CaseCode(code, title, CaseLevel.WARNING, timedelta(hours=hours))


CODES: dict[str, CaseCode] = dict(
    [
        _blocking("SKU_UNMAPPED", _("Goods not matched"), 2),
        _blocking("ADDRESS_INCOMPLETE", _("Address incomplete"), 2),
        _blocking("ADDRESS_UNSURE", _("Address is only a guess"), 2),
        _blocking("REMARK_NEEDS_HUMAN", _("A remark needs a person"), 4),
        _blocking("PRICE_BELOW_FLOOR", _("Price below floor"), 4),
        _blocking("BLACKLIST", _("Buyer on the blacklist"), 4),
        _blocking("REFUND_BEFORE_SHIP", _("Refund asked before shipping"), 1),
        _blocking("DUPLICATE_SUSPECT", _("Possible duplicate order"), 2),
        _blocking("OUT_OF_STOCK", _("Out of stock"), 8),
        _blocking("ROUTING_NONE", _("No warehouse delivers there"), 4),
        _blocking("WAREHOUSE_CLOSED", _("Warehouse temporarily closed"), 8),
        _blocking("ROUTING_FORBIDDEN", _("Routing rules leave no way"), 4),
        _blocking("RULE_UNANSWERED", _("A routing rule cannot be answered"), 4),
        _blocking("CAPACITY_FULL", _("Warehouses are full today"), 8),
        _blocking("PAYMENT_MISMATCH", _("Amount paid is not the amount due"), 2),
        _warning("PAYMENT_CONFLICT", _("A payment is in the books already, but not like this"), 24),
        _blocking("CHANNEL_HELD", _("Held by the channel"), 24),
        _blocking("SHIPPED_ELSEWHERE", _("Already shipped, says the channel"), 2),
        _blocking("SPLIT_PARENT_OUT", _("The order before the split may be on its way"), 1),
        _warning("SPLIT_SUM", _("The parts of a split order are not its amount"), 24),
        _blocking("CHANGED_AFTER_AUDIT", _("Changed by the buyer after review"), 1),
        _blocking("WMS_REJECTED", _("Rejected by the warehouse"), 2),
        _blocking("WMS_SILENT", _("The warehouse does not answer"), 2),
        _blocking("RESULT_UNKNOWN", _("Outcome of an outside call unknown"), 1),
        _blocking("NOTHING_SHIPPED", _("The warehouse closed the delivery order without shipping"), 2),
        _blocking("LEAVES_WAREHOUSE", _("Leaves from another warehouse once this one has stopped it"), 4),
        _blocking("GOODS_STOPPED", _("Goods asked back from the warehouse"), 4),
        _blocking("SHORT_PICK", _("The warehouse shipped less than ordered"), 4),
        _blocking("WEIGHT_MISMATCH", _("The parcel's weight is not what it should be"), 2),
        _warning("AFTERSALE_GOODS", _("The buyer wants other goods"), 24),
        _warning("STOCK_DIFFERENCE", _("Counted stock cannot be booked"), 8),
        _warning("PARCEL_UNKNOWN", _("Unknown parcel at the dock"), 24),
        _warning("INBOUND_DIFFERENCE", _("Received goods are not what was announced"), 24),
        _warning("TRANSFER_SHORT", _("A warehouse sent other pieces than the transfer asked for"), 8),
        _warning("GOODS_AFTER_END", _("Goods moved for a delivery that was over"), 4),
        _blocking("INTERCEPT_FAILED", _("The warehouse could not stop the parcel"), 2),
        _warning("STOCK_COUNT_SHORT", _("Counted less than is promised"), 4),
        _warning("SUPPLY_LATE", _("Goods have not come on their day"), 24),
        _warning("STOCK_DOUBTFUL", _("Stock in doubt"), 8),
        _warning("QUOTA_SHORT", _("Not enough stock to set aside"), 2),
        _warning("LIVE_FEW_LEFT", _("Nearly sold out in a live stream"), 1),
        _warning("STOCK_PUSH_FAILED", _("The channel did not take a stock number"), 4),
        _warning("PART_WAITS_SUPPLY", _("A part of the order waits for supply"), 72),
        _warning("SHIPPED_AFTER_CANCEL", _("Shipped although cancelled"), 4),
        _warning("WAITING_MERGE", _("Waiting for another order of the parcel"), 24),
        _warning("GIFT_RECALC", _("A gift is not due any more"), 8),
        _warning("TRACKING_UPLOAD_FAILED", _("Tracking number not accepted by the channel"), 4),
        _warning("WAYBILL_FAILED", _("No waybill number"), 2),
        _warning("WAYBILL_NOT_RECYCLED", _("Waybill number not taken back"), 24),
        _warning("WAYBILL_POOL_LOW", _("Few waybill numbers left"), 4),
        _warning("COURIER_AUTH", _("The access to a courier is not valid"), 2),
        _warning("NO_PICKUP", _("The courier has not collected the parcel"), 4),
        _warning("SHIPMENT_STALLED", _("The parcel does not move"), 8),
        _warning("PARCEL_LOST", _("The parcel seems lost"), 8),
        _warning("PARCEL_PROBLEM", _("The courier reports a problem"), 4),
        _warning("PARCEL_RETURNING", _("The parcel comes back"), 24),
        _warning("RECALL_FAILED", _("The parcel could not be called back"), 2),
        _warning("TRACKING_ABORTED", _("Nobody follows the parcel any more"), 8),
        _warning("SETTLEMENT_DIFF", _("Difference in the bill"), 24),
        _warning("PAYOUT_DIFF", _("A platform's settlement differs from our books"), 72),
        _warning("PAYOUT_MISSING", _("An order was not settled in time"), 72),
        _warning("PAYOUT_UNREADABLE", _("A platform's settlement cannot be read"), 24),
        _warning("STATEMENT_UNREADABLE", _("Bill cannot be read"), 8),
        _warning("FREIGHT_WEIGHT", _("A courier bills other weights"), 72),
        _warning("FREIGHT_PRICE", _("A courier bills other prices than agreed"), 72),
        _warning("FREIGHT_UNKNOWN", _("A courier bills parcels that we do not know"), 72),
        _warning("FREIGHT_TWICE", _("A courier bills parcels twice"), 72),
        _warning("FREIGHT_VOID", _("A courier bills numbers under which nothing left"), 72),
        _warning("FREIGHT_NO_CONTRACT", _("A courier bills parcels without an agreed price"), 72),
        _warning("FREIGHT_NOT_BILLED", _("Parcels are missing on a courier's bill"), 168),
        _warning("COUNTER_OVERSOLD", _("More sold at a counter than was free"), 4),
        _warning("COUNTER_DOCUMENT", _("A document of a counter cannot be booked"), 8),
        _warning("COUNTER_CLOCK", _("A counter's clock is wrong"), 8),
        _warning("SHIFT_DIFFERENCE", _("Cash of a shift differs"), 24),
        _warning("CHANNEL_AUTH", _("The channel needs a new authorisation"), 2),
        _warning("CHANNEL_AUTH_ENDING", _("The channel's authorisation ends soon"), 24),
        _warning("CHANNEL_UNREADABLE", _("Rows of a channel cannot be read"), 2),
        _warning("COMMAND_FAILED", _("An outside call was given up"), 4),
        _warning("MESSAGE_PARKED", _("A message cannot be processed"), 2),
        _warning("EVENT_PARKED", _("A step failed and was set aside"), 2),
        _blocking("CONDITION_UNKNOWN", _("A condition cannot be answered"), 4),
        _blocking("FLOW_STEP_FAILED", _("A step of the flow failed"), 4),
        _blocking("FLOW_LOOP", _("A flow went round in circles"), 4),
        _blocking("NO_ELSE", _("No case of a branch matched"), 4),
    ]
)


def case_code(code: str) -> CaseCode:
    """The catalogue entry; a code made up by a flow of the user's counts as blocking, due in four hours."""
    return CODES.get(code) or CaseCode(code, code, CaseLevel.BLOCKING, timedelta(hours=4))
