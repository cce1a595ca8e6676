"""Reading orders and refunds back from a platform by their numbers, several calls at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from channels_sync.adapters.base import ChannelAdapter, RawOrder, RawRefund
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelThrottled

logger = structlog.get_logger(__name__)
READERS = 6


@dataclass
class Read:
    """By number: what was read, and why the others were not."""

    orders: dict[str, RawOrder] = field(default_factory=dict)
    refunds: dict[str, RawRefund] = field(default_factory=dict)
    refused: dict[str, OrderCenterError] = field(default_factory=dict)


def read_orders(adapter: ChannelAdapter, numbers: Sequence[str], into: Read | None = None) -> Read:
    """Orders by number; a ban or a lost authorisation stops all and is raised, other refusals are told by number."""
    read = into or Read()
    if not numbers:
        return read
    shares = [list(numbers[i::READERS]) for i in range(min(READERS, len(numbers)))]
    if len(shares) == 1:
        results = [adapter.read_orders(shares[0])]
    else:
        with ThreadPoolExecutor(len(shares)) as pool:
            results = list(pool.map(adapter.read_orders, shares))
    for result in results:
        read.orders.update((raw.channel_order_no, raw) for raw in result.done)
    for refusal in (refusal for result in results for refusal in result.refused):
        _raise_if_general(refusal.error)
        read.refused[refusal.key] = refusal.error
        logger.warning("channel.order_unread", number=refusal.key, error=str(refusal.error)[:200])
    return read


def read_refunds(adapter: ChannelAdapter, numbers: Sequence[str], into: Read | None = None) -> Read:
    """Refunds by number, in the same way."""
    read = into or Read()
    for number in numbers:
        try:
            read.refunds[number] = adapter.read_refund(number)
        except OrderCenterError as error:
            _raise_if_general(error)
            read.refused[number] = error
            logger.warning("channel.refund_unread", number=number, error=str(error)[:200])
    return read


def _raise_if_general(error: OrderCenterError) -> None:
    if isinstance(error, ChannelThrottled | AuthorizationExpired):
        raise error
