"""Goods that warehouses send to other warehouses: the calls that ask for them, and what they confirm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fulfillment.errors import (
    StockOutUnknown,
    WarehouseMessageUnreadable,
    WarehouseRefused,
    WarehouseUnavailable,
)
from fulfillment.goods_handlers import WAREHOUSE
from fulfillment.models import StockOut, StockOutLine
from fulfillment.services import transfers
from fulfillment.services.transfers import KEEP_KIND, STOCK_OUT_KIND
from fulfillment.services.warehouse_accounts import client_of
from fulfillment.states import StockOutState
from fulfillment.wms.documents import CancelDocument
from fulfillment.wms.goods_client import GoodsClient
from fulfillment.wms.goods_documents import InboundDocumentLine, StockOutConfirm, StockOutDocument
from fulfillment.wms.stock_out_xml import read_stock_out_confirm
from ordercenter.audit.work import unit_of_work
from ordercenter.common.errors import OrderCenterError
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt, Message, Recorded, Sender, on, reads, register_sender
from ordercenter.events.types import CommandAnswered
from ordercenter.inventory.models import Warehouse

ORDER_TYPE = "DBCK"
# Asked how it stands, the warehouse says that it has no such document any more.
_GIVEN_UP_THERE = ("CANCELED", "CLOSED", "REJECT")
_WANTED = (
    StockOutState.SENT,
    StockOutState.ACCEPTED,
    StockOutState.REJECTED,
    StockOutState.LEAVING,
    StockOutState.LEFT,
)


@reads("qimen.stockout.confirm")
def take_stock_outs(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Goods that a warehouse has sent to another one. A warehouse speaks only of what it was asked for."""
    refused: dict[int, OrderCenterError] = {}
    confirms: dict[int, StockOutConfirm] = {}
    for message in messages:
        try:
            confirms[message.id] = read_stock_out_confirm(message.body)
        except WarehouseMessageUnreadable as error:
            refused[message.id] = error
    owners = dict(
        StockOut.objects.filter(code__in={c.code for c in confirms.values()}).values_list(
            "code", "warehouse__customer_id"
        )
    )
    senders = {message.id: int(message.source.partition(":")[2]) for message in messages}
    customers = dict(Warehouse.objects.filter(pk__in=set(senders.values())).values_list("pk", "customer_id"))
    for message_id, confirm in list(confirms.items()):
        if confirm.code not in owners or owners[confirm.code] != customers.get(senders[message_id]):
            refused[message_id] = StockOutUnknown(number=confirm.code)
            del confirms[message_id]
    result = transfers.confirm_stock_outs(confirms=list(confirms.values()), actor=WAREHOUSE)
    errors = {id(refusal.key): refusal.error for refusal in result.refused}
    return refused | {pk: errors[id(confirm)] for pk, confirm in confirms.items() if id(confirm) in errors}


@on(CommandAnswered, name="fulfillment.transfers_answered", when=lambda e: e.kind in (STOCK_OUT_KIND, KEEP_KIND))
def take_answers(events: Sequence[Recorded]) -> None:
    """The sending warehouses' answers to being asked for goods, and to being asked to keep them."""
    answered = [r.event for r in events if isinstance(r.event, CommandAnswered)]
    commands = OutgoingCommand.objects.in_bulk([e.command_id for e in answered])
    refs: dict[int, str] = {}
    reasons: dict[int, str] = {}
    keeps: dict[int, str] = {}
    for event in answered:
        command = commands[event.command_id]
        inbound_id = command.payload["inbound_id"]
        why_not = "" if event.outcome == "done" else command.error or "refused"
        if event.kind == KEEP_KIND:
            keeps[inbound_id] = why_not
        elif why_not:
            reasons[inbound_id] = why_not
        else:
            refs[inbound_id] = str((command.answer or {}).get("warehouse_ref", ""))
    with unit_of_work(because=events, actor=WAREHOUSE) as work:
        transfers.take_stock_out_answers(refs=refs, reasons=reasons, work=work)
        transfers.take_keep_answers(answers=keeps, work=work)


# --- calls ------------------------------------------------------------------------------------------------------------


def _prepare_stock_out(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client = GoodsClient(client_of(target))
    documents = stock_out_documents([command.payload["inbound_id"] for command in commands])

    def attempt(document: StockOutDocument) -> Attempt:
        def send() -> dict[str, Any]:
            accepted = client.ask_to_send(document)
            return {"warehouse_ref": accepted.warehouse_ref, "was_known": accepted.was_known}

        # A warehouse that has the document may still say no to its repeat; the goods would leave all the same.
        return Attempt(send, lambda: _known_there(client, document))

    mine = {command.pk: documents.get(command.payload["inbound_id"]) for command in commands}
    return {pk: attempt(document) for pk, document in mine.items() if document is not None}


def stock_out_documents(inbound_ids: Sequence[int]) -> dict[int, StockOutDocument]:
    """What the sending warehouse is asked for, by inbound order; none that was called off. Two statements."""
    wanted = StockOut.objects.filter(inbound_id__in=inbound_ids, state__in=_WANTED)
    lines: dict[int, list[StockOutLine]] = defaultdict(list)
    for line in StockOutLine.objects.filter(stock_out__inbound_id__in=inbound_ids, planned__gt=0).select_related("sku"):
        lines[line.stock_out_id].append(line)
    return {
        out.inbound_id: StockOutDocument(
            code=out.code,
            warehouse_code=out.warehouse.code,
            owner_code=out.warehouse.owner_code or out.warehouse.customer_id,
            order_type=ORDER_TYPE,
            created_at=out.created_at,
            scheduled_at=out.inbound.expected_at,
            related_code=out.inbound.code,
            remark=out.inbound.note,
            receiver=_place(out.inbound.warehouse),
            lines=tuple(
                InboundDocumentLine(str(line.pk), line.sku.code, line.sku.name, line.planned)
                for line in sorted(lines[out.pk], key=lambda line: line.pk)
            ),
        )
        for out in wanted.select_related("warehouse", "inbound__warehouse")
    }


def _place(warehouse: Warehouse) -> dict[str, str]:
    """The receiving warehouse as the standard names a receiver; its code is how two houses of one group know it."""
    return {
        "company": warehouse.code,
        "name": warehouse.contact_name or warehouse.name,
        "mobile": warehouse.phone,
        "province": warehouse.province,
        "city": warehouse.city,
        "area": warehouse.district,
        "detailAddress": warehouse.full_address,
    }


def _known_there(client: GoodsClient, document: StockOutDocument) -> dict[str, Any] | None:
    """Whether the warehouse has this document; None also where it cannot be asked, for the number protects us."""
    try:
        found = client.stock_out_there(document)
    except (WarehouseRefused, WarehouseUnavailable):
        return None
    if found.status in _GIVEN_UP_THERE:
        return None
    return {"warehouse_ref": found.warehouse_ref, "was_known": True}


def _prepare_keep(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client = client_of(target)
    found = StockOut.objects.filter(inbound_id__in=[command.payload["inbound_id"] for command in commands])
    outs = {out.inbound_id: out for out in found.select_related("warehouse")}

    def attempt(out: StockOut, reason: str) -> Attempt:
        document = CancelDocument(
            order_code=out.code,
            warehouse_code=out.warehouse.code,
            owner_code=out.warehouse.owner_code or out.warehouse.customer_id,
            reason=reason,
            warehouse_ref=out.warehouse_ref,
            order_type=ORDER_TYPE,
        )

        def send() -> dict[str, Any]:
            client.cancel_order(document)
            return {"cancelled": True}

        return Attempt(send)

    return {
        command.pk: attempt(outs[command.payload["inbound_id"]], str(command.payload.get("reason", "")))
        for command in commands
        if command.payload["inbound_id"] in outs
    }


register_sender(Sender(STOCK_OUT_KIND, _prepare_stock_out, handles_failure=True))
register_sender(Sender(KEEP_KIND, _prepare_keep, max_tries=6, handles_failure=True))
