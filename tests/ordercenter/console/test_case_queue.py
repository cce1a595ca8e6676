"""The case queue: who sees what in which order, and what its verbs do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ordercenter.audit.models import Deed
from ordercenter.cases.codes import CODES
from ordercenter.cases.models import Case, CaseGroup
from ordercenter.catalog.models import Shop
from ordercenter.console.case_words import WORDS
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from ordercenter.workflow.models import FlowRun
from tests.flows.world import World
from tests.ordercenter.console.people import Branch, client_of, make_branch, make_case, make_order, person, see

pytestmark = pytest.mark.django_db
URL = "/console/cases/"


@pytest.fixture
def branch() -> Branch:
    return make_branch("OURS")


@pytest.fixture
def operator(branch: Branch) -> Client:
    user = person("li", role="operator")
    see(user, branch)
    return client_of(user)


def case_of(shop: Shop, **changes: Any) -> Case:
    return make_case(make_order(shop, "OURS")[0], **changes)


def act(browser: Client, verb: str, *cases: Case, **data: str) -> None:
    answer = browser.post(reverse("console:case-act", args=[verb]), {"case": [c.pk for c in cases], **data})
    assert answer.status_code == 302


def again(case: Case) -> Case:
    return Case.objects.get(pk=case.pk)


def listed(browser: Client, **query: Any) -> list[int]:
    return [case.pk for case in browser.get(URL, query).context["rows"]]


def test_most_urgent_first_blocking_before_warnings(operator: Client, branch: Branch) -> None:
    now = timezone.now()
    late = case_of(branch.shop, due_at=now - timedelta(hours=1))
    soon = case_of(branch.shop, due_at=now + timedelta(minutes=5))
    warning = case_of(branch.shop, level="warning", due_at=now - timedelta(hours=9))

    assert listed(operator) == [late.pk, soon.pk, branch.case.pk, warning.pk]


def test_views_and_filters_narrow_the_list(operator: Client, branch: Branch) -> None:
    now = timezone.now()
    other = person()
    late = case_of(branch.shop, due_at=now - timedelta(hours=1), code="WMS_REJECTED")
    theirs = case_of(branch.shop, state="claimed", owner=other, lease_until=now + timedelta(minutes=5))
    left = case_of(branch.shop, state="claimed", owner=other, lease_until=now - timedelta(minutes=5))
    aside = case_of(branch.shop, state="snoozed", snoozed_until=now + timedelta(hours=1))
    closed = case_of(branch.shop, state="resolved")

    assert set(listed(operator)) == {branch.case.pk, late.pk, left.pk}
    assert set(listed(operator, view="late")) == {late.pk}
    assert set(listed(operator, view="aside")) == {aside.pk}
    assert set(listed(operator, code="WMS_REJECTED")) == {late.pk}
    assert set(listed(operator, q=late.reference.lower())) == {late.pk}
    assert set(listed(operator, level="warning")) == set()
    assert theirs.pk not in listed(operator, view="free")
    assert closed.pk not in listed(operator, view="")
    assert dict(operator.get(URL).context["counts"]) == {"todo": 3, "mine": 0, "free": 3, "late": 1, "aside": 1}


def test_pages_of_the_queue_hold_each_case_once(
    operator: Client, branch: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordercenter.console.selectors.case_queue.PAGE_ROWS", 3)
    due = timezone.now() + timedelta(hours=1)
    cases = [case_of(branch.shop, due_at=due) for _n in range(7)]

    seen, after = [], ""
    while True:
        context = operator.get(URL, {"after": after} if after else {}).context
        seen += [case.pk for case in context["rows"]]
        after = context["after"]
        if not after:
            break

    assert seen == [case.pk for case in cases] + [branch.case.pk]


def test_claim_next_takes_the_most_urgent_and_opens_it(operator: Client, branch: Branch) -> None:
    urgent = case_of(branch.shop, due_at=timezone.now())

    answer = operator.post(reverse("console:case-next"))

    claimed = again(urgent)
    assert (claimed.state, claimed.owner.username) == ("claimed", "li")
    assert timedelta(minutes=14) < claimed.lease_until - timezone.now() <= timedelta(minutes=15)
    assert answer["Location"] == f"{URL}?view=mine&case={urgent.pk}"
    operator.post(reverse("console:case-next"))
    assert again(branch.case).state == "claimed"
    nothing_left = operator.post(reverse("console:case-next"))
    assert nothing_left["Location"] == URL


def test_claim_next_keeps_to_the_chosen_filter(operator: Client, branch: Branch) -> None:
    wanted = case_of(branch.shop, code="BLACKLIST", due_at=timezone.now() + timedelta(days=1))

    operator.post(reverse("console:case-next"), {"code": "BLACKLIST"})

    assert (again(wanted).state, again(branch.case).state) == ("claimed", "open")


def test_a_claimed_case_is_not_taken_away_but_a_supervisor_may_take_over(operator: Client, branch: Branch) -> None:
    act(operator, "claim", branch.case)
    colleague, boss = person("wang", role="operator"), person("zhao", role="supervisor")
    see(colleague, branch)
    see(boss, branch)

    act(client_of(colleague), "claim", branch.case, steal="yes")
    kept = again(branch.case).owner.username
    act(client_of(boss), "claim", branch.case, steal="yes")

    assert kept == "li"
    assert again(branch.case).owner.username == "zhao"


def test_giving_back_frees_the_case(operator: Client, branch: Branch) -> None:
    act(operator, "claim", branch.case)

    act(operator, "give_back", branch.case)

    assert (again(branch.case).state, again(branch.case).owner) == ("open", None)


def test_resolving_takes_a_reason_and_keeps_it(operator: Client, branch: Branch) -> None:
    act(operator, "resolve", branch.case, reason=" ")
    untouched = again(branch.case).state
    act(operator, "resolve", branch.case, reason="transferred stock")

    assert untouched == "open"
    case = again(branch.case)
    assert (case.state, case.resolution) == ("resolved", "transferred stock")
    deed = Deed.objects.get()
    assert (deed.action, deed.reason, deed.subject) == ("case.resolve", "transferred stock", case.subject)
    assert case.history.first().history_change_reason == "transferred stock"


def test_several_cases_are_dismissed_at_once(operator: Client, branch: Branch) -> None:
    second = case_of(branch.shop)

    act(operator, "dismiss", branch.case, second, reason="nothing wrong")

    assert [again(case).state for case in (branch.case, second)] == ["dismissed", "dismissed"]


def test_snoozing_puts_a_case_aside_until_the_chosen_time(operator: Client, branch: Branch) -> None:
    act(operator, "snooze", branch.case, reason="stock comes tomorrow", until="1d")

    case = again(branch.case)
    assert case.state == "snoozed"
    assert timedelta(hours=23) < case.snoozed_until - timezone.now() <= timedelta(days=1)
    assert listed(operator) == []


def test_whoever_may_only_look_can_do_nothing(branch: Branch) -> None:
    auditor = client_of(person(role="auditor"))

    assert auditor.post(reverse("console:case-act", args=["resolve"]), {"case": branch.case.pk}).status_code == 403
    assert auditor.post(reverse("console:case-next")).status_code == 403
    assert again(branch.case).state == "open"


def test_verbs_are_posted_and_known(operator: Client, branch: Branch) -> None:
    assert operator.get(reverse("console:case-act", args=["resolve"])).status_code == 405
    assert operator.post(reverse("console:case-act", args=["explode"]), {"case": branch.case.pk}).status_code == 404


def test_the_panel_says_in_words_what_happened(operator: Client, branch: Branch) -> None:
    page = operator.get(URL, {"case": branch.case.pk})

    text = page.content.decode()
    assert "No warehouse has all the goods of this order." in text
    assert page.context["evidence"] == [("missing", "phone")]
    assert reverse("console:order", args=[branch.order.pk]) in text


def test_htmx_gets_the_panel_alone(operator: Client, branch: Branch) -> None:
    page = operator.get(URL, {"case": branch.case.pk}, headers={"HX-Request": "true", "HX-Target": "panel"})

    assert page.content.decode().strip().startswith("<article")


@pytest.mark.parametrize(
    "query", ["case=x", "case=99999999999999999999", "after=x|y|z", "after=a", "shop=%F0", "view=?"]
)
def test_nonsense_in_the_address_is_ignored(operator: Client, query: str) -> None:
    assert operator.get(f"{URL}?{query}").status_code == 200


def test_every_code_of_the_catalogue_has_its_words() -> None:
    assert set(CODES) - set(WORDS) == set()


def test_cases_with_one_cause_are_one_decision(operator: Client, branch: Branch) -> None:
    group = CaseGroup.objects.create(root_cause="OUT_OF_STOCK:S1", code="OUT_OF_STOCK", title="S1")
    cases = [case_of(branch.shop, group=group) for _n in range(3)]

    roots = operator.get(URL, {"grouped": "1"}).context["roots"]
    root = next(root for root in roots if root.title == "S1")
    act(operator, "resolve", *cases, reason="stock found")

    assert (root.total, root.case_ids) == (3, [case.pk for case in cases])
    assert {again(case).state for case in cases} == {"resolved"}


def test_resolving_lets_the_order_go_on() -> None:
    world = World()
    world.deliver(world.trade(("SKU-1", 1, "51.00"), has_buyer_message=True, buyer_message="请包装好"))
    Relay().drain()
    case = Case.objects.get()
    stopped = Order.objects.get().state

    act(client_of(person(superuser=True)), "resolve", case, reason="packed well")
    Relay().drain()

    order = Order.objects.get()
    assert (stopped, order.state, order.is_on_hold) == ("preprocessing", "in_fulfillment", False)


def test_the_failed_step_runs_again_after_its_cause_is_mended() -> None:
    world = World()
    world.deliver(world.trade(("NOT-OURS", 1, "51.00")))
    Relay().drain()
    case = Case.objects.get()
    boss = client_of(person(superuser=True))
    data = {"shop": world.shop.pk, "listing_id": "680000000001", "listing_sku_id": "510", "sku": world.skus[1].pk}
    boss.post(reverse("admin:catalog_listingmatch_add"), data)

    act(boss, "rerun", case)
    Relay().drain()

    assert (case.code, again(case).state) == ("SKU_UNMAPPED", "auto_resolved")
    assert not FlowRun.objects.filter(status="stopped").exists()
    assert Order.objects.get().state == "in_fulfillment"


def test_the_number_of_statements_does_not_grow_with_the_queue(
    operator: Client, branch: Branch, django_assert_max_num_queries: Any
) -> None:
    operator.get(URL)
    for _n in range(30):
        case_of(branch.shop, state="claimed", owner=person(), lease_until=timezone.now())

    with django_assert_max_num_queries(14):
        operator.get(URL, {"case": branch.case.pk})
