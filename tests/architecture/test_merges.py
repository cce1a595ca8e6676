"""What a merge of two branches can leave behind: marks of a conflict, and texts that stand half or twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest

from tests.architecture.source import PACKAGES, ROOT

_MARKS = re.compile(rb"^(?:<{7}(?: .*)?|\|{7}(?: .*)?|>{7}(?: .*)?)\r?$", re.MULTILINE)
CATALOGUES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.po"))


def files() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.is_file())
    for folder in (*PACKAGES, "templates", "tests", "docs", ".ci"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def marked(text: bytes) -> bool:
    """Whether both sides of a conflict, or what they share, are still marked in it."""
    return _MARKS.search(text) is not None


def problems_of(catalogue: polib.POFile) -> list[str]:
    """Entries that stand twice, and Chinese texts that lack a place holder of their English one."""
    counted = Counter((entry.msgctxt, entry.msgid) for entry in catalogue if not entry.obsolete)
    twice = [f"twice: {msgid}" for (_context, msgid), n in counted.items() if n > 1]
    half = [f"half: {e.msgid}" for e in catalogue if "\n<<<" in f"\n{e.msgstr}" or _holes(e) is False]
    return twice + half


def _holes(entry: polib.POEntry) -> bool:
    """Whether each Chinese text of an entry has the named place holders of its English one."""
    wanted = set(re.findall(r"%\((\w+)\)", entry.msgid_plural or entry.msgid))
    texts = [text for text in (entry.msgstr, *entry.msgstr_plural.values()) if text]
    return all(set(re.findall(r"%\((\w+)\)", text)) <= wanted | {"n"} for text in texts)


def test_no_file_holds_marks_of_a_conflict() -> None:
    found = [str(p.relative_to(ROOT)) for p in files() if p != Path(__file__) and marked(p.read_bytes())]

    assert found == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_catalogue_reads_whole_with_no_entry_double_or_half(path: Path) -> None:
    catalogue = polib.pofile(str(path), check_for_duplicates=False)
    text = path.read_text(encoding="utf-8")
    begun = len(re.findall(r"^msgid ", text, re.MULTILINE))

    assert len(catalogue) + 1 == begun, "an entry was begun in the middle of another one"
    assert problems_of(catalogue) == []


def test_the_marks_and_the_doubles_are_found_where_there_are_some() -> None:
    assert marked(b"a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\n")
    assert not marked(b"a\n=======\nTitle\n")
    catalogue = polib.POFile()
    catalogue.extend([polib.POEntry(msgid="One", msgstr="甲"), polib.POEntry(msgid="One", msgstr="乙")])
    catalogue.append(polib.POEntry(msgid="Of %(a)s", msgstr="属于 %(b)s"))
    assert problems_of(catalogue) == ["twice: One", "half: Of %(a)s"]
