"""The pages of connectors: a document is checked, tried on a real sample without a trace, kept, and put to work."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from django.utils import timezone

from channels_sync.connector.documents import ConnectorInvalid
from channels_sync.connector.versions import activate_version, write_version
from channels_sync.models import ChannelAccount, ConnectorVersion
from ordercenter.audit.models import Deed
from ordercenter.catalog.models import Channel, Contact, IgnoredListing, ListingMatch, Shop, Sku
from ordercenter.common.actor import SYSTEM
from ordercenter.events.models import EventRow
from ordercenter.orders.models import Order
from tests.channels_sync.connector.shop import SECRETS, document, order
from tests.channels_sync.connector.shop import Shop as PlayedShop
from tests.local_http import serving
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> ChannelAccount:
    channel = Channel.objects.create(code="own", name="Own shop")
    shop = Shop.objects.create(channel=channel, code="own-shop", name="Own shop")
    return ChannelAccount.objects.create(
        shop=shop, adapter="http", base_url="https://shop.test", app_key="app-1", secrets=SECRETS
    )


@pytest.fixture
def boss():
    return client_of(person("boss", superuser=True), language="en")


def address(account):
    return reverse("console:connector", args=[account.pk])


def post(browser, account, verb, raw=None, **more):
    text = raw if isinstance(raw, str) else json.dumps(raw or document(), ensure_ascii=False)
    return browser.post(address(account), {"verb": verb, "document": text, **more})


def test_a_new_connector_begins_with_a_sample_that_is_right(boss, account):
    page = boss.get(address(account))

    assert page.status_code == 200
    checked = post(boss, account, "check", page.context["text"])
    assert (checked.status_code, "is right in itself" in checked.content.decode()) == (200, True)
    assert account.base_url in boss.get(reverse("console:connectors")).content.decode()


def test_wrong_fields_are_named_and_nothing_is_kept(boss, account):
    page = post(boss, account, "keep", document(orders__rows="data", time__zone="Mars"))

    text = page.content.decode()
    assert page.status_code == 422
    assert ("<code>orders.rows</code>" in text, "<code>time.zone</code>" in text) == (True, True)
    assert not ConnectorVersion.objects.exists()


@pytest.mark.parametrize("raw", ["", "{", '{"format": "x", "format": "y"}', "[" * 9_999, "null"])
def test_what_is_no_json_is_said(boss, account, raw):
    assert post(boss, account, "keep", raw).status_code == 422


def test_versions_are_counted_kept_once_and_put_to_work_with_a_reason(boss, account):
    post(boss, account, "keep", note="first")
    post(boss, account, "keep", note="the same")
    post(boss, account, "keep", document(refunds=None), note="no refunds")
    put = reverse("console:connector-activate", args=[account.pk])
    boss.post(put, {"number": "2", "reason": ""})
    still = ChannelAccount.objects.get(pk=account.pk).options
    boss.post(put, {"number": "2", "reason": "goes live"})

    versions = ConnectorVersion.objects.order_by("number")
    assert [(v.number, v.note, v.made_by.username) for v in versions] == [
        (1, "first", "boss"),
        (2, "no refunds", "boss"),
    ]
    assert still == {}
    options = ChannelAccount.objects.get(pk=account.pk).options
    assert (options["connector_version"], options["connector"]) == (2, versions[1].document)
    deeds = Deed.objects.filter(subject=f"account:{account.pk}").order_by("pk").values_list("action", "reason")
    assert list(deeds) == [("connector.write", ""), ("connector.write", ""), ("connector.activate", "goes live")]
    assert "at work" in boss.get(address(account)).content.decode()


def test_an_unknown_version_is_not_put_to_work(boss, account):
    boss.post(reverse("console:connector-activate", args=[account.pk]), {"number": "7", "reason": "x"})

    assert ChannelAccount.objects.get(pk=account.pk).options == {}


def test_a_trial_shows_raw_mapped_and_what_would_happen_and_leaves_nothing(boss, account):
    before = (Order.objects.count(), Contact.objects.count(), EventRow.objects.count())

    page = post(boss, account, "try", sample=json.dumps(order(), ensure_ascii=False))

    (trial,) = page.context["trials"]
    mapped = dict(trial.mapped)
    assert page.status_code == 200
    assert (trial.outcome, trial.problem, trial.unmatched) == ("new", "", 2)
    assert [row.match for row in trial.lines] == ["", ""]
    assert "王小明" in trial.raw
    assert mapped["order number"] == "A-1"
    assert mapped["receiver"] == "王**"
    assert [str(row.line.paid_share) for row in trial.lines] == ["95.45", "9.55"]
    assert (Order.objects.count(), Contact.objects.count(), EventRow.objects.count()) == before
    assert Deed.objects.filter(action="connector.try", subject=f"account:{account.pk}").count() == 1


def test_a_trial_matches_goods_as_the_flow_will(boss, account):
    sku = Sku.objects.create(code="SKU-1001", name="靠垫", list_price=30)
    Sku.objects.create(code="SKU-9", name="停售", list_price=9, is_active=False)
    sample = order()
    sample["goods"] = [
        sample["goods"][0] | {"id": n, "qty": 1, "price": "10.00", "item": listing, "spec": "", "sku": code}
        for n, (listing, code) in enumerate([("", "sku 1001"), ("none-of-ours", "SKU-1001"), ("", "SKU-9"), ("", "x")])
    ]
    sample |= {"cents": 4000, "post": "0.00"}
    IgnoredListing.objects.create(shop=account.shop, listing_id="none-of-ours", reason="a gift card")
    ListingMatch.objects.create(shop=account.shop, listing_sku_id="x", sku=sku)

    (trial,) = post(boss, account, "try", sample=json.dumps(sample, ensure_ascii=False)).context["trials"]

    assert trial.problem == ""
    assert [row.match for row in trial.lines] == ["SKU-1001", "", "", "SKU-1001"]


def test_a_trial_takes_the_first_order_out_of_an_answer_of_the_shop(boss, account):
    answer = {"code": 0, "data": {"total": 2, "items": [order("L-1"), order("L-2")]}}
    detail = {"code": 0, "data": order("D-1")}

    for sample, number in ((answer, "L-1"), (detail, "D-1")):
        (trial,) = post(boss, account, "try", sample=json.dumps(sample)).context["trials"]
        assert dict(trial.mapped)["order number"] == number


def test_what_cannot_be_read_is_named_by_its_place_and_would_be_put_aside(boss, account):
    (trial,) = post(boss, account, "try", sample=json.dumps(order(cents="x"))).context["trials"]
    (no_json,) = post(boss, account, "try", sample="{").context["trials"]

    assert (trial.place, trial.outcome) == ("$.cents", "")
    assert no_json.place == "$"
    assert not Order.objects.exists()


def test_samples_are_fetched_from_the_shop_without_names_for_those_who_may_not_see_them(account, settings):
    settings.CONNECTOR_INTERNAL_HOSTS = ["127.0.0.1"]
    integrator = client_of(person("ina", role="integrator"), language="en")
    with serving(PlayedShop(order("A-1"))) as server:
        ChannelAccount.objects.filter(pk=account.pk).update(base_url=server.url)
        query = {"from": "2026-11-01 00:00:00", "to": "2027-12-31 00:00:00", "since": "{start}"}
        made = document(orders__request__query={**query, "page": "{page}", "size": "{size}"})
        (trial,) = post(integrator, account, "fetch", made).context["trials"]

    assert (trial.outcome, "王小明" in trial.raw, '"name": "***"' in trial.raw) == ("new", False, True)
    assert not Order.objects.exists()


def test_a_shop_inside_our_own_network_is_not_asked(boss, account):
    with serving(PlayedShop(order())) as server:
        ChannelAccount.objects.filter(pk=account.pk).update(base_url=server.url)
        page = post(boss, account, "fetch")

    assert server.received == []
    assert "The shop could not be asked." in page.content.decode()


def test_pages_are_for_those_who_may_and_for_their_shops_only(account):
    operator = client_of(person("olli", role="operator"))
    stranger = client_of(person("sam", role="integrator"))
    auditor = client_of(person("ada", role="auditor"))

    assert operator.get(address(account)).status_code == 403
    assert stranger.get(address(account)).status_code == 200
    assert post(auditor, account, "keep").status_code in (403, 404)
    assert not ConnectorVersion.objects.exists()


def test_the_accounts_form_does_not_write_a_connector_past_its_page(boss, account):
    url = reverse("admin:channels_sync_channelaccount_change", args=[account.pk])
    form = {
        "shop": account.shop_id,
        "adapter": "http",
        "base_url": "https://shop.test",
        "app_key": "app-1",
        "options": json.dumps({"connector": {"format": "x"}}),
        "message_group": "default",
        "is_active": "on",
    }
    page = boss.post(url, form)

    assert page.status_code == 200
    assert ChannelAccount.objects.get(pk=account.pk).options == {}


def test_a_version_that_the_program_no_longer_takes_is_not_put_to_work(account):
    version = write_version(account=account, text=json.dumps(document()), note="", at=timezone.now(), actor=SYSTEM)
    ConnectorVersion.objects.filter(pk=version.pk).update(document={"format": "ordercenter.connector/0"})

    with pytest.raises(ConnectorInvalid):
        activate_version(account_id=account.pk, number=1, reason="x", at=timezone.now(), actor=SYSTEM)
    assert ChannelAccount.objects.get(pk=account.pk).options == {}
