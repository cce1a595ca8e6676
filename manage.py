#!/usr/bin/env python
"""Command line entry of Order Center."""

import os
import sys

from ordercenter.runtime.entry import run_manage_command

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordercenter.settings.embedded")
    sys.exit(run_manage_command(sys.argv))
