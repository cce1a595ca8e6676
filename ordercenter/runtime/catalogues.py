"""The translations: compiles each .po that is newer than its .mo, and keeps the .po in a form that merges well.

Needs no gettext programs.
"""

import sys
from pathlib import Path


def compile_catalogues(root: Path) -> list[Path]:
    """Write the .mo beside each locale*/<language>/LC_MESSAGES/*.po below the project's apps; returns those written."""
    written = []
    for source in _sources(root):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        # Imported here because there is usually nothing to compile.
        import polib

        unfinished = target.with_suffix(".mo.new")
        polib.pofile(str(source)).save_as_mofile(str(unfinished))
        unfinished.replace(target)
        written.append(target)
    return written


def tidy_catalogues(root: Path) -> list[str]:
    """Sort the entries by text, drop dates and guesses; returns the texts that wait for a translation.

    So a change of the code changes only the lines of its own texts, and no translation is ever a guess of gettext's.
    """
    import polib

    waiting: list[str] = []
    for source in _sources(root):
        catalogue = polib.pofile(str(source))
        for name in ("POT-Creation-Date", "Report-Msgid-Bugs-To"):
            catalogue.metadata.pop(name, None)
        catalogue.metadata_is_fuzzy = False
        for entry in catalogue.fuzzy_entries():
            entry.flags.remove("fuzzy")
            entry.previous_msgid = entry.previous_msgid_plural = entry.previous_msgctxt = None
            entry.msgstr, entry.msgstr_plural = "", dict.fromkeys(entry.msgstr_plural, "")
        catalogue.sort(key=lambda entry: (entry.msgid, entry.msgctxt or ""))
        catalogue.save()
        waiting.extend(entry.msgid for entry in catalogue.untranslated_entries())
    return waiting


def _sources(root: Path) -> list[Path]:
    return sorted(root.glob("*/locale*/*/LC_MESSAGES/*.po"))


def main(arguments: list[str]) -> None:
    """`python -m ordercenter.runtime.catalogues [--tidy]`: compile, after tidying when asked to."""
    root = Path(__file__).resolve().parents[2]
    if "--tidy" in arguments:
        waiting = tidy_catalogues(root)
        sys.stdout.writelines(f"to translate: {text}\n" for text in waiting)
    compile_catalogues(root)


if __name__ == "__main__":
    main(sys.argv[1:])
