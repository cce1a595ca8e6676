"""Money: what was captured and refunded, what the providers' bills say, and how the two meet."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from finance.states import EntryKind, LineState, StatementState
from ordercenter.catalog.models import Shop
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.common.secretfield import SealedField
from ordercenter.orders.models import Order


class ProviderAccount(models.Model):
    """Where the bills of one account at a payment provider are fetched. secrets: sealed JSON of its keys.

    For Alipay the keys are `private_key` (ours, to sign) and `alipay_public_key` (theirs, to check answers).
    """

    provider = models.CharField(_("provider"), max_length=16, choices=[("alipay", _("Alipay"))], default="alipay")
    account = models.CharField(_("account"), max_length=64)
    gateway_url = models.URLField(_("address"), max_length=200)
    app_id = models.CharField(_("application number"), max_length=64)
    secrets = SealedField(_("secrets"))
    bills_from = models.DateField(_("first business day"))
    is_active = models.BooleanField(_("active"), default=True)
    # The sealed secrets stay out of the history: an old key in a second table would be one more to lose.
    history = HistoricalRecords(history_id_field=models.BigAutoField(), excluded_fields=["secrets"])

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")
        constraints = [models.UniqueConstraint(fields=["provider", "account"], name="provider_account_once")]

    def __str__(self) -> str:
        return f"{self.provider} {self.account}"


class PaymentEntry(models.Model):
    """One captured payment or one refund. Appended, never edited. amount is positive for both."""

    order = models.ForeignKey(Order, models.PROTECT, verbose_name=_("order"), related_name="payment_entries")
    # Without a foreign key in the database, as all hot tables towards master data; see orders.Order.shop.
    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_constraint=False, db_index=False)
    kind = models.CharField(_("kind"), max_length=8, choices=EntryKind.choices)
    provider = models.CharField(_("provider"), max_length=16)
    external_no = models.CharField(_("transaction number"), max_length=64)
    # The refund's own number, so that several refunds of one payment stay apart. Empty for payments, "balance" for the
    # balance of a pre-sale that came under the number of its deposit.
    request_no = models.CharField(_("refund request number"), max_length=64, blank=True)
    merchant_no = models.CharField(_("merchant order number"), max_length=64, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    # What the provider should charge by contract; given back on refunds.
    expected_fee = models.DecimalField(_("expected fee"), max_digits=14, decimal_places=2, default=Decimal(0))
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)

    class Meta:
        verbose_name = _("payment entry")
        verbose_name_plural = _("payment entries")
        permissions = [("book_payment", _("Can enter payments by hand"))]
        constraints = [
            models.UniqueConstraint(fields=["provider", "external_no", "kind", "request_no"], name="entry_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="entry_amount_positive"),
            models.CheckConstraint(
                # The balance of a pre-sale may have come under the transaction number of its deposit.
                condition=Q(kind="payment", request_no__in=["", "balance"]) | (Q(kind="refund") & ~Q(request_no="")),
                name="refund_entry_has_number",
            ),
        ]
        indexes = [
            models.Index(fields=["provider", "occurred_at"], name="entry_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_no} {self.amount}"


class Statement(StateModel):
    """The bill of one provider account for one business day. Imported once, however often it is fetched.

    payment_total and refund_total: what payments brought and refunds took, both >= 0; fee_total: what the provider
    kept, less what it gave back.
    """

    provider = models.CharField(_("provider"), max_length=16)
    account = models.CharField(_("account"), max_length=64)
    business_day = models.DateField(_("business day"))
    state = StateField(_("state"), default=StatementState.OPEN, choices=StatementState.choices)
    # Over the rows, not the file: exported again, the same bill is another file with the same rows.
    rows_sha256 = models.CharField(_("digest of the rows"), max_length=64)
    line_count = models.PositiveIntegerField(_("lines"), default=0)
    payment_total = models.DecimalField(_("payments"), max_digits=16, decimal_places=2, default=Decimal(0))
    refund_total = models.DecimalField(_("refunds"), max_digits=16, decimal_places=2, default=Decimal(0))
    fee_total = models.DecimalField(_("fees"), max_digits=16, decimal_places=2, default=Decimal(0))
    imported_at = models.DateTimeField(_("imported at"), default=timezone.now)
    matched_at = models.DateTimeField(_("matched at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        permissions = [
            ("close_statement", _("Can close a business day")),
            ("sign_off_difference", _("Can sign off differences")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["provider", "account", "business_day"], name="statement_once_per_day")
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.account} {self.business_day}"

    @transition(field=state, source=[StatementState.OPEN, StatementState.MATCHED], target=StatementState.MATCHED)
    def mark_matched(self) -> None:
        """Every line has a verdict."""

    @transition(field=state, source=StatementState.MATCHED, target=StatementState.CLOSED)
    def close(self) -> None:
        """All lines matched or signed off; the day is final."""


class StatementLine(models.Model):
    """One line of a bill as the provider gave it, with the verdict of the match.

    amount and fee: what each did to the account, so negative for a refund, and for a fee that was taken. expected_*:
    the same of our books, where they differ. Verdicts are written by the match, and by sign-off for single lines. A
    line with verdict NOT_IN_BILL stands for an entry of ours that the bill lacks; it has line_no 0 and no amount.
    """

    # No constraint in the database: checking 200,000 of them costs more than the whole import. Lines are only ever
    # written by one COPY in the transaction that holds the statement.
    statement = models.ForeignKey(
        Statement,
        models.CASCADE,
        verbose_name=_("statement"),
        related_name="lines",
        db_constraint=False,
        db_index=False,
    )
    line_no = models.PositiveIntegerField(_("row"))
    kind = models.CharField(_("kind"), max_length=8, choices=EntryKind.choices)
    external_no = models.CharField(_("transaction number"), max_length=64)
    request_no = models.CharField(_("refund request number"), max_length=64, blank=True)
    merchant_no = models.CharField(_("merchant order number"), max_length=64, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    fee = models.DecimalField(_("fee"), max_digits=14, decimal_places=2, default=Decimal(0))
    occurred_at = models.DateTimeField(_("occurred at"), null=True, blank=True)
    verdict = models.CharField(_("verdict"), max_length=16, choices=LineState.choices)
    found_verdict = models.CharField(
        _("verdict before sign-off"), max_length=16, choices=LineState.choices, blank=True, default="", db_default=""
    )
    expected_amount = models.DecimalField(_("expected amount"), max_digits=14, decimal_places=2, null=True, blank=True)
    expected_fee = models.DecimalField(_("expected fee"), max_digits=14, decimal_places=2, null=True, blank=True)
    signed_off_reason = models.CharField(_("reason of sign-off"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("statement line")
        verbose_name_plural = _("statement lines")
        indexes = [
            # Lines of a bill are written at one go, so they lie side by side: block ranges find them, and cost nothing.
            BrinIndex(fields=["statement"], name="line_by_statement", autosummarize=True),
            # Nearly all lines match, and are found through their entry; people look for the others.
            models.Index(
                fields=["statement", "verdict"], name="line_not_matched", condition=~Q(verdict=LineState.MATCHED)
            ),
            models.Index(fields=["external_no"], name="line_by_number", condition=~Q(verdict=LineState.MATCHED)),
        ]

    def __str__(self) -> str:
        return f"{self.statement_id}/{self.line_no} {self.external_no}"


class Match(models.Model):
    """A line of a bill and an entry of ours that are the same money."""

    # No constraints in the database, for the reason given at StatementLine. Entries are never deleted.
    line = models.OneToOneField(
        StatementLine, models.CASCADE, verbose_name=_("statement line"), primary_key=True, db_constraint=False
    )
    entry = models.OneToOneField(PaymentEntry, models.PROTECT, verbose_name=_("payment entry"), db_constraint=False)
    matched_at = models.DateTimeField(_("matched at"), default=timezone.now)

    class Meta:
        verbose_name = _("match")
        verbose_name_plural = _("matches")

    def __str__(self) -> str:
        return f"{self.line_id} = {self.entry_id}"


# Django looks for models here.
from finance.settlement_models import AgreedFee, OrderSettlement, SettlementEntry, SettlementTerms  # noqa: E402, F401
