"""One Slurm for all tests of this folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
from one_node_slurm import OneNodeSlurm, running_slurm, why_not


@pytest.fixture(scope="session")
def slurm() -> Iterator[OneNodeSlurm]:
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("the executor is not installed (make slurm)")
    if reason := why_not():
        pytest.skip(f"no Slurm here: {reason}")
    with running_slurm() as running:
        yield running
