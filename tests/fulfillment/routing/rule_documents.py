"""Rule sets for tests: three warehouses, two couriers, and rules written short."""

from __future__ import annotations

from typing import Any

from fulfillment.routing.rule_document import parse_rules, standard_document
from fulfillment.routing.rules import CompiledRules, Masters

EAST, SOUTH, WEST = 1, 2, 3
ZTO, SF = 11, 12
MASTERS = Masters(
    warehouses=(EAST, SOUTH, WEST),
    couriers=(ZTO, SF),
    warehouse_names={"EAST": EAST, "SOUTH": SOUTH, "WEST": WEST},
    courier_names={"ZTO": (ZTO,), "SF": (SF,)},
)
IN_ZHEJIANG = {"field": "address.regions", "operator": "has_any", "value": ["33"]}
IS_BATTERY = {"field": "sku.handling", "operator": "has_any", "value": ["battery"]}
ZHEJIANG = {"address.regions": ("33", "3301", "330106")}
GUANGDONG = {"address.regions": ("44", "4401")}


def rule(kind: str, rule_id: str = "r", **parts: Any) -> dict[str, Any]:
    return {"id": rule_id, "kind": kind, **parts}


def document(*rules: dict[str, Any], tables: list[dict[str, Any]] | None = None, **top: Any) -> dict[str, Any]:
    return {**standard_document(), "rules": list(rules), "tables": tables or [], **top}


def compiled(*rules: dict[str, Any], tables: list[dict[str, Any]] | None = None, **top: Any) -> CompiledRules:
    return CompiledRules(parse_rules(document(*rules, tables=tables, **top)), MASTERS)
