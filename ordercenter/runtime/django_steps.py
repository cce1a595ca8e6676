"""The steps that run Django in this process. Django is imported here and only when one of them is taken."""

import os

from .data_folder import DataFolder, open_data_folder
from .errors import RuntimeTrouble
from .preparation_mark import PreparationMark


def run_django(argv: list[str]) -> None:
    """Run a Django management command in this process; RuntimeTrouble when the settings are wrong or incomplete."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import ManagementUtility

    try:
        _ = settings.INSTALLED_APPS  # reading any of them loads them all
    except ImproperlyConfigured as fault:
        raise RuntimeTrouble(
            f"The settings in {os.environ['DJANGO_SETTINGS_MODULE']} are not complete: {fault}"
        ) from None
    ManagementUtility(argv).execute()


def first_migration(folder: DataFolder) -> None:
    """Make the tables in a database that is new; later changes are the business of `up` and `migrate`."""
    mark = PreparationMark(folder)
    if not mark.exists:
        run_django(["manage.py", "migrate", "--verbosity", "0"])
        mark.set()


def prepare() -> None:
    """Before the parts start: bring the tables up to date; give a database without users the demo company, and tell
    a demo company that is there where its platforms are now.
    """
    run_django(["manage.py", "migrate", "--verbosity", "0"])
    from django.contrib.auth import get_user_model

    if open_data_folder().demo_logins.exists() or not get_user_model().objects.exists():
        run_django(["manage.py", "seed_demo"])
