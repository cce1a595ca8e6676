"""Live-stream sessions of a played day: planned before it in rooms of their own, over after it, and compared."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from channels_sync.live import LiveGoods, LivePlan, cancel_sessions, end_sessions, plan_session
from channels_sync.live_models import LiveSession
from channels_sync.sandbox import goods
from channels_sync.sandbox.rooms import DEMO_ROOMS, SHOWN, Room
from channels_sync.states import LiveState
from ordercenter.catalog.models import Sku
from ordercenter.common.money import from_fen
from ordercenter.inventory.models import Warehouse

# This part of what is bought on a platform with rooms is bought in one of them.
LIVE_SHARE = 0.5
ROOMS_EACH = 2
_LONG = timedelta(hours=6)
# What is set aside of each SKU: small enough that a day of thousands sells it out.
_PIECES = 20
_REASON = "played day"

_SALES = """
SELECT o.channel_order_no, min(s.room_id)
FROM channels_sync_livesale v
JOIN orders_order o ON o.id = v.order_id
JOIN channels_sync_livesession s ON s.id = v.session_id
WHERE o.shop_id = ANY(%s) AND o.channel_order_no = ANY(%s)
GROUP BY o.channel_order_no
"""
# Pieces that the locks gave, and those of them that went to orders that are not the session's. What is held before
# payment stands under the order's number.
_GIVEN = """
SELECT COALESCE(sum(r.from_quota), 0), COALESCE(sum(r.from_quota) FILTER (WHERE NOT EXISTS (
           SELECT FROM channels_sync_livesale v WHERE v.session_id = i.session_id
           AND v.order_id = COALESCE(r.order_id, substring(r.holder from '^order:([0-9]+)$')::bigint))), 0)
FROM channels_sync_liveitem i JOIN inventory_reservation r ON r.quota_id = i.quota_id
WHERE i.session_id = ANY(%s)
"""


@dataclass
class LiveDay:
    """Rooms by platform in which the day sells. found: order number -> room of the session that it was given to.

    given: pieces that the sessions' locks gave to orders; to_strangers: those of them that are no session's.
    """

    rooms: Mapping[str, Sequence[Room]] = field(default_factory=dict)
    session_ids: Sequence[int] = ()
    found: dict[str, str] = field(default_factory=dict)
    given: int = 0
    to_strangers: int = 0

    @property
    def spec(self) -> dict[str, object]:
        """What the scenario is told of them."""
        there = {
            platform: [{"room_id": room.room_id, "author_id": room.author_id} for room in rooms]
            for platform, rooms in self.rooms.items()
        }
        return {"rooms": there, "live_share": LIVE_SHARE} if there else {}

    def look(self, *, shop_ids: Collection[int], numbers: Sequence[str]) -> None:
        """Ask our books whose sales these orders are, and who took from the sessions' locks."""
        with connection.cursor() as cursor:
            cursor.execute(_SALES, [sorted(shop_ids), list(numbers)])
            self.found.update(cursor.fetchall())
            cursor.execute(_GIVEN, [list(self.session_ids)])
            self.given, self.to_strangers = map(int, cursor.fetchone())


@contextmanager
def live_day(shops: Mapping[str, int]) -> Iterator[LiveDay]:
    """Sessions on air for the time of the block, two on each platform that has rooms. shops: platform -> shop."""
    sessions: list[LiveSession] = []
    rooms: dict[str, list[Room]] = {}
    try:
        for platform in sorted(set(shops) & set(DEMO_ROOMS)):
            rooms[platform] = []
            for n in range(ROOMS_EACH):
                room = _new_room(n)
                sessions.append(_plan(shops[platform], room, n))
                rooms[platform].append(room)
        yield LiveDay(rooms, [session.pk for session in sessions])
    finally:
        _end([session.pk for session in sessions])


def _new_room(n: int) -> Room:
    """A room that no session was ever in: numbers of the moment."""
    moment = timezone.now()
    return Room(f"73{moment:%m%d%H%M%S%f}{n}", f"69{moment:%H%M%S%f}{n}", f"play {n + 1}")


def _plan(shop_id: int, room: Room, n: int) -> LiveSession:
    """On air since a moment ago. The rooms of a shop divide what is shown: a lock of a SKU is one room's."""
    at = timezone.now()
    house = Warehouse.objects.get(code=goods.WAREHOUSES[-1].code)
    skus = dict(Sku.objects.filter(code__in=[sku.code for sku in SHOWN]).values_list("code", "pk"))
    return plan_session(
        shop_id=shop_id,
        plan=LivePlan(
            title=f"play {at:%Y-%m-%d %H:%M} {n + 1}",
            room_id=room.room_id,
            author_id=room.author_id,
            anchor_name=room.anchor,
            planned_start=at - timedelta(minutes=1),
            planned_end=at + _LONG,
        ),
        goods=[
            LiveGoods(skus[sku.code], house.pk, _PIECES, from_fen(sku.price_fen), Decimal(10))
            for sku in SHOWN[n::ROOMS_EACH]
        ],
        reason=_REASON,
        at=at,
    )


def _end(session_ids: Collection[int]) -> None:
    states = dict(LiveSession.objects.filter(pk__in=session_ids).values_list("pk", "state"))
    on_air = [pk for pk, state in states.items() if state == LiveState.LIVE]
    planned = [pk for pk, state in states.items() if state == LiveState.PLANNED]
    end_sessions(session_ids=on_air, reason=_REASON).raise_first()
    cancel_sessions(session_ids=planned, reason=_REASON).raise_first()
