"""Roles are groups made from one page of code."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from ordercenter.console import roles
from ordercenter.console.pages import PLACES, Menu
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


def permissions_of(role: str) -> set[str]:
    return set(User.objects.get(pk=person(role=role).pk).get_all_permissions())


def test_making_the_roles_twice_changes_nothing() -> None:
    first = roles.ensure_roles()
    second = roles.ensure_roles()

    assert first == second
    assert set(first) == {"operator", "supervisor", "warehouse", "finance", "integrator", "auditor", "admin"}
    assert Group.objects.count() == 7


def test_a_permission_that_was_added_by_hand_is_taken_back() -> None:
    roles.ensure_roles()
    operators = Group.objects.get(name="operator")
    before = operators.permissions.count()
    operators.permissions.add(*Group.objects.get(name="admin").permissions.all())

    out = StringIO()
    call_command("ensure_roles", stdout=out)

    assert f"operator: {before}" in out.getvalue()
    assert operators.permissions.count() == before


def test_a_pattern_that_matches_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "ROLES", {"operator": ("orders.fly_order",)})

    with pytest.raises(LookupError, match="no permission matches orders.fly_order"):
        roles.ensure_roles()


def test_auditors_see_everything_and_change_nothing() -> None:
    granted = permissions_of("auditor")

    changing = {p for p in granted if not p.partition(".")[2].startswith(("view_", "all_"))}
    assert changing == set()
    assert {"audit.view_deed", "events.view_eventrow", "catalog.all_shops", "inventory.all_warehouses"} <= granted


def test_operators_work_on_cases_but_do_not_cancel_or_close() -> None:
    granted = permissions_of("operator")

    assert {"cases.work_case", "orders.release_order", "catalog.reveal_contact"} <= granted
    assert granted & {"orders.cancel_order", "finance.close_statement", "catalog.all_shops", "auth.view_user"} == set()


def test_warehouse_staff_see_no_orders_and_no_money() -> None:
    granted = permissions_of("warehouse")

    assert {p for p in granted if p.startswith(("orders.", "finance.", "cases."))} == set()
    assert "inventory.all_warehouses" not in granted


def test_administrators_may_do_everything_but_make_themselves_superusers() -> None:
    admin = person("root2", role="admin")
    other = person("other")
    data = {
        "username": "other",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "shop_access-TOTAL_FORMS": "0",
        "shop_access-INITIAL_FORMS": "0",
        "warehouse_access-TOTAL_FORMS": "0",
        "warehouse_access-INITIAL_FORMS": "0",
    }

    answer = client_of(admin).post(f"/admin/auth/user/{other.pk}/change/", data)

    assert answer.status_code == 302
    assert User.objects.get(pk=other.pk).is_superuser is False


def test_the_navigation_shows_each_role_its_places() -> None:
    def places(role: str) -> list[str]:
        return [place.name for place in client_of(person(role=role)).get("/console/").context["places"]]

    channels = ["channels", "listings", "live", "counters"]
    assert places("operator") == ["home", "cases", "orders", *channels, "contracts", "freight", "routing", "stock"]
    assert places("warehouse") == ["home", "waybills", "floor", "stock"]
    money = ["freight", "routing", "statements", "settlements"]
    finance = ["home", "cases", "orders", *channels[1:], "contracts", *money]
    assert places("finance") == finance
    assert len(PLACES) == 15


def test_places_of_one_room_are_a_menu_and_the_only_place_of_a_room_stands_in_the_bar_itself() -> None:
    def menus(role: str) -> list[Menu]:
        shown: list[Menu] = client_of(person(role=role)).get("/console/").context["menus"]
        return shown

    assert [(str(menu.label), [place.name for place in menu.places]) for menu in menus("finance")] == [
        ("Home", ["home"]),
        ("Cases", ["cases"]),
        ("Orders", ["orders"]),
        ("Channels", ["listings", "live", "counters"]),
        ("Delivery", ["contracts", "routing"]),
        ("Finance", ["freight", "statements", "settlements"]),
    ]
    assert all(menu.only is None for menu in menus("finance")[3:])
    (stock,) = [menu.only for menu in menus("auditor") if menu.only and menu.only.room]
    assert str(stock.label) == "Stock"
