"""Messages that WeChat pushes in safe mode: their signature, and their envelope (AES-256-CBC around text and app id).

The signature is the hex SHA-1 of the sorted parts, joined: (token, timestamp, nonce) for the check of an address, the
same with the encrypted text for a message. The key is the base64 of the 43 characters of the platform's page; its first
16 bytes are the IV; the plain text is 16 random bytes, its length in 4 bytes, the message, the app id, padded to whole
blocks of 32 bytes as PKCS#7 says. Source: the platform's published scheme, held against two independent kits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import Misconfigured, OrderCenterError
from ordercenter.common.signing import same_text

BLOCK = 32
_RANDOM = 16
_LENGTH = 4


class WechatMessageInvalid(OrderCenterError):
    """Not a message that was sealed with this key for this app. problem: encrypted, padding, length or app_id."""

    code = "common.wechat_message_invalid"
    title = _("The message cannot be opened with this key.")
    hint = _("Compare the key and the app id with those on the platform's page.")
    status = 401

    def __init__(self, *, problem: str):
        super().__init__(problem)
        self.problem = problem


def wechat_signature(*parts: str) -> str:
    """The signature over these parts, whatever their order."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def wechat_signature_is_valid(signature: str, *parts: str) -> bool:
    """Whether a signature that came fits; takes the same time however much of it does."""
    return same_text(wechat_signature(*parts), signature.lower())


def open_wechat_message(encrypted: str, *, aes_key: str, app_id: str) -> bytes:
    """The message inside. Check the signature first. Raises WechatMessageInvalid, Misconfigured for an unusable key."""
    try:
        sealed = base64.b64decode(encrypted.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise WechatMessageInvalid(problem="encrypted") from None
    if not sealed or len(sealed) % 16:
        raise WechatMessageInvalid(problem="encrypted")
    opener = _cipher(aes_key).decryptor()
    padded = opener.update(sealed) + opener.finalize()
    padding = padded[-1]
    if not 1 <= padding <= BLOCK or padded[-padding:] != bytes([padding]) * padding:
        raise WechatMessageInvalid(problem="padding")
    plain = padded[:-padding]
    begin = _RANDOM + _LENGTH
    end = begin + int.from_bytes(plain[_RANDOM:begin], "big")
    if len(plain) < begin or end > len(plain):
        raise WechatMessageInvalid(problem="length")
    if plain[end:] != app_id.encode():
        raise WechatMessageInvalid(problem="app_id")
    return plain[begin:end]


def seal_wechat_message(message: bytes, *, aes_key: str, app_id: str) -> str:
    """What the platform would send for this message (the sandbox platform needs this side)."""
    plain = secrets.token_bytes(_RANDOM) + len(message).to_bytes(_LENGTH, "big") + message + app_id.encode()
    padding = BLOCK - len(plain) % BLOCK
    sealer = _cipher(aes_key).encryptor()
    return base64.b64encode(sealer.update(plain + bytes([padding]) * padding) + sealer.finalize()).decode()


def _cipher(aes_key: str) -> Cipher[modes.CBC]:
    try:
        key = base64.b64decode(f"{aes_key}=", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != BLOCK:
        raise Misconfigured("the EncodingAESKey must be the 43 characters of the platform's page")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))
