"""Where a day is played: on the platforms that are named, each with a shop of ours."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from channels_sync.demo import seed_company
from channels_sync.management.commands.play_day import Command
from channels_sync.models import ChannelAccount
from channels_sync.play.system import sandbox_shops
from channels_sync.sandbox.credentials import generate
from ordercenter.common.errors import Misconfigured


def test_platforms_are_named_with_their_weights():
    options = Command().create_parser("manage.py", "play_day").parse_args(["--platforms", "tmall:3, wechat_shop"])

    assert options.platforms == {"tmall": 3.0, "wechat_shop": 1.0}
    with pytest.raises(CommandError, match="not a platform with its weight"):
        call_command("play_day", "--platforms", "tmall:many")


@pytest.mark.django_db
def test_a_platform_without_a_shop_on_the_sandbox_cannot_be_played():
    seed_company(credentials=generate(), sandbox_url="http://127.0.0.1:8900")
    shops = dict(ChannelAccount.objects.values_list("adapter", "shop_id"))

    ChannelAccount.objects.filter(adapter="shopify").delete()

    assert sandbox_shops(["tmall", "wechat_shop"]) == {
        "tmall": shops["tmall"],
        "wechat_shop": shops["wechat_shop"],
    }
    with pytest.raises(Misconfigured, match="shopify"):
        sandbox_shops(["tmall", "shopify"])
