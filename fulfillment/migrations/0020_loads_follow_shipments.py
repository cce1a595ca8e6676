"""The parcels planned for a day are counted from shipments; what was counted from decisions had drifted."""

from django.db import migrations

# The day of a shipment is in its decision, at the first parcel of its warehouse.
RECOUNT = """
DELETE FROM fulfillment_warehouseload;
INSERT INTO fulfillment_warehouseload (warehouse_id, "on", parcels)
SELECT s.warehouse_id, d.day, count(*) FROM fulfillment_shipment s
CROSS JOIN LATERAL (SELECT (p.value ->> 'on')::date AS day
                    FROM jsonb_array_elements(s.decision -> 'parcels') WITH ORDINALITY AS p(value, place)
                    WHERE (p.value ->> 'warehouse')::bigint = s.warehouse_id AND p.value ->> 'on' <> ''
                    ORDER BY p.place LIMIT 1) d
WHERE s.state <> 'cancelled'
GROUP BY 1, 2;
"""


class Migration(migrations.Migration):

    dependencies = [("fulfillment", "0019_price_of_the_way_back")]

    operations = [
        # Backwards there is nothing to do: the old count was of the same days, and no better.
        migrations.RunSQL(RECOUNT, migrations.RunSQL.noop),
    ]
