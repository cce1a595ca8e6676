"""The verbs of finance, by subject."""

from finance.services.by_hand import Booked, HandPayment, book_payments
from finance.services.closing import close_day, sign_off
from finance.services.exports import export_statement_lines
from finance.services.fetching import fetch_statement
from finance.services.matching import match_statement
from finance.services.payments import PaymentFact, record_payments, record_refunds
from finance.services.statements import import_bill_file, import_statement

__all__ = [
    "Booked",
    "HandPayment",
    "PaymentFact",
    "book_payments",
    "close_day",
    "export_statement_lines",
    "fetch_statement",
    "import_bill_file",
    "import_statement",
    "match_statement",
    "record_payments",
    "record_refunds",
    "sign_off",
]
