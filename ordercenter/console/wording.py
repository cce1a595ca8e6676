"""What the screens call things: events, machines, states, holds, commands, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.db.models import Choices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from channels_sync.states import LiveState
from finance.states import LineState, StatementState
from fulfillment.states import (
    CountState,
    FreightBillState,
    InboundState,
    ParcelState,
    ShipmentState,
    StockOutState,
    WaveState,
    WaybillState,
)
from ordercenter.cases.codes import case_code
from ordercenter.cases.states import CaseState
from ordercenter.common.problems import problem_types
from ordercenter.events import types as facts
from ordercenter.events.codec import event_classes
from ordercenter.inventory.states import ProductionState, QuotaState, ReservationState, SupplyState, TableState
from ordercenter.orders.models import Order
from ordercenter.orders.states import OrderState

Text = str | Promise

EVENTS: Mapping[str, Text] = {
    facts.OrderReceived.name: _("Order received"),
    facts.OrderPaid.name: _("Order paid"),
    facts.OrderChangedByChannel.name: _("Changed by the channel"),
    facts.OrderHeld.name: _("Order held"),
    facts.OrderReleased.name: _("All holds released"),
    facts.OrderReleaseDue.name: _("Wave or cut-off reached: handed to the warehouse"),
    facts.DuplicateSeen.name: _("An earlier order looks the same"),
    facts.DuplicateSeen.name: _("Later of two equal orders"),
    facts.OrderRegraded.name: _("Priority changed"),
    facts.MergeDue.name: _("Looked whether the orders of the parcel are all there"),
    facts.MergeWindowClosed.name: _("Waited for other orders of the parcel"),
    facts.OrderApproved.name: _("Order approved"),
    facts.OrderAwaitingSupply.name: _("Waiting for supply"),
    facts.OrderShipped.name: _("Order shipped"),
    facts.TradeFinished.name: _("Buyer confirmed receipt"),
    facts.OrderCompleted.name: _("Order completed"),
    facts.GoodsReturned.name: _("Goods came back"),
    facts.OrderCancelled.name: _("Order cancelled"),
    facts.OrderReplaced.name: _("Split by the channel: replaced by its parts"),
    facts.RefundRequested.name: _("Refund requested"),
    facts.RefundWithdrawn.name: _("Refund withdrawn"),
    facts.RefundSucceeded.name: _("Refund paid out"),
    facts.ReturnExpected.name: _("Goods are to come back"),
    facts.ReturnCalledOff.name: _("Goods will not come back after all"),
    facts.StockReserved.name: _("Stock reserved"),
    facts.StockReleased.name: _("Stock released"),
    facts.StockTakenOver.name: _("Got goods that less urgent orders were promised"),
    facts.StockGivenUp.name: _("Gave its goods to a more urgent order"),
    facts.OrderUnpaid.name: _("Waits for its money"),
    facts.OrderPartAwaitsSupply.name: _("A part of it waits for supply"),
    facts.QuotaDue.name: _("A shop's quota begins or ends"),
    facts.LiveSessionDue.name: _("A live stream begins or ends"),
    facts.LiveSessionChanged.name: _("Live stream planned, changed or moved on"),
    facts.SupplyChanged.name: _("Coming supply changed"),
    facts.StockReplenished.name: _("Stock replenished"),
    facts.ShipmentCreated.name: _("Shipment created"),
    facts.OrderRejectedByWarehouse.name: _("A warehouse will not ship the order"),
    facts.OtherWarehouseWanted.name: _("The flow looks for another warehouse"),
    facts.WarehouseSilent.name: _("The warehouse keeps silent"),
    facts.NothingLeftWarehouse.name: _("The warehouse closed the delivery order without shipping"),
    facts.WarehouseChangeWanted.name: _("The flow wants it away from its warehouse"),
    facts.UrgentOrderWaits.name: _("An urgent order waits for goods"),
    facts.TakeoverWanted.name: _("The flow looks for goods of less urgent orders"),
    facts.OtherWarehouseFound.name: _("Another warehouse ships it"),
    facts.NoOtherWarehouse.name: _("No other warehouse ships it"),
    facts.ShipmentDispatched.name: _("Shipment sent to the warehouse"),
    facts.ShipmentAccepted.name: _("Shipment accepted by the warehouse"),
    facts.ShipmentProgressed.name: _("The warehouse is at it"),
    facts.ShipmentPickStarted.name: _("Picking has begun"),
    facts.ShipmentRejected.name: _("Shipment rejected by the warehouse"),
    facts.ShipmentShipped.name: _("Shipment has left the warehouse"),
    facts.ShipmentSentAgain.name: _("Warehouse asked once more"),
    facts.ShipmentCancelled.name: _("Shipment cancelled"),
    facts.TrackingReported.name: _("Tracking number reported to the channel"),
    facts.WaybillAssigned.name: _("Waybill number assigned"),
    facts.WaybillFailed.name: _("No waybill number given"),
    facts.ParcelCollected.name: _("Collected by the courier"),
    facts.ParcelDelivered.name: _("Parcel signed for"),
    facts.ParcelReturning.name: _("Parcel comes back"),
    facts.ParcelReturned.name: _("Parcel is back"),
    facts.ParcelLost.name: _("Parcel lost or damaged"),
    facts.ShipmentDelivered.name: _("All parcels of the shipment signed for"),
    facts.OrderDelivered.name: _("Order delivered"),
    facts.TrackingWithheld.name: _("Tracking number not for the channel"),
    facts.PaymentCaptured.name: _("Payment entered in the books"),
    facts.PaymentRefunded.name: _("Refund entered in the books"),
    facts.StatementImported.name: _("Bill imported"),
    facts.StatementMatched.name: _("Bill matched"),
    facts.StatementClosed.name: _("Business day closed"),
    facts.FreightUploaded.name: _("File of a courier bill uploaded"),
    facts.FreightBillToJudge.name: _("Courier bill taken in, its lines are being judged"),
    facts.FreightBillChecked.name: _("Courier bill checked"),
    facts.FreightBillClosed.name: _("Courier bill closed"),
    facts.FreightBillReopened.name: _("Courier bill reopened"),
    facts.FreightBillWithdrawn.name: _("Courier bill withdrawn"),
    facts.ListingMatched.name: _("Listing matched"),
    facts.CaseOpened.name: _("Case opened"),
    facts.CaseClosed.name: _("Case closed"),
    facts.CommandAnswered.name: _("Outside call answered"),
    facts.CommandSentAgain.name: _("Outside call sent again by hand"),
    facts.DeliveryParked.name: _("A step was set aside"),
    facts.MessageParked.name: _("A message was set aside"),
    facts.FlowTimerDue.name: _("A wait is over"),
}

MACHINES: Mapping[str, tuple[Text, type[Choices]]] = {
    "order": (_("Order"), OrderState),
    "shipment": (_("Shipment"), ShipmentState),
    "parcel": (_("Parcel"), ParcelState),
    "waybill": (_("Waybill"), WaybillState),
    "reservation": (_("Reservation"), ReservationState),
    "wave": (_("Wave"), WaveState),
    "stockcount": (_("Stock count"), CountState),
    "stocktable": (_("Stock table"), TableState),
    "channelquota": (_("Quota of a shop"), QuotaState),
    "livesession": (_("Live stream"), LiveState),
    "productionorder": (_("Production order"), ProductionState),
    "supply": (_("Supply"), SupplyState),
    "inboundorder": (_("Inbound order"), InboundState),
    "stockout": (_("Stock-out"), StockOutState),
    "statement": (_("Statement"), StatementState),
    "freightbill": (_("Courier bill"), FreightBillState),
    "case": (_("Case"), CaseState),
}

DEEDS: Mapping[str, Text] = {
    "case.resolve": _("Case resolved"),
    "case.dismiss": _("Case dismissed"),
    "case.snooze": _("Case put aside"),
    "listing.bind": _("Listing matched"),
    "listing.ignore": _("Listing is none of ours"),
    "listing.unbind": _("Match taken away"),
    "listing.unignore": _("Listing is ours after all"),
    "order.release": _("Holds released"),
    "order.cancel": _("Order cancelled by hand"),
    "order.book_payment": _("Payment entered by hand"),
    "order.refund_excess": _("What was paid too much refunded"),
    "order.keep_excess": _("What was paid too much kept as credit"),
    "order.merge": _("Merged by hand"),
    "order.unmerge": _("Taken out of the shared parcel"),
    "order.split": _("Split by hand"),
    "order.unsplit": _("Put into one parcel again"),
    "order.leave_warehouse": _("Stopped at its warehouse to leave from another one"),
    "order.route_elsewhere": _("Shipped from another warehouse"),
    "order.ask_back": _("Goods asked back from the warehouse"),
    "shipment.missing": _("Missing goods decided upon"),
    "count.post": _("Differences of a count posted"),
    "stock.adjust": _("Stock changed by hand"),
    "stock.count": _("Stock counted"),
    "stock.import": _("Table of stock taken in"),
    "stock.policy": _("Source of a SKU decided"),
    "stock.reserving": _("Reserving of a shop decided"),
    "stock.quota_end": _("Quota ended"),
    "stock.regrade": _("Pieces regraded"),
    "stock.release": _("Held pieces released"),
    "stock.safety": _("Safety stock set"),
    "stock.set_aside": _("Pieces set aside for a shop"),
    "stock.share": _("Share of a shop decided"),
    "production.begin": _("Making for stock begun"),
    "production.calendar": _("Production days planned"),
    "production.finish": _("Pieces reported as made"),
    "production.resource": _("Production resource written down"),
    "production.stop": _("Production called off"),
    "production.way": _("Way of making written down"),
    "inbound.announce": _("Delivery announced"),
    "inbound.cancel": _("Delivery called off"),
    "channel.replay": _("Raw messages read again"),
    "channel.backfill": _("A span fetched from the channel again"),
    "inbound.close_rest": _("Rest of a purchase order closed"),
    "inbound.receive": _("Delivery received by hand"),
    "inbound.send": _("Delivery sent to the warehouse"),
    "warehouse.tell_items": _("All items told to a warehouse"),
    "contact.reveal": _("Contact shown in clear"),
    "connector.write": _("Connector written"),
    "connector.activate": _("Connector put to work"),
    "connector.try": _("Connector tried on a sample"),
    "inboxmessage.reveal": _("Message shown in clear"),
    "outgoingcommand.reveal": _("Command shown in clear"),
    "live.plan": _("Live stream planned"),
    "live.change": _("Live stream changed"),
    "live.start": _("Live stream begun by hand"),
    "live.end": _("Live stream ended by hand"),
    "live.cancel": _("Live stream called off"),
    "parcel.mark_delivered": _("Parcel marked as signed for"),
    "parcel.mark_lost": _("Parcel declared lost"),
    "parcel.mark_returned": _("Parcel taken back"),
    "parcel.recall": _("Parcel called back"),
    "waybill.give_back": _("Waybill given back"),
    "waybill.ask_again": _("Waybill number asked for again"),
    "waybill.reprint": _("Label printed again"),
    "waybill.void": _("Waybill voided"),
    "flow.activate": _("Flow version activated"),
    "statement.sign_off": _("Difference signed off"),
    "statement.close": _("Business day closed"),
    "finance.sign_off": _("Difference signed off"),
    "finance.close_day": _("Business day closed"),
    "freight.import": _("Courier bill taken in"),
    "freight.sign_off": _("Differences of a courier bill signed off"),
    "freight.take_back_sign_off": _("Sign-off taken back"),
    "freight.close": _("Courier bill closed"),
    "freight.reopen": _("Courier bill reopened"),
    "freight.withdraw": _("Courier bill withdrawn"),
    "run.rerun": _("Step run again"),
}

COMMANDS: Mapping[str, Text] = {
    "qimen.deliveryorder.create": _("delivery order to the warehouse"),
    "qimen.order.cancel": _("stop at the warehouse"),
    "qimen.entryorder.create": _("goods announced to the warehouse"),
    "qimen.returnorder.create": _("return announced to the warehouse"),
    "qimen.inbound.cancel": _("delivery called off at the warehouse"),
    "qimen.stockout.create": _("warehouse asked to send goods over"),
    "qimen.stockout.cancel": _("warehouse asked to keep goods back"),
    "qimen.items.synchronize": _("items told to the warehouse"),
    "qimen.inventory.query": _("stock asked of the warehouse"),
    "channel.tracking": _("tracking number to the channel"),
    "channel.stock": _("stock to the channel"),
    "channel.remark": _("remark to the channel"),
    "courier.waybill.get": _("waybill numbers from the courier"),
    "courier.waybill.cancel": _("waybill number back to the courier"),
    "courier.recall": _("call a parcel back"),
    "kuaidi100.subscribe": _("subscribe to news of a parcel"),
    "labels.make": _("make labels"),
}

ACTORS: Mapping[str, Text] = {
    "person": _("person"),
    "system": _("system"),
    "channel": _("channel"),
    "warehouse": _("warehouse"),
    "integration": _("integration"),
}


def event_label(name: str) -> Text:
    """What an event is called; its dotted name when it is unknown here."""
    return EVENTS.get(name, name)


def machine_label(machine: str) -> Text:
    """What a state machine's rows are called."""
    return MACHINES[machine][0] if machine in MACHINES else machine


def state_label(machine: str, state: str) -> Text:
    """What a state of a machine is called."""
    return _labels(machine).get(state, state)


def deed_label(action: str) -> Text:
    """What a deed is called."""
    return DEEDS.get(action, action)


def command_label(kind: str) -> Text:
    """What an outgoing command does; its kind when it is unknown here."""
    return COMMANDS.get(kind, kind)


# Fees by the names that platforms give them, see the adapters' settlements.
FEES: Mapping[str, Text] = {
    "platform_service_fee": _("Platform service fee"),
    "commission": _("Creator's commission"),
    "colonel_service_fee": _("Merchant recruiter's fee"),
    "channel_promotion_fee": _("Outside promotion"),
    "good_learn_channel_fee": _("Channel's share"),
    "other_sharing_amount": _("Other shares"),
    "unnamed_fee": _("Fees without a name"),
    "order_fee": _("Order fee"),
    "guide_share": _("Guide's share"),
    "league_share": _("League's share"),
    "freight_insurance_share": _("Freight insurance share"),
    "league_platform_cut": _("Platform's cut of the league"),
    "league_commission": _("League's commission"),
    "platform_commission": _("Platform commission"),
    "leader_commission": _("Leader's commission"),
    "popularity_card": _("Popularity card"),
    "fast_refund": _("Fast refund"),
    "freight_insurance": _("Freight insurance"),
    "share": _("Profit share"),
}


CONNECTOR_AUTH: Mapping[str, Text] = {
    "none": _("nothing"),
    "header": _("a key in a header"),
    "basic": _("user and password (Basic)"),
    "hmac": _("a signature (HMAC) over a template"),
    "oauth2": _("OAuth2, client credentials"),
    "name": _("name of the header"),
    "value": _("value"),
    "user": _("user name"),
    "password": _("password"),
    "template": _("template that is signed"),
    "secret": _("name of the secret"),
    "digest": _("digest (sha256, sha1, sha512, md5)"),
    "encoding": _("written as (hex, HEX, base64)"),
    "timestamp_header": _("header of the time"),
    "key_header": _("header of the app key"),
    "nonce_header": _("header of the nonce"),
    "token_path": _("path of the token"),
    "client_id": _("client id"),
    "client_secret": _("client secret"),
    "scope": _("scope"),
}
CONNECTOR_PAGING: Mapping[str, Text] = {
    "none": _("no pages"),
    "page": _("by the page's number"),
    "offset": _("by the number of the first row"),
    "cursor": _("by a cursor"),
    "link": _("by a Link header"),
    "first": _("first page is (0 or 1)"),
    "size": _("rows a page"),
    "next": _("next cursor stands at"),
    "total": _("number of rows stands at"),
}


def fee_label(code: str) -> Text:
    """What a fee of a platform's settlement is called."""
    return FEES.get(code, code)


def code_label(code: str) -> Text:
    """What a case or hold code is called."""
    return case_code(code).title


def actor_label(actor: str) -> str:
    """ "person:li" as "li", "system:order-center" as "system": who did it, in a word."""
    kind, _sep, name = actor.partition(":")
    return name if kind == "person" and name else f"{ACTORS.get(kind, kind)} {name}".strip()


def unnamed_events() -> list[str]:
    """Events of the system that have no name for people yet."""
    return sorted(set(event_classes()) - set(EVENTS))


def _refusal(code: str) -> str:
    """What a refusal with this code says; the code when it is unknown here."""
    return next((kind["title"] for kind in problem_types() if kind["code"] == code), code)


def _order_fields() -> dict[str, str]:
    return {field.name: str(field.verbose_name) for field in Order._meta.concrete_fields}


@cache
def _verdicts() -> dict[str, Any]:
    return {member.value: member.label for member in LineState}


@cache
def _labels(machine: str) -> dict[str, Any]:
    if machine not in MACHINES:
        return {}
    choices = MACHINES[machine][1]
    return {member.value: member.label for member in choices}


# What the keys of payloads and evidence are called; keys of machines are not shown at all.
KEYS: Mapping[str, Text] = {
    "amount": _("amount"),
    "currency": _("currency"),
    "reason": _("reason"),
    "codes": _("reasons"),
    "code": _("code"),
    "fields": _("fields"),
    "external_no": _("transaction number"),
    "channel_refund_no": _("channel refund number"),
    "refund_no": _("channel refund number"),
    "channel_order_no": _("channel order number"),
    "outcome": _("result"),
    "kind": _("kind"),
    "error": _("error"),
    "error_code": _("error code"),
    "handler": _("handler"),
    "lines": _("lines"),
    "missing": _("missing"),
    "buyer_remark": _("buyer's remark"),
    "seller_remark": _("seller's remark"),
    "sku": _("SKU"),
    "skus": _("SKUs"),
    "set_aside": _("set aside"),
    "left": _("left of it"),
    "paid": _("paid"),
    "floor": _("floor price"),
    "due": _("amount due"),
    "matched": _("found by"),
    "other_order": _("other order"),
    "other_state": _("state of the other order"),
    "state": _("state"),
    "listing": _("listing"),
    "listing_sku": _("listing SKU"),
    "spec": _("choice"),
    "listing_id": _("listing"),
    "listing_sku_id": _("listing SKU"),
    "other_goods": _("other goods not matched"),
    "channel_status": _("channel's state"),
    "cancel_reason": _("reason of cancelling"),
    "shipment": _("shipment"),
    "shipments": _("shipments"),
    "times": _("times at most"),
    "quarantine": _("stock left behind goes into quarantine"),
    "step": _("at step"),
    "why": _("why"),
    "business_day": _("business day"),
    "provider": _("provider"),
    "request_no": _("refund request number"),
    "merchant_no": _("merchant order number"),
    "theirs": _("theirs"),
    "ours": _("ours"),
    "fee": _("fee"),
    "method": _("call"),
    "sub_code": _("channel's code"),
    "problem": _("problem"),
    "detail": _("detail"),
    "outer_sku": _("SKU code at the channel"),
    "title": _("title"),
    "short": _("short"),
    "needed": _("needed"),
    "free": _("free"),
    "warehouse": _("warehouse"),
    "message": _("message"),
    "node": _("at step"),
    "source": _("source"),
    "path": _("field"),
    "about": _("about"),
    "tracking_no": _("tracking number"),
    "differences": _("differences"),
    "verdict": _("verdict"),
    "expected": _("expected"),
    "found": _("found"),
    "name": _("name"),
    "province": _("province"),
    "district": _("district"),
    "address": _("address"),
    "phone": _("phone"),
    "buyer": _("buyer"),
    "guess": _("guess"),
    "doubt": _("why it is unsure"),
    "orders": _("other orders"),
    "until": _("until"),
    "instead": _("reported with order"),
    "merged_into": _("one number for several orders is not taken by this channel"),
    "not_supported": _("a further number for these goods is not taken by this channel"),
    "gift": _("gift"),
    "pieces": _("pieces"),
    "priority": _("priority"),
    "before": _("before"),
    "is_over": _("time is up"),
    "together": _("orders together"),
    "courier": _("courier"),
    "period": _("period"),
    "parcels": _("parcels"),
    "billed": _("amount billed"),
    "by_contract": _("amount by contract"),
    "stage": _("waits for"),
}
# What an order without its money waits for: `stage` of OrderUnpaid.
STAGES: Mapping[str, Text] = {"placed": _("the payment"), "deposit": _("the balance; the deposit is paid")}
# Why a written address is only a guess: `Doubt` of common/addresses.py.
DOUBTS: Mapping[str, Text] = {
    "homonym": _("several places have this name"),
    "contradiction": _("the names contradict each other"),
    "short_name": _("a short name may mean something else"),
    "unknown_district": _("the district is not in the table of divisions"),
}
_MACHINE_KEYS = frozenset({"flow_run_id", "parcel_ids", "sku_ids", "order_ids", "details", "depth", "fixes"})


def key_label(key: str) -> Text:
    """What a key of a payload or of evidence is called."""
    return KEYS.get(key, key.replace("_", " "))


def payload_words(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, text) of what a payload or evidence says to people; empty values and ids for machines are left out."""
    words = []
    for key, value in payload.items():
        if value in (None, "", [], {}) or key in _MACHINE_KEYS or key.endswith("_id"):
            continue
        words.append((str(key_label(key)), value_words(key, value)))
    return words


def value_words(key: str, value: Any) -> str:
    """A value of a payload or of evidence as text: lists with commas, objects as "label value"."""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list | tuple):
        return "; ".join(value_words(key, item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key_label(k)} {value_words(k, v)}" for k, v in value.items())
    text = str(value)
    if key == "fields":
        return _order_fields().get(text, text)
    if key == "doubt":
        return str(DOUBTS.get(text, text))
    if key == "stage":
        return str(STAGES.get(text, text))
    if key == "verdict":
        return str(_verdicts().get(text, text))
    if key in ("codes", "code"):
        return _refusal(text) if "." in text else str(code_label(text))
    if key in ("state", "other_state"):
        return str(state_label("order", text))
    return str(KEYS[text]) if key in ("missing", "matched", "why") and text in KEYS else text
