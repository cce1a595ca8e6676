"""What a draft of rules says otherwise than the rules in force."""

from __future__ import annotations

from typing import Any

from django.utils.translation import override

from fulfillment.routing.rule_diff import differences
from fulfillment.routing.rule_document import RuleDocument, parse_rules, standard_document


def rules(*ids: str, **changes: Any) -> RuleDocument:
    """Rules of at most two parcels with these ids. changes: parts of the document."""
    steps = [{"id": each, "kind": "max_parcels", "parcels": 2} for each in ids]
    return parse_rules({**standard_document(), "rules": steps, **changes})


def told(before: RuleDocument, after: RuleDocument) -> list[tuple[str, str]]:
    return [
        (each.what, each.name or (rule.id if (rule := each.after or each.before) else ""))
        for each in differences(before, after)
    ]


def test_a_rule_set_differs_from_itself_in_nothing() -> None:
    assert told(rules("a", "b"), rules("a", "b")) == []


def test_new_changed_and_gone_rules_are_told_in_the_order_of_the_new_set() -> None:
    after = parse_rules(
        {
            **standard_document(),
            "rules": [
                {"id": "new", "kind": "max_parcels", "parcels": 2},
                {"id": "b", "kind": "max_parcels", "parcels": 3},
            ],
        }
    )

    assert told(rules("a", "b"), after) == [("added", "new"), ("changed", "b"), ("removed", "a")]


def test_of_many_rules_only_the_one_that_went_elsewhere_has_moved() -> None:
    assert told(rules("a", "b", "c", "d"), rules("d", "a", "b", "c")) == [("moved", "d")]
    assert told(rules("a", "b"), rules("b", "a")) == [("moved", "b")]


def test_tables_costs_and_closings_are_told_too() -> None:
    table = {"id": "t", "name": {"zh": "表", "en": "Table"}, "rows": [{"region": "", "warehouses": ["W"]}]}
    costs = {**standard_document()["costs"], "split_fen": 1}

    with override("en"):
        found = told(rules(), rules(tables=[table], costs=costs, closed="hold"))

    assert found == [("table", "Table"), ("costs", ""), ("closed", "")]
