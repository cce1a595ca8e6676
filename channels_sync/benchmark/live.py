"""The board of a live-stream session with very many orders, asked for again and again as its screens do."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from channels_sync.benchmark.goals import Goal, load_now, rows
from channels_sync.benchmark.pipeline import company
from channels_sync.live import LiveGoods, LivePlan, plan_session
from channels_sync.live_models import LiveSession
from channels_sync.sandbox import goods
from ordercenter.catalog.models import Sku
from ordercenter.inventory.models import Warehouse

SHOWN = goods.SKUS[:20]
LOOKS = 300
FEW = 100

# Three lines in two orders, over two hours, of the goods that are shown.
_SALES = """
INSERT INTO channels_sync_livesale (order_id, channel_line_no, shop_id, session_id, room_id, author_id, listing_id,
                                    listing_sku_id, pieces, amount, placed_at)
SELECT n, l::text, %(shop)s, %(session)s, '7301', '', (%(listings)s::text[])[1 + (n + l) %% %(shown)s],
       (%(skus)s::text[])[1 + (n + l) %% %(shown)s], 1 + n %% 3, 59.9 + n %% 40,
       now() - make_interval(secs => n * %(gap)s)
FROM generate_series(%(first)s, %(last)s) n, generate_series(1, 1 + n %% 2) l
"""


def run_live(*, orders: int) -> dict[str, Any]:
    """How long the figures of a board and of a wall's screen take (ms, the whole request), and in how many statements,
    with a few orders and with all.
    """
    session = _session()
    client = Client(headers={"host": "127.0.0.1", "hx-request": "true"})
    client.force_login(get_user_model().objects.create_superuser("bench"))
    figures: dict[str, Any] = {"orders": orders, "load": load_now()}
    goals = []
    _sell(session, 1, FEW, orders)
    for name in ("live-session", "live-wall"):
        figures[f"{name}_statements_for_{FEW}"] = _statements(client, name, session)
    _sell(session, FEW + 1, orders, orders)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE channels_sync_livesale")
    for name in ("live-session", "live-wall"):
        figures[f"{name}_statements"] = _statements(client, name, session)
        waits = _ask(client, name, session)
        figures[f"{name}_ms"] = waits
        goals.append(Goal(f"{name}, p99", "ms", waits["p99"], 50))
    return {**figures, "goals": rows(*goals)}


def _session() -> LiveSession:
    account = company()
    skus = dict(Sku.objects.values_list("code", "pk"))
    house = Warehouse.objects.get(code=goods.WAREHOUSES[0].code)
    now = timezone.now()
    return plan_session(
        shop_id=account.shop_id,
        plan=LivePlan("bench", "7301", "", "", now - timedelta(hours=2), now + timedelta(hours=2)),
        goods=[LiveGoods(skus[sku.code], house.pk, 100, Decimal(59), Decimal(10)) for sku in SHOWN],
        reason="bench",
    )


def _sell(session: LiveSession, first: int, last: int, orders: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _SALES,
            {
                "shop": session.shop_id,
                "session": session.pk,
                "listings": [str(sku.num_iid) for sku in SHOWN],
                "skus": [str(sku.sku_id) for sku in SHOWN],
                "shown": len(SHOWN),
                "gap": 7200 / orders,
                "first": first,
                "last": last,
            },
        )


def _statements(client: Client, name: str, session: LiveSession) -> int:
    with CaptureQueriesContext(connection) as queries:
        client.get(reverse(f"console:{name}", args=[session.pk]))
    return len(queries)


def _ask(client: Client, name: str, session: LiveSession) -> dict[str, float]:
    """Milliseconds of a request: median and 99th percentile."""
    waits = []
    for _look in range(LOOKS):
        began = time.perf_counter()
        answer = client.get(reverse(f"console:{name}", args=[session.pk]))
        waits.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise RuntimeError(f"the board answered {answer.status_code}")
    waits.sort()
    return {"p50": round(waits[LOOKS // 2], 1), "p99": round(waits[LOOKS * 99 // 100], 1)}
