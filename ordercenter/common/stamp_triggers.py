"""For migrations: tables of rules whose every change gives their kind a new version, whoever makes it.

The version comes from a sequence and is never given twice, also not after a rollback: what a process has compiled under
a version is right for ever.
"""

from __future__ import annotations

from django.db.migrations import RunSQL

MAKE_FUNCTION = """
CREATE SEQUENCE catalog_rulestamp_version;
CREATE FUNCTION catalog_stamp_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_rulestamp (kind, version) VALUES (TG_ARGV[0], nextval('catalog_rulestamp_version'))
    ON CONFLICT (kind) DO UPDATE SET version = EXCLUDED.version;
    RETURN NULL;
END
$$;
"""
DROP_FUNCTION = "DROP FUNCTION catalog_stamp_rules; DROP SEQUENCE catalog_rulestamp_version;"


def stamp_triggers(kind: str, *tables: str) -> list[RunSQL]:
    """One trigger for each of these tables, which together hold the rules of this kind."""
    return [
        RunSQL(
            f"CREATE TRIGGER stamp_rules AFTER INSERT OR UPDATE OR DELETE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION catalog_stamp_rules('{kind}')",
            f"DROP TRIGGER stamp_rules ON {table}",
        )
        for table in tables
    ]
