"""Many orders in few calls: one broken row is left out, what stops a call stops the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channels_sync.adapters.base import RawOrder
from channels_sync.adapters.batches import read_many
from channels_sync.errors import MessageUnreadable
from ordercenter.common.batch import BatchResult
from ordercenter.common.platform_errors import ChannelRefused, ChannelThrottled


def read(row: dict[str, Any]) -> RawOrder:
    if "id" not in row:
        raise MessageUnreadable(path="order.id", problem="missing")
    return RawOrder(row["id"], row, b"")


def outcome(result: BatchResult) -> tuple[list[str], dict[str, type[Exception]]]:
    return [raw.channel_order_no for raw in result.done], {r.key: type(r.error) for r in result.refused}


def test_orders_come_in_any_order_and_one_that_is_not_there_is_refused_alone() -> None:
    result = read_many(
        ["1", "2", "3"], size=2, fetch=lambda ns: [{"id": n} for n in reversed(ns) if n != "2"], read=read, method="m"
    )

    assert outcome(result) == (["1", "3"], {"2": ChannelRefused})


def test_a_broken_row_refuses_what_it_may_be_and_nothing_else() -> None:
    def fetch(numbers: Sequence[str]) -> list[Any]:
        return [{"no": "?"} if n == "2" else {"id": n} for n in numbers] + ["text"]

    assert outcome(read_many(["1", "2", "3"], size=3, fetch=fetch, read=read, method="m")) == (
        ["1", "3"],
        {"2": MessageUnreadable},
    )


def test_a_ban_refuses_the_call_that_met_it_and_all_after_it_without_further_calls() -> None:
    calls: list[Sequence[str]] = []

    def fetch(numbers: Sequence[str]) -> list[Any]:
        calls.append(numbers)
        if len(calls) == 2:
            raise ChannelThrottled(method="m", wait_s=9)
        return [{"id": n} for n in numbers]

    result = read_many(["1", "2", "3", "4", "5"], size=2, fetch=fetch, read=read, method="m")

    assert outcome(result) == (["1", "2"], dict.fromkeys(["3", "4", "5"], ChannelThrottled))
    assert calls == [["1", "2"], ["3", "4"]]
