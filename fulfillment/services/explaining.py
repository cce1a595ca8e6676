"""The decisions about one order, with the names that people know, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from fulfillment.models import Carrier, RoutingDecision, RoutingRuleVersion, Shipment
from fulfillment.models.routing import ACTIVE_RULES
from fulfillment.routing.explain import Explanation, Names, explain
from fulfillment.routing.rule_document import RuleDocument, parse_rules, standard_document
from fulfillment.routing.rule_words import rule_sentence
from ordercenter.catalog.models import Shop, Sku
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order, OrderLine
from ordercenter.workflow.errors import DocumentInvalid


@dataclass(frozen=True, slots=True)
class Explained:
    """One decision. outcome: routed, refused, moved or kept; shipments: the delivery orders that came of it."""

    at: datetime
    outcome: str
    label: str
    record: Mapping[str, Any]
    explanation: Explanation
    shipments: tuple[str, ...] = ()


def explained_decisions(order: Order) -> list[Explained]:
    """Every decision about this order, the latest first. A constant number of statements."""
    kept = _kept(order)
    names = names_for([record for _at, _outcome, record, _codes in kept], order)
    labels = {"routed": _("way chosen"), "refused": _("no way found"), "moved": _("moved"), "kept": _("kept")}
    return [
        Explained(at, outcome, labels.get(outcome, outcome), record, explain(record, names, at), codes)
        for at, outcome, record, codes in sorted(kept, key=lambda each: each[0], reverse=True)
    ]


def names_for(records: Iterable[Mapping[str, Any]], order: Order | None = None) -> Names:
    """The names of everything that these records speak of. Five statements, and one per version of the rules."""
    records = list(records)
    lines: dict[int, str] = {}
    skus: dict[int, str] = {}
    if order is not None:
        for line in OrderLine.objects.filter(order=order).select_related("sku"):
            code = line.sku.code if line.sku is not None else line.title
            lines[line.pk] = f"{code} × {line.ordered}"
            if line.sku_id is not None:
                skus[line.sku_id] = code
    wanted = {pk for record in records for pk in record.get("short", ())} - skus.keys()
    if wanted:
        skus.update(Sku.objects.filter(pk__in=wanted).values_list("pk", "code"))
    numbers = {record["rules"] for record in records if record.get("rules")}
    rules: dict[str, str] = {}
    for document in rule_documents(numbers):
        rules.update(sentences_of(document))
    return Names(
        warehouses=dict(Warehouse.objects.values_list("pk", "name")),
        carriers=dict(Carrier.objects.values_list("pk", "name")),
        lines=lines,
        skus=skus,
        rules=rules,
    )


def rule_documents(numbers: Iterable[int]) -> list[RuleDocument]:
    """The documents of these versions, the oldest first."""
    rows = RoutingRuleVersion.objects.filter(rule_set__key=ACTIVE_RULES, number__in=list(numbers)).order_by("number")
    return [parse_rules(document) for document in rows.values_list("document", flat=True)]


def sentences_of(document: RuleDocument) -> dict[str, str]:
    """Rule id -> its sentence, in the active language. Three statements."""
    shops = {str(pk): name for pk, name in Shop.objects.values_list("pk", "name")}
    warehouses = dict(Warehouse.objects.values_list("code", "name"))
    couriers = dict(Carrier.objects.values_list("code", "name"))
    tables = {table.id: str(table.name) or table.id for table in document.tables.values()}
    return {
        rule.id: str(rule.name)
        or rule_sentence(rule, warehouses=warehouses, couriers=couriers, tables=tables, shops=shops)
        for rule in document.rules
    }


def readable_document(data: Mapping[str, Any] | None) -> RuleDocument:
    """The document, or the standard one where it cannot be read: for pages that show what there is."""
    try:
        return parse_rules(data if data is not None else standard_document())
    except DocumentInvalid:
        return parse_rules(standard_document())


def _kept(order: Order) -> list[tuple[datetime, str, Mapping[str, Any], tuple[str, ...]]]:
    found: list[tuple[datetime, str, Mapping[str, Any], tuple[str, ...]]] = []
    same: dict[str, list[Any]] = {}
    shipments = Shipment.objects.filter(lines__order=order).distinct().order_by("pk")
    for created_at, code, record in shipments.values_list("created_at", "code", "decision"):
        if record.get("candidates") is not None:
            # Every shipment of one decision carries the same record.
            key = f"{created_at.isoformat()}:{sorted(record)}"
            if key in same:
                same[key][3].append(code)
            else:
                same[key] = [created_at, "routed", record, [code]]
    found.extend((at, outcome, record, tuple(codes)) for at, outcome, record, codes in same.values())
    for row in RoutingDecision.objects.filter(order=order).order_by("pk"):
        found.append((row.at, row.outcome, row.record, ()))
    return found
