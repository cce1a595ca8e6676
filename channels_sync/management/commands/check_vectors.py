"""`manage.py check_vectors DIR`: run protocol test vectors against our code."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from channels_sync.vectors import Report, check_directory


class Command(BaseCommand):
    help = "Run every protocol test vector below a directory and print what passed and failed, by kind."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")

    def handle(self, *args: Any, directory: Path, **options: Any) -> None:
        if not directory.is_dir():
            raise CommandError(f"{directory} is not a directory.")
        report = check_directory(directory)
        if not report.files:
            raise CommandError(f"There is no .json file below {directory}.")
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), ensure_ascii=False, indent=1))
        else:
            self._print(report)
        if not report.is_clean:
            raise SystemExit(1)

    def _print(self, report: Report) -> None:
        self.stdout.write(f"{'kind':<28}{'passed':>8}{'failed':>8}")
        for kind in report.kinds():
            self.stdout.write(f"{kind:<28}{report.passed.get(kind, 0):>8}{report.failed(kind):>8}")
        for kind, number in sorted(report.not_supported.items()):
            self.stdout.write(f"{kind:<28}{'not supported':>16}  ({number})")
        for failure in report.failures:
            self.stdout.write(f"FAILED {failure.file} {failure.case_id} ({failure.kind}): {failure.problem}")
        for name, why in report.unreadable.items():
            self.stdout.write(f"UNREADABLE {name}: {why}")
