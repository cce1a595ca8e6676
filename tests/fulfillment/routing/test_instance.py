"""Days from files: planned as they are, or refused with file and row."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from fulfillment.routing.instance import read_instance
from fulfillment.routing.instance_tables import BadInstance, whole_parts
from fulfillment.routing.played_world import World
from ordercenter.runtime.entry import WITHOUT_DATABASE
from tests.fulfillment.routing.checker import judge


@pytest.fixture
def folder(day_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(day_folder, tmp_path / "day"))


def change(folder: Path, file: str, row: int, column: str, value: str) -> None:
    lines = (folder / file).read_text().splitlines()
    cells = lines[row - 1].split(",")
    cells[lines[0].split(",").index(column)] = value
    lines[row - 1] = ",".join(cells)
    (folder / file).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("mode", ["online", "batch"])
def test_a_day_is_planned_and_the_plan_is_as_good_as_it_says(folder, tmp_path, capsys, mode):
    out = tmp_path / "solution.csv"

    call_command("solve_instance", str(folder), "--out", str(out), "--mode", mode, "--seconds", "5", "--json")

    figures = json.loads(capsys.readouterr().out)
    cost, broken = judge(folder, out)
    assert broken == []
    assert float(cost) == figures["total"]
    terms = ("freight", "handling", "late", "split", "unfilled")
    assert sum(figures[term] for term in terms) == pytest.approx(figures["total"])


def test_learned_prices_cost_less_than_none(world, folder, tmp_path, capsys):
    for number in (2, 3):
        world.write(tmp_path / f"earlier{number}", number)
    earlier = [str(tmp_path / f"earlier{number}") for number in (2, 3)]
    totals = []
    for learn in ([], ["--learn", *earlier]):
        call_command(
            "solve_instance",
            str(folder),
            "--out",
            str(tmp_path / "s.csv"),
            "--mode",
            "online",
            "--json",
            "--seconds",
            "10",
            *learn,
        )
        totals.append(json.loads(capsys.readouterr().out)["total"])
        assert judge(folder, tmp_path / "s.csv")[1] == []

    assert totals[1] < totals[0]


def test_the_table_says_when_time_ran_out(folder, tmp_path, capsys):
    call_command("solve_instance", str(folder), "--out", str(tmp_path / "s.csv"), "--seconds", "0.01", "--no-solver")

    shown = capsys.readouterr().out
    assert "without the solver" in shown
    assert "time ran out in: prices" in shown


def test_solving_needs_no_database():
    assert "solve_instance" in WITHOUT_DATABASE


@pytest.mark.parametrize(
    ("file", "row", "column", "value", "problem"),
    [
        ("stock.csv", 5, "qty", "-1", "qty is not a whole number"),
        ("stock.csv", 5, "qty", "1.5", "qty is not a whole number"),
        ("stock.csv", 5, "warehouse", "77", "unknown warehouse '77'"),
        ("rates.csv", 9, "first_kg_fee", "abc", "first_kg_fee is not a number"),
        ("rates.csv", 9, "first_kg_fee", "nan", "first_kg_fee is not a number"),
        ("rates.csv", 9, "per_kg_fee", "1.005", "per_kg_fee is finer than 1/100"),
        ("rates.csv", 9, "courier", "OWL", "unknown courier 'OWL'"),
        ("orders.csv", 3, "priority", "7", "priority is not a whole number from 0 to 2"),
        ("orders.csv", 3, "dest_code", "杭州", "dest_code is not a division code"),
        ("lines.csv", 4, "sku", "99999", "unknown sku '99999'"),
        ("lines.csv", 4, "order", "99999", "unknown order '99999'"),
        ("lines.csv", 4, "qty", "0", "qty is not a whole number from 1"),
        ("skus.csv", 2, "weight_kg", "１", "weight_kg is not a number"),
        ("warehouses.csv", 2, "handling", "", "handling is not a number"),
    ],
)
def test_a_bad_cell_is_named_with_file_and_row(folder, file, row, column, value, problem):
    change(folder, file, row, column, value)

    with pytest.raises(BadInstance, match=problem) as caught:
        read_instance(folder)

    assert (caught.value.file, caught.value.row) == (file, row)


@pytest.mark.parametrize("file", ["stock.csv", "rates.csv", "orders.csv", "lines.csv", "skus.csv", "warehouses.csv"])
def test_a_row_that_stands_twice_is_refused(folder, file):
    lines = (folder / file).read_text().splitlines()
    (folder / file).write_text("\n".join([*lines, lines[1]]) + "\n")

    with pytest.raises(BadInstance, match=r"twice|already") as caught:
        read_instance(folder)

    assert (caught.value.file, caught.value.row) == (file, len(lines) + 1)


@pytest.mark.parametrize(
    "file", ["instance.json", "stock.csv", "rates.csv", "orders.csv", "lines.csv", "skus.csv", "warehouses.csv"]
)
def test_a_missing_file_is_named_and_nothing_is_written(folder, tmp_path, file):
    (folder / file).unlink()

    with pytest.raises(CommandError, match=f"{file}: this file is missing"):
        call_command("solve_instance", str(folder), "--out", str(tmp_path / "s.csv"))

    assert not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("warehouse,sku\n0,1\n", "row 1: columns missing: qty"),
        ("warehouse,sku,qty\n0,1\n", "row 2: 2 cells under 3 columns"),
        ('warehouse,sku,qty\n0,1,"2\n', "is not CSV"),
        ("warehouse,sku,qty,qty\n0,1,2,3\n", "row 1: a column stands twice"),
    ],
)
def test_a_table_that_is_none_is_refused(folder, content, problem):
    (folder / "stock.csv").write_text(content)

    with pytest.raises(BadInstance, match=problem):
        read_instance(folder)


def test_an_order_without_lines_is_refused(folder):
    lines = (folder / "lines.csv").read_text().splitlines()
    (folder / "lines.csv").write_text("\n".join(line for line in lines if not line.startswith("0,")) + "\n")

    with pytest.raises(BadInstance, match="order '0' has no line"):
        read_instance(folder)


def test_the_day_itself_and_days_of_another_world_teach_nothing(folder, tmp_path):
    World(warehouses=5, orders=400, seed=99).write(tmp_path / "elsewhere")
    out = ["--out", str(tmp_path / "s.csv"), "--mode", "online"]

    with pytest.raises(CommandError, match="names the day itself"):
        call_command("solve_instance", str(folder), *out, "--learn", str(folder))
    with pytest.raises(CommandError, match="another thing there"):
        call_command("solve_instance", str(folder), *out, "--learn", str(tmp_path / "elsewhere"))
    assert not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize(("text", "fen"), [("2.5", 250), ("0", 0), ("1e1", 1000), ("3.40", 340)])
def test_amounts_are_exact(text, fen):
    assert whole_parts(text, 100) == fen


def test_one_world_gives_the_same_day_twice_and_different_days(tmp_path):
    world = World(warehouses=3, orders=50, seed=2)
    for name, number in (("a", 1), ("b", 1), ("c", 2)):
        world.write(tmp_path / name, number)

    same = [(tmp_path / name / "lines.csv").read_text() for name in "abc"]
    assert same[0] == same[1] != same[2]
    assert (tmp_path / "a" / "stock.csv").read_text() == (tmp_path / "c" / "stock.csv").read_text()
