"""Addresses of the console."""

from django.urls import path

from ordercenter.console.views import (
    cases,
    floor,
    home,
    orders,
    parcels,
    payments,
    reveal,
    routing,
    statements,
    waybills,
)

app_name = "console"

urlpatterns = [
    path("", home.home, name="home"),
    path("cases/", cases.queue, name="cases"),
    path("cases/next/", cases.claim_next, name="case-next"),
    path("cases/do/<slug:verb>/", cases.act, name="case-act"),
    path("orders/", orders.order_list, name="orders"),
    path("orders/<int:order_id>/", orders.order_detail, name="order"),
    path("orders/<int:order_id>/payment/", payments.book_payment, name="order-payment"),
    path("orders/<int:order_id>/routing/", routing.explainer, name="order-routing"),
    path("orders/<int:order_id>/pin/", routing.pin, name="order-pin"),
    path("waybills/", waybills.waybill_list, name="waybills"),
    path("waybills/request/", waybills.request_numbers, name="waybill-request"),
    path("waybills/print/", waybills.print_labels, name="waybill-print"),
    path("waybills/jobs/<int:job_id>/", waybills.label_job, name="label-job"),
    path("orders/<int:order_id>/unmerge/", parcels.unmerge, name="order-unmerge"),
    path("orders/<int:order_id>/split/", parcels.split, name="order-split"),
    path("statements/", statements.statement_list, name="statements"),
    path("statements/<int:statement_id>/", statements.statement_detail, name="statement"),
    path("statements/<int:statement_id>/sign-off/", statements.sign_off, name="statement-sign-off"),
    path("statements/<int:statement_id>/close/", statements.close, name="statement-close"),
    path("statements/<int:statement_id>/export/", statements.export, name="statement-export"),
    path("reveal/<slug:kind>/<int:pk>/", reveal.reveal, name="reveal"),
    path("floor/", floor.floor, name="floor"),
    path("floor/waves/make/", floor.make_waves, name="floor-make-waves"),
    path("floor/waves/<int:wave_id>/", floor.wave_detail, name="wave"),
    path("floor/waves/<int:wave_id>/pick-list.pdf", floor.pick_list, name="wave-pick-list"),
    path("floor/waves/<int:wave_id>/<slug:verb>/", floor.wave_verb, name="wave-verb"),
    path("floor/missing/<int:shipment_id>/<slug:verb>/", floor.missing_verb, name="floor-missing"),
    path("floor/hand-over/", floor.hand_over, name="floor-hand-over"),
    path("floor/label/<int:shipment_id>/", floor.label, name="floor-label"),
    path("floor/scan/<slug:step>/", floor.scan_page, name="floor-scan"),
    path("floor/scans/", floor.scans, name="floor-scans"),
    path("floor/returns/", floor.returns, name="floor-returns"),
    path("floor/counts/", floor.counts, name="floor-counts"),
    path("floor/counts/make/", floor.make_count, name="floor-make-count"),
    path("floor/counts/<int:count_id>/", floor.count_detail, name="floor-count"),
    path("floor/counts/<int:count_id>/post/", floor.post_count, name="floor-post-count"),
]
