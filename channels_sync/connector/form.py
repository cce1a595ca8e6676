"""A connector's document as a form, and back: what people fill in, without braces.

The document stays the only truth: a form is read from one and written over one, and what the form does not show stays
as it was. Nothing is checked here but what a form alone can get wrong; `documents.read_document` judges the rest.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from channels_sync.connector.documents import FORMAT, Mistake
from channels_sync.connector.fields import LINE_FIELDS, ORDER_FIELDS, REFUND_FIELDS, FieldKind, FieldSpec

Document = dict[str, Any]
# Where rules stand in a document, and what they may fill.
RULES: Mapping[str, Mapping[str, FieldSpec]] = {
    "orders.fields": ORDER_FIELDS,
    "orders.line_fields": LINE_FIELDS,
    "refunds.fields": REFUND_FIELDS,
}
WORDS: frozenset[FieldKind] = frozenset(("order_status", "refund_status", "line_refund", "phase", "after_sale"))
AUTH: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "header": ("name", "value"),
    "basic": ("user", "password"),
    "hmac": ("template", "header", "secret", "digest", "encoding", "timestamp_header", "key_header", "nonce_header"),
    "oauth2": ("token_path", "client_id", "client_secret", "scope"),
}
# Texts that stand where they are named.
TEXTS = (
    "time.format",
    "time.zone",
    "accepted.path",
    "accepted.message",
    "orders.rows",
    "orders.lines",
    "orders.detail.order",
    "refunds.rows",
    "webhook.header",
    "webhook.encoding",
    "webhook.prefix",
    "webhook.order",
)
REQUESTS = (
    "orders.request",
    "orders.detail.request",
    "refunds.request",
    "tracking.request",
    "stock.request",
    "remark.request",
)
PAGINGS = ("orders.paging", "refunds.paging")
TABLES = ("tracking.carriers",)
# Parts that a shop need not have; they go away when what names them is left empty.
OPTIONAL: Mapping[str, str] = {
    "accepted": "accepted.path",
    "orders.detail": "orders.detail.request.path",
    "refunds": "refunds.request.path",
    "tracking": "tracking.request.path",
    "stock": "stock.request.path",
    "remark": "remark.request.path",
    "webhook": "webhook.header",
}
_PATH = r"\$(?:\['[^']*'\]|[^+\"\s])*"
_PART = re.compile(rf'\s*(?:"((?:[^"\\]|\\.)*)"|({_PATH}))\s*(\+|$)')
MOST_PATHS = 400


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One field's rule as inputs. source: a path, a text in quotes, or several of them with + between."""

    name: str
    spec: FieldSpec
    source: str = ""
    unit: str = ""
    time_format: str = ""
    time_zone: str = ""
    words: str = ""
    otherwise: str = ""
    default: str = ""

    @property
    def has_words(self) -> bool:
        return self.spec.kind in WORDS or self.spec.kind == "flag"


def values_of(document: Document) -> dict[str, str]:
    """The inputs that are not rules, by name."""
    values = {name: _text(_at(document, name)) for name in (*TEXTS, "auth.kind")}
    values["accepted.value"] = _json_text(_at(document, "accepted.value"))
    for kind, names in AUTH.items():
        is_chosen = (_at(document, "auth.kind") or "none") == kind
        values |= {f"auth.{kind}.{name}": _text(_at(document, f"auth.{name}")) if is_chosen else "" for name in names}
    for where in REQUESTS:
        request = _at(document, where) or {}
        values[f"{where}.method"] = _text(request.get("method"))
        values[f"{where}.path"] = _text(request.get("path"))
        values[f"{where}.query"] = lines_text(request.get("query") or {})
        values[f"{where}.body"] = _json_text(request.get("body"))
    for where in PAGINGS:
        paging = _at(document, where) or {}
        values |= {f"{where}.{name}": _text(paging.get(name)) for name in ("kind", "first", "size", "next", "total")}
    values |= {where: lines_text(_at(document, where) or {}) for where in TABLES}
    return values


def rules_of(document: Document) -> dict[str, list[RuleRow]]:
    """The rules by the part that they stand in, in the order of our fields."""
    return {
        where: [_row(name, spec, (_at(document, where) or {}).get(name)) for name, spec in specs.items()]
        for where, specs in RULES.items()
    }


def document_of_form(given: Mapping[str, str], base: Document) -> tuple[Document, list[Mistake]]:
    """The document with what was filled in written over `base`; mistakes that only a form can hold."""
    document, mistakes = copy.deepcopy(base), list[Mistake]()
    document["format"] = FORMAT
    _write_auth(document, given)
    for name in TEXTS:
        _put(document, name, given.get(name, "").strip() or None)
    _put(document, "accepted.value", _json(given, "accepted.value", mistakes))
    for where in REQUESTS:
        _put(document, f"{where}.method", given.get(f"{where}.method", "").strip() or None)
        _put(document, f"{where}.path", given.get(f"{where}.path", "").strip() or None)
        _put(document, f"{where}.query", _lines(given, f"{where}.query", mistakes, first=True) or None)
        _put(document, f"{where}.body", _json(given, f"{where}.body", mistakes))
    for where in PAGINGS:
        _write_paging(document, where, given)
    for where in TABLES:
        _put(document, where, _lines(given, where, mistakes, first=True) or None)
    for where, specs in RULES.items():
        rules = {name: rule for name in specs if (rule := _rule(given, f"{where}.{name}", mistakes)) is not None}
        _put(document, where, rules or None)
    for part, needed in OPTIONAL.items():
        if not given.get(needed, "").strip():
            _put(document, part, None)
    return document, mistakes


def paths_of(sample: Any) -> list[tuple[str, str]]:
    """Every value in a shop's order by its path, lists by their first member, with the value to know it by."""
    found: list[tuple[str, str]] = []
    for path, value in _walk(sample, "$"):
        if len(found) == MOST_PATHS:
            break
        found.append((path, _text(value)[:60]))
    return found


def lines_text(table: Mapping[str, Any]) -> str:
    """{"a": "b"} as "a = b", one a line."""
    return "\n".join(f"{key} = {_text(value)}" for key, value in table.items())


def source_text(raw: Any) -> str:
    """Where a rule takes its value from, as it is written in the form."""
    if isinstance(raw, str):
        return raw
    if not isinstance(raw, dict):
        return ""
    if "concat" in raw and isinstance(raw["concat"], list):
        return " + ".join(part if _text(part).startswith("$") else _quoted(part) for part in raw["concat"])
    return _quoted(raw["value"]) if "value" in raw else _text(raw.get("path"))


def source_of(text: str) -> dict[str, Any]:
    """What was written, as the part of a rule: path, value or concat. What fits neither is given back as a path, which
    the document's check will name."""
    parts: list[str] = []
    is_text: list[bool] = []
    place = 0
    while True:
        match = _PART.match(text, place)
        if match is None:
            return {"path": text}
        parts.append(json.loads(f'"{match[1]}"') if match[1] is not None else match[2])
        is_text.append(match[1] is not None)
        place = match.end()
        if not match[3]:
            break
    if len(parts) > 1:
        return {"concat": parts}
    return {"value": parts[0]} if is_text[0] else {"path": parts[0]}


def _row(name: str, spec: FieldSpec, raw: Any) -> RuleRow:
    rule = raw if isinstance(raw, dict) else {}
    clock = rule.get("time") or {}
    return RuleRow(
        name=name,
        spec=spec,
        source=source_text(raw),
        unit=_text(rule.get("unit")),
        time_format=_text(clock.get("format")),
        time_zone=_text(clock.get("zone")),
        words=lines_text(rule.get("words") or {}),
        otherwise=_text(rule.get("otherwise")),
        default=_text(rule.get("default")),
    )


def _rule(given: Mapping[str, str], where: str, mistakes: list[Mistake]) -> Any:
    source = given.get(f"{where}.source", "").strip()
    if not source:
        return None
    rule = source_of(source)
    if given.get(f"{where}.unit", "") == "fen":
        rule["unit"] = "fen"
    if form := given.get(f"{where}.time_format", "").strip():
        zone = given.get(f"{where}.time_zone", "").strip()
        rule["time"] = {"format": form, **({"zone": zone} if zone else {})}
    if words := _lines(given, f"{where}.words", mistakes, first=False):
        rule["words"] = words
    if otherwise := given.get(f"{where}.otherwise", "").strip():
        rule["otherwise"] = otherwise
    if default := given.get(f"{where}.default", "").strip():
        rule["default"] = int(default) if default.isascii() and default.isdigit() and len(default) < 10 else default
    return rule["path"] if rule.keys() == {"path"} else rule


def _write_auth(document: Document, given: Mapping[str, str]) -> None:
    kind = given.get("auth.kind", "") or "none"
    settings = {name: given.get(f"auth.{kind}.{name}", "").strip() for name in AUTH.get(kind, ())}
    document["auth"] = {"kind": kind, **{name: value for name, value in settings.items() if value}}


def _write_paging(document: Document, where: str, given: Mapping[str, str]) -> None:
    kind = given.get(f"{where}.kind", "").strip()
    if not kind or kind == "none":
        _put(document, where, None)
        return
    paging: Document = {"kind": kind}
    for name in ("first", "size"):
        text = given.get(f"{where}.{name}", "").strip()
        if text:
            paging[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text
    for name in ("next", "total"):
        if text := given.get(f"{where}.{name}", "").strip():
            paging[name] = text
    _put(document, where, paging)


def _lines(given: Mapping[str, str], where: str, mistakes: list[Mistake], *, first: bool) -> dict[str, str]:
    """Lines "theirs = ours". first: parted at the first =; else at the last, for a shop's words may hold one."""
    table: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in given.get(where, "").splitlines())):
        left, sign, right = line.partition("=") if first else line.rpartition("=")
        if not sign or not left.strip():
            mistakes.append(Mistake(where, _("“%(line)s” is not written as name = value.") % {"line": line[:60]}))
        table[left.strip()] = right.strip()
    return table


def _json(given: Mapping[str, str], where: str, mistakes: list[Mistake]) -> Any:
    text = given.get(where, "").strip()
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        mistakes.append(Mistake(where, _("This is no JSON: a text stands in double quotes, an object in braces.")))
        return text


def _at(document: Any, name: str) -> Any:
    for key in name.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _put(document: Document, name: str, value: Any) -> None:
    """Set a place, making what leads there; None takes it away."""
    *way, last = name.split(".")
    for key in way:
        below = document.get(key)
        if not isinstance(below, dict):
            if value is None:
                return
            below = document[key] = {}
        document = below
    if value is None:
        document.pop(last, None)
    else:
        document[last] = value


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            name = f".{key}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(key)) else f"['{key}']"
            yield from _walk(below, f"{path}{name}")
    elif isinstance(value, list):
        if value and isinstance(value[0], dict | list):
            yield f"{path}[*]", f"[{len(value)}]"
            yield from _walk(value[0], f"{path}[0]")
        elif value:
            yield f"{path}[0]", value[0]
    else:
        yield path, value


def _quoted(value: Any) -> str:
    return json.dumps(_text(value), ensure_ascii=False)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _json_text(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def below_list(paths: Sequence[tuple[str, str]], lines: str) -> list[tuple[str, str]]:
    """The paths inside the members of a list ("$.lines[*]"), as rules of lines write them: from the member on."""
    start = f"{lines.removesuffix('[*]')}[0]"
    return [(f"${path[len(start) :]}", example) for path, example in paths if lines and path.startswith(start)]
