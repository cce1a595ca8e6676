"""New and changed SKUs are noted by the database, for warehouses that have to be told, whoever changes them."""

import django.utils.timezone
from django.db import migrations, models

# One row per statement and SKU, without any unique key: nobody waits for anybody. Nothing is noted while no warehouse has
# a system of its own. Under another code it is another item there.
NOTE = """
CREATE FUNCTION fulfillment_note_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fulfillment_wmsaccount WHERE is_active) THEN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO fulfillment_itemchange (sku_id, is_new, at)
            SELECT id, true, now() FROM fresh WHERE NOT is_bundle;
        ELSE
            INSERT INTO fulfillment_itemchange (sku_id, is_new, at)
            SELECT f.id, f.code <> w.code OR w.is_bundle, now() FROM fresh f JOIN was w USING (id)
            WHERE NOT f.is_bundle
              AND (f.code, f.name, f.category, f.weight_g, f.is_bundle)
                  IS DISTINCT FROM (w.code, w.name, w.category, w.weight_g, w.is_bundle);
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER item_birth_noted AFTER INSERT ON catalog_sku
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION fulfillment_note_item();
CREATE TRIGGER item_change_noted AFTER UPDATE ON catalog_sku
    REFERENCING OLD TABLE AS was NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION fulfillment_note_item();
CREATE FUNCTION fulfillment_note_barcode() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fulfillment_wmsaccount WHERE is_active) THEN
        IF TG_OP <> 'INSERT' THEN
            INSERT INTO fulfillment_itemchange (sku_id, is_new, at) VALUES (OLD.sku_id, false, now());
        END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO fulfillment_itemchange (sku_id, is_new, at) VALUES (NEW.sku_id, false, now());
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER barcode_noted AFTER INSERT OR UPDATE OR DELETE ON fulfillment_barcode
    FOR EACH ROW EXECUTE FUNCTION fulfillment_note_barcode();
"""
NO_NOTE = """
DROP TRIGGER barcode_noted ON fulfillment_barcode;
DROP TRIGGER item_change_noted ON catalog_sku;
DROP TRIGGER item_birth_noted ON catalog_sku;
DROP FUNCTION fulfillment_note_barcode();
DROP FUNCTION fulfillment_note_item();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_fewer_indexes"), ("fulfillment", "0013_deliveries_by_people")]

    operations = [
        migrations.CreateModel(
            name='ItemChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sku_id', models.BigIntegerField()),
                ('is_new', models.BooleanField(default=False)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'verbose_name': 'change of an item',
                'verbose_name_plural': 'changes of items',
            },
        ),
        migrations.RunSQL(NOTE, NO_NOTE),
    ]
