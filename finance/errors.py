"""What finance refuses, one class each."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError

# --- payment entries --------------------------------------------------------------------------------------------------


class EntryInvalid(OrderCenterError):
    """A payment or refund that cannot be in the books: no whole positive number of fen, or no number to know it by."""

    code = "finance.entry_invalid"
    title = _("This payment or refund cannot be recorded.")
    hint = _("Its amount must be a positive number of fen, and it must have its provider's number.")
    status = 422

    def __init__(self, *, order_id: int, external_no: str, why: str):
        super().__init__(f"order {order_id}: entry {external_no or '(no number)'}: {why}")
        self.order_id, self.external_no, self.why = order_id, external_no, why


class EntryConflict(OrderCenterError):
    """The books hold this transaction already, with another amount or for another order."""

    code = "finance.entry_conflict"
    title = _("This transaction is in the books already, but not like this.")
    hint = _("Entries are never edited: compare with the provider which of the two is right.")

    def __init__(
        self,
        *,
        external_no: str,
        kind: str,
        request_no: str,
        order_id: int,
        amount: Decimal,
        booked_order_id: int,
        booked_amount: Decimal,
    ):
        super().__init__(
            f"{kind} {external_no} {request_no}: order {order_id} with {amount}, "
            f"but booked for order {booked_order_id} with {booked_amount}"
        )
        self.external_no, self.kind, self.request_no = external_no, kind, request_no
        self.order_id, self.amount = order_id, amount
        self.booked_order_id, self.booked_amount = booked_order_id, booked_amount


class PaymentExceedsDue(OrderCenterError):
    """More would be entered than is still due for the order."""

    code = "finance.payment_exceeds_due"
    title = _("The payment is larger than what is still due.")
    hint = _(
        "Compare with the provider: perhaps it belongs to another order. What was paid too much is refunded there."
    )

    def __init__(self, *, order_id: int, outstanding: Decimal, amount: Decimal):
        super().__init__(f"order {order_id}: outstanding {outstanding}, entered {amount}")
        self.order_id, self.outstanding, self.amount = order_id, outstanding, amount


class NothingInExcess(OrderCenterError):
    """The order was not paid too much, or it does not wait for that to be settled."""

    code = "finance.nothing_in_excess"
    title = _("Nothing of this order was paid too much, or it is settled already.")
    hint = _("Reload the page: somebody may have settled it, or a payment has come in.")

    def __init__(self, *, order_id: int, state: str):
        super().__init__(f"order {order_id} in state {state}: nothing in excess")
        self.order_id, self.state = order_id, state


# --- bills ------------------------------------------------------------------------------------------------------------


class StatementUnknown(OrderCenterError):
    """There is no such bill, or not for this caller."""

    code = "finance.statement_unknown"
    title = _("There is no such bill.")
    status = 404

    def __init__(self, *, statement_id: int):
        super().__init__(f"statement {statement_id} is unknown")
        self.statement_id = statement_id


class StatementIsClosed(OrderCenterError):
    """The business day is final: nothing about it changes any more."""

    code = "finance.statement_closed"
    title = _("This business day is closed.")
    hint = _("What comes to light later is booked on the day it comes to light.")

    def __init__(self, *, statement_id: int, business_day: date):
        super().__init__(f"statement {statement_id} of {business_day} is closed")
        self.statement_id, self.business_day = statement_id, business_day


class BillReplaced(OrderCenterError):
    """The provider now tells another bill for a day on which people have signed off differences already."""

    code = "finance.bill_replaced"
    title = _("The provider's bill of this day has changed, but differences of the first one are signed off.")
    hint = _("The first bill stays. Ask the provider which of the two holds before anything is closed.")

    def __init__(self, *, statement_id: int, business_day: date, signed_off: int):
        super().__init__(f"statement {statement_id} of {business_day}: {signed_off} lines are signed off")
        self.statement_id, self.business_day, self.signed_off = statement_id, business_day, signed_off


class ProviderUnsupported(OrderCenterError):
    """Nobody has taught us to read this provider's bills."""

    code = "finance.provider_unsupported"
    title = _("Bills of this payment provider cannot be read.")
    status = 422

    def __init__(self, *, provider: str):
        super().__init__(f"no reader for {provider}")
        self.provider = provider


# --- closing ----------------------------------------------------------------------------------------------------------


class LineUnknown(OrderCenterError):
    """There is no such line."""

    code = "finance.line_unknown"
    title = _("There is no such line.")
    hint = _("The bill may have been read again: reload the page.")
    status = 404

    def __init__(self, *, line_id: int):
        super().__init__(f"statement line {line_id} is unknown")
        self.line_id = line_id


class NothingToSignOff(OrderCenterError):
    """The line is no difference: it matches, or somebody signed it off before."""

    code = "finance.nothing_to_sign_off"
    title = _("There is nothing to sign off on this line.")
    hint = _("It matches, or somebody has signed it off already: reload the page.")

    def __init__(self, *, line_id: int, verdict: str):
        super().__init__(f"statement line {line_id} is {verdict}")
        self.line_id, self.verdict = line_id, verdict


class NothingToSettle(OrderCenterError):
    """There is no such settlement, or it is no difference (any more)."""

    code = "finance.nothing_to_settle"
    title = _("There is nothing to sign off about this order's settlement.")
    hint = _("It is right by now, or somebody has signed it off: reload the page.")

    def __init__(self, *, settlement_id: int, verdict: str):
        super().__init__(f"settlement {settlement_id} is {verdict or 'unknown'}")
        self.settlement_id, self.verdict = settlement_id, verdict


class DifferencesOpen(OrderCenterError):
    """The day cannot be closed: lines are neither matched nor signed off."""

    code = "finance.differences_open"
    title = _("Some lines are neither matched nor signed off.")
    hint = _("Decide each of them, then close the day.")

    def __init__(self, *, statement_id: int, business_day: date, open_lines: int):
        super().__init__(f"statement {statement_id} of {business_day}: {open_lines} lines open")
        self.statement_id, self.business_day, self.open_lines = statement_id, business_day, open_lines


class EncodingUnsupported(OrderCenterError):
    """The export knows two encodings."""

    code = "finance.encoding_unsupported"
    title = _("Choose utf-8 or gb18030 as the encoding.")
    status = 422

    def __init__(self, *, encoding: str):
        super().__init__(f"encoding {encoding}")
        self.encoding = encoding
