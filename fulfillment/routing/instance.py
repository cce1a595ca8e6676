"""A planning day as plain files: the folder of CSV tables that describes warehouses, prices, stock and orders.

Money in the files is yuan, weight kilogram, time days; here they become fen and gram. The format: docs/routing-instances.md.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fulfillment.routing.tariff import Tariff, TariffRow, compile_tariff
from fulfillment.routing.terms import Choice, Costs, LineNeed, OrderNeed, StockView

T = TypeVar("T")
MOST = 10**9


class BadInstance(ValueError):
    """A file of the folder that cannot be read; says which one and which row."""

    def __init__(self, file: str, row: int | None, problem: str):
        super().__init__(f"{file}, row {row}: {problem}" if row else f"{file}: {problem}")
        self.file, self.row, self.problem = file, row, problem


@dataclass(frozen=True, slots=True)
class Instance:
    """A day to be planned. line_keys: line id of the core -> (order, line) as the files call them."""

    name: str
    tariff: Tariff
    costs: Costs
    stock: StockView
    orders: tuple[OrderNeed, ...]
    line_keys: tuple[tuple[int, int], ...]
    warehouse_names: tuple[str, ...]
    courier_names: tuple[str, ...]
    lower_bound_fen: int | None


class _Row:
    """One row of a table, that knows where it stands."""

    def __init__(self, file: str, number: int, cells: dict[str, str]):
        self.file, self.number, self._cells = file, number, cells

    def bad(self, problem: str) -> BadInstance:
        return BadInstance(self.file, self.number, problem)

    def text(self, column: str) -> str:
        return self._cells[column]

    def integer(self, column: str, most: int = MOST) -> int:
        text = self._cells[column]
        if not (text.isascii() and text.isdigit()) or int(text) > most:
            raise self.bad(f"{column} is not a whole number from 0 to {most}: {text!r}")
        return int(text)

    def thousandths(self, column: str, unit: int) -> int:
        """A decimal of the file as an integer of `unit` parts: yuan to fen (100), kilogram to gram (1000)."""
        return _parts(self._cells[column], unit, lambda problem: self.bad(f"{column} {problem}"))


def read_instance(folder: Path) -> Instance:
    """The day in this folder. Raises BadInstance, naming file and row, for anything missing, double or impossible."""
    if not folder.is_dir():
        raise BadInstance(str(folder), None, "no such folder")
    meta = _Meta(folder / "instance.json")
    warehouses = list(_rows(folder, "warehouses.csv", ("warehouse", "parcel_cap", "handling", "mto_cap_units", "mto_lead_days")))
    index = _unique(warehouses, lambda row: row.text("warehouse"), "warehouse")
    tariff = _tariff(folder, index, meta)
    skus = {key: (row.thousandths("weight_kg", 1000), row.integer("made_to_order", 1) == 1)
            for key, row in _table(folder, "skus.csv", ("sku", "weight_kg", "made_to_order"), "sku").items()}  # fmt: skip
    costs = Costs(
        handling_fen=np.array([row.thousandths("handling", 100) for row in warehouses], np.int64),
        dispatch_days=np.zeros(len(warehouses), np.int64),
        make_days=np.array([row.integer("mto_lead_days") for row in warehouses], np.int64),
        late_fen=meta.fen_list("late_per_day"),
        unfilled_fen=meta.fen_list("unfilled_per_line"),
        split_fen=meta.fen("split_penalty"),
    )
    if len(costs.late_fen) != len(costs.unfilled_fen):
        raise BadInstance("instance.json", None, "late_per_day and unfilled_per_line differ in length")
    sku_ids = {key: number for number, key in enumerate(skus)}
    stock = StockView(
        _stock(folder, index, sku_ids),
        [row.integer("mto_cap_units") for row in warehouses],
        [row.integer("parcel_cap") for row in warehouses],
    )
    orders, line_keys = _orders(folder, skus, sku_ids, tariff, len(costs.late_fen))
    return Instance(
        folder.name, tariff, costs, stock, orders, line_keys, tuple(index), tuple(meta.couriers), _bound(folder)
    )
