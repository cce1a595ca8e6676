"""Small random worlds for property tests: tariff, costs, stock, prices and an order."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from fulfillment.routing.tariff import CourierLimits, Tariff, TariffRow, compile_tariff
from fulfillment.routing.terms import Costs, LineNeed, OrderNeed, Prices, StockView

SKUS = (7, 8, 9)


@st.composite
def tariffs(draw: Any, warehouses: int, couriers: int) -> Tariff:
    ids = [100 + w for w in range(warehouses)]
    courier_ids = [50 + c for c in range(couriers)]
    rows, limits = [], {}
    for warehouse_id in ids:
        for courier_id in courier_ids:
            if draw(st.integers(0, 9)) == 0:
                continue
            tiers = draw(st.sampled_from([(), (), ((500, 280), (2000, 400))]))
            rows.append(
                TariffRow(
                    warehouse_id=warehouse_id,
                    courier_id=courier_id,
                    zone="33",
                    first_fen=draw(st.integers(200, 1500)),
                    step_fen=draw(st.integers(50, 600)),
                    step_g=draw(st.sampled_from([500, 1000])),
                    tiers=tiers,
                    minimum_fen=draw(st.sampled_from([0, 300])),
                    surcharge_fen=draw(st.sampled_from([0, 0, 150])),
                    days=draw(st.integers(1, 5)),
                )
            )
            limits[warehouse_id, courier_id] = CourierLimits(
                divisor=draw(st.sampled_from([0, 6000])),
                max_g=draw(st.sampled_from([0, 0, 4000])),
                oversize_g=draw(st.sampled_from([0, 3000])),
                oversize_fen=500,
            )
    return compile_tariff(rows, warehouses=ids, couriers=courier_ids, limits=limits)


@st.composite
def worlds(draw: Any, most_lines: int = 4) -> tuple[OrderNeed, StockView, Tariff, Prices | None, Costs]:
    warehouses, couriers = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    tariff = draw(tariffs(warehouses, couriers))
    counts = st.lists(st.integers(0, 4), min_size=warehouses, max_size=warehouses)
    lines = tuple(
        LineNeed(
            line_id=number,
            sku_id=draw(st.sampled_from(SKUS)),
            quantity=draw(st.integers(1, 2)),
            weight_g=draw(st.integers(1, 3000)),
            volume_cm3=draw(st.sampled_from([0, 9000])),
            made_to_order=draw(st.integers(0, 4)) == 0,
            parcel_class=draw(st.sampled_from([0, 0, 0, 1])),
        )
        for number in range(draw(st.integers(1, most_lines)))
    )
    amounts = st.floats(0, 2000, allow_nan=False)
    rows = st.lists(amounts, min_size=warehouses, max_size=warehouses)
    prices = None
    if draw(st.booleans()):
        stock_prices = {sku: np.array(draw(rows)) for sku in SKUS[:2]}
        prices = Prices(stock=stock_prices, parcel=np.array(draw(rows)), unit=np.array(draw(rows)))
    shape = (warehouses, couriers)
    order = OrderNeed(
        order_id=1,
        lines=lines,
        zone=tariff.zone_of(draw(st.sampled_from(["330100", "330100", "330100", "440100"]))),
        priority=draw(st.integers(0, 1)),
        promise_days=draw(st.sampled_from([None, 2, 4])),
        excluded=draw(st.sampled_from([{}, {}, {100: "a rule"}])),
        allowed=draw(st.sampled_from([None, None, np.arange(shape[0] * shape[1]).reshape(shape) % 2 == 0])),
        extra_fen=draw(st.sampled_from([None, None, np.arange(shape[0] * shape[1]).reshape(shape) * 130 - 100])),
        max_parcels=draw(st.sampled_from([None, None, 0, 1, 2])),
        pinned_warehouse_id=draw(st.sampled_from([None, None, None, 100])),
        is_partial=draw(st.booleans()),
    )
    stock = StockView({sku: draw(counts) for sku in SKUS}, draw(counts), draw(counts))
    costs = Costs(
        handling_fen=np.array(draw(st.lists(st.integers(0, 300), min_size=warehouses, max_size=warehouses))),
        dispatch_days=np.array(draw(st.lists(st.integers(0, 1), min_size=warehouses, max_size=warehouses))),
        make_days=np.array(draw(st.lists(st.integers(0, 5), min_size=warehouses, max_size=warehouses))),
        late_fen=(300, 2500),
        unfilled_fen=(4000, 9000),
        split_fen=draw(st.sampled_from([0, 400])),
    )
    return order, stock, tariff, prices, costs
