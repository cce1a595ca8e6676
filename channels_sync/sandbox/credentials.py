"""The keys that Order Center and the sandbox share, in one file of the data folder, made by whoever comes first.

They open nothing but the sandbox; still the file is readable by its owner only, as real ones would be.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@dataclass(frozen=True, slots=True)
class Credentials:
    """top_*: the shop's application at the open platform. qimen_*: the link to the warehouse, signed both ways.

    alipay_app_*: our key pair (the sandbox checks with the public one); alipay_*_key: the provider's (we check with its
    public one). Keys are PEM, PKCS#8 and SubjectPublicKeyInfo. sf_*: our customer number at SF Express; kuaidi100_*:
    our access to who follows parcels. wechat_*: the application at WeChat shop; its token and aes_key are those of its
    callbacks. douyin_*, jd_*: the applications there, with the tokens that the seller's grant brought. shopify_*,
    woo_*, direct_*: the app of the Shopify shop, the keys of the WooCommerce shop and of the company's own, and what
    signs their webhooks. push_secret: makes the address word of every account to which a
    platform pushes.
    """

    top_app_key: str
    top_secret: str = field(repr=False)
    top_session: str = field(repr=False)
    seller_id: int
    qimen_app_key: str
    qimen_secret: str = field(repr=False)
    qimen_customer_id: str
    alipay_app_id: str
    alipay_seller_id: str
    alipay_app_private_key: str = field(repr=False)
    alipay_app_public_key: str = field(repr=False)
    alipay_private_key: str = field(repr=False)
    alipay_public_key: str = field(repr=False)
    sf_partner_id: str
    sf_checkword: str = field(repr=False)
    kuaidi100_customer: str
    kuaidi100_key: str = field(repr=False)
    kuaidi100_salt: str = field(repr=False)
    push_secret: str = field(repr=False)
    wechat_app_id: str
    wechat_secret: str = field(repr=False)
    wechat_token: str = field(repr=False)
    wechat_aes_key: str = field(repr=False)
    douyin_app_key: str
    douyin_secret: str = field(repr=False)
    douyin_shop_id: str
    douyin_access_token: str = field(repr=False)
    douyin_refresh_token: str = field(repr=False)
    jd_app_key: str
    jd_secret: str = field(repr=False)
    jd_access_token: str = field(repr=False)
    jd_refresh_token: str = field(repr=False)
    shopify_domain: str
    shopify_access_token: str = field(repr=False)
    shopify_api_secret: str = field(repr=False)
    woo_key: str
    woo_secret: str = field(repr=False)
    woo_webhook_secret: str = field(repr=False)
    direct_api_key: str = field(repr=False)
    direct_webhook_secret: str = field(repr=False)

    def push_token(self, platform: str) -> str:
        """The secret word in the address to which a platform pushes (ChannelAccount.push_token)."""
        return hmac.new(self.push_secret.encode(), platform.encode(), hashlib.sha256).hexdigest()[:32]


def load_or_create(data_dir: Path) -> Credentials:
    """The sandbox's credentials of this data folder, made on the first call; safe when two processes call at once."""
    path = data_dir / "sandbox" / "credentials.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".credentials-")  # made with mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(generate()), file, indent=1)
        try:
            # Linking fails when somebody was faster: theirs counts, whole.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    values = json.loads(path.read_text(encoding="utf-8"))
    missing = [item.name for item in fields(Credentials) if item.name not in values]
    if missing:
        # A file of an older sandbox: what it has stays, what is new is made.
        values |= {name: value for name, value in asdict(generate()).items() if name in missing}
        _replace(path, values)
    return Credentials(**{item.name: values[item.name] for item in fields(Credentials)})


def _replace(path: Path, values: Mapping[str, object]) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".credentials-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(values, file, indent=1)
    os.replace(temporary, path)


def generate() -> Credentials:
    """Fresh credentials."""
    app_private, app_public = _key_pair()
    provider_private, provider_public = _key_pair()
    return Credentials(
        top_app_key=_digits(8, first="2"),
        top_secret=secrets.token_hex(16),
        top_session="6101" + secrets.token_hex(24),
        seller_id=int(_digits(13, first="22")),
        qimen_app_key=_digits(8, first="2"),
        qimen_secret=secrets.token_hex(16),
        qimen_customer_id="c" + _digits(10, first="1"),
        alipay_app_id=_digits(16, first="2021"),
        alipay_seller_id=_digits(16, first="2088"),
        alipay_app_private_key=app_private,
        alipay_app_public_key=app_public,
        alipay_private_key=provider_private,
        alipay_public_key=provider_public,
        sf_partner_id="YJ" + _digits(6, first="1"),
        sf_checkword=secrets.token_hex(16),
        kuaidi100_customer=secrets.token_hex(16).upper(),
        kuaidi100_key=secrets.token_urlsafe(9),
        kuaidi100_salt=secrets.token_hex(8),
        push_secret=secrets.token_hex(16),
        wechat_app_id="wx" + secrets.token_hex(8),
        wechat_secret=secrets.token_hex(16),
        wechat_token=secrets.token_urlsafe(18),
        # 32 bytes in base64 without the last sign, as the platform's page makes it.
        wechat_aes_key=b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        douyin_app_key=_digits(19, first="68"),
        douyin_secret="-".join(secrets.token_hex(4) for _part in range(4)),
        douyin_shop_id=_digits(7, first="1"),
        douyin_access_token=secrets.token_hex(16),
        douyin_refresh_token=secrets.token_hex(16),
        jd_app_key=secrets.token_hex(16).upper(),
        jd_secret=secrets.token_hex(16),
        jd_access_token=secrets.token_hex(16),
        jd_refresh_token=secrets.token_hex(16),
        shopify_domain="mumian.myshopify.com",
        shopify_access_token="shpat_" + secrets.token_hex(16),
        shopify_api_secret=secrets.token_hex(16),
        woo_key="ck_" + secrets.token_hex(20),
        woo_secret="cs_" + secrets.token_hex(20),
        woo_webhook_secret=secrets.token_hex(24),
        direct_api_key=secrets.token_hex(16),
        direct_webhook_secret=secrets.token_hex(24),
    )


def _digits(length: int, *, first: str) -> str:
    return first + "".join(secrets.choice("0123456789") for _no in range(length - len(first)))


def _key_pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
