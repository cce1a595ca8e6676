"""Rate tables from files: read whole or not at all, every mistake by its row; what goes out comes in again."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation
from openpyxl import Workbook

from fulfillment.models import Carrier, CourierArea, CourierContract, CourierRate, PeakFee
from fulfillment.services.courier_contracts import ImportResult, export_contracts, import_contracts, sample_table
from fulfillment.services.courier_prices import tariff_of
from ordercenter.audit.models import Deed
from ordercenter.common.actor import Actor
from ordercenter.common.scope import EVERYTHING, Scope
from ordercenter.common.sheets import SheetUnreadable
from ordercenter.inventory.models import Warehouse
from tests.fulfillment.contracts import contract_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
PERSON = Actor("person", "lin")
HEAD = (
    "warehouse,courier,product,valid_from,ends_on,zone,served,tiers,first_kg,first_fee,step_kg,step_fee,days,rounding_g"
)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def house(db: None) -> Warehouse:
    Carrier.objects.create(code="ZTO", name="中通快递")
    return Warehouse.objects.create(code="WH-1", name="华东仓")


def lines(*rows: str) -> bytes:
    return "\r\n".join((HEAD, *rows)).encode("utf-8-sig")


def take(*rows: str, **options: Any) -> ImportResult:
    return import_contracts(content=lines(*rows), at=AT, actor=PERSON, **({"reach": EVERYTHING} | options))


def problems(result: ImportResult) -> list[tuple[int, str]]:
    assert not CourierRate.objects.exists()
    assert not Deed.objects.exists()
    return [(error.row, error.problem) for error in result.errors]


FAR_EAST = "zone: “远东省” is neither a province, nor digits of a division code, nor *"
ALL = "WH-1,ZTO,,2026-01-01,2027-01-01,*,,,1,8.00,1,4.00,4,"
NEAR = "WH-1,ZTO,,2026-01-01,2027-01-01,浙江省,,0-0.5:2.10; 0.5-1:2.60,1,2.60,1,0.80,2,"


def test_a_table_becomes_contracts_with_their_rates() -> None:
    result = take(ALL, NEAR, "WH-1,ZTO,,2026-01-01,2027-01-01,西藏,no,,,,,,,")

    assert (result.errors, len(result.created), result.replaced, result.rates) == ((), 1, (), 2)
    contract = CourierContract.objects.get()
    assert (contract.valid_from, contract.ends_on, contract.product.code) == (
        date(2026, 1, 1),
        date(2027, 1, 1),
        "standard",
    )
    assert CourierRate.objects.get(zone="33").tiers == [[500, "2.10"], [1000, "2.60"]]
    assert list(CourierArea.objects.values_list("zone", "serves")) == [("54", False)]
    book = tariff_of(AT)
    assert [book.cheapest(contract.warehouse_id, code, 600) for code in ("330106", "650102", "540102")] == [
        (Decimal("2.60"), contract.product.carrier_id),
        (Decimal("8.00"), contract.product.carrier_id),
        None,
    ]
    assert Deed.objects.get().actor == str(PERSON)
    assert CourierRate.history.count() == 2


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([ALL.replace("8.00", "eight")], [(2, "first_fee: “eight” is no number from 0 up")]),
        ([ALL.replace("8.00", "-1")], [(2, "first_fee: “-1” is no number from 0 up")]),
        ([ALL.replace("8.00", "")], [(2, "first_fee is empty")]),
        ([ALL.replace("8.00", "8.005")], [(2, "first_fee has fractions of a fen")]),
        ([ALL.replace("2026-01-01", "1.1.2026")], [(2, "valid_from: “1.1.2026” is no day such as 2026-11-01")]),
        ([ALL.replace("WH-1", "WH-9")], [(2, "there is no warehouse “WH-9” for you")]),
        ([ALL.replace("ZTO", "YTO")], [(2, "there is no courier “YTO”")]),
        (
            [ALL, NEAR.replace("浙江省", "远东省")],
            [(3, FAR_EAST)],
        ),
        ([ALL, NEAR, NEAR.replace("浙江省", "33")], [(4, "the zone is in row 3 already")]),
        ([ALL, NEAR.replace("0.5-1:", "0.6-1:")], [(3, "tiers: a gap between 0.5 kg and “0.6-1:2.60”")]),
        ([ALL, NEAR.replace("0.5-1:", "0.4-1:")], [(3, "tiers: an overlap between 0.5 kg and “0.4-1:2.60”")]),
        ([ALL, NEAR.replace("0.5-1:2.60", "1kg 2.60")], [(3, "tiers: “1kg 2.60” is not written like 0.5-1:2.60")]),
        ([ALL, NEAR + "300"], [(3, "differs from row 2 in what holds for the whole contract")]),
        ([ALL + "300"], [(2, "first and step weight are no multiples of the rounding")]),
        ([ALL.replace("2027-01-01", "2025-01-01")], [(2, "the contract ends before it begins")]),
        (
            [ALL, ALL.replace("2026-01-01", "2026-12-01").replace("2027-01-01", "2027-06-01")],
            [(3, "overlaps in time with the contract before it (row 2)")],
        ),
        (
            [ALL, ALL.replace("2026-01-01", "2027-02-01").replace("2027-01-01,*", "2027-06-01,*")],
            [(3, "leaves days without a price after the contract before it (row 2)")],
        ),
    ],
)
def test_every_mistake_is_named_by_its_row_and_nothing_is_written(
    rows: Sequence[str], wrong: list[tuple[int, str]]
) -> None:
    assert problems(take(*rows)) == wrong


def test_provinces_without_a_price_are_named() -> None:
    [(row, problem)] = problems(take(NEAR))

    assert row == 2
    assert problem.startswith("no price for 北京市、")
    assert "浙江省" not in problem


def test_a_table_of_the_same_first_day_replaces_and_a_later_one_closes_the_earlier_if_asked(house: Warehouse) -> None:
    take(ALL.replace("2027-01-01", ""), NEAR.replace("2027-01-01", ""))
    again = take(ALL.replace("2027-01-01", "").replace("8.00", "7.00"))
    later = ALL.replace("2026-01-01", "2026-06-01").replace("2027-01-01", "")

    assert (again.created, len(again.replaced)) == ((), 1)
    assert list(CourierRate.objects.values_list("zone", "first_fee")) == [("", Decimal("7.00"))]
    refused = take(later)
    assert [error.problem for error in refused.errors] == ["overlaps in time with the contract before it (2026-01-01)"]
    assert CourierContract.objects.count() == 1

    taken = take(later, closes_earlier=True)

    assert taken.errors == ()
    assert list(CourierContract.objects.order_by("valid_from").values_list("valid_from", "ends_on")) == [
        (date(2026, 1, 1), date(2026, 6, 1)),
        (date(2026, 6, 1), None),
    ]


def test_a_warehouse_out_of_reach_is_none(house: Warehouse) -> None:
    result = take(ALL, reach=Scope(frozenset(), frozenset({house.pk + 1})))

    assert problems(result) == [(2, "there is no warehouse “WH-1” for you")]


def agree(contract: CourierContract) -> None:
    CourierContract.objects.filter(pk=contract.pk).update(
        return_percent=60, weight_slack_g=80, amount_slack=Decimal("0.10")
    )
    for starts, ends, fee in (("2026-10-21", "2026-11-21", "0.50"), ("2027-01-10", "2027-02-10", "1.00")):
        PeakFee.objects.create(contract=contract, starts_on=starts, ends_on=ends, fee=Decimal(fee))


def test_what_was_exported_is_imported_as_it_was(house: Warehouse) -> None:
    contract = contract_of(house, Carrier.objects.get(), {"": "9", "3301": "5"}, divisor=8000, minimum_fee=Decimal("3"))
    agree(contract)
    CourierRate.objects.filter(zone="3301").update(tiers=[[300, "2.00"], [1000, "4.50"]])
    before = list(CourierRate.objects.order_by("zone").values("zone", "tiers", "first_fee", "step_fee", "days_p90"))
    content = b"".join(export_contracts(CourierContract.objects.all()))

    result = import_contracts(content=content, at=AT, actor=PERSON, reach=EVERYTHING)

    assert (result.errors, result.replaced) == ((), (contract.pk,))
    rates = CourierRate.objects.order_by("zone").values("zone", "tiers", "first_fee", "step_fee", "days_p90")
    assert list(rates) == before
    contract.refresh_from_db()
    assert (contract.divisor, contract.minimum_fee) == (8000, Decimal("3.00"))
    assert (contract.return_percent, contract.weight_slack_g, contract.amount_slack) == (60, 80, Decimal("0.10"))
    assert [(str(p.starts_on), str(p.ends_on), p.fee) for p in contract.peaks.all()] == [
        ("2026-10-21", "2026-11-21", Decimal("0.50")),
        ("2027-01-10", "2027-02-10", Decimal("1.00")),
    ]


def test_what_a_table_does_not_name_stays_as_it_was_agreed_and_an_empty_cell_ends_it(house: Warehouse) -> None:
    take(ALL)
    contract = CourierContract.objects.get()
    agree(contract)

    take(ALL)
    contract.refresh_from_db()
    assert (contract.return_percent, contract.weight_slack_g, contract.peaks.count()) == (60, 80, 2)

    content = lines(ALL + ",").replace(b"rounding_g", b"rounding_g,return_percent,peak_fees") + b","
    assert import_contracts(content=content, at=AT, actor=PERSON, reach=EVERYTHING).errors == ()
    contract.refresh_from_db()
    assert (contract.return_percent, contract.weight_slack_g, contract.peaks.count()) == (None, 80, 0)


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("return_percent", "60.5", "return_percent: “60.5” is no whole number from 0 to 1000"),
        ("weight_slack_percent", "101", "weight_slack_percent: “101” is no whole number from 0 to 100"),
        ("amount_slack", "0.001", "amount_slack has fractions of a fen"),
        ("amount_slack", "-1", "amount_slack: “-1” is no number from 0 up"),
        ("peak_fees", "November:1", "peak_fees: “November:1” is not written like 2026-10-21~2026-11-21:0.50"),
        ("peak_fees", "2026-11-31~2026-12-01:1", "peak_fees: “2026-11-31~2026-12-01:1” is not written like …"),
        ("peak_fees", "2026-11-21~2026-11-01:1", "peak_fees: “2026-11-21~2026-11-01:1” ends before it begins"),
        ("peak_fees", "2026-11-01~2026-11-21:1; 2026-11-20~2026-12-01:2", "peak_fees: two fees hold on 2026-11-20"),
    ],
)
def test_what_is_agreed_beside_the_prices_is_checked_by_the_row(column: str, cell: str, problem: str) -> None:
    content = f"{HEAD},{column}\r\n{ALL},{cell}".encode()

    result = import_contracts(content=content, at=AT, actor=PERSON, reach=EVERYTHING)

    assert problems(result) == [(2, problem.replace("…", "2026-10-21~2026-11-21:0.50"))]


def test_a_workbook_reads_like_a_text_file() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["仓库", "快递", "生效日期", "目的地", "首费", "续费"])
    sheet.append(["WH-1", "ZTO", date(2026, 1, 1), "*", 8.5, 4])
    content = io.BytesIO()
    book.save(content)

    assert import_contracts(content=content.getvalue(), at=AT, actor=PERSON, reach=EVERYTHING).rates == 1
    assert CourierRate.objects.get().first_fee == Decimal("8.50")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"a,b\r\n1,2", b"\xff\xfe\x00\x81"])
def test_a_file_that_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(SheetUnreadable):
        import_contracts(content=content, at=AT, actor=PERSON, reach=EVERYTHING)


def test_the_sample_says_that_it_is_one_and_is_read_once_that_row_is_gone() -> None:
    content = b"".join(sample_table()).decode("utf-8-sig")
    assert "SAMPLE FIGURES" in content

    rows = [row for row in content.splitlines() if "SAMPLE" not in row]
    result = import_contracts(content="\r\n".join(rows).encode(), at=AT, actor=PERSON, reach=EVERYTHING)

    assert (result.errors, result.rates) == ((), 3)


ZHEJIANG = "WH-1,ZTO,,2026-01-01,2027-01-01,浙江省,yes,,1,6.00,1,2.00,2,"


def goes(*codes: str) -> list[bool]:
    tariff = tariff_of(AT).tariff
    rows = [tariff.zone_of(code) for code in codes]
    return [row >= 0 and bool(tariff.served[row].any()) for row in rows]


def test_all_other_places_not_served_leaves_those_that_have_a_price() -> None:
    take(ZHEJIANG, "WH-1,ZTO,,2026-01-01,2027-01-01,*,no,,,,,,,")

    assert goes("330106", "650102") == [True, False]


def test_a_province_not_served_leaves_its_city_that_has_a_price() -> None:
    take(
        ALL, "WH-1,ZTO,,2026-01-01,2027-01-01,浙江省,no,,,,,,,", "WH-1,ZTO,,2026-01-01,2027-01-01,3301,yes,,1,6,1,2,2,"
    )

    assert goes("330106", "330203", "331081", "310104") == [True, False, False, True]


def test_what_is_not_served_goes_out_and_comes_in_again() -> None:
    take(ZHEJIANG, "WH-1,ZTO,,2026-01-01,2027-01-01,3302,no,,,,,,,", "WH-1,ZTO,,2026-01-01,2027-01-01,*,no,,,,,,,")
    before = goes("330106", "330203", "650102")
    table = b"".join(export_contracts(CourierContract.objects.all()))
    CourierArea.objects.all().delete()

    result = import_contracts(content=table, at=AT, actor=PERSON, reach=EVERYTHING)

    assert result.errors == ()
    assert before == goes("330106", "330203", "650102") == [True, False, False]
    assert list(CourierArea.objects.values_list("zone", flat=True)) == ["3302"]
