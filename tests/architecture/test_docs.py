"""The documents are in step with the code, and nothing of one machine is in the files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.utils import translation

from ordercenter.cases.codes import CODES
from ordercenter.orders.states import OrderState
from ordercenter.runtime.catalogues import compile_catalogues
from ordercenter.runtime.entry import OURS
from tests.architecture.source import PACKAGES, ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
# Folders of somebody's machine, and hosts of registries that a pinned list may bring along.
_OF_ONE_MACHINE = re.compile(
    r"/(?:home|Users|workspace|work)/\w|--index-url|--extra-index-url|pypi\.[a-z]+\.[a-z]|/simple/"
)


def anchors(document: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_of_the_documents_lead_somewhere(document: Path) -> None:
    lost = []
    for target, anchor in _LINK.findall(document.read_text(encoding="utf-8")):
        path = (document.parent / target) if target else document
        if not path.exists() or (anchor and anchor not in anchors(path)):
            lost.append(f"{target}#{anchor}")

    assert lost == []


def test_every_command_of_ours_is_described() -> None:
    ours = {name for name, app in get_commands().items() if str(app).split(".")[0] in PACKAGES} | set(OURS)
    described = (ROOT / "docs/commands.md").read_text(encoding="utf-8") + (ROOT / "docs/running.md").read_text("utf-8")

    assert {"play_day", "check_invariants", "bench"} <= ours
    assert sorted(name for name in ours if f"`{name}`" not in described) == []


def test_the_glossary_has_every_state_of_an_order_and_every_reason_of_a_case_in_both_languages() -> None:
    compile_catalogues(ROOT)
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    wanted = [(state.value, state.label) for state in OrderState] + [
        (code, entry.title) for code, entry in CODES.items()
    ]

    missing = []
    for code, title in wanted:
        with translation.override("zh-hans"):
            chinese = str(title)
        with translation.override("en"):
            row = f"| `{code}` | {chinese} | {title} |"
        if row not in glossary:
            missing.append(row)

    assert missing == []


def our_files() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.name != ".git")
    for folder in (*PACKAGES, "templates", "tests", "docs", ".ci"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file())


def test_nothing_of_one_machine_is_in_the_files() -> None:
    found = []
    for path in our_files():
        if path.suffix in {".mo", ".png", ".pyc", ".zip"} or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if _OF_ONE_MACHINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")

    assert found == []


def test_no_line_is_kept_out_of_the_formatter() -> None:
    marks = re.compile(r"#\s*fmt:\s*(?:off|skip)")
    sources = [path for path in our_files() if path.suffix == ".py" and path != Path(__file__)]

    assert [str(path.relative_to(ROOT)) for path in sources if marks.search(path.read_text(encoding="utf-8"))] == []
