"""The verbs of finance, by subject."""

from finance.services.by_hand import Booked, HandPayment, book_payments
from finance.services.closing import close_day, sign_off
from finance.services.excess import Excess, excess_of, keep_excess, refund_excess
from finance.services.exports import export_statement_lines
from finance.services.fetching import fetch_statement
from finance.services.matching import match_statement
from finance.services.payments import BALANCE, PaymentFact, record_payments, record_refunds
from finance.services.settlements import (
    BookedSettlements,
    book_settlements,
    look_at_settlements,
    sign_off_settlements,
)
from finance.services.statements import import_bill_file, import_statement

__all__ = [
    "BALANCE",
    "Booked",
    "BookedSettlements",
    "Excess",
    "HandPayment",
    "PaymentFact",
    "book_payments",
    "book_settlements",
    "close_day",
    "excess_of",
    "export_statement_lines",
    "fetch_statement",
    "import_bill_file",
    "import_statement",
    "keep_excess",
    "look_at_settlements",
    "match_statement",
    "record_payments",
    "record_refunds",
    "refund_excess",
    "sign_off",
    "sign_off_settlements",
]
