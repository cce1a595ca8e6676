"""A platform of the tests' own: signs with a word, pushes notices or whole orders, and answers from memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from channels_sync.adapters import tmall
from channels_sync.adapters.base import (
    ChangedOrder,
    ChangedOrders,
    ChangedRefunds,
    ChannelNotice,
    Connection,
    Field,
    Platform,
    PushAnswer,
    Pushed,
    PushRequest,
    RawOrder,
    Renewed,
    UnreadableNotice,
)
from channels_sync.errors import MessageUnreadable, PushRefused
from ordercenter.common.batch import BatchResult
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelError, ChannelRefused

ANSWER = PushAnswer(body=b'{"heard":true}')


@dataclass
class PlayedPlatform:
    """trades: what it knows, as TOP trades by number. trouble: raised by every call. calls: the numbers asked for."""

    trades: dict[str, dict[str, Any]] = field(default_factory=dict)
    trouble: ChannelError | None = None
    calls: list[str] = field(default_factory=list)
    token_asked: int = 0
    order_field: str = "order"

    def platform(self, **changes: Any) -> Platform:
        """Called "tmall" so that readers and kinds of messages are there."""
        played = replace(
            tmall.PLATFORM,
            connect=lambda connection: self,
            secrets=(Field("word", "word"),),
            take_push=take_push,
            has_messages=False,
            read_kept=self.read_kept,
            # Its accounts are renewed by the word alone.
            renew_needs="",
        )
        return replace(played, **changes)

    def read_orders(self, channel_order_nos: Collection[str]) -> BatchResult:
        result = BatchResult()
        for number in channel_order_nos:
            self.calls.append(number)
            if self.trouble is not None:
                result.refuse(number, self.trouble)
            elif number not in self.trades:
                result.refuse(number, ChannelRefused(method="order", message="no such order"))
            else:
                trade = self.trades[number]
                result.done.append(RawOrder(number, trade, json.dumps(trade).encode()))
        return result

    def pull_changed_orders(self, window: object, cursor: str | None = None) -> ChangedOrders:
        at = datetime.now(UTC) - timedelta(minutes=4)
        return ChangedOrders(tuple(ChangedOrder(number, at, {}) for number in self.trades), None)

    def pull_refunds(self, window: object, cursor: str | None = None) -> ChangedRefunds:
        return ChangedRefunds((), None)

    def read_kept(self, connection: Connection, raw: Any) -> Pushed:
        """What was kept as unreadable, by a reader that looks for the order's number under order_field."""
        if self.order_field not in raw:
            raise MessageUnreadable(path=self.order_field, problem="missing")
        notice = ChannelNotice(str(raw["id"]), "changed", "order", raw[self.order_field], "", datetime.now(UTC), raw)
        return Pushed(ANSWER, notices=(notice,))

    def renew(self, connection: Connection) -> Renewed:
        self.token_asked += 1
        if self.trouble is not None:
            raise self.trouble
        secrets: Mapping[str, Any] = {**connection.secrets, "token": f"token-{self.token_asked}"}
        return Renewed(secrets, datetime.now(UTC) + timedelta(days=7), datetime.now(UTC) + timedelta(days=14))


def take_push(connection: Connection, request: PushRequest) -> Pushed:
    """One JSON object {"id", "order"}; signed with the account's word in the header x-word."""
    if request.headers.get("x-word") != connection.secrets["word"]:
        raise PushRefused(problem="signature")
    try:
        told = json.loads(request.body)
    except ValueError:
        raise MessageUnreadable(path="body", problem="not_json") from None
    if "order" not in told:
        error = MessageUnreadable(path="order", problem="missing")
        return Pushed(ANSWER, unreadable=(UnreadableNotice(str(told.get("id")), error, told),))
    notice = ChannelNotice(str(told["id"]), "changed", "order", told["order"], "", request.at, told)
    return Pushed(ANSWER, notices=(notice,))


def lost_grant() -> AuthorizationExpired:
    return AuthorizationExpired(method="order", error_code=27, message="Invalid session")
