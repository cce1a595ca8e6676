from django.apps import AppConfig


class InsightConfig(AppConfig):
    name = "ordercenter.insight"
    label = "insight"
