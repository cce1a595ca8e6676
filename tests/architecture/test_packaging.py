"""The pinned lists hold what the project says it needs, with hashes and without anybody's registry."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NEEDED = PROJECT["project"]["dependencies"]
LISTS = {"requirements.txt": NEEDED, "requirements-dev.txt": [*NEEDED, *PROJECT["dependency-groups"]["dev"]]}


def pinned(name: str) -> dict[str, list[str]]:
    """Package -> its pinned versions; several where a version depends on the Python."""
    found: dict[str, list[str]] = {}
    for package, version in re.findall(
        r"^([\w.\-]+)(?:\[[^]]*\])?==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE
    ):
        found.setdefault(canonicalize_name(package), []).append(version)
    return found


@pytest.mark.parametrize("name", LISTS)
def test_every_dependency_is_pinned_within_what_the_project_allows(name: str) -> None:
    versions = pinned(name)

    unfit = [
        line
        for line in LISTS[name]
        for need in [Requirement(line)]
        if not any(need.specifier.contains(v) for v in versions.get(canonicalize_name(need.name), []))
    ]

    assert unfit == []


@pytest.mark.parametrize("name", LISTS)
def test_every_pin_has_its_hashes_and_no_list_names_a_registry(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())

    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?://|^--", text, re.MULTILINE) == []


def test_what_runs_is_pinned_to_the_same_versions_in_both_lists() -> None:
    runs, dev = pinned("requirements.txt"), pinned("requirements-dev.txt")

    assert {name: versions for name, versions in runs.items() if dev.get(name) != versions} == {}
