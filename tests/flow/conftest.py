"""What a run hands over to its jobs in the environment goes with the test that planned it."""

from __future__ import annotations

import pytest

from ovlab_flow import workflow
from ovlab_flow.grid.jobs import PLANNED_ON
from ovlab_flow.grid_cache import store


@pytest.fixture(autouse=True)
def nothing_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan anew in each test."""
    for name in (store.HANDED_OVER, workflow.ASKED, PLANNED_ON):
        monkeypatch.setenv(name, "")
