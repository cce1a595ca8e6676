"""Labels, 100 x 150 mm: set from our own template, printed once, printed again only with a reason."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model

from fulfillment.errors import ReprintNeedsReason, WaybillUnusable
from fulfillment.models import LabelJob, Waybill
from fulfillment.services.courier_accounts import sender_of
from fulfillment.services.waybill_documents import Package, packages_of
from fulfillment.states import WaybillState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.contacts import mask_name, mask_phone
from ordercenter.common.actor import Actor
from ordercenter.common.paper import code128_svg, make_pdf, qr_svg
from ordercenter.common.secretfield import seal, unseal

TEMPLATE = Path(__file__).resolve().parents[1] / "paper" / "label.typ"
LABELS_KIND = "labels.make"
# More than these are made by a worker, not by the request that asks for them.
MOST_AT_ONCE = 20
MOST_IN_A_JOB = 1000
_SHANGHAI = ZoneInfo("Asia/Shanghai")
# Platforms that forbid receivers in clear on paper: name and phone are masked on every label of theirs.
_MASKING_PLATFORMS = ("tmall", "taobao", "jd", "douyin", "pdd", "wechat_shop")
_PRINTABLE = (WaybillState.ASSIGNED, WaybillState.PRINTED, WaybillState.USED)


@dataclass
class PrintedLabels:
    """pdf: all labels in the order asked for. waybills: as they are now."""

    pdf: bytes = field(repr=False)
    waybills: list[Waybill] = field(default_factory=list)


def label_pdf(*, waybill_ids: Sequence[int], at: datetime) -> bytes:
    """One PDF with a page for each of these waybills, in this order. Changes nothing; about 4 ms a label.

    at: printed on the label. Raises WaybillUnusable for one that has no number or whose number is given back, and
    FontMissing where no Chinese font is found. Holds receivers as the label does: for the printer, not for a log.
    """
    packages = packages_of(waybill_ids)
    for waybill_id in waybill_ids:
        package = packages.get(waybill_id)
        if package is None or package.waybill.state not in _PRINTABLE:
            state = package.waybill.state if package is not None else "unknown"
            raise WaybillUnusable(waybill_id=waybill_id, state=state)
    return render_labels([packages[pk] for pk in waybill_ids], at=at)


def render_labels(packages: Sequence[Package], *, at: datetime) -> bytes:
    """The same from what was read before; needs no database."""
    return make_pdf(TEMPLATE, {"labels": [_label(package, at) for package in packages]})


def print_labels(
    *, waybill_ids: Sequence[int], at: datetime, actor: Actor, reason: str = "", work: Work | None = None
) -> PrintedLabels:
    """Labels for a printer: the PDF, and the waybills marked as printed by whom and when.

    A waybill that was printed before, or left already, is printed again only with a reason, which is kept as a deed.
    Raises ReprintNeedsReason, WaybillUnusable, FontMissing; nothing is marked then.
    """
    pdf = label_pdf(waybill_ids=waybill_ids, at=at)
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        return PrintedLabels(pdf, mark_printed(waybill_ids=waybill_ids, reason=reason, work=work))


def mark_printed(*, waybill_ids: Sequence[int], reason: str, work: Work) -> list[Waybill]:
    """These were sent to a printer. Raises ReprintNeedsReason and WaybillUnusable; see print_labels."""
    waybills = work.lock(Waybill, waybill_ids)
    again = [pk for pk, waybill in waybills.items() if waybill.prints or waybill.state == WaybillState.USED]
    if again and not reason.strip():
        raise ReprintNeedsReason(waybill_ids=again)
    for waybill in waybills.values():
        if waybill.state not in _PRINTABLE:
            raise WaybillUnusable(waybill_id=waybill.pk, state=waybill.state)
        if waybill.state == WaybillState.USED:
            # It has left: the state stays, that a second label exists is known all the same.
            waybill.printed_at, waybill.prints = work.at, waybill.prints + 1
        else:
            waybill.print(at=work.at, user_id=work.actor.user_id)
        work.save(waybill, "printed_at", "printed_by_id", "prints")
        if waybill.pk in again:
            record_deed(
                work,
                action="waybill.reprint",
                subject=f"shipment:{waybill.shipment_id}",
                reason=reason.strip(),
                details={"waybill": waybill.pk, "number": waybill.number, "times": waybill.prints},
            )
    return list(waybills.values())


def order_labels(
    *, waybill_ids: Sequence[int], warehouse_id: int | None, at: datetime, actor: Actor, reason: str = ""
) -> LabelJob:
    """Have the labels of many waybills made by a worker; the job's page has the PDF when it is done.

    The waybills are marked as printed at once, with the same refusals as print_labels. Raises ValueError for more than
    a thousand.
    """
    if not 0 < len(waybill_ids) <= MOST_IN_A_JOB:
        raise ValueError(f"{len(waybill_ids)} labels: between 1 and {MOST_IN_A_JOB} in one job")
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        mark_printed(waybill_ids=waybill_ids, reason=reason, work=work)
        job = LabelJob(
            created_at=at,
            created_by_id=actor.user_id,
            warehouse_id=warehouse_id,
            waybill_ids=list(waybill_ids),
            reason=reason[:200],
        )
        work.add([job])
        work.command(
            kind=LABELS_KIND,
            target="labels",
            subject=f"labels:{job.pk}",
            key=f"{LABELS_KIND}:{job.pk}",
            payload={"job_id": job.pk},
        )
    return job


def seal_pdf(pdf: bytes) -> bytes:
    """A PDF as it is kept: labels hold receivers, so they lie sealed like them."""
    return seal(base64.b64encode(pdf).decode())


def job_pdf(job: LabelJob) -> bytes:
    """The labels of a job that is done. Raises ValueError for one that is not."""
    if job.pdf is None:
        raise ValueError(f"label job {job.pk} has no PDF")
    return base64.b64decode(str(unseal(job.pdf)))


def forget_old_labels(*, before: datetime) -> int:
    """PDFs are kept for as long as printers jam, not longer; returns how many were dropped."""
    return LabelJob.objects.filter(done_at__lt=before, pdf__isnull=False).update(pdf=None)


def printed_by_name(waybills: Collection[Waybill]) -> Mapping[int, str]:
    """User id -> name of those who printed these. One statement."""
    ids = {waybill.printed_by_id for waybill in waybills if waybill.printed_by_id}
    return {user.pk: user.get_username() for user in get_user_model().objects.filter(pk__in=ids)}


def _label(package: Package, at: datetime) -> dict[str, Any]:
    waybill, shipment = package.waybill, package.waybill.shipment
    goods = "；".join(f"{name} x{pieces}" for name, pieces in package.items)
    facts = [f"订单 {'、'.join(package.order_nos[:3])}{' 等' if len(package.order_nos) > 3 else ''}"]
    if shipment.weight_g:
        facts.append(f"重量 {shipment.weight_g / 1000:.2f} kg")
    qr = str(waybill.route.get("qr") or "")
    return {
        "carrier": waybill.carrier.name,
        "product": waybill.account.product_code if waybill.account else "",
        "package": f"第{waybill.package_no}箱" if waybill.package_no > 1 else "",
        "sort_code": str(waybill.route.get("sort_code") or "") or _area(package),
        "receiver": _receiver(package),
        "sender": _sender(package),
        "barcode": code128_svg(waybill.number),
        "qr": qr_svg(qr) if qr else "",
        "number": waybill.number,
        "goods": goods if len(goods) <= 120 else goods[:119] + "…",
        "remark": "加急" if shipment.grade == "rush" else "",
        "facts": "  ".join(facts),
        "code": shipment.code,
        "printed": f"{at.astimezone(_SHANGHAI):%Y-%m-%d %H:%M}",
    }


def _area(package: Package) -> str:
    """Where the courier gives no route mark, the receiver's city stands in the large field."""
    place = package.receiver
    return f"{place.city or place.province} {place.district}".strip()


def _receiver(package: Package) -> dict[str, str]:
    place = package.receiver
    name, phone, address = place.name, place.phone, place.address
    if not place.is_masked and package.waybill.shipment.shop.channel.code in _MASKING_PLATFORMS:
        # The courier has the clear ones; the address has to stay readable for the one who brings it.
        name, phone = mask_name(name), mask_phone(phone)
    area = f"{place.province}{place.city}{place.district}{place.town}"
    return {"name": name, "phone": phone, "address": f"{area} {address}"}


def _sender(package: Package) -> dict[str, str]:
    account = package.waybill.account
    if account is None:
        warehouse = package.waybill.shipment.warehouse
        return {"name": warehouse.name, "phone": warehouse.phone, "address": warehouse.full_address}
    place = sender_of(account)
    return {
        "name": place.name,
        "phone": place.phone,
        "address": f"{place.province}{place.city}{place.district} {place.address}",
    }


__all__ = [
    "LABELS_KIND",
    "MOST_AT_ONCE",
    "PrintedLabels",
    "forget_old_labels",
    "job_pdf",
    "label_pdf",
    "order_labels",
    "print_labels",
    "printed_by_name",
    "render_labels",
    "seal_pdf",
]
