"""One folder for the models of all frameworks."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each framework's files are written when they are first needed."""
    return tmp_path_factory.mktemp("models")
