"""API keys: made, found, and taken back. The secret has 256 random bits, so a plain digest of it is enough to keep."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import ApiKey, ApiKeyShop, ApiScope
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.problems import KeyInvalid

_TOKEN = re.compile(r"oc_([0-9a-z]{8})_([0-9A-Za-z_-]{43})")
_PREFIX_LETTERS = "0123456789abcdefghijkmnpqrstuvwxyz"
# last_used_at is exact to this much.
USED_EVERY = timedelta(minutes=1)


class GrantUnknown(OrderCenterError):
    """A scope that does not exist, or a key that may do nothing anywhere."""

    code = "catalog.grant_unknown"
    title = _("A key needs at least one shop or warehouse, and scopes that exist.")
    status = 400

    def __init__(self, *, scopes: Collection[str]):
        super().__init__(f"unknown scopes: {sorted(scopes)}" if scopes else "a shop without a scope")
        self.scopes = sorted(scopes)


class KeyUnknown(OrderCenterError):
    """There is no such API key."""

    code = "catalog.api_key_unknown"
    title = _("There is no such API key.")
    status = 404

    def __init__(self, *, key_id: int):
        super().__init__(f"API key {key_id} is unknown")
        self.key_id = key_id


@dataclass(frozen=True)
class FoundKey:
    """A valid key: its id, names, and scope -> ids of the shops in which it has it."""

    key_id: int
    name: str
    prefix: str
    shops: Mapping[str, frozenset[int]]


def create_key(
    *,
    name: str,
    grants: Mapping[int, Collection[str]],
    actor: Actor,
    expires_at: datetime | None = None,
    at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, "oc_<prefix>_<43 characters>", which nobody can read again afterwards.

    grants: shop id -> scopes of ApiScope in that shop. Stock is granted by warehouse:
    `inventory.api_keys.grant_warehouses`. Writes the deed "api_key.create". Raises GrantUnknown.
    """
    unknown = {scope for scopes in grants.values() for scope in scopes} - set(ApiScope.values)
    if unknown or not all(grants.values()):
        raise GrantUnknown(scopes=unknown)
    prefix = "".join(secrets.choice(_PREFIX_LETTERS) for _letter in range(8))
    secret = secrets.token_urlsafe(32)
    with unit_of_work(at=at, actor=actor) as work:
        key = ApiKey(
            name=name,
            prefix=prefix,
            secret_sha256=digest_of(secret),
            created_at=work.at,
            created_by_id=actor.user_id,
            expires_at=expires_at,
        )
        work.add([key])
        work.add(
            [
                ApiKeyShop(api_key_id=key.pk, shop_id=shop_id, scopes=sorted(set(scopes)))
                for shop_id, scopes in sorted(grants.items())
            ]
        )
        record_deed(
            work,
            action="api_key.create",
            subject=f"api_key:{key.pk}",
            details={"prefix": prefix, "grants": {str(shop): sorted(set(s)) for shop, s in grants.items()}},
        )
    return key, f"oc_{prefix}_{secret}"


def revoke_key(*, key_id: int, reason: str, actor: Actor, at: datetime | None = None) -> ApiKey:
    """From now on the key opens nothing; writes the deed "api_key.revoke". Once more changes nothing.

    Raises KeyUnknown.
    """
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        key = work.lock(ApiKey, [key_id]).get(key_id)
        if key is None:
            raise KeyUnknown(key_id=key_id)
        if key.revoked_at is None:
            key.revoked_at = work.at
            work.save(key, "revoked_at")
            record_deed(work, action="api_key.revoke", subject=f"api_key:{key.pk}", reason=reason)
    return key


def find_key(token: str, *, at: datetime) -> FoundKey:
    """The key that this token opens. Raises KeyInvalid for one that is unknown, wrong, expired or revoked.

    One statement, and a second one at most once a minute for the time of its last use.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise KeyInvalid
    prefix, secret = match.groups()
    rows = ApiKey.objects.filter(prefix=prefix).values_list(
        "pk",
        "name",
        "secret_sha256",
        "expires_at",
        "revoked_at",
        "last_used_at",
        "shop_rows__shop_id",
        "shop_rows__scopes",
    )
    shops: dict[str, set[int]] = defaultdict(set)
    found = list(rows)
    if not found:
        raise KeyInvalid
    pk, name, digest, expires_at, revoked_at, last_used_at, *_shop = found[0]
    is_over = revoked_at is not None or (expires_at is not None and expires_at <= at)
    if not hmac.compare_digest(digest, digest_of(secret)) or is_over:
        raise KeyInvalid
    for *_key, shop_id, scopes in found:
        for scope in scopes or ():
            shops[scope].add(shop_id)
    if last_used_at is None or last_used_at <= at - USED_EVERY:
        _remember_use(pk, at)
    return FoundKey(pk, name, prefix, {scope: frozenset(ids) for scope, ids in shops.items()})


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _remember_use(key_id: int, at: datetime) -> None:
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=at - USED_EVERY)
    ApiKey.objects.filter(stale, pk=key_id).update(last_used_at=at)
