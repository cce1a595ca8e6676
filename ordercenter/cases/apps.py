from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "ordercenter.cases"
    label = "cases"
