"""`manage.py check_invariants`: ask the database whether everything that must hold holds."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ordercenter.console.invariants import CHECKS, Verdict, run_checks

STALE_AFTER_MIN = 10


class Command(BaseCommand):
    help = (
        "Check what must hold at every instant: quantities, stock, money, states, history, nothing lost or waiting. "
        "Exit code 1 when anything is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object for machines")
        parser.add_argument(
            "--stale-after",
            type=float,
            default=STALE_AFTER_MIN,
            metavar="MIN",
            help=f"minutes after which what is due counts as waiting too long (default {STALE_AFTER_MIN})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=options["stale_after"]))
        broken = [verdict for verdict in verdicts if verdict.broken]
        if options["json"]:
            self.stdout.write(json.dumps(_report(verdicts), ensure_ascii=False, indent=1))
        else:
            self._tell(verdicts, broken)
        if broken:
            sys.exit(1)

    def _tell(self, verdicts: list[Verdict], broken: list[Verdict]) -> None:
        for verdict in verdicts:
            if not verdict.broken:
                self.stdout.write(f"ok      {verdict.check.says}")
                continue
            self.stdout.write(self.style.ERROR(f"BROKEN  {verdict.check.says}"))
            for subject, found in verdict.sample:
                self.stdout.write(f"          {subject}: {found}")
            rest = verdict.broken - len(verdict.sample)
            if rest:
                self.stdout.write("          " + ngettext("and %(n)s more", "and %(n)s more", rest) % {"n": rest})
        self.stdout.write(
            _("%(n)s invariants checked, %(broken)s broken.") % {"n": len(verdicts), "broken": len(broken)}
        )


def _report(verdicts: list[Verdict]) -> dict[str, Any]:
    broken = [verdict.check.name for verdict in verdicts if verdict.broken]
    return {
        "ok": not broken,
        "checked": len(verdicts),
        "broken": broken,
        "checks": [
            {
                "name": verdict.check.name,
                "says": str(verdict.check.says),
                "broken": verdict.broken,
                "sample": [{"subject": subject, "found": found} for subject, found in verdict.sample],
            }
            for verdict in verdicts
        ],
    }
