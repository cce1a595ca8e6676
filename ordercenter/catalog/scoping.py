"""Which shops a person may see."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from ordercenter.catalog.models import Shop, ShopAccess


def shops_of(user: Any) -> QuerySet[Shop]:
    """The shops whose rows this user may see."""
    ids = shop_ids_of(user)
    return Shop.objects.all() if ids is None else Shop.objects.filter(pk__in=ids)


def shop_ids_of(user: Any) -> frozenset[int] | None:
    """The ids of these shops; None means all of them."""
    if not user.is_active:
        return frozenset()
    if user.has_perm("catalog.all_shops"):
        return None
    return frozenset(ShopAccess.objects.filter(user_id=user.pk).values_list("shop_id", flat=True))
