"""Sets whose rows the reader of each request may see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from ordercenter.catalog.scoping import shop_ids_of
from ordercenter.common.scope import NOTHING, Scope
from ordercenter.inventory.scoping import warehouse_ids_of


class ScopeMiddleware:
    """Puts `request.scope` on every request; it is looked up only by pages that ask for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.scope = SimpleLazyObject(lambda: scope_of_user(request.user))  # type: ignore[attr-defined]
        return self.get_response(request)


def scope_of_user(user: Any) -> Scope:
    """The shops and warehouses of this user; nothing for somebody who has not logged in."""
    if not user.is_authenticated:
        return NOTHING
    return Scope(shop_ids_of(user), warehouse_ids_of(user))
