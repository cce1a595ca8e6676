"""What can be wrong with a provider's bill, or with getting it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class StatementUnreadable(OrderCenterError):
    """A bill that must not be imported, with the place that says why.

    row: the line of the file, counted from 1; 0 when the file as a whole is meant. column: the header's word, may be
    empty. reason: broken_archive, too_large, no_bill, encoding, other_day, header, columns, missing, ill_typed,
    unknown_value, sign, truncated or totals_differ.
    """

    code = "finance.statement_unreadable"
    title = _("The bill cannot be read.")
    hint = _("Nothing was imported. Fetch it again; if it is still so, send the named row to the provider.")
    status = 422

    def __init__(self, *, row: int, column: str, reason: str, detail: str = ""):
        place = f"row {row}" + (f", {column}" if column else "") if row else "file"
        super().__init__(f"{place}: {reason}{f' ({detail})' if detail else ''}")
        self.row, self.column, self.reason, self.detail = row, column, reason, detail

    def sentence(self) -> str:
        """Says the place as well: without it nobody can tell the provider what is wrong."""
        if not self.row:
            return super().sentence()
        place = _("Row %(row)s, column %(column)s.") if self.column else _("Row %(row)s.")
        return f"{self.title} {place % {'row': self.row, 'column': self.column}} {self.hint}"


class BillNotReady(OrderCenterError):
    """The provider has not made the bill of this day yet, or there was nothing on it."""

    code = "finance.bill_not_ready"
    title = _("The bill of this day is not there yet.")
    hint = _("It is asked for again later by itself.")
    retryable = True
    status = 404

    def __init__(self, *, day: str, sub_code: str = ""):
        super().__init__(f"{day}: {sub_code}")
        self.day, self.sub_code = day, sub_code


class ProviderUnavailable(OrderCenterError):
    """The payment provider does not answer, or answers with a passing failure. Asking again does no harm."""

    code = "finance.provider_unavailable"
    title = _("The payment provider does not answer properly.")
    hint = _("It is asked again by itself.")
    retryable = True
    status = 502

    def __init__(self, *, method: str, detail: str):
        super().__init__(f"{method}: {detail}")
        self.method, self.detail = method, detail


class ProviderRefused(OrderCenterError):
    """The payment provider's final no: wrong arguments, missing permission, wrong signature of ours."""

    code = "finance.provider_refused"
    title = _("The payment provider refused the request.")
    hint = _("Check the application's number, its keys and its permissions at the provider.")
    status = 502

    def __init__(self, *, method: str, provider_code: str, sub_code: str, message: str):
        super().__init__(f"{method}: {provider_code} {sub_code} {message}")
        self.method, self.provider_code, self.sub_code, self.message = method, provider_code, sub_code, message


class ProviderAnswerInvalid(OrderCenterError):
    """An answer that is not the provider's: no envelope, or a signature that does not fit. Nothing in it is used."""

    code = "finance.provider_answer_invalid"
    title = _("The answer is not the payment provider's.")
    hint = _("Check the provider's public key and the address; somebody may be in between.")
    status = 502

    def __init__(self, *, method: str, detail: str):
        super().__init__(f"{method}: {detail}")
        self.method, self.detail = method, detail
