"""`manage.py seed_demo`: the demo company, its people, and the accounts at the sandbox platforms."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from channels_sync.demo import seed_company, seed_life, stream
from channels_sync.sandbox.credentials import load_or_create
from ordercenter.catalog.models import Shop, ShopAccess
from ordercenter.common.actor import Actor
from ordercenter.console.roles import ensure_roles, give_role
from ordercenter.inventory.models import Warehouse, WarehouseAccess
from ordercenter.inventory.states import WarehouseKind

LOGINS_FILE = "demo-logins.json"
# Login name -> role; "boss" may do everything.
PEOPLE = {
    "boss": "admin",
    "operator": "operator",
    "supervisor": "supervisor",
    "warehouse": "warehouse",
    "picker": "warehouse",
    "finance": "finance",
    "auditor": "auditor",
}
DEMO_SHOPS = "mumian-"


def _wants_life() -> bool:
    """Whether a new demo company gets some days of work to look at; measurements begin with an empty one."""
    return os.environ.get("OC_DEMO_LIFE", "1") != "0"


def _person(name: str) -> Actor:
    return Actor("person", name, user_id=get_user_model().objects.get(username=name).pk)


def _site_url() -> str:
    """Where the played couriers reach us; a measurement that wants none of their traffic sets OC_DEMO_COURIERS=0."""
    if os.environ.get("OC_DEMO_COURIERS", "1") == "0":
        return ""
    return f"http://127.0.0.1:{os.environ.get('OC_HTTP_PORT') or '8000'}"


class Command(BaseCommand):
    help = (
        "Seed the demo company. Safe to repeat: what is there stays; only addresses and secrets are brought up to date."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        data_dir = Path(settings.DATA_DIR)
        port = os.environ.get("OC_SANDBOX_PORT", "8900")
        with transaction.atomic():
            is_first = not Shop.objects.exists()
            shop = seed_company(
                credentials=load_or_create(data_dir), sandbox_url=f"http://127.0.0.1:{port}", site_url=_site_url()
            )
            ensure_roles()
            passwords = self._people()
            if is_first and _wants_life():
                seed_life(boss=_person("boss"), picker=_person("picker"), at=timezone.now())
            if _wants_life():
                stream(at=timezone.now(), actor=_person("boss"))
            self._scopes()
        if passwords:
            self._keep(data_dir / LOGINS_FILE, passwords)
        self.stdout.write(f"demo company ready: {shop.name}")

    def _people(self) -> dict[str, str]:
        """The people that were not there yet, with the passwords made for them."""
        users = get_user_model().objects
        passwords = {}
        for name, role in PEOPLE.items():
            if users.filter(username=name).exists():
                continue
            passwords[name] = secrets.token_urlsafe(12)
            if role == "admin":
                user = users.create_superuser(name, password=passwords[name])
            else:
                user = users.create_user(name, password=passwords[name], is_staff=True)
            give_role(user.pk, role)
        return passwords

    def _scopes(self) -> None:
        shops = Shop.objects.filter(code__startswith=DEMO_SHOPS)
        for user in get_user_model().objects.filter(username__in=PEOPLE):
            for shop in shops:
                ShopAccess.objects.get_or_create(user=user, shop=shop)
            # The picker scans in the company's own warehouse and sees no other.
            own_only = {"kind": WarehouseKind.OWN} if user.get_username() == "picker" else {}
            for warehouse in Warehouse.objects.filter(**own_only):
                WarehouseAccess.objects.get_or_create(user=user, warehouse=warehouse)

    def _keep(self, path: Path, passwords: dict[str, str]) -> None:
        known = json.loads(path.read_text()) if path.exists() else []
        new = [{"role": PEOPLE[name], "username": name, "password": word} for name, word in passwords.items()]
        path.touch(mode=0o600, exist_ok=True)
        path.write_text(json.dumps([*known, *new], indent=1))
