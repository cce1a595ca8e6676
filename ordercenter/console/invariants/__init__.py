"""What must hold at every instant, as questions to the database that find what breaks it.

Each check is one statement over committed rows, so it is true also while the system runs; what is still on its way
through the post office is left out by the statements themselves. The checks look at tables, not at our code's idea of
them: what went past a service is found as well.
"""

from ordercenter.console.invariants.base import Check, Verdict, run_checks
from ordercenter.console.invariants.catalogue import CHECKS

__all__ = ["CHECKS", "Check", "Verdict", "run_checks"]
