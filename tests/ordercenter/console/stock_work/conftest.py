"""The stage of the pages about stock: one shop and its warehouses, people who may and may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import translation

from ordercenter.catalog.models import ShopAccess
from tests.flows.outside import settle_down
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def world() -> World:
    world = World(stock=10)
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    settle_down()
    return world


@pytest.fixture
def boss(world: World) -> Client:
    user = person(role="supervisor")
    ShopAccess.objects.create(user=user, shop=world.shop)
    return client_of(user)


@pytest.fixture
def operator(world: World) -> Client:
    user = person(role="operator")
    ShopAccess.objects.create(user=user, shop=world.shop)
    return client_of(user)
