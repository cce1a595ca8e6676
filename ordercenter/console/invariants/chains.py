"""State machines against their own log, rows against their history, keys against themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalChanges

from ordercenter.cases.states import OPEN_STATES
from ordercenter.common.bulk import has_history
from ordercenter.common.fsm import StateModel
from ordercenter.console.invariants.base import Check
from ordercenter.console.invariants.sql import quoted

# A machine whose births are not logged starts from the state that rows are made in.
_CHAIN = """
SELECT machine || ':' || subject_id, format('%%s starts from %%L, it was %%L', move, src, before)
FROM (SELECT machine, subject_id, move, src,
             lag(dst, 1, start) OVER (PARTITION BY machine, subject_id ORDER BY id) AS before
      FROM audit_state_change
      JOIN unnest(%(machines)s::text[], %(starts)s::text[]) AS m(machine, start) USING (machine)) c
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
WHERE COALESCE(told.dst, real.start) IS DISTINCT FROM real.state
"""


def _machines() -> list[type[StateModel]]:
    return [model for model in apps.get_models() if issubclass(model, StateModel)]


def _name(model: type[models.Model]) -> str:
    return str(model._meta.model_name)


def _first_state(model: type[StateModel]) -> str:
    return str(model._meta.get_field("state").get_default())


def _start(model: type[StateModel]) -> str:
    return "" if model.births_are_logged else _first_state(model)


def _starts() -> Mapping[str, Any]:
    return {"machines": [_name(m) for m in _machines()], "starts": [_start(m) for m in _machines()]}


def _legal_moves() -> Mapping[str, Any]:
    """Every move that a machine may make, births among them."""
    found: set[tuple[str, str, str, str]] = set()
    for model in _machines():
        if model.births_are_logged:
            found.add((_name(model), "create", "", _first_state(model)))
        for step in model._meta.get_field("state").get_all_transitions(model):
            found.add((_name(model), str(step.name), str(step.source), str(step.target)))
    names = ("machines", "moves", "sources", "targets")
    return dict(zip(names, map(list, zip(*sorted(found), strict=True)), strict=True))


def _told() -> str:
    """Rows without any move are in the state in which rows are made; only machines that log no births have such."""
    rows = " UNION ALL ".join(
        f"SELECT '{_name(m)}' AS machine, id AS subject_id, state, '{_start(m)}' AS start FROM {m._meta.db_table}"
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
    historical = getattr(model, model._meta.simple_history_manager_attribute).model
    columns = [str(field.column) for field in historical.tracked_fields]
    ours = ", ".join(f't."{column}"' for column in columns)
    kept = ", ".join(f'h."{column}"' for column in columns)
    return f"""
        SELECT '{_name(model)}:' || t.id,
               CASE WHEN h.history_id IS NULL THEN 'has no history' ELSE 'is not what its newest history row says' END
        FROM {model._meta.db_table} t
        LEFT JOIN LATERAL (SELECT * FROM {historical._meta.db_table} h WHERE h.id = t.id
                           ORDER BY h.history_id DESC LIMIT 1) h ON true
        WHERE h.history_id IS NULL OR ROW({ours}) IS DISTINCT FROM ROW({kept})
    """


def _dangling() -> str:
    """Rows of hot tables name others without a foreign key in the database; here is who looks instead."""
    return " UNION ALL ".join(
        f"""
        SELECT '{_name(model)}:' || t.{model._meta.pk.column},
               format('names {_name(field.related_model)}:%%s, which is not there', t.{field.column})
        FROM {model._meta.db_table} t
        LEFT JOIN {field.related_model._meta.db_table} r ON r.{field.target_field.column} = t.{field.column}
        WHERE t.{field.column} IS NOT NULL AND r.{field.target_field.column} IS NULL
        """
        for model in apps.get_models()
        if not issubclass(model, HistoricalChanges)
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and not field.db_constraint
    )


# Table -> what makes a row one of its kind, and among which rows.
KEYS: tuple[tuple[str, str, str], ...] = (
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
    ("cases_case", "subject, code", f"state IN ({quoted(OPEN_STATES)})"),
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
        for table, columns, among in KEYS
    )


CHECKS = (
    Check(
        "state_chains_unbroken", _("Each move of a state machine starts where the one before it ended"), _CHAIN, _starts
    ),
    Check("state_moves_are_legal", _("Every move of a state machine is one that it may make"), _LEGAL, _legal_moves),
    Check("states_are_told", _("The state of each row is where its last move led"), _told()),
    Check("history_is_true", _("The newest history row of each row says what the row says"), _history()),
    Check("keys_are_unique", _("What must be there once is there once"), _doubles()),
    Check("references_exist", _("What a row names is there"), _dangling()),
)
