"""What Douyin settles, line by line: `order.getSettleBillDetailV3`.

Source: the platform's official Go kit (names and words of the fields). Money in fen, times GMT+8 text. 收入合计 is what
the buyer paid plus all subsidies less what went back before; 支出合计 all fees together. The signs of fees in real data
are not documented, so the kind of the row decides: of a sale fees are taken, of a refund they are given back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from channels_sync.adapters import fields
from channels_sync.adapters.base import Settlements, Window
from channels_sync.adapters.batches import readable
from channels_sync.adapters.douyin_client import DouyinClient
from finance.settling import SettledRow
from finance.states import SettlementKind
from ordercenter.common.gmt8 import format_gmt8, parse_gmt8
from ordercenter.common.money import ZERO
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelRefused

METHOD = "order.getSettleBillDetailV3"
LONGEST_SPAN = timedelta(days=7)
PAGE_SIZE = 100
DONE = "100000"
BY_SETTLING = 0
SUBSIDIES = ("platform_coupon", "author_coupon", "zt_pay_promotion", "zr_pay_promotion")
FEES = (
    "platform_service_fee",
    "commission",
    "colonel_service_fee",
    "channel_promotion_fee",
    "good_learn_channel_fee",
    "other_sharing_amount",
)
# What 支出合计 holds beyond the fees that have names of their own here.
UNNAMED = "unnamed_fee"
KINDS: Mapping[str, SettlementKind] = {
    "0": SettlementKind.SALE,
    "1": SettlementKind.REFUND,
    "2": SettlementKind.REFUND,
    "3": SettlementKind.REFUND,
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a pull stands: the span (GMT+8 text, as the platform takes it) and the index that its last answer named."""

    start: str
    end: str
    index: str

    def __str__(self) -> str:
        return "|".join((self.start, self.end, self.index))

    @classmethod
    def read(cls, cursor: str) -> _Place:
        start, end, index = cursor.split("|", 2)
        return cls(start, end, index)


def pull_settlements(client: DouyinClient, window: Window, cursor: str | None) -> Settlements:
    """One page of what was settled in the window, in spans of at most 7 days. Raises ChannelError."""
    place = _Place.read(cursor) if cursor else _span(window.start, window.end)
    params: dict[str, Any] = {
        "size": PAGE_SIZE,
        "start_time": place.start,
        "end_time": place.end,
        "time_type": BY_SETTLING,
    }
    if place.index:
        params["start_index"] = place.index
    data = client.call(METHOD, params).data
    code = data.get("code")
    if code != DONE:
        # The settlement has an envelope of its own inside the platform's.
        raise ChannelRefused(method=METHOD, sub_code=str(code)[:40], message=str(data.get("code_msg", ""))[:200])
    listed = data.get("data") or []
    if not isinstance(listed, list):
        raise ChannelAnswerUnreadable(method=METHOD, message="data is no list")
    rows, unreadable = readable(listed, read_row, "settlement")
    return Settlements(tuple(rows), _following(data, place, window), tuple(unreadable))


def read_row(raw: Mapping[str, Any]) -> SettledRow:
    """One row. Raises MessageUnreadable."""
    path = "settlement"
    kind = fields.numbered(KINDS, raw, "trade_type", path)
    income = fields.signed_fen(raw, "total_income", path, is_needed=True)
    outcome = fields.signed_fen(raw, "total_outcome", path)
    net = fields.signed_fen(raw, "settle_amount", path, is_needed=True)
    subsidies = sum((fields.signed_fen(raw, name, path) for name in SUBSIDIES), ZERO)
    fees = {name: fields.signed_fen(raw, name, path) for name in FEES}
    fees[UNNAMED] = abs(outcome) - sum((abs(amount) for amount in fees.values()), ZERO)
    way = 1 if kind == SettlementKind.SALE else -1
    line_no = fields.number(raw, "order_id", path)
    return SettledRow(
        entry_no=f"{fields.number(raw, 'request_no', path)}:{line_no}:{raw.get('trade_type')}",
        kind=kind,
        channel_order_no=fields.number(raw, "shop_order_id", path),
        channel_line_no=line_no,
        settled_at=fields.time(raw, "settle_time", path),
        paid=way * (abs(income) - abs(subsidies)),
        subsidies=way * abs(subsidies),
        fees={name: -way * _size(name, amount) for name, amount in fees.items() if amount},
        net=net if way > 0 else -abs(net),
        raw=raw,
    )


def _size(name: str, amount: Decimal) -> Decimal:
    # What is left over of the total may be of either sign, and then shows that the row does not add up.
    return amount if name == UNNAMED else abs(amount)


def _span(start: datetime, end: datetime) -> _Place:
    return _Place(format_gmt8(start), format_gmt8(min(start + LONGEST_SPAN, end)), "")


def _following(data: Mapping[str, Any], place: _Place, window: Window) -> str | None:
    if str(data.get("is_end")) != "1":
        start, index = str(data.get("next_start_time") or ""), str(data.get("next_start_index") or "")
        if not start or not index or (start, index) == (place.start, place.index):
            raise ChannelAnswerUnreadable(method=METHOD, message="more to come, but not from where")
        return str(_Place(start, place.end, index))
    reached = parse_gmt8(place.end)
    # Seconds are all that the platform counts.
    return str(_span(reached, window.end)) if reached + timedelta(seconds=1) <= window.end else None
