"""Make the groups of the roles, after the first migration and after each that brings new permissions."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ordercenter.console.roles import ensure_roles


class Command(BaseCommand):
    help = "Creates or updates the groups of the roles with their permissions."

    def handle(self, *args: Any, **options: Any) -> None:
        for role, count in ensure_roles().items():
            self.stdout.write(f"{role}: {count}")
