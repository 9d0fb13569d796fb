"""Energy counters: which are taken, how they wrap, and that what cannot be read is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovlab.measure.child.energy import EnergyMeter

RANGE = 262_143_328_850


def zone(root: Path, folder: str, name: str, energy_uj: int, range_uj: int = RANGE) -> Path:
    place = root / folder
    place.mkdir(parents=True)
    (place / "name").write_text(f"{name}\n", encoding="ascii")
    (place / "max_energy_range_uj").write_text(f"{range_uj}\n", encoding="ascii")
    (place / "energy_uj").write_text(f"{energy_uj}\n", encoding="ascii")
    return place


def put(place: Path, energy_uj: int) -> None:
    (place / "energy_uj").write_text(f"{energy_uj}\n", encoding="ascii")


def test_packages_are_added_and_the_platform_stands_apart(tmp_path: Path) -> None:
    first = zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 5_000_000)
    platform = zone(tmp_path, "intel-rapl:2", "psys", 0)
    meter = EnergyMeter(tmp_path)
    put(first, 3_500_000)
    put(second, 5_250_000)
    put(platform, 9_000_000)
    assert meter.joules() == {"package": pytest.approx(2.75), "psys": pytest.approx(9.0)}


def test_parts_of_a_package_and_its_second_interface_are_not_counted_twice(tmp_path: Path) -> None:
    places = [
        zone(tmp_path, "intel-rapl:0", "package-0", 0),
        zone(tmp_path, "intel-rapl:0:0", "core", 0),
        zone(tmp_path, "intel-rapl:0:1", "dram", 0),
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0),
    ]
    meter = EnergyMeter(tmp_path)
    for place in places:
        put(place, 1_000_000)
    assert meter.joules() == {"package": pytest.approx(1.0)}


def test_a_counter_that_begins_anew(tmp_path: Path) -> None:
    place = zone(tmp_path, "intel-rapl:0", "package-0", RANGE - 400_000)
    meter = EnergyMeter(tmp_path)
    put(place, 600_000)
    assert meter.joules() == {"package": pytest.approx(1.0)}


@pytest.mark.parametrize("damage", ["missing", "empty", "folder"])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, damage: str) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    other = zone(tmp_path, "intel-rapl:1", "package-1", 0)
    (other / "energy_uj").unlink()
    if damage == "empty":
        (other / "energy_uj").write_text("", encoding="ascii")
    if damage == "folder":
        (other / "energy_uj").mkdir()
    platform = zone(tmp_path, "intel-rapl:2", "psys", 0)
    meter = EnergyMeter(tmp_path)
    put(platform, 1_000_000)
    assert meter.joules() == {"psys": pytest.approx(1.0)}  # half of the packages is no package


def test_no_counters(tmp_path: Path) -> None:
    assert EnergyMeter(tmp_path / "absent").joules() == {}
    (tmp_path / "intel-rapl:0").mkdir()
    assert EnergyMeter(tmp_path).joules() == {}
