"""The floor that the pipeline is held against: psycopg COPY of the rows of a minimal order, nothing else.

One order = order row (three indexes, one of them unique), 2.5 lines, payment (unique number), shipment, history row
(jsonb), outbox row (jsonb), and guarded stock updates; foreign keys on; 500 orders a transaction; 5,000 SKUs in 4
warehouses.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from typing import Any

import psycopg

from ordercenter.common.sessions import connect_beside

BATCH = 500
SKUS, WAREHOUSES = 5000, 4

_TABLES = """
CREATE SCHEMA floor;
CREATE TABLE floor.orders (id bigserial PRIMARY KEY, channel int NOT NULL, ext_id text NOT NULL, state text NOT NULL,
    total numeric(14,2) NOT NULL, paid_at timestamptz NOT NULL, UNIQUE (channel, ext_id));
CREATE INDEX ON floor.orders (state, paid_at);
CREATE TABLE floor.lines (id bigserial PRIMARY KEY, order_id bigint NOT NULL REFERENCES floor.orders, sku int NOT NULL,
    qty int NOT NULL, price numeric(14,2) NOT NULL);
CREATE INDEX ON floor.lines (order_id);
CREATE TABLE floor.payments (id bigserial PRIMARY KEY, order_id bigint NOT NULL REFERENCES floor.orders,
    txn text NOT NULL UNIQUE, amount numeric(14,2) NOT NULL);
CREATE TABLE floor.shipments (id bigserial PRIMARY KEY, order_id bigint NOT NULL REFERENCES floor.orders,
    warehouse int NOT NULL, state text NOT NULL);
CREATE TABLE floor.history (id bigserial PRIMARY KEY, order_id bigint NOT NULL, at timestamptz NOT NULL, row jsonb);
CREATE TABLE floor.outbox (id bigserial PRIMARY KEY, at timestamptz NOT NULL, body jsonb NOT NULL);
CREATE TABLE floor.stock (sku int, warehouse int, on_hand int NOT NULL, reserved int NOT NULL DEFAULT 0,
    PRIMARY KEY (sku, warehouse), CHECK (reserved <= on_hand));
"""


def run_floor(*, orders: int) -> dict[str, Any]:
    """Write this many minimal orders; orders per second."""
    with connect_beside(autocommit=False) as db:
        db.execute(_TABLES)
        db.execute(
            "INSERT INTO floor.stock (sku, warehouse, on_hand) SELECT s, w, 1000000"
            " FROM generate_series(1, %s) s, generate_series(1, %s) w",
            [SKUS, WAREHOUSES],
        )
        db.commit()
        rng = random.Random(5)
        begun = time.monotonic()
        for first in range(0, orders, BATCH):
            _write_batch(db, range(first, min(orders, first + BATCH)), rng)
            db.commit()
        seconds = time.monotonic() - begun
        db.execute("DROP SCHEMA floor CASCADE")
    return {"orders": orders, "seconds": round(seconds, 3), "orders_per_s": round(orders / seconds)}


def _write_batch(db: psycopg.Connection[Any], numbers: range, rng: random.Random) -> None:
    external = [f"F{n:012d}" for n in numbers]
    known = db.execute("SELECT ext_id FROM floor.orders WHERE channel = 1 AND ext_id = ANY(%s)", [external]).fetchall()
    ids = [
        row[0]
        for row in db.execute(
            "SELECT nextval('floor.orders_id_seq') FROM generate_series(1, %s)", [len(external) - len(known)]
        )
    ]
    at = "2026-11-11 00:00:00+08"
    lines = [(pk, rng.randint(1, SKUS), 1, "19.90") for pk in ids for _ in range(rng.choice((2, 3)))]
    body = json.dumps({"state": "paid", "total": "59.70"})
    for table, columns, rows in (
        (
            "orders",
            "id, channel, ext_id, state, total, paid_at",
            ((pk, 1, number, "dispatched", "59.70", at) for pk, number in zip(ids, external, strict=True)),
        ),
        ("lines", "order_id, sku, qty, price", lines),
        ("payments", "order_id, txn, amount", ((pk, f"T{pk}", "59.70") for pk in ids)),
        ("shipments", "order_id, warehouse, state", ((pk, pk % WAREHOUSES + 1, "planned") for pk in ids)),
        ("history", "order_id, at, row", ((pk, at, body) for pk in ids)),
        ("outbox", "at, body", ((at, body) for _ in ids)),
    ):
        with db.cursor().copy(f"COPY floor.{table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    wanted = Counter((sku, pk % WAREHOUSES + 1) for pk, sku, _, _ in lines)
    keys = sorted(wanted)
    db.execute(
        "UPDATE floor.stock s SET reserved = s.reserved + v.n FROM unnest(%s::int[], %s::int[], %s::int[]) v(sku, w, n)"
        " WHERE s.sku = v.sku AND s.warehouse = v.w AND s.on_hand - s.reserved >= v.n",
        [[sku for sku, _ in keys], [w for _, w in keys], [wanted[key] for key in keys]],
    )
