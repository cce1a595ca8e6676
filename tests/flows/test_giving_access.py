"""A seller gives access with a click: out to the platform's login, back with a code, and the account goes on."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels_sync.accounts import authorisation_is_lost
from channels_sync.demo.shop_systems import seed_shop_systems
from channels_sync.granting import granting_address
from channels_sync.models import ChannelAccount
from channels_sync.platforms import renew_of
from channels_sync.services import pull_orders, renew_authorisation
from ordercenter.audit.models import Deed
from ordercenter.cases.models import Case
from ordercenter.common.platform_errors import AuthorizationExpired
from ordercenter.common.secretfield import seal, unseal
from tests.flows.played_shops import Played
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def shops(played: Played) -> Played:
    seed_shop_systems(first=played.world.shop, credentials=played.credentials, sandbox_url=played.url)
    return played


@pytest.fixture
def boss() -> Client:
    return client_of(person("boss", superuser=True))


def lose(played: Played, platform: str) -> ChannelAccount:
    """The shop's tokens are good for nothing, and the account stands still with its case."""
    account = played.account(platform)
    account.secrets = seal({**unseal(account.secrets), "access_token": "gone", "refresh_token": "gone"})
    account.save()
    authorisation_is_lost(account, AuthorizationExpired(method="test"), at=timezone.now())
    assert Case.objects.get(code="CHANNEL_AUTH").closed_at is None
    return account


def login(boss: Client, account: ChannelAccount) -> str:
    """The browser goes to the platform, the owner agrees: where it is sent back to."""
    away = boss.post(reverse("console:channel-authorise", args=[account.pk]))
    answer = httpx.get(away["Location"])
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def come_back(boss: Client, address: str) -> list[str]:
    parts = urlsplit(address)
    answer: HttpResponse = boss.get(f"{parts.path}?{parts.query}")
    assert answer.status_code == 302
    return [str(message) for message in get_messages(answer.wsgi_request)]


@pytest.mark.parametrize("platform", ["jd", "shopify"])
def test_an_account_that_lost_its_access_goes_on_after_a_click(shops: Played, boss: Client, platform: str) -> None:
    account = lose(shops, platform)
    number = shops.control.create_trade(platform=platform)

    [said] = come_back(boss, login(boss, account))

    assert said == "The shop has given access. What had to wait goes on by itself."
    account.refresh_from_db()
    assert unseal(account.secrets)["access_token"] != "gone"
    assert (account.pause_reason, account.renewed_at is not None) == ("", True)
    assert (account.authorised_until is not None) == (platform == "jd"), "Shopify's token has no end"
    assert Case.objects.get(code="CHANNEL_AUTH").closed_at is not None
    assert Deed.objects.get(action="channel.granted").subject == f"account:{account.pk}"
    assert pull_orders(account=account).kept >= 1, number


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"code": "made-up"}, "The platform gave no access.", id="a code nobody gave"),
        pytest.param({"code": ""}, "The platform gave no access.", id="the seller said no"),
        pytest.param({"state": "made-up"}, "The platform gave no access.", id="a state that is not ours"),
    ],
)
@pytest.mark.parametrize("platform", ["jd", "shopify"])
def test_what_comes_back_wrong_changes_nothing(
    shops: Played, boss: Client, platform: str, change: dict[str, str], said: str
) -> None:
    account = lose(shops, platform)
    parts = urlsplit(login(boss, account))
    query = httpx.QueryParams({**dict(parse_qsl(parts.query)), **change})

    [told] = come_back(boss, f"{parts.path}?{query}")

    assert told.startswith(said)
    account.refresh_from_db()
    assert unseal(account.secrets)["access_token"] == "gone"
    assert Case.objects.get(code="CHANNEL_AUTH").closed_at is None
    assert not Deed.objects.filter(action="channel.granted").exists()


def test_a_way_that_somebody_else_began_is_not_gone_on_with(shops: Played, boss: Client) -> None:
    account = lose(shops, "jd")
    address = login(boss, account)
    other = client_of(person("eve", superuser=True))

    [told] = come_back(other, address)

    assert told.startswith("The platform gave no access.")


def test_a_signed_query_of_shopify_is_good_for_a_minute_and_a_half_and_for_its_own_shop(
    shops: Played, boss: Client
) -> None:
    account = lose(shops, "shopify")
    shops.control.switches(platforms={"shopify": {"clock_skew_s": -120}})

    [late] = come_back(boss, login(boss, account))

    assert late.startswith("The platform gave no access.")


def test_who_may_not_change_accounts_gives_no_access(shops: Played) -> None:
    account = shops.account("jd")
    reader = client_of(person("lin", permissions=("channels_sync.view_channelaccount", "catalog.all_shops")))

    assert reader.post(reverse("console:channel-authorise", args=[account.pk])).status_code == 403
    assert reader.get(reverse("console:channel-authorised")).status_code == 403
    assert "Give access" not in reader.get(reverse("console:channel", args=[account.pk])).content.decode()


def test_platforms_without_a_login_have_no_way(shops: Played, boss: Client) -> None:
    wechat, douyin = shops.account("wechat_shop"), shops.account("douyin")
    assert granting_address(account=wechat, user_id=1, back="http://here/") is None
    assert granting_address(account=douyin, user_id=1, back="http://here/") is None, "not on the market of services"

    douyin.options = {**douyin.options, "service_id": "77"}
    address = granting_address(account=douyin, user_id=1, back="http://here/")
    assert address is not None
    assert address.startswith("https://fuwu.jinritemai.com/authorize?service_id=77&state=")
    boss.post(reverse("console:channel-authorise", args=[wechat.pk]))


def test_a_session_key_put_in_by_hand_is_not_renewed_and_nothing_is_lost_by_that(shops: Played) -> None:
    account = shops.account("tmall")
    account.secrets = seal({"secret": "x", "session": "s"})
    account.save()

    assert renew_of(account) is None
    assert not renew_authorisation(account=account)
    account.refresh_from_db()
    assert (account.pause_reason, Case.objects.count()) == ("", 0)
