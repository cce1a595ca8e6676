"""What each channel can be told about parcels, by channel, compiled from the table that people see and change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.catalog.models import Channel, ChannelCapability, Shop
from ordercenter.catalog.platform_facts import facts_of

STAMP = "channels"


@dataclass(frozen=True, slots=True)
class Capability:
    """See ChannelCapability for what each means."""

    splits_by_line: bool = True
    splits_by_quantity: bool = True
    many_numbers_per_line: bool = True
    changes_number: bool = True
    merges_by_opaque_id: bool = False
    merges_by_address: bool = True
    shares_number: bool = True


ANYTHING = Capability()


def capabilities(work: Work) -> Mapping[int, Capability]:
    """By shop id. No statement but the one for all versions of rules, once the process knows them."""
    return compiled(work, STAMP, _by_shop)


def usual_capability(channel_code: str) -> Capability:
    """What platforms of this code can, before anybody has changed it."""
    facts = facts_of(channel_code)
    return Capability(**{field.name: facts[field.name].value is True for field in fields(Capability)})


def write_usual_capabilities() -> None:
    """Give every channel that has no row one with what its platform can, so that people see and change it."""
    names = [field.name for field in fields(Capability)]
    for channel in Channel.objects.filter(capability__isnull=True):
        usual = usual_capability(channel.code)
        ChannelCapability.objects.create(channel=channel, **{name: getattr(usual, name) for name in names})


def _by_shop() -> dict[int, Capability]:
    names = [field.name for field in fields(Capability)]
    rows = {row.channel_id: row for row in ChannelCapability.objects.all()}
    known: dict[int, Capability] = {}
    for shop_id, channel_id, code in Shop.objects.values_list("pk", "channel_id", "channel__code"):
        row = rows.get(channel_id)
        known[shop_id] = (
            Capability(**{name: getattr(row, name) for name in names}) if row is not None else usual_capability(code)
        )
    return known
