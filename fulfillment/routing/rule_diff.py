"""What one rule set says otherwise than another, rule by rule. Plain data in, plain data out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fulfillment.routing.rule_document import Rule, RuleDocument

What = Literal["added", "removed", "changed", "moved", "table", "costs", "closed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """before, after: the rule on either side. name: of a table, else empty."""

    what: What
    before: Rule | None = None
    after: Rule | None = None
    name: str = ""


def differences(before: RuleDocument, after: RuleDocument) -> list[Difference]:
    """Rules in the order of `after`, then those that are gone, then tables and costs.

    A rule has moved when it stands elsewhere among the rules that both have; of two that changed places, one has.
    """
    old = {rule.id: rule for rule in before.rules}
    new = {rule.id: rule for rule in after.rules}
    stay = _longest_in_order([rule.id for rule in before.rules if rule.id in new], [r.id for r in after.rules])
    found: list[Difference] = []
    for rule in after.rules:
        known = old.get(rule.id)
        if known is None:
            found.append(Difference("added", after=rule))
        elif known != rule:
            found.append(Difference("changed", known, rule))
        elif rule.id not in stay:
            found.append(Difference("moved", known, rule))
    found += [Difference("removed", before=rule) for rule in before.rules if rule.id not in new]
    for table_id in sorted({*before.tables, *after.tables}):
        if before.tables.get(table_id) != after.tables.get(table_id):
            table = after.tables.get(table_id) or before.tables[table_id]
            found.append(Difference("table", name=str(table.name) or table_id))
    if before.costs != after.costs:
        found.append(Difference("costs"))
    if before.closed != after.closed:
        found.append(Difference("closed"))
    return found


def _longest_in_order(first: Sequence[str], second: Sequence[str]) -> set[str]:
    """The most names of `first` that stand in the same order in `second`: those that nobody moved."""
    place = {name: n for n, name in enumerate(second)}
    best: list[list[str]] = []
    for name in first:
        before = [chain for chain in best if place[chain[-1]] < place[name]]
        best.append([*_longest(before), name])
    return set(_longest(best))


def _longest(chains: Sequence[list[str]]) -> list[str]:
    return max(chains, key=len) if chains else []
