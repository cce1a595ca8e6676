"""What each channel allows, beside each other: what holds, what the platform is known for, and where the two differ."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordercenter.catalog.capabilities import Capability, usual_capability
from ordercenter.catalog.models import Channel, ChannelCapability, Shop
from ordercenter.catalog.platform_facts import ASPECTS, GROUPS, Aspect, Fact, facts_of
from ordercenter.common.scope import Scope

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

OBEYED = frozenset(Capability.__dataclass_fields__)


@dataclass(frozen=True)
class Cell:
    """value: what holds. is_changed: somebody of the company set it otherwise than the platform is known for."""

    channel: Channel
    fact: Fact
    value: bool | StrPromise
    is_changed: bool

    @property
    def is_yes(self) -> bool:
        return self.value is True

    @property
    def is_no(self) -> bool:
        return self.value is False


@dataclass(frozen=True)
class Row:
    """One aspect over all channels. is_obeyed: merge, split and report go by the value that stands here."""

    aspect: Aspect
    group: StrPromise
    is_obeyed: bool
    cells: Sequence[Cell]


def channels_in_scope(scope: Scope) -> list[Channel]:
    """The channels on which the reader's shops sell, by name. One statement."""
    shops = scope.narrow(Shop.objects.filter(is_active=True), shop="pk")
    return list(Channel.objects.filter(pk__in=shops.values("channel_id")).order_by("name", "pk"))


def capability_matrix(channels: Collection[Channel], *, group: str = "") -> list[Row]:
    """One row an aspect, of one group or of all. One statement for any number of channels."""
    kept = ChannelCapability.objects.in_bulk([channel.pk for channel in channels])
    return [
        Row(
            aspect=aspect,
            group=GROUPS[aspect.group],
            is_obeyed=aspect.key in OBEYED,
            cells=[_cell(channel, kept.get(channel.pk), aspect.key) for channel in channels],
        )
        for aspect in ASPECTS
        if not group or aspect.group == group
    ]


def _cell(channel: Channel, kept: ChannelCapability | None, key: str) -> Cell:
    fact = facts_of(channel.code)[key]
    if key not in OBEYED:
        return Cell(channel, fact, fact.value, is_changed=False)
    usual = getattr(usual_capability(channel.code), key)
    value = usual if kept is None else getattr(kept, key)
    return Cell(channel, fact, value, is_changed=value != usual)
