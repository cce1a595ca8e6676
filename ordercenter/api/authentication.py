"""API keys as the framework wants them, and as the documentation describes them."""

from __future__ import annotations

from functools import cache

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ordercenter.catalog.api_keys import find_key
from ordercenter.common.api_client import ApiClient
from ordercenter.common.problems import KeyInvalid
from ordercenter.inventory.api_keys import warehouse_ids_of_key


class KeyAuthentication(BaseAuthentication):
    """Authorization: Bearer oc_<prefix>_<secret>."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiClient] | None:
        scheme, _space, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed
        try:
            found = find_key(token.strip(), at=timezone.now())
        except KeyInvalid as error:
            raise AuthenticationFailed from error
        client = ApiClient(
            key_id=found.key_id,
            name=found.name,
            prefix=found.prefix,
            shops=found.shops,
            find_warehouses=cache(lambda: warehouse_ids_of_key(found.key_id)),
        )
        return AnonymousUser(), client

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="order-center"'


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the documentation describes the keys."""

    target_class = KeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "oc_<prefix>_<secret>"}
