"""Contacts from what a channel tells of a receiver: masked for the eye, hashed for search, sealed for the parcel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ordercenter.catalog.locating import confirmed, locate
from ordercenter.catalog.models import Contact
from ordercenter.common.divisions import code_of
from ordercenter.common.rows import new_row
from ordercenter.common.secretfield import seal, search_hash, unseal

_NOT_DIGITS = re.compile(r"\D+")
STARS = "***"


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver in clear, or as masked as the platform gives it."""

    name: str
    phone: str
    province: str
    city: str
    district: str
    town: str
    address: str
    zip_code: str = ""
    opaque_id: str = ""
    is_masked: bool = False


def make_contact(receiver: Receiver) -> Contact:
    """An unsaved contact. What the platform has masked already is kept as it is; clear data is sealed and masked.

    Where it lies is read from the text when the fields do not say: see `locating.locate`.
    """
    where = locate(receiver)
    contact = new_row(
        Contact,
        province=where.province,
        city=where.city,
        district=where.district,
        division_code=where.code,
        guessed_code=where.guessed_code,
        place_doubt=where.doubt,
        town=receiver.town,
        opaque_id=receiver.opaque_id,
        is_masked=receiver.is_masked,
    )
    if receiver.is_masked:
        contact.masked_name, contact.masked_phone = receiver.name[:64], receiver.phone[:32]
        contact.masked_address = receiver.address[:128]
        contact.address_hash = search_hash("opaque", receiver.opaque_id) if receiver.opaque_id else ""
        return contact
    contact.masked_name, contact.masked_phone = mask_name(receiver.name), mask_phone(receiver.phone)
    contact.masked_address = mask_address(receiver.address)
    contact.sealed = seal(
        {"name": receiver.name, "phone": receiver.phone, "address": receiver.address, "zip": receiver.zip_code}
    )
    contact.phone_hash = phone_hash(receiver.phone)
    contact.address_hash = search_hash(
        "address", "|".join((receiver.province, receiver.city, receiver.district, receiver.address.strip()))
    )
    return contact


def confirm_place(contact: Contact) -> None:
    """A person says that the guessed place is right: it becomes the place. The caller saves `PLACE_COLUMNS`."""
    place = confirmed(contact.guessed_code)
    contact.province, contact.city, contact.district = place.province, place.city, place.county or contact.district
    contact.division_code, contact.place_doubt = place.code, ""


def destination_code(contact: Contact | None) -> str | None:
    """The division that a parcel to this contact goes to; empty if its province is not in the table.

    None: nobody knows, or somebody only guesses, so no parcel may go there.
    """
    if contact is None or contact.place_doubt:
        return None
    return contact.division_code or code_of(contact.province, contact.city, contact.district)


PLACE_COLUMNS = ("province", "city", "district", "division_code", "place_doubt")


def clear_data(contact: Contact) -> dict[str, Any]:
    """Name, phone, address and zip in clear, or masked where the platform gave no more. The caller keeps the record."""
    if contact.sealed is None:
        return {
            "name": contact.masked_name,
            "phone": contact.masked_phone,
            "address": contact.masked_address,
            "zip": "",
        }
    data: dict[str, Any] = unseal(contact.sealed)
    return data


def phone_hash(phone: str) -> str:
    """The search hash of a phone number, whatever its spaces and dashes; +86 is dropped. Empty for no digits."""
    digits = _NOT_DIGITS.sub("", phone)
    if digits.startswith("86") and len(digits) == 13:
        digits = digits[2:]
    return search_hash("phone", digits) if digits else ""


def mask_name(name: str) -> str:
    """The first character stays."""
    return name[:1] + "**" if name else ""


def mask_phone(phone: str) -> str:
    """The last four digits stay."""
    digits = _NOT_DIGITS.sub("", phone)
    return "*" * max(0, len(digits) - 4) + digits[-4:] if len(digits) > 4 else "*" * len(digits)


def mask_address(address: str) -> str:
    """The first characters, up to the street, stay."""
    text = address.strip()
    return text[: min(3, max(1, len(text) // 3))] + STARS if text else ""
