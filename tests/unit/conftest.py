"""What is started from these tests runs without coverage: it would pay a tenth of a second for each process.

What such processes run, these tests call besides, and the scripts' tests trace theirs.
"""

from __future__ import annotations

import os

os.environ.pop("COVERAGE_PROCESS_CONFIG", None)  # how coverage tells a child to trace itself
