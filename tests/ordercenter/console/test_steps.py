"""Steps by hand: one page, a reason, one history row, one deed."""

from __future__ import annotations

import pytest
from django.urls import reverse

from fulfillment.models import Waybill
from ordercenter.audit.models import Deed, StateChange
from ordercenter.audit.steps import Step, offer_steps, steps_of, take_step
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.common.fsm import TransitionRefused
from ordercenter.orders.models import Hold, Order
from tests.ordercenter.console.people import Branch, client_of, make_branch, person, see

pytestmark = pytest.mark.django_db


@pytest.fixture
def branch() -> Branch:
    return make_branch("OURS")


def steps_url(branch: Branch) -> str:
    return reverse("admin:fulfillment_waybill_steps", args=[branch.waybill.pk])


def reread(waybill: Waybill) -> Waybill:
    return Waybill.objects.get(pk=waybill.pk)


def test_a_step_writes_one_history_row_and_one_deed_with_the_reason(branch: Branch) -> None:
    boss = person("li", superuser=True)
    before = branch.waybill.history.count()

    answer = client_of(boss).post(steps_url(branch), {"step": "void", "reason": " printed twice "})

    assert answer.status_code == 302
    assert reread(branch.waybill).state == "void"
    history = branch.waybill.history.all()
    assert history.count() == before + 1
    assert (history[0].history_change_reason, history[0].history_user, history[0].state) == (
        "printed twice",
        boss,
        "void",
    )
    deed = Deed.objects.get()
    assert (deed.action, deed.subject, deed.reason) == ("waybill.void", f"waybill:{branch.waybill.pk}", "printed twice")
    assert (deed.user, deed.actor, deed.details) == (boss, "person:li", {"from": "assigned", "to": "void"})
    move = StateChange.objects.get()
    assert (move.machine, move.src, move.dst, move.actor) == ("waybill", "assigned", "void", "person:li")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_a_step_without_a_proper_reason_changes_nothing(branch: Branch, reason: str) -> None:
    answer = client_of(person(superuser=True)).post(steps_url(branch), {"step": "void", "reason": reason})

    assert answer.status_code == 200
    assert reread(branch.waybill).state == "assigned"
    assert not Deed.objects.exists()


def test_a_step_needs_its_permission(branch: Branch) -> None:
    viewer = person(permissions=("fulfillment.view_waybill",))
    see(viewer, branch)

    page = client_of(viewer).get(steps_url(branch))
    answer = client_of(viewer).post(steps_url(branch), {"step": "void", "reason": "because"})

    assert page.context["steps"] == []
    assert answer.status_code == 403
    assert reread(branch.waybill).state == "assigned"


def test_a_step_that_nobody_offers_is_not_found(branch: Branch) -> None:
    # `assign` is a transition of a waybill, but not one to be made by hand.
    answer = client_of(person(superuser=True)).post(steps_url(branch), {"step": "assign", "reason": "because"})

    assert answer.status_code == 404


def test_the_page_shows_only_what_is_possible_now(branch: Branch) -> None:
    boss = client_of(person(superuser=True))

    assert [step.name for step in boss.get(steps_url(branch)).context["steps"]] == ["void"]
    boss.post(steps_url(branch), {"step": "void", "reason": "because"})
    assert boss.get(steps_url(branch)).context["steps"] == []


def test_a_step_that_came_too_late_is_refused_in_words_and_writes_nothing(branch: Branch) -> None:
    boss = client_of(person(superuser=True))
    boss.post(steps_url(branch), {"step": "void", "reason": "first"})

    answer = boss.post(steps_url(branch), {"step": "void", "reason": "second"}, follow=True)

    assert "This step is not possible in the present state." in answer.content.decode()
    assert Deed.objects.count() == 1


def test_the_row_is_judged_as_it_is_now_not_as_the_page_knew_it(branch: Branch) -> None:
    stale = reread(branch.waybill)
    step = next(step for step in steps_of(Waybill) if step.name == "void")
    user = person(superuser=True)
    actor = Actor("person", user.username, user.pk)
    take_step(step, reread(branch.waybill), reason="first", actor=actor, user=user)

    with pytest.raises(TransitionRefused):
        take_step(step, stale, reason="second", actor=actor, user=user)


def test_a_step_of_a_row_that_is_gone_is_refused(branch: Branch) -> None:
    step = next(step for step in steps_of(Waybill) if step.name == "void")
    user = person(superuser=True)
    gone = reread(branch.waybill)
    Waybill.objects.filter(pk=gone.pk).delete()

    with pytest.raises(TransitionRefused):
        take_step(step, gone, reason="because", actor=Actor("person", "x", user.pk), user=user)


def test_the_change_page_offers_the_steps(branch: Branch) -> None:
    page = client_of(person(superuser=True)).get(reverse("admin:orders_order_change", args=[branch.order.pk]))

    assert [step.name for step in page.context["steps"]] == ["release", "cancel"]
    assert f"{reverse('admin:orders_order_steps', args=[branch.order.pk])}?step=cancel" in page.content.decode()


def test_cancelling_goes_through_the_service(branch: Branch) -> None:
    url = reverse("admin:orders_order_steps", args=[branch.order.pk])
    next_page = reverse("console:order", args=[branch.order.pk])

    answer = client_of(person(superuser=True)).post(url, {"step": "cancel", "reason": "buyer asked", "next": next_page})

    assert answer["Location"] == next_page
    order = Order.objects.get()
    assert (order.state, order.cancel_reason) == ("cancelled", "buyer asked")
    assert Case.objects.get().state == "auto_resolved"
    assert "order.cancel" in Deed.objects.values_list("action", flat=True)


def test_releasing_goes_through_the_service(branch: Branch) -> None:
    url = reverse("admin:orders_order_steps", args=[branch.order.pk])

    client_of(person("li", superuser=True)).post(url, {"step": "release", "reason": "stock is there"})

    hold = Hold.objects.get()
    assert (hold.release_reason, hold.released_by.username) == ("stock is there", "li")
    assert Order.objects.get().is_on_hold is False
    assert "order.release" in Deed.objects.values_list("action", flat=True)


def test_the_reader_is_never_sent_to_another_site(branch: Branch) -> None:
    answer = client_of(person(superuser=True)).post(
        steps_url(branch), {"step": "void", "reason": "because", "next": "https://elsewhere.example/"}
    )

    assert answer["Location"] == reverse("admin:fulfillment_waybill_change", args=[branch.waybill.pk])


def test_a_model_has_each_step_once() -> None:
    with pytest.raises(ValueError, match="has a step void already"):
        offer_steps(Step(Waybill, "void", "again", "fulfillment.change_waybill"))
