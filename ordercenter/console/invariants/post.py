"""The post office and the flows: nothing is lost, nothing waits for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ordercenter.console.invariants.base import Check
from ordercenter.console.invariants.sql import quoted
from ordercenter.events import registry
from ordercenter.events.tasks import KEEP_DONE
from ordercenter.orders.states import OrderState

# Paid, and nothing but our own flow to wait for.
_ON_ITS_WAY = quoted(
    (
        OrderState.PREPROCESSING,
        OrderState.DELAYED_REVIEW,
        OrderState.PENDING_REVIEW,
        OrderState.PENDING_FINANCE_REVIEW,
        OrderState.APPROVED,
        OrderState.AWAITING_SUPPLY,
    )
)

# A handler is told of what is recorded after it was installed; done deliveries are dropped after a time.
_TOLD = """
WITH wanted AS (
    SELECT e.id, e.name, h.handler
    FROM events_event e JOIN unnest(%(events)s::text[], %(handlers)s::text[]) AS h(name, handler) USING (name)
    WHERE e.recorded_at > %(kept_from)s
), known AS (
    SELECT w.name, d.handler, min(d.event_id) AS first
    FROM events_delivery d JOIN wanted w ON w.id = d.event_id AND w.handler = d.handler GROUP BY 1, 2
)
SELECT 'event:' || w.id, format('%%s was never given to %%s', w.name, w.handler)
FROM wanted w JOIN known k USING (name, handler)
WHERE w.id > k.first
  AND NOT EXISTS (SELECT FROM events_delivery d WHERE d.event_id = w.id AND d.handler = w.handler)
"""

_DELIVERIES = """
SELECT 'delivery:' || id, format('%%s of %%s waits since %%s', handler, subject, due_at)
FROM events_delivery WHERE status IN ('waiting', 'sending') AND due_at < %(stale_before)s
"""

_INBOX = """
SELECT 'message:' || id, format('%%s of %%s waits since %%s', kind, source, due_at)
FROM events_inbox WHERE status IN ('waiting', 'sending') AND due_at < %(stale_before)s
"""

_COMMANDS = """
SELECT 'command:' || id, format('%%s to %%s is %%s since %%s', kind, target, status, COALESCE(lease_until, due_at))
FROM events_outgoing
WHERE (status = 'waiting' AND due_at < %(stale_before)s)
   OR (status = 'sending' AND COALESCE(lease_until, due_at) < %(stale_before)s)
"""

_TIMERS = """
SELECT 'timer:' || id, format('%%s is due since %%s', key, due_at)
FROM events_timer WHERE fired_at IS NULL AND cancelled_at IS NULL AND due_at < %(stale_before)s
"""

# The case is opened by a handler: it may still be on its way.
_PARKED = """
SELECT p.subject, p.found
FROM (
    SELECT 'message:' || id AS subject, format('parked: %%s', left(error, 80)) AS found,
           'cases.message_parked' AS handler
    FROM events_inbox WHERE status = 'parked'
    UNION ALL
    SELECT 'delivery:' || id, format('parked at %%s: %%s', handler, left(error, 80)), 'cases.delivery_parked'
    FROM events_delivery WHERE status = 'parked'
) p
WHERE NOT EXISTS (SELECT FROM cases_case c WHERE c.subject = p.subject)
  AND NOT EXISTS (SELECT FROM events_delivery d WHERE d.handler = p.handler AND d.subject = p.subject
                  AND d.status = 'waiting')
"""

# Whoever makes a case of a failed call of his own kind says it of what the call was about.
# That a warehouse did not stop a shipment is said by the case of its order.
_FAILED = """
SELECT 'command:' || o.id, format('%%s was %%s', o.kind, o.status)
FROM events_outgoing o
WHERE o.status IN ('refused', 'dead') AND o.flow_run_id IS NULL
  AND NOT EXISTS (SELECT FROM cases_case c WHERE c.subject = 'command:' || o.id
                  OR (c.subject = o.subject AND (c.closed_at IS NULL OR c.closed_at >= o.created_at)))
  AND NOT EXISTS (SELECT FROM fulfillment_shipmentline l JOIN cases_case c ON c.subject = 'order:' || l.order_id
                  WHERE o.kind = 'qimen.order.cancel' AND o.subject = 'shipment:' || l.shipment_id
                  AND c.code = 'INTERCEPT_FAILED')
  AND NOT EXISTS (SELECT FROM fulfillment_shipment s
                  -- The parcel was faster than the call: what that means was told when it left.
                  WHERE o.kind = 'qimen.order.cancel' AND o.subject = 'shipment:' || s.id
                  AND s.shipped_at <= o.answered_at)
  AND NOT EXISTS (SELECT FROM events_delivery d WHERE d.handler = 'cases.command_failed' AND d.subject = o.subject
                  AND d.status = 'waiting')
"""

# A run that waits for an event waits for the outside; its flow says for how long.
_RUNS = """
SELECT 'run:' || r.id, format('%%s waits at %%s for %%s', r.subject, r.node, r.waits_for)
FROM workflow_flowrun r
WHERE r.status = 'waiting' AND r.changed_at < %(stale_before)s AND r.waits_for NOT LIKE 'event:%%'
  AND NOT EXISTS (
      SELECT FROM events_outgoing o WHERE o.flow_run_id = r.id
      AND (o.status IN ('waiting', 'sending') OR o.answered_at > %(stale_before)s))
  AND NOT EXISTS (
      SELECT FROM events_timer t WHERE t.key = 'run:' || r.id || ':' || r.node AND t.cancelled_at IS NULL
      AND (t.fired_at IS NULL OR t.fired_at > %(stale_before)s))
"""

_LIMBO = f"""
SELECT 'order:' || o.id, format('%%s since %%s: no hold, no flow, nothing on its way', o.state, s.since)
FROM orders_order o
CROSS JOIN LATERAL (SELECT max(at) AS since FROM audit_state_change
                    WHERE machine = 'order' AND subject_id = o.id) s
WHERE o.state IN ({_ON_ITS_WAY}) AND NOT o.is_on_hold AND s.since < %(stale_before)s
  AND NOT EXISTS (SELECT FROM workflow_flowrun r WHERE r.subject = 'order:' || o.id AND r.status = 'waiting')
  AND NOT EXISTS (SELECT FROM events_delivery d
                  WHERE d.subject = 'order:' || o.id AND d.status IN ('waiting', 'parked'))
"""

_UNREPORTED = """
SELECT 'shipment:' || s.id, format('left at %%s, its channel does not know', s.shipped_at)
FROM fulfillment_shipment s
JOIN channels_sync_channelaccount a ON a.shop_id = s.shop_id AND a.is_active
WHERE s.state IN ('shipped', 'delivered') AND s.reported_at IS NULL AND s.shipped_at < %(stale_before)s
  AND EXISTS (SELECT FROM fulfillment_parcel p WHERE p.shipment_id = s.id)
  AND NOT EXISTS (SELECT FROM events_event e WHERE e.subject = 'shipment:' || s.id
                  AND e.name = 'fulfillment.tracking.withheld')
  AND NOT EXISTS (SELECT FROM workflow_flowrun r WHERE r.subject = 'shipment:' || s.id
                  AND r.status IN ('waiting', 'stopped'))
  AND NOT EXISTS (SELECT FROM events_delivery d WHERE d.subject = 'shipment:' || s.id
                  AND d.status IN ('waiting', 'parked'))
"""


def _handlers() -> Mapping[str, Any]:
    """Handlers that want every event of a name; what one that picks and chooses left out, only its own code can say."""
    pairs = [
        (event.name, handler.name)
        for handler in registry.handlers().values()
        if handler.when is None
        for event in handler.events
    ]
    return {
        "events": [name for name, _handler in pairs],
        "handlers": [handler for _name, handler in pairs],
        "kept_from": timezone.now() - KEEP_DONE,
    }


CHECKS = (
    Check("facts_reach_their_handlers", _("Every fact was given to every handler that wants it"), _TOLD, _handlers),
    Check("no_delivery_waits", _("No fact waits too long for its handler"), _DELIVERIES),
    Check("no_message_waits", _("No message of the outside waits too long to be read"), _INBOX),
    Check("no_command_waits", _("No call to the outside waits too long to be made"), _COMMANDS),
    Check("no_timer_waits", _("No timer is overdue"), _TIMERS),
    Check("parked_has_case", _("What was set aside has a case"), _PARKED),
    Check("failed_command_has_case", _("A call that was refused or given up has a case"), _FAILED),
    Check("no_run_waits_for_nothing", _("Each waiting flow waits for something that can come"), _RUNS),
    Check("no_order_in_limbo", _("Each paid order is held, in a flow, or at the warehouse"), _LIMBO),
    Check("parcels_are_reported", _("The channel knows of each parcel that left"), _UNREPORTED),
)
