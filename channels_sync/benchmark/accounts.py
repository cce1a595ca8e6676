"""The demo company's accounts at the sandbox as the running system has them, without its database's secrets."""

from __future__ import annotations

import psycopg

from channels_sync.adapters.base import Connection
from channels_sync.connector.samples import SAMPLE
from channels_sync.demo.shop_systems import CHANNELS as SHOP_SYSTEMS
from channels_sync.demo.shop_systems import access_of
from channels_sync.demo.shops import FURTHER_SHOPS
from channels_sync.models import ChannelAccount
from channels_sync.platforms import PLATFORMS
from channels_sync.sandbox.credentials import Credentials

PUSHING = tuple(code for code, platform in PLATFORMS.items() if platform.take_push is not None)


def accounts_of(database_url: str) -> dict[str, ChannelAccount]:
    """By platform; unsaved, with the number that they have in that database and nothing else."""
    with psycopg.connect(database_url) as db:
        rows = db.execute("SELECT id, adapter FROM channels_sync_channelaccount").fetchall()
    return {adapter: ChannelAccount(pk=pk, adapter=adapter) for pk, adapter in rows}


def connections_of(keys: Credentials) -> dict[str, Connection]:
    """How the demo accounts of pushing platforms check what comes to their doors, by platform."""
    found = {}
    for shop in FURTHER_SHOPS:
        options = shop.options(keys, "http://127.0.0.1")
        found[shop.platform] = Connection(0, "", shop.app_key(keys), shop.secrets(keys), options)
    for code in SHOP_SYSTEMS:
        app_key, secrets = access_of(code, keys)
        found[code] = Connection(0, "", app_key, secrets, {"connector": SAMPLE} if code == "http" else {})
    return {code: found[code] for code in PUSHING if code in found}
