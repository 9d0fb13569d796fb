"""What the tests of layers share: a lock of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovlab.measure.host import exclusive


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real measurement on this machine must not be disturbed, nor waited for."""
    monkeypatch.setattr(exclusive, "lock_path", lambda: tmp_path / "lock")
