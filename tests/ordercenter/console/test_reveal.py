"""Personal data: masked everywhere, in clear once on request, and every look is recorded."""

from __future__ import annotations

import pytest
from django.urls import reverse

from ordercenter.audit.models import Deed
from ordercenter.events.models import InboxMessage, OutgoingCommand
from tests.ordercenter.console.people import Branch, client_of, make_branch, make_post_office_rows, person, see

pytestmark = pytest.mark.django_db
NAME, PHONE = "OURS王小明", "13800001111"


@pytest.fixture
def branch() -> Branch:
    return make_branch("OURS")


def reveal_url(branch: Branch) -> str:
    return reverse("console:reveal", args=["contact", branch.contact.pk])


def test_a_contact_is_shown_in_clear_once_and_the_look_is_recorded(branch: Branch) -> None:
    operator = person("li", role="operator")
    see(operator, branch)
    browser = client_of(operator)

    asked = browser.get(reveal_url(branch))
    shown = browser.post(reveal_url(branch), {"reason": "call the buyer"})

    assert NAME not in asked.content.decode()
    assert not asked.context["form"].errors
    text = shown.content.decode()
    assert NAME in text
    assert PHONE in text
    assert "no-store" in shown["Cache-Control"]
    deed = Deed.objects.get()
    assert (deed.action, deed.subject, deed.reason) == (
        "contact.reveal",
        f"contact:{branch.contact.pk}",
        "call the buyer",
    )
    assert deed.user == operator


def test_without_a_reason_nothing_is_shown(branch: Branch) -> None:
    answer = client_of(person(superuser=True)).post(reveal_url(branch), {"reason": "  "})

    assert answer.context["shown"] is None
    assert NAME not in answer.content.decode()
    assert not Deed.objects.exists()


def test_without_the_permission_nothing_is_shown(branch: Branch) -> None:
    auditor = client_of(person(role="auditor"))

    assert auditor.get(reveal_url(branch)).status_code == 403
    assert auditor.post(reveal_url(branch), {"reason": "curious"}).status_code == 403


def test_no_page_of_an_order_or_contact_shows_personal_data(branch: Branch) -> None:
    boss = client_of(person(superuser=True))
    pages = [
        reverse("console:order", args=[branch.order.pk]),
        reverse("admin:orders_order_change", args=[branch.order.pk]),
        reverse("admin:orders_order_history", args=[branch.order.pk]),
        reverse("admin:orders_order_changelist"),
        reverse("admin:catalog_contact_changelist"),
        reverse("admin:catalog_contact_change", args=[branch.contact.pk]),
        reverse("admin:fulfillment_shipment_change", args=[branch.shipment.pk]),
    ]

    for url in pages:
        text = boss.get(url).content.decode()
        assert NAME not in text, url
        assert PHONE not in text, url


def test_a_contact_is_found_by_its_whole_phone_number_only(branch: Branch) -> None:
    boss = client_of(person(superuser=True))

    def found(model: str, text: str) -> int:
        return boss.get(reverse(f"admin:{model}_changelist"), {"q": text}).context["cl"].result_count

    assert [found("catalog_contact", t) for t in (PHONE, "+86 138-0000-1111", "1380000", "王")] == [1, 1, 0, 0]
    assert [found("orders_order", t) for t in (PHONE, "138 0000 1111", "13800009999")] == [1, 1, 0]


def test_raw_messages_and_commands_are_shown_only_like_contacts(branch: Branch) -> None:
    make_post_office_rows("order:1")
    message, command = InboxMessage.objects.get(), OutgoingCommand.objects.get()
    boss = client_of(person(superuser=True))

    closed = [
        boss.get(reverse("admin:events_inboxmessage_change", args=[message.pk])).content.decode(),
        boss.get(reverse("admin:events_outgoingcommand_change", args=[command.pk])).content.decode(),
    ]
    body = boss.post(reverse("console:reveal", args=["inboxmessage", message.pk]), {"reason": "unreadable"})
    payload = boss.post(reverse("console:reveal", args=["outgoingcommand", command.pk]), {"reason": "given up"})

    assert not any("王小明" in text or "shipment_id" in text for text in closed)
    assert "王小明" in body.content.decode()
    assert "shipment_id" in payload.content.decode()
    assert set(Deed.objects.exclude(action="order.cancel").values_list("action", "reason")) == {
        ("inboxmessage.reveal", "unreadable"),
        ("outgoingcommand.reveal", "given up"),
    }


def test_what_does_not_exist_cannot_be_revealed() -> None:
    boss = client_of(person(superuser=True))

    assert boss.get(reverse("console:reveal", args=["contact", 999])).status_code == 404
    assert boss.get(reverse("console:reveal", args=["passport", 1])).status_code == 404
