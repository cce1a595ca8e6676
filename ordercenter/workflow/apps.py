from django.apps import AppConfig


class WorkflowConfig(AppConfig):
    name = "ordercenter.workflow"
    label = "workflow"
