"""Codes of SKUs compared whatever their writing, and a version of the SKUs alone: what is made of their names is kept."""

from django.db import migrations

# Full width to half, capitals, leading zeros of each number away. Dashes, spaces, dots and the like go, but between two
# numbers one stays: A1-1 is not A-11.
PLAIN_CODE = r"""
CREATE FUNCTION catalog_plain_code(code text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT regexp_replace(
    replace(
        regexp_replace(
            regexp_replace(upper(normalize(code, NFKC)), '([0-9])[-\s_./\\·‐‑–—]+(?=[0-9])', '\1~', 'g'),
            '[-\s_./\\·‐‑–—]+', '', 'g'),
        '~', '-'),
    '(^|[^0-9])0+(?=[0-9])', '\1', 'g')
$$
"""
INDEX = "CREATE INDEX sku_by_plain_code ON catalog_sku (catalog_plain_code(code))"

STAMP = """
CREATE TRIGGER stamp_skus AFTER INSERT OR UPDATE OR DELETE ON catalog_sku
FOR EACH STATEMENT EXECUTE FUNCTION catalog_stamp_rules('skus')
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_numbers_that_stay")]

    operations = [
        migrations.RunSQL(PLAIN_CODE, "DROP FUNCTION catalog_plain_code"),
        migrations.RunSQL(INDEX, "DROP INDEX sku_by_plain_code"),
        migrations.RunSQL(STAMP, "DROP TRIGGER stamp_skus ON catalog_sku"),
    ]
