"""What the tests of these pages do and look at."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from django.test import Client
from django.urls import reverse

from ordercenter.inventory.models import (
    StockLevel,
)
from tests.flows.world import World

VERBS = ("adjust", "count", "regrade", "safety", "transfer", "quota", "share", "policy", "reserving")


def texts(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def step(world: World, verb: str) -> str:
    return reverse("console:stock-step", args=[world.skus[1].pk, verb])


def level(world: World) -> StockLevel:
    return StockLevel.objects.get(sku=world.skus[1], warehouse=world.east)


def do(browser: Client, world: World, verb: str, **data: Any) -> Any:
    given = {"warehouse": world.east.pk, "reason": "because", "key": uuid4().hex} | data
    return browser.post(step(world, verb), {k: v for k, v in given.items() if v is not None})
