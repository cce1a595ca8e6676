"""What is said to and by couriers, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """A sender or receiver. oaid, tid: what the platform gives instead of the clear contact, and the order it is of."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    province: str
    city: str
    district: str
    address: str = field(repr=False)
    town: str = ""
    oaid: str = ""
    tid: str = ""
    is_masked: bool = False


@dataclass(frozen=True, slots=True)
class WaybillRequest:
    """One package that needs a number. key: unique and the same at every try. platform: our channel's code."""

    key: str
    carrier_code: str
    platform: str
    order_nos: tuple[str, ...]
    items: tuple[tuple[str, int], ...]
    weight_g: int
    value: Decimal
    receiver: Place


@dataclass(frozen=True, slots=True)
class AssignedNumber:
    """The courier's number for a package. sort_code, qr: for the label; print_data: for its own print client."""

    key: str
    number: str
    parent_number: str = ""
    carrier_code: str = ""
    sort_code: str = ""
    qr: str = ""
    print_data: str = ""


class CourierClient(Protocol):
    """A courier, or who gives numbers for it. Holds no state; errors are those of carriers/errors.py."""

    most: int
    """How many packages one call may name."""

    def request(self, requests: Sequence[WaybillRequest]) -> Mapping[str, AssignedNumber]:
        """Numbers by key, for all of them or an error. The same key again gives the same number."""

    def find(self, requests: Sequence[WaybillRequest]) -> Mapping[str, AssignedNumber]:
        """The numbers that were given for these earlier; those that were not are absent."""

    def cancel(self, *, key: str, number: str) -> None:
        """Give a number back. One that is back already is no error."""

    def recall(self, *, number: str) -> bool:
        """Ask to bring a parcel back; False where this courier cannot be asked."""

    def balance(self) -> int | None:
        """Numbers left; None where they are not counted."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One thing that happened to a parcel. kind: a value of states.ScanKind; text and place as told, not masked yet."""

    at: datetime
    kind: str
    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class TrackingNews:
    """What is told of one number: scans, oldest first. carriers: our codes that it may be of.

    status: polling, shutdown or abort as the provider says; empty for an answer to a question.
    """

    number: str
    carriers: tuple[str, ...]
    scans: tuple[Scan, ...]
    status: str = ""
    message: str = ""
