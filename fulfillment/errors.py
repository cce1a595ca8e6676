"""What a warehouse may refuse or fail at."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class WarehouseRefused(OrderCenterError):
    """The warehouse answered, and the answer is no: final until somebody changes something.

    warehouse_code, message: the warehouse's own words. is_duplicate: it says that it has this document already.
    """

    code = "fulfillment.warehouse_refused"
    title = _("The warehouse refused the document.")
    hint = _("Read its reason, mend the cause, and send the document again.")
    status = 502

    def __init__(self, *, method: str, warehouse_code: str, message: str):
        super().__init__(f"{method}: {warehouse_code} {message}")
        self.method, self.warehouse_code, self.message = method, warehouse_code, message
        self.is_duplicate = any(word in message.lower() for word in ("重复", "已存在", "duplicate", "already exist"))


class WarehouseUnavailable(OrderCenterError):
    """No usable answer: not reached, too late, HTTP 5xx, or bytes that are no answer.

    Send the same document with the same number again. outcome_known: True when the request never left, so nothing was
    done for certain; else the warehouse may have taken it.
    """

    code = "fulfillment.warehouse_unavailable"
    title = _("The warehouse does not answer properly.")
    hint = _("The document is sent again by itself.")
    retryable = True
    status = 502

    def __init__(self, *, method: str, detail: str, outcome_known: bool = False):
        super().__init__(f"{method}: {detail}")
        self.method, self.detail, self.outcome_known = method, detail, outcome_known


class WarehouseMessageUnreadable(OrderCenterError):
    """A warehouse's document is not XML of the standard, or a mandatory field is missing or ill-typed.

    path: the field in the standard's words, e.g. "request.packages.package[0].expressCode". problem: missing,
    ill_typed, not_xml, too_large or too_deep.
    """

    code = "fulfillment.warehouse_message_unreadable"
    title = _("A document of the warehouse cannot be read.")
    status = 422

    def __init__(self, *, path: str, problem: str, detail: str = ""):
        super().__init__(f"{path}: {problem}{f' ({detail})' if detail else ''}")
        self.path, self.problem, self.detail = path, problem, detail


class WarehouseSignatureInvalid(OrderCenterError):
    """A request that claims to come from a warehouse, without its signature. problem: missing, mismatch or stale."""

    code = "fulfillment.warehouse_signature_invalid"
    title = _("The signature of the warehouse's request is not valid.")
    status = 403

    def __init__(self, *, problem: str):
        super().__init__(problem)
        self.problem = problem
