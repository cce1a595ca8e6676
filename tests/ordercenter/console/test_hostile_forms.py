"""Whatever is typed into a form of the console, it is answered: no view can be made to answer 500.

The views are found by walking the addresses, their steps by the words of their module, their fields by the forms of all
pages and by watching what a view asks for. A new page is in the sweep without a line here.
"""

from __future__ import annotations

import ast
import inspect
import json
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models, transaction
from django.http import QueryDict
from django.urls import get_resolver
from django.urls.resolvers import URLPattern
from django.utils import timezone

from fulfillment.models import ShadowRun
from fulfillment.services.routing_rules import active_document
from ordercenter.inventory.models import ChannelPolicy
from ordercenter.inventory.services import plan_quota
from ordercenter.inventory.states import QuotaKind
from tests.flows.outside import answer_everything
from tests.fulfillment.floor.house import House
from tests.ordercenter.console.people import client_of, make_case, make_post_office_rows, person

pytestmark = pytest.mark.django_db

HUGE = "9" * 30
URLENCODED = "application/x-www-form-urlencoded"
# Every field gets one of these in turn; every form half of the others.
IN_TURN = ("2147483648", "-1", HUGE, "NaN", "2147483648", "<script>alert(1)</script>", "9999-12-31T23:59", "")
ALL_FIELDS = ("0", "²", "x" * 5000, "7" * 4400, "0001-01-01", "1e400", "' OR 1=1--")
# Models whose rows an address names by another word than the model's own.
NAMED = {
    "account": "channelaccount",
    "bill": "freightbill",
    "count": "stockcount",
    "file": "orderfile",
    "inbound": "inboundorder",
    "job": "labeljob",
    "production": "productionorder",
    "quota": "channelquota",
    "run": "shadowrun",
    "session": "livesession",
    "table": "stocktable",
    "upload": "freightupload",
    "settlement": "ordersettlement",
}


def patterns() -> list[URLPattern]:
    (console,) = [each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "console"]
    return list(console.url_patterns)


@cache
def words_of(module_name: str) -> tuple[str, ...]:
    """The words that a module of views knows steps by: keys of its tables, and what it compares with."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(Path(sys.modules[module_name].__file__ or "").read_text())):
        parts = node.comparators if isinstance(node, ast.Compare) else node.keys if isinstance(node, ast.Dict) else []
        for part in parts:
            found |= {each.value for each in ast.walk(part) if isinstance(each, ast.Constant)} if part else set()
    return tuple(sorted(w for w in found if isinstance(w, str) and re.fullmatch(r"[a-z]+([_-][a-z]+)?", w)))


class Forms(HTMLParser):
    """The forms of a page that change something: address, whether it takes files, names with what stands in them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str], set[str]]] = []
        self._choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = given.get("method", "").lower() == "post"
            if self._open:
                self.forms.append((given.get("action", ""), {}, set()))
            return
        if not self.forms or not getattr(self, "_open", False):
            return
        _action, values, files = self.forms[-1]
        name = given.get("name", "")
        if tag == "option" and self._choice:
            if "selected" in given or not values.get(self._choice):
                values[self._choice] = given.get("value", "")
        elif tag in ("input", "textarea", "button", "select") and name and name != "csrfmiddlewaretoken":
            if given.get("type") == "file":
                files.add(name)
            elif tag != "button" or name not in values:
                values[name] = given.get("value", "")
            self._choice = name if tag == "select" else ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        if tag == "select":
            self._choice = ""


@dataclass
class Door:
    """One address of a view that takes forms, what a plain form holds, and what else the view asks for."""

    path: str
    values: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)


class Sweep:
    """A house with a row of everything that an address can name, and somebody who may do everything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer_everything(monkeypatch)
        house = House()
        self.shipment = house.order(("SKU-1", 2, "110.00"))
        house.wave()
        self.at_gate = house.order(("SKU-2", 1, "60.00"))
        order = self.at_gate.lines.get().order
        make_case(order)
        make_post_office_rows(f"order:{order.pk}")
        ChannelPolicy.objects.create(shop=house.world.shop)
        self.numbers = count(1)
        self.browser = client_of(person("boss", superuser=True))
        self.browser.raise_request_exception = False
        counted = SimpleUploadedFile("c.csv", "商品编码,仓库,盘点数量\nSKU-1,OWN,5\n".encode())
        brought = self.browser.post(
            "/console/stock/tables/", {"kind": "count", "table": counted, "note": "stocktaking"}
        )
        assert brought.status_code < 400, brought.content.decode()
        bill = SimpleUploadedFile("b.csv", "运单号,合计金额\nZT1,5.00\n".encode())
        courier = house.world.carrier.pk
        assert "upload" in self.browser.post("/console/freight/upload/", {"courier": courier, "bill": bill})["Location"]
        plan_quota(
            shop_id=house.world.shop.pk,
            sku_id=house.world.skus[1].pk,
            warehouse_id=house.warehouse.pk,
            kind=QuotaKind.DEDICATED,
            quantity=1,
            starts_at=timezone.now(),
            ends_at=None,
            reason="for the shop",
            at=timezone.now(),
            actor=house.actor,
        )

    def id_of(self, name: str) -> int:
        """The key of a row that the address `<int:name>` can mean; one is made where the house has none."""
        word = name.removesuffix("_id")
        wanted = NAMED.get(word, word).replace("_", "")
        (model,) = [m for m in apps.get_models() if m._meta.model_name == wanted and m._meta.app_label != "admin"]
        if wanted == "shipment":
            return int(self.at_gate.pk)
        row = model._default_manager.order_by("-pk").first()
        return int((row or self._made(model)).pk)

    def _made(self, model: type[models.Model]) -> models.Model:
        values: dict[str, Any] = {}
        if model is ShadowRun:
            values = {"base": active_document(), "trial": active_document()}
        for each in model._meta.concrete_fields:
            if each.name in values or each.primary_key or each.has_default() or each.null:
                continue
            values[each.attname if each.is_relation else each.name] = self._value(each)
        return model._default_manager.create(**values)

    def _value(self, each: Any) -> Any:
        if each.is_relation:
            row = each.related_model._default_manager.order_by("-pk").first() or self._made(each.related_model)
            return row.pk
        if each.choices:
            return each.choices[0][0]
        match each:
            case models.DateTimeField():
                return timezone.now() + timedelta(days=each.name.startswith(("ends", "planned_end")))
            case models.DateField():
                return timezone.localdate() + timedelta(days=each.name.startswith("ends"))
            case models.IntegerField() | models.DecimalField():
                return 1
            case models.JSONField():
                return {}
            case models.BinaryField():
                return b"a,b\n1,2\n"
        return f"row-{next(self.numbers)}"[: each.max_length]

    def send(self, path: str, values: dict[str, Any], files: set[str] = frozenset()) -> int:  # type: ignore[assignment]
        """The status of the answer; whatever it did is undone."""
        held = {name: SimpleUploadedFile("a.csv", b"a,b\n\x00,2\n") for name in files}
        with transaction.atomic():
            answer = self.browser.post(path, {**values, **held})
            transaction.set_rollback(True)
        return int(answer.status_code)

    def paths(self, ids: dict[str, int], *, verbs: bool = True) -> Iterator[tuple[str, str]]:
        """Every address of the console with its view's module; each word of the module tried as its step."""
        for pattern in patterns():
            converters = pattern.pattern.converters
            slugs = [name for name, each in converters.items() if type(each).__name__ == "SlugConverter"]
            module = inspect.unwrap(pattern.callback).__module__
            for word in words_of(module) if slugs and verbs else ["nothing"]:
                yield self._path(pattern, ids, word), module

    @staticmethod
    def _path(pattern: URLPattern, ids: dict[str, int], word: str) -> str:
        route = str(pattern.pattern)
        for name, each in pattern.pattern.converters.items():
            kind = {"IntConverter": "int", "SlugConverter": "slug"}[type(each).__name__]
            route = route.replace(f"<{kind}:{name}>", str(ids[name]) if kind == "int" else word)
        return f"/console/{route}"

    def ids(self) -> dict[str, int]:
        names = {
            name
            for pattern in patterns()
            for name, each in pattern.pattern.converters.items()
            if type(each).__name__ == "IntConverter"
        }
        return {name: self.id_of("contact" if name == "pk" else name) for name in sorted(names)}

    def doors(self, broken: list[tuple[str, str, str]]) -> dict[str, Door]:
        """By address: all that take a form. broken: gets what answers 500 to being looked at."""
        found: dict[str, Door] = {}
        for path, _module in self.paths(self.ids()):
            page = self.browser.get(path)
            if page.status_code >= 500:
                broken.append((path, "GET", ""))
            if page.status_code == 404 or page.streaming:
                continue
            found.setdefault(path, Door(path))
            if page.status_code == 200 and "html" in page["Content-Type"]:
                forms = Forms()
                forms.feed(page.content.decode())
                for action, values, files in forms.forms:
                    at = urlsplit(action).path or path
                    if at.startswith("/console/"):
                        door = found.setdefault(at, Door(at))
                        door.values = {**values, **door.values}
                        door.files |= files
        return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names that a view has looked for in the form."""
    names: set[str] = set()

    def watched(verb: str) -> None:
        real = getattr(QueryDict, verb)

        def watching(form: QueryDict, name: str, *more: Any) -> Any:
            names.add(name)
            return real(form, name, *more)

        monkeypatch.setattr(QueryDict, verb, watching)

    for verb in ("get", "getlist", "__getitem__", "__contains__"):
        watched(verb)
    return names


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sweep]:
    # Thousands of refusals need no line each in the log.
    logging.disable(logging.ERROR)
    yield Sweep(monkeypatch)
    logging.disable(logging.NOTSET)


# Fifteen seconds where nothing else runs; minutes on a machine with other work.
@pytest.mark.timeout(400)
def test_no_form_of_the_console_can_be_filled_in_so_that_the_answer_is_500(sweep: Sweep, asked: set[str]) -> None:
    broken: list[tuple[str, str, str]] = []
    reached = swept = 0
    turn = count()
    for path, door in sorted(sweep.doors(broken).items()):
        asked.clear()
        status = sweep.send(path, door.values)
        if status >= 500:
            broken.append((path, "as it stands", ""))
        names = sorted({*door.values, *asked} - {"next", "csrfmiddlewaretoken"})
        if status in (404, 405) or not names:
            continue
        reached += 1
        plain = {**dict.fromkeys(names, "1"), **door.values}
        if sweep.send(path, {**plain, names[0]: "a\x00b"}) != 400:
            broken.append((path, names[0], "NUL"))
        tries = [(name, bad, {**plain, name: bad}) for name in names for bad in [IN_TURN[next(turn) % len(IN_TURN)]]]
        tries += [("all", bad, dict.fromkeys(names, bad)) for bad in ALL_FIELDS[reached % 2 :: 2]]
        for name, bad, values in tries:
            swept += 1
            if sweep.send(path, values, door.files) >= 500:
                broken.append((path, name, bad[:30]))

    assert not broken, "\n".join(" ".join(each) for each in broken)
    # What the sweep found by itself: far fewer would mean that it has lost its way.
    assert reached > 60
    assert swept > 500


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "The field “reason” holds an invisible character"), ("zh-hans", "字段“reason”里含有看不见的字符")],
)
@pytest.mark.parametrize("multipart", [True, False], ids=["multipart", "urlencoded"])
def test_a_field_with_nul_is_answered_with_a_page_that_names_it(
    db: None, language: str, said: str, multipart: bool
) -> None:
    browser = client_of(person("boss", superuser=True), language=language)
    form = {"data": {"reason": "a\x00b"}} if multipart else {"data": "reason=a%00b", "content_type": URLENCODED}

    answer = browser.post("/console/cases/next/", **form)

    assert (answer.status_code, said in answer.content.decode()) == (400, True)


@pytest.mark.parametrize("path", ["/login/", "/language/", "/admin/orders/order/", "/console/freight/upload/"])
def test_every_form_of_the_site_is_guarded(db: None, path: str) -> None:
    browser = client_of(person("boss", superuser=True))

    assert browser.post(path, {"username": "\x00", "password": "x"}).status_code == 400
    assert browser.post(path, {"\x00": "x"}).status_code == 400


@pytest.mark.parametrize("text", [b"%2BAAA-", b"%2B2AA-"], ids=["NUL", "half a pair"])
def test_an_encoding_that_smuggles_in_what_cannot_be_stored_is_refused(db: None, text: bytes) -> None:
    browser = client_of(person("boss", superuser=True))
    query = f"q={text.decode()}"

    answer = browser.get("/console/orders/", QUERY_STRING=query, CONTENT_TYPE="text/plain; charset=utf-7")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "a\x00b"},
        {"text": "\ud800"},
        {"text": "x" * 5000},
        {"pieces": HUGE},
        {"pieces": int(HUGE)},
        {"pieces": -1},
        {"pieces": float("nan")},
        {"place": "wave:" + HUGE},
        {"grade": "\x00"},
        {"at": "9999-12-31T23:59:59-23:59"},
        {"at": "0001-01-01T00:00:00+23:59"},
        {"id": "0"},
        {"step": None},
    ],
)
def test_a_scan_of_any_content_is_answered(db: None, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    answer_everything(monkeypatch)
    house = House()
    browser = client_of(person("boss", superuser=True))
    browser.raise_request_exception = False
    scan = {"id": str(uuid4()), "step": "pick", "text": "SKU-1"} | changes

    for warehouse in (house.warehouse.pk, 0, 2**31, int(HUGE)):
        body = {"warehouse": warehouse, "device": "d", "scans": [scan]}
        answer = browser.post("/console/floor/scans/", json.dumps(body), content_type="application/json")
        assert answer.status_code in (200, 400, 403, 404)
