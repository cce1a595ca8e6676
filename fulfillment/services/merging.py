"""Orders that travel together: one buyer, one shop, one address. The orders stay whole, their shipment is one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.catalog.capabilities import ANYTHING, Capability, capabilities
from ordercenter.catalog.models import Contact
from ordercenter.orders.models import Order, ParcelPolicy
from ordercenter.orders.services.lookups import contacts_of

if TYPE_CHECKING:
    from fulfillment.services.planning import Consignment

STAMP = "parcels"
# Shop, buyer, address, phone, name: equal for orders that may travel together.
Key = tuple[int, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a shop wants; see ParcelPolicy."""

    merges: bool = True
    window_min: int = 0
    sibling_wait_min: int = 30
    margin_min: int = 240
    ships_parts: bool = False
    joins: bool = True


USUAL = Policy()


def policies(work: Work) -> Mapping[int, Policy]:
    """By shop id; a shop without one has USUAL."""
    return compiled(work, STAMP, _policies)


def keys_of(work: Work, orders: Collection[Order]) -> dict[int, Key]:
    """The merge key of each order that may travel with others at all. No statement: receivers and rules are known."""
    contacts, policy, can = contacts_of(work, orders), policies(work), capabilities(work)
    keys: dict[int, Key] = {}
    for order in orders:
        if order.ships_alone or not order.buyer_key or not policy.get(order.shop_id, USUAL).merges:
            continue
        contact = contacts.get(order.contact_id or 0)
        if contact is not None and _may_merge(contact, can.get(order.shop_id, ANYTHING)):
            keys[order.id] = key_of(order, contact)
    return keys


def key_of(order: Order, contact: Contact) -> Key:
    """A platform's address id and a clear address both stand as a keyed hash; behind a clear one, the same person."""
    return order.shop_id, order.buyer_key, contact.address_hash, contact.phone_hash, contact.masked_name


def travelling_together(work: Work, consignments: Sequence[Consignment]) -> list[list[Consignment]]:
    """Consignments that share a parcel, in the order of the first of each: equal key, equal warehouse.

    Two consignments of one order stay apart: routing, a rule or a person wanted them so.
    """
    orders = {consignment.order.id: consignment.order for consignment in consignments}
    keys = keys_of(work, list(orders.values())) if len(orders) > 1 else {}
    groups: dict[object, list[Consignment]] = {}
    for number, consignment in enumerate(consignments):
        key = keys.get(consignment.order.id)
        place: object = number if key is None else (key, consignment.parcel.warehouse_id)
        if place in groups and any(c.order.id == consignment.order.id for c in groups[place]):
            place = number
        groups.setdefault(place, []).append(consignment)
    return list(groups.values())


def _may_merge(contact: Contact, can: Capability) -> bool:
    if not contact.address_hash:
        return False
    return can.merges_by_opaque_id if contact.is_masked else can.merges_by_address


def _policies() -> dict[int, Policy]:
    return {
        row.shop_id: Policy(
            row.merges, row.window_min, row.sibling_wait_min, row.margin_min, row.ships_parts, row.joins
        )
        for row in ParcelPolicy.objects.all()
    }
