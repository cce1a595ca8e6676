"""A connector's document: read strictly, with every mistake named by its place and what to write there instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_sync.connector.fields import LINE_FIELDS, ORDER_FIELDS, REFUND_FIELDS, FieldKind
from channels_sync.connector.paths import JsonPath, PathInvalid, parse_path
from channels_sync.connector.values import Clock, Rule
from ordercenter.common.errors import Misconfigured
from ordercenter.common.http import HttpMethod
from ordercenter.orders.intake_types import AfterSaleKind, ChannelStatus, LineRefundStatus, RefundPhase, RefundStatus

FORMAT = "ordercenter.connector/1"
MAX_PAGES = 10_000
SECRET_NAMES = ("api_key", "password", "secret", "client_secret", "webhook_secret")
_PLACEHOLDER = re.compile(r"\{([a-z_.]{1,40})\}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_WORDS: Mapping[FieldKind, frozenset[str]] = {
    "order_status": frozenset(get_args(ChannelStatus)),
    "refund_status": frozenset(get_args(RefundStatus)),
    "line_refund": frozenset(get_args(LineRefundStatus)),
    "phase": frozenset(get_args(RefundPhase)),
    "after_sale": frozenset(get_args(AfterSaleKind)),
}
# What a template may name, by what it is for.
_SIGNABLE = frozenset(("method", "path", "query", "body", "body_sha256", "timestamp", "nonce", "app_key"))
_LISTING = frozenset(("start", "end", "page", "offset", "size", "cursor", "app_key"))
_TRACKING = frozenset(("order_no", "carrier", "tracking_no", "lines", "key", "app_key", "time"))
_STOCK = frozenset(("listing_id", "sku_id", "quantity", "app_key"))
_REMARK = frozenset(("order_no", "text", "flag", "app_key"))


@dataclass(frozen=True, slots=True)
class Mistake:
    """where: the place in the document, as orders.fields.total; text: what is wrong and what belongs there."""

    where: str
    text: str


class ConnectorInvalid(Misconfigured):
    """The document is not one that the connector can work by. mistakes: all of them."""

    code = "channels.connector_invalid"
    title = gettext_lazy("The connector's configuration is not right.")
    status = 422

    def __init__(self, *, mistakes: Collection[Mistake]):
        super().__init__("; ".join(f"{m.where}: {m.text}" for m in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Request:
    """A call to build: path below the account's address, query and body with placeholders."""

    method: HttpMethod
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(_PLACEHOLDER.findall(f"{self.path} {self.query} {self.body}"))


@dataclass(frozen=True, slots=True)
class Paging:
    """kind: none, page, offset, cursor, link. total: where the number of rows stands, to read the last page first."""

    kind: str = "none"
    first: int = 1
    size: int = 50
    next: JsonPath | None = None
    total: JsonPath | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that is read by time of change."""

    request: Request
    rows: JsonPath
    paging: Paging


@dataclass(frozen=True, slots=True)
class Accepted:
    """How an answer says that all is well beyond its status: the value at a path."""

    path: JsonPath
    value: Any
    message: JsonPath | None = None


@dataclass(frozen=True, slots=True)
class Authentication:
    """kind: none, header, basic, hmac, oauth2; the rest as the kind needs, see docs/connector.md."""

    kind: str = "none"
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Webhook:
    """What the shop may send by itself: one order a message. header: of the signature over the raw body."""

    header: str
    encoding: str
    prefix: str
    order: JsonPath


@dataclass(frozen=True, slots=True)
class Connector:
    """A whole document, checked and compiled. Parts that the shop cannot do are None."""

    authentication: Authentication
    clock: Clock
    accepted: Accepted | None
    orders: Listing
    detail: Request | None
    detail_root: JsonPath
    order_fields: Mapping[str, Rule]
    lines: JsonPath
    line_fields: Mapping[str, Rule]
    refunds: Listing | None
    refund_fields: Mapping[str, Rule]
    tracking: Request | None
    carriers: Mapping[str, str]
    stock: Request | None
    remark: Request | None
    webhook: Webhook | None


def read_document(raw: Any) -> Connector:
    """Check and compile a document (a parsed JSON object). Raises ConnectorInvalid with every mistake."""
    return _Reader().connector(raw)


class _Reader:
    """Goes through a document once and collects what is wrong, so that people mend all of it in one go."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def connector(self, raw: Any) -> Connector:
        known = ("format", "auth", "time", "accepted", "orders", "refunds", "tracking", "stock", "remark", "webhook")
        top = self.object(raw, "", known, needed=("format", "orders"))
        if top.get("format") != FORMAT:
            self.wrong("format", _("Write %(format)s here.") % {"format": FORMAT})
        orders = self.object(
            top.get("orders"),
            "orders",
            ("request", "rows", "paging", "detail", "fields", "lines", "line_fields"),
            needed=("request", "rows", "fields", "lines", "line_fields"),
        )
        refunds = self.optional(top, "refunds", ("request", "rows", "paging", "fields"), ("request", "rows", "fields"))
        detail = self.optional(orders, "detail", ("request", "order"), ("request",), where="orders.detail")
        tracking = self.optional(top, "tracking", ("request", "carriers"), ("request",))
        connector = Connector(
            authentication=self.authentication(top.get("auth")),
            clock=self.clock(top.get("time"), "time"),
            accepted=self.accepted(top.get("accepted")),
            orders=self.listing(orders, "orders"),
            detail=self.request(detail["request"], "orders.detail.request", {"order_no", "app_key"})
            if detail
            else None,
            detail_root=self.path((detail or {}).get("order", "$"), "orders.detail.order"),
            order_fields=self.fields(orders.get("fields"), "orders.fields", ORDER_FIELDS),
            lines=self.path(orders.get("lines"), "orders.lines", is_many=True),
            line_fields=self.fields(orders.get("line_fields"), "orders.line_fields", LINE_FIELDS),
            refunds=self.listing(refunds, "refunds") if refunds else None,
            refund_fields=self.fields(refunds.get("fields"), "refunds.fields", REFUND_FIELDS) if refunds else {},
            tracking=self.request(tracking["request"], "tracking.request", _TRACKING) if tracking else None,
            carriers=self.texts((tracking or {}).get("carriers"), "tracking.carriers"),
            stock=self.outgoing(top, "stock", _STOCK),
            remark=self.outgoing(top, "remark", _REMARK),
            webhook=self.webhook(top.get("webhook")),
        )
        if self.mistakes:
            raise ConnectorInvalid(mistakes=self.mistakes)
        return connector

    # --- parts --------------------------------------------------------------------------------------------------------

    def authentication(self, raw: Any) -> Authentication:
        if raw is None:
            return Authentication()
        kind = raw.get("kind") if isinstance(raw, dict) else None
        names: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
            "none": ((), ()),
            "header": (("name", "value"), ("name", "value")),
            "basic": (("user", "password"), ("user", "password")),
            "hmac": (
                (
                    "template",
                    "secret",
                    "header",
                    "digest",
                    "encoding",
                    "timestamp_header",
                    "key_header",
                    "nonce_header",
                ),
                ("template", "header"),
            ),
            "oauth2": (("token_path", "client_id", "client_secret", "scope"), ("token_path",)),
        }
        if not isinstance(kind, str) or kind not in names:
            self.wrong("auth.kind", self.one_of(names))
            return Authentication()
        known, needed = names[kind]
        found = self.object(raw, "auth", ("kind", *known), needed=needed)
        settings = {key: self.text(value, f"auth.{key}") for key, value in found.items() if key != "kind"}
        self.check_authentication(kind, settings)
        return Authentication(kind, settings)

    def check_authentication(self, kind: str, settings: Mapping[str, str]) -> None:
        for key in ("name", "header", "timestamp_header", "key_header", "nonce_header"):
            if settings.get(key) and not _HEADER.fullmatch(settings[key]):
                self.wrong(f"auth.{key}", _("A header's name has letters, digits and hyphens only."))
        secrets = {f"secret.{name}" for name in SECRET_NAMES} | {"app_key"}
        for key in ("value", "user", "password", "client_id", "client_secret"):
            self.placeholders(settings.get(key, ""), f"auth.{key}", secrets)
        if kind == "hmac":
            self.placeholders(settings.get("template", ""), "auth.template", _SIGNABLE)
            self.choice(settings.get("digest", "sha256"), "auth.digest", ("sha256", "sha1", "sha512", "md5"))
            self.choice(settings.get("encoding", "hex"), "auth.encoding", ("hex", "HEX", "base64"))
            self.choice(settings.get("secret", "secret"), "auth.secret", SECRET_NAMES)
        if kind == "oauth2" and not settings.get("token_path", "").startswith("/"):
            self.wrong("auth.token_path", _("A path begins with /; the address is that of the account."))

    def accepted(self, raw: Any) -> Accepted | None:
        if raw is None:
            return None
        found = self.object(raw, "accepted", ("path", "value", "message"), needed=("path", "value"))
        message = self.path(found["message"], "accepted.message") if found.get("message") else None
        return Accepted(self.path(found.get("path"), "accepted.path"), found.get("value"), message)

    def listing(self, raw: Mapping[str, Any], where: str) -> Listing:
        request = self.request(raw.get("request"), f"{where}.request", _LISTING)
        paging = self.paging(raw.get("paging"), f"{where}.paging")
        for name in {"page": ("page",), "offset": ("offset",), "cursor": ("cursor",)}.get(paging.kind, ()):
            if name not in request.placeholders:
                self.wrong(
                    f"{where}.request", _("Paging by %(kind)s needs {%(name)s} in it.") % {"kind": name, "name": name}
                )
        if "start" not in request.placeholders:
            self.wrong(f"{where}.request", _("Name {start} in it: only what changed since then is asked for."))
        return Listing(request, self.path(raw.get("rows"), f"{where}.rows", is_many=True), paging)

    def paging(self, raw: Any, where: str) -> Paging:
        if raw is None:
            return Paging()
        found = self.object(raw, where, ("kind", "first", "size", "next", "total"), needed=("kind",))
        kind = self.choice(found.get("kind"), f"{where}.kind", ("none", "page", "offset", "cursor", "link"))
        first = self.number(found.get("first", 1 if kind == "page" else 0), f"{where}.first", 0, 1)
        size = self.number(found.get("size", 50), f"{where}.size", 1, 1000)
        if kind == "cursor" and not found.get("next"):
            self.wrong(f"{where}.next", _("Say where the answer names the next cursor."))
        return Paging(
            kind,
            first,
            size,
            self.path(found["next"], f"{where}.next") if found.get("next") else None,
            self.path(found["total"], f"{where}.total") if found.get("total") else None,
        )

    def outgoing(self, top: Mapping[str, Any], key: str, names: Collection[str]) -> Request | None:
        found = self.optional(top, key, ("request",), ("request",))
        return self.request(found["request"], f"{key}.request", names) if found else None

    def webhook(self, raw: Any) -> Webhook | None:
        if raw is None:
            return None
        found = self.object(raw, "webhook", ("header", "encoding", "prefix", "order"), needed=("header",))
        header = self.text(found.get("header"), "webhook.header")
        if header and not _HEADER.fullmatch(header):
            self.wrong("webhook.header", _("A header's name has letters, digits and hyphens only."))
        return Webhook(
            header=header.lower(),
            encoding=self.choice(found.get("encoding", "hex"), "webhook.encoding", ("hex", "base64")),
            prefix=self.text(found.get("prefix", ""), "webhook.prefix"),
            order=self.path(found.get("order", "$"), "webhook.order"),
        )

    def request(self, raw: Any, where: str, names: Collection[str]) -> Request:
        found = self.object(raw, where, ("method", "path", "query", "body"), needed=("path",))
        method = self.choice(found.get("method", "GET"), f"{where}.method", get_args(HttpMethod))
        path = self.text(found.get("path"), f"{where}.path")
        if path and (not path.startswith("/") or path.startswith("//") or "?" in path or "#" in path or ".." in path):
            self.wrong(f"{where}.path", _("A path begins with one / and has neither ? nor .. in it."))
        query = self.texts(found.get("query"), f"{where}.query")
        request = Request(method, path, query, found.get("body"))
        self.placeholders(f"{path} {query} {found.get('body')}", where, names)
        return request

    def fields(self, raw: Any, where: str, known: Mapping[str, Any]) -> dict[str, Rule]:
        needed = [name for name, spec in known.items() if spec.is_required]
        found = self.object(raw, where, tuple(known), needed=needed)
        return {
            name: self.rule(value, f"{where}.{name}", known[name].kind)
            for name, value in found.items()
            if name in known
        }

    def rule(self, raw: Any, where: str, kind: FieldKind) -> Rule:
        if isinstance(raw, str):
            raw = {"path": raw}
        found = self.object(
            raw, where, ("path", "value", "concat", "default", "unit", "time", "words", "otherwise"), needed=()
        )
        sources = [key for key in ("path", "value", "concat") if key in found]
        if len(sources) != 1:
            self.wrong(where, _("Say one of these: path, value or concat."))
            return Rule(("",))
        rule = Rule(
            parts=self.parts(found, sources[0], where),
            default=found.get("default"),
            unit="fen" if self.choice(found.get("unit", "yuan"), f"{where}.unit", ("yuan", "fen")) == "fen" else "yuan",
            clock=self.clock(found["time"], f"{where}.time") if "time" in found else None,
            words=self.texts(found["words"], f"{where}.words") if "words" in found else None,
            otherwise=self.text(found["otherwise"], f"{where}.otherwise") if "otherwise" in found else None,
        )
        self.check_words(rule, kind, where, found)
        return rule

    def parts(self, found: Mapping[str, Any], source: str, where: str) -> tuple[JsonPath | str, ...]:
        if source == "path":
            return (self.path(found["path"], f"{where}.path"),)
        if source == "value":
            value = found["value"]
            if isinstance(value, bool) or not isinstance(value, str | int):
                self.wrong(f"{where}.value", _("A text or a whole number belongs here."))
            return (str(value),)
        items = found["concat"]
        if not isinstance(items, list) or not 1 < len(items) <= 16 or not all(isinstance(i, str) for i in items):
            self.wrong(f"{where}.concat", _("A list of 2 to 16 texts belongs here; those that begin with $ are paths."))
            return ("",)
        return tuple(self.path(i, f"{where}.concat[{n}]") if i.startswith("$") else i for n, i in enumerate(items))

    def check_words(self, rule: Rule, kind: FieldKind, where: str, found: Mapping[str, Any]) -> None:
        allowed = _WORDS.get(kind)
        if allowed is None:
            return
        given = [*(rule.words or {}).values(), *([rule.otherwise] if rule.otherwise is not None else [])]
        if "value" in found and rule.words is None:
            given.append(str(found["value"]))
        elif rule.words is None:
            self.wrong(
                f"{where}.words",
                _("A table from the shop's words to these belongs here: %(words)s.")
                % {"words": ", ".join(sorted(allowed))},
            )
        for ours in given:
            if ours not in allowed:
                text = _("%(word)s is not one of: %(words)s.") % {"word": ours, "words": ", ".join(sorted(allowed))}
                self.wrong(f"{where}.words", text)

    def clock(self, raw: Any, where: str) -> Clock:
        if raw is None:
            return Clock()
        found = self.object(raw, where, ("format", "zone"), needed=("format",))
        form = self.text(found.get("format"), f"{where}.format")
        if form and form not in ("iso", "unix", "unix_ms") and "%" not in form:
            self.wrong(
                f"{where}.format", _("Write iso, unix, unix_ms or a pattern such as %%Y-%%m-%%d %%H:%%M:%%S.") % {}
            )
        name = self.text(found.get("zone", "Asia/Shanghai"), f"{where}.zone")
        try:
            return Clock(form or "iso", ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.wrong(f"{where}.zone", _("%(name)s is not a time zone such as Asia/Shanghai or UTC.") % {"name": name})
            return Clock()

    # --- plain values -------------------------------------------------------------------------------------------------

    def object(self, raw: Any, where: str, known: Collection[str], *, needed: Collection[str] = ()) -> dict[str, Any]:
        if not isinstance(raw, dict):
            self.wrong(where or "$", _("An object in braces belongs here."))
            return {}
        for name in raw:
            if name not in known:
                self.wrong(
                    _below(where, name),
                    _("There is no such field; known are: %(names)s.") % {"names": ", ".join(known)},
                )
        for name in needed:
            if raw.get(name) in (None, ""):
                self.wrong(_below(where, name), _("This field is needed."))
        return raw

    def optional(
        self, raw: Mapping[str, Any], key: str, known: Collection[str], needed: Collection[str], *, where: str = ""
    ) -> dict[str, Any] | None:
        if raw.get(key) is None:
            return None
        found = self.object(raw[key], where or key, known, needed=needed)
        return {"request": {}, **found}

    def text(self, value: Any, where: str) -> str:
        if isinstance(value, str) and len(value) <= 2000:
            return value
        if value is not None:
            self.wrong(where, _("A text belongs here."))
        return ""

    def texts(self, raw: Any, where: str) -> dict[str, str]:
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            self.wrong(where, _("An object in braces belongs here."))
            return {}
        return {str(key): self.text(value, f"{where}.{key}") for key, value in raw.items()}

    def number(self, value: Any, where: str, least: int, most: int) -> int:
        if type(value) is int and least <= value <= most:
            return value
        self.wrong(where, _("A whole number from %(least)s to %(most)s belongs here.") % {"least": least, "most": most})
        return least

    def choice(self, value: Any, where: str, allowed: Collection[str]) -> Any:
        if not isinstance(value, str) or value not in allowed:
            self.wrong(where, self.one_of(allowed))
            return next(iter(allowed))
        return value

    def path(self, value: Any, where: str, *, is_many: bool = False) -> JsonPath:
        try:
            path = parse_path(value if isinstance(value, str) else "")
        except PathInvalid:
            self.wrong(where, _("A path such as $.data.items[*] belongs here."))
            return JsonPath("$", ())
        if path.is_many != is_many and (is_many or path.is_many):
            self.wrong(
                where,
                _("It must stand for a list: end it with [*].")
                if is_many
                else _("It must stand for one value: leave out [*]."),
            )
        return path

    def placeholders(self, text: str, where: str, names: Collection[str]) -> None:
        for name in _PLACEHOLDER.findall(text):
            if name not in names:
                self.wrong(
                    where,
                    _("{%(name)s} is not known here; known are: %(names)s.")
                    % {
                        "name": name,
                        "names": ", ".join(f"{{{known}}}" for known in sorted(names)),
                    },
                )

    @staticmethod
    def one_of(allowed: Collection[str]) -> str:
        return _("One of these belongs here: %(words)s.") % {"words": ", ".join(allowed)}

    def wrong(self, where: str, text: str) -> None:
        self.mistakes.append(Mistake(where, text))


def _below(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
