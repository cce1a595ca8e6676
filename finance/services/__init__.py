"""The verbs of finance, by subject."""

from finance.services.payments import PaymentFact, record_payments, record_refunds

__all__ = ["PaymentFact", "record_payments", "record_refunds"]
