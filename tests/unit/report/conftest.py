"""Synthetic experiments for the report's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_factory import Maker, make_records, make_settings


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return lambda recipe: (make_settings(recipe), make_records(recipe, tmp_path / "sessions"))
