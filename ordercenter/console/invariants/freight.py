"""Contracts with couriers, and what couriers bill."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from fulfillment.services.freight_cases import CODES
from fulfillment.states import FREIGHT_DIFFERENCES
from ordercenter.console.invariants.base import Check
from ordercenter.console.invariants.sql import quoted

_DIFFERENCES = quoted(FREIGHT_DIFFERENCES)
_CASES = ", ".join(f"('{verdict}', '{code}')" for verdict, code in CODES.items())

# Two prices for one parcel: neither the router nor the check of a bill would know which.
_OVERLAP = """
SELECT 'courier_contract:' || a.id, format('holds beside courier_contract:%%s', b.id)
FROM fulfillment_couriercontract a
JOIN fulfillment_couriercontract b ON b.warehouse_id = a.warehouse_id AND b.product_id = a.product_id AND b.id > a.id
WHERE a.is_active AND b.is_active
  AND daterange(a.valid_from, a.ends_on) && daterange(b.valid_from, b.ends_on)
UNION ALL
SELECT 'courier_contract:' || a.contract_id, format('peak fees of %%s and %%s at one time', a.starts_on, b.starts_on)
FROM fulfillment_peakfee a JOIN fulfillment_peakfee b ON b.contract_id = a.contract_id AND b.id > a.id
WHERE daterange(a.starts_on, a.ends_on) && daterange(b.starts_on, b.ends_on)
"""

# A tier begins where the one before it ends, so that what is kept of it is its end: ends that do not ascend overlap.
_RATES = """
SELECT 'courier_contract:' || r.contract_id, format('zone %%L is there %%s times', r.zone, count(*))
FROM fulfillment_courierrate r JOIN fulfillment_couriercontract c ON c.id = r.contract_id
WHERE c.is_active GROUP BY r.contract_id, r.zone HAVING count(*) > 1
UNION ALL
SELECT 'courier_rate:' || r.id, format('tiers %%s do not follow each other', r.tiers)
FROM fulfillment_courierrate r
JOIN fulfillment_couriercontract c ON c.id = r.contract_id
CROSS JOIN LATERAL (
    SELECT up_to, fee, lag(up_to, 1, 0::numeric) OVER (ORDER BY place) AS before
    FROM (SELECT place, (tier ->> 0)::numeric AS up_to, (tier ->> 1)::numeric AS fee
          FROM jsonb_array_elements(r.tiers) WITH ORDINALITY AS t(tier, place)) numbered) tiers
WHERE c.is_active AND (tiers.up_to <= tiers.before OR tiers.fee < 0)
UNION ALL
SELECT 'courier_rate:' || r.id, format('weights %%s and %%s g, rounded up to %%s g', r.first_weight_g, r.step_weight_g,
                                       c.rounding_g)
FROM fulfillment_courierrate r JOIN fulfillment_couriercontract c ON c.id = r.contract_id
WHERE c.is_active AND c.rounding_g > 0
  AND (r.first_weight_g %% c.rounding_g > 0 OR r.step_weight_g %% c.rounding_g > 0)
"""

_TOTALS = """
SELECT 'freight_bill:' || b.id,
       format('says %%s lines and %%s, its lines say %%s and %%s', b.line_count, b.amount_total, l.lines, l.amount)
FROM fulfillment_freightbill b
CROSS JOIN LATERAL (SELECT count(*) AS lines, COALESCE(sum(amount), 0) AS amount
                    FROM fulfillment_freightline WHERE bill_id = b.id AND line_no > 0) l
WHERE (b.line_count, b.amount_total) <> (l.lines, l.amount)
UNION ALL
SELECT 'freight_bill:' || bill_id, format('row %%s is there %%s times', line_no, count(*))
FROM fulfillment_freightline WHERE line_no > 0 GROUP BY bill_id, line_no HAVING count(*) > 1
"""

_CLOSED = f"""
SELECT 'freight_bill:' || b.id, format('closed with line %%s: %%s', l.line_no, l.verdict)
FROM fulfillment_freightbill b JOIN fulfillment_freightline l ON l.bill_id = b.id
WHERE b.state = 'closed' AND l.verdict IN ({_DIFFERENCES})
UNION ALL
SELECT 'freight_bill:' || b.id, format('line %%s is signed off without a reason', l.line_no)
FROM fulfillment_freightbill b JOIN fulfillment_freightline l ON l.bill_id = b.id
WHERE b.state <> 'withdrawn' AND l.verdict = 'signed_off' AND (l.signed_off_reason = '' OR l.found_verdict = '')
"""

# One parcel is paid once, and once more for its way back: one line of the bills that count may be matched for each.
_ONCE = """
SELECT 'parcel:' || l.parcel_id, format('matched on %%s lines of courier bills', count(*))
FROM fulfillment_freightline l JOIN fulfillment_freightbill b ON b.id = l.bill_id
WHERE b.state <> 'withdrawn' AND l.verdict = 'matched'
GROUP BY l.parcel_id, l.detail -> 'return_percent' IS NOT NULL HAVING count(*) > 1
"""

_HAVE_CASES = f"""
SELECT DISTINCT 'freight_bill:' || b.id, l.verdict
FROM fulfillment_freightbill b
JOIN fulfillment_freightline l ON l.bill_id = b.id
JOIN (VALUES {_CASES}) AS code(verdict, code) ON code.verdict = l.verdict
WHERE b.state = 'open'
  AND NOT EXISTS (SELECT FROM cases_case c WHERE c.subject = 'freight_bill:' || b.id AND c.code = code.code)
"""

CHECKS = (
    Check(
        "one_contract_at_a_time",
        _("At most one contract of a warehouse and courier product holds on a day, with one peak fee"),
        _OVERLAP,
    ),
    Check(
        "rates_are_whole",
        _("The rates of each active contract name a zone once, with weights that follow each other"),
        _RATES,
    ),
    Check("freight_bills_add_up", _("The totals of each courier bill are the sums of its lines"), _TOTALS),
    Check("closed_freight_bills_are_clean", _("No closed courier bill has a line that nobody decided"), _CLOSED),
    Check("parcels_are_paid_once", _("No parcel is accepted on two lines of courier bills"), _ONCE),
    Check("freight_differences_have_cases", _("Each kind of difference of a courier bill has a case"), _HAVE_CASES),
)
