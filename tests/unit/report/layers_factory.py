"""A profile of a made-up model as the steps leave it: nodes, comparisons, peaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from profile_factory import PEAKS, node, operation, profile
from report_factory import Recipe, record

from ovlab.layers.profile.analysis import PAIR_COLUMNS, analyse, compare_all, pair_rows, plain_comparison
from ovlab.layers.profile.table import launch_table, node_table, write_tables
from ovlab.layers.roofline.coverage import Choices
from ovlab.records import Quantity, Record
from ovlab.report import Records

OPERATIONS = [operation("conv"), operation("head"), operation("soft", "Softmax", 0)]
SLOW, FAST = [190.0, 192.0, 191.0], [26.0, 27.0, 26.5]


def profiles() -> dict[str, Any]:
    """FP32 at its roof; INT8 with one layer left in floating point, and a conversion before it."""
    before = [node("conv", SLOW), node("head", 110.0), node("soft", 5.0, kind="Softmax")]
    after = [
        node("conv", FAST, precision="i8"),
        node("r", 8.0, layers=[], kind="Reorder", forms=("u8 acdb", "f32 acdb")),
        node("head", 112.0),
        node("soft", 5.0, kind="Softmax"),
    ]
    return {"fp32": profile(before, OPERATIONS), "int8": profile(after, OPERATIONS)}


def many_nodes(precisions: list[str], number: int) -> dict[str, Any]:
    """Profiles of a network of many layers: INT8 with conversions, and one layer in ten left in floating point."""
    operations = [operation(f"block_{n}/conv") for n in range(number)]
    found = {}
    for place, precision in enumerate(precisions):
        nodes = []
        for n in range(number):
            is_narrow = precision.startswith("int8") and n % 10
            time = 40.0 + (7 * n) % 90 + place + (0 if is_narrow else 60)
            kind = "i8" if is_narrow else "bf16" if precision in {"bf16", "default"} else "f32"
            nodes.append(node(f"block_{n}/conv", [time, 1.01 * time, 0.99 * time], precision=kind))
            if precision.startswith("int8") and n % 10 == 1:
                nodes.append(
                    node(f"reorder_{n}", 8.0, layers=[], kind="Reorder", forms=("u8 acdb", "f32 acdb"), sizes=(0, 1, 1))
                )
        found[precision] = profile(nodes, operations)
    return found


def add_profiles(records: Records, recipe: Recipe, folder: Path, number: int) -> Records:
    """Add a profile of `number` layers of each model on each device."""
    add_profile(records, folder, found=many_nodes(recipe.precisions, number))
    made = records.profiles.pop(("net", "cpu", "here"))
    records.profile_folders.clear()
    records.peaks.clear()
    for device in recipe.devices:
        records.peaks[device, "here"] = peaks_record()
        records.peaks[device, "here"].settings["device_name"] = device
        for model in recipe.models:
            names = made.settings | {"model_name": model, "device_name": device}
            records.profiles[model, device, "here"] = record("profile", names, data=made.data)
            records.profile_folders[model, device, "here"] = folder
    return records


def add_profile(records: Records, folder: Path, host: str = "here", found: dict[str, Any] | None = None) -> Records:
    """Add what the steps leave of peaks and of a profile of ``net`` on ``cpu`` of a host."""
    found = found or profiles()
    comparisons = compare_all(found, PEAKS, ["fp32"])
    data: dict[str, Any] = {"variants": {}, "comparisons": [], "compared_with": ["fp32"]}
    for name, one in found.items():
        scope = {"names": ["head"]} if name == "int8" else {}
        choices = Choices.of({"quantization": {"ignored_scope": scope} if scope else None}, {})
        analysis = analyse(one, choices, PEAKS, ["avx512_vnni"], comparisons.get(("fp32", name)))
        noise = [{"other_load": 0.0, "beyond": []}] * 3
        data["variants"][name] = {"status": "ok", "reason": "", **analysis.plain(), "noise": noise}
        data["variants"][name]["scaling"] = {"one_thread": 1.9, "batch": 4, "batch_time": 0.8}
    data["variants"]["fp16"] = {"status": "failed", "reason": "it broke"}
    rows = [row for names, one in comparisons.items() for row in pair_rows(*names, one)]
    data["comparisons"] = [plain_comparison(*names, one) for names, one in comparisons.items()]
    nodes = pd.concat([node_table(name, one, PEAKS) for name, one in found.items()])
    write_tables(nodes, launch_table("fp32", found["fp32"]), folder)
    pd.DataFrame(rows, columns=list(PAIR_COLUMNS)).to_csv(folder / "comparisons.csv", index=False)
    names = {"model_name": "net", "device_name": "cpu", "profiling": {"launches": 3}, "host_name": host}
    records.profiles["net", "cpu", host] = record("profile", names, data=data)
    records.profile_folders["net", "cpu", host] = folder
    records.peaks["cpu", host] = peaks_record(host)
    return records


def peaks_record(host: str = "here") -> Record:
    values = {f"arithmetic_{name}": Quantity(one / 1e9, "GOP/s") for name, one in PEAKS.arithmetic.items()}
    values |= {f"bandwidth_{name}": Quantity(one / 1e9, "GB/s") for name, one in PEAKS.bandwidth.items()}
    values |= {"theoretical_f32": Quantity(250.0, "GOP/s"), "reached_f32": Quantity(0.8, "fraction")}
    values |= {"clock": Quantity(3.7, "GHz"), "node_overhead": Quantity(2.0, "us"), "threads": Quantity(2, "count")}
    data = {"kernels": PEAKS.kernels, "remarks": ["a remark"], "caches": {"L2": 1 << 20, "L3": 32 << 20}}
    return record(
        "peaks", {"device_name": "cpu", "host_name": host}, values=values, data=data | {"sharing": {"L2": 1, "L3": 2}}
    )
