"""The rules of routing in the database: the draft that people edit, immutable versions, and which one is active."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any

from fulfillment.errors import DraftChanged, RulesInvalid, RuleUnknown, RuleVersionUnknown
from fulfillment.models import Carrier, RoutingRuleSet, RoutingRuleVersion, WarehouseCalendar
from fulfillment.models.routing import ACTIVE_RULES
from fulfillment.routing.rule_checks import RuleFinding, check_rules_json
from fulfillment.routing.rule_document import parse_rules, standard_document
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.inventory.models import Warehouse

Change = Callable[[dict[str, Any]], None]


def active_document() -> dict[str, Any]:
    """The document that routing goes by now; the standard one where nothing was ever activated. One statement."""
    found = RoutingRuleSet.objects.filter(key=ACTIVE_RULES).values_list("active_version__document", flat=True).first()
    return found or standard_document()


def rule_set() -> RoutingRuleSet:
    """The rule set that routing goes by; made at the first use."""
    row, _created = RoutingRuleSet.objects.get_or_create(key=ACTIVE_RULES)
    return row


def draft_document(row: RoutingRuleSet) -> dict[str, Any]:
    """What the editor shows: the draft, else a copy of the active version."""
    if row.draft is not None:
        return deepcopy(row.draft)
    return deepcopy(row.active_version.document) if row.active_version is not None else standard_document()


def findings_of(document: Any) -> list[RuleFinding]:
    """Everything that is wrong with a rule set, in the active language. Three statements."""
    waves = WarehouseCalendar.objects.select_related("warehouse")
    return check_rules_json(
        document,
        warehouses=set(Warehouse.objects.values_list("code", flat=True)),
        couriers=set(Carrier.objects.values_list("code", flat=True)),
        with_waves={row.warehouse.code for row in waves if row.waves or row.cut_off is not None},
    )


def edit_draft(*, change: Change, revision: int, actor: Actor, at: datetime | None = None) -> RoutingRuleSet:
    """Change the draft; a first change makes it from the active version.

    change: alters the document in place. revision: of the draft that the person had before them. Raises DraftChanged
    when somebody else changed it meanwhile, DocumentInvalid for a document out of shape, and what `change` raises; the
    draft stays as it was then. A draft may have findings; it cannot be activated with errors.
    """
    pk = rule_set().pk
    with unit_of_work(at=at, actor=actor, reason="draft") as work:
        row = work.lock(RoutingRuleSet, [pk])[pk]
        if row.draft_revision != revision:
            raise DraftChanged(revision=row.draft_revision)
        document = draft_document(row)
        change(document)
        parse_rules(document)
        _keep_draft(work, row, document)
        return row


def discard_draft(*, revision: int, actor: Actor, at: datetime | None = None) -> RoutingRuleSet:
    """Throw the draft away. Raises DraftChanged."""
    pk = rule_set().pk
    with unit_of_work(at=at, actor=actor, reason="draft discarded") as work:
        row = work.lock(RoutingRuleSet, [pk])[pk]
        if row.draft_revision != revision:
            raise DraftChanged(revision=row.draft_revision)
        _keep_draft(work, row, None)
        return row


def activate_draft(*, reason: str, revision: int, actor: Actor, at: datetime | None = None) -> RoutingRuleVersion:
    """Keep the draft as a version and route by it from the next batch on; the draft is done with.

    Raises ReasonMissing, DraftChanged, RulesInvalid. What was decided before stays as it is.
    """
    if not reason.strip():
        raise ReasonMissing
    pk = rule_set().pk
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        row = work.lock(RoutingRuleSet, [pk])[pk]
        if row.draft_revision != revision or row.draft is None:
            raise DraftChanged(revision=row.draft_revision)
        version = _keep_version(work, row, row.draft)
        _keep_draft(work, row, None)
        _activate(work, row, version, reason)
    return version


def activate_rules(*, version_id: int, reason: str, actor: Actor, at: datetime | None = None) -> RoutingRuleVersion:
    """Route by an earlier version again. Raises ReasonMissing, RuleVersionUnknown, RulesInvalid."""
    if not reason.strip():
        raise ReasonMissing
    pk = rule_set().pk
    version = RoutingRuleVersion.objects.filter(pk=version_id, rule_set_id=pk).first()
    if version is None:
        raise RuleVersionUnknown(version_id=version_id)
    _refuse_errors(version.document)
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        _activate(work, work.lock(RoutingRuleSet, [pk])[pk], version, reason)
    return version


def install_rules(document: Mapping[str, Any], *, actor: Actor = SYSTEM, reason: str = "installation") -> None:
    """Keep this document as a version and route by it, whatever was active. Raises RulesInvalid."""
    pk = rule_set().pk
    with unit_of_work(actor=actor, reason=reason) as work:
        row = work.lock(RoutingRuleSet, [pk])[pk]
        _activate(work, row, _keep_version(work, row, document), reason)


# --- what an editor does to the draft ---------------------------------------------------------------------------------


def put_rule(rule: Mapping[str, Any], *, before: str | None = None) -> Change:
    """Replace the rule with this id, or add it: before another one, else at the end."""

    def change(document: dict[str, Any]) -> None:
        rules: list[Any] = document["rules"]
        place = _place(rules, str(rule["id"]))
        if place is not None:
            rules[place] = dict(rule)
            return
        rules.insert(len(rules) if before is None else _known(rules, before), dict(rule))

    return change


def move_rule(rule_id: str, *, by: int) -> Change:
    """Move a rule up (by -1) or down (by 1); at the end it stays where it is."""

    def change(document: dict[str, Any]) -> None:
        rules: list[Any] = document["rules"]
        place = _known(rules, rule_id)
        rules.insert(min(max(place + by, 0), len(rules) - 1), rules.pop(place))

    return change


def drop_rule(rule_id: str) -> Change:
    """Take a rule out."""

    def change(document: dict[str, Any]) -> None:
        rules: list[Any] = document["rules"]
        rules.pop(_known(rules, rule_id))

    return change


def put_table(table_id: str, *, rows: Sequence[Mapping[str, Any]], name: Mapping[str, str] | None = None) -> Change:
    """Replace the rows of a regional table, or add the table."""

    def change(document: dict[str, Any]) -> None:
        tables: list[Any] = document.setdefault("tables", [])
        place = _place(tables, table_id)
        kept = tables[place] if place is not None else {"id": table_id, "name": {"zh": table_id, "en": table_id}}
        table = {**kept, "rows": [dict(row) for row in rows], **({"name": dict(name)} if name else {})}
        if place is None:
            tables.append(table)
        else:
            tables[place] = table

    return change


def drop_table(table_id: str) -> Change:
    """Take a regional table out; rules that name it are findings then."""

    def change(document: dict[str, Any]) -> None:
        tables: list[Any] = document.setdefault("tables", [])
        tables.pop(_known(tables, table_id))

    return change


def put_costs(costs: Mapping[str, Any], *, closed: str) -> Change:
    """Replace the costs, and what a temporary closing means where no rule says otherwise."""

    def change(document: dict[str, Any]) -> None:
        document["costs"], document["closed"] = {**document.get("costs", {}), **costs}, closed

    return change


def put_document(new: Mapping[str, Any]) -> Change:
    """Replace the whole draft, as by an uploaded file."""

    def change(document: dict[str, Any]) -> None:
        document.clear()
        document.update(deepcopy(dict(new)))

    return change


def _place(items: Sequence[Mapping[str, Any]], wanted: str) -> int | None:
    return next((number for number, item in enumerate(items) if item.get("id") == wanted), None)


def _known(items: Sequence[Mapping[str, Any]], wanted: str) -> int:
    place = _place(items, wanted)
    if place is None:
        raise RuleUnknown(rule_id=wanted)
    return place


# --- versions ---------------------------------------------------------------------------------------------------------


def _keep_draft(work: Work, row: RoutingRuleSet, document: dict[str, Any] | None) -> None:
    row.draft, row.draft_revision = document, row.draft_revision + 1
    row.draft_changed_at, row.draft_changed_by_id = work.at, work.actor.user_id
    work.save(row, "draft", "draft_revision", "draft_changed_at", "draft_changed_by_id")


def _keep_version(work: Work, row: RoutingRuleSet, document: Mapping[str, Any]) -> RoutingRuleVersion:
    _refuse_errors(document)
    parsed = parse_rules(document)
    known = RoutingRuleVersion.objects.filter(rule_set=row, content_hash=parsed.content_hash).first()
    if known is not None:
        return known
    last = RoutingRuleVersion.objects.filter(rule_set=row).order_by("-number").values_list("number", flat=True).first()
    return RoutingRuleVersion.objects.create(
        rule_set=row,
        number=(last or 0) + 1,
        document=dict(document),
        content_hash=parsed.content_hash,
        created_at=work.at,
        created_by_id=work.actor.user_id,
    )


def _refuse_errors(document: Any) -> None:
    errors: list[RuleFinding] = [finding for finding in findings_of(document) if finding.severity == "error"]
    if errors:
        raise RulesInvalid([f"{f.code} {f.node}: {f.text}" for f in errors])


def _activate(work: Work, row: RoutingRuleSet, version: RoutingRuleVersion, reason: str) -> None:
    before = row.active_version_id
    row.active_version = version
    work.save(row, "active_version_id")
    record_deed(
        work,
        action="routing.activate",
        subject=f"routing_rules:{row.pk}",
        reason=reason,
        details={"from": before, "to": version.pk, "number": version.number, "hash": version.content_hash},
    )
