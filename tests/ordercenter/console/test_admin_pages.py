"""The admin: a page for every table, in both languages, tuned lists, secrets that go in and never come out."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from channels_sync.models import ChannelAccount
from fulfillment.models import WmsAccount
from ordercenter.audit.models import Deed
from ordercenter.catalog.api_keys import find_key
from ordercenter.catalog.contacts import phone_hash
from ordercenter.catalog.models import ApiKey, BlacklistEntry, Shop
from ordercenter.common.admin_base import ScopedAdmin
from ordercenter.common.paging import CappedPaginator, estimated_rows
from ordercenter.common.secretfield import unseal
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order
from tests.ordercenter.console.people import (
    Branch,
    client_of,
    make_branch,
    make_case,
    make_order,
    make_post_office_rows,
    person,
    see,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return client_of(person("boss", superuser=True))


def our_models() -> list[type[Model]]:
    ours = ("ordercenter.", "channels_sync", "fulfillment", "finance")
    models = [
        model
        for model in apps.get_models()
        if model.__module__.startswith(ours) and not model.__name__.startswith("Historical")
    ]
    return sorted(models, key=lambda model: model._meta.label)


def address(model: type[Model] | Model, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label_lower)
def test_every_table_has_a_page_with_our_base(model: type[Model]) -> None:
    page = admin.site._registry.get(model)

    assert isinstance(page, ScopedAdmin)
    assert page.show_full_result_count is False
    assert page.paginator is CappedPaginator


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_list_and_every_empty_form_opens(language: str) -> None:
    browser = client_of(person(superuser=True), language=language)
    make_branch("OURS")
    make_post_office_rows("order:1")
    request = browser.get("/login/").wsgi_request

    for model, page in admin.site._registry.items():
        assert browser.get(address(model, "changelist")).status_code == 200, model
        adding = browser.get(address(model, "add")).status_code
        assert adding in (200, 403), model
        assert (adding == 200) == page.has_add_permission(request), model


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_row_opens(language: str) -> None:
    browser = client_of(person(superuser=True), language=language)

    for row in [*make_branch("OURS").rows, *make_post_office_rows("order:1")]:
        assert browser.get(address(row, "change", row.pk)).status_code == 200, row._meta.label


def test_the_index_and_the_sidebar_open(browser: Client) -> None:
    page = browser.get("/admin/")

    titles = [str(group["title"]) for group in page.context["sidebar_navigation"]]
    assert titles == [
        "Work",
        "Orders",
        "Rules",
        "Fulfilment",
        "Couriers",
        "Routing",
        "Stock",
        "Money",
        "Catalogue",
        "Flows",
        "Integration",
        "Audit",
        "People",
    ]


def test_the_sidebar_shows_each_reader_what_he_may_open() -> None:
    page = client_of(person(role="warehouse")).get("/admin/")

    titles = [str(group["title"]) for group in page.context["sidebar_navigation"]]
    assert titles == ["Work", "Fulfilment", "Routing", "Stock", "Catalogue"]


@pytest.mark.parametrize(
    ("model", "most"),
    [("orders_order", 12), ("cases_case", 12), ("fulfillment_shipment", 14), ("finance_paymententry", 12)],
)
def test_lists_take_a_constant_number_of_statements(
    browser: Client, model: str, most: int, django_assert_max_num_queries: Any
) -> None:
    branch = make_branch("OURS")
    url = reverse(f"admin:{model}_changelist")
    browser.get(url)
    for n in range(20):
        order = make_order(branch.shop, "OURS")[0]
        make_case(order)
        if n < 5:
            make_branch(f"M{n}")

    with django_assert_max_num_queries(most):
        browser.get(url)


def test_large_tables_are_not_counted_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordercenter.common.paging.COUNTED_ROWS", 3)
    shop = make_branch("OURS").shop
    for _n in range(9):
        make_order(shop, "OURS")

    filtered = CappedPaginator(Order.objects.filter(shop=shop).order_by("pk"), 2)
    whole = CappedPaginator(Order.objects.order_by("pk"), 2)

    assert filtered.count == 3
    assert whole.count == max(3, estimated_rows("orders_order"))
    assert CappedPaginator([1, 2, 3, 4], 2).count == 4


@pytest.mark.parametrize(
    ("model", "text", "count"),
    [
        ("fulfillment_shipment", "ours-do1", 1),
        ("fulfillment_shipment", "s7700", 1),
        ("fulfillment_shipment", "DO1", 0),
        ("fulfillment_parcel", "OURS-DO1", 1),
        ("orders_orderline", "ours00", 1),
        ("orders_orderline", "s1", 1),
        ("inventory_reservation", "not-a-number", 0),
        ("inventory_reservation", "9" * 40, 0),
        ("audit_statechange", "order:1", 1),
        ("audit_statechange", "order", 0),
        ("audit_statechange", "order:x", 0),
        ("events_eventrow", "order:1", 1),
        ("events_eventrow", "not-a-uuid", 0),
    ],
)
def test_lists_find_whole_numbers_and_parts(browser: Client, model: str, text: str, count: int) -> None:
    make_branch("OURS")
    make_post_office_rows("order:1")

    page = browser.get(reverse(f"admin:{model}_changelist"), {"q": text})

    assert page.context["cl"].result_count == count


def test_secrets_are_written_and_never_shown(browser: Client) -> None:
    branch = make_branch("OURS")
    account = ChannelAccount.objects.get()
    url = address(account, "change", account.pk)
    data = {
        "shop": branch.shop.pk,
        "adapter": "tmall",
        "base_url": "http://127.0.0.1:9/",
        "app_key": "k2",
        "message_group": "default",
        "is_active": "on",
    }

    browser.post(url, data)
    kept = ChannelAccount.objects.get()
    refused = browser.post(url, {**data, "new_secret": "[1]"})
    lacking = browser.post(url, {**data, "new_secret": '{"session": "s"}'})
    unknown = browser.post(url, {**data, "options": '{"shape": "new"}'})
    browser.post(url, {**data, "new_secret": '{"secret": "very-new", "session": "s"}'})

    assert (kept.app_key, unseal(kept.secrets)) == ("k2", {"s": "t"})
    assert "A JSON object belongs here." in refused.content.decode()
    assert "The platform needs these too: secret." in lacking.content.decode()
    assert "The platform has no option shape." in unknown.content.decode()
    assert unseal(ChannelAccount.objects.get().secrets) == {"secret": "very-new", "session": "s"}
    assert "very-new" not in browser.get(url).content.decode()
    assert "secrets" not in {f.name for f in ChannelAccount.history.model._meta.get_fields()}


def test_a_new_account_needs_its_secret(browser: Client) -> None:
    warehouse = Warehouse.objects.create(code="w9", name="W9")
    data = {"warehouse": warehouse.pk, "base_url": "http://127.0.0.1:9/", "app_key": "k", "is_active": "on"}
    data |= {"answers_within_min": "30", "ships_within_min": "600"}

    without = browser.post(reverse("admin:fulfillment_wmsaccount_add"), data)
    browser.post(reverse("admin:fulfillment_wmsaccount_add"), {**data, "new_secret": "wms-secret"})

    assert "A new row needs its secret." in without.content.decode()
    assert unseal(WmsAccount.objects.get().secret) == "wms-secret"


def test_the_blacklist_keeps_hashes_only(browser: Client) -> None:
    url = reverse("admin:catalog_blacklistentry_add")

    browser.post(url, {"kind": "phone", "value": "138 0000 1111", "reason": "returns everything"})
    twice = browser.post(url, {"kind": "phone", "value": "13800001111"})
    empty = browser.post(url, {"kind": "phone", "value": "none"})

    entry = BlacklistEntry.objects.get()
    assert (entry.kind, entry.value_hash) == ("phone", phone_hash("13800001111"))
    assert "This is on the blacklist already." in twice.content.decode()
    assert "A value is needed; a phone number has digits." in empty.content.decode()


def test_the_history_says_changes_by_their_labels(browser: Client) -> None:
    branch = make_branch("OURS")
    browser.post(address(branch.waybill, "steps", branch.waybill.pk), {"step": "void", "reason": "printed twice"})

    text = browser.get(address(branch.waybill, "history", branch.waybill.pk)).content.decode()

    assert "Number assigned" in text
    assert "Void" in text
    assert "printed twice" in text


def test_rows_that_services_write_cannot_be_edited(browser: Client) -> None:
    branch = make_branch("OURS")

    answers = [
        browser.post(address(row, "change", row.pk), {"state": "shipped"}).status_code
        for row in (branch.order, branch.case, branch.shipment, branch.contact)
    ]

    assert answers == [403] * 4
    assert Order.objects.get().state == "preprocessing"


def test_shops_are_not_deleted(browser: Client) -> None:
    branch = make_branch("OURS")

    assert browser.post(address(branch.shop, "delete", branch.shop.pk), {"post": "yes"}).status_code == 403
    assert Shop.objects.count() == 1


def new_key(branch: Branch, **changes: Any) -> dict[str, Any]:
    return {"name": "erp", "shops": [branch.shop.pk], "scopes": ["orders:read"], **changes}


def test_an_api_key_is_made_and_its_secret_shown_once(browser: Client) -> None:
    branch = make_branch("OURS")
    url = reverse("admin:catalog_apikey_add")

    made = browser.post(url, new_key(branch, warehouses=[branch.warehouse.pk]))

    key = ApiKey.objects.get()
    token = made.context["token"]
    assert token in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    assert find_key(token, at=key.created_at).shops == {"orders:read": frozenset({branch.shop.pk})}
    assert [row.warehouse for row in key.warehouse_rows.all()] == [branch.warehouse]
    later = browser.get(address(key, "change", key.pk)).content.decode()
    assert token not in later
    assert {deed.action for deed in Deed.objects.all()} == {"api_key.create", "api_key.grant_stock"}


def test_an_api_key_without_shop_or_scope_is_refused(browser: Client) -> None:
    branch = make_branch("OURS")
    url = reverse("admin:catalog_apikey_add")

    nothing = browser.post(url, {"name": "erp"})
    half = browser.post(url, new_key(branch, scopes=[]))

    assert "Choose at least one shop or one warehouse." in nothing.content.decode()
    assert "Shops and scopes belong together" in half.content.decode()
    assert not ApiKey.objects.exists()


def test_an_api_key_is_revoked_by_a_step_with_a_reason(browser: Client) -> None:
    branch = make_branch("OURS")
    browser.post(reverse("admin:catalog_apikey_add"), new_key(branch))
    key = ApiKey.objects.get()

    browser.post(address(key, "steps", key.pk), {"step": "revoke", "reason": "laptop lost"})

    assert ApiKey.objects.get().revoked_at is not None
    assert Deed.objects.get(action="api_key.revoke").reason == "laptop lost"


def test_a_person_gets_shops_on_his_own_page(browser: Client) -> None:
    branch = make_branch("OURS")
    user = person("li", role="operator")
    data = {
        "username": "li",
        "is_active": "on",
        "is_staff": "on",
        "shop_access-TOTAL_FORMS": "1",
        "shop_access-INITIAL_FORMS": "0",
        "shop_access-0-shop": branch.shop.pk,
        "warehouse_access-TOTAL_FORMS": "0",
        "warehouse_access-INITIAL_FORMS": "0",
    }

    browser.post(address(user, "change", user.pk), data)

    access = user.shop_access.get()
    assert access.shop == branch.shop
    assert access.history.get().history_user.username == "boss"


def test_a_list_filter_offers_the_reader_s_own_shops() -> None:
    ours, more = make_branch("OURS"), make_branch("MORE")
    make_branch("ZQX")
    user = person(role="operator")
    see(user, ours)
    see(user, more)

    text = client_of(user).get(reverse("admin:orders_order_changelist")).content.decode()

    assert ("OURS Shop" in text, "MORE Shop" in text, "ZQX Shop" in text) == (True, True, False)
