"""Small flows, a catalogue and components for the tests of the workflow core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ordercenter.workflow.components import Registry, StepCall
from ordercenter.workflow.documents import parse_document
from ordercenter.workflow.fields import Catalogue, Field, FieldType
from ordercenter.workflow.nodes import FlowDocument
from ordercenter.workflow.params import ParamSpec, ParamType

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
PAID, GRADED, RECEIVED = "orders.order.paid", "orders.order.graded", "orders.order.received"
SHIPPED = "fulfillment.shipment.shipped"

ORDER = Catalogue(
    [
        Field("order.paid_total", FieldType.MONEY, "paid amount"),
        Field("order.risk_score", FieldType.NUMBER, "risk"),
        Field("order.grade", FieldType.ENUM, "grade", [("rush", "Rush"), ("vip", "VIP"), ("normal", "Normal")]),
        Field("order.shop", FieldType.REF, "shop"),
        Field("order.tags", FieldType.SET, "tags"),
        Field("order.buyer_remark", FieldType.TEXT, "buyer remark"),
        Field("order.is_cod", FieldType.BOOL, "cash on delivery"),
        Field("order.paid_at", FieldType.DATETIME, "paid at"),
        Field("order.promised_on", FieldType.DATE, "promised on"),
        Field(
            "lines",
            FieldType.LIST,
            "lines",
            fields=(
                Field("qty", FieldType.NUMBER, "quantity"),
                Field("price", FieldType.MONEY, "price"),
                Field("is_gift", FieldType.BOOL, "gift"),
            ),
        ),
    ]
)


def go_on(call: StepCall) -> None:
    call.go(call.subjects)


def load_nothing(_ids: Any, _paths: Any, _work: Any) -> dict[int, dict[str, Any]]:
    return {}


def components() -> Registry:
    """The registry of these tests: subjects order and shipment, a handful of actions with every kind of contract."""
    made = Registry()
    made.register_subject("order", ORDER, load_nothing)
    made.register_subject("shipment", Catalogue([Field("parcels", FieldType.NUMBER, "parcels")]), load_nothing)
    made.register_trigger(PAID, subject="order", label="Order paid")
    made.register_trigger(RECEIVED, subject="order", label="Order received", lacks=["order.paid_at", "order.grade"])
    made.register_trigger(GRADED, subject="order", label="Order graded")
    made.register_trigger(SHIPPED, subject="shipment", label="Shipped")
    made.action(use="order.check", subject="order", label="Check", ports=["held"])(go_on)
    made.action(use="order.grade", subject="order", label="Grade", writes=["order.grade"], emits=[GRADED])(go_on)
    made.action(use="order.tag", subject="order", label="Tag", params={"tag": ParamSpec(ParamType.TEXT, "tag")})(go_on)
    made.action(use="stock.reserve", subject="order", label="Reserve", errors=["OUT_OF_STOCK"])(go_on)
    made.action(use="wms.send", subject="order", label="Send", kind="outside", errors=["WMS_REFUSED"])(go_on)
    made.action(use="order.old", subject="order", label="Old", deprecated_by="order.check v1")(go_on)
    made.action(use="shipment.note", subject="shipment", label="Note")(go_on)
    made.action(use="shipment.close", subject="shipment", label="Close", emits=[PAID])(go_on)
    made.action(
        use="http.call",
        subject="order",
        label="Call",
        params={
            "key": ParamSpec(ParamType.SECRET, "key", required=False),
            "note": ParamSpec(ParamType.TEXT, "note", required=False),
            "pause": ParamSpec(ParamType.DURATION, "pause", required=False),
        },
    )(go_on)
    return made


def act(identity: str, use: str = "order.check", **more: Any) -> dict[str, Any]:
    return {"id": identity, "type": "action", "use": use, "v": 1, **more}


def end(identity: str) -> dict[str, Any]:
    return {"id": identity, "type": "end"}


def rule(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "operator": operator} | ({} if value is None else {"value": value})


def both(*rules: Mapping[str, Any]) -> dict[str, Any]:
    return {"combinator": "and", "rules": [*rules]}


def either(*rules: Mapping[str, Any]) -> dict[str, Any]:
    return {"combinator": "or", "rules": [*rules]}


def neither(*rules: Mapping[str, Any]) -> dict[str, Any]:
    return {"combinator": "or", "not": True, "rules": [*rules]}


def branch(identity: str, cases: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    made = [{"port": port, "when": when} for port, when in cases.items()]
    return {"id": identity, "type": "branch", "cases": made, "else": "else", **more}


def edges(*ways: str) -> list[dict[str, str]]:
    """ "a>b" or "a.port>b" for each edge."""
    made = []
    for way in ways:
        source, target = way.split(">")
        node, _dot, port = source.partition(".")
        made.append({"from": node, "to": target} | ({"port": port} if port else {}))
    return made


def flow(
    nodes: Iterable[Mapping[str, Any]], ways: Iterable[str], *, event: str | None = PAID, **more: Any
) -> dict[str, Any]:
    """The JSON of a flow on orders whose trigger node is "t"."""
    trigger = {"id": "t", "type": "event", "event": event} if event else None
    return {
        "schema": "ordercenter.flow/1",
        "key": "flow-under-test",
        "name": {"en": "Flow under test"},
        "subject": "order",
        "trigger": trigger,
        "nodes": [*nodes],
        "edges": edges(*ways),
    } | more


def document(*args: Any, **more: Any) -> FlowDocument:
    return parse_document(flow(*args, **more))
