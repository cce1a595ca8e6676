"""Warehouses' messages about goods, and the calls to them: inbound orders, items, stock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from fulfillment.errors import InboundUnknown, ShipmentUnknown, WarehouseMessageUnreadable, WarehouseUnknown
from fulfillment.models import Barcode, InboundLine, InboundOrder, Shipment
from fulfillment.services import inbound as inbound_services
from fulfillment.services import stock_reports, warehouse_words
from fulfillment.services.bringing import CANCEL_INBOUND_KIND, take_cancel_answers
from fulfillment.services.goods_at_warehouses import ITEMS_KIND, STOCK_KIND
from fulfillment.services.inbound import ENTRY_KIND, RETURN_KIND
from fulfillment.services.silence import close_silent
from fulfillment.services.warehouse_accounts import client_of
from fulfillment.states import InboundKind, InboundState
from fulfillment.wms.documents import CancelDocument
from fulfillment.wms.goods_client import GoodsClient
from fulfillment.wms.goods_documents import InboundDocument, InboundDocumentLine, ItemDocument, StockChange, StockThere
from fulfillment.wms.goods_xml import (
    read_inbound_confirm,
    read_inventory_report,
    read_item_lack,
    read_order_process,
    read_stock_changes,
)
from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt, Message, Recorded, Sender, on, reads, register_sender
from ordercenter.events.types import CommandAnswered, ShipmentRejected, ShipmentShipped
from ordercenter.inventory.models import Warehouse

WAREHOUSE = Actor("warehouse", "qimen")
# The standard's words for what comes in: bought, brought back, sent over.
_DOCUMENTS = {InboundKind.PURCHASE: "CGRK", InboundKind.RETURN: "THRK", InboundKind.TRANSFER: "DBRK"}
Refused = dict[int, OrderCenterError]
T = TypeVar("T")


@reads("qimen.entryorder.confirm")
def take_entries(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Purchases that a warehouse has received."""
    return _take_inbound(messages, "entryOrder")


@reads("qimen.returnorder.confirm")
def take_returns(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Goods of buyers that a warehouse has received."""
    return _take_inbound(messages, "returnOrder")


@reads("qimen.inventory.report")
def take_reports(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Differences that warehouses found when they counted; a report of several pages is several messages."""
    reports, refused = _read(messages, read_inventory_report)
    changes: dict[int, list[StockChange]] = defaultdict(list)
    for message_id, report in reports.items():
        warehouse_id = _place(_message(messages, message_id), report.warehouse_code)
        if warehouse_id is None:
            refused[message_id] = WarehouseUnknown(code=report.warehouse_code)
            continue
        for n, change in enumerate(report.changes):
            key = f"{report.out_biz_code}:{report.page}:{n}"
            changes[warehouse_id].append(replace(change, ref=report.check_code, key=key))
    stock_reports.apply_stock_changes(changes=changes, actor=WAREHOUSE)
    return refused


@reads("qimen.stockchange.report")
def take_changes(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Single changes of stock: a condition that became another one, something found or lost."""
    reports, refused = _read(messages, read_stock_changes)
    changes: dict[int, list[StockChange]] = defaultdict(list)
    for message_id, items in reports.items():
        message = _message(messages, message_id)
        places = {code: _place(message, code) for code in {item.warehouse_code for item in items}}
        unknown = next((code for code, pk in places.items() if pk is None), None)
        if unknown is not None:
            refused[message_id] = WarehouseUnknown(code=unknown)
            continue
        for n, item in enumerate(items):
            key = f"{item.key or f'message-{message_id}'}:{item.item_code}:{item.inventory_type}:{n}"
            changes[places[item.warehouse_code] or 0].append(replace(item, key=key))
    stock_reports.apply_stock_changes(changes=changes, actor=WAREHOUSE)
    return refused


@reads("qimen.itemlack.report")
def take_lacks(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Goods that a warehouse cannot find for a delivery order."""
    lacks, refused = _read(messages, read_item_lack)
    _refuse_of_others(messages, {pk: lack.delivery_order_code for pk, lack in lacks.items()}, lacks, refused)
    result = warehouse_words.take_lacks(lacks=list(lacks.values()), actor=WAREHOUSE)
    return refused | _refusals(lacks, result.refused)


@reads("qimen.orderprocess.report")
def take_progress(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """How far delivery orders are; of other documents nothing is kept but the message itself."""
    reports, refused = _read(messages, read_order_process)
    reports = {pk: report for pk, report in reports.items() if report.order_type in ("", "JYCK", "HHCK", "BFCK")}
    _refuse_of_others(messages, {pk: report.order_code for pk, report in reports.items()}, reports, refused)
    result = warehouse_words.take_progress(reports=list(reports.values()), actor=WAREHOUSE)
    return refused | _refusals(reports, result.refused)


@on(ShipmentShipped, ShipmentRejected, name="fulfillment.silence_is_over")
def end_silence(events: Sequence[Recorded]) -> None:
    """Its parcel or its no ends the silence of a warehouse, and what it lacked is said by what it shipped."""
    ids = sorted({r.event.shipment_id for r in events if isinstance(r.event, ShipmentShipped | ShipmentRejected)})
    with unit_of_work(because=events) as work:
        close_silent(shipment_ids=ids, work=work)


@on(
    CommandAnswered,
    name="fulfillment.goods_answered",
    when=lambda e: e.kind in (ENTRY_KIND, RETURN_KIND, STOCK_KIND, CANCEL_INBOUND_KIND),
)
def take_answers(events: Sequence[Recorded]) -> None:
    """The warehouses' answers to announcements, and what they have in all."""
    answered = [r.event for r in events if isinstance(r.event, CommandAnswered)]
    commands = OutgoingCommand.objects.in_bulk([e.command_id for e in answered])
    refs: dict[int, str] = {}
    reasons: dict[int, str] = {}
    cancels: dict[int, str] = {}
    with unit_of_work(because=events, actor=WAREHOUSE) as work:
        for event in answered:
            command = commands[event.command_id]
            if event.kind == CANCEL_INBOUND_KIND:
                cancels[command.payload["inbound_id"]] = "" if event.outcome == "done" else command.error or "refused"
            elif event.kind == STOCK_KIND and event.outcome == "done":
                there = [StockThere(**row) for row in (command.answer or {}).get("there", [])]
                stock_reports.compare_stock(warehouse_id=command.payload["warehouse_id"], there=there, work=work)
            elif event.kind != STOCK_KIND and event.outcome == "done":
                refs[command.payload["inbound_id"]] = str((command.answer or {}).get("warehouse_ref", ""))
            elif event.kind != STOCK_KIND:
                reasons[command.payload["inbound_id"]] = command.error
        inbound_services.take_inbound_answers(refs=refs, reasons=reasons, work=work)
        take_cancel_answers(answers=cancels, work=work)


def _take_inbound(messages: Sequence[Message], kind: str) -> Refused:
    confirms, refused = _read(messages, lambda body: read_inbound_confirm(body, kind=kind))
    owners = dict(
        InboundOrder.objects.filter(code__in=[c.code for c in confirms.values()]).values_list(
            "code", "warehouse__customer_id"
        )
    )
    customers = _customers(messages)
    for message_id, confirm in list(confirms.items()):
        if owners.get(confirm.code) != customers.get(message_id):
            refused[message_id] = InboundUnknown(number=confirm.code)
            del confirms[message_id]
    result = inbound_services.confirm_inbound(confirms=list(confirms.values()), actor=WAREHOUSE)
    return refused | _refusals(confirms, result.refused)


def _read(messages: Sequence[Message], reader: Callable[[bytes], T]) -> tuple[dict[int, T], Refused]:
    read: dict[int, T] = {}
    refused: Refused = {}
    for message in messages:
        try:
            read[message.id] = reader(message.body)
        except WarehouseMessageUnreadable as error:
            refused[message.id] = error
    return read, refused


def _refusals(read: Mapping[int, Any], refusals: Sequence[Any]) -> Refused:
    errors = {id(refusal.key): refusal.error for refusal in refusals}
    return {pk: errors[id(document)] for pk, document in read.items() if id(document) in errors}


def _refuse_of_others(
    messages: Sequence[Message], codes: Mapping[int, str], read: dict[int, Any], refused: Refused
) -> None:
    """A warehouse speaks only of delivery orders that it was given."""
    owners = dict(Shipment.objects.filter(code__in=codes.values()).values_list("code", "warehouse__customer_id"))
    customers = _customers(messages)
    for message_id, code in codes.items():
        if owners.get(code) != customers.get(message_id):
            refused[message_id] = ShipmentUnknown(number=code)
            read.pop(message_id, None)


def _customers(messages: Sequence[Message]) -> dict[int, str]:
    senders = {message.id: int(message.source.partition(":")[2]) for message in messages}
    known = dict(Warehouse.objects.filter(pk__in=set(senders.values())).values_list("pk", "customer_id"))
    return {message_id: known[pk] for message_id, pk in senders.items() if pk in known}


def _message(messages: Sequence[Message], message_id: int) -> Message:
    return next(message for message in messages if message.id == message_id)


def _place(message: Message, code: str) -> int | None:
    """The warehouse of this code, when it belongs to the customer that the sender is; the sender for no code."""
    sender = Warehouse.objects.filter(pk=int(message.source.partition(":")[2])).first()
    if sender is None:
        return None
    if not code or code == sender.code:
        return sender.pk
    return Warehouse.objects.filter(code=code, customer_id=sender.customer_id).values_list("pk", flat=True).first()


# --- calls ------------------------------------------------------------------------------------------------------------


def _prepare_inbound(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client = GoodsClient(client_of(target))
    documents = inbound_documents([command.payload["inbound_id"] for command in commands])

    def attempt(document: InboundDocument) -> Attempt:
        def send() -> dict[str, Any]:
            is_entry = document.order_type != "THRK"
            accepted = client.announce_entry(document) if is_entry else client.announce_return(document)
            return {"warehouse_ref": accepted.warehouse_ref, "was_known": accepted.was_known}

        return Attempt(send)

    mine = {command.pk: documents.get(command.payload["inbound_id"]) for command in commands}
    return {pk: attempt(document) if document is not None else Attempt(_not_needed) for pk, document in mine.items()}


def _not_needed() -> dict[str, Any]:
    """It was received or called off before the warehouse was told: there is nothing to tell any more."""
    return {"warehouse_ref": "", "is_over": True}


def inbound_documents(inbound_ids: Sequence[int]) -> dict[int, InboundDocument]:
    """The announcement of each inbound order that is still wanted. Two statements."""
    wanted = InboundOrder.objects.filter(pk__in=inbound_ids).exclude(
        state__in=[InboundState.CANCELLED, InboundState.RECEIVED]
    )
    lines: dict[int, list[InboundLine]] = defaultdict(list)
    for line in InboundLine.objects.filter(inbound_id__in=inbound_ids, planned__gt=0).select_related("sku"):
        lines[line.inbound_id].append(line)
    return {
        inbound.pk: InboundDocument(
            code=inbound.code,
            warehouse_code=inbound.warehouse.code,
            owner_code=inbound.warehouse.owner_code or inbound.warehouse.customer_id,
            order_type=_DOCUMENTS[InboundKind(inbound.kind)],
            created_at=inbound.created_at,
            lines=tuple(
                InboundDocumentLine(str(line.pk), line.sku.code, line.sku.name, line.planned)
                for line in lines[inbound.pk]
            ),
            source_code=inbound.shipment_code,
            carrier_code=inbound.carrier_code,
            tracking_no=inbound.tracking_no,
            supplier=inbound.supplier,
            expected_at=inbound.expected_at,
        )
        for inbound in wanted.select_related("warehouse")
    }


def _prepare_cancel_inbound(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client, place = client_of(target), _warehouse(target)
    wanted = InboundOrder.objects.in_bulk([command.payload["inbound_id"] for command in commands])

    def attempt(inbound: InboundOrder, reason: str) -> Attempt:
        document = CancelDocument(
            order_code=inbound.code,
            warehouse_code=place.code,
            owner_code=place.owner_code or place.customer_id,
            reason=reason,
            warehouse_ref=inbound.warehouse_ref,
            order_type=_DOCUMENTS[InboundKind(inbound.kind)],
        )

        def send() -> dict[str, Any]:
            client.cancel_order(document)
            return {"cancelled": True}

        return Attempt(send)

    mine = {command.pk: wanted.get(command.payload["inbound_id"]) for command in commands}
    reasons = {command.pk: str(command.payload.get("reason", "")) for command in commands}
    return {pk: attempt(inbound, reasons[pk]) for pk, inbound in mine.items() if inbound is not None}


def _prepare_items(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client, place = GoodsClient(client_of(target)), _warehouse(target)
    skus = Sku.objects.in_bulk({pk for command in commands for pk in command.payload["sku_ids"]})
    codes: dict[int, list[str]] = defaultdict(list)
    for barcode in Barcode.objects.filter(sku_id__in=skus).order_by("pk"):
        codes[barcode.sku_id].append(barcode.text)

    def attempt(command: OutgoingCommand) -> Attempt:
        documents = [
            ItemDocument(sku.code, sku.name, Decimal(sku.weight_g) / 1000, tuple(codes[sku.pk]), sku.category)
            for pk in command.payload["sku_ids"]
            if (sku := skus.get(pk)) is not None
        ]

        def send() -> dict[str, Any]:
            owner = place.owner_code or place.customer_id
            is_new = bool(command.payload["is_new"])
            client.tell_items(documents, warehouse_code=place.code, owner_code=owner, is_new=is_new)
            return {"items": len(documents)}

        return Attempt(send)

    return {command.pk: attempt(command) for command in commands}


def _prepare_stock(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client, place = GoodsClient(client_of(target)), _warehouse(target)
    codes = dict(
        Sku.objects.filter(pk__in={pk for command in commands for pk in command.payload["sku_ids"]}).values_list(
            "pk", "code"
        )
    )

    def attempt(command: OutgoingCommand) -> Attempt:
        def send() -> dict[str, Any]:
            owner = place.owner_code or place.customer_id
            wanted = [codes[pk] for pk in command.payload["sku_ids"] if pk in codes]
            there = client.stock_there(wanted, warehouse_code=place.code, owner_code=owner)
            return {
                "there": [
                    {
                        "warehouse_code": row.warehouse_code,
                        "item_code": row.item_code,
                        "inventory_type": row.inventory_type,
                        "quantity": row.quantity,
                        "locked": row.locked,
                    }
                    for row in there
                    if row.warehouse_code in ("", place.code)
                ]
            }

        return Attempt(send)

    return {command.pk: attempt(command) for command in commands}


def _warehouse(target: str) -> Warehouse:
    return Warehouse.objects.get(pk=int(target.partition(":")[2]))


register_sender(Sender(ENTRY_KIND, _prepare_inbound, handles_failure=True))
register_sender(Sender(RETURN_KIND, _prepare_inbound, handles_failure=True))
register_sender(Sender(CANCEL_INBOUND_KIND, _prepare_cancel_inbound, max_tries=6, handles_failure=True))
register_sender(Sender(ITEMS_KIND, _prepare_items))
register_sender(Sender(STOCK_KIND, _prepare_stock, max_tries=3))
