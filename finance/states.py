"""The states of statements and their lines."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class EntryKind(models.TextChoices):
    PAYMENT = "payment", _("Payment")
    REFUND = "refund", _("Refund")


class StatementState(models.TextChoices):
    OPEN = "open", _("Open")
    MATCHED = "matched", _("Matched")
    CLOSED = "closed", _("Closed")


class LineState(models.TextChoices):
    """What became of one line of a bill, or of an entry of ours that the bill does not have."""

    MATCHED = "matched", _("Matched")
    AMOUNT_DIFFERS = "amount_differs", _("Amount differs")
    FEE_DIFFERS = "fee_differs", _("Fee differs")
    NOT_IN_BOOKS = "not_in_books", _("In the bill, not in our books")
    NOT_IN_BILL = "not_in_bill", _("In our books, not in the bill")
    DUPLICATE = "duplicate", _("Twice in the bill")
    SIGNED_OFF = "signed_off", _("Signed off")


DIFFERENCES = (
    LineState.AMOUNT_DIFFERS,
    LineState.FEE_DIFFERS,
    LineState.NOT_IN_BOOKS,
    LineState.NOT_IN_BILL,
    LineState.DUPLICATE,
)


class SettlementKind(models.TextChoices):
    """What a movement of a platform's settlement is about."""

    SALE = "sale", _("Sale")
    REFUND = "refund", _("Refund")
    FEE = "fee", _("Fee")
    OTHER = "other", _("Other")


class SettlementVerdict(models.TextChoices):
    """How what a platform paid out for an order stands to our books."""

    WAITING = "waiting", _("More is to come")
    MATCHED = "matched", _("Matched")
    AMOUNT_DIFFERS = "amount_differs", _("Amount differs")
    FEE_DIFFERS = "fee_differs", _("More fees than agreed")
    SUMS_DIFFER = "sums_differ", _("Does not add up")
    TOLD_ANEW = "told_anew", _("Told again with other amounts")
    NOT_IN_BOOKS = "not_in_books", _("Settled, not in our books")
    NOT_SETTLED = "not_settled", _("Not settled in time")
    SIGNED_OFF = "signed_off", _("Signed off")


SETTLEMENT_DIFFERENCES = (
    SettlementVerdict.AMOUNT_DIFFERS,
    SettlementVerdict.FEE_DIFFERS,
    SettlementVerdict.SUMS_DIFFER,
    SettlementVerdict.TOLD_ANEW,
    SettlementVerdict.NOT_IN_BOOKS,
    SettlementVerdict.NOT_SETTLED,
)
