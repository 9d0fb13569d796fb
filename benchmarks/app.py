"""benchmark_app in a process of its own, with its numbers as its timing loop returns them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError
from ovlab.files import read_json

# The loop is benchmark_app's own; only what it returns is written down, before it is rounded for printing.
PROGRAM = """
import json, sys
import ovlab.runtime  # telemetry off
from openvino.tools.benchmark import main as app
from openvino.tools.benchmark.benchmark import Benchmark

result = sys.argv.pop(1)
loop = Benchmark.main_loop

def told(self, requests, *rest):
    fps, median, *_ = found = loop(self, requests, *rest)
    from ovlab.measure.device.inspection import effective_settings
    settings = effective_settings(requests[0].get_compiled_model(), ["CPU"])
    with open(result, "w") as file:
        json.dump({"fps": fps, "latency_ms": median, "infer_requests": len(requests), "settings": settings}, file)
    return found

Benchmark.main_loop = told
sys.exit(app.main())
"""


def run_app(ir: Path, arguments: list[str], seconds: int, result: Path, timeout: float) -> dict[str, Any]:
    """Run benchmark_app once on the CPU in FP32.

    Parameters
    ----------
    ir : Path
        The model.
    arguments : list of str
        API, hint, requests.
    seconds : int
        Its ``-t``.
    result : Path
        Gets what its timing loop returns.
    timeout : float
        Seconds after which it is taken for hung.

    Returns
    -------
    dict
        ``fps``, ``latency_ms`` (median of the runtime's own latencies), ``infer_requests``, ``settings``.

    Raises
    ------
    OvlabError
        If it fails.
    """
    result.unlink(missing_ok=True)
    command = [sys.executable, "-c", PROGRAM, str(result), "-m", str(ir), "-d", "CPU", "-t", str(seconds)]
    command += ["-infer_precision", "f32", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise OvlabError(f"benchmark_app hung: not done after {timeout:g} s") from None
    if not result.exists():
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no message"]
        raise OvlabError(f"benchmark_app failed with exit code {done.returncode}: {lines[-1]}")
    answer: dict[str, Any] = read_json(result)
    return answer
