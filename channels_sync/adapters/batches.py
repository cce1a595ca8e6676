"""Many calls of one kind: what is refused by itself is left out, what concerns the whole account stops the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from channels_sync.adapters.base import RawOrder
from channels_sync.errors import MessageUnreadable
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelError, ChannelRefused

Item = TypeVar("Item")


def call_each(items: Iterable[Item], call: Callable[[Item], Any]) -> BatchResult:
    """done: what each call gave; refused: by item. A ban, a lost grant or a platform that does not answer refuses the
    item that met it and all after it, without further calls.
    """
    result = BatchResult()
    stop: ChannelError | None = None
    for item in items:
        if stop is None:
            try:
                result.done.append(call(item))
                continue
            except (ChannelRefused, ChannelAnswerUnreadable, MessageUnreadable) as error:
                refusal: OrderCenterError = error
            except ChannelError as error:
                stop = refusal = error
        else:
            refusal = stop
        result.refuse(item, refusal)
    return result


def read_many(
    numbers: Sequence[str],
    *,
    size: int,
    fetch: Callable[[Sequence[str]], Sequence[Any]],
    read: Callable[[Any], RawOrder],
    method: str,
) -> BatchResult:
    """Orders by number, up to `size` in a call of `fetch`, whose rows may come in any order.

    done: RawOrder; refused by number: ChannelRefused (404) where the answer does not have it, MessageUnreadable where
    it may be one that cannot be read, so that one broken row does not stop the rest. What stops one call refuses its
    numbers and all after them, without further calls.
    """
    result = BatchResult()
    for start in range(0, len(numbers), size):
        chunk = numbers[start : start + size]
        try:
            rows = fetch(chunk)
        except ChannelError as error:
            for number in numbers[start:]:
                result.refuse(number, error)
            break
        orders, unreadable = readable(rows, read, "order")
        found = {order.channel_order_no: order for order in orders}
        for number in chunk:
            if number in found:
                result.done.append(found[number])
            elif unreadable:
                result.refuse(number, unreadable[0])
            else:
                result.refuse(number, ChannelRefused(method=method, error_code=404, message="not found"))
    return result


def flattened(groups: BatchResult) -> BatchResult:
    """A result about tuples of items as one about the items: each shares what became of its group."""
    result = BatchResult()
    for group in groups.done:
        result.done.extend(group)
    for refusal in groups.refused:
        for item in refusal.key:
            result.refuse(item, refusal.error)
    return result


def readable(rows: Sequence[Any], read: Callable[[Any], Item], path: str) -> tuple[list[Item], list[MessageUnreadable]]:
    """The rows of a list, read; one error for each that cannot be, so that a broken row does not stop the rest."""
    found, unreadable = [], []
    for raw in rows:
        try:
            if not isinstance(raw, dict):
                raise MessageUnreadable(path=path, problem="ill_typed")
            found.append(read(raw))
        except MessageUnreadable as error:
            unreadable.append(error)
    return found, unreadable


def chunks(items: Sequence[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Slices of at most `size`, in order."""
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])
