"""Forms of the editor of routing rules: a rule as fields of a form, and back. Errors name the field in plain words."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from fulfillment.routing.rule_document import KINDS, POLICIES, RegionTable, Rule
from fulfillment.routing.rule_fields import REGIONS, SHOP, division_names, goods_fields, order_fields
from ordercenter.catalog.models import Shop
from ordercenter.console import condition_forms as conditions
from ordercenter.console.condition_forms import ConditionForm, FormProblem
from ordercenter.workflow.fields import Catalogue, Field, FieldType
from ordercenter.workflow.nodes import LocalText

_MONEY_PARTS = ("fen", "step_fen")
# Labels of operators in a form; the condition's own words are made elsewhere.
OPERATORS = {
    "=": "=",
    "!=": "≠",
    "<": "<",
    "<=": "≤",
    ">": ">",
    ">=": "≥",
    "in": "∈",
    "not_in": "∉",
    "has_any": "∩",
    "has_all": "⊇",
    "has_none": "∩ = ∅",
    "is_known": "?",
    "is_unknown": "¿",
}
_OFFERED = ("=", "in", "not_in", "!=", "<", "<=", ">", ">=", "has_any", "has_all", "has_none", "is_known", "is_unknown")


def condition_form(prefix: str, tree: Mapping[str, Any] | None, catalogue: Catalogue) -> ConditionForm:
    """The form of a condition of a rule. prefix: "w" for the order's, "g" for that of the goods."""
    shops = {str(pk): code for pk, code in Shop.objects.values_list("pk", "code")}
    return conditions.condition_form(prefix, tree, catalogue, lambda leaf: _shown(leaf, catalogue, shops))


def operators() -> list[tuple[str, str]]:
    """The operators of the form's rows with their words."""
    words = {
        "in": _("is one of"),
        "not_in": _("is none of"),
        "has_any": _("has one of"),
        "has_all": _("has all of"),
        "has_none": _("has none of"),
        "is_known": _("is known"),
        "is_unknown": _("is unknown"),
    }
    return [(name, words.get(name, OPERATORS[name])) for name in _OFFERED]


def read_rule_form(data: QueryDict, known: Mapping[str, Any] | None) -> dict[str, Any]:
    """A posted rule. known: the rule as it was, of which what the form cannot show is kept. Raises FormProblem."""
    kind = data.get("kind", "")
    if kind not in KINDS:
        raise FormProblem(_("Choose what the rule does."))
    rule: dict[str, Any] = {"id": data.get("id", "").strip(), "kind": kind, "on": data.get("on") == "1"}
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", rule["id"]):
        raise FormProblem(_("The short name has letters, digits, - and _ only."))
    name = data.get("name", "").strip()[:100]
    if name:
        rule["name"] = _names(name, known)
    parts = KINDS[kind].parts
    asked = [("when", "w", order_fields()), *([("goods", "g", goods_fields())] if "goods" in parts else [])]
    for part, prefix, catalogue in asked:
        if data.get(f"{prefix}kept") == "1" and known is not None:
            rule[part] = known.get(part)
        else:
            rule[part] = conditions.read_condition_form(prefix, data, catalogue, _value)
    for part in ("warehouses", "couriers"):
        if part in parts:
            rule[part] = data.getlist(part)
    for part in _MONEY_PARTS:
        if part in parts and data.get(part, "").strip():
            rule[part] = _fen(data[part])
    if "fen" in parts and data.get("sign") == "-":
        rule["fen"] = -abs(rule.get("fen", 0))
    if "parcels" in parts:
        rule["parcels"] = _whole(data.get("parcels", ""))
    if "table" in parts:
        rule["table"] = data.get("table", "")
    if "policy" in parts:
        rule["policy"] = data.get("policy", "") if data.get("policy") in POLICIES else POLICIES[0]
    if "strict" in parts:
        rule["strict"] = data.get("strict") == "1"
        rule["others"] = "never" if data.get("others") == "never" else "last"
    return {key: value for key, value in rule.items() if value is not None}


def _names(name: str, known: Mapping[str, Any] | None) -> dict[str, str]:
    """The name in both languages; where a rule has two, only that of the reader's language changes."""
    old = {"zh": "", "en": "", **((known or {}).get("name") or {})}
    shown = str(LocalText(old["zh"], old["en"]))
    if name == shown:
        return old
    if not old["zh"] or not old["en"] or old["zh"] == old["en"]:
        return {"zh": name, "en": name}
    return {language: name if text == shown else text for language, text in old.items()}


def yuan_text(fen: int) -> str:
    """Fen as a form shows them: 2.70."""
    return f"{Decimal(fen) / 100:.2f}"


def rule_values(rule: Rule) -> dict[str, Any]:
    """What a form shows of a rule besides its conditions."""
    return {
        "fen": yuan_text(abs(rule.fen)),
        "sign": "-" if rule.fen < 0 else "+",
        "step_fen": yuan_text(rule.step_fen),
        "parcels": rule.parcels,
    }


def posted_rule(data: QueryDict, kind: str) -> tuple[Rule, dict[str, Any]]:
    """A posted rule as it was filled in, right or wrong, with its `rule_values`; its conditions are apart."""
    name = data.get("name", "").strip()[:100]
    rule = Rule(
        id=data.get("id", "")[:64],
        kind=kind,
        name=LocalText(name, name),
        is_on=data.get("on") == "1",
        warehouses=tuple(data.getlist("warehouses")),
        couriers=tuple(data.getlist("couriers")),
        table=data.get("table", ""),
        policy=data.get("policy", ""),
        strict=data.get("strict") == "1",
        others=data.get("others", ""),
    )
    return rule, {part: data.get(part, "") for part in ("fen", "sign", "step_fen", "parcels")}


_HANDLING = "handling_at_"


def costs_of_form(data: QueryDict) -> dict[str, Any]:
    """The costs of a posted form, amounts in yuan. Raises FormProblem."""
    grades = ("rush", "vip", "normal")
    return {
        "split_fen": _fen(data.get("split_fen", "")),
        "handling_fen": _fen(data.get("handling_fen", "")),
        "handling_by_warehouse": _handling_of_form(data),
        "late_fen": {grade: _fen(data.get(f"late_{grade}", "")) for grade in grades},
        "unfilled_fen": {grade: _fen(data.get(f"unfilled_{grade}", "")) for grade in grades},
        "max_parcels": _whole(data.get("max_parcels", "")),
        "use_prices": data.get("use_prices") == "1",
        "strategy": "single" if data.get("strategy") == "single" else "exact",
    }


def _handling_of_form(data: QueryDict) -> dict[str, int]:
    fields = {name.removeprefix(_HANDLING): value for name, value in data.items() if name.startswith(_HANDLING)}
    return {code: _fen(str(value)) for code, value in sorted(fields.items()) if str(value).strip()}


# --- regional tables as CSV -------------------------------------------------------------------------------------------

HEADER = ("region", "name", "warehouses")


def table_rows(table: RegionTable) -> Iterator[tuple[str, str, str]]:
    """A table as rows of CSV: division code, name, codes of warehouses in order, separated by a bar."""
    yield HEADER
    names = division_names()
    for region, warehouses in sorted(table.rows.items()):
        yield region, names.get(region, "") if region else "*", "|".join(warehouses)


def read_table(raw: bytes) -> list[dict[str, Any]]:
    """The rows of an uploaded table. UTF-8 or GB18030. Raises FormProblem naming every row that cannot be read."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError:
            raise FormProblem(_("The file is neither UTF-8 nor GB18030.")) from None
    lines = [line for line in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in line)]
    if not lines or [cell.strip() for cell in lines[0][:3]] != list(HEADER):
        raise FormProblem(_("The first row has to be: %(header)s") % {"header": ",".join(HEADER)})
    codes = _codes_by_name()
    problems, rows, seen = [], [], set()
    for number, line in enumerate(lines[1:], start=2):
        cells = [cell.strip().lstrip("'") for cell in (*line, "", "", "")[:3]]
        region = cells[0] or ("" if cells[1] in ("*", "") else codes.get(cells[1], "?"))
        if region and region not in division_names():
            problems.append(
                _("row %(row)d: there is no region %(region)s") % {"row": number, "region": cells[0] or cells[1]}
            )
        elif region in seen:
            problems.append(_("row %(row)d: the region is there twice") % {"row": number})
        else:
            seen.add(region)
            rows.append(
                {"region": region, "warehouses": [code.strip() for code in cells[2].split("|") if code.strip()]}
            )
    if problems:
        raise FormProblem("; ".join(problems[:20]))
    return rows


def _codes_by_name() -> dict[str, str]:
    """Names that only one division has -> its code. Of a municipality and the city in it, the municipality is meant."""
    found: dict[str, str] = {}
    for code, name in sorted(division_names().items()):
        known = found.setdefault(name, code)
        if not code.startswith(known):
            found[name] = "?"
    return found


# --- values -----------------------------------------------------------------------------------------------------------


def _shown(leaf: Mapping[str, Any], catalogue: Catalogue, shops: Mapping[str, str]) -> str:
    """The value of a comparison as the form shows it. shops: id -> code."""
    field = catalogue.get(str(leaf.get("field", "")))
    value = leaf.get("value")
    if field is not None and field.path == SHOP:
        value = [shops.get(str(each), str(each)) for each in (value if isinstance(value, list) else [value]) if each]
    if field is not None and field.type is FieldType.MONEY and isinstance(value, int):
        return yuan_text(value)
    if isinstance(value, list):
        names, codes = (division_names(), _codes_by_name()) if field is not None and field.path == REGIONS else ({}, {})
        # By name only where the name is read as the same place again.
        return ", ".join(name if codes.get(name := names.get(c, c)) == c else c for c in map(str, value))
    return "" if value is None else str(value)


def _value(field: Field, operator: str, text: str) -> Any:
    if not text:
        raise FormProblem(_("%(field)s: a value is missing.") % {"field": field.label})
    if field.type is FieldType.MONEY:
        return _fen(text)
    if field.type is FieldType.NUMBER:
        return _whole(text)
    if operator in ("in", "not_in", "has_any", "has_all", "has_none"):
        parts = [part.strip() for part in re.split(r"[,，、;；]", text) if part.strip()]
        return [_known_value(field, part) for part in parts]
    return _known_value(field, text)


def _known_value(field: Field, text: str) -> str:
    """A region or shop may be given by its name."""
    if field.path == REGIONS and text not in division_names():
        code = _codes_by_name().get(text, "")
        if code in ("", "?"):
            raise FormProblem(_("There is no single region called %(name)s; use its division code.") % {"name": text})
        return code
    if field.path == SHOP and not (text.isascii() and text.isdigit()):
        pk = Shop.objects.filter(code=text).values_list("pk", flat=True).first()
        if pk is None:
            raise FormProblem(_("There is no shop with the code %(code)s.") % {"code": text})
        return str(pk)
    return text


def _fen(text: str) -> int:
    try:
        amount = Decimal(text.strip().removeprefix("¥").replace(",", "")) * 100
    except InvalidOperation:
        raise FormProblem(_("%(text)s is not an amount.") % {"text": text or "–"}) from None
    if not amount.is_finite() or amount != amount.to_integral_value() or abs(amount) > 100_000_000:
        raise FormProblem(_("%(text)s is not an amount.") % {"text": text})
    return int(amount)


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII):
        raise FormProblem(_("%(text)s is not a whole number.") % {"text": text or "–"})
    return int(text)
