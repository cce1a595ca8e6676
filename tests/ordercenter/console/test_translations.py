"""Every text has its Chinese, finished and with the same placeholders; the libraries' words too."""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from ordercenter.runtime.catalogues import compile_catalogues
from tests.ordercenter.console.people import client_of, make_branch, person
from tests.ordercenter.console.texts import marked_texts

ROOT = Path(settings.BASE_DIR)
OURS, LIBRARIES = (ROOT / "ordercenter" / d / "zh_Hans/LC_MESSAGES/django.po" for d in ("locale", "locale_libraries"))
# What the theme says on every page of the admin, and what is said nowhere but there.
THEME = [
    "Search apps and models...",
    "Type to search",
    "Changes",
    "Choose file to upload",
    "Select action",
    "Reset filters",
]
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
# Names, signs and codes that are the same in every language.
SAME = {"SKU", "SKUs", "VIP", "HTTP Accept", "%(class_name)s %(instance)s"}


def entries(path: Path) -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(path)) if not entry.obsolete]


def text_of(entry: polib.POEntry) -> str:
    return str(entry.msgstr_plural.get(0, "") if entry.msgid_plural else entry.msgstr)


def test_every_marked_text_is_in_the_catalogue() -> None:
    known = {f"{entry.msgctxt}\x04{entry.msgid}" if entry.msgctxt else entry.msgid for entry in entries(OURS)}

    missing = {text: where for text, where in marked_texts(ROOT).items() if text not in known}

    assert missing == {}


@pytest.mark.parametrize("path", [OURS, LIBRARIES], ids=["ours", "libraries"])
def test_every_entry_is_translated_and_none_is_a_guess(path: Path) -> None:
    unfinished = [entry.msgid for entry in entries(path) if entry.fuzzy or not text_of(entry).strip()]

    assert unfinished == []


@pytest.mark.parametrize("path", [OURS, LIBRARIES], ids=["ours", "libraries"])
def test_translations_keep_the_placeholders(path: Path) -> None:
    differing = [
        entry.msgid
        for entry in entries(path)
        if set(_PLACEHOLDER.findall(text_of(entry))) - set(_PLACEHOLDER.findall(entry.msgid + entry.msgid_plural))
        or set(_PLACEHOLDER.findall(entry.msgid_plural or entry.msgid)) - set(_PLACEHOLDER.findall(text_of(entry)))
    ]

    assert differing == []


@pytest.mark.parametrize("path", [OURS, LIBRARIES], ids=["ours", "libraries"])
def test_translations_are_chinese(path: Path) -> None:
    unchanged = [
        entry.msgid
        for entry in entries(path)
        if re.search(r"[A-Za-z]{2}", _PLACEHOLDER.sub("", entry.msgid))
        and text_of(entry) == entry.msgid
        and entry.msgid not in SAME
    ]

    assert unchanged == []


def test_the_theme_speaks_chinese() -> None:
    compile_catalogues(ROOT)

    with translation.override("zh-hans"):
        english = [word for word in THEME if translation.gettext(word) == word]

    assert english == []


@pytest.fixture
def reader() -> Client:
    return client_of(person(superuser=True), language="zh-hans")


@pytest.mark.django_db
def test_no_english_is_left_on_the_chinese_pages(reader: Client) -> None:
    branch = make_branch("甲")
    pages = [
        "/console/",
        f"/console/cases/?case={branch.case.pk}",
        "/console/orders/",
        f"/console/orders/{branch.order.pk}/",
        "/console/statements/",
        reverse("admin:orders_order_steps", args=[branch.order.pk]),
        reverse("admin:orders_order_changelist"),
    ]

    for url in pages:
        text = reader.get(url).content.decode()
        body = re.sub(r"(?s)<(script|style|template)\b.*?</\1>|<span class=\"material-symbols[^>]*>[^<]*<", "<", text)
        words = re.findall(r">\s*([A-Z][a-z]+(?: [a-z]+)*[.…]?)\s*<", body)
        assert set(words) <= {"English", "Tmall", "Chair", "Shop", "Warehouse"}, url
