"""The schema `report`: plain views for BI tools and auditors. What each column means is in docs/report-schema.md.

The views are a stable interface over tables that may change: a later migration that changes a column used here drops the
view first and makes it anew with the same columns. Each view joins an empty row, which costs nothing and keeps
PostgreSQL from taking the view as writable.
"""

from django.db import migrations

READ_ONLY = "CROSS JOIN (VALUES (1)) AS read_only"

VIEWS = {
    "orders": f"""
        SELECT o.channel_order_no AS external_no, c.code AS channel, s.code AS shop, o.state, o.total_amount AS total,
               o.currency,
               COALESCE((SELECT max(h.history_date) FROM orders_historicalorder h WHERE h.id = o.id), o.received_at)
                   AS changed_at
        FROM orders_order o
        JOIN catalog_shop s ON s.id = o.shop_id
        JOIN catalog_channel c ON c.id = s.channel_id
        {READ_ONLY}
    """,
    "order_lines": f"""
        SELECT o.channel_order_no AS external_no, l.line_no AS line, COALESCE(k.code, '') AS sku, l.ordered,
               l.cancelled, l.reserved + l.released AS reserved, l.shipped
        FROM orders_orderline l
        JOIN orders_order o ON o.id = l.order_id
        LEFT JOIN catalog_sku k ON k.id = l.sku_id
        {READ_ONLY}
    """,
    "stock": f"""
        SELECT k.code AS sku, w.code AS warehouse, l.on_hand, l.reserved
        FROM inventory_stocklevel l
        JOIN catalog_sku k ON k.id = l.sku_id
        JOIN inventory_warehouse w ON w.id = l.warehouse_id
        {READ_ONLY}
    """,
    "stock_moves": f"""
        SELECT k.code AS sku, w.code AS warehouse, m.delta, m.ref
        FROM inventory_stockmovement m
        JOIN catalog_sku k ON k.id = m.sku_id
        JOIN inventory_warehouse w ON w.id = m.warehouse_id
        {READ_ONLY}
    """,
    "reservations": f"""
        SELECT k.code AS sku, w.code AS warehouse, r.quantity AS qty, r.state = 'active' AS open
        FROM inventory_reservation r
        JOIN catalog_sku k ON k.id = r.sku_id
        JOIN inventory_warehouse w ON w.id = r.warehouse_id
        {READ_ONLY}
    """,
    "payments": f"""
        SELECT p.id, o.channel_order_no AS order_no, p.kind, p.amount, p.external_no
        FROM finance_paymententry p
        JOIN orders_order o ON o.id = p.order_id
        {READ_ONLY}
    """,
    # Lines with number 0 stand for entries of ours that the bill lacks: they are no part of the bill.
    "settlements": """
        SELECT b.business_day AS day, COALESCE(c.code, '') AS channel, sum(l.amount) AS amount
        FROM finance_statementline l
        JOIN finance_statement b ON b.id = l.statement_id
        LEFT JOIN finance_paymententry p ON p.provider = b.provider AND p.external_no = l.external_no
             AND p.kind = l.kind AND p.request_no = l.request_no
        LEFT JOIN catalog_shop s ON s.id = p.shop_id
        LEFT JOIN catalog_channel c ON c.id = s.channel_id
        WHERE l.line_no > 0
        GROUP BY b.business_day, COALESCE(c.code, '')
    """,
    "inbox": f"""
        SELECT i.source, i.message_id, i.status
        FROM events_inbox i
        {READ_ONLY}
    """,
    "outgoing": f"""
        SELECT c.id, c.kind, c.idempotency_key, c.status, c.tries, c.created_at
        FROM events_outgoing c
        {READ_ONLY}
    """,
    "state_changes": f"""
        SELECT c.id, o.channel_order_no AS order_no, c.at, c.src, c.dst
        FROM audit_state_change c
        JOIN orders_order o ON o.id = c.subject_id
        {READ_ONLY}
        WHERE c.machine = 'order'
    """,
    # A case is about an order, a shipment, a line of a bill, or about something that was done for one of these.
    "cases": """
        SELECT COALESCE(o.channel_order_no, '') AS order_no, c.code,
               c.state NOT IN ('resolved', 'auto_resolved', 'dismissed') AS open
        FROM cases_case c
        CROSS JOIN LATERAL (
            SELECT CASE WHEN c.subject ~ '^(command|delivery):' THEN c.evidence ->> 'about' ELSE c.subject END AS text
        ) about
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN about.text ~ '^order:[0-9]+$' THEN split_part(about.text, ':', 2)::bigint
                WHEN about.text ~ '^shipment:[0-9]+$' THEN (
                    SELECT min(l.order_id) FROM fulfillment_shipmentline l
                    WHERE l.shipment_id = split_part(about.text, ':', 2)::bigint)
                WHEN about.text ~ '^statement_line:[0-9]+$' AND c.evidence ->> 'order_id' ~ '^[0-9]+$'
                    THEN (c.evidence ->> 'order_id')::bigint
            END AS id
        ) meant
        LEFT JOIN orders_order o ON o.id = meant.id
    """,
}

# Roles belong to the whole server: another database of it may have made this one already, or make it at this moment.
ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ordercenter_report') THEN
        CREATE ROLE ordercenter_report NOLOGIN;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'no right to create roles: grant the schema report to your readers by hand';
    WHEN duplicate_object OR unique_violation THEN
        NULL;
END
$$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ordercenter_report') THEN
        GRANT USAGE ON SCHEMA report TO ordercenter_report;
        GRANT SELECT ON ALL TABLES IN SCHEMA report TO ordercenter_report;
        ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT SELECT ON TABLES TO ordercenter_report;
    END IF;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0001_initial"),
        ("audit", "0001_initial"),
        ("cases", "0001_initial"),
        ("catalog", "0001_initial"),
        ("inventory", "0001_initial"),
        ("orders", "0001_initial"),
        ("fulfillment", "0001_initial"),
        ("finance", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL("CREATE SCHEMA report", "DROP SCHEMA report CASCADE"),
        *(
            migrations.RunSQL(f"CREATE VIEW report.{name} AS {query}", f"DROP VIEW report.{name}")
            for name, query in VIEWS.items()
        ),
        migrations.RunSQL(ROLE, migrations.RunSQL.noop),
    ]
