"""What a record says about its host."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovlab import environment


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Describe the host anew, and leave nothing made up behind."""
    environment.describe_host.cache_clear()
    yield
    environment.describe_host.cache_clear()


def test_it_is_plain_data_without_names_of_the_host_or_its_folders() -> None:
    text = json.dumps(environment.describe_host(), allow_nan=False)
    assert str(Path.home()) not in text
    node = platform.node()
    assert len(node) < 4 or node not in text


def test_numbers_of_this_host() -> None:
    host = environment.describe_host()
    assert host["cpu"]["model"]
    assert 1 <= host["cpu"]["usable_cores"] <= host["cpu"]["logical_cores"]
    assert host["memory_gb"] > 0
    assert host["python"] == platform.python_version()
    assert host["packages"]["numpy"]


def test_only_flags_that_matter_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"model name": "Test CPU", "flags": "fpu avx2 avx512_vnni"}
    monkeypatch.setattr(environment, "_proc_cpuinfo", lambda: fields)
    cpu = environment.describe_host()["cpu"]
    assert cpu["model"] == "Test CPU"
    assert cpu["flags"] == ["avx2", "avx512_vnni"]


def test_a_host_without_proc_asks_py_cpuinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_proc_cpuinfo", dict)
    monkeypatch.setattr("cpuinfo.get_cpu_info", lambda: {"brand_raw": "Other CPU", "flags": ["asimd"]})
    cpu = environment.describe_host()["cpu"]
    assert cpu["model"] == "Other CPU"
    assert cpu["flags"] == ["asimd"]


def test_proc_cpuinfo_is_read_up_to_the_second_core(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "model name\t: One\nflags\t\t: avx2 fma\npower management:\n\nmodel name\t: Two\n"
    monkeypatch.setattr(Path, "exists", lambda _self: True)
    monkeypatch.setattr(Path, "read_text", lambda _self, **_kwargs: text)
    assert environment._proc_cpuinfo() == {"model name": "One", "flags": "avx2 fma", "power management": ""}
    monkeypatch.setattr(Path, "exists", lambda _self: False)
    assert environment._proc_cpuinfo() == {}


def test_without_git_and_without_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_git(*_args: object, **_kwargs: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", no_git)
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package",))
    host = environment.describe_host()
    assert host["git_commit"] is None
    assert host["packages"] == {"no-such-package": None}
