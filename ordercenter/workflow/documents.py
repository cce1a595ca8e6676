"""Flow documents, schema "ordercenter.flow/1": JSON in, frozen dataclasses out, and the hash that names a version.

    {"schema": "ordercenter.flow/1", "key": slug, "name": {"zh", "en"}, "subject": "order",
     "trigger": {"id", "type": "event", "event", "filter": condition | null},
     "group": {"key", "mode": "first_match" | "all", "priority"} | null,
     "settings": {"reentry": "never" | "once_per_chain" | "max:N", "timeout", "on_error": "exception:CODE",
                  "concurrency": "per_subject", "timezone", "calendar"},
     "nodes": [
        {"id", "type": "branch", "name", "cases": [{"port", "label", "when": condition}], "else", "on_unknown"},
        {"id", "type": "switch", "name", "field", "ports": {value: port}, "else", "on_unknown"},
        {"id", "type": "action", "name", "use", "v", "with": {}, "retry": {"max", "first", "factor", "cap", "jitter"},
         "on_error": {CODE | "*": node id | "exception:CODE"}},
        {"id", "type": "wait", "name", "duration" | "until_field" | "event", "timeout"},
        {"id", "type": "end", "name"}],
     "edges": [{"from", "port" (default "out"), "to"}],
     "tests": [{"name", "given": {path: value}, "outcomes": {node: answer}, "expect": {"path": [ids], "failed"}}],
     "ui": anything}

on_unknown is a port or "exception:CODE" and defaults to exception:CONDITION_UNKNOWN. Durations are ISO 8601.
Money in conditions is integer fen. What is checked here is the shape; whether the parts fit each other and the
installed components is the validator's business.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.workflow.durations import parse_duration
from ordercenter.workflow.errors import DocumentInvalid, LimitExceeded, UnknownNode
from ordercenter.workflow.json_reader import JsonReader
from ordercenter.workflow.nodes import (
    ANY_ERROR,
    EXCEPTION,
    OUT,
    Action,
    Branch,
    Case,
    Edge,
    End,
    FlowDocument,
    FlowGroup,
    FlowTest,
    LocalText,
    Node,
    Retry,
    Settings,
    Switch,
    Trigger,
    Wait,
)

SCHEMA = "ordercenter.flow/1"
MAX_NODES = 80
MAX_EDGES = 400
MAX_TESTS = 200
MAX_BYTES = 200_000
MAX_WAITS = 20
MAX_CASES = 50
MAX_JSON_DEPTH = 40

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,59}", re.ASCII)
_DEFAULT_UNKNOWN = EXCEPTION + "CONDITION_UNKNOWN"


def canonical_json(data: Mapping[str, Any]) -> bytes:
    """Sorted keys, no spaces, UTF-8: equal content gives equal bytes. Raises DocumentInvalid for what is not JSON."""
    try:
        text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except RecursionError:
        raise LimitExceeded("", "nested too deep") from None
    except (TypeError, ValueError) as error:
        raise DocumentInvalid("", f"not JSON: {error}") from None


def content_hash(data: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON without the layout (`ui`). Equal hash means equal version."""
    return hashlib.sha256(canonical_json({key: value for key, value in data.items() if key != "ui"})).hexdigest()


def export_document(document: FlowDocument) -> str:
    """The document as readable JSON for a file or a commit: sorted keys, so that a diff shows what changed.

    parse_document(json.loads(...)) of it has the same content hash.
    """
    return json.dumps(document.source, ensure_ascii=False, sort_keys=True, indent=2) + "\n"


def parse_document(data: Mapping[str, Any]) -> FlowDocument:
    """The document as dataclasses.

    Raises DocumentInvalid (path and reason), UnknownNode for a kind of node that is not known here, LimitExceeded for
    a document over 80 nodes, 400 edges, 200 kB or too deep. A missing trigger is no error here: drafts may lack it.
    """
    if not isinstance(data, Mapping):
        raise DocumentInvalid("", "an object belongs here")
    source = _own_copy(data)
    root = JsonReader(source)
    root.only("schema", "key", "name", "subject", "trigger", "group", "settings", "nodes", "edges", "tests", "ui")
    root.at("schema").one_of(SCHEMA)
    trigger = _trigger(root.at("trigger")) if root.has("trigger") else None
    nodes = _nodes(root.at("nodes"), taken=trigger.id if trigger else None)
    ids = set(nodes) | ({trigger.id} if trigger else set())
    for node in nodes.values():
        _check_error_targets(node, ids)
    return FlowDocument(
        key=_matching(root.at("key"), _SLUG, "a slug of small letters, digits and hyphens"),
        name=_local_text(root.at("name")),
        subject=root.at("subject").text(at_most=40),
        trigger=trigger,
        group=_group(root.at("group")) if root.has("group") else None,
        settings=_settings(root.at("settings")) if root.has("settings") else Settings(),
        nodes=MappingProxyType(nodes),
        edges=_edges(root.at("edges"), ids, trigger.id if trigger else None),
        tests=_tests(root.at("tests"), ids) if root.has("tests") else (),
        source=source,
        content_hash=content_hash(source),
    )


def _own_copy(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the database would give back: refuses text it cannot store; later changes of `data` do not reach us."""
    raw = canonical_json(data)
    if len(raw) > MAX_BYTES:
        raise LimitExceeded("", f"{len(raw)} bytes, at most {MAX_BYTES} are allowed")
    try:
        copy: dict[str, Any] = loads_strict(raw, max_bytes=MAX_BYTES, max_depth=MAX_JSON_DEPTH, floats_as=float)
    except UnreadableBody as error:
        refusal = LimitExceeded if error.reason == "too_deep" else DocumentInvalid
        raise refusal("", str(error)) from None
    return copy


def _trigger(reader: JsonReader) -> Trigger:
    reader.only("id", "type", "event", "filter", "changed", "dedupe")
    reader.at("type").one_of("event")
    for later in ("changed", "dedupe"):
        if reader.at(later).value:
            raise reader.at(later).refuse("this version of the engine cannot do that yet; leave it empty")
    when = reader.at("filter").mapping() if reader.has("filter") else None
    return Trigger(_id(reader.at("id")), reader.at("event").text(at_most=100), when)


def _group(reader: JsonReader) -> FlowGroup:
    reader.only("key", "mode", "priority")
    priority = reader.at("priority").integer(low=-1000, high=1000) if reader.has("priority") else 0
    mode = reader.at("mode").one_of("first_match", "all")
    return FlowGroup(reader.at("key").text(at_most=40), mode, priority)


def _settings(reader: JsonReader) -> Settings:
    reader.only("reentry", "timeout", "on_error", "concurrency", "timezone", "calendar")
    if reader.has("concurrency"):
        reader.at("concurrency").one_of("per_subject")
    reentry: int | None = None
    if reader.has("reentry"):
        text = reader.at("reentry").text(at_most=20)
        bound = re.fullmatch(r"never|once_per_chain|max:([1-9]\d?)", text, re.ASCII)
        if bound is None:
            raise reader.at("reentry").refuse("never, once_per_chain or max:N belongs here")
        reentry = None if text == "never" else int(bound[1] or 1)
    default = Settings()
    return Settings(
        reentry=reentry,
        timeout=_duration(reader.at("timeout")) if reader.has("timeout") else None,
        on_error=_exception(reader.at("on_error")) if reader.has("on_error") else default.on_error,
    )


def _nodes(reader: JsonReader, *, taken: str | None) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for item in reader.each(at_most=MAX_NODES):
        kind = item.at("type").value
        read = _KINDS.get(kind) if isinstance(kind, str) else None
        if read is None:
            raise UnknownNode(item.at("type").path, f"{kind} is not one of {', '.join(_KINDS)}")
        identity = _id(item.at("id"))
        if identity in nodes or identity == taken:
            raise item.at("id").refuse(f"the id {identity} is used twice")
        nodes[identity] = read(item)
    waits = sum(isinstance(node, Wait) for node in nodes.values())
    if waits > MAX_WAITS:
        raise LimitExceeded("nodes", f"{waits} waits, at most {MAX_WAITS} are allowed")
    return nodes


def _branch(reader: JsonReader) -> Branch:
    reader.only("id", "type", "name", "cases", "else", "on_unknown")
    cases: list[Case] = []
    for item in reader.at("cases").each(at_most=MAX_CASES):
        item.only("port", "label", "when")
        label = _local_text(item.at("label")) if item.has("label") else LocalText()
        cases.append(Case(_id(item.at("port")), label, item.at("when").mapping()))
    if not cases:
        raise reader.at("cases").refuse("a branch has at least one case")
    other, unknown = _way_out(reader)
    return Branch(_id(reader.at("id")), _name(reader), tuple(cases), other, unknown)


def _switch(reader: JsonReader) -> Switch:
    reader.only("id", "type", "name", "field", "ports", "else", "on_unknown")
    ports = {value: _id(port) for value, port in reader.at("ports").items()}
    if not ports:
        raise reader.at("ports").refuse("a switch has at least one port")
    other, unknown = _way_out(reader)
    field = reader.at("field").text(at_most=100)
    return Switch(_id(reader.at("id")), _name(reader), field, MappingProxyType(ports), other, unknown)


def _action(reader: JsonReader) -> Action:
    reader.only("id", "type", "name", "use", "v", "with", "retry", "on_error")
    on_error: dict[str, str] = {}
    if reader.has("on_error"):
        for code, target in reader.at("on_error").items():
            if code != ANY_ERROR and not _CODE.fullmatch(code):
                raise reader.at("on_error").refuse(f"{code} is not an error code such as OUT_OF_STOCK")
            text = target.text(at_most=80)
            on_error[code] = _exception(target) if text.startswith(EXCEPTION) else text
    return Action(
        id=_id(reader.at("id")),
        name=_name(reader),
        use=reader.at("use").text(at_most=100),
        v=reader.at("v").integer(low=1, high=999),
        params=MappingProxyType(dict(reader.at("with").mapping())) if reader.has("with") else MappingProxyType({}),
        on_error=MappingProxyType(on_error),
        retry=_retry(reader.at("retry")) if reader.has("retry") else None,
    )


def _retry(reader: JsonReader) -> Retry:
    reader.only("max", "first", "factor", "cap", "jitter")
    first = _duration(reader.at("first"))
    return Retry(
        max=reader.at("max").integer(low=0, high=50),
        first=first,
        factor=reader.at("factor").number(low=1, high=10) if reader.has("factor") else 2,
        cap=_duration(reader.at("cap")) if reader.has("cap") else max(first, timedelta(minutes=5)),
        jitter=reader.at("jitter").number(low=0, high=1) if reader.has("jitter") else 0.2,
    )


def _wait(reader: JsonReader) -> Wait:
    reader.only("id", "type", "name", "duration", "until_field", "event", "timeout")
    given = [key for key in ("duration", "until_field", "event") if reader.has(key)]
    if len(given) != 1:
        raise reader.refuse("a wait has exactly one of duration, until_field, event")
    if reader.has("timeout") and given != ["event"]:
        raise reader.at("timeout").refuse("only a wait for an event has a timeout")
    return Wait(
        id=_id(reader.at("id")),
        name=_name(reader),
        duration=_duration(reader.at("duration")) if reader.has("duration") else None,
        until_field=reader.at("until_field").text(at_most=100) if reader.has("until_field") else None,
        event=reader.at("event").text(at_most=100) if reader.has("event") else None,
        timeout=_duration(reader.at("timeout")) if reader.has("timeout") else None,
    )


def _end(reader: JsonReader) -> End:
    reader.only("id", "type", "name")
    return End(_id(reader.at("id")), _name(reader))


_KINDS: Mapping[str, Callable[[JsonReader], Node]] = {
    "branch": _branch,
    "switch": _switch,
    "action": _action,
    "wait": _wait,
    "end": _end,
}


def _edges(reader: JsonReader, ids: set[str], trigger: str | None) -> tuple[Edge, ...]:
    edges: dict[tuple[str, str], Edge] = {}
    for item in reader.each(at_most=MAX_EDGES):
        item.only("from", "port", "to")
        port = _id(item.at("port")) if item.has("port") else OUT
        edge = Edge(_known(item.at("from"), ids), port, _known(item.at("to"), ids))
        if edge.target == trigger:
            raise item.at("to").refuse("nothing leads to the trigger")
        if (edge.source, edge.port) in edges:
            raise item.refuse(f"port {edge.port} of {edge.source} is wired twice")
        edges[edge.source, edge.port] = edge
    return tuple(edges.values())


def _tests(reader: JsonReader, ids: set[str]) -> tuple[FlowTest, ...]:
    tests: list[FlowTest] = []
    for item in reader.each(at_most=MAX_TESTS):
        item.only("name", "given", "outcomes", "expect")
        expect = item.at("expect")
        expect.only("path", "failed")
        outcomes = dict(item.at("outcomes").mapping()) if item.has("outcomes") else {}
        for node in outcomes:
            if node not in ids:
                raise item.at("outcomes").refuse(f"there is no node {node}")
        tests.append(
            FlowTest(
                name=item.at("name").text(),
                given=MappingProxyType(dict(item.at("given").mapping())),
                path=tuple(_known(step, ids) for step in expect.at("path").each(at_most=MAX_NODES + 1)),
                failed=expect.at("failed").text(at_most=60) if expect.has("failed") else "",
                outcomes=MappingProxyType(outcomes),
            )
        )
    return tuple(tests)


def _check_error_targets(node: Node, ids: set[str]) -> None:
    if isinstance(node, Action):
        for code, target in node.on_error.items():
            if not target.startswith(EXCEPTION) and target not in ids:
                raise DocumentInvalid(f"nodes[{node.id}].on_error.{code}", f"there is no node {target}")


def _way_out(reader: JsonReader) -> tuple[str | None, str]:
    """else and on_unknown of a branch or switch."""
    other = _id(reader.at("else")) if reader.has("else") else None
    if not reader.has("on_unknown"):
        return other, _DEFAULT_UNKNOWN
    unknown = reader.at("on_unknown")
    return other, _exception(unknown) if unknown.text().startswith(EXCEPTION) else _id(unknown)


def _name(reader: JsonReader) -> LocalText:
    return _local_text(reader.at("name")) if reader.has("name") else LocalText()


def _local_text(reader: JsonReader) -> LocalText:
    reader.only("zh", "en")
    texts = {language: text.text() for language, text in reader.items()}
    if not texts:
        raise reader.refuse("a text in zh or en belongs here")
    return LocalText(**texts)


def _id(reader: JsonReader) -> str:
    return _matching(reader, _ID, "a name of 1 to 40 letters, digits, _ and -")


def _known(reader: JsonReader, ids: set[str]) -> str:
    if not isinstance(reader.value, str) or reader.value not in ids:
        raise reader.refuse(f"there is no node {reader.value}")
    return reader.value


def _matching(reader: JsonReader, pattern: re.Pattern[str], what: str) -> str:
    if not isinstance(reader.value, str) or not pattern.fullmatch(reader.value):
        raise reader.refuse(f"{what} belongs here")
    return reader.value


def _exception(reader: JsonReader) -> str:
    text = reader.text(at_most=80)
    if not text.startswith(EXCEPTION) or not _CODE.fullmatch(text[len(EXCEPTION) :]):
        raise reader.refuse("exception:CODE belongs here, with the code in capitals")
    return text


def _duration(reader: JsonReader) -> timedelta:
    try:
        return parse_duration(reader.text(at_most=40))
    except ValueError as error:
        raise reader.refuse(str(error)) from None
