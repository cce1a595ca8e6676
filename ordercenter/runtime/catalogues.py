"""Compiles the translations: each .po that is newer than its .mo. Needs no gettext programs."""

from pathlib import Path


def compile_catalogues(root: Path) -> list[Path]:
    """Write the .mo beside each locale*/<language>/LC_MESSAGES/*.po below the project's apps; returns those written."""
    written = []
    for source in sorted(root.glob("*/locale*/*/LC_MESSAGES/*.po")):
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


if __name__ == "__main__":
    compile_catalogues(Path(__file__).resolve().parents[2])
