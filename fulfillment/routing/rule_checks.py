"""Says everything that is wrong with a rule set before it is activated, each thing with its rule and what to do.

Errors:   UNKNOWN_WAREHOUSE UNKNOWN_COURIER UNKNOWN_TABLE UNKNOWN_REGION · UNKNOWN_FIELD TYPE_MISMATCH CONDITION_INVALID
          LIMIT_EXCEEDED · NOTHING_LEFT PIN_NEEDS_ONE AMOUNT_NEGATIVE TABLE_EMPTY DOCUMENT_INVALID
Warnings: RULE_SHADOWED RULE_DOES_NOTHING NO_WAVE
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from fulfillment.routing.rule_document import KINDS, Rule, RuleDocument, parse_rules
from fulfillment.routing.rule_fields import division_names, goods_fields, order_fields
from ordercenter.workflow.condition_tree import read_condition
from ordercenter.workflow.errors import DocumentInvalid, flow_code
from ordercenter.workflow.fields import Catalogue
from ordercenter.workflow.findings import Finding as RuleFinding

__all__ = ["RuleFinding", "check_rules", "check_rules_json"]


def check_rules(
    document: RuleDocument,
    *,
    warehouses: Collection[str],
    couriers: Collection[str],
    with_waves: Collection[str] | None = None,
) -> list[RuleFinding]:
    """All findings, in the active language; no error among them means ready to activate.

    warehouses, couriers: the codes that there are. with_waves: warehouses with a wave or cut-off; None leaves them out.
    """
    findings = [finding for rule in document.rules for finding in _of_rule(rule, document, warehouses, couriers)]
    for code in document.costs.handling_by_warehouse:
        if code not in warehouses:
            findings.append(_unknown_warehouse("", code))
    for table in document.tables.values():
        findings.extend(_of_table(table.id, table.rows, warehouses))
    findings.extend(_of_all(document, warehouses))
    if with_waves is not None:
        findings.extend(_without_waves(document, warehouses, with_waves))
    return findings


def check_rules_json(
    data: Any, *, warehouses: Collection[str], couriers: Collection[str], with_waves: Collection[str] | None = None
) -> list[RuleFinding]:
    """Like check_rules, for JSON that may not even be a rule set: that becomes one finding, too."""
    try:
        document = parse_rules(data)
    except DocumentInvalid as error:
        text = f"{error.path}: {error.reason}" if error.path else error.reason
        return [RuleFinding(flow_code(error), "", text, _("Correct the rule set at this place."))]
    return check_rules(document, warehouses=warehouses, couriers=couriers, with_waves=with_waves)


def _of_rule(
    rule: Rule, document: RuleDocument, warehouses: Collection[str], couriers: Collection[str]
) -> Iterator[RuleFinding]:
    for code in rule.warehouses:
        if code not in warehouses:
            yield _unknown_warehouse(rule.id, code)
    for code in rule.couriers:
        if code not in couriers:
            text = _("There is no courier %(code)s.") % {"code": code}
            yield RuleFinding("UNKNOWN_COURIER", rule.id, text, _("Choose one of the couriers that there are."))
    if rule.kind == "priority" and rule.table not in document.tables:
        text = _("There is no regional table %(table)s.") % {"table": rule.table}
        yield RuleFinding("UNKNOWN_TABLE", rule.id, text, _("Make the table first, or choose another one."))
    if rule.kind == "pin" and len(rule.warehouses) != 1:
        text = _("An order ships from one warehouse; this rule names %(count)d.") % {"count": len(rule.warehouses)}
        yield RuleFinding("PIN_NEEDS_ONE", rule.id, text, _("Name exactly one warehouse."))
    if rule.kind == "alone_threshold" and rule.fen < 0:
        yield RuleFinding("AMOUNT_NEGATIVE", rule.id, _("The value is below zero."), _("Give an amount from zero on."))
    if (rule.kind == "add_cost" and not rule.fen) or (
        rule.kind in ("only_warehouses", "only_couriers") and not (rule.warehouses or rule.couriers)
    ):
        yield RuleFinding(
            "RULE_DOES_NOTHING", rule.id, _("The rule changes nothing."), _("Fill it in, or delete it."), "warning"
        )
    yield from _of_condition(rule.id, rule.when, order_fields())
    yield from _of_condition(rule.id, rule.goods, goods_fields())


def _of_condition(rule_id: str, tree: Mapping[str, Any] | None, catalogue: Catalogue) -> Iterator[RuleFinding]:
    if tree is None:
        return
    for problem in read_condition(tree, catalogue)[1]:
        yield RuleFinding(problem.code, rule_id, problem.text, _("Correct the condition of the rule."))


def _of_table(table_id: str, rows: Mapping[str, Collection[str]], warehouses: Collection[str]) -> Iterator[RuleFinding]:
    if not rows:
        yield RuleFinding("TABLE_EMPTY", table_id, _("The regional table has no rows."), _("Fill it in, or delete it."))
    for region, codes in rows.items():
        if region and region not in division_names():
            text = _("There is no region with the division code %(code)s.") % {"code": region}
            yield RuleFinding("UNKNOWN_REGION", table_id, text, _("Use 2, 4 or 6 digits of a division code."))
        for code in codes:
            if code not in warehouses:
                yield _unknown_warehouse(table_id, code)


def _of_all(document: RuleDocument, warehouses: Collection[str]) -> Iterator[RuleFinding]:
    left = set(warehouses)
    decided: dict[str, str] = {}
    for rule in document.rules:
        if not rule.is_on:
            continue
        if KINDS[rule.kind].first_wins and rule.kind != "when_closed":
            if rule.kind in decided:
                text = _("Rule %(first)s before it always applies, so this one never does.") % {
                    "first": decided[rule.kind]
                }
                yield RuleFinding("RULE_SHADOWED", rule.id, text, _("Move it up, or delete it."), "warning")
            elif rule.when is None:
                decided[rule.kind] = rule.id
        if rule.when is None and warehouses:
            if rule.kind == "only_warehouses":
                left &= set(rule.warehouses)
            elif rule.kind == "never_warehouses":
                left -= set(rule.warehouses)
            if not left:
                text = _("With this rule no warehouse is left for any order.")
                yield RuleFinding("NOTHING_LEFT", rule.id, text, _("Give it a condition, or leave a warehouse in."))
                return


def _without_waves(
    document: RuleDocument, warehouses: Collection[str], with_waves: Collection[str]
) -> Iterator[RuleFinding]:
    for rule in document.rules:
        if rule.is_on and rule.kind == "hold_release":
            missing = sorted(code for code in rule.warehouses or warehouses if code not in with_waves)
            if missing:
                text = _("These warehouses have neither wave nor cut-off, so their shipments are not held: %(codes)s.")
                values = {"codes": ", ".join(missing)}
                yield RuleFinding("NO_WAVE", rule.id, text % values, _("Fill in their calendar."), "warning")


def _unknown_warehouse(place: str, code: str) -> RuleFinding:
    text = _("There is no warehouse %(code)s.") % {"code": code}
    return RuleFinding("UNKNOWN_WAREHOUSE", place, text, _("Choose one of the warehouses that there are."))
