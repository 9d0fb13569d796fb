"""How fast data move: copies between arrays that just fit each cache level, and between arrays that fit none.

Both the read and the written bytes count. The cache sizes are the kernel's, from
``/sys/devices/system/cpu/cpu0/cache`` [1]_; where it does not tell them, there is DRAM alone.

References
----------
.. [1] Linux kernel documentation, ``Documentation/ABI/testing/sysfs-devices-system-cpu``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ovlab.layers.child.windows import Watched

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
CALL_BYTES = 8e6
"""A call moves so many bytes, so that Python's own time is none of it."""
DRAM_LEAST, DRAM_MOST = 128 << 20, 256 << 20
PAGE = 4096
Kernel = Callable[[], int]
Array = NDArray[np.float32]
"""Bytes that a thread's arrays take together where no cache is to hold them."""


def cache_sizes(folder: Path = CACHES) -> dict[str, int]:
    """Return the size of each level of data cache as one core sees it, in bytes: ``{"L1": 32768, ...}``."""
    sizes: dict[str, int] = {}
    for place in sorted(folder.glob("index*")):
        try:
            texts = [(place / name).read_text(encoding="ascii").strip() for name in ("level", "type", "size")]
            size = int(texts[2].rstrip("KMG")) * UNITS.get(texts[2][-1], 1)
        except (OSError, ValueError):
            continue
        if texts[1] != "Instruction":
            sizes[f"L{texts[0]}"] = size
    return sizes


def shared_by(level: int, folder: Path = CACHES) -> int:
    """Return how many cores share a level of cache; 1 where the kernel does not tell."""
    for place in sorted(folder.glob("index*")):
        try:
            if int((place / "level").read_text(encoding="ascii")) == level:
                return _count((place / "shared_cpu_list").read_text(encoding="ascii").strip())
        except (OSError, ValueError):
            continue
    return 1


def _count(text: str) -> int:
    """Count the numbers of a list such as ``0-3,8``."""
    ends = [part.split("-") for part in text.split(",") if part]
    return sum(int(one[-1]) - int(one[0]) + 1 for one in ends)


def working_sets(sizes: dict[str, int], threads: int) -> dict[str, int]:
    """Return for each level how many bytes a thread's two arrays take together.

    Three quarters of a level of its own, so that code and stack fit too; of the last level four times the one before
    it, or half of the thread's share where that is less: in a virtual machine it mostly belongs to others as well.
    """
    names = sorted(sizes)
    sets: dict[str, int] = {}
    for number, name in enumerate(names):
        if number and number == len(names) - 1:
            before = sizes[names[number - 1]]
            sets[name] = max(2 * before, min(4 * before, sizes[name] // 2 // threads))
        else:
            sets[name] = sizes[name] * 3 // 4
    last = sizes[names[-1]] if names else 0
    return sets | {"DRAM": min(DRAM_MOST, max(DRAM_LEAST, 4 * last // threads))}


def bandwidth_windows(windows: int, window_s: float, threads: int) -> Iterator[dict[str, Any]]:
    """Measure every level in windows.

    Yields
    ------
    dict
        ``kind`` (``bandwidth``), ``level``, ``bytes`` (of one thread's arrays), ``value`` (bytes per second of all
        threads, read and written), ``other_load`` and ``steal``.
    """
    for level, size in working_sets(cache_sizes(), threads).items():
        arrays = [_pair(size) for _ in range(threads)]
        for _ in range(windows):
            for kernel in (_negated, _copied):
                with Watched() as watched:
                    value = _all_threads([kernel(*pair) for pair in arrays], window_s / 2)
                yield {"kind": "bandwidth", "level": level, "bytes": size, "value": value} | watched.noise


def _pair(size: int) -> tuple[Array, Array]:
    """Make two arrays of so many bytes together, one right behind the other from the beginning of a page on.

    All of it is written, so that it is in memory: what is only read of untouched pages is the kernel's page of zeros
    over and over, out of a cache whatever the size.
    """
    count = size // 8
    room = np.full(2 * count + PAGE // 4, 1.5, np.float32)
    first = -room.ctypes.data % PAGE // 4
    return room[first : first + count], room[first + count : first + 2 * count]


def _negated(source: Array, target: Array) -> Kernel:
    """Write the negated numbers: plain vector loads and stores, many rounds a call (the first axis has stride 0)."""
    rounds = max(1, int(CALL_BYTES // (2 * source.nbytes)))
    shape = (rounds, source.size)
    repeated, onto = np.broadcast_to(source, shape), as_strided(target, shape, (0, target.itemsize))

    def call() -> int:
        np.negative(repeated, out=onto)
        return 2 * source.nbytes * rounds

    return call


def _copied(source: Array, target: Array) -> Kernel:
    """Copy as the C library does, which goes around the caches where that is faster."""

    def call() -> int:
        np.copyto(target, source)
        return 2 * source.nbytes

    return call


def _all_threads(kernels: list[Kernel], seconds: float) -> float:
    """Run a kernel in each thread for so long, and return the bytes per second that they move together."""
    rates = [0.0] * len(kernels)
    ready = threading.Barrier(len(kernels))

    def work(number: int) -> None:
        kernel = kernels[number]
        kernel()
        ready.wait()
        started = now = time.perf_counter()
        moved = 0
        while now - started < seconds:
            moved += kernel()
            now = time.perf_counter()
        rates[number] = moved / (now - started)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(len(kernels))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rates)
