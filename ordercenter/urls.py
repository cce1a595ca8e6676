"""All addresses of the site: this file knows everything."""

from django.contrib import admin
from django.urls import path

from fulfillment.api.qimen import receive_document
from ordercenter.common import health

urlpatterns = [
    path("qimen/<str:customer_id>/", receive_document, name="qimen"),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("admin/", admin.site.urls),
]
