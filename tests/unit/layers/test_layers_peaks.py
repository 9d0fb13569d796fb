"""Peaks: the best of undisturbed windows, theoretical peaks from flags, sizes of caches, the clock's chain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ovlab.environment import describe_host, host_identity
from ovlab.errors import OvlabError
from ovlab.layers import peaks as step
from ovlab.layers.child.bandwidth import PAGE, _pair, bandwidth_windows, cache_sizes, shared_by, working_sets
from ovlab.layers.child.clock import frequency_control, latency_cycles
from ovlab.layers.child.peaks import LIMIT, _overhead_windows, peaks
from ovlab.layers.peaks import Peaks, known_peaks, measure_peaks
from ovlab.layers.peaks.best import best_values, has_quiet_windows
from ovlab.layers.peaks.theory import operations_per_cycle
from ovlab.layers.request import PeaksRequest
from ovlab.records import Record, read_record, write_record
from ovlab.specs import DeviceSpec, PeaksSettings, PeaksSpec

ZEN4 = "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n\nvendor_id: x\n"
XEON = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
AVX512 = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16"]


def cpuinfo(folder: Path, text: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(text, encoding="utf-8")
    return path


def window(kind: str, value: float | None, load: float = 0.0, **about: Any) -> dict[str, Any]:
    return {"kind": kind, "value": value, "other_load": load, "steal": 0.0, **about}


def result(load: float = 0.0) -> dict[str, Any]:
    f32 = {"type": "f32", "problem": "convolution", "kernel": "brgconv_avx512_f32"}
    windows = [
        window("arithmetic", 200e9, **f32),
        window("arithmetic", 230e9, load, **f32),
        window("arithmetic", None, type="f16", problem="convolution", executed="bf16"),
        window("bandwidth", 150e9, load, level="L3", bytes=1),
        window("bandwidth", 40e9, level="DRAM", bytes=1),
        window("clock", 3.7e9),
        window("overhead", 1.5e-6),
        window("overhead", 1.9e-6),
        window("probe", 180e9, problem="convolution"),
        window("probe", 210e9, problem="convolution"),
        window("probe", 90e9, problem="small_layers"),
    ]
    return {"threads": 2, "windows": windows, "caches": {"L2": 1 << 20, "L3": 32 << 20}, "sharing": {"L2": 1, "L3": 2}}


def test_the_best_window_counts_and_its_share_of_the_theoretical_peak(tmp_path: Path) -> None:
    values, data = best_values([result(), result()], PeaksSpec(), AVX512, cpuinfo(tmp_path, ZEN4))
    assert values["arithmetic_f32"].value == 230
    # Zen 4's units are 256 bits wide: 2 of them, 8 numbers, 2 operations, 2 threads.
    assert values["theoretical_f32"].value == pytest.approx(3.7 * 32 * 2)
    assert values["reached_f32"].value == pytest.approx(230 / (3.7 * 64))
    assert values["node_overhead"].value == pytest.approx(1.5) and values["clock"].value == pytest.approx(3.7)
    assert data["not_executed"] == {"f16": "bf16"} and data["remarks"] == []
    found = Peaks.of(Record(kind="peaks", settings={}, values=values, data=data))
    assert found.arithmetic == {"f32": 230e9} and found.bandwidth["L3"] == 150e9
    assert found.probe == pytest.approx({"convolution": 210e9, "small_layers": 90e9})
    assert found.caches == {"L2": 2 << 20, "L3": 32 << 20}
    assert [found.level_of(size) for size in (1e6, 1e7, 1e9)] == ["L3", "L3", "DRAM"]


def test_disturbed_windows_are_left_out_and_counted(tmp_path: Path) -> None:
    values, data = best_values([result(load=0.3)], PeaksSpec(), AVX512, cpuinfo(tmp_path, ZEN4))
    assert values["arithmetic_f32"].value == 200
    assert values["windows"].value == 10 and values["disturbed_windows"].value == 2
    assert data["remarks"] == ["bandwidth L3: every window was disturbed by other load"]
    assert values["bandwidth_L3"].value == 150
    assert not has_quiet_windows([result(load=0.3)], PeaksSpec())
    assert has_quiet_windows([result(load=0.3), result()], PeaksSpec())
    assert Peaks.of(Record(kind="peaks", settings={}, values=values, data=data)).disturbed == ("bandwidth L3",)


def test_a_peak_far_below_the_theoretical_one_says_why(tmp_path: Path) -> None:
    values, data = best_values([result()], PeaksSpec(), AVX512, cpuinfo(tmp_path, XEON))
    assert values["reached_f32"].value == pytest.approx(230 / (3.7 * 128))
    assert data["remarks"][0].startswith("f32: 49 % of the theoretical peak reached; the kernel (brgconv_avx512_f32)")


@pytest.mark.parametrize(
    ("flags", "text", "expected"),
    [
        (AVX512, ZEN4, {"f32": 32, "bf16": 64, "i8": 128}),
        (AVX512, XEON, {"f32": 64, "bf16": 128, "i8": 256}),
        (
            [*AVX512, "avx512_fp16", "amx_int8", "amx_bf16"],
            XEON,
            {"f32": 64, "f16": 128, "bf16": 1024, "bf16_avx512": 128, "i8": 2048, "i8_vnni": 256},
        ),
        (["avx2", "fma", "avx_vnni"], XEON, {"f32": 32, "i8": 128}),
        (["asimd"], "", {}),
    ],
)
def test_operations_a_cycle(flags: list[str], text: str, expected: dict[str, int], tmp_path: Path) -> None:
    assert operations_per_cycle(flags, cpuinfo(tmp_path, text)) == expected


@pytest.mark.parametrize(("text", "cycles"), [(ZEN4, 3), (XEON, 4), ("vendor_id: Other\n", None), ("", None)])
def test_the_latency_of_a_multiplication(text: str, cycles: int | None, tmp_path: Path) -> None:
    assert latency_cycles(cpuinfo(tmp_path, text)) == cycles
    assert latency_cycles(tmp_path / "nowhere") is None


def test_sizes_of_caches_as_the_kernel_tells_them(tmp_path: Path) -> None:
    caches = [
        (1, "Data", "32K", "0"),
        (1, "Instruction", "32K", "0"),
        (2, "Unified", "2M", "0,64"),
        (3, "Unified", "480M", "0-63"),
    ]
    for number, (level, kind, size, shared) in enumerate(caches):
        place = tmp_path / f"index{number}"
        place.mkdir()
        texts = {"level": str(level), "type": kind, "size": size, "shared_cpu_list": shared}
        for name, text in texts.items():
            (place / name).write_text(f"{text}\n", encoding="ascii")
    sizes = cache_sizes(tmp_path)
    assert sizes == {"L1": 32 << 10, "L2": 2 << 20, "L3": 480 << 20}
    assert [shared_by(level, tmp_path) for level in (1, 2, 3, 4)] == [1, 2, 64, 1]
    sets = working_sets(sizes, threads=2)
    # Most of a last level this large belongs to others: four times the level before is taken.
    assert sets == {"L1": 24 << 10, "L2": 3 << 19, "L3": 8 << 20, "DRAM": 256 << 20}
    assert working_sets({}, 2) == {"DRAM": 128 << 20}
    assert cache_sizes(tmp_path / "nowhere") == {}


def test_bandwidth_is_measured_at_every_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovlab.layers.child.bandwidth.cache_sizes", lambda: {"L1": 32 << 10, "L2": 1 << 20})
    monkeypatch.setattr("ovlab.layers.child.bandwidth.DRAM_LEAST", 8 << 20)
    found = list(bandwidth_windows(1, 0.01, 2))
    assert {one["level"] for one in found} == {"L1", "L2", "DRAM"} and all(one["value"] > 0 for one in found)


def test_what_a_copy_reads_is_in_memory() -> None:
    # What was never written is one page of zeros, and would be read out of a cache whatever the size.
    source, target = _pair(64 << 20)
    assert source.min() > 0 and target.min() > 0
    assert source.nbytes + target.nbytes == 64 << 20 and target.ctypes.data - source.ctypes.data == source.nbytes
    assert source.ctypes.data % PAGE == 0


def test_a_launch_finds_every_kind_of_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovlab.layers.child.bandwidth.DRAM_LEAST", 8 << 20)
    monkeypatch.setattr("ovlab.layers.child.bandwidth.DRAM_MOST", 8 << 20)
    for name, size in (("CHANNELS", 32), ("SIDE", 16), ("ORDER", 128)):
        monkeypatch.setattr(f"ovlab.layers.child.arithmetic_peak.{name}", size)
    found = peaks(PeaksRequest("CPU", {}, 1, 0.02))
    arithmetic = [one for one in found["windows"] if one["kind"] == "arithmetic"]
    assert {one["type"] for one in arithmetic} == {"f32", "f16", "bf16", "i8"}
    assert all(one["value"] > 0 and one["kernel"] for one in arithmetic if one["type"] == "f32")
    assert all(one["value"] or "executed" in one for one in arithmetic)
    assert {"overhead", "bandwidth", "probe"} <= {one["kind"] for one in found["windows"]}


@pytest.mark.skipif("avx512_bf16" not in describe_host()["cpu"]["flags"], reason="the CPU has no BF16 to leave out")
def test_onednn_heeds_the_limit_by_which_amx_is_left_out() -> None:
    # The same variable with a lower limit, on a CPU without AMX: another kernel. In a fresh process, as it is in use.
    program = """
import sys
from ovlab.layers.child import peaks
from ovlab.layers.request import PeaksRequest
peaks.LIMIT = (peaks.LIMIT[0], sys.argv[1])
windows = peaks.peaks(PeaksRequest("CPU", {}, 1, 0.01, True))["windows"]
print(*{one["kernel"] for one in windows if one["type"] == "bf16_avx512" and one["value"]})
"""
    kernels = [
        subprocess.run([sys.executable, "-c", program, limit], check=True, capture_output=True, text=True).stdout
        for limit in (LIMIT[1], "AVX512_CORE")
    ]
    assert "avx512_bf16" in kernels[0] and kernels[0] != kernels[1]


def test_vector_units_are_measured_apart_where_there_is_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PeaksRequest] = []

    def child(request: PeaksRequest, *_: Any) -> dict[str, Any]:
        asked.append(request)
        if not request.without_tiles:
            return result()
        about = {"problem": "convolution", "kernel": "brgconv_avx512_I8"}
        return result() | {"windows": [window("arithmetic", 880e9, type="i8_vnni", **about)]}

    flags = [*AVX512, "amx_int8", "amx_bf16"]
    monkeypatch.setattr(step, "describe_host", lambda: {"cpu": {"flags": flags}})
    monkeypatch.setattr(step, "run_child", child)
    settings = PeaksSettings(device_name="cpu", device=DeviceSpec(device="CPU"), host=host_identity())
    record = measure_peaks(settings)
    assert [one.without_tiles for one in asked] == [False] * 3 + [True] * 2
    assert record.value("arithmetic_i8_vnni") == 880 and record.data["kernels"]["i8_vnni"] == "brgconv_avx512_I8"
    assert record.values["calibration_kernel"].unit == "ms" and Peaks.of(record).kernel_ms
    assert set(Peaks.of(record).arithmetic) == {"f32"}  # no roof: the device takes the tiles
    flags[:] = AVX512
    asked.clear()
    assert measure_peaks(settings).value("arithmetic_i8_vnni") is None and len(asked) == 3


def test_bandwidths_that_differ_between_processes_are_told(tmp_path: Path) -> None:
    results = [result(), result(), result()]
    results[1]["windows"][4]["value"] = 93e9
    _, data = best_values(results, PeaksSpec(), AVX512, cpuinfo(tmp_path, ZEN4))
    assert data["between_processes"] == {"L3": (150.0, 150.0), "DRAM": (40.0, 93.0)}
    assert data["remarks"] == [
        "bandwidth of DRAM: the processes gave 40 to 93 GB/s; others that share it take their part"
    ]
    results[1]["windows"][4]["other_load"] = 0.5  # left out, as for the peak
    assert best_values(results, PeaksSpec(), AVX512, cpuinfo(tmp_path, ZEN4))[1]["remarks"] == []


def test_whether_the_clock_could_be_set_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert frequency_control(tmp_path / "nowhere") == {"settable": False, "lowest_ghz": None, "highest_ghz": None}
    texts = {"scaling_max_freq": 3700000, "cpuinfo_min_freq": 1500000, "cpuinfo_max_freq": 3700000}
    for name, khz in texts.items():
        (tmp_path / name).write_text(f"{khz}\n", encoding="ascii")
    assert frequency_control(tmp_path) == {"settable": True, "lowest_ghz": 1.5, "highest_ghz": 3.7}
    monkeypatch.setattr("os.access", lambda *_: False)
    assert not frequency_control(tmp_path)["settable"]


def test_a_virtual_device_has_no_peaks() -> None:
    settings = PeaksSettings(device_name="auto", device=DeviceSpec(device="AUTO"))
    with pytest.raises(OvlabError, match=r"device/auto\.yaml: AUTO stands for other devices"):
        measure_peaks(settings)


def test_an_overhead_of_nothing_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Amid load the longer chain may seem the faster one: that is no measurement of what a node costs.
    medians = iter([2e-4, 1e-4])  # of 8 nodes, then of 72
    monkeypatch.setattr("ovlab.layers.child.peaks.np.median", lambda times: next(medians))
    (found,) = _overhead_windows(PeaksRequest("CPU", {}, 1, 0.01))
    assert found["value"] is None
    without = result()
    without["windows"] = [one for one in without["windows"] if one["kind"] != "overhead"] + [found]
    values, data = best_values([without], PeaksSpec(), AVX512, cpuinfo(tmp_path, ZEN4))
    assert "node_overhead" not in values
    assert data["remarks"] == ["overhead of a node: not found, so that none of the time is explained by it"]


def test_repeats_of_peaks_are_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 10))  # a look at the clock each 10 s
    monkeypatch.setattr(step, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    made: list[Any] = []
    monkeypatch.setattr(step, "run_child", lambda *arguments: made.append(arguments) or result(0.3))
    found = measure_peaks(PeaksSettings(device_name="cpu", device=DeviceSpec(device="CPU")))
    assert len(made) == 4 and any(one.endswith("disturbed by other load") for one in found.data["remarks"])


def test_peaks_are_found_once_and_again_where_they_were_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = iter([0.3] * 6 + [0.0] * 9)
    asked: list[str] = []

    def child(*arguments: Any) -> dict[str, Any]:
        asked.append(arguments[3])
        return result(next(loads))

    monkeypatch.setattr(step, "run_child", child)
    monkeypatch.setattr(step.pooch, "os_cache", lambda name: tmp_path / name)
    assert known_peaks(DeviceSpec(device="CPU")).data["remarks"]  # six launches, none undisturbed: not kept
    known_peaks(DeviceSpec(device="CPU"))
    kept = known_peaks(DeviceSpec(device="CPU"))
    assert len(asked) == 9 and set(asked) == {"profiling.peaks.timeout_s"}
    assert kept.value("bandwidth_L3") == 150
    known_peaks(DeviceSpec(device="CPU"), anew=True)
    assert len(asked) == 12
    # Those that an earlier version has kept tell nothing of the probe: they are found anew too.
    (path,) = (tmp_path / "ovlab" / "peaks").glob("*.json")
    record = read_record(path, "peaks")
    record.data["windows"] = [one for one in record.data["windows"] if one["kind"] != "probe"]
    write_record(path, record)
    known_peaks(DeviceSpec(device="CPU"))
    assert len(asked) == 15
