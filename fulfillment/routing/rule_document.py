"""Rule sets of routing, schema "ordercenter.routing/1": JSON in, frozen dataclasses and the hash of the version out.

    {"schema": "ordercenter.routing/1", "name": {"zh", "en"},
     "costs": {"split_fen", "handling_fen", "handling_by_warehouse": {code: fen},
               "late_fen": {grade: fen a day}, "unfilled_fen": {grade: fen a line},
               "use_prices", "max_parcels", "strategy": "exact" | "single"},
     "closed": "hold" | "fall_back",
     "rules": [{"id", "kind", "name", "when": condition | null, "goods": condition | null, "on", ...}],
     "tables": [{"id", "name", "rows": [{"region": "3301", "warehouses": [codes]}]}]}

What else a rule says depends on its kind, see KINDS. Warehouses and couriers are named by code, money is integer fen.
What is checked here is the shape; whether the parts fit each other and the masters is `rule_checks`' business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ordercenter.orders.states import Grade
from ordercenter.workflow.documents import canonical_json, content_hash
from ordercenter.workflow.json_reader import JsonReader
from ordercenter.workflow.nodes import LocalText

SCHEMA = "ordercenter.routing/1"
MAX_RULES = 200
MAX_TABLES = 20
MAX_ROWS = 4000
MAX_NAMES = 200
MAX_FEN = 100_000_000
MOST_PARCELS = 20

HOLD, FALL_BACK = "hold", "fall_back"
POLICIES = (HOLD, FALL_BACK)
STRATEGIES = ("exact", "single")
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_REGION = re.compile(r"(?:\d{2}|\d{4}|\d{6})?", re.ASCII)

Part = Literal["warehouses", "couriers", "goods", "fen", "parcels", "table", "policy", "strict", "step_fen", "others"]


@dataclass(frozen=True)
class Kind:
    """A kind of rule. needs: what it must say; may: what it can say besides.

    first_wins: only the first that applies counts. restricts: it forbids something, so a condition of it that cannot be
    answered stops the order instead of passing it.
    """

    label: str | Promise
    needs: tuple[Part, ...] = ()
    may: tuple[Part, ...] = ()
    first_wins: bool = False
    restricts: bool = False

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.needs, *self.may)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "only_warehouses": Kind(_("Only these warehouses"), ("warehouses",), restricts=True),
        "never_warehouses": Kind(_("Not these warehouses"), ("warehouses",), restricts=True),
        "only_couriers": Kind(_("Only these couriers"), ("couriers",), ("warehouses",), restricts=True),
        "never_couriers": Kind(_("Not these couriers"), ("couriers",), ("warehouses",), restricts=True),
        "forbid_goods": Kind(_("Goods that may not go"), ("goods",), ("warehouses", "couriers"), restricts=True),
        "add_cost": Kind(_("Prefer or avoid by a price"), ("fen",), ("warehouses", "couriers")),
        "priority": Kind(
            _("Warehouses in the order of a regional table"),
            ("table",),
            ("strict", "step_fen", "others"),
            first_wins=True,
        ),
        "pin": Kind(_("Ship from this warehouse"), ("warehouses", "policy"), first_wins=True, restricts=True),
        "max_parcels": Kind(_("At most so many parcels"), ("parcels",)),
        "alone_threshold": Kind(_("Goods below this value do not travel alone"), ("fen",)),
        "when_closed": Kind(
            _("When the warehouse is temporarily closed"), ("policy",), ("warehouses",), first_wins=True
        ),
        "hold_release": Kind(_("Hand over only at the next wave or cut-off"), (), ("warehouses",)),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. What its kind does not use stays at the default."""

    id: str
    kind: str
    name: LocalText = field(default_factory=LocalText)
    when: Mapping[str, Any] | None = None
    goods: Mapping[str, Any] | None = None
    is_on: bool = True
    warehouses: tuple[str, ...] = ()
    couriers: tuple[str, ...] = ()
    fen: int = 0
    parcels: int = 1
    table: str = ""
    policy: str = FALL_BACK
    strict: bool = False
    step_fen: int = 100
    others: str = "last"


@dataclass(frozen=True, slots=True)
class RegionTable:
    """Warehouses in order of preference by region; the longest region code that fits wins, "" is everywhere else."""

    id: str
    name: LocalText
    rows: Mapping[str, tuple[str, ...]]

    def of(self, regions: tuple[str, ...]) -> tuple[str, ...] | None:
        """The warehouses for a place, given the regions that it lies in, widest first."""
        for region in reversed(regions):
            if region in self.rows:
                return self.rows[region]
        return self.rows.get("")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSettings:
    """What a decision costs besides freight, in fen; tables by grade. max_parcels: unless a rule says fewer."""

    split_fen: int = 400
    handling_fen: int = 150
    handling_by_warehouse: Mapping[str, int] = field(default_factory=dict)
    late_fen: Mapping[str, int] = field(default_factory=lambda: {"rush": 2500, "vip": 800, "normal": 300})
    unfilled_fen: Mapping[str, int] = field(default_factory=lambda: {"rush": 12000, "vip": 6000, "normal": 4000})
    use_prices: bool = True
    max_parcels: int = 3
    strategy: str = "exact"


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """A whole rule set. content_hash: SHA-256 of the canonical JSON."""

    name: LocalText
    costs: CostSettings
    closed: str
    rules: tuple[Rule, ...]
    tables: Mapping[str, RegionTable]
    content_hash: str
    source: Mapping[str, Any]


def standard_document() -> dict[str, Any]:
    """What a new installation routes by: no rule, the plain costs, every warehouse a candidate."""
    costs = CostSettings()
    return {
        "schema": SCHEMA,
        "name": {"zh": "分仓规则", "en": "Routing rules"},
        "costs": {
            "split_fen": costs.split_fen,
            "handling_fen": costs.handling_fen,
            "handling_by_warehouse": {},
            "late_fen": dict(costs.late_fen),
            "unfilled_fen": dict(costs.unfilled_fen),
            "use_prices": costs.use_prices,
            "max_parcels": costs.max_parcels,
            "strategy": costs.strategy,
        },
        "closed": FALL_BACK,
        "rules": [],
        "tables": [],
    }


def parse_rules(data: Any) -> RuleDocument:
    """The document as dataclasses. Raises DocumentInvalid (path and reason) and LimitExceeded."""
    root = JsonReader(data)
    root.only("schema", "name", "costs", "closed", "rules", "tables")
    root.at("schema").one_of(SCHEMA)
    source: dict[str, Any] = json.loads(canonical_json(root.mapping()))
    root = JsonReader(source)
    rules = tuple(_rule(reader) for reader in root.at("rules").each(at_most=MAX_RULES))
    _once([rule.id for rule in rules], root.at("rules"))
    tables = [_table(reader) for reader in root.at("tables").each(at_most=MAX_TABLES)] if root.has("tables") else []
    _once([table.id for table in tables], root.at("tables"))
    return RuleDocument(
        name=_names(root.at("name")),
        costs=_costs(root.at("costs")) if root.has("costs") else CostSettings(),
        closed=root.at("closed").one_of(*POLICIES) if root.has("closed") else FALL_BACK,
        rules=rules,
        tables={table.id: table for table in tables},
        content_hash=content_hash(source),
        source=source,
    )


def _rule(reader: JsonReader) -> Rule:
    kind = reader.at("kind").one_of(*KINDS)
    parts = KINDS[kind].parts
    reader.only("id", "kind", "name", "when", "on", *parts)
    missing = [part for part in KINDS[kind].needs if not reader.has(part)]
    if missing:
        raise reader.at(missing[0]).refuse("is missing")
    rule = Rule(
        id=_matching(reader.at("id"), _ID, "letters, digits, - and _"),
        kind=kind,
        name=_names(reader.at("name")) if reader.has("name") else LocalText(),
        when=_condition(reader, "when"),
        goods=_condition(reader, "goods"),
        is_on=_truth(reader.at("on")) if reader.has("on") else True,
    )
    return replace(
        rule, **{part: _READ[part](reader.at(part)) for part in parts if part != "goods" and reader.has(part)}
    )


def _codes(reader: JsonReader) -> tuple[str, ...]:
    codes = [each.text(at_most=32) for each in reader.each(at_most=MAX_NAMES)]
    _once(codes, reader)
    return tuple(codes)


def _truth(reader: JsonReader) -> bool:
    if not isinstance(reader.value, bool):
        raise reader.refuse("true or false belongs here")
    return reader.value


_READ: Mapping[str, Any] = {
    "warehouses": _codes,
    "couriers": _codes,
    "fen": lambda reader: reader.integer(low=-MAX_FEN, high=MAX_FEN),
    "step_fen": lambda reader: reader.integer(low=0, high=MAX_FEN),
    "parcels": lambda reader: reader.integer(low=1, high=MOST_PARCELS),
    "table": lambda reader: reader.text(at_most=40),
    "policy": lambda reader: reader.one_of(*POLICIES),
    "strict": _truth,
    "others": lambda reader: reader.one_of("last", "never"),
}


def _table(reader: JsonReader) -> RegionTable:
    reader.only("id", "name", "rows")
    rows: dict[str, tuple[str, ...]] = {}
    for row in reader.at("rows").each(at_most=MAX_ROWS):
        row.only("region", "warehouses")
        region = row.at("region")
        if not isinstance(region.value, str) or not _REGION.fullmatch(region.value):
            raise region.refuse("2, 4 or 6 digits of a division code belong here, or nothing for everywhere else")
        if region.value in rows:
            raise region.refuse(f"region {region.value or '-'} is there twice")
        rows[region.value] = _codes(row.at("warehouses"))
    return RegionTable(
        id=_matching(reader.at("id"), _ID, "letters, digits, - and _"),
        name=_names(reader.at("name")) if reader.has("name") else LocalText(),
        rows=rows,
    )


def _costs(reader: JsonReader) -> CostSettings:
    plain = CostSettings()
    reader.only(*CostSettings.__dataclass_fields__)

    def fen(key: str, otherwise: int) -> int:
        return reader.at(key).integer(low=0, high=MAX_FEN) if reader.has(key) else otherwise

    def by_grade(key: str, otherwise: Mapping[str, int]) -> Mapping[str, int]:
        if not reader.has(key):
            return otherwise
        table = reader.at(key)
        table.only(*Grade.values)
        return {**otherwise, **{name: each.integer(low=0, high=MAX_FEN) for name, each in table.items()}}

    by_warehouse = reader.at("handling_by_warehouse") if reader.has("handling_by_warehouse") else None
    return CostSettings(
        split_fen=fen("split_fen", plain.split_fen),
        handling_fen=fen("handling_fen", plain.handling_fen),
        handling_by_warehouse={name: each.integer(low=0, high=MAX_FEN) for name, each in by_warehouse.items()}
        if by_warehouse is not None
        else {},
        late_fen=by_grade("late_fen", plain.late_fen),
        unfilled_fen=by_grade("unfilled_fen", plain.unfilled_fen),
        use_prices=_truth(reader.at("use_prices")) if reader.has("use_prices") else plain.use_prices,
        max_parcels=reader.at("max_parcels").integer(low=1, high=MOST_PARCELS)
        if reader.has("max_parcels")
        else plain.max_parcels,
        strategy=reader.at("strategy").one_of(*STRATEGIES) if reader.has("strategy") else plain.strategy,
    )


def _condition(reader: JsonReader, key: str) -> Mapping[str, Any] | None:
    return reader.at(key).mapping() if reader.has(key) else None


def _names(reader: JsonReader) -> LocalText:
    reader.only("zh", "en")
    zh, en = reader.mapping().get("zh") or "", reader.mapping().get("en") or ""
    for text in (zh, en):
        if not isinstance(text, str) or len(text) > 100:
            raise reader.refuse("a text of at most 100 characters belongs here")
    return LocalText(zh, en)


def _matching(reader: JsonReader, pattern: re.Pattern[str], wanted: str) -> str:
    text = reader.text(at_most=40)
    if not pattern.fullmatch(text):
        raise reader.refuse(f"{wanted} belong here")
    return text


def _once(names: list[str], reader: JsonReader) -> None:
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) != len(names) else []
    if twice:
        raise reader.refuse(f"there twice: {', '.join(twice)}")
