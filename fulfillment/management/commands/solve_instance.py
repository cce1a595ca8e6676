"""`manage.py solve_instance DIR --out solution.csv`: plan a day that is described by files."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fulfillment.routing.day import figures_of, figures_of_run, plan_batch, plan_online, prices_for_online
from fulfillment.routing.instance import Instance, read_instance, write_solution
from fulfillment.routing.instance_tables import BadInstance

_WORDS = {
    "columns": "prices of the linear programme over whole plans",
    "adjustment": "prices by adjustment; the linear programme was too large or did not come to an end",
    "adjustment_without_solver": "prices by adjustment, without the solver",
}


class Command(BaseCommand):
    help = "Plan the routing of a day described by files, with the code that plans in production."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="folder of the instance")
        parser.add_argument("--out", type=Path, required=True, help="where the plan is written, CSV")
        parser.add_argument("--mode", choices=["online", "batch"], default="batch")
        parser.add_argument("--seconds", type=float, default=60.0, help="for planning, or for learning when online")
        parser.add_argument("--no-solver", action="store_true", help="plan without HiGHS")
        parser.add_argument(
            "--learn",
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            metavar="DIR",
            help="earlier days of the same world, to learn prices from (online)",
        )
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")

    def handle(self, *args: Any, directory: Path, out: Path, mode: str, seconds: float, **options: Any) -> None:
        if not 0 < seconds < 86400:
            raise CommandError("--seconds is a number of seconds, more than 0 and less than a day.")
        if options["learn"] and mode != "online":
            raise CommandError("--learn is for --mode online: a batch sees all orders and finds its own prices.")
        if directory.resolve() in [day.resolve() for day in options["learn"]]:
            raise CommandError("--learn names the day itself; prices are learned from earlier days only.")
        if not out.parent.is_dir():
            raise CommandError(f"There is no folder {out.parent} to write the plan to.")
        try:
            instance = _read(directory)
            earlier = [_read(day) for day in options["learn"]]
            figures = self._plan(instance, earlier, mode, seconds, options, out)
        except (BadInstance, OSError) as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(figures, ensure_ascii=False))
        else:
            self._print(figures)

    def _plan(
        self, instance: Instance, earlier: list[Instance], mode: str, seconds: float, options: dict[str, Any], out: Path
    ) -> dict[str, Any]:
        start, cpu_start = time.monotonic(), time.process_time()
        use_solver = not options["no_solver"]
        figures: dict[str, Any] = {"instance": instance.name, "mode": mode}
        bound_fen: float | None = instance.lower_bound_fen
        if mode == "online":
            prices = prices_for_online(instance, earlier, seconds=seconds, use_solver=use_solver)
            figures["learned_from"] = [day.name for day in earlier]
            choices, times = plan_online(instance, prices)
            figures["decision"] = {name: round(getattr(times, name), 4) for name in times.__slots__}
        else:
            plan = plan_batch(instance, seconds=seconds, use_solver=use_solver, seed=options["seed"])
            choices, figures["run"] = plan.choices, figures_of_run(plan)
            bound_fen = max(plan.bound_fen, bound_fen or 0)
        figures.update(figures_of(choices, bound_fen))
        figures["seconds"] = round(time.monotonic() - start, 2)
        figures["cpu_seconds"] = round(time.process_time() - cpu_start, 2)
        write_solution(out, instance, choices)
        return figures

    def _print(self, figures: dict[str, Any]) -> None:
        over = figures["over_bound_pct"]
        self.stdout.write(
            f"{figures['instance']}, {figures['mode']}: {figures['orders']} orders in {figures['parcels']} parcels, "
            f"{figures['split_orders']} orders split, {figures['unfilled_lines']} lines unfilled"
        )
        self.stdout.write(
            f"cost {figures['total']:.2f} = freight {figures['freight']:.2f} + handling {figures['handling']:.2f} + "
            f"late {figures['late']:.2f} + split {figures['split']:.2f} + unfilled {figures['unfilled']:.2f}"
        )
        self.stdout.write("no lower bound is known" if over is None else f"{over:.2f} % over the proven lower bound")
        if run := figures.get("run"):
            self.stdout.write(f"way: {_WORDS[run['way']]}")
            if run["cut_short"]:
                self.stdout.write(f"time ran out in: {', '.join(run['cut_short'])}; this is the best plan until then")
        if decision := figures.get("decision"):
            self.stdout.write(
                f"one decision: p50 {decision['p50_ms']:.3f} ms, p99 {decision['p99_ms']:.3f} ms "
                f"(processor alone {decision['cpu_p50_ms']:.3f}, {decision['cpu_p99_ms']:.3f})"
            )
        self.stdout.write(f"{figures['seconds']} s, {figures['cpu_seconds']} s of processor time")


def _read(directory: Path) -> Instance:
    try:
        return read_instance(directory)
    except BadInstance as error:
        place = f"{directory}/{error.file}" if error.file else str(directory)
        raise BadInstance(place, error.row, error.problem) from None
