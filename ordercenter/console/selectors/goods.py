"""Goods to choose from while somebody types."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from ordercenter.catalog.models import Sku

OFFERED = 30


def goods_like(text: str, *, with_bundles: bool) -> QuerySet[Sku]:
    """Active goods whose code or name holds this text, by code, a handful. None for no text."""
    wanted = text.strip()[:64]
    if not wanted:
        return Sku.objects.none()
    found = Sku.objects.filter(Q(code__icontains=wanted) | Q(name__icontains=wanted), is_active=True)
    return (found if with_bundles else found.filter(is_bundle=False)).order_by("code")[:OFFERED]
