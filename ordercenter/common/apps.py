from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "ordercenter.common"
    label = "common"
