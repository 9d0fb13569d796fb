"""The synchronous loop in C++, compiled against the installed OpenVINO, in a process of its own."""

from __future__ import annotations

import ovlab  # noqa: F401 (first: it turns telemetry off)

# isort: split

import shutil
import subprocess
from pathlib import Path

import numpy as np
import openvino as ov

from ovlab.errors import OvlabError

SOURCE = Path(__file__).with_name("native_loop.cpp")
CALLS = ("infer", "wait")
"""The blocking ``infer``, as a launch does, or ``start_async`` and ``wait``."""


def build(folder: Path) -> Path:
    """Compile the loop and return the program.

    Raises
    ------
    OvlabError
        If there is no C++ compiler, or it fails.
    """
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise OvlabError("native_loop.cpp: no C++ compiler (c++, g++ or clang++) on this host")
    package = Path(ov.__file__).parent
    libraries = sorted((package / "libs").glob("libopenvino.so.*"))
    if not libraries:
        raise OvlabError(f"native_loop.cpp: no libopenvino.so in {package / 'libs'}")
    program = folder / "native_loop"
    command = [compiler, "-std=c++17", "-O2", f"-I{package / 'include'}", str(SOURCE), str(libraries[0])]
    command += [f"-Wl,-rpath,{package / 'libs'}", "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OvlabError(f"native_loop.cpp: {compiler} failed: {done.stderr.strip().splitlines()[-1]}")
    return program


def raw_images(images: Path, path: Path) -> Path:
    """Write the images of a ``.npy`` one after the other, as the program reads them."""
    np.load(images).tofile(path)
    return path


def run_native(
    program: Path, ir: Path, images: Path, seconds: float, warm_up: float, call: str, timeout: float
) -> dict[str, float]:
    """Run the loop once.

    Returns
    -------
    dict
        ``fps`` and ``latency_ms`` (median, as the application sees it).

    Raises
    ------
    OvlabError
        If it fails.
    """
    command = [str(program), str(ir), str(images), str(seconds), str(warm_up), call]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise OvlabError(f"native_loop hung: not done after {timeout:g} s") from None
    if done.returncode:
        raise OvlabError(f"native_loop: exit code {done.returncode}: {done.stderr.strip()}")
    fps, median_us = (float(word) for word in done.stdout.split())
    return {"fps": fps, "latency_ms": median_us / 1e3}
