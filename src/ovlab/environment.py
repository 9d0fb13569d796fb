"""The machine and the software that a number was measured with."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from ovlab.files import digest_of

PACKAGES = ("openvino", "nncf", "numpy", "onnxruntime", "opencv-python-headless", "ovlab")
# Flags that decide which kernels the CPU plugin may use; the full list is a page long.
RELEVANT_FLAGS = [
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "amx_fp16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
    "hypervisor",
]


@functools.cache
def describe_host() -> dict[str, Any]:
    """Describe this host: CPU model and flags, cores, memory, OS, package versions, git commit.

    Returns
    -------
    dict
        JSON-compatible. Nothing that identifies the user: no host name, no path.
    """
    return {
        "cpu": _cpu(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "os": platform.platform(aliased=True, terse=False),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git_commit": _git_commit(),
    }


def host_identity(environment: Mapping[str, Any] | None = None) -> str:
    """Return what a machine's peaks depend on, as eight hexadecimal digits: its CPU and OpenVINO's version.

    Parameters
    ----------
    environment : mapping, optional
        As a record holds it; by default that of this host.
    """
    found = describe_host() if environment is None else environment
    return digest_of([found["cpu"], found["packages"].get("openvino")])


def _cpu() -> dict[str, Any]:
    fields = _proc_cpuinfo()
    if not fields:
        # py-cpuinfo knows every platform, but takes a second: it measures the clock.
        import cpuinfo

        info = cpuinfo.get_cpu_info()
        fields = {"model name": info.get("brand_raw", ""), "flags": " ".join(info.get("flags", []))}
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    return {
        "model": fields.get("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(logical=True),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count(),
        "flags": [flag for flag in RELEVANT_FLAGS if flag in flags],
    }


def _proc_cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
