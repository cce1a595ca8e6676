"""What the scan page says to each answer: short words, read from an arm's length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fulfillment import errors, floor_errors
from ordercenter.common.errors import OrderCenterError

WORDS: Mapping[str, str | Promise] = {
    "wave_opened": _("Wave %(wave)s: go"),
    "bin_found": _("Bin %(bin)s: take %(skus)s"),
    "picked": _("%(sku)s into basket %(baskets)s"),
    "missing": _("%(pieces)s × %(sku)s reported missing"),
    "shipment_opened": _("%(shipment)s, basket %(basket)s"),
    "checked": _("%(sku)s is right: %(checked)s of %(total)s"),
    "all_checked": _("All %(total)s pieces are right. Now the waybill"),
    "packed": _("Waybill %(tracking_no)s belongs to it. Now weigh"),
    "weighed": _("%(kg)s kg is right. Next"),
    "handed_over": _("%(shipment)s has left"),
    "put_back": _("%(shipment)s is put back"),
    "count_opened": _("Count %(count)s: go"),
    "counted": _("%(sku)s: %(counted)s counted"),
    "parcel_opened": _("Parcel %(tracking_no)s: scan what is in it"),
    "parcel_unknown": _("Unknown parcel %(tracking_no)s: a case is open. Scan what is in it"),
    "piece_received": _("%(sku)s, %(grade)s"),
    "received": _("%(inbound)s received"),
    "undone": _("Taken back: %(text)s"),
}
GRADES: Mapping[str, str | Promise] = {
    "good": _("good"),
    "defective": _("defective"),
    "quarantine": _("quarantine"),
}


def words_of_answer(say: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """(what happened, what to do) for an answer or a refusal, in the active language."""
    if say in WORDS:
        return str(WORDS[say]) % _shown(params), ""
    error = _errors().get(say)
    if error is None:
        return say, ""
    return str(error.title), _hint(say, error, params)


def _hint(say: str, error: type[OrderCenterError], params: Mapping[str, Any]) -> str:
    if say == floor_errors.WrongItem.code and params.get("due"):
        return str(_("Scanned %(scanned)s, due is %(due)s.") % {**params, "due": ", ".join(params["due"])})
    if say == floor_errors.WeightDiffers.code:
        shown = {**params, "kg": _kg(params["weight_g"]), "should": _kg(params["expected_g"])}
        return " ".join((str(_("%(kg)s kg, should be %(should)s kg.") % shown), str(error.hint)))
    if say == floor_errors.WrongWaybill.code:
        return str(_("It has to be %(expected)s.") % {"expected": ", ".join(params.get("expected", []))})
    return str(error.hint)


def _shown(params: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(params)
    if "baskets" in params:
        shown["baskets"] = ", ".join(f"{number} ×{pieces}" for number, pieces in params["baskets"])
    if "skus" in params:
        shown["skus"] = ", ".join(params["skus"])
    if "weight_g" in params:
        shown["kg"] = _kg(params["weight_g"])
    if "grade" in params:
        shown["grade"] = GRADES.get(params["grade"], params["grade"])
    if not params.get("tracking_no") and "inbound" in params:
        shown["tracking_no"] = params["inbound"]
    return shown


def _kg(grams: int) -> str:
    return f"{grams // 1000}.{grams % 1000:03d}"


def _errors() -> dict[str, type[OrderCenterError]]:
    """Refusals by code; the scans meet those of the floor and of fulfilment."""
    found = {}
    for module in (floor_errors, errors):
        for error in vars(module).values():
            if isinstance(error, type) and issubclass(error, OrderCenterError):
                found[error.code] = error
    return found
