"""Sealed values: opened only with their key, and only as they were sealed."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.conf import LazySettings

from ordercenter.catalog.models import Contact
from ordercenter.common.errors import Misconfigured
from ordercenter.common.secretfield import Undecipherable, _cipher, _hash_key, seal, search_hash, unseal

CLEAR = {"name": "王小雨", "phone": "13800000000"}


def key(letter: str) -> str:
    return base64.b64encode(letter.encode() * 32).decode()


@pytest.fixture(autouse=True)
def _forget_keys() -> Any:
    _cipher.cache_clear()
    _hash_key.cache_clear()
    yield
    _cipher.cache_clear()
    _hash_key.cache_clear()


@pytest.mark.parametrize("value", [CLEAR, "text", "", None, 7, [1, {"a": "\\"}]])
def test_what_was_sealed_is_opened_again(value: Any) -> None:
    assert unseal(seal(value)) == value


def test_the_clear_text_is_not_in_the_column_and_no_two_seals_are_alike() -> None:
    first, second = seal(CLEAR), seal(CLEAR)

    assert "王小雨".encode() not in first
    assert b"13800000000" not in first
    assert first != second


@pytest.mark.parametrize("at", [0, 1, 5, 20, -1])
def test_a_changed_byte_anywhere_is_noticed(at: int) -> None:
    column = bytearray(seal(CLEAR))
    column[at] ^= 1

    with pytest.raises(Undecipherable):
        unseal(bytes(column))


@pytest.mark.parametrize("column", [b"", b"\x00", b"\x02t1", b"garbage"])
def test_bytes_that_were_never_sealed_are_refused_by_type(column: bytes) -> None:
    with pytest.raises(Undecipherable):
        unseal(column)


def test_a_seal_of_an_old_key_opens_after_the_key_was_changed_and_new_ones_use_the_new_key(
    settings: LazySettings,
) -> None:
    settings.FIELD_KEYS, settings.FIELD_KEY_CURRENT = {"k1": key("a")}, "k1"
    old = seal(CLEAR)

    settings.FIELD_KEYS, settings.FIELD_KEY_CURRENT = {"k1": key("a"), "k2": key("b")}, "k2"
    new = seal(CLEAR)

    assert unseal(old) == unseal(new) == CLEAR
    assert (old[1:3], new[1:3]) == (b"k1", b"k2")


def test_a_seal_whose_key_is_gone_or_another_is_refused_by_type(settings: LazySettings) -> None:
    settings.FIELD_KEYS, settings.FIELD_KEY_CURRENT = {"k1": key("a")}, "k1"
    column = seal(CLEAR)

    for keys in ({"k2": key("b")}, {"k1": key("c")}):
        settings.FIELD_KEYS = keys
        _cipher.cache_clear()
        with pytest.raises(Undecipherable):
            unseal(column)


def test_a_search_hash_is_equal_within_its_kind_and_key_only(settings: LazySettings) -> None:
    phone = search_hash("phone", "13800000000")

    assert phone == search_hash("phone", "13800000000")
    assert phone != search_hash("buyer", "13800000000")
    assert len(phone) == 32

    settings.FIELD_HASH_KEY = key("z")
    _hash_key.cache_clear()
    assert phone != search_hash("phone", "13800000000")


def test_without_a_hash_key_the_setting_is_named(settings: LazySettings) -> None:
    settings.FIELD_HASH_KEY = ""

    with pytest.raises(Misconfigured, match="FIELD_HASH_KEY"):
        search_hash("phone", "1")


@pytest.mark.django_db
def test_a_sealed_column_stays_sealed_until_somebody_opens_it() -> None:
    Contact.objects.create(province="浙江省", sealed=CLEAR)

    contact = Contact.objects.get()
    assert isinstance(contact.sealed, bytes)
    assert unseal(contact.sealed) == CLEAR

    before = contact.sealed
    contact.province = "广东省"
    contact.save()
    assert Contact.objects.get().sealed == before, "saving a row seals nothing twice"
