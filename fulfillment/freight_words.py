"""What is said about a line of a courier's bill: ours against theirs, by how much, and which term it is about."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from fulfillment.models import FreightLine
from fulfillment.states import FreightVerdict, WaybillState
from ordercenter.common.divisions import place_of

TERMS: Mapping[str, str | Promise] = {
    "weight": gettext_lazy("weight"),
    "zone": gettext_lazy("zone"),
    "steps": gettext_lazy("further weight"),
    "tier": gettext_lazy("tier"),
    "first": gettext_lazy("first weight"),
    "freight": gettext_lazy("freight"),
    "remote": gettext_lazy("remote fee"),
    "oversize": gettext_lazy("oversize fee"),
    "insurance": gettext_lazy("insurance"),
    "peak": gettext_lazy("peak fee"),
    "minimum": gettext_lazy("up to the minimum charge"),
    "packing": gettext_lazy("packing fee"),
    "return": gettext_lazy("way back"),
    "other": gettext_lazy("not explained by the contract"),
}
_WHY: Mapping[str, str | Promise] = {
    "no_contract": gettext_lazy("No active contract of this warehouse with the courier holds on the day of shipping."),
    "several_products": gettext_lazy(
        "Several products of the courier hold on that day, and nothing says which of them it was."
    ),
    "no_return_price": gettext_lazy(
        "The parcel came back, and the contract says nothing about the price of the way back."
    ),
    "no_place": gettext_lazy("Nobody knows for sure where the parcel went."),
    "no_weight": gettext_lazy("Neither we nor the bill say what the parcel weighs."),
    "no_rate": gettext_lazy("The contract has no price for that place."),
    "too_heavy": gettext_lazy("The contract does not take parcels of that weight."),
}


def sentence_of(line: FreightLine) -> str:
    """Why a line is what it is, in the reader's language; empty for a line that matched."""
    verdict = line.found_verdict or line.verdict
    if verdict in (FreightVerdict.WEIGHT_DIFFERS, FreightVerdict.PRICE_DIFFERS):
        return _joined(_amounts(line), _weights(line), _about(line))
    if verdict == FreightVerdict.NO_CONTRACT:
        return str(_WHY.get(line.detail.get("why", ""), ""))
    if verdict == FreightVerdict.BILLED_TWICE:
        if "other_bill" in line.detail:
            return _("Billed already on courier bill %(number)s.") % {"number": line.detail["other_bill"]}
        return _("Billed already in row %(row)s of this bill.") % {"row": line.detail.get("first_row", "")}
    if verdict == FreightVerdict.VOID_BILLED:
        state = line.detail.get("waybill_state", "")
        label = dict(WaybillState.choices).get(state, state)
        return _("Nothing left under this number; the waybill is: %(state)s.") % {"state": label}
    if verdict == FreightVerdict.UNKNOWN_PARCEL:
        return _("Neither a parcel nor a waybill of ours has this number with this courier.")
    if verdict == FreightVerdict.NOT_BILLED:
        return _not_billed(line)
    return ""


def price_terms(line: FreightLine) -> list[tuple[str, Decimal]]:
    """What the price by contract is made of, in the reader's words."""
    return [(str(TERMS.get(term, term)), Decimal(amount)) for term, amount in line.detail.get("terms", ())]


def kg(grams: int | None) -> str:
    """Grams as kilograms: 0.8, 1, 12.35."""
    return f"{(Decimal(grams or 0) / 1000).normalize() + 0:f}"


def _amounts(line: FreightLine) -> str:
    words = {"billed": line.amount, "due": line.expected_amount, "off": abs(line.difference)}
    if line.difference > 0:
        return _("Billed %(billed)s, by contract %(due)s: %(off)s yuan too much.") % words
    return _("Billed %(billed)s, by contract %(due)s: %(off)s yuan too little.") % words


def _weights(line: FreightLine) -> str:
    """Said only where the weights have to do with it."""
    detail = line.detail
    if line.term != "weight" and "weight_part" not in detail:
        return ""
    words = {"theirs": kg(line.billed_g), "ours": kg(line.our_g), "charged": kg(detail.get("charged_g"))}
    if detail.get("source") == "planned":
        text = _(
            "They bill %(theirs)s kg; we did not weigh it, its goods weigh %(ours)s kg (charged as %(charged)s kg)."
        )
    elif "volume_cm3" in detail:
        text = _("They bill %(theirs)s kg; we weighed %(ours)s kg, by volume it is charged as %(charged)s kg.")
    else:
        text = _("They bill %(theirs)s kg; we weighed %(ours)s kg (charged as %(charged)s kg).")
    return text % words


def _about(line: FreightLine) -> str:
    detail = line.detail
    if line.term == "weight":
        return ""
    if line.term == "zone":
        return _("They price it for %(theirs)s, the contract's zone is %(ours)s.") % {
            "theirs": _zone(detail.get("billed_zone", "")),
            "ours": _zone(detail.get("zone", "")),
        }
    if line.term == "steps":
        steps = int(detail.get("steps", 0))
        if steps > 0:
            return ngettext("It is %(n)s weight step too many.", "It is %(n)s weight steps too many.", steps) % {
                "n": steps
            }
        return ngettext("It is %(n)s weight step too few.", "It is %(n)s weight steps too few.", -steps) % {"n": -steps}
    if line.term == "tier":
        return _("It is the price of another weight tier.")
    if line.term == "return":
        return _("The parcel came back: by contract the way back costs %(percent)s %% of the way there.") % {
            "percent": detail.get("return_percent", "")
        }
    if line.term == "minimum":
        return _("It is about the minimum charge.")
    if line.term in ("", "other"):
        return _("No term of the contract explains it.")
    return _("It is about: %(term)s.") % {"term": TERMS.get(line.term, line.term)}


def _not_billed(line: FreightLine) -> str:
    if line.expected_amount is None:
        return _("The parcel has left in this time and is on no bill of the courier.")
    return _("The parcel has left in this time and is on no bill of the courier; by contract it costs %(due)s.") % {
        "due": line.expected_amount
    }


def _zone(zone: str) -> str:
    if not zone:
        return _("everywhere else")
    place = place_of(zone.ljust(6, "0"))
    return " ".join(part for part in (place.province, place.city, place.county) if part) or zone


def _joined(*texts: str) -> str:
    return " ".join(text for text in texts if text)
