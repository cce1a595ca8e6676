"""Finds every text marked for translation in the project's Python files and templates, without gettext's programs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import templatize

APPS = ("ordercenter", "channels_sync", "fulfillment", "finance")
FUNCTIONS = {
    "gettext": 1,
    "gettext_lazy": 1,
    "gettext_noop": 1,
    "ngettext": 2,
    "ngettext_lazy": 2,
    "pgettext": 2,
    "pgettext_lazy": 2,
}
_STRING = r"u?('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
_IN_TEMPLATE = re.compile(rf"\b(?:n?gettext|_)\(\s*{_STRING}(?:\s*,\s*{_STRING})?")
_WITH_CONTEXT = re.compile(rf"\bpgettext\(\s*{_STRING}\s*,\s*{_STRING}")


def marked_texts(root: Path) -> dict[str, str]:
    """msgid, after its context and \\x04 where it has one -> the file it stands in."""
    found: dict[str, str] = {}
    for app in APPS:
        for path in sorted((root / app).rglob("*.py")):
            if "migrations" not in path.parts:
                found.update((text, str(path.relative_to(root))) for text in _in_python(path))
    for path in sorted((root / "templates").rglob("*.html")):
        found.update((text, str(path.relative_to(root))) for text in _in_template(path))
    return found


def _in_python(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
            names.update((alias.asname or alias.name, alias.name) for alias in node.names if alias.name in FUNCTIONS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            at = 1 if names[node.func.id].startswith("pgettext") else 0
            first = node.args[at]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                context = f"{ast.literal_eval(node.args[0])}\x04" if at else ""
                yield f"{context}{first.value}"


def _in_template(path: Path) -> Iterator[str]:
    code = templatize(path.read_text(), origin=str(path))
    for match in _IN_TEMPLATE.finditer(code):
        yield ast.literal_eval(match[1])
    for match in _WITH_CONTEXT.finditer(code):
        yield f"{ast.literal_eval(match[1])}\x04{ast.literal_eval(match[2])}"
