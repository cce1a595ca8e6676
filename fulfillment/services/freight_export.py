"""Differences of a courier's bill as a file to be sent to the courier."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from django.utils.translation import gettext as _

from fulfillment.freight_errors import FreightBillUnknown, FreightEncodingUnsupported
from fulfillment.freight_words import TERMS, kg, sentence_of
from fulfillment.models import FreightBill, FreightLine
from fulfillment.states import FREIGHT_DIFFERENCES, FreightVerdict
from ordercenter.common.csvsafe import Cell, csv_bytes
from ordercenter.common.xlsxsafe import xlsx_bytes

ENCODINGS = {"utf-8": "utf-8-sig", "gb18030": "gb18030"}
# What a courier is asked to put right: that it has billed too little is not told in the dispute.
DISPUTED = tuple(verdict for verdict in FREIGHT_DIFFERENCES if verdict != FreightVerdict.NOT_BILLED)
_READ_ROWS = 5000


def export_freight_lines(*, bill_id: int, form: str = "utf-8", verdicts: Collection[str] = DISPUTED) -> Iterable[bytes]:
    """Lines of these verdicts with ours against theirs, in the order of the bill.

    form: utf-8 (with byte order mark) or gb18030, both CSV, or xlsx. No cell runs as a formula. Raises
    FreightBillUnknown and FreightEncodingUnsupported before the first byte. Who may have it is for the caller to check.
    """
    bill = FreightBill.objects.filter(pk=bill_id).first()
    if bill is None:
        raise FreightBillUnknown(bill_id=bill_id)
    rows = chain([_header()], _rows(bill_id, verdicts))
    if form == "xlsx":
        return [xlsx_bytes(rows, title=str(bill))]
    if form not in ENCODINGS:
        raise FreightEncodingUnsupported(encoding=form)
    return csv_bytes(rows, encoding=ENCODINGS[form])


def _header() -> Sequence[Cell]:
    return (
        _("Row"),
        _("Tracking number"),
        _("Day on the bill"),
        _("Destination on the bill"),
        _("Billed weight (kg)"),
        _("Our weight (kg)"),
        _("Charged weight by contract (kg)"),
        _("Amount billed"),
        _("Amount by contract"),
        _("Difference"),
        _("Verdict"),
        _("About"),
        _("Why"),
        _("Reason of sign-off"),
    )


def _rows(bill_id: int, verdicts: Collection[str]) -> Iterator[Sequence[Cell]]:
    labels = {state.value: str(state.label) for state in FreightVerdict}
    lines = FreightLine.objects.filter(bill=bill_id, verdict__in=[str(v) for v in verdicts]).order_by("line_no", "pk")
    for line in lines.iterator(chunk_size=_READ_ROWS):
        charged = line.detail.get("charged_g")
        yield (
            line.line_no or None,
            line.tracking_no,
            line.billed_on.isoformat() if line.billed_on else "",
            line.destination,
            kg(line.billed_g) if line.billed_g else "",
            kg(line.our_g) if line.our_g else "",
            kg(charged) if charged else "",
            line.amount if line.line_no else None,
            line.expected_amount,
            line.difference,
            labels.get(line.verdict, line.verdict),
            str(TERMS.get(line.term, line.term)),
            sentence_of(line),
            line.signed_off_reason,
        )
