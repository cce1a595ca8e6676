"""Courier contracts as short as a test can say them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from fulfillment.models import Carrier, CourierContract, CourierProduct, CourierRate
from ordercenter.inventory.models import Warehouse


def contract_of(
    warehouse: Warehouse,
    carrier: Carrier,
    fees: Mapping[str, str],
    *,
    step: str = "2",
    product: str = "standard",
    **terms: Any,
) -> CourierContract:
    """A contract since ever: first kilogram by zone ("33" 浙江省, "" everywhere else), then each further one."""
    made, _ = CourierProduct.objects.get_or_create(carrier=carrier, code=product)
    contract = CourierContract.objects.create(
        **({"warehouse": warehouse, "product": made, "valid_from": date(2020, 1, 1)} | terms)
    )
    CourierRate.objects.bulk_create(
        CourierRate(contract=contract, zone=zone, first_fee=Decimal(fee), step_fee=Decimal(step), days_p90=0)
        for zone, fee in fees.items()
    )
    return contract
