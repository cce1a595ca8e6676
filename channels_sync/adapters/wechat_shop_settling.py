"""What a WeChat shop's account takes in and gives out: `funds/getfundsflowlist` (numbers) and `getfundsflowdetail`.

Source: names and words of public SDKs (WxJava). Money in fen; every movement is one amount with a kind, so an order's
settlement is the sum of several: its income, and each fee by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from channels_sync.adapters import fields
from channels_sync.adapters.base import Settlements, Window
from channels_sync.adapters.wechat_shop_client import WechatClient
from channels_sync.errors import MessageUnreadable
from finance.settling import SettledRow
from finance.states import SettlementKind
from ordercenter.common.money import ZERO
from ordercenter.common.platform_errors import ChannelAnswerUnreadable

FLOWS = "/channels/ec/funds/getfundsflowlist"
FLOW = "/channels/ec/funds/getfundsflowdetail"
PAGE_SIZE = 50
LONGEST_SPAN = timedelta(days=1)
INCOME, REFUND = "1", "3"
# funds_type -> the name of a fee, as terms of settlement call it.
FEES: Mapping[str, str] = {
    "2": "order_fee",
    "6": "guide_share",
    "7": "league_share",
    "8": "freight_insurance_share",
    "9": "league_platform_cut",
    "10": "league_commission",
    "11": "platform_commission",
    "12": "leader_commission",
    "13": "popularity_card",
    "14": "fast_refund",
    "15": "fast_refund",
    "16": "freight_insurance",
    "99": "share",
}
_WITHDRAWALS = frozenset({"4", "5"})
_IN, _OUT = "1", "2"
_KNOWN = {code: code for code in (INCOME, REFUND, *FEES, *_WITHDRAWALS)}


def pull_settlements(client: WechatClient, window: Window, cursor: str | None) -> Settlements:
    """One page of movements in the window, a day at a time, each read by its number. Withdrawals are left out: they
    are the seller's own. Raises ChannelError.
    """
    start, end, page, key = _read(cursor) if cursor else (*_span(window.start, window.end), 1, "")
    params: dict[str, Any] = {"page": page, "page_size": PAGE_SIZE, "start_time": start, "end_time": end}
    if key:
        params["next_key"] = key
    content = client.call(FLOWS, params).content
    numbers = content.get("flow_ids") or []
    if not isinstance(numbers, list) or not all(isinstance(number, str) for number in numbers):
        raise ChannelAnswerUnreadable(method=FLOWS, message="flow_ids is no list of numbers")
    rows, unreadable = [], []
    for number in numbers:
        flow = client.call(FLOW, {"flow_id": number}).content.get("funds_flow")
        try:
            row = read_flow(flow if isinstance(flow, dict) else {})
        except MessageUnreadable as error:
            unreadable.append(error)
            continue
        if row is not None:
            rows.append(row)
    following = None
    if content.get("has_more"):
        following = f"{start}|{end}|{page + 1}|{content.get('next_key') or ''}"
    elif end < int(window.end.timestamp()):
        following = "{}|{}|1|".format(*_span(datetime.fromtimestamp(end, UTC), window.end))
    return Settlements(tuple(rows), following, tuple(unreadable))


def read_flow(raw: Mapping[str, Any]) -> SettledRow | None:
    """One movement; None for a withdrawal. Raises MessageUnreadable, also for a kind that nobody has told us of."""
    path = "funds_flow"
    code = fields.numbered(_KNOWN, raw, "funds_type", path)
    if code in _WITHDRAWALS:
        return None
    way = fields.numbered({_IN: 1, _OUT: -1}, raw, "flow_type", path)
    amount = way * fields.fen(raw, "amount", path)
    fees: dict[str, Decimal] = {FEES[code]: amount} if code in FEES else {}
    kind = SettlementKind.FEE if fees else SettlementKind.SALE if code == INCOME else SettlementKind.REFUND
    return SettledRow(
        entry_no=fields.number(raw, "flow_id", path),
        kind=kind,
        channel_order_no=_order_no(raw, path),
        channel_line_no="",
        settled_at=_time(raw, path),
        paid=ZERO if fees else amount,
        subsidies=ZERO,
        fees=fees,
        net=amount,
        raw=raw,
    )


def _order_no(raw: Mapping[str, Any], path: str) -> str:
    for at, related in enumerate(fields.objects(raw, "related_info_list", path)):
        if number := fields.code(related, "order_id", f"{path}.related_info_list[{at}]"):
            return number
    return ""


def _time(raw: Mapping[str, Any], path: str) -> datetime:
    """The SDKs call it a text without its form: Unix seconds in digits, or GMT+8 as elsewhere on the platform."""
    value = raw.get("bookkeeping_time")
    if type(value) is int or (type(value) is str and value.isdigit()):
        return fields.unix_time(raw, "bookkeeping_time", path)
    return fields.time(raw, "bookkeeping_time", path)


def _span(start: datetime, end: datetime) -> tuple[int, int]:
    first = int(start.timestamp())
    return first, max(first, min(int((start + LONGEST_SPAN).timestamp()), int(end.timestamp())))


def _read(cursor: str) -> tuple[int, int, int, str]:
    start, end, page, key = cursor.split("|", 3)
    return int(start), int(end), int(page), key
