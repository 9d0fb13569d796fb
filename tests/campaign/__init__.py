"""Attacks on whole runs: kills at random moments and hostile inputs; see docs/reliability.md."""

import sys

from workflow_runs import ROOT

# Where the unit tests and their makers of hostile inputs lie.
sys.path += [str(ROOT / "tests" / folder) for folder in ("flow", "unit/download", "unit/caffe", "unit/tasks/detection")]
