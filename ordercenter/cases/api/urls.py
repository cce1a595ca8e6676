from django.urls import path

from ordercenter.cases.api import views

urlpatterns = [
    path("cases", views.CaseList.as_view(), name="cases"),
    path("cases/<int:case_id>", views.CaseDetail.as_view(), name="case"),
]
