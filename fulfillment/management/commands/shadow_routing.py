"""What other routing rules would have chosen on past days."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from fulfillment.services.routing_rules import active_document, draft_document, rule_set
from fulfillment.services.shadow import run_shadow, start_shadow
from ordercenter.common.actor import SYSTEM
from ordercenter.workflow.errors import DocumentInvalid


class Command(BaseCommand):
    help = "Replay past days under the draft of the routing rules, or those of a file, beside the active ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rules", type=Path, help="a rule set as JSON; without it the draft is tried")
        parser.add_argument("--first", type=date.fromisoformat, help="first day; a week ago without it")
        parser.add_argument("--last", type=date.fromisoformat, help="last day; yesterday without it")
        parser.add_argument(
            "--strategy", choices=["exact", "single"], help="try this strategy instead of the rules' own"
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON only")

    def handle(self, *args: Any, **options: Any) -> None:
        today = timezone.localdate()
        try:
            if options["rules"] is not None:
                trial = json.loads(options["rules"].read_text(encoding="utf-8"))
            else:
                trial = draft_document(rule_set())
            if options["strategy"]:
                trial = {**trial, "costs": {**trial.get("costs", {}), "strategy": options["strategy"]}}
            run = start_shadow(
                name=f"command {today.isoformat()}",
                trial=trial,
                base=active_document(),
                first_day=options["first"] or today - timedelta(days=7),
                last_day=options["last"] or today - timedelta(days=1),
                actor=SYSTEM,
            )
        except (OSError, ValueError, DocumentInvalid) as error:
            raise CommandError(str(error)) from None
        run = run_shadow(run)
        if run.status != "done":
            raise CommandError(run.error)
        if options["json"]:
            self.stdout.write(json.dumps(run.report, ensure_ascii=False))
            return
        for day in run.report["days"]:
            base, trial = day["base"], day["trial"]
            saved = day["saved_fen"] / 100
            self.stdout.write(
                f"{day['day']}  orders {base['orders']}  different {day['different']}  saved {saved:.2f}"
                f"  split {base['split']} > {trial['split']}  unfilled {base['unfilled']} > {trial['unfilled']}"
                + (f"  left out {day['left_out']}" if day["left_out"] else "")
            )
