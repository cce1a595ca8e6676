"""Compiling of translations without gettext programs."""

import gettext
import os

from ordercenter.runtime.catalogues import compile_catalogues, tidy_catalogues

PO = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"

msgid "order"
msgstr "订单"
"""


def test_a_catalogue_is_compiled_once_and_again_when_it_changed(tmp_path):
    source = tmp_path / "ordercenter/locale/zh_Hans/LC_MESSAGES/django.po"
    source.parent.mkdir(parents=True)
    source.write_text(PO)
    target = source.with_suffix(".mo")

    first, second = compile_catalogues(tmp_path), compile_catalogues(tmp_path)
    later = target.stat().st_mtime + 5
    os.utime(source, (later, later))
    third = compile_catalogues(tmp_path)

    assert (first, second, third) == ([target], [], [target])
    with target.open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("order") == "订单"


GUESSED = """#, fuzzy
msgid ""
msgstr ""
"Project-Id-Version: ordercenter\\n"
"Report-Msgid-Bugs-To: \\n"
"POT-Creation-Date: 2026-01-01 00:00+0800\\n"
"Content-Type: text/plain; charset=UTF-8\\n"

msgid "shipment"
msgstr "发货单"

#, fuzzy
#| msgid "order"
msgid "order line"
msgstr "订单"
"""


def test_new_texts_wait_for_a_person_in_their_place_of_the_alphabet(tmp_path):
    source = tmp_path / "ordercenter/locale/zh_Hans/LC_MESSAGES/django.po"
    source.parent.mkdir(parents=True)
    source.write_text(GUESSED)

    assert tidy_catalogues(tmp_path) == ["order line"]

    tidied = source.read_text()
    assert tidied.split("\n\n")[1:] == ['msgid "order line"\nmsgstr ""', 'msgid "shipment"\nmsgstr "发货单"\n']
    assert "POT-Creation-Date" not in tidied
    assert "fuzzy" not in tidied
    assert tidy_catalogues(tmp_path) == ["order line"]
    assert source.read_text() == tidied
