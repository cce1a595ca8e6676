"""Asking about parcels that nobody tells us of: the safety net beside the pushes, within the providers' rates."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction

from fulfillment.carriers.errors import CourierError, CourierPaused
from fulfillment.carriers.kuaidi100 import Follow
from fulfillment.carriers.sf import MOST_ROUTES, Sf
from fulfillment.models import Parcel, TrackingAccount
from fulfillment.services.courier_accounts import (
    accounts_for,
    client_of,
    pause_after,
    refuse_while_paused,
    target_of,
)
from fulfillment.services.tracking import ANSWER_KIND, ROUTES_KIND, follows_of, tracker_of, tracking_account
from fulfillment.states import CourierAdapter
from ordercenter.events.inbox import Incoming, receive

logger = structlog.get_logger(__name__)

# A number may be asked about once in thirty minutes. Where nobody tells us we ask every two hours, where somebody
# should but is silent, twice a day.
RATE_RULE = timedelta(minutes=30)
ASK_EVERY = timedelta(hours=2)
ASK_SILENT_EVERY = timedelta(hours=12)
ASK_AT_ONCE = 200
ASKERS = 6

# Open parcels that nobody told us of for too long, oldest question first; each is ours by its new asked_at.
_CLAIM = """
UPDATE fulfillment_parcelwatch SET asked_at = %(now)s
WHERE parcel_id IN (
    SELECT w.parcel_id FROM fulfillment_parcelwatch w
    WHERE w.is_open AND (w.asked_at IS NULL OR w.asked_at <= %(rate)s)
      AND ((w.how IN ('failed', 'aborted', 'waiting') AND (w.asked_at IS NULL OR w.asked_at <= %(often)s))
           OR (w.how = 'subscribed' AND COALESCE(w.heard_at, w.asked_at, %(never)s) <= %(silent)s
               AND (w.asked_at IS NULL OR w.asked_at <= %(silent)s)))
    ORDER BY w.asked_at NULLS FIRST LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING parcel_id
"""


def ask_about_parcels(*, at: datetime, limit: int = ASK_AT_ONCE) -> int:
    """The safety net: ask about open parcels that nobody tells us of; returns how many answers came in.

    Calls outside: never within a transaction. A number is asked about once in thirty minutes at most, whoever asks.
    Answers go through the inbox, as pushes do. SF Express is asked directly where it is our courier.
    """
    claimed = _claim(at, limit)
    if not claimed:
        return 0
    direct = _sf_clients(claimed)
    account = tracking_account()
    answered = sum(_ask_sf(client, numbers) for client, numbers in direct)
    if account is None:
        return answered
    asked_directly = {number for _client, numbers in direct for number in numbers}
    follows = {pk: f for pk, f in follows_of(claimed).items() if f.number not in asked_directly}
    try:
        refuse_while_paused(account)
    except CourierPaused:
        return answered
    return answered + _ask_tracker(account, follows)


def _claim(at: datetime, limit: int) -> list[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "now": at,
                "rate": at - RATE_RULE,
                "often": at - ASK_EVERY,
                "silent": at - ASK_SILENT_EVERY,
                "never": at - timedelta(days=365),
                "limit": limit,
            },
        )
        return sorted(row[0] for row in cursor.fetchall())


def _ask_tracker(account: TrackingAccount, follows: Mapping[int, Follow]) -> int:
    client, target = tracker_of(account), target_of(account)

    def ask(follow: Follow) -> tuple[bytes | None, CourierError | None]:
        try:
            return client.query(follow), None
        except CourierError as error:
            return None, error

    with ThreadPoolExecutor(ASKERS) as pool:
        answers = list(pool.map(ask, follows.values()))
    messages = []
    for follow, (body, error) in zip(follows.values(), answers, strict=True):
        if body is not None:
            messages.append(_incoming(target, ANSWER_KIND, follow.number, body))
        elif error is not None:
            logger.warning("tracking.question_failed", number=follow.number, code=error.code, error=str(error)[:200])
            pause_after(target, error)
    receive(messages)
    return len(messages)


def _sf_clients(parcel_ids: Sequence[int]) -> list[tuple[Sf, list[str]]]:
    """SF accounts of our own with the numbers to ask them for: ten at most in a call."""
    rows = Parcel.objects.filter(pk__any_of=list(parcel_ids), carrier__code="SF").values_list(
        "shipment__warehouse_id", "carrier_id", "tracking_no"
    )
    lanes: dict[tuple[int, int], list[str]] = defaultdict(list)
    for warehouse_id, carrier_id, number in rows:
        lanes[warehouse_id, carrier_id].append(number)
    found: list[tuple[Sf, list[str]]] = []
    for lane, account in accounts_for(lanes).items():
        client = client_of(account) if account.adapter == CourierAdapter.SF else None
        if isinstance(client, Sf):
            numbers = lanes[lane]
            found.extend((client, numbers[at : at + MOST_ROUTES]) for at in range(0, len(numbers), MOST_ROUTES))
    return found


def _ask_sf(client: Sf, numbers: Sequence[str]) -> int:
    try:
        body = client.routes(numbers)
    except CourierError as error:
        logger.warning("tracking.question_failed", numbers=len(numbers), code=error.code, error=str(error)[:200])
        return 0
    receive([_incoming("courier:sf", ROUTES_KIND, numbers[0], body)])
    return len(numbers)


def _incoming(source: str, kind: str, number: str, body: bytes) -> Incoming:
    digest = hashlib.sha256(body).hexdigest()
    return Incoming(
        source=source, kind=kind, message_id=f"{number}:{digest[:48]}", subject=f"parcel:{number}"[:96], body=body
    )
