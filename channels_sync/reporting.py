"""What a channel is told about the parcels of an order, obeying what the channel can be told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels_sync.models import ChannelAccount
from fulfillment.models import Parcel, Shipment, ShipmentLine
from ordercenter.audit.work import Work
from ordercenter.catalog.capabilities import ANYTHING, Capability, capabilities
from ordercenter.orders.models import OrderLine

MERGED_INTO, NOT_SUPPORTED = "merged_into", "not_supported"


@dataclass(frozen=True, slots=True)
class Withheld:
    """An order whose parcel the channel is not told of, and why: merged_into another order's number, not_supported."""

    order_id: int
    shipment_id: int
    why: str
    instead: str = ""


@dataclass
class Reports:
    """payloads: by shipment, what each of its orders' channels has to know. withheld: what it cannot be told."""

    payloads: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    withheld: list[Withheld] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Piece:
    """A shipment line that left, with what decides about reporting it."""

    shipment_id: int
    order_id: int
    order_no: str
    line_id: int
    channel_line_no: str
    shipped: int
    is_gift: bool


def reports_of(shipment_ids: Collection[int], work: Work) -> Reports:
    """What the channels have to know of these shipments. Five statements for any number of shipments."""
    shops = dict(Shipment.objects.filter(pk__in=shipment_ids).values_list("pk", "shop_id"))
    accounts = dict(
        ChannelAccount.objects.filter(shop_id__in=set(shops.values()), is_active=True).values_list("shop_id", "pk")
    )
    parcels: dict[int, tuple[str, str]] = {}
    rows = Parcel.objects.filter(shipment_id__in=shipment_ids).order_by("-pk")
    for shipment_id, carrier, number in rows.values_list("shipment_id", "carrier__code", "tracking_no"):
        parcels[shipment_id] = (carrier, number)
    pieces = _pieces(shipment_ids)
    earlier, whole = _told_before({p.order_id for group in pieces.values() for p in group}, shipment_ids)
    can = capabilities(work)
    reports = Reports()
    for shipment_id in sorted(shipment_ids):
        account_id = accounts.get(shops.get(shipment_id, 0))
        if account_id is None or shipment_id not in parcels:
            continue
        capability = can.get(shops[shipment_id], ANYTHING)
        carrier, number = parcels[shipment_id]
        told = ""
        for order_id, mine in _by_order(pieces.get(shipment_id, ())).items():
            lines = _lines(mine, whole[order_id], earlier[order_id], capability)
            if lines is None:
                reports.withheld.append(Withheld(order_id, shipment_id, NOT_SUPPORTED))
                continue
            if told and not capability.shares_number:
                reports.withheld.append(Withheld(order_id, shipment_id, MERGED_INTO, told))
                continue
            told = told or mine[0].order_no
            earlier[order_id].update({p.channel_line_no for p in mine})
            reports.payloads.setdefault(shipment_id, []).append(
                {
                    "account_id": account_id,
                    "shipment_id": shipment_id,
                    "order_no": mine[0].order_no,
                    "carrier": carrier,
                    "tracking_no": number,
                    "lines": lines,
                    "pieces": _pieces_of(mine, lines),
                }
            )
    return reports


def _lines(mine: Sequence[Piece], ordered: Mapping[str, int], earlier: set[str], can: Capability) -> list[str] | None:
    """The channel lines to name; empty: the whole order; None: the channel is not to be told of this parcel.

    Gifts of ours have no line at the channel. A line whose pieces leave in several parcels is named with the first one
    only, unless the channel takes pieces or further numbers.
    """
    shipped: dict[str, int] = defaultdict(int)
    for piece in mine:
        if not piece.is_gift:
            shipped[piece.channel_line_no] += piece.shipped
    if not earlier and all(shipped.get(no, 0) >= n for no, n in ordered.items()):
        return []
    if not can.splits_by_line:
        # It takes one number for the whole order: the first parcel's, so that the buyer sees it on its way.
        return None if earlier else []
    again = can.splits_by_quantity or can.many_numbers_per_line
    lines = sorted(no for no in shipped if again or no not in earlier)
    return lines or None


def _pieces_of(mine: Sequence[Piece], lines: Collection[str]) -> list[tuple[str, int]]:
    """How many of each named line are in the parcel."""
    shipped: dict[str, int] = defaultdict(int)
    for piece in mine:
        if not piece.is_gift and piece.channel_line_no in lines:
            shipped[piece.channel_line_no] += piece.shipped
    return sorted(shipped.items())


def _pieces(shipment_ids: Collection[int]) -> dict[int, list[Piece]]:
    rows = ShipmentLine.objects.filter(shipment_id__in=shipment_ids, shipped__gt=0)
    names = ("shipment_id", "order_id", "order__channel_order_no", "order_line_id", "order_line__channel_line_no")
    pieces: dict[int, list[Piece]] = defaultdict(list)
    for row in rows.order_by("shipment_id", "order_id", "pk").values_list(*names, "shipped", "order_line__is_gift"):
        pieces[row[0]].append(Piece(*row))
    return pieces


def _told_before(
    order_ids: Collection[int], shipment_ids: Collection[int]
) -> tuple[dict[int, set[str]], dict[int, dict[str, int]]]:
    """By order: the channel lines that left in earlier shipments, and how many pieces each channel line has."""
    earlier: dict[int, set[str]] = defaultdict(set)
    left = ShipmentLine.objects.filter(order_id__in=order_ids, shipped__gt=0, order_line__is_gift=False)
    for order_id, line_no in left.exclude(shipment_id__in=shipment_ids).values_list(
        "order_id", "order_line__channel_line_no"
    ):
        earlier[order_id].add(line_no)
    whole: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    lines = OrderLine.objects.filter(order_id__in=order_ids, is_gift=False)
    for order_id, line_no, ordered, cancelled in lines.values_list(
        "order_id", "channel_line_no", "ordered", "cancelled"
    ):
        whole[order_id][line_no] += ordered - cancelled
    return earlier, whole


def _by_order(pieces: Sequence[Piece]) -> dict[int, list[Piece]]:
    groups: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[piece.order_id].append(piece)
    return groups
