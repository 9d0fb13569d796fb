"""What the tests of measuring share: a lock of their own, and launches that are made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_session import FakeLaunches

from ovlab.measure.host import exclusive
from ovlab.measure.parent import launcher
from ovlab.measure.parent.session import benchmark


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real measurement on this machine must not be disturbed, nor waited for."""
    monkeypatch.setattr(exclusive, "lock_path", lambda: tmp_path / "lock")


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLaunches]:
    fake = FakeLaunches()
    monkeypatch.setattr(launcher, "run_launch", fake)
    real = benchmark.__globals__["compile_properties"]

    def named(device: Any, scenario: Any, precision: Any) -> dict[str, Any]:
        return real(device, scenario, precision) | {"NAME": precision.description}

    monkeypatch.setitem(benchmark.__globals__, "compile_properties", named)
    yield fake
