"""The page of one order, its timeline, and the list of orders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from fulfillment.models import Shipment
from ordercenter.cases.models import Case
from ordercenter.console import wording
from ordercenter.console.selectors.order_page import order_page
from ordercenter.console.selectors.timeline import START, Cursor, story_of_order
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from ordercenter.orders.search import search_orders
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.ordercenter.console.people import Branch, client_of, make_branch, make_order, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return client_of(person("li", superuser=True))


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, browser: Client) -> Order:
    """An order that waited for a person, was remarked on, released, shipped and reported."""
    answer_everything(monkeypatch)
    world = World()
    remark = {"has_buyer_message": True, "buyer_message": "加急,早点"}
    trade = world.trade(("SKU-1", 2, "110.00"), ("SET-1", 1, "89.90"), **remark)
    world.deliver(trade)
    settle_down()
    world.deliver({**trade, "seller_memo": "call first", "modified": "2099-01-01 00:00:00"})
    settle_down()
    case = Case.objects.get()
    browser.post(reverse("console:case-act", args=["resolve"]), {"case": case.pk, "reason": "read it"})
    settle_down()
    ship(Shipment.objects.get(), tracking_no="77880001")
    settle_down()
    return Order.objects.get()


def story(order: Order, **options: Any) -> Any:
    return story_of_order(order, list(Shipment.objects.values_list("pk", flat=True)), **options)


def test_the_page_shows_everything_around_the_order(browser: Client, shipped: Order) -> None:
    page = browser.get(reverse("console:order", args=[shipped.pk]))

    text = page.content.decode()
    for expected in (
        shipped.channel_order_no,
        "77880001",
        "华东仓",
        "中通快递",
        "¥199.90",
        "SET-1",
        "Tracking number reported",
    ):
        assert expected in text
    stages = [(stage.standing, stage.label) for stage in page.context["page"].stages]
    assert [standing for standing, _label in stages] == ["passed"] * 4 + ["here"] + ["ahead"] * 2
    assert str(stages[4][1]) == "Shipped"


def test_the_timeline_tells_all_sources_in_order_of_time(shipped: Order) -> None:
    entries = story(shipped).entries

    assert [entry.place for entry in entries] == sorted(entry.place for entry in entries)
    assert {entry.kind for entry in entries} == {"fact", "state", "record", "deed", "case", "command"}
    deed = next(entry for entry in entries if entry.kind == "deed")
    assert (deed.actor, deed.details[0][1]) == ("li", "read it")
    assert all(entry.since is None or entry.since.total_seconds() >= 0 for entry in entries)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_of_the_timeline_hold_each_line_once(shipped: Order, size: int) -> None:
    whole = [entry.place for entry in story(shipped).entries]

    paged: list[Cursor] = []
    after = START
    while True:
        page = story(shipped, after=after, limit=size)
        paged += [entry.place for entry in page.entries]
        if not page.next:
            break
        after = Cursor.parse(page.next) or START

    assert paged == whole


def test_one_kind_of_lines_can_be_chosen(browser: Client, shipped: Order) -> None:
    page = browser.get(reverse("console:order", args=[shipped.pk]), {"kind": "deed"})

    assert {entry.kind for entry in page.context["story"].entries} == {"deed"}


def test_the_next_page_of_the_timeline_comes_alone(browser: Client, shipped: Order) -> None:
    page = browser.get(reverse("console:order", args=[shipped.pk]), headers={"HX-Request": "true"})

    assert page.content.decode().strip().startswith("<li")


def test_a_cursor_survives_its_text_to_the_microsecond() -> None:
    cursor = Cursor(datetime(2026, 11, 22, 1, 2, 3, 123457, tzinfo=UTC), 3, 12345678901)

    assert Cursor.parse(str(cursor)) == cursor
    assert [Cursor.parse(text) for text in ("", "1-2", "a-b-c", "-1-2-3", "9" * 30 + "-1-1")] == [None] * 5


def test_a_waiting_order_says_what_it_waits_for(browser: Client) -> None:
    branch = make_branch("OURS")

    page = browser.get(reverse("console:order", args=[branch.order.pk]))

    assert "What it waits for" in page.content.decode()
    assert [hold.code for hold in page.context["page"].open_holds] == ["OUT_OF_STOCK"]
    assert [case.code for case in page.context["page"].open_cases] == ["OUT_OF_STOCK"]


def test_a_cancelled_order_has_one_stage(browser: Client) -> None:
    branch = make_branch("OURS")
    browser.post(reverse("admin:orders_order_steps", args=[branch.order.pk]), {"step": "cancel", "reason": "asked"})

    assert [stage.standing for stage in order_page(Order.objects.get()).stages] == ["here"]


def test_the_number_of_statements_does_not_grow_with_the_order(
    browser: Client, shipped: Order, django_assert_max_num_queries: Any
) -> None:
    url = reverse("console:order", args=[shipped.pk])
    browser.get(url)

    with django_assert_max_num_queries(26):
        browser.get(url)


def test_every_event_has_a_name_for_people() -> None:
    assert wording.unnamed_events() == []


def test_the_list_finds_orders_by_number_tracking_and_phone(browser: Client) -> None:
    branch = make_branch("OURS")
    make_order(branch.shop, "ELSE", phone="13900002222")

    def found(**query: str) -> list[str]:
        return [order.channel_order_no for order in browser.get(reverse("console:orders"), query).context["orders"]]

    number = branch.order.channel_order_no
    assert found(q=number[2:].lower()) == [number]
    assert found(q="s77001") == [number]
    assert found(q="13800001111") == [number]
    assert found(q="OUR") == []
    assert found(state="shipped") == []
    assert len(found(held="1")) == 2
    assert len(found(shop=str(branch.shop.pk))) == 2


def test_the_list_goes_on_from_where_it_ended(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordercenter.console.views.orders.LIST_ROWS", 2)
    branch: Branch = make_branch("OURS")
    numbers = [branch.order.channel_order_no] + [make_order(branch.shop, "OURS")[0].channel_order_no for _n in range(2)]

    first = browser.get(reverse("console:orders")).context
    second = browser.get(reverse("console:orders"), {"before": first["older"]}).context

    assert [order.channel_order_no for order in first["orders"]] == numbers[:0:-1]
    assert [order.channel_order_no for order in second["orders"]] == numbers[:1]
    assert second["older"] is None


def test_searching_by_parts_can_use_the_trigram_indexes() -> None:
    with connection.cursor() as cursor:
        # The tables are nearly empty: only what a large table would rule out is left to the planner.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        cursor.execute("SET LOCAL enable_indexonlyscan = off")
    plan = search_orders(Order.objects.all(), "77880001").explain()

    assert "order_no_trigram" in plan
    assert "tracking_no_trigram" in plan


def test_the_home_page_counts_what_came_in_and_what_needed_a_person(browser: Client) -> None:
    world = World()
    world.deliver(
        world.trade(("SKU-1", 1, "51.00")),
        world.trade(("SKU-2", 1, "52.00")),
        world.trade(("SKU-3", 1, "53.00")),
        world.trade(("SKU-4", 1, "54.00"), has_buyer_message=True, buyer_message="早点"),
    )
    Relay().drain()

    figures = browser.get(reverse("console:home")).context["figures"]

    assert (figures.received, figures.touched, figures.untouched_percent) == (4, 1, 75.0)
    assert [(row.code, row.total, row.overdue) for row in figures.cases] == [("REMARK_NEEDS_HUMAN", 1, 0)]
    assert (figures.post_office.outgoing_waiting, figures.post_office.parked) == (3, 0)
