"""Addresses of the console."""

from django.urls import path

from ordercenter.console.views import cases, home, orders, parcels, payments, reveal, routing, statements, waybills

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
]
