"""Whoever works for one shop and one warehouse sees nothing of the other ones, on any page."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from ordercenter.cases.models import Case
from ordercenter.common.scope import NOTHING, Scope, scope_of
from ordercenter.console.middleware import scope_of_user
from ordercenter.orders.models import Order
from tests.ordercenter.console.people import MARK, Branch, client_of, make_branch, make_post_office_rows, person, see

pytestmark = pytest.mark.django_db

# Shared by all shops: goods, couriers, flows, and the people who run the system.
EVERYBODYS = {
    "catalog.channel",
    "catalog.sku",
    "catalog.bundlepart",
    "catalog.blacklistentry",
    "fulfillment.carrier",
    "workflow.flow",
    "workflow.flowversion",
    "auth.user",
    "auth.group",
}
# Rows by whose number alone one could tell what other shops do: for those who see all shops.
OF_ALL_SHOPS = {"inventory.reservation", "inventory.stockmovement"}


@pytest.fixture
def mine() -> Branch:
    return make_branch("OURS")


@pytest.fixture
def other() -> Branch:
    return make_branch(MARK)


@pytest.fixture
def reader(mine: Branch) -> User:
    """Every permission there is, but only one shop and one warehouse."""
    user = person("reader")
    scope_wide = ["all_shops", "all_warehouses"]
    user.user_permissions.set(Permission.objects.exclude(codename__in=scope_wide))
    see(user, mine)
    return User.objects.get(pk=user.pk)


@pytest.fixture
def browser(reader: User) -> Client:
    return client_of(reader)


def admin_url(model: type[Model] | Model, page: str, *args: object) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def registered() -> list[type[Model]]:
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.mark.parametrize("model", registered(), ids=lambda model: model._meta.label_lower)
def test_no_list_of_the_admin_shows_rows_of_another_shop(
    model: type[Model], browser: Client, mine: Branch, other: Branch
) -> None:
    make_post_office_rows(f"{MARK}:1")

    page = browser.get(admin_url(model, "changelist"))

    assert page.status_code == 200
    text = page.content.decode()
    assert MARK not in text.replace(f'value="{MARK}', "")
    if any(isinstance(row, model) for row in mine.rows) and model._meta.label_lower not in EVERYBODYS | OF_ALL_SHOPS:
        assert page.context["cl"].result_count == 1


def test_no_page_of_the_admin_opens_a_row_of_another_shop(browser: Client, mine: Branch, other: Branch) -> None:
    opened = []
    for row in other.rows:
        if row._meta.label_lower in EVERYBODYS:
            continue
        for page in ("change", "history", "delete"):
            answer = browser.get(admin_url(row, page, row.pk))
            if answer.status_code == 200 or MARK in answer.content.decode():
                opened.append((row._meta.label, page, answer.status_code))

    assert opened == []


def test_the_own_rows_open(browser: Client, mine: Branch) -> None:
    closed = []
    for row in mine.rows:
        if row._meta.label_lower in OF_ALL_SHOPS:
            continue
        answer = browser.get(admin_url(row, "change", row.pk))
        if answer.status_code != 200:
            closed.append((row._meta.label, answer.status_code))

    assert closed == []


def test_the_history_of_a_row_of_another_shop_is_not_shown(browser: Client, other: Branch) -> None:
    record = other.shop.history.get()

    answer = browser.get(reverse("admin:catalog_shop_simple_history", args=[other.shop.pk, record.pk]))

    assert answer.status_code == 404


def test_nobody_rewrites_history(mine: Branch) -> None:
    browser = client_of(person(superuser=True))
    record = mine.shop.history.get()

    answer = browser.post(reverse("admin:catalog_shop_simple_history", args=[mine.shop.pk, record.pk]), {"name": "x"})

    assert answer.status_code == 403
    assert type(mine.shop).objects.get(pk=mine.shop.pk).name == "OURS Shop"


def test_forms_and_filters_offer_only_the_own_shops_and_warehouses(
    browser: Client, mine: Branch, other: Branch
) -> None:
    for url in ("catalog_listingmatch_add", "channels_sync_channelaccount_add", "fulfillment_couriercontract_add"):
        assert MARK not in browser.get(reverse(f"admin:{url}")).content.decode()
    page = browser.get(reverse("admin:orders_order_changelist"), {"shop__id__exact": other.shop.pk})
    assert MARK not in page.content.decode()


def test_searching_finds_nothing_of_another_shop(browser: Client, mine: Branch, other: Branch) -> None:
    lists = browser.get(reverse("admin:orders_order_changelist"), {"q": other.order.channel_order_no})
    palette = browser.get(reverse("admin:search"), {"s": other.order.channel_order_no, "extended": "1"})
    own = browser.get(reverse("admin:search"), {"s": mine.order.channel_order_no, "extended": "1"})
    pages = [
        browser.get(reverse("console:orders"), {"q": text})
        for text in (other.order.channel_order_no, other.parcel.tracking_no)
    ]

    assert lists.context["cl"].result_count == 0
    assert "Shop" not in palette.content.decode()
    assert mine.order.channel_order_no in own.content.decode()
    assert [list(page.context["orders"]) for page in pages] == [[], []]


def test_no_page_of_the_console_shows_anything_of_another_shop(browser: Client, mine: Branch, other: Branch) -> None:
    for name in ("home", "cases", "orders", "statements"):
        page = browser.get(reverse(f"console:{name}"))
        assert page.status_code == 200
        assert MARK not in page.content.decode(), name
    for query in ({"case": other.case.pk}, {"grouped": "1"}, {"shop": other.shop.pk, "view": "late"}):
        assert MARK not in browser.get(reverse("console:cases"), query).content.decode()
    assert browser.get(reverse("console:order", args=[other.order.pk])).status_code == 404
    assert browser.get(reverse("console:order", args=[mine.order.pk])).status_code == 200
    assert browser.get(reverse("console:reveal", args=["contact", other.contact.pk])).status_code == 404
    home = browser.get(reverse("console:home")).context["figures"]
    assert (home.received, home.open_cases, home.post_office) == (1, 1, None)


def test_nothing_of_another_shop_can_be_changed(browser: Client, other: Branch) -> None:
    reason = {"reason": "because", "case": other.case.pk}
    for verb in ("claim", "resolve", "dismiss", "snooze", "give_back", "rerun"):
        browser.post(reverse("console:case-act", args=[verb]), reason)
    next_case = browser.post(reverse("console:case-next"))
    steps = browser.post(
        reverse("admin:orders_order_steps", args=[other.order.pk]), {"step": "cancel", "reason": "because"}
    )
    void = browser.post(
        reverse("admin:fulfillment_waybill_steps", args=[other.waybill.pk]), {"step": "void", "reason": "because"}
    )
    shown = browser.post(reverse("console:reveal", args=["contact", other.contact.pk]), {"reason": "because"})

    assert Case.objects.get(pk=other.case.pk).state == "open"
    assert Order.objects.get(pk=other.order.pk).state == "preprocessing"
    assert type(other.waybill).objects.get(pk=other.waybill.pk).state == "assigned"
    assert (next_case.status_code, steps.status_code, void.status_code, shown.status_code) == (302, 404, 404, 404)


def test_whoever_has_neither_shop_nor_warehouse_sees_nothing(mine: Branch) -> None:
    browser = client_of(person(role="operator"))

    orders = browser.get(reverse("admin:orders_order_changelist"))
    cases = browser.get(reverse("console:cases"))

    assert orders.context["cl"].result_count == 0
    assert cases.context["rows"] == []


def test_the_permissions_for_all_open_everything(mine: Branch, other: Branch) -> None:
    browser = client_of(person(role="auditor"))

    assert browser.get(reverse("admin:orders_order_changelist")).context["cl"].result_count == 2
    assert browser.get(reverse("admin:inventory_reservation_changelist")).context["cl"].result_count == 2


def test_a_scope_is_what_the_permissions_and_the_access_rows_say(mine: Branch) -> None:
    user = person(permissions=("inventory.all_warehouses",))
    see(user, mine)

    scope = scope_of_user(User.objects.get(pk=user.pk))

    assert scope == Scope(frozenset({mine.shop.pk}), None)
    assert (scope.has_shop(mine.shop.pk), scope.has_shop(None), scope.has_warehouse(7)) == (True, False, True)


def test_a_request_without_a_scope_sees_nothing(rf) -> None:  # type: ignore[no-untyped-def]
    assert scope_of(rf.get("/")) == NOTHING


def test_an_inactive_person_sees_nothing(mine: Branch) -> None:
    user = person(superuser=True)
    user.is_active = False

    assert scope_of_user(user) == Scope(frozenset(), frozenset())
