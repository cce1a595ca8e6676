"""Remarks of ours on their way to the platforms: the seller's remark of an order, with its flag."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, cast

from django.utils import timezone

from channels_sync.accounts import adapter_of, refuse_while_paused
from channels_sync.kinds import REMARK_KIND
from channels_sync.models import ChannelAccount
from channels_sync.platforms import PLATFORMS
from ordercenter.audit.work import Work
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt
from ordercenter.orders.models import Order


class _TakesRemarks(Protocol):
    def send_remark(self, channel_order_no: str, *, text: str, flag: int) -> None: ...


def ask_for_remarks(
    *, order_ids: Collection[int], text: str, flag: int, keys: Mapping[int, str], work: Work
) -> list[int]:
    """Write a command for each of these orders whose platform takes remarks; the ids of those.

    flag: 0 to 5, as the platforms colour it; 0 is none. keys: by order, the same for one wish however often it is asked
    for. Three statements for any number of orders.
    """
    orders = {
        pk: (number, shop_id)
        for pk, number, shop_id in Order.objects.filter(pk__in=order_ids).values_list(
            "pk", "channel_order_no", "shop_id"
        )
    }
    shops = {shop_id for _number, shop_id in orders.values()}
    hearing = [code for code, platform in PLATFORMS.items() if platform.takes_remarks]
    accounts = dict(
        ChannelAccount.objects.filter(shop_id__in=shops, is_active=True, adapter__in=hearing).values_list(
            "shop_id", "pk"
        )
    )
    wanted = [pk for pk, (_number, shop_id) in sorted(orders.items()) if shop_id in accounts]
    asked = set(
        OutgoingCommand.objects.filter(idempotency_key__in=[keys[pk] for pk in wanted]).values_list(
            "idempotency_key", flat=True
        )
    )
    for pk in wanted:
        number, shop_id = orders[pk]
        if keys[pk] not in asked:
            work.command(
                kind=REMARK_KIND,
                target=f"account:{accounts[shop_id]}",
                subject=f"order:{pk}",
                key=keys[pk],
                payload={"order_no": number, "text": text, "flag": flag},
            )
    return wanted


def prepare_remarks(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    """Attempts that write the remarks; the same remark twice is the same remark."""
    account = ChannelAccount.objects.get(pk=int(target.partition(":")[2]))
    refuse_while_paused(account, at=timezone.now())
    adapter = cast(_TakesRemarks, adapter_of(account))

    def attempt(payload: Mapping[str, Any]) -> Attempt:
        def send() -> dict[str, Any]:
            adapter.send_remark(payload["order_no"], text=payload["text"], flag=payload["flag"])
            return {"outcome": "written"}

        return Attempt(send)

    return {command.pk: attempt(command.payload) for command in commands}
