"""One planted violation for each way in which an invariant can be broken, written past every service and constraint."""

from __future__ import annotations

# Importing a file of plants registers them.
from tests.ordercenter.console import (  # noqa: F401
    plants_chains,
    plants_couriers,
    plants_deliveries,
    plants_floor,
    plants_lines,
    plants_live,
    plants_money,
    plants_parcels,
    plants_post,
    plants_shipments,
    plants_stock,
)
from tests.ordercenter.console.plants_base import PLANTS, Plant, sql

__all__ = ["PLANTS", "Plant", "sql"]
