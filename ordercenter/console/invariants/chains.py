"""State machines against their own log, rows against their history, keys against themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.db import models
from django.utils.translation import gettext_lazy as _

from ordercenter.common.bulk import has_history
from ordercenter.common.fsm import StateModel
from ordercenter.console.invariants.base import Check
from ordercenter.console.invariants.sql import quoted

_CHAIN = """
SELECT machine || ':' || subject_id, format('%%s starts from %%L, it was %%L', move, src, before)
FROM (SELECT machine, subject_id, move, src,
             lag(dst, 1, '') OVER (PARTITION BY machine, subject_id ORDER BY id) AS before FROM audit_state_change) c
WHERE src <> before
"""

_LEGAL = """
SELECT c.machine || ':' || c.subject_id, format('%%s from %%L to %%L', c.move, c.src, c.dst)
FROM audit_state_change c
LEFT JOIN unnest(%(machines)s::text[], %(moves)s::text[], %(sources)s::text[], %(targets)s::text[])
     AS legal(machine, move, src, dst) USING (machine, move, src, dst)
WHERE legal.machine IS NULL
"""

_TOLD = """
SELECT machine || ':' || subject_id,
       format('its last move led to %%L, it is %%L', COALESCE(told.dst, ''), COALESCE(real.state, ''))
FROM (SELECT DISTINCT ON (machine, subject_id) machine, subject_id, dst FROM audit_state_change
      ORDER BY machine, subject_id, id DESC) told
FULL JOIN ({rows}) real USING (machine, subject_id)
WHERE told.dst IS DISTINCT FROM real.state
"""


def _machines() -> list[type[StateModel]]:
    return [model for model in apps.get_models() if issubclass(model, StateModel)]


def _legal_moves() -> Mapping[str, Any]:
    """Every move that a machine may make, births among them."""
    found: set[tuple[str, str, str, str]] = set()
    for model in _machines():
        field, machine = model._meta.get_field("state"), str(model._meta.model_name)
        found.add((machine, "create", "", str(field.get_default())))
        for step in field.get_all_transitions(model):  # type: ignore[union-attr]
            found.add((machine, str(step.name), str(step.source), str(step.target)))
    names = ("machines", "moves", "sources", "targets")
    return dict(zip(names, map(list, zip(*sorted(found), strict=True)), strict=True))


def _told() -> str:
    rows = " UNION ALL ".join(
        f"SELECT '{m._meta.model_name}' AS machine, id AS subject_id, state FROM {m._meta.db_table}"
        for m in _machines()
    )
    return _TOLD.format(rows=rows)


def _history() -> str:
    """The newest history row of each row that the unit of work writes says the same as the row, column by column."""
    kept = [model for model in apps.get_models() if has_history(model) and _is_written_by_work(model)]
    return " UNION ALL ".join(_history_of(model) for model in kept)


def _is_written_by_work(model: type[models.Model]) -> bool:
    return issubclass(model, StateModel) or model._meta.label in ("orders.Hold", "orders.RefundRequest")


def _history_of(model: type[models.Model]) -> str:
    historical = getattr(model, model._meta.simple_history_manager_attribute).model  # type: ignore[attr-defined]
    columns = [str(field.column) for field in historical.tracked_fields]
    ours = ", ".join(f't."{column}"' for column in columns)
    kept = ", ".join(f'h."{column}"' for column in columns)
    return f"""
        SELECT '{model._meta.model_name}:' || t.id,
               CASE WHEN h.history_id IS NULL THEN 'has no history' ELSE 'is not what its newest history row says' END
        FROM {model._meta.db_table} t
        LEFT JOIN LATERAL (SELECT * FROM {historical._meta.db_table} h WHERE h.id = t.id
                           ORDER BY h.history_id DESC LIMIT 1) h ON true
        WHERE h.history_id IS NULL OR ROW({ours}) IS DISTINCT FROM ROW({kept})
    """


# Table -> what makes a row one of its kind, and among which rows.
_KEYS: tuple[tuple[str, str, str], ...] = (
    ("orders_order", "shop_id, channel_order_no", ""),
    ("orders_orderline", "order_id, line_no", ""),
    ("orders_hold", "order_id, code", "released_at IS NULL"),
    ("orders_refundrequest", "order_id, channel_refund_no", ""),
    ("inventory_stocklevel", "sku_id, warehouse_id", ""),
    ("inventory_stockmovement", "idempotency_key", ""),
    ("fulfillment_shipment", "code", ""),
    ("fulfillment_shipmentline", "shipment_id, order_line_id", ""),
    ("fulfillment_parcel", "carrier_id, tracking_no", ""),
    ("finance_paymententry", "provider, external_no, kind, request_no", ""),
    ("finance_statement", "provider, account, business_day", ""),
    ("finance_match", "entry_id", ""),
    ("cases_case", "subject, code", "state IN ('open', 'claimed', 'waiting', 'snoozed')"),
    ("events_inbox", "source, kind, message_id", ""),
    ("events_delivery", "event_id, handler", ""),
    ("events_outgoing", "idempotency_key", ""),
    ("events_timer", "key", ""),
    ("workflow_flowrun", "version_id, subject, event_id", ""),
)


def _doubles() -> str:
    return " UNION ALL ".join(
        f"SELECT '{table}', format('%%s rows with {columns} = %%s', count(*), ROW({columns})) FROM {table}"
        f"{' WHERE ' + among if among else ''} GROUP BY {columns} HAVING count(*) > 1"
        for table, columns, among in _KEYS
    )
