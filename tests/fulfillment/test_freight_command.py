"""`manage.py import_courier_bill`: a bill from a file, with its mistakes or its differences."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from fulfillment.models import FreightBill
from tests.fulfillment.freight_stage import HEADING, Stage, row, table

pytestmark = pytest.mark.django_db


def run(file: Path, *arguments: str, **options: object) -> str:
    out = StringIO()
    with translation.override("en"):
        call_command("import_courier_bill", str(file), *arguments, stdout=out, no_color=True, **options)
    return out.getvalue()


def test_a_bill_is_taken_in_and_its_differences_are_told(tmp_path: Path) -> None:
    stage = Stage()
    one, two = stage.ship([800, 800])
    file = tmp_path / "bill.csv"
    file.write_bytes(table([HEADING, row(one), row(two, "2", "7.00")], "gb18030"))

    told = json.loads(run(file, "--courier", "ZTO", "--first", "2026-10-01", "--last", "2026-10-31", "--json"))

    bill = FreightBill.objects.get()
    assert told == {"bill": bill.pk, "lines": 2, "differences": {"weight_differs": 1}, "errors": []}
    assert (str(bill.starts_on), str(bill.ends_on)) == ("2026-10-01", "2026-11-01")


def test_mistakes_end_it_with_an_error_and_change_nothing(tmp_path: Path) -> None:
    Stage()
    file = tmp_path / "bill.csv"
    file.write_bytes(table([HEADING, row("ZT0001", "1", "many")]))
    out = StringIO()

    with translation.override("en"), pytest.raises(SystemExit) as end:
        call_command("import_courier_bill", str(file), "--courier", "ZTO", stdout=out, no_color=True)

    assert end.value.code == 1
    assert out.getvalue() == "Row 2, 合计金额: “many” is no amount\n"
    assert not FreightBill.objects.exists()


@pytest.mark.parametrize("arguments", [("--courier", "NOBODY"), ("--courier", "ZTO", "--warehouse", "NOWHERE")])
def test_unknown_names_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    Stage()
    file = tmp_path / "bill.csv"
    file.write_bytes(table([HEADING, row("ZT0001")]))

    with pytest.raises(CommandError):
        run(file, *arguments)


def test_a_known_file_is_refused(tmp_path: Path) -> None:
    stage = Stage()
    stage.ship()
    file = tmp_path / "bill.csv"
    file.write_bytes(table([HEADING, row("ZT00000001")]))
    run(file, "--courier", "ZTO")

    with pytest.raises(CommandError, match="taken in already"):
        run(file, "--courier", "ZTO")
