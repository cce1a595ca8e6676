"""Stock numbers on their way to the platforms: written as commands, sent in the newest version only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from channels_sync.accounts import adapter_of, refuse_while_paused
from channels_sync.adapters.base import ChannelAdapter, StockPush
from channels_sync.kinds import STOCK_KIND
from channels_sync.models import ChannelAccount
from ordercenter.audit.work import unit_of_work
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt
from ordercenter.inventory import services as inventory
from ordercenter.inventory.services import Publication


def publish_stock(*, at: datetime | None = None) -> int:
    """Write a command for each listing whose numbers have to change; how many numbers. Shops without an account have
    their numbers kept all the same.
    """
    with unit_of_work(at=at) as work:
        publications = inventory.publish_changes(work=work)
        shops = {p.shop_id for p in publications}
        accounts = dict(ChannelAccount.objects.filter(shop_id__in=shops, is_active=True).values_list("shop_id", "pk"))
        groups: dict[tuple[int, str], list[Publication]] = defaultdict(list)
        for publication in publications:
            if publication.shop_id in accounts:
                groups[publication.shop_id, publication.listing_id].append(publication)
        for (shop_id, listing_id), group in groups.items():
            newest = max(group, key=lambda p: (p.version, p.match_id))
            work.command(
                kind=STOCK_KIND,
                target=f"account:{accounts[shop_id]}",
                subject=f"listing:{shop_id}/{listing_id}"[:64],
                key=f"{STOCK_KIND}:{newest.match_id}:{newest.version}",
                payload={"items": [_item(p) for p in group]},
            )
        return len(publications)


def prepare_stock(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    """Attempts that send what is still the newest number; older ones are let drop without a call."""
    account = ChannelAccount.objects.get(pk=int(target.partition(":")[2]))
    refuse_while_paused(account, at=timezone.now())
    adapter = adapter_of(account)
    versions = inventory.current_versions([item["match"] for c in commands for item in c.payload["items"]])
    return {c.pk: _attempt(adapter, c.payload["items"], versions) for c in commands}


def _attempt(adapter: ChannelAdapter, items: Sequence[Mapping[str, Any]], versions: Mapping[int, int]) -> Attempt:
    wanted = [item for item in items if versions.get(item["match"]) == item["version"]]
    pushes = {StockPush(i["listing_id"], i["listing_sku_id"], i["quantity"]): i for i in wanted}

    def send() -> dict[str, Any]:
        result = adapter.push_stock(list(pushes)) if pushes else None
        done = [pushes[push] for push in result.done] if result else []
        refused = [(pushes[r.key], r.error) for r in result.refused] if result else []
        retry = next((error for _item, error in refused if error.retryable), None)
        if retry is not None:
            # The full numbers again do no harm where some of them were taken.
            raise retry
        return {
            "taken": [[i["match"], i["version"]] for i in done],
            "refused": [[i["match"], i["version"], f"{error.code}: {error}"[:200]] for i, error in refused],
            "superseded": len(items) - len(wanted),
        }

    return Attempt(send)


def _item(p: Publication) -> dict[str, Any]:
    return {
        "match": p.match_id,
        "listing_id": p.listing_id,
        "listing_sku_id": p.listing_sku_id,
        "quantity": p.quantity,
        "version": p.version,
    }
