"""The misbehaviours of the played platforms, and their pace: one switch each, set through the control API.

Shares lie between 0 and 1 and are drawn at random per message or request. A restart forgets all switches, so that
nobody finds a sandbox that misbehaves for reasons long gone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from channels_sync.sandbox.platforms import TRAITS


@dataclass(frozen=True, kw_only=True)
class Switches:
    """All switches with their resting values.

    Messages: duplicates (come twice: half with the same id although confirmed, half as a new message), disorder (held
    back up to 2 s, so that later ones overtake), delay_s (all of them late), lost_messages (never come; the pull must
    find the trade), redeliver_after_s (an unconfirmed message comes again).
    Platforms: rate_limit (calls a second, 0 = none), token_expired (no token is good), token_life_s (how long a new one
    is good, 0 = as long as the platform says), http_500 (not processed), garbage (processed, the answer is cut or
    no JSON), no_answer (processed, the connection is cut), hostile (processed, the answer is one of hostile.BODIES),
    huge_answer (processed, followed by hostile.HUGE_BYTES of blanks), slow_ms (before every answer), page_shifts (a row
    of an earlier page changes while pages are walked), clock_skew_s (its clock is ahead of ours, or behind),
    clear_receivers (older apps), split_orders (a paid order of several lines is split soon after, where the platform
    does so), settle_short (a settled order lacks a yuan), settle_fee_off (its fee is a yuan more).
    hold_s: how long a request without answer is held before the connection is cut.
    Pushes obey duplicates, disorder, delay_s, lost_messages; hostile_pushes (signed, but the body is one of
    hostile.BODIES). push_callback_url: where they go, with {platform} and {token}.
    platforms: {"jd": {"slow_ms": 900}}: what one platform does otherwise than the rest (OF_A_PLATFORM).
    Warehouse: wms_http_500 (not processed), wms_garbage and wms_silent (processed, no usable answer), wms_refuse (flag
    failure), wms_confirm_duplicates (a confirm comes twice), wms_retry_s (first pause before a confirm is repeated),
    wms_reject_later (accepted, then REJECT instead of a parcel), wms_lack (one piece is not found: itemlack.report,
    then less is shipped; of goods for another warehouse, less is sent without a word before), wms_two_parcels (an
    intermediate confirm before the final one), wms_progress (orderprocess.report on the way), wms_refuse_cancel (every
    order.cancel is answered with failure), wms_receive_short (one piece of announced goods does not come),
    wms_receive_after_s (announced goods arrive).
    Bill: bill_not_ready, bill_http_500, bill_truncated, bill_wrong_encoding, bill_broken_row, bill_same_day (the real
    platform makes a bill the next morning; at rest the sandbox makes it at once).
    Couriers: waybill_no_numbers and waybill_pool (prepaid numbers), courier_http_500 (not processed), courier_silent
    (processed, the connection is cut), courier_slow_ms, courier_rate_limit (calls a second, 0 = none), scan_every_s
    (pace of a followed parcel, 0 = it stands still), scan_duplicates, scan_disorder (an older push comes after a newer
    one), tracking_abort (nothing is found of any parcel).
    Pace: ship_after_s, receive_after_s, background_per_min (orders of the background shop), wms_callback_url.
    """

    duplicates: float = 0.0
    disorder: float = 0.0
    delay_s: float = 0.0
    lost_messages: float = 0.0
    redeliver_after_s: float = 30.0
    rate_limit: int = 0
    token_expired: bool = False
    http_500: float = 0.0
    garbage: float = 0.0
    no_answer: float = 0.0
    hostile: float = 0.0
    huge_answer: float = 0.0
    slow_ms: int = 0
    page_shifts: float = 0.0
    clock_skew_s: float = 0.0
    token_life_s: float = 0.0
    hostile_pushes: float = 0.0
    hold_s: float = 0.0
    clear_receivers: bool = False
    split_orders: float = 0.0
    settle_short: float = 0.0
    settle_fee_off: float = 0.0
    wms_http_500: float = 0.0
    wms_garbage: float = 0.0
    wms_silent: float = 0.0
    wms_refuse: float = 0.0
    wms_confirm_duplicates: float = 0.0
    wms_reject_later: float = 0.0
    wms_lack: float = 0.0
    wms_two_parcels: float = 0.0
    wms_progress: float = 0.0
    wms_refuse_cancel: bool = False
    wms_receive_short: float = 0.0
    wms_receive_after_s: float = 3.0
    wms_retry_s: float = 1.0
    bill_not_ready: bool = False
    bill_http_500: bool = False
    bill_truncated: bool = False
    bill_wrong_encoding: bool = False
    bill_broken_row: bool = False
    bill_same_day: bool = True
    waybill_no_numbers: bool = False
    waybill_pool: int = 100_000
    courier_http_500: float = 0.0
    courier_silent: float = 0.0
    courier_slow_ms: int = 0
    courier_rate_limit: int = 0
    scan_every_s: float = 20.0
    scan_duplicates: float = 0.0
    scan_disorder: float = 0.0
    tracking_abort: bool = False
    ship_after_s: float = 3.0
    receive_after_s: float = 5.0
    background_per_min: float = 0.0
    wms_callback_url: str = "http://127.0.0.1:8000/qimen/{customerId}/"
    push_callback_url: str = "http://127.0.0.1:8000/channels/{platform}/{token}/"
    platforms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, platform: str) -> Switches:
        """The switches as they stand for one platform."""
        own = self.platforms.get(platform)
        return replace(self, **own, platforms={}) if own else self


_SHARES = {
    "duplicates",
    "disorder",
    "lost_messages",
    "http_500",
    "garbage",
    "no_answer",
    "hostile",
    "huge_answer",
    "page_shifts",
    "hostile_pushes",
    "split_orders",
    "settle_short",
    "settle_fee_off",
    "wms_http_500",
    "wms_garbage",
    "wms_silent",
    "wms_refuse",
    "wms_confirm_duplicates",
    "courier_http_500",
    "courier_silent",
    "scan_duplicates",
    "scan_disorder",
}
_SIGNED = {"clock_skew_s"}
# What may differ from platform to platform.
OF_A_PLATFORM = (
    "duplicates",
    "disorder",
    "delay_s",
    "lost_messages",
    "redeliver_after_s",
    "rate_limit",
    "token_expired",
    "token_life_s",
    "http_500",
    "garbage",
    "no_answer",
    "hostile",
    "huge_answer",
    "slow_ms",
    "hold_s",
    "page_shifts",
    "clock_skew_s",
    "hostile_pushes",
    "clear_receivers",
    "split_orders",
    "settle_short",
    "settle_fee_off",
)


def changed(switches: Switches, wanted: Mapping[str, Any]) -> Switches:
    """The switches with these values. Raises ValueError naming an unknown switch or a value that does not fit.

    platforms: what it names of a platform is added to what that does otherwise already; null lets it do as the rest.
    """
    values = dict(wanted)
    own = {platform: dict(does) for platform, does in switches.platforms.items()}
    for platform, does in _platforms_of(values).items():
        if does is None:
            own.pop(platform, None)
        else:
            own[platform] = own.get(platform, {}) | _checked(does, OF_A_PLATFORM)
    common = _checked(values, [item.name for item in fields(Switches) if item.name != "platforms"])
    return replace(switches, **common, platforms=own)


def _platforms_of(values: dict[str, Any]) -> Mapping[str, Mapping[str, Any] | None]:
    wanted = values.pop("platforms", None) or {}
    if not isinstance(wanted, Mapping):
        raise ValueError('platforms: an object such as {"jd": {"slow_ms": 900}}')
    if unknown := set(wanted) - set(TRAITS):
        raise ValueError(f"no platform {', '.join(sorted(unknown))}; there are: {', '.join(sorted(TRAITS))}")
    return wanted


def _checked(wanted: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    kinds = {item.name: str(item.type) for item in fields(Switches)}
    for name, value in wanted.items():
        if name not in names:
            raise ValueError(f"no switch {name!r}; there are: {', '.join(sorted(names))}")
        kind = kinds[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {
            "bool": isinstance(value, bool),
            "str": isinstance(value, str),
            "int": number and value >= 0 and int(value) == value,
            "float": number and (value >= 0 or name in _SIGNED) and (name not in _SHARES or value <= 1),
        }[kind]
        if not fits:
            raise ValueError(f"switch {name}: {value!r} does not fit ({'share 0..1' if name in _SHARES else kind})")
    return dict(wanted)
