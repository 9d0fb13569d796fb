"""ovlab: a declarative lab for OpenVINO inference experiments.

The library behind the workflow's steps. It knows nothing of Snakemake, Hydra or argparse: a step's settings
arrive as typed specs (:mod:`ovlab.specs`), and its result leaves as a versioned record (:mod:`ovlab.records`).

Telemetry is off: this is the one place that says so, and it runs before any module of ours can import a library that
has some. Programs outside of this package import it before they import such a library; a test sees to that.
"""

import os
import sys

# OpenVINO's converter and NNCF report to their maker through this package, and both fall back to a stub where it cannot
# be imported. Neither has a setting that is independent of the user's home folder.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

os.environ |= {
    # ONNX Runtime writes .ses into the folder for temporary files and a database into the user's cache when it is
    # imported, and looks up its maker's host once a process lives for ten seconds. Its API could stop the rest only.
    "ORT_DISABLE_TELEMETRY": "1",
    # For processes that do not come by here.
    "NNCF_CI": "1",
    # What decoders and extensions may import: the Hugging Face libraries, and whoever heeds the common sign.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}

__version__ = "0.1.0"
