"""ovlab: a declarative lab for OpenVINO inference experiments.

The library behind the workflow's steps. It knows nothing of Snakemake, Hydra or argparse: a step's settings
arrive as typed specs (:mod:`ovlab.specs`), and its result leaves as a versioned record (:mod:`ovlab.records`).
"""

import sys

# Telemetry off: OpenVINO's converter and NNCF both fall back to a stub where this package cannot be imported,
# and neither has a setting that is independent of the user's home folder. Here, so that no module of ours can import
# OpenVINO before it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__version__ = "0.1.0"
