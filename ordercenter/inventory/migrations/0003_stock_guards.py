"""What the database does by itself for stock: the ledger cannot be edited, and changes of what can be sold are noted."""

from django.db import migrations

# Counters change all the time and have no index: with room on the page an update stays on it (HOT).
ROOM = "ALTER TABLE inventory_stocklevel SET (fillfactor = 60)"
NO_ROOM = "ALTER TABLE inventory_stocklevel RESET (fillfactor)"

LEDGER = """
CREATE FUNCTION inventory_refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stock movements are appended, never changed or taken away'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER movement_append_only BEFORE UPDATE OR DELETE ON inventory_stockmovement
    FOR EACH ROW EXECUTE FUNCTION inventory_refuse_edit();
"""
NO_LEDGER = """
DROP TRIGGER movement_append_only ON inventory_stockmovement;
DROP FUNCTION inventory_refuse_edit();
"""

# One row per statement and SKU, appended without any unique key: nobody waits for anybody. Nothing is noted where no
# shop is told its stock by us.
CHANGES = """
CREATE FUNCTION inventory_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM inventory_channelpolicy WHERE is_active) THEN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO inventory_stockchange (sku_id, at) SELECT DISTINCT sku_id, now() FROM fresh;
        ELSE
            INSERT INTO inventory_stockchange (sku_id, at)
            SELECT DISTINCT f.sku_id, now() FROM fresh f JOIN was w USING (id)
            WHERE (f.on_hand - f.reserved - f.allocated, f.set_aside, f.safety, f.oversell_limit)
               <> (w.on_hand - w.reserved - w.allocated, w.set_aside, w.safety, w.oversell_limit);
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stock_change_noted AFTER UPDATE ON inventory_stocklevel
    REFERENCING OLD TABLE AS was NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION inventory_note_change();
CREATE TRIGGER stock_birth_noted AFTER INSERT ON inventory_stocklevel
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION inventory_note_change();
"""
NO_CHANGES = """
DROP TRIGGER stock_change_noted ON inventory_stocklevel;
DROP TRIGGER stock_birth_noted ON inventory_stocklevel;
DROP FUNCTION inventory_note_change();
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0002_stock_pools")]

    operations = [
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.RunSQL(LEDGER, NO_LEDGER),
        migrations.RunSQL(CHANGES, NO_CHANGES),
    ]
