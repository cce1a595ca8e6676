"""The verbs of stock: promise it, move it, tell what is to come, share it out among the channels."""

from ordercenter.inventory.services.departing import Departure, consume_departures, consume_reservations
from ordercenter.inventory.services.immediate import Wanted, reserve_many_now, reserve_now
from ordercenter.inventory.services.levels import FreeStock, free_of_levels, lock_levels
from ordercenter.inventory.services.moving import Movement, move_stock
from ordercenter.inventory.services.noting import note_changes_of_shop
from ordercenter.inventory.services.reserving import (
    Promise,
    allocate_reservations,
    expire_reservations,
    release_holds_of,
    release_reservations,
    reserve_stock,
)
from ordercenter.inventory.services.sharing import end_quotas, open_quotas, plan_quota

__all__ = [
    "Departure",
    "FreeStock",
    "Movement",
    "Promise",
    "Wanted",
    "allocate_reservations",
    "consume_departures",
    "consume_reservations",
    "end_quotas",
    "expire_reservations",
    "free_of_levels",
    "lock_levels",
    "move_stock",
    "note_changes_of_shop",
    "open_quotas",
    "plan_quota",
    "release_holds_of",
    "release_reservations",
    "reserve_many_now",
    "reserve_now",
    "reserve_stock",
]
