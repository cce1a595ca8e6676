from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "ordercenter.audit"
    label = "audit"
