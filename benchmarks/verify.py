"""How fast a bundle's files are checked, against sha256sum and plain reading of the same archive.

A bundle of the given size: files of models (random bytes, stored), records of samples as Parquet (the same), and texts
(compressed). Rounds are interleaved; each prints the rates of all, of the archive's bytes by the clock and by processor
time, since others may share the machine. Recomputing the tables comes on top (it depends on samples and predictions,
not on bytes); with --recompute a bundle of your own is verified as a whole.

Usage: python benchmarks/verify.py [--megabytes 1000] [--rounds 5] [--folder DIR] [--recompute BUNDLE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ovlab  # noqa: F401  (telemetry off)
from ovlab.bundle import BundleInfo, open_bundle
from ovlab.bundle.layout import INFO, MANIFEST
from ovlab.bundle.manifest import format_manifest
from ovlab.bundle.verifying import verify
from ovlab.bundle.writing import write_zip

MODEL, SAMPLES = "results/variants/net/fp32/0/model{}.bin", "results/test/sessions/here/net/{}/samples.parquet"
TEXTS = "results/test/report/tables/table_{}.csv"


def make_bundle(folder: Path, megabytes: int) -> None:
    """Write a bundle's folder: four fifths models, a tenth samples, a tenth texts."""
    info = BundleInfo(experiment="test", title="T", date="2026-01-02", models=True, data=False)
    hashes: dict[str, str] = {}

    def write(name: str, data: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        hashes[name] = hashlib.sha256(data).hexdigest()

    write(INFO, json.dumps(info.plain()).encode())
    for number in range(4):
        write(MODEL.format(number), os.urandom(megabytes * 200_000))
    for number in range(20):
        write(SAMPLES.format(number), os.urandom(megabytes * 5_000))
        lines = "".join(f"net,int8,cpu,{line},{line / 7:.6f}\n" for line in range(megabytes * 160))
        write(TEXTS.format(number), lines.encode())
    (folder / MANIFEST).write_text(format_manifest(hashes), encoding="utf-8")


def opened(path: Path) -> None:
    """Check every file as `ovlab verify` does."""
    with open_bundle(path, models=False):
        pass


def seconds_of(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall-clock and processor time, of this process and of those that it waited for."""

    def used() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(one.ru_utime + one.ru_stime for one in both)

    started, before = time.perf_counter(), used()
    work()
    return time.perf_counter() - started, used() - before


def main() -> int:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the archive lies: on the disk that is meant")
    parser.add_argument("--recompute", type=Path, metavar="BUNDLE", help="verify this one as a whole")
    args = parser.parse_args()
    if args.recompute is not None:
        wall, used = seconds_of(lambda: print("\n".join(verify(args.recompute).checked)))
        print(f"{args.recompute}: {wall:.1f} s, {used:.1f} s of processor time")
        return 0
    with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
        folder, archive = Path(scratch, "bundle"), Path(scratch, "bundle.zip")
        make_bundle(folder, args.megabytes)
        write_zip(folder, archive)
        size = archive.stat().st_size
        content = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"archive of {size / 1e6:.0f} MB, {content / 1e6:.0f} MB unpacked")
        works: dict[str, Callable[[], object]] = {
            "cat": lambda: subprocess.run(["cat", archive], stdout=subprocess.DEVNULL, check=True),
            "sha256sum": lambda: subprocess.run(["sha256sum", archive], stdout=subprocess.DEVNULL, check=True),
            "files of the archive": lambda: opened(archive),
            "files of the folder": lambda: opened(folder),
        }
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
        for _ in range(args.rounds):
            for name, work in works.items():
                wall, used = seconds_of(work)
                much = (content if "folder" in name else size) / 1e6
                rates[name].append((much / wall, much / used))
        for name, found in rates.items():
            by_clock, by_processor = (statistics.median(one) for one in zip(*found, strict=True))
            against = statistics.median(own[0] / other[0] for own, other in zip(found, rates["sha256sum"], strict=True))
            print(
                f"{name}: {by_clock:.0f} MB/s by the clock ({against:.2f} times sha256sum in the same round), "
                f"{by_processor:.0f} MB for each second of processor time"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
