"""What the table of administrative divisions says about addresses."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "cn_divisions.csv"


@cache
def undivided_cities() -> frozenset[str]:
    """Cities that have no districts or counties below them, such as 东莞市: an address there needs none."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    divided = {row["parent"] for row in rows if row["level"] == "3"}
    return frozenset(row["name"] for row in rows if row["level"] == "2" and row["code"] not in divided)
