"""When an address is complete enough to ship to."""

from __future__ import annotations

import pytest

from ordercenter.cases.models import Case
from ordercenter.events.relay import Relay
from tests.flows.world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "city", "district", "address", "missing"),
    [
        ("浙江省", "杭州市", "西湖区", "文三路***", None),
        ("湖北省", "", "仙桃市", "沔阳大道***", None),
        ("广东省", "东莞市", "", "鸿福路***", None),
        ("浙江省", "杭州市", "", "文三路***", ["district"]),
        ("浙江省", "", "", "文三路***", ["district"]),
        ("", "杭州市", "西湖区", "文三路***", ["province"]),
        ("浙江省", "杭州市", "西湖区", "", ["address"]),
    ],
)
def test_what_is_missing_of_an_address_is_named(
    state: str, city: str, district: str, address: str, missing: list[str] | None
) -> None:
    world = World()
    world.deliver(
        world.trade(
            ("SKU-1", 1, "51.00"),
            receiver_state=state,
            receiver_city=city,
            receiver_district=district,
            receiver_address=address,
        )
    )

    Relay().drain()

    found = list(Case.objects.filter(code="ADDRESS_INCOMPLETE").values_list("evidence", flat=True))
    assert found == ([] if missing is None else [{"missing": missing}])
