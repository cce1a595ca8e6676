"""A connector filled in as a form, without a document: what the page shows can be sent as it is, tried and kept."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from channels_sync.connector.samples import SAMPLE
from channels_sync.models import ChannelAccount, ConnectorVersion
from ordercenter.catalog.models import Channel, Shop
from tests.channels_sync.connector.shop import SECRETS, order
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


class Inputs(HTMLParser):
    """What a browser would send of a page's forms, buttons aside."""

    def __init__(self, page: HttpResponse):
        super().__init__()
        self.given: dict[str, str] = {}
        self._text = self._select = ""
        self.feed(page.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = dict(attrs)
        name = a.get("name") or ""
        if tag == "input" and (a.get("type") not in ("radio", "checkbox") or "checked" in a):
            self.given[name] = a.get("value") or ""
        elif tag == "textarea":
            self._text, self.given[name] = name, ""
        elif tag == "select":
            self._select = name
            self.given[name] = ""
        elif tag == "option" and self._select and "selected" in a:
            self.given[self._select] = a.get("value", "") or ""
            self._text = "" if "value" in a else self._select

    def handle_data(self, data: str) -> None:
        if self._text:
            self.given[self._text] += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "option"):
            self._text = ""
        elif tag == "select":
            self._select = ""


@pytest.fixture
def account() -> ChannelAccount:
    channel = Channel.objects.create(code="own", name="Own shop")
    shop = Shop.objects.create(channel=channel, code="own-shop", name="Own shop")
    return ChannelAccount.objects.create(
        shop=shop, adapter="http", base_url="https://shop.test", app_key="app-1", secrets=SECRETS
    )


@pytest.fixture
def boss() -> Client:
    return client_of(person("boss", superuser=True))


def url(account: ChannelAccount) -> str:
    return reverse("console:connector-form", args=[account.pk])


def test_the_page_as_it_comes_can_be_kept_and_is_the_sample(boss: Client, account: ChannelAccount) -> None:
    given = Inputs(boss.get(url(account))).given

    checked = boss.post(url(account), {**given, "verb": "check"})
    assert (checked.status_code, "is right in itself" in checked.content.decode()) == (200, True)
    kept = boss.post(url(account), {**given, "verb": "keep", "note": "first"})

    assert kept["Location"] == f"{url(account)}?version=1"
    version = ConnectorVersion.objects.get()
    assert (version.document, version.note) == (SAMPLE, "first")
    again = Inputs(boss.get(url(account))).given
    assert {name: again[name] for name in given if "." in name} == {n: v for n, v in given.items() if "." in n}


def test_a_pasted_order_is_tried_and_offers_its_paths(boss: Client, account: ChannelAccount) -> None:
    given = Inputs(boss.get(url(account))).given
    sample = json.dumps(order("A-1"), ensure_ascii=False, default=str)

    page = boss.post(url(account), {**given, "orders.lines": "$.goods[*]", "verb": "try", "sample": sample})

    paths = dict(page.context["order_paths"])
    assert page.status_code == 200
    assert len(page.context["trials"]) == 1
    assert {"$.goods[*]"} <= paths.keys()
    assert all(path.startswith("$.") for path, _example in page.context["line_paths"])
    assert len(page.context["line_paths"]) > 2
    assert '<datalist id="order-paths"><option' in page.content.decode()


def test_what_is_wrong_is_named_and_what_was_filled_in_stays(boss: Client, account: ChannelAccount) -> None:
    given = Inputs(boss.get(url(account))).given
    wrong = {
        "orders.fields.total.source": "total",
        "orders.fields.status.words": "paid = gone",
        "stock.request.body": "[1,",
    }

    page = boss.post(url(account), {**given, **wrong, "verb": "keep"})

    assert page.status_code == 422
    assert [m.where for m in page.context["mistakes"]] == [
        "stock.request.body",
        "orders.fields.status.words",
        "orders.fields.total.path",
    ]
    again = Inputs(page).given
    assert again["orders.fields.total.source"] == "total"
    assert again["orders.fields.status.words"] == "paid = gone"
    assert not ConnectorVersion.objects.exists()


def test_who_may_only_look_keeps_nothing(account: ChannelAccount) -> None:
    reader = person("lin", permissions=("channels_sync.view_connectorversion", "catalog.all_shops"))
    browser = client_of(reader)
    given = Inputs(browser.get(url(account))).given

    assert browser.post(url(account), {**given, "verb": "keep"}).status_code == 403
    assert client_of(person("xu", role="warehouse")).get(url(account)).status_code == 403
