"""Health of channels: who sees which, what is red and why, raw messages read again, spans fetched again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels_sync.models import ChannelAccount, PullRun
from channels_sync.services import run_asked
from ordercenter.audit.models import Deed
from ordercenter.catalog.models import ShopAccess
from ordercenter.events.inbox import Incoming, receive
from ordercenter.events.models import InboxMessage
from tests.channels_sync.played_platform import PlayedPlatform
from tests.ordercenter.console.people import Branch, client_of, make_branch, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Branch:
    return make_branch("OURS")


@pytest.fixture
def account(ours: Branch) -> ChannelAccount:
    return ChannelAccount.objects.get(shop=ours.shop)


@pytest.fixture
def integrator(ours: Branch) -> Client:
    return worker(ours, "integrator")


def worker(branch: Branch, role: str) -> Client:
    user = person(f"one-{role}", role=role)
    ShopAccess.objects.create(user=user, shop=branch.shop)
    return client_of(user)


def came(account: ChannelAccount, number: str, *, lag_s: float = 1, status: str = "done", error: str = "") -> int:
    source, now = f"account:{account.pk}", timezone.now()
    receive([Incoming(source, "tmall.trade", number, f"{source}:{number}", b"{}", {})])
    message = InboxMessage.objects.get(message_id=number)
    message.received_at, message.platform_at = now, now - timedelta(seconds=lag_s)
    message.status, message.error = status, error
    message.save()
    return message.pk


def opened(client: Client, name: str, *args: int, language: str = "en") -> str:
    answer = client.get(reverse(f"console:{name}", args=args), headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_reader_sees_the_channels_of_their_shops_only(ours: Branch) -> None:
    theirs = make_branch("THEIRS")
    client = worker(ours, "operator")

    shown = opened(client, "channels")

    assert "OURS Shop" in shown
    assert "THEIRS Shop" not in shown
    other = ChannelAccount.objects.get(shop=theirs.shop).pk
    assert client.get(reverse("console:channel", args=[other])).status_code == 404
    assert client.post(reverse("console:channel-replay", args=[other])).status_code == 403
    assert worker(ours, "warehouse").get(reverse("console:channels")).status_code == 403


def test_lag_and_what_was_set_aside_are_shown_with_the_orders_they_touch(
    account: ChannelAccount, integrator: Client
) -> None:
    for n in range(9):
        came(account, f"quick-{n}", lag_s=2)
    came(account, "late", lag_s=200)
    came(account, "bad", lag_s=2, status="parked", error="trade.payment: missing")

    shown = opened(integrator, "channels")

    assert "2.0 / 180.2 s" in shown
    assert "Touches 1 order." in shown
    assert "Changes come late." in shown
    assert "trade.payment: missing" in opened(integrator, "channel", account.pk)
    assert "渠道" in opened(integrator, "channels", language="zh-hans")


@pytest.mark.parametrize(
    ("reason", "todo"),
    [
        ("channels.authorization_expired: x", "authorise the connection again"),
        ("channels.quota_used_up: x", "midnight"),
        ("channels.throttled: x", "It goes on by itself."),
    ],
)
def test_a_pause_says_what_to_do(account: ChannelAccount, integrator: Client, reason: str, todo: str) -> None:
    ChannelAccount.objects.update(paused_until=timezone.now() + timedelta(minutes=5), pause_reason=reason)

    shown = opened(integrator, "channels")

    assert "Paused by the platform." in shown
    assert todo in shown


def test_what_was_set_aside_is_read_again_for_a_reason_and_written_down(
    account: ChannelAccount, integrator: Client
) -> None:
    bad, worse = came(account, "bad", status="parked"), came(account, "worse", status="parked")
    url = reverse("console:channel-replay", args=[account.pk])

    integrator.post(url, {"which": "chosen", "message": [bad], "reason": ""})
    assert InboxMessage.objects.filter(status="waiting").count() == 0
    integrator.post(url, {"which": "chosen", "message": [bad], "reason": "reader mended"})

    assert InboxMessage.objects.get(pk=bad).status == "waiting"
    assert InboxMessage.objects.get(pk=worse).status == "parked"
    deed = Deed.objects.get(action="channel.replay")
    assert (deed.reason, deed.details) == ("reader mended", {"messages": 1})


def test_the_messages_of_a_span_are_read_again_and_no_others(account: ChannelAccount, integrator: Client) -> None:
    now = timezone.now()
    old, new = came(account, "old"), came(account, "new")
    InboxMessage.objects.filter(pk=old).update(received_at=now - timedelta(hours=5))
    url = reverse("console:channel-replay", args=[account.pk])
    span = {"from": (now - timedelta(hours=6)).isoformat(), "until": (now - timedelta(hours=4)).isoformat()}

    integrator.post(url, {"which": "span", "reason": "r", "from": span["until"], "until": span["from"]})
    assert InboxMessage.objects.filter(status="waiting").count() == 0
    integrator.post(url, {"which": "span", "reason": "r", **span})

    assert InboxMessage.objects.get(pk=old).status == "waiting"
    assert InboxMessage.objects.get(pk=new).status == "done"


def test_an_operator_sees_but_does_not_read_or_fetch_again(ours: Branch, account: ChannelAccount) -> None:
    client = worker(ours, "operator")

    shown = opened(client, "channel", account.pk)

    assert "Fetch this span" not in shown
    assert client.post(reverse("console:channel-backfill", args=[account.pk])).status_code == 403


def test_a_span_is_fetched_in_the_background(
    account: ChannelAccount, integrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = PlayedPlatform(trades={"77": {"tid": "77"}})
    monkeypatch.setattr("channels_sync.pulling.adapter_of", lambda account: played)
    now = timezone.now()
    span = {"from": (now - timedelta(days=2)).isoformat(), "until": (now - timedelta(days=1)).isoformat()}
    url = reverse("console:channel-backfill", args=[account.pk])
    too_long = {**span, "from": (now - timedelta(days=40)).isoformat()}

    integrator.post(url, {**too_long, "reason": "lost"})
    assert not PullRun.objects.exists()
    integrator.post(url, {**span, "reason": "lost"})
    assert "waits" in opened(integrator, "channel", account.pk)
    while run_asked(account=account):
        pass

    runs = PullRun.objects.order_by("pk").values_list("kind", "seen", "kept")
    assert list(runs) == [("orders", 1, 1), ("refunds", 0, 0)]
    assert all(run.ended_at for run in PullRun.objects.all())
    assert InboxMessage.objects.get(kind="tmall.trade").message_id.startswith("77:")
    assert Deed.objects.get(action="channel.backfill").reason == "lost"
