"""Compiling of translations without gettext programs."""

import gettext
import os

from ordercenter.runtime.catalogues import compile_catalogues

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
