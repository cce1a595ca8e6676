"""The misbehaviours of the played platforms, and their pace: one switch each, set through the control API.

Shares lie between 0 and 1 and are drawn at random per message or request. A restart forgets all switches, so that
nobody finds a sandbox that misbehaves for reasons long gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Switches:
    """All switches with their resting values.

    Messages: duplicates (come twice: half with the same id although confirmed, half as a new message), disorder (held
    back up to 2 s, so that later ones overtake), delay_s (all of them late), lost_messages (never come; the pull must
    find the trade), redeliver_after_s (an unconfirmed message comes again).
    TOP: rate_limit (calls a second, 0 = none), token_expired, http_500 (not processed), garbage (processed, the answer
    is no JSON), no_answer (processed, the connection is cut), slow_ms (before every answer), clear_receivers
    (older apps).
    hold_s: how long a request without answer is held before the connection is cut.
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
    slow_ms: int = 0
    hold_s: float = 0.0
    clear_receivers: bool = False
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


_SHARES = {
    "duplicates",
    "disorder",
    "lost_messages",
    "http_500",
    "garbage",
    "no_answer",
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


def changed(switches: Switches, wanted: Mapping[str, Any]) -> Switches:
    """The switches with these values. Raises ValueError naming an unknown switch or a value that does not fit."""
    kinds = {item.name: item.type for item in fields(Switches)}
    values: dict[str, Any] = {}
    for name, value in wanted.items():
        if name not in kinds:
            raise ValueError(f"no switch {name!r}; there are: {', '.join(sorted(kinds))}")
        kind = kinds[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {
            "bool": isinstance(value, bool),
            "str": isinstance(value, str),
            "int": number and value >= 0 and int(value) == value,
            "float": number and value >= 0 and (name not in _SHARES or value <= 1),
        }[str(kind)]
        if not fits:
            raise ValueError(f"switch {name}: {value!r} does not fit ({'share 0..1' if name in _SHARES else kind})")
        values[name] = value
    return replace(switches, **values)
