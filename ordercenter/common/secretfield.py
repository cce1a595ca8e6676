"""Personal data at rest: encrypted with a named key, found again by a keyed hash.

Cipher: AES-256-GCM (NIST SP 800-38D), 96-bit random nonce, the key's name as associated data. Column format: one byte
length of the key name, key name, nonce, ciphertext with tag. A new key is added and made current; old rows stay
readable as long as their key is kept. Search hashes are HMAC-SHA256 under a key of their own, truncated to 128 bits.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import Misconfigured, OrderCenterError


class Undecipherable(OrderCenterError):
    """The stored value cannot be read: its key is missing, or somebody changed the bytes."""

    code = "common.undecipherable"
    title = _("Encrypted data cannot be read.")
    hint = _("Check that the encryption keys of this installation are complete.")
    status = 500


def seal(value: Any) -> bytes:
    """Encrypt a JSON value under the current key."""
    name = settings.FIELD_KEY_CURRENT.encode()
    nonce = os.urandom(12)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return bytes([len(name)]) + name + nonce + _cipher(settings.FIELD_KEY_CURRENT).encrypt(nonce, text, name)


def unseal(column: bytes | memoryview) -> Any:
    """Decrypt what seal() made. Raises Undecipherable."""
    data = bytes(column)
    size = data[0] if data else 0
    name, nonce, secret = data[1 : 1 + size], data[1 + size : 13 + size], data[13 + size :]
    try:
        return json.loads(_cipher(name.decode()).decrypt(nonce, secret, name))
    except (InvalidTag, ValueError, KeyError) as error:
        raise Undecipherable from error


def search_hash(kind: str, value: str) -> str:
    """Keyed hash for equality search: 32 hex characters. Equal only within one kind ("phone", "address" ...)."""
    return hmac.new(_hash_key(), f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()[:32]


class SealedField(models.BinaryField):
    """A JSON value that is plain in Python and encrypted in the column (bytea)."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        # Decrypting every row of a list would be waste and a leak: the value stays sealed until somebody asks.
        return None if value is None else bytes(value)

    @staticmethod
    def to_column(value: Any) -> bytes | None:
        return value if value is None or isinstance(value, bytes) else seal(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(self.to_column(value), connection, prepared)


@cache
def _cipher(name: str) -> AESGCM:
    return AESGCM(base64.b64decode(settings.FIELD_KEYS[name]))


@cache
def _hash_key() -> bytes:
    if not settings.FIELD_HASH_KEY:
        raise Misconfigured("FIELD_HASH_KEY is empty: set it to 32 random bytes in base64")
    return base64.b64decode(settings.FIELD_HASH_KEY)
