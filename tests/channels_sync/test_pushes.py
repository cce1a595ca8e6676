"""What platforms push is kept before it is answered, and read back whole before it counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from channels_sync import platforms, replaying
from channels_sync.accounts import ChannelPaused
from channels_sync.models import ChannelAccount, PullRun
from channels_sync.services import pull_orders, read_back, renew_authorisation
from ordercenter.cases.models import Case
from ordercenter.common.actor import SYSTEM
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelThrottled, ChannelUnavailable
from ordercenter.common.secretfield import seal, unseal
from ordercenter.events.claims import waiting_sources
from ordercenter.events.models import InboxMessage
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from tests.channels_sync.played_platform import PlayedPlatform, lost_grant
from tests.flows.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = World()
    world.account.secrets = {"word": "sesame"}
    world.account.save()
    world.account.refresh_from_db()
    return world


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedPlatform]:
    played = PlayedPlatform()
    monkeypatch.setitem(platforms.PLATFORMS, "tmall", played.platform(renew=played.renew))
    return played


def push(account: ChannelAccount, body: object, *, word: str = "sesame", token: str = "") -> tuple[int, bytes]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Client().post(
        f"/channels/tmall/{token or account.push_token}/",
        raw,
        content_type="application/json",
        headers={"X-Word": word},
    )
    return answer.status_code, answer.content


def told(world: World, played: PlayedPlatform, *, push_id: str = "m1") -> str:
    """A paid trade that the platform knows, and a push about it."""
    trade = world.trade(("SKU-1", 1, "51.00"))
    played.trades[str(trade["tid"])] = trade
    assert push(world.account, {"id": push_id, "order": str(trade["tid"])}) == (200, b'{"heard":true}')
    return str(trade["tid"])


def test_a_push_is_kept_answered_read_back_and_becomes_an_order(world: World, played: PlayedPlatform) -> None:
    number = told(world, played)
    kept = InboxMessage.objects.get()
    assert (kept.kind, kept.message_id, kept.status) == ("tmall.message", "m1", "waiting")
    assert kept.headers["order_no"] == number

    assert read_back(account=world.account) == 1
    Relay().drain()

    assert played.calls == [number]
    assert Order.objects.get().channel_order_no == number
    assert set(InboxMessage.objects.values_list("kind", "status")) == {
        ("tmall.message", "done"),
        ("tmall.trade", "done"),
    }


def test_the_same_push_five_times_and_five_pushes_about_one_order_cost_one_call(
    world: World, played: PlayedPlatform
) -> None:
    number = told(world, played)
    for again in range(5):
        push(world.account, {"id": "m1", "order": number})
        push(world.account, {"id": f"other-{again}", "order": number})

    assert read_back(account=world.account) == 6

    assert played.calls == [number]
    assert read_back(account=world.account) == 0


@pytest.mark.parametrize(
    ("word", "token", "body", "status"),
    [
        ("wrong", "", {"id": "1", "order": "2"}, 401),
        ("sesame", "nobody-lives-here", {"id": "1", "order": "2"}, 404),
        ("sesame", "", b"{not json", 422),
        ("sesame", "", b"x" * 1_000_001, 413),
    ],
)
def test_what_is_not_signed_not_known_not_readable_or_too_large_is_refused_and_not_kept(
    world: World, played: PlayedPlatform, word: str, token: str, body: object, status: int
) -> None:
    assert push(world.account, body, word=word, token=token)[0] == status

    assert not InboxMessage.objects.exists()


def test_a_switched_off_account_and_a_platform_that_pushes_nothing_have_no_door(
    world: World, played: PlayedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    ChannelAccount.objects.update(is_active=False)
    assert push(world.account, {"id": "1", "order": "2"})[0] == 404
    ChannelAccount.objects.update(is_active=True)
    monkeypatch.setitem(platforms.PLATFORMS, "tmall", played.platform(take_push=None))
    assert push(world.account, {"id": "1", "order": "2"})[0] == 404


def test_a_push_that_nobody_can_read_is_kept_and_a_person_looks(world: World, played: PlayedPlatform) -> None:
    assert push(world.account, {"id": "m1"})[0] == 200

    read_back(account=world.account)
    Relay().drain()

    assert InboxMessage.objects.get().status == "parked"
    assert Case.objects.get().code == "MESSAGE_PARKED"


def test_an_order_that_the_platform_does_not_give_out_is_parked_and_the_rest_is_read(
    world: World, played: PlayedPlatform
) -> None:
    push(world.account, {"id": "m0", "order": "404"})
    number = told(world, played)

    assert read_back(account=world.account) == 2

    assert dict(InboxMessage.objects.filter(kind="tmall.message").values_list("message_id", "status")) == {
        "m0": "parked",
        "m1": "done",
    }
    assert InboxMessage.objects.get(kind="tmall.trade").message_id.startswith(number)


def test_a_platform_that_does_not_answer_is_asked_again_later(world: World, played: PlayedPlatform) -> None:
    told(world, played)
    played.trouble = ChannelUnavailable(method="order", message="502")

    read_back(account=world.account)

    message = InboxMessage.objects.get()
    assert (message.status, message.tries) == ("waiting", 1)
    assert message.due_at > timezone.now()
    assert read_back(account=world.account) == 0
    played.trouble = None
    InboxMessage.objects.update(due_at=timezone.now())
    read_back(account=world.account)
    assert InboxMessage.objects.filter(kind="tmall.trade").count() == 1


def test_a_ban_pauses_the_account_and_costs_no_message_a_try(world: World, played: PlayedPlatform) -> None:
    told(world, played)
    played.trouble = ChannelThrottled(method="order", wait_s=30)

    with pytest.raises(ChannelThrottled):
        read_back(account=world.account)
    world.account.refresh_from_db()
    with pytest.raises(ChannelPaused):
        read_back(account=world.account)

    assert InboxMessage.objects.get().tries == 0


def test_a_refused_token_is_renewed_without_a_person(world: World, played: PlayedPlatform) -> None:
    world.account.renewed_at = timezone.now() - timedelta(days=6)
    world.account.authorised_until = timezone.now() + timedelta(days=2)
    world.account.save()
    told(world, played)
    played.trouble = lost_grant()
    with pytest.raises(AuthorizationExpired):
        read_back(account=world.account)
    played.trouble = None

    world.account.refresh_from_db()
    assert renew_authorisation(account=world.account)

    world.account.refresh_from_db()
    assert unseal(world.account.secrets) == {"word": "sesame", "token": "token-1"}
    assert world.account.paused_until is None
    assert not Case.objects.exists()
    assert read_back(account=world.account) == 1


def test_nobody_else_renews_before_the_new_token_is_kept(
    world: World, played: PlayedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = ChannelAccount.objects.get()
    seen: list[bool] = []

    def seal_slowly(secrets: object) -> bytes:
        seen.append(renew_authorisation(account=second))
        return seal(secrets)

    monkeypatch.setattr("channels_sync.renewing.seal", seal_slowly)

    assert renew_authorisation(account=world.account)

    assert (seen, played.token_asked) == ([False], 1)
    kept = ChannelAccount.objects.get()
    assert (unseal(kept.secrets)["token"], kept.renewing_until) == ("token-1", None)


def test_a_token_that_is_refused_right_after_its_renewal_is_a_case(world: World, played: PlayedPlatform) -> None:
    assert renew_authorisation(account=world.account)
    assert not renew_authorisation(account=world.account)
    told(world, played)
    played.trouble = lost_grant()

    for _again in range(3):
        ChannelAccount.objects.update(paused_until=None)
        world.account.refresh_from_db()
        with pytest.raises(AuthorizationExpired):
            read_back(account=world.account)

    assert [(c.code, c.subject) for c in Case.objects.all()] == [("CHANNEL_AUTH", f"account:{world.account.pk}")]


def test_a_renewal_that_only_the_seller_can_make_is_a_case_and_the_token_stays(
    world: World, played: PlayedPlatform
) -> None:
    played.trouble = lost_grant()

    with pytest.raises(AuthorizationExpired):
        renew_authorisation(account=world.account)

    world.account.refresh_from_db()
    assert unseal(world.account.secrets) == {"word": "sesame"}
    assert world.account.renewing_until is None
    assert Case.objects.get().code == "CHANNEL_AUTH"


def test_the_end_of_what_can_be_renewed_is_told_three_days_before(world: World, played: PlayedPlatform) -> None:
    now = timezone.now()
    world.account.renewed_at, world.account.authorised_until = now, now + timedelta(days=2)
    world.account.renewable_until = now + timedelta(days=2, hours=23)
    world.account.save()

    renew_authorisation(account=world.account)
    renew_authorisation(account=world.account)
    assert [c.code for c in Case.objects.all()] == ["CHANNEL_AUTH_ENDING"]

    ChannelAccount.objects.update(renewable_until=now + timedelta(days=20))
    world.account.refresh_from_db()
    renew_authorisation(account=world.account)
    assert Case.objects.get().state == "auto_resolved"


def test_what_only_the_pull_found_is_counted_as_missed(world: World, played: PlayedPlatform) -> None:
    trade = world.trade(("SKU-1", 1, "51.00"))
    played.trades[str(trade["tid"])] = trade

    first = pull_orders(account=world.account)
    Relay().drain()
    pull_orders(account=world.account)

    assert (first.seen, first.kept, first.missed) == (1, 1, 1)
    assert PullRun.objects.get().missed == 1


def test_only_accounts_of_which_a_notice_waits_are_rung_for(world: World, played: PlayedPlatform) -> None:
    world.deliver(world.trade(("SKU-1", 1, "51.00")))
    assert waiting_sources(["tmall.message"]) == set()

    told(world, played)
    assert waiting_sources(["tmall.message"]) == {f"account:{world.account.pk}"}

    read_back(account=world.account)
    assert waiting_sources(["tmall.message"]) == set()


def test_a_push_with_a_new_field_name_comes_in_when_its_reader_knows_the_name(
    world: World, played: PlayedPlatform
) -> None:
    trade = world.trade(("SKU-1", 1, "51.00"))
    played.trades[str(trade["tid"])] = trade
    assert push(world.account, {"id": "m1", "order_number": str(trade["tid"])})[0] == 200
    read_back(account=world.account)
    Relay().drain()
    parked = InboxMessage.objects.get()
    assert (parked.status, parked.error) == ("parked", "MessageUnreadable: order: missing")
    assert Case.objects.get().evidence["path"] == "order"

    played.order_field = "order_number"
    replaying.replay(account=world.account, ids=[parked.pk], reason="the reader is mended", actor=SYSTEM)
    read_back(account=world.account)
    replaying.replay(account=world.account, ids=[parked.pk], reason="once more", actor=SYSTEM)
    read_back(account=world.account)

    assert InboxMessage.objects.get(pk=parked.pk).status == "done"
    assert InboxMessage.objects.exclude(pk=parked.pk).count() == 1
    assert Case.objects.get().state == "auto_resolved"
    newest = replaying.replays_of(world.account)[0]
    assert (newest.total, newest.read, newest.is_over) == (1, 1, True)
