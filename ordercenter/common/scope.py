"""Whose rows somebody may see: the shops and the warehouses a person works for.

A row belongs to a shop, to a warehouse, to both, or to the whole company. Who may see everything has None here; who has
neither a shop nor a warehouse of their own sees nothing. `request.scope` is set for every request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Scope:
    """shop_ids, warehouse_ids: what may be seen; None means all of them."""

    shop_ids: frozenset[int] | None
    warehouse_ids: frozenset[int] | None

    @property
    def is_everything(self) -> bool:
        return self.shop_ids is None and self.warehouse_ids is None

    def has_shop(self, shop_id: int | None) -> bool:
        """Whether rows of this shop may be seen; rows of no shop are for those who see all."""
        return self.shop_ids is None or shop_id in self.shop_ids

    def has_warehouse(self, warehouse_id: int | None) -> bool:
        """Whether rows of this warehouse may be seen; rows of no warehouse are for those who see all."""
        return self.warehouse_ids is None or warehouse_id in self.warehouse_ids

    def condition(self, *, shop: str = "", warehouse: str = "") -> Q:
        """What a row must satisfy: its shop and its warehouse, at these lookups, are both in the scope.

        A lookup through a to-many relation needs `narrow`, which keeps rows single.
        """
        condition = Q()
        if shop and self.shop_ids is not None:
            condition &= Q(**{f"{shop}__in": self.shop_ids})
        if warehouse and self.warehouse_ids is not None:
            condition &= Q(**{f"{warehouse}__in": self.warehouse_ids})
        return condition

    def narrow(self, rows: QuerySet[M], *, shop: str = "", warehouse: str = "", to_many: bool = False) -> QuerySet[M]:
        """Only the rows in the scope. to_many: a lookup crosses a to-many relation, so rows are looked up by key."""
        condition = self.condition(shop=shop, warehouse=warehouse)
        if not condition:
            return rows
        if to_many:
            return rows.filter(pk__in=rows.model._default_manager.filter(condition).values("pk"))
        return rows.filter(condition)


EVERYTHING = Scope(None, None)
NOTHING = Scope(frozenset(), frozenset())


def scope_of(request: HttpRequest) -> Scope:
    """The scope of the one who asks; nothing at all where no middleware has set one."""
    return getattr(request, "scope", NOTHING)
