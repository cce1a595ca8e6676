"""Noting by hand that a number told to a channel may have to change; what the stock does is noted by the database."""

from __future__ import annotations

from django.db import connection

_NOTE = """
INSERT INTO inventory_stockchange (sku_id, at)
SELECT DISTINCT COALESCE(p.part_id, m.sku_id), now()
FROM catalog_listingmatch m LEFT JOIN catalog_bundlepart p ON p.bundle_id = m.sku_id
WHERE m.shop_id = %s AND (%s::bigint IS NULL OR m.sku_id = %s OR p.part_id = %s)
"""


def note_changes_of_shop(*, shop_id: int, sku_id: int | None = None) -> None:
    """What this shop offers, of one SKU or of all it lists, has to be computed anew."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [shop_id, sku_id, sku_id, sku_id])
