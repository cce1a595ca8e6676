"""Gift rules as plain values, and what a basket earns by them. No tables: the rows are read in `gifts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ordercenter.orders.states import GiftRuleKind


@dataclass(frozen=True, slots=True)
class Tier:
    """From how much on, which gift, how many."""

    from_value: Decimal
    sku_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Rule:
    """See GiftRule. triggers: the SKUs that count; empty: all."""

    id: int
    name: str
    kind: str
    shop_id: int | None
    tiers: tuple[Tier, ...]
    triggers: frozenset[int] = frozenset()
    repeats: bool = False
    cycle: int = 0
    counts_by: str = "shop"
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    stock_limit: int | None = None
    buyer_limit: int | None = None
    counts_together: bool = True
    needs_stock: bool = True
    is_active: bool = True

    @property
    def is_cycle(self) -> bool:
        return self.kind == GiftRuleKind.CYCLE

    def covers(self, shop_id: int, at: datetime) -> bool:
        """Whether an order of this shop that was paid at this instant is under the rule; the end is not."""
        return (
            self.is_active
            and self.shop_id in (None, shop_id)
            and (self.valid_from is None or self.valid_from <= at)
            and (self.valid_until is None or at < self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class Bought:
    """What of one SKU was bought and is still wanted: pieces, and what is paid for them."""

    sku_id: int
    pieces: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Award:
    """A gift that was earned. value: what counted; from_value: the tier."""

    sku_id: int
    quantity: int
    value: Decimal
    from_value: Decimal


def earned(rule: Rule, bought: Sequence[Bought]) -> list[Award]:
    """What these goods earn by a rule that is no cycle: the gifts of the highest tier reached, for each full step of it
    where the rule repeats.
    """
    counted = [each for each in bought if not rule.triggers or each.sku_id in rule.triggers]
    if rule.kind == GiftRuleKind.GOODS and not rule.triggers:
        return []
    value = (
        sum((each.amount for each in counted), Decimal(0))
        if rule.kind == GiftRuleKind.AMOUNT
        else Decimal(sum(each.pieces for each in counted))
    )
    # Nothing bought earns nothing, also from a tier that begins at nothing.
    reached = [tier.from_value for tier in rule.tiers if tier.from_value <= value] if value > 0 else []
    if not reached:
        return []
    highest = max(reached)
    times = int(value // highest) if rule.repeats and highest > 0 else 1
    return [
        Award(tier.sku_id, tier.quantity * times, value, highest) for tier in rule.tiers if tier.from_value == highest
    ]


def of_cycle(rule: Rule, position: int) -> list[Award]:
    """What the order at this place of the count earns by a cycle: all gifts of the rule, every n-th time."""
    if position <= 0 or position % rule.cycle:
        return []
    return [Award(tier.sku_id, tier.quantity, Decimal(position), Decimal(rule.cycle)) for tier in rule.tiers]
