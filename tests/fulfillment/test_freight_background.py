"""Long courier bills: read, taken in and judged by a worker, in steps that a stopped one goes on from."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from fulfillment import freight_handlers
from fulfillment.freight_errors import FreightBillNotOpen
from fulfillment.models import FreightBill, FreightLine, FreightUpload
from fulfillment.services import freight_intake, freight_judging, freight_uploads
from fulfillment.services.freight_closing import sign_off_kind, withdraw_bill
from fulfillment.services.freight_intake import take_in_bill
from fulfillment.services.freight_judging import judge_bill
from fulfillment.tasks import courier_bills
from ordercenter.cases.models import Case
from ordercenter.console.views import freight_upload as upload_page
from ordercenter.events.models import EventRow
from ordercenter.events.relay import Relay
from tests.fulfillment.freight_stage import HEADING, NOW, WU, Stage, row, table, verdicts
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db
AT: dict[str, Any] = {"at": NOW, "actor": WU}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Every file and every bill is a long one, and two lines are judged at a time."""
    monkeypatch.setattr(freight_uploads, "SHORT_BYTES", 0)
    monkeypatch.setattr(upload_page, "SHORT_LINES", 0)
    monkeypatch.setattr(freight_judging, "CHUNK", 2)
    monkeypatch.setattr(freight_intake, "CHUNK", 2)
    return Stage()


@pytest.fixture
def finance() -> Client:
    return client_of(person("wu", role="finance"))


def send(browser: Client, stage: Stage, content: bytes) -> str:
    file = SimpleUploadedFile("10月.csv", content)
    sent = browser.post("/console/freight/upload/", {"courier": stage.zto.pk, "bill": file})
    return str(sent["Location"])


def text_of(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def taken(stage: Stage, *rows: Any) -> FreightBill:
    """A bill that is in its tables, and that nobody has judged."""
    done = take_in_bill(content=table([HEADING, *rows]), file_name="bill.csv", carrier_id=stage.zto.pk, **AT)
    return FreightBill.objects.get(pk=done.bill_id)


def test_a_long_file_is_read_then_taken_in_then_judged_while_the_pages_say_how_far_it_is(
    stage: Stage, finance: Client
) -> None:
    parcels = stage.ship([800, 800, 800])
    address = send(finance, stage, table([HEADING, row(parcels[0], "2", "7.00"), row(parcels[1]), row(parcels[2])]))
    assert "The file is being read" in text_of(finance.get(address))
    assert "The file is being read" in text_of(finance.get(f"{address}progress/"))

    courier_bills()
    assert finance.get(f"{address}progress/")["HX-Refresh"] == "true"
    page = finance.get(address)
    assert (page.context["count"], str(page.context["total"]), page.context["error_count"]) == (3, "17.00", 0)
    assert not FreightBill.objects.exists()

    columns = {f"column_{name}": heading for name, _label, heading in page.context["columns"]}
    finance.post(address, {**columns, "verb": "import", "starts_on": "2026-10-01", "last_day": "2026-10-31"})
    assert not FreightBill.objects.exists()
    assert "The bill is being taken in" in text_of(finance.get(address))

    courier_bills()
    bill = FreightBill.objects.get()
    assert finance.get(address)["Location"] == f"/console/freight/{bill.pk}/"
    assert (bill.state, bill.line_count, str(bill.ends_on), str(bill.amount_total)) == (
        "open",
        3,
        "2026-11-01",
        "17.00",
    )
    assert verdicts(bill.pk) == {parcels[0].tracking_no: "weight_differs"}
    assert Case.objects.get().code == "FREIGHT_WEIGHT"


def test_a_worker_that_was_stopped_goes_on_where_it_was_and_nothing_is_judged_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    parcels = stage.ship([800] * 4)
    # The same number once in the part before the stop, once after it.
    bill = taken(stage, *(row(p) for p in parcels), row(parcels[0]))
    write, written = freight_judging.rewrite_verdicts, []

    def killed(lines: Any) -> None:
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append([pk for pk, _found in lines])
        write(lines)

    monkeypatch.setattr(freight_judging, "rewrite_verdicts", killed)
    with pytest.raises(KeyboardInterrupt):
        judge_bill(bill_id=bill.pk)
    bill.refresh_from_db()
    assert (bill.state, bill.judged_lines) == ("judging", 2)
    assert FreightLine.objects.filter(bill=bill, verdict="pending").count() == 3
    assert not Case.objects.exists()

    again: list[int] = []
    monkeypatch.setattr(
        freight_judging, "rewrite_verdicts", lambda lines: (again.extend(pk for pk, _ in lines), write(lines))
    )
    courier_bills()

    bill.refresh_from_db()
    assert (bill.state, bill.judged_lines) == ("open", 5)
    assert not set(again) & set(written[0])
    assert verdicts(bill.pk) == {parcels[0].tracking_no: "billed_twice"}
    assert Case.objects.get().code == "FREIGHT_TWICE"
    courier_bills()
    assert EventRow.objects.filter(name="fulfillment.freight_bill.checked").count() == 1


def test_while_a_bill_is_judged_nobody_decides_about_it_but_it_can_be_withdrawn(stage: Stage, finance: Client) -> None:
    bill = taken(stage, row(stage.ship()[0], "2", "7.00"))

    page = text_of(finance.get(f"/console/freight/{bill.pk}/"))
    assert "0 of 1 lines" in page
    assert "Sign off" not in page
    with pytest.raises(FreightBillNotOpen):
        sign_off_kind(bill_id=bill.pk, verdict="weight_differs", reason="agreed", **AT)
    withdraw_bill(bill_id=bill.pk, reason="the wrong file", **AT)
    courier_bills()

    bill.refresh_from_db()
    assert (bill.state, bill.judged_lines) == ("withdrawn", 0)
    assert not Case.objects.exists()
    assert finance.get(f"/console/freight/{bill.pk}/progress/")["HX-Refresh"] == "true"


def test_a_mistake_far_down_leaves_nothing_of_the_file_behind(stage: Stage) -> None:
    parcels = stage.ship([800] * 5)
    rows = [row(p) for p in parcels]

    done = take_in_bill(
        content=table([HEADING, *rows, ("ZT99", "2026-10-12", "浙江省", "1", "five")]),
        file_name="bill.csv",
        carrier_id=stage.zto.pk,
        **AT,
    )

    assert [(error.row, error.column) for error in done.errors] == [(7, "合计金额")]
    assert not FreightBill.objects.exists()
    assert not FreightLine.objects.exists()


def test_a_file_that_is_no_table_is_said_and_forgotten(stage: Stage, finance: Client) -> None:
    address = send(finance, stage, b"\x00\x01\x02")

    courier_bills()
    page = finance.get(address, follow=True)

    assert "The file is no table that can be read." in text_of(page)
    assert not FreightUpload.objects.exists()


def test_the_worker_is_woken_by_the_relay_after_the_commit(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(freight_handlers, "wake_after_commit", woken.append)

    taken(stage, row(stage.ship()[0]))
    assert woken == []
    Relay().drain()

    assert woken == ["fulfillment.courier_bills"]


def test_checking_a_long_bill_again_is_the_workers_too(
    stage: Stage, finance: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordercenter.console.views.freight.SHORT_LINES", 0)
    [parcel] = stage.ship()
    bill = taken(stage, row(parcel, "2", "7.00"))
    judge_bill(bill_id=bill.pk)
    stage.contract.weight_slack_g = 2000
    stage.contract.save()

    finance.post(f"/console/freight/{bill.pk}/recheck/")
    bill.refresh_from_db()
    assert (bill.state, bill.judged_lines) == ("judging", 0)
    courier_bills()

    bill.refresh_from_db()
    assert (bill.state, verdicts(bill.pk)) == ("open", {})
    assert Case.objects.get().state == "auto_resolved"
