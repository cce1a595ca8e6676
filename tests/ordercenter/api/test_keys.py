"""API keys: shown once, kept as a digest, valid until they expire or are taken back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from ordercenter.audit.models import Deed
from ordercenter.catalog.api_keys import GrantUnknown, KeyUnknown, create_key, find_key, revoke_key
from ordercenter.catalog.models import ApiKey, ApiKeyShop
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.problems import KeyInvalid
from ordercenter.inventory.api_keys import grant_warehouses, warehouse_ids_of_key
from tests.ordercenter.api.company import NOON, READ, WRITE, Caller, Company


def test_a_key_is_shown_once_and_kept_as_a_digest(company: Company) -> None:
    key, secret = create_key(name="till", grants={company.shop.pk: [READ]}, actor=SYSTEM)

    assert re.fullmatch(rf"oc_{key.prefix}_[0-9A-Za-z_-]{{43}}", secret)
    stored = ApiKey.objects.values().get()
    assert secret.rpartition(f"{key.prefix}_")[2] not in str(stored)
    assert not hasattr(ApiKey.history.get(), "secret_sha256")


def test_who_made_a_key_and_what_it_may_do_is_on_record(company: Company) -> None:
    key, _secret = create_key(name="till", grants={company.shop.pk: [WRITE, READ, READ]}, actor=SYSTEM)

    deed = Deed.objects.get()
    assert (deed.action, deed.subject, deed.actor) == ("api_key.create", f"api_key:{key.pk}", str(SYSTEM))
    assert deed.details == {"prefix": key.prefix, "grants": {str(company.shop.pk): [READ, WRITE]}}
    assert ApiKeyShop.objects.get().scopes == [READ, WRITE]


def test_a_scope_that_does_not_exist_is_refused(company: Company) -> None:
    for grants in ({company.shop.pk: ["orders:delete"]}, {company.shop.pk: []}):
        with pytest.raises(GrantUnknown):
            create_key(name="till", grants=grants, actor=SYSTEM)

    assert not ApiKey.objects.exists()


def test_a_form_takes_a_list_of_known_scopes_only(company: Company) -> None:
    key, _secret = company.key()

    for scopes in ([], ["orders:delete"], "orders:read", {"orders:read": 1}):
        with pytest.raises(ValidationError):
            ApiKeyShop(api_key=key, shop=company.other, scopes=scopes).full_clean()
    ApiKeyShop(api_key=key, shop=company.other, scopes=[READ]).full_clean()


def test_an_expired_key_opens_nothing(company: Company) -> None:
    _key, secret = company.key(expires_at=NOON)

    assert find_key(secret, at=NOON - timedelta(seconds=1)).shops == {
        scope: frozenset({company.shop.pk}) for scope in ("cases:read", "orders:read", "orders:write")
    }
    with pytest.raises(KeyInvalid):
        find_key(secret, at=NOON)


def test_a_key_that_was_taken_back_opens_nothing(company: Company) -> None:
    key, secret = company.key()
    caller = Caller(secret)
    assert caller.get("orders").status_code == 200

    revoke_key(key_id=key.pk, reason="lost", actor=Actor("person", "mei"))
    revoke_key(key_id=key.pk, reason="lost twice", actor=Actor("person", "mei"))

    answer = caller.get("orders")
    assert (answer.status_code, answer.json()["code"]) == (401, "api.key_invalid")
    assert [d.reason for d in Deed.objects.filter(action="api_key.revoke")] == ["lost"]


def test_a_key_that_never_was_cannot_be_taken_back(db: None) -> None:
    with pytest.raises(KeyUnknown):
        revoke_key(key_id=1, reason="x", actor=SYSTEM)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer oc_",
        "Basic dTpw",
        "bearer-token",
        "Bearer oc_aaaaaaaa_" + "x" * 43,
        "Bearer oc_\x00aaaaaaa_" + "x" * 43,
    ],
)
def test_what_is_no_key_is_refused_alike(company: Company, caller: Caller, header: str) -> None:
    caller.headers["Authorization"] = header

    answer = caller.get("orders")

    assert (answer.status_code, answer.json()["code"]) == (401, "api.key_invalid")
    assert answer["WWW-Authenticate"] == 'Bearer realm="order-center"'


def test_the_right_prefix_with_another_secret_is_refused(company: Company) -> None:
    key, secret = company.key()
    _other, other_secret = company.key()

    with pytest.raises(KeyInvalid):
        find_key(f"oc_{key.prefix}_{other_secret[-43:]}", at=timezone.now())
    with pytest.raises(KeyInvalid):
        find_key(secret[:-1] + ("a" if secret[-1] != "a" else "b"), at=timezone.now())


def test_without_a_key_or_a_login_nothing_is_shown(company: Company, caller: Caller) -> None:
    del caller.headers["Authorization"]

    answer = caller.get("orders")

    assert (answer.status_code, answer.json()["code"]) == (401, "api.not_authenticated")


def test_the_time_of_the_last_use_is_written_once_a_minute(company: Company) -> None:
    key, secret = company.key()
    uses = []

    for seconds in (0, 59, 60, 119, 121):
        find_key(secret, at=NOON + timedelta(seconds=seconds))
        uses.append((ApiKey.objects.get(pk=key.pk).last_used_at - NOON).total_seconds())

    assert uses == [0, 0, 60, 60, 121]


def test_too_many_calls_of_one_key_are_told_how_long_to_wait(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "caller", "2/min")
    caller, other = company.caller(), company.caller()

    codes = [caller.get("orders").status_code for _call in range(3)]
    answer = caller.get("orders")

    assert codes == [200, 200, 429]
    assert (answer.json()["code"], answer["Retry-After"]) == ("api.throttled", "30")
    assert other.get("orders").status_code == 200


def test_warehouses_are_granted_beside_those_granted_before(company: Company) -> None:
    key, _secret = company.key(warehouses=[company.east])

    grant_warehouses(key_id=key.pk, warehouse_ids=[company.east.pk, company.south.pk], actor=SYSTEM)

    assert warehouse_ids_of_key(key.pk) == {company.east.pk, company.south.pk}
    assert [d.details for d in Deed.objects.filter(action="api_key.grant_stock").order_by("pk")] == [
        {"warehouses": [company.east.pk]},
        {"warehouses": [company.south.pk]},
    ]
