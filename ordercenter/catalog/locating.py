"""Which division a receiver lives in: from the fields that came with the order, else from what is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from ordercenter.common.addresses import Doubt, parse_address
from ordercenter.common.divisions import (
    WITHOUT_DISTRICTS,
    Place,
    code_of,
    divisions,
    lies_in,
    place_of,
    undivided_cities,
)
from ordercenter.common.place_names import begins_with_city, plain

# Where the text leaves out a part, the review says what is missing; there is nothing to doubt.
_ONLY_MISSING: frozenset[Doubt] = frozenset({"nothing_found", "only_province"})


class Addressed(Protocol):
    """The parts of a receiver that say where."""

    @property
    def province(self) -> str: ...
    @property
    def city(self) -> str: ...
    @property
    def district(self) -> str: ...
    @property
    def town(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def is_masked(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Location:
    """Where a receiver lives. code: the division a parcel may go to, empty while there is a doubt or no province.

    guessed_code: what a doubtful text most likely means; only a person may make it the code.
    """

    province: str
    city: str
    district: str
    code: str
    guessed_code: str = ""
    doubt: Doubt = ""


def locate(receiver: Addressed) -> Location:
    """Complete fields are taken as given, and doubted only where they contradict each other or the clear text.

    Without them a clear text is read: a sure answer fills the fields, a guess leaves them as they came. What a
    platform has masked is never read.
    """
    given = Location(
        receiver.province,
        receiver.city,
        receiver.district,
        code_of(receiver.province, receiver.city, receiver.district),
    )
    if _is_complete(given):
        return _doubted(given, receiver)
    if receiver.is_masked:
        return given
    return _read(given, receiver)


def _is_complete(given: Location) -> bool:
    has_district = bool(given.district) or given.city in undivided_cities() or given.code[:2] in WITHOUT_DISTRICTS
    return bool(given.province) and has_district


def _doubted(given: Location, receiver: Addressed) -> Location:
    province_code = code_of(given.province, "", "")
    if receiver.is_masked:
        # The platform knows the clear address and vouches for it; its city may be newer than our table.
        return replace(given, code=given.code or province_code)
    if not given.code and province_code:
        # The city is one of another province.
        return replace(given, guessed_code=province_code, doubt="contradiction")
    if given.code and begins_with_city(plain(receiver.address[:24])):
        written = parse_address(receiver.address)
        code = written.place.code
        if code and written.is_sure and not (lies_in(code, given.code) or lies_in(given.code, code)):
            return replace(given, code="", guessed_code=given.code, doubt="contradiction")
    return given


def _read(given: Location, receiver: Addressed) -> Location:
    fields = "".join((receiver.province, receiver.city, receiver.district, receiver.town))
    written = parse_address(f"{fields} {receiver.address}")
    if written.is_sure:
        return _filled(given, written.place)
    if written.doubt in _ONLY_MISSING:
        return given
    return replace(given, code="", guessed_code=written.place.code, doubt=written.doubt)


def _filled(given: Location, place: Place) -> Location:
    # A zone that is no division stays as it was written.
    return Location(place.province, place.city, place.county or given.district, place.code)


def confirmed(guessed_code: str) -> Place:
    """The place that a person took over from a guess. Raises ValueError for a code that is none."""
    if guessed_code not in divisions():
        raise ValueError(f"{guessed_code!r} is no division")
    return place_of(guessed_code)
