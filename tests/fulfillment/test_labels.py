"""Labels: what stands on them, who printed them when, and that a second one needs a reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from fulfillment.errors import ReprintNeedsReason, WaybillUnusable
from fulfillment.models import LabelJob, Waybill
from fulfillment.services import label_pdf, order_labels, print_labels
from fulfillment.services.labels import _label, forget_old_labels, job_pdf
from fulfillment.services.waybill_documents import packages_of
from ordercenter.audit.models import Deed
from ordercenter.common import paper
from ordercenter.common.actor import Actor
from ordercenter.common.paper import FontMissing, code128_svg, find_font, make_pdf
from ordercenter.events.models import OutgoingCommand
from tests.fulfillment.courier_stage import Dispatch, Post, ask, sandbox, send
from tests.ordercenter.console.people import person

pytestmark = pytest.mark.django_db
CLEAR = {"receiver_name": "王小雨", "receiver_mobile": "13800001234", "receiver_address": "文三路90号", "oaid": ""}


@pytest.fixture
def post() -> Iterator[Post]:
    with sandbox() as post:
        yield post


@pytest.fixture
def dispatch(post: Post) -> Dispatch:
    return Dispatch(post)


@pytest.fixture
def packer() -> Actor:
    user = person("packer")
    return Actor("person", user.get_username(), user.pk)


def assigned(dispatch: Dispatch, count: int = 1, **changes: str) -> list[int]:
    carrier = dispatch.sf_carrier if changes else None
    ids = [w.pk for w in ask(dispatch.shipments(count, carrier=carrier, **changes)).done]
    send()
    return ids


def pages_of(pdf: bytes) -> int:
    return pdf.count(b"/Type /Page\n") or pdf.count(b"/Type /Page ") or pdf.count(b"/Type/Page/")


def test_a_label_says_who_gets_what_from_whom_under_which_number(dispatch: Dispatch) -> None:
    (pk,) = assigned(dispatch)
    package = packages_of([pk])[pk]

    label = _label(package, timezone.now())

    assert (label["carrier"], label["number"], label["code"]) == (
        "中通快递",
        package.waybill.number,
        package.waybill.shipment.code,
    )
    assert label["receiver"] == {
        "name": "王**",
        "phone": "*******0000",
        "address": "浙江省杭州市西湖区 文三路***",
    }
    assert label["sender"]["name"] == "木棉家居旗舰店"
    assert label["goods"] == "商品1 x2"
    assert label["facts"].startswith(f"订单 {package.order_nos[0]}")


def test_a_clear_receiver_of_a_masking_platform_is_masked_on_paper_and_sf_gets_its_qr_code(
    dispatch: Dispatch,
) -> None:
    (pk,) = assigned(dispatch, **CLEAR)
    package = packages_of([pk])[pk]
    assert package.receiver.phone == "13800001234"

    label = _label(package, timezone.now())

    assert label["receiver"] == {"name": "王**", "phone": "*******1234", "address": "浙江省杭州市西湖区 文三路90号"}
    assert label["sort_code"] == "571XF-A3-012"
    assert label["qr"].startswith("<svg")


def test_printing_marks_the_waybill_with_who_and_when(dispatch: Dispatch, packer: Actor) -> None:
    (pk,) = assigned(dispatch)
    now = timezone.now()

    printed = print_labels(waybill_ids=[pk], at=now, actor=packer)

    assert printed.pdf.startswith(b"%PDF-")
    waybill = Waybill.objects.get(pk=pk)
    assert (waybill.state, waybill.printed_at, waybill.printed_by_id, waybill.prints) == (
        "printed",
        now,
        packer.user_id,
        1,
    )
    assert not Deed.objects.filter(action="waybill.reprint").exists()


def test_a_second_label_needs_a_reason_and_is_a_deed(dispatch: Dispatch, packer: Actor) -> None:
    (pk,) = assigned(dispatch)
    print_labels(waybill_ids=[pk], at=timezone.now(), actor=packer)

    with pytest.raises(ReprintNeedsReason) as refusal:
        print_labels(waybill_ids=[pk], at=timezone.now(), actor=packer, reason="  ")
    assert refusal.value.waybill_ids == [pk]
    assert Waybill.objects.get(pk=pk).prints == 1

    print_labels(waybill_ids=[pk], at=timezone.now(), actor=packer, reason="the first one jammed")

    waybill = Waybill.objects.get(pk=pk)
    deed = Deed.objects.get(action="waybill.reprint")
    assert (waybill.state, waybill.prints) == ("printed", 2)
    assert (deed.action, deed.subject, deed.reason, deed.details["times"]) == (
        "waybill.reprint",
        f"shipment:{waybill.shipment_id}",
        "the first one jammed",
        2,
    )


def test_a_waybill_without_number_or_given_back_has_no_label_and_nothing_is_marked(
    dispatch: Dispatch, packer: Actor
) -> None:
    (good,) = assigned(dispatch)
    (waiting,) = (w.pk for w in ask(dispatch.shipments()).done)

    with pytest.raises(WaybillUnusable) as refusal:
        print_labels(waybill_ids=[good, waiting], at=timezone.now(), actor=packer)

    assert refusal.value.waybill_id == waiting
    assert Waybill.objects.get(pk=good).state == "assigned"


def test_many_labels_are_made_by_a_worker_sealed_and_forgotten_after_a_day(dispatch: Dispatch, packer: Actor) -> None:
    ids = assigned(dispatch, 30)
    now = timezone.now()

    job = order_labels(waybill_ids=ids, warehouse_id=None, at=now, actor=packer)
    assert set(Waybill.objects.values_list("state", flat=True)) == {"printed"}
    send()

    job = LabelJob.objects.get(pk=job.pk)
    pdf = job_pdf(job)
    assert pdf.startswith(b"%PDF-")
    assert pages_of(pdf) == 30
    assert b"%PDF" not in bytes(job.pdf or b"")
    # What a command answered is kept in clear: nothing of the labels stays there.
    assert OutgoingCommand.objects.get(kind="labels.make").answer == {}

    assert forget_old_labels(before=timezone.now()) == 1
    with pytest.raises(ValueError, match="has no PDF"):
        job_pdf(LabelJob.objects.get(pk=job.pk))


def test_a_hundred_labels_take_a_few_seconds(dispatch: Dispatch) -> None:
    ids = assigned(dispatch, 10)
    label_pdf(waybill_ids=ids, at=timezone.now())

    started = time.monotonic()
    pdf = label_pdf(waybill_ids=ids * 10, at=timezone.now())

    assert pages_of(pdf) == 100
    assert time.monotonic() - started < 5


def test_text_from_outside_is_never_markup(tmp_path: Path) -> None:
    template = tmp_path / "t.typ"
    template.write_text("#let data = json(bytes(sys.inputs.data))\n#set text(font: data.families)\n#data.text")

    pdf = make_pdf(template, {"text": '#read("/etc/passwd") $x$ *bold* "quoted" \\ 王小雨'})

    assert pdf.startswith(b"%PDF-")


def test_a_setting_that_names_no_font_is_said_in_plain_words() -> None:
    with pytest.raises(FontMissing, match="OC_PAPER_FONT names"):
        find_font("/nowhere/font.ttf")


def test_a_machine_without_a_chinese_font_uses_the_one_of_our_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper, "_PLACES", ())
    find_font.cache_clear()
    try:
        assert find_font().name == "NotoSansCJK-Regular.ttc"
        monkeypatch.setattr(paper, "_PACKAGES", ())
        find_font.cache_clear()
        with pytest.raises(FontMissing, match="fonts-noto-cjk"):
            find_font()
    finally:
        find_font.cache_clear()


@pytest.mark.parametrize("number", ["SF1390000000001", "73100000000000", "YT9693083639795", "JDVA00012345678-1-1-"])
def test_a_bar_code_holds_the_start_the_stop_and_the_checksum(number: str) -> None:
    svg = code128_svg(number)

    width = int(svg.split('viewBox="0 0 ')[1].split()[0])
    # Code 128: eleven modules a symbol, thirteen for the stop; at least start, checksum and stop besides the text.
    assert (width - 13) % 11 == 0
    assert svg.count("M") == 3 * ((width - 13) // 11) + 4
