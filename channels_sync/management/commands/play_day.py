"""`manage.py play_day`: a seeded day, played over HTTP at full speed, and what became of it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from channels_sync.play.day import STALL_S, play_day
from channels_sync.play.report import DayReport
from channels_sync.play.system import system_at_hand
from channels_sync.running import DidNotStart
from ordercenter.common.errors import OrderCenterError


class Command(BaseCommand):
    help = (
        "Play a seeded day with planted problems through the sandbox and compare what was found with what was planted. "
        "Uses the running system of this data folder, or starts one for the time it takes. Exit code 1 when a planted "
        "problem was not found, one was invented, an order without a problem did not go through, or an invariant broke."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--orders", type=int, default=5000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--platforms", type=_mix, metavar="CODE:WEIGHT,...", help="where it is sold, e.g. tmall:3,wechat_shop:1"
        )
        parser.add_argument("--json", action="store_true", help="print the figures as one JSON object only")
        parser.add_argument("--stall-s", type=float, default=STALL_S, help="give up after so long without progress")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["orders"] < 1:
            raise CommandError(_("A day needs at least one order."))
        try:
            with system_at_hand() as sandbox:
                report = play_day(
                    sandbox,
                    orders=options["orders"],
                    seed=options["seed"],
                    platforms=options["platforms"],
                    stall_s=options["stall_s"],
                    say=lambda text: self.stderr.write(text, self.style.NOTICE),
                )
        except (OrderCenterError, DidNotStart) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.figures, ensure_ascii=False, indent=1))
        else:
            self._tell(report)
        if not report.is_good:
            sys.exit(1)

    def _tell(self, report: DayReport) -> None:
        f = report.figures
        rows = [
            (_("received"), f"{f['received']} / {f['orders']}"),
            (_("untouched by a person"), f"{f['untouched']} ({f['untouched_percent']} %)"),
            (_("shipped"), f["shipped"]),
            (_("reported back to the channel"), f["reported_back"]),
            (_("completed"), f["completed"]),
            (_("reconciled"), f["reconciled"]),
            (_("sent to a warehouse twice"), f["sent_twice"]),
        ]
        for code, tally in f["cases"].items():
            text = _("%(found)s found of %(planted)s planted, %(invented)s invented") % tally
            rows.append((_("cases %(code)s") % {"code": code}, text))
        rows.append(
            (
                _("differences of the bill"),
                _("%(found)s found of %(planted)s planted, %(invented)s invented") % f["differences"],
            )
        )
        rows.append(
            (
                _("differences of the couriers' bills"),
                _("%(found)s found of %(planted)s planted, %(invented)s invented") % f["courier_bills"],
            )
        )
        live = _("%(attributed)s given to their session of %(planted)s planted, %(wrong)s wrong") % f["live_orders"]
        rows.append((_("orders of live streams"), live))
        locks = _("%(given)s, of which %(to_strangers)s to other orders") % f["live_locks"]
        rows.append((_("pieces from their locks"), locks))
        for title, key in (
            (_("receipt to warehouse command"), "receipt_to_command_ms"),
            (_("message to warehouse"), "message_to_warehouse_ms"),
        ):
            rows.append((title, " / ".join(f"{name} {ms:.0f} ms" for name, ms in f[key].items()) or "-"))
        broken = f["invariants"]["broken"]
        rows.append(
            (
                _("invariants"),
                _("%(n)s checked, %(broken)s broken") % {"n": f["invariants"]["checked"], "broken": len(broken)},
            )
        )
        rows.append((_("played in"), f"{f['seconds']} s ({f['orders_per_s']} / s)"))
        width = max(_width(title) for title, _value in rows)
        for title, value in rows:
            self.stdout.write(f"{title}{' ' * (width - _width(title))}  {value}")
        for problem in report.problems:
            rest = ", …" if problem.count > len(problem.sample) else ""
            self.stdout.write(
                self.style.ERROR(f"{problem.kind.label} ({problem.count}): {', '.join(problem.sample)}{rest}")
            )


def _mix(text: str) -> dict[str, float]:
    """Platforms with their weights. Raises ArgumentTypeError."""
    mix = {}
    for part in text.split(","):
        code, _colon, weight = part.strip().partition(":")
        try:
            mix[code] = float(weight or 1)
        except ValueError:
            raise ArgumentTypeError(f"{part!r} is not a platform with its weight, such as tmall:3") from None
    return mix


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if ord(letter) > 0x2E80 else 1 for letter in text)
