"""What the host tells of itself, read from fake trees of the kernel's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ovlab.measure.host.sensors import (
    Counters,
    Usage,
    clock_mhz,
    kernel_ms,
    own_usage,
    power_settings,
    read_counters,
    temperature_c,
)

CPU = "devices/system/cpu"


def tree(root: Path, **files: str) -> Path:
    """Write files; in their names ``__`` stands for a slash below ``devices/system/cpu``."""
    for name, text in files.items():
        write(root / CPU / name.replace("__", "/"), text)
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="ascii")


def fake_proc(root: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root / "proc/stat", f"cpu  {line}\ncpu0 {line}\nbtime 1")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(root / "proc"))


linux = pytest.mark.skipif(not psutil.LINUX, reason="reads a fake /proc")


@linux
def test_counters_are_those_of_proc_stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    # user nice system idle iowait irq softirq steal guest guest_nice; user holds the guests' time already
    fake_proc(tmp_path, "1000 200 300 5000 40 5 6 70 400 0", monkeypatch)
    tree(tmp_path, cpu0__thermal_throttle__core_throttle_count="3", cpu1__thermal_throttle__core_throttle_count="4")
    found = read_counters(tmp_path)
    assert found.busy_s == pytest.approx((1000 + 200 + 300 + 5 + 6) / ticks)
    assert found.steal_s == pytest.approx(70 / ticks)
    assert found.total_s == pytest.approx((1000 + 200 + 300 + 5000 + 40 + 5 + 6 + 70) / ticks)
    assert found.throttling == 7
    assert found.own_s is not None and found.own_s > 0


@linux
@pytest.mark.parametrize("prepared", [True, False])
def test_counters_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: bool) -> None:
    if prepared:  # as in a sandbox that shows zeros
        fake_proc(tmp_path, "0 0 0 0 0 0 0 0 0 0", monkeypatch)
    else:
        monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "nothing"))
    found = read_counters(tmp_path)
    assert (found.busy_s, found.total_s, found.throttling) == (None, None, None)


def test_own_time_is_counted_with_that_of_ended_children() -> None:
    before = read_counters()
    if before.own_s is None:
        pytest.skip("this system forgets what ended processes used")
    subprocess.run([sys.executable, "-c", "sum(range(100000))"], check=True)
    after = read_counters()
    assert after.own_s is not None and after.minor_faults is not None and before.minor_faults is not None
    assert after.own_s > before.own_s
    assert after.minor_faults > before.minor_faults


def test_the_clock_is_the_median_of_the_usable_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 2, 3}, raising=False)
    tree(
        tmp_path,
        cpu0__cpufreq__scaling_cur_freq="3000000",
        cpu1__cpufreq__scaling_cur_freq="800000",
        cpu2__cpufreq__scaling_cur_freq="3500000",
        cpu3__cpufreq__scaling_cur_freq="<unknown>",
    )
    assert clock_mhz(tmp_path) == pytest.approx(3250)


def test_the_hottest_sensor_of_the_processor(tmp_path: Path) -> None:
    for number, (name, temperature) in enumerate([("nvme", "90000"), ("coretemp", "61000"), ("acpitz", "70000")]):
        write(tmp_path / f"class/hwmon/hwmon{number}/name", name)
        write(tmp_path / f"class/hwmon/hwmon{number}/temp1_input", temperature)
    write(tmp_path / "class/hwmon/hwmon1/temp2_input", "64500")
    write(tmp_path / "class/thermal/thermal_zone0/type", "x86_pkg_temp")
    write(tmp_path / "class/thermal/thermal_zone0/temp", "66000")
    assert temperature_c(tmp_path) == pytest.approx(64.5)


def test_a_thermal_zone_where_no_driver_tells(tmp_path: Path) -> None:
    for number, (kind, temperature) in enumerate([("battery", "30000"), ("cpu-thermal", "48250")]):
        write(tmp_path / f"class/thermal/thermal_zone{number}/type", kind)
        write(tmp_path / f"class/thermal/thermal_zone{number}/temp", temperature)
    assert temperature_c(tmp_path) == pytest.approx(48.25)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"intel_pstate__no_turbo": "1"}, False),
        ({"intel_pstate__no_turbo": "0", "cpufreq__boost": "0"}, True),
        ({"cpufreq__boost": "1"}, True),
        ({"cpu0__cpufreq__boost": "0"}, False),
        ({}, None),
    ],
)
def test_turbo(tmp_path: Path, files: dict[str, str], expected: bool | None) -> None:
    assert power_settings(tree(tmp_path, **files))["turbo"] is expected


def test_power_settings(tmp_path: Path) -> None:
    tree(
        tmp_path,
        cpu0__cpufreq__scaling_governor="powersave",
        cpu1__cpufreq__scaling_governor="performance",
        cpu0__cpufreq__scaling_driver="intel_pstate",
        cpu1__cpufreq__scaling_driver="intel_pstate",
        smt__active="1",
    )
    assert power_settings(tmp_path) == {
        "governor": "performance, powersave",
        "driver": "intel_pstate",
        "turbo": None,
        "smt": True,
    }


def test_a_host_that_tells_nothing(tmp_path: Path) -> None:
    assert clock_mhz(tmp_path) is None
    assert temperature_c(tmp_path) is None
    assert power_settings(tmp_path) == dict.fromkeys(("governor", "driver", "turbo", "smt"))


def test_usage_since() -> None:
    assert Usage(10, 2, None).since(Usage(4, 2, 3)) == {"minor_faults": 6, "major_faults": 0, "preemptions": None}
    before = own_usage()
    block = bytearray(64 * 1024 * 1024)
    assert block and (own_usage().since(before)["minor_faults"] or 1) > 0
    assert Counters() == Counters(None, None, None, None, None, None, None)


def test_the_kernel_is_timed() -> None:
    assert kernel_ms() > 0
