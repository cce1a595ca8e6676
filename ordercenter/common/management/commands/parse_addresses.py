"""`manage.py parse_addresses FILE.tsv`: read written addresses and say how many were right. Needs no database."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ordercenter.common.address_score import AddressScore, ScoredAddress, score_addresses

_DOUBTS = {
    "nothing_found": "no division found",
    "homonym": "several places of this name",
    "contradiction": "names contradict each other",
    "short_name": "a short name that may mean something else",
    "unknown_district": "a district that the table does not know",
    "only_province": "nothing but the province",
}


class Command(BaseCommand):
    help = (
        "Read a file of tab-separated lines: an address, and its right province, city and county where known. "
        "Prints the answer to each, sure or guess, and the score."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{file} is not UTF-8 text (byte {error.start}).") from error
        score = score_addresses(text.split("\n"))
        if options["json"]:
            told = {"score": score.summary(), "addresses": [row.as_dict() for row in score.rows]}
            self.stdout.write(json.dumps(told, ensure_ascii=False, indent=1))
        else:
            self._print(score)

    def _print(self, score: AddressScore) -> None:
        for row in score.rows:
            self.stdout.write("\t".join(_columns(row)))
        found = score.summary()
        self.stdout.write("")
        self.stdout.write(f"{found['addresses']} addresses: {found['sure']} sure, {found['guess']} a guess")
        if judged := found["judged"]:
            self.stdout.write(
                f"right of {judged}: province {found['province_right']}, with city {found['city_right']}, "
                f"with county {found['all_right']}; wrong but sure {found['wrong_but_sure']}"
            )


def _columns(row: ScoredAddress) -> list[str]:
    place, answer = row.answer.place, row.answer
    certainty = answer.certainty if answer.is_sure else f"{answer.certainty} ({_DOUBTS[answer.doubt]})"
    verdict = {None: "", True: "right", False: "WRONG"}[row.is_right]
    return [row.address, place.province, place.city, place.county, certainty, verdict]
