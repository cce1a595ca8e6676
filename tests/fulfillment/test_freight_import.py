"""A courier's bill is taken in whole or not at all, once, and each line of it has a verdict."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from fulfillment.freight_errors import FreightFileKnown, FreightPeriodInvalid
from fulfillment.models import Carrier, CourierContract, CourierProduct, FreightBill, FreightLayout, FreightLine
from fulfillment.services.freight_bills import recheck_bill
from fulfillment.services.freight_closing import withdraw_bill
from ordercenter.cases.models import Case
from ordercenter.catalog.models import Sku
from ordercenter.common.sheets import SheetUnreadable
from ordercenter.common.xlsxsafe import xlsx_bytes
from ordercenter.events.models import EventRow
from tests.fulfillment.contracts import contract_of
from tests.fulfillment.freight_stage import HEADING, NOW, WU, Stage, line_of, row, table, verdicts

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def test_a_bill_that_asks_for_what_was_agreed_is_matched_line_by_line(stage: Stage) -> None:
    light, heavy = stage.ship([800, 2600])
    [far] = stage.ship([400], zone="65")

    done = stage.take(row(light), row(heavy, "3", "9.00"), row(far, "1", "9.00", "新疆"))

    bill = FreightBill.objects.get()
    assert (done.bill_id, done.errors, done.lines, done.differences) == (bill.pk, (), 3, {})
    assert (bill.line_count, bill.amount_total, bill.state) == (3, Decimal("23.00"), "open")
    assert (bill.starts_on, bill.ends_on) == (date(2026, 10, 1), date(2026, 11, 1))
    lines = FreightLine.objects.order_by("line_no").values_list("line_no", "verdict", "expected_amount", "contract_id")
    assert list(lines) == [(n, "matched", amount, stage.contract.pk) for n, amount in ((2, 5), (3, 9), (4, 9))]
    assert not Case.objects.exists()
    assert EventRow.objects.get(name="fulfillment.freight_bill.checked").payload["differences"] == 0


def test_every_kind_of_difference_has_its_verdict_and_one_case(stage: Stage) -> None:
    weighed, dear, twice, unbilled, other = stage.ship([800, 800, 800, 800, 800])
    stage.waybill("ZTVOID01", "void")
    south = Carrier.objects.create(code="YTO", name="圆通")
    stage.ship([800], carrier=south)
    early = stage.ship([800], on=date(2019, 12, 31))[0]

    done = stage.take(
        row(weighed, "3", "9.00"),
        row(dear, "1", "5.17"),
        row(twice),
        row(twice),
        row("STRANGE1", "1", "6.00"),
        row("ZTVOID01", "1", "6.00"),
        row(early),
        row(other),
    )

    assert verdicts(done.bill_id) == {
        weighed.tracking_no: "weight_differs",
        dear.tracking_no: "price_differs",
        twice.tracking_no: "billed_twice",
        "STRANGE1": "unknown_parcel",
        "ZTVOID01": "void_billed",
        early.tracking_no: "no_contract",
        unbilled.tracking_no: "not_billed",
    }
    cases = Case.objects.order_by("code").values_list("code", "subject", "money_at_risk")
    subject = f"freight_bill:{done.bill_id}"
    assert list(cases) == [
        ("FREIGHT_NOT_BILLED", subject, Decimal("5.00")),
        ("FREIGHT_NO_CONTRACT", subject, Decimal("5.00")),
        ("FREIGHT_PRICE", subject, Decimal("0.17")),
        ("FREIGHT_TWICE", subject, Decimal("5.00")),
        ("FREIGHT_UNKNOWN", subject, Decimal("6.00")),
        ("FREIGHT_VOID", subject, Decimal("6.00")),
        ("FREIGHT_WEIGHT", subject, Decimal("4.00")),
    ]


def test_many_lines_of_one_kind_are_one_case_with_their_sum(stage: Stage) -> None:
    parcels = stage.ship([800] * 5)

    stage.take(*(row(parcel, "2", "7.00") for parcel in parcels))

    case = Case.objects.get()
    assert (case.code, case.money_at_risk, case.evidence["parcels"]) == ("FREIGHT_WEIGHT", Decimal("10.00"), 5)
    assert (case.evidence["billed"], case.evidence["by_contract"]) == ("35.00", "25.00")


def test_the_same_file_is_taken_in_once(stage: Stage) -> None:
    [parcel] = stage.ship()
    first = stage.take(row(parcel))

    with pytest.raises(FreightFileKnown) as refused:
        stage.take(row(parcel))

    assert refused.value.bill_id == first.bill_id
    assert (FreightBill.objects.count(), FreightLine.objects.count()) == (1, 1)


def test_a_withdrawn_bill_counts_nowhere_and_its_file_may_come_again(stage: Stage) -> None:
    [parcel] = stage.ship()
    first = stage.take(row(parcel, "1", "6.10"))
    withdraw_bill(bill_id=first.bill_id or 0, reason="wrong month", at=NOW, actor=WU)

    again = stage.take(row(parcel, "1", "6.10"))

    assert Case.objects.get(subject=f"freight_bill:{first.bill_id}").state == "auto_resolved"
    assert verdicts(again.bill_id) == {parcel.tracking_no: "price_differs"}


def test_mistakes_are_named_by_row_and_column_and_nothing_is_written(stage: Stage) -> None:
    [parcel] = stage.ship()

    done = stage.take(
        row(parcel),
        ("7.73E+13", "2026-10-12", "浙江省", "1", "5.00"),
        ("ZT1 2", "yesterday", "浙江省", "heavy", "5.001"),
        ("", "2026-10-12", "浙江省", "1", "5.00"),
        (parcel.tracking_no, "2026-10-12", "浙江省", "-1", ""),
    )

    assert done.bill_id is None
    assert [(error.row, error.column) for error in done.errors] == [
        (3, "运单号"),
        (4, "运单号"),
        (4, "合计金额"),
        (4, "计费重量(kg)"),
        (4, "揽收日期"),
        (5, "运单号"),
        (6, "合计金额"),
        (6, "计费重量(kg)"),
    ]
    assert not FreightBill.objects.exists()
    assert not FreightLine.objects.exists()
    assert not FreightLayout.objects.exists()


def test_a_file_without_the_needed_columns_is_refused(stage: Stage) -> None:
    with translation.override("en"):
        done = stage.take(("1", "2"), heading=("品名", "数量"))

    assert [(error.row, error.problem) for error in done.errors] == [
        (1, "columns are missing: tracking number, total amount")
    ]


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"PK\x03\x04nothing"])
def test_what_is_no_table_is_refused(stage: Stage, content: bytes) -> None:
    with pytest.raises(SheetUnreadable):
        stage.take_file(content)


@pytest.mark.parametrize(
    "content",
    [
        table([HEADING, row("ZT00000001")], "utf-8-sig"),
        table([["中通快递 10月账单"], [], HEADING, row("ZT00000001"), ["合计", "", "", "", "5.00"]], "gb18030"),
        table([HEADING, ('="ZT00000001"', "2026/10/12 16:30:00", "浙江", "1.000", "¥5.00")], "gb18030"),
        xlsx_bytes([HEADING, ("ZT00000001", "2026年10月12日", "浙江省", 1, Decimal("5.00"))], title="账单"),
    ],
    ids=["utf-8", "titles and sums", "guarded", "xlsx"],
)
def test_bills_are_read_in_every_form_that_couriers_send(stage: Stage, content: bytes) -> None:
    stage.ship()

    done = stage.take_file(content)

    assert (done.errors, done.lines, done.differences) == ((), 1, {})


def test_rows_for_each_kind_of_fee_are_one_parcel(stage: Stage) -> None:
    stage.contract.insurance_permille = Decimal("3")
    stage.contract.save()
    [parcel] = stage.ship()
    heading = ("运单号码", "费用类型", "计费重量", "应付金额")

    done = stage.take(
        (parcel.tracking_no, "运费", "1", "5.00"), (parcel.tracking_no, "保价费", "", "1.20"), heading=heading
    )

    line = FreightLine.objects.get(bill=done.bill_id)
    assert (line.amount, line.parts, line.verdict, line.term) == (
        Decimal("6.20"),
        {"insurance": "1.20"},
        "price_differs",
        "insurance",
    )


def test_the_columns_of_a_courier_are_remembered(stage: Stage) -> None:
    first, second = stage.ship([800, 800])
    chosen = {"tracking_no": "编号", "amount": "钱"}
    stage.take((first.tracking_no, "5.00"), heading=("编号", "钱"), columns=chosen, ends_on=date(2026, 10, 12))

    done = stage.take((second.tracking_no, "5.00"), heading=("编号", "钱"))

    assert FreightLayout.objects.get(carrier=stage.zto).columns == chosen
    assert (done.errors, done.lines) == ((), 1)


def test_without_days_in_the_file_a_period_is_needed(stage: Stage) -> None:
    stage.ship()

    with pytest.raises(FreightPeriodInvalid):
        stage.take(("ZT00000001", "5"), heading=("运单号", "金额"), starts_on=None, ends_on=None)

    assert not FreightBill.objects.exists()


def test_the_period_is_what_the_days_in_the_file_span(stage: Stage) -> None:
    stage.ship()

    stage.take(row("ZT00000001"), starts_on=None, ends_on=None)

    bill = FreightBill.objects.get()
    assert (bill.starts_on, bill.ends_on) == (date(2026, 10, 12), date(2026, 10, 13))


def test_the_contract_of_the_day_of_shipping_counts(stage: Stage) -> None:
    CourierContract.objects.filter(pk=stage.contract.pk).update(ends_on=date(2026, 10, 15))
    contract_of(stage.east, stage.zto, {"": "9", "33": "4"}, valid_from=date(2026, 10, 15))
    [before] = stage.ship(on=date(2026, 10, 14))
    [after] = stage.ship(on=date(2026, 10, 15))

    done = stage.take(row(before), row(after))

    assert verdicts(done.bill_id) == {after.tracking_no: "price_differs"}
    assert line_of(done.bill_id, after.tracking_no).expected_amount == Decimal("4.00")


def test_a_parcel_of_an_earlier_bill_is_billed_twice(stage: Stage) -> None:
    [parcel] = stage.ship()
    first = stage.take(row(parcel))

    second = stage.take(row(parcel), row("STRANGE1"))

    assert verdicts(first.bill_id) == {}
    assert verdicts(second.bill_id) == {parcel.tracking_no: "billed_twice", "STRANGE1": "unknown_parcel"}
    assert line_of(second.bill_id, parcel.tracking_no).detail == {"other_bill": first.bill_id}


def test_a_parcel_that_was_missing_is_found_on_the_next_bill(stage: Stage) -> None:
    billed, late = stage.ship([800, 800])
    first = stage.take(row(billed))
    missing = verdicts(first.bill_id)

    stage.take(row(late), starts_on=date(2026, 11, 1), ends_on=date(2026, 12, 1))

    assert missing == {late.tracking_no: "not_billed"}
    assert verdicts(first.bill_id) == {}
    assert Case.objects.get(code="FREIGHT_NOT_BILLED").state == "auto_resolved"


def test_only_parcels_of_the_bills_warehouse_and_time_are_expected_on_it(stage: Stage) -> None:
    south = type(stage.east).objects.create(code="SOUTH", name="华南仓")
    [mine] = stage.ship()
    stage.ship(warehouse=south)
    stage.ship(on=date(2026, 9, 30))
    stage.ship(on=date(2026, 11, 1))

    done = stage.take(row(mine), warehouse_id=stage.east.pk)

    assert verdicts(done.bill_id) == {}


def test_a_corrected_contract_is_seen_when_the_bill_is_checked_again(stage: Stage) -> None:
    stage.contract.delete()
    one, two = stage.ship([800, 800])
    done = stage.take(row(one), row(two, "1", "8.00"))
    before = verdicts(done.bill_id)
    contract_of(stage.east, stage.zto, {"": "9", "33": "5"})

    differences = recheck_bill(bill_id=done.bill_id or 0, at=NOW, actor=WU)

    assert set(before.values()) == {"no_contract"}
    assert (verdicts(done.bill_id), differences) == ({two.tracking_no: "price_differs"}, {"price_differs": 1})
    assert dict(Case.objects.values_list("code", "state")) == {
        "FREIGHT_NO_CONTRACT": "auto_resolved",
        "FREIGHT_PRICE": "open",
    }


def test_weight_by_volume_counts_where_the_goods_sizes_are_known(stage: Stage) -> None:
    Sku.objects.create(code="BOX", name="箱", weight_g=500, volume_cm3=9000)
    CourierContract.objects.filter(pk=stage.contract.pk).update(divisor=6000)
    items = [{"code": "BOX", "quantity": 2}]
    [parcel] = stage.ship([800], items=items)

    done = stage.take(row(parcel, "3", "9.00"))

    assert verdicts(done.bill_id) == {}


def test_the_product_that_a_bill_names_has_its_own_contract(stage: Stage) -> None:
    contract_of(stage.east, stage.zto, {"": "20"}, product="air")
    CourierProduct.objects.filter(code="air").update(name="标快")
    by_road, by_air, unnamed = stage.ship([800, 800, 800])
    heading = (*HEADING, "产品类型")

    done = stage.take(
        (*row(by_road), "standard"), (*row(by_air, "1", "20.00"), "标快"), (*row(unnamed), ""), heading=heading
    )

    assert verdicts(done.bill_id) == {unnamed.tracking_no: "no_contract"}
    assert line_of(done.bill_id, unnamed.tracking_no).detail["why"] == "several_products"


def test_a_parcel_nobody_weighed_is_priced_by_what_it_was_planned_to_weigh(stage: Stage) -> None:
    [parcel] = stage.ship([0])

    done = stage.take(row(parcel, "3", "9.00"))

    line = line_of(done.bill_id, parcel.tracking_no)
    assert (line.verdict, line.our_g, line.detail["source"]) == ("weight_differs", 900, "planned")


def test_the_number_of_statements_does_not_grow_with_the_lines(stage: Stage) -> None:
    def statements(count: int) -> int:
        parcels = stage.ship([800] * count)
        with CaptureQueriesContext(connection) as queries:
            done = stage.take(*(row(parcel) for parcel in parcels))
        assert done.differences == {}
        return len(queries)

    statements(3)

    assert statements(20) == statements(200)
