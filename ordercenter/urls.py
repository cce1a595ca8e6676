"""All addresses of the site: this file knows everything."""

from django.contrib import admin
from django.urls import path

from ordercenter.common import health

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("admin/", admin.site.urls),
]
