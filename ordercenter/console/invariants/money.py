"""Payments, refunds and the bills of payment providers."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from finance.states import DIFFERENCES
from ordercenter.console.invariants.base import Check
from ordercenter.console.invariants.sql import quoted

_DIFFERENCES = quoted(DIFFERENCES)

_TOTAL = """
SELECT 'order:' || id,
       format('%%s goods, %%s discount, %%s freight, total %%s', goods_amount, discount_amount, freight_amount,
              total_amount)
FROM orders_order WHERE goods_amount - discount_amount + freight_amount <> total_amount
"""

_SHARES = """
SELECT 'order:' || o.id, format('total %%s, freight %%s, lines %%s', o.total_amount, o.freight_amount, l.shares)
FROM orders_order o
JOIN (SELECT order_id, sum(paid_share) AS shares FROM orders_orderline GROUP BY 1) l ON l.order_id = o.id
WHERE l.shares + o.freight_amount <> o.total_amount
"""

# An amount that is not what is due is booked all the same, and the order waits with a case: it is not paid.
_PAID = """
SELECT 'order:' || o.id, format('paid %%s, entries %%s', o.paid_amount, p.paid)
FROM orders_order o
JOIN (SELECT order_id, sum(amount) AS paid FROM finance_paymententry WHERE kind = 'payment' GROUP BY 1) p
     ON p.order_id = o.id
WHERE CASE
    WHEN o.paid_at IS NOT NULL OR o.paid_amount > 0 OR o.state = 'awaiting_balance' THEN o.paid_amount <> p.paid
    ELSE NOT EXISTS (SELECT FROM orders_hold h WHERE h.order_id = o.id AND h.code = 'PAYMENT_MISMATCH')
END
"""

_REFUNDED = """
SELECT 'order:' || o.id,
       format('refunded %%s, entries %%s, refunds that succeeded %%s', o.refunded_amount, COALESCE(p.refunded, 0),
              COALESCE(r.refunded, 0))
FROM orders_order o
LEFT JOIN (
    SELECT order_id, COALESCE(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded,
           bool_or(kind = 'payment') AS was_booked
    FROM finance_paymententry GROUP BY 1) p ON p.order_id = o.id
LEFT JOIN (SELECT order_id, sum(amount) AS refunded FROM orders_refundrequest WHERE status = 'refunded' GROUP BY 1) r
     ON r.order_id = o.id
WHERE o.refunded_amount <> COALESCE(r.refunded, 0)
   OR (p.was_booked AND o.refunded_amount <> p.refunded)
"""

_WITHIN = """
SELECT 'order:' || id, format('paid %%s, refunded %%s', paid_amount, refunded_amount)
FROM orders_order WHERE refunded_amount > paid_amount OR refunded_amount < 0 OR paid_amount < 0
UNION ALL
SELECT 'order:' || order_id, format('entries: paid %%s, refunded %%s', paid, refunded)
FROM (
    SELECT order_id, COALESCE(sum(amount) FILTER (WHERE kind = 'payment'), 0) AS paid,
           COALESCE(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded
    FROM finance_paymententry GROUP BY 1) p
WHERE refunded > paid
"""

# Freight may come back with the last line.
_LINE_REFUNDS = """
SELECT 'order:' || o.id, format('channel line %%s: paid %%s, refunded %%s', r.channel_line_no, l.shares, r.refunded)
FROM orders_order o
JOIN (SELECT order_id, channel_line_no, sum(amount) AS refunded FROM orders_refundrequest
      WHERE status = 'refunded' AND channel_line_no <> '' GROUP BY 1, 2) r ON r.order_id = o.id
CROSS JOIN LATERAL (SELECT COALESCE(sum(paid_share), 0) AS shares FROM orders_orderline
                    WHERE order_id = o.id AND channel_line_no = r.channel_line_no) l
WHERE r.refunded > l.shares + o.freight_amount
"""

_TWICE = """
SELECT 'order:' || o.id, format('total %%s, paid %%s in %%s payments', o.total_amount, p.paid, p.entries)
FROM orders_order o
JOIN (SELECT order_id, sum(amount) AS paid, count(*) AS entries FROM finance_paymententry
      WHERE kind = 'payment' GROUP BY 1) p ON p.order_id = o.id
WHERE p.paid > o.total_amount
  AND NOT EXISTS (SELECT FROM orders_hold h WHERE h.order_id = o.id AND h.code = 'PAYMENT_MISMATCH')
"""

_STATEMENTS = """
SELECT 'statement:' || s.id,
       format('says %%s lines, %%s paid, %%s refunded, %%s fees; its lines say %%s, %%s, %%s, %%s', s.line_count,
              s.payment_total, s.refund_total, s.fee_total, l.lines, l.paid, l.refunded, l.fees)
FROM finance_statement s
CROSS JOIN LATERAL (
    SELECT count(*) AS lines, COALESCE(sum(amount) FILTER (WHERE kind = 'payment'), 0) AS paid,
           COALESCE(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded, COALESCE(-sum(fee), 0) AS fees
    FROM finance_statementline WHERE statement_id = s.id AND line_no > 0) l
WHERE (s.line_count, s.payment_total, s.refund_total, s.fee_total) <> (l.lines, l.paid, l.refunded, l.fees)
"""

_MATCHES = """
SELECT 'statement_line:' || l.id, 'matched, but with nothing'
FROM finance_statementline l LEFT JOIN finance_match m ON m.line_id = l.id
WHERE l.verdict = 'matched' AND m.line_id IS NULL
UNION ALL
SELECT 'statement_line:' || m.line_id, format('%%s, matched with payment_entry:%%s that is other money', l.verdict,
                                              m.entry_id)
FROM finance_match m
LEFT JOIN finance_statementline l ON l.id = m.line_id
LEFT JOIN finance_paymententry e ON e.id = m.entry_id
WHERE l.id IS NULL OR e.id IS NULL OR l.verdict <> 'matched' OR l.kind <> e.kind OR l.external_no <> e.external_no
   OR l.request_no <> e.request_no
   OR l.amount <> CASE e.kind WHEN 'payment' THEN e.amount ELSE -e.amount END
   OR l.fee <> CASE e.kind WHEN 'payment' THEN -e.expected_fee ELSE e.expected_fee END
"""

_CLOSED = f"""
SELECT 'statement:' || s.id, format('closed with line %%s: %%s', l.line_no, l.verdict)
FROM finance_statement s JOIN finance_statementline l ON l.statement_id = s.id
WHERE s.state = 'closed' AND l.verdict <> 'matched' AND l.verdict IN ({_DIFFERENCES})
"""

_DIFFERENCE_CASES = f"""
SELECT 'statement_line:' || l.id, l.verdict
FROM finance_statementline l
WHERE l.verdict <> 'matched' AND l.verdict IN ({_DIFFERENCES})
  AND NOT EXISTS (SELECT FROM cases_case c WHERE c.subject = 'statement_line:' || l.id AND c.code = 'SETTLEMENT_DIFF')
"""

_SETTLEMENTS = """
SELECT 'settlement:' || s.id, format('%%s and %%s, its movements %%s and %%s', s.paid, s.net, COALESCE(e.paid, 0),
                                     COALESCE(e.net, 0))
FROM finance_ordersettlement s
LEFT JOIN (SELECT shop_id, channel_order_no, sum(paid) AS paid, sum(subsidies) AS subsidies, sum(fee_total) AS fees,
                  sum(net) AS net, bool_and(sums_hold) AS adds_up
           FROM finance_settlemententry GROUP BY 1, 2) e USING (shop_id, channel_order_no)
WHERE (s.paid, s.subsidies, s.fee_total, s.net, s.adds_up)
   <> (COALESCE(e.paid, 0), COALESCE(e.subsidies, 0), COALESCE(e.fees, 0), COALESCE(e.net, 0),
       COALESCE(e.adds_up, true))
UNION ALL
SELECT 'settlement_entry:' || e.id, 'of an order that nobody judges'
FROM finance_settlemententry e
WHERE e.channel_order_no <> '' AND NOT EXISTS (
  SELECT FROM finance_ordersettlement s WHERE s.shop_id = e.shop_id AND s.channel_order_no = e.channel_order_no)
"""

_SETTLEMENT_CASES = """
SELECT 'settlement:' || s.id, s.verdict
FROM finance_ordersettlement s
WHERE s.verdict NOT IN ('waiting', 'matched', 'signed_off')
  AND NOT EXISTS (SELECT FROM cases_case c WHERE c.subject = 'settlement:' || s.id
                  AND c.code IN ('PAYOUT_DIFF', 'PAYOUT_MISSING'))
"""

CHECKS = (
    Check("order_total_adds_up", _("Goods less discount and with freight are the total of each order"), _TOTAL),
    Check("paid_shares_add_up", _("What the lines of an order pay and its freight are its total"), _SHARES),
    Check("paid_is_sum_of_payments", _("What an order has been paid is the sum of its payment entries"), _PAID),
    Check(
        "refunded_is_sum_of_refunds",
        _("What an order has been refunded is the sum of its refund entries and of its refunds that succeeded"),
        _REFUNDED,
    ),
    Check("refunds_within_payments", _("No order has been refunded more than was paid"), _WITHIN),
    Check("refunds_within_shares", _("No line has been refunded more than was paid for it"), _LINE_REFUNDS),
    Check("paid_once", _("No order has been paid twice"), _TWICE),
    Check("statements_add_up", _("The totals of each bill are the sums of its lines"), _STATEMENTS),
    Check("matches_are_the_same_money", _("A matched line of a bill and its entry are the same money"), _MATCHES),
    Check("closed_days_are_clean", _("No closed day has a difference that nobody decided"), _CLOSED),
    Check("differences_have_cases", _("Each difference of a bill has a case"), _DIFFERENCE_CASES),
    Check(
        "settlements_add_up",
        _("How an order stands by its platform is the sum of the platform's movements"),
        _SETTLEMENTS,
    ),
    Check(
        "settlement_differences_have_cases",
        _("Each settlement that differs from our books has a case"),
        _SETTLEMENT_CASES,
    ),
)
