"""Requests in flight: each with its own input, never more than there are, every inference noted."""

from __future__ import annotations

import time

import numpy as np
import openvino as ov
import pytest
from toy import CLASSES, Lab, colour_image

from ovlab.measure.child.pool import Pool
from ovlab.runtime import core, read_ir, set_batch

ALIVE: list[object] = []  # as in a launch: a compiled model is not destroyed beside its running threads


@pytest.fixture(scope="module")
def compiled(lab: Lab) -> ov.CompiledModel:
    model = read_ir(lab.folder / "model.xml")
    set_batch(model, 1)
    ALIVE.append(core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}))
    return ALIVE[-1]


def pool_of(compiled: ov.CompiledModel, count: int) -> Pool:
    inputs = [np.ascontiguousarray(colour_image(name, 0, 16, 16)[None]) for name in CLASSES]
    ALIVE.append(Pool(compiled, inputs, count))
    pool = ALIVE[-1]
    assert isinstance(pool, Pool)
    return pool


@pytest.mark.parametrize("count", [1, 3, 5])
def test_every_inference_is_noted_once(compiled: ov.CompiledModel, count: int) -> None:
    pool = pool_of(compiled, count)
    assert len(pool) == count
    pool.infer()
    for _ in range(2):  # nothing is left over from one run to the next
        began = time.perf_counter_ns()
        starts, ends = pool.run(0.05, least=10)
        assert len(starts) == len(ends) >= 10
        assert starts == sorted(starts)
        assert starts[0] >= began and max(ends) <= time.perf_counter_ns()
        assert all(end > start for start, end in zip(starts, ends, strict=True))
        events = sorted([(one, 1) for one in starts] + [(one, -1) for one in ends])
        assert np.cumsum([step for _, step in events]).max() <= count


def test_a_latency_that_cannot_be_is_replaced_by_what_was_seen(compiled: ov.CompiledModel) -> None:
    pool = pool_of(compiled, 2)

    class _Set:
        """A request while the host's time of day is set: by turns back and forward by an hour."""

        latency = -3.6e6

    class _Forward:
        latency = 3.6e6

    pool._requests = [_Set(), _Forward()]  # type: ignore[list-item]
    starts, ends = pool.run(0.02, least=20)
    now = time.perf_counter_ns()
    assert all(start < end <= now for start, end in zip(starts, ends, strict=True))


def test_no_time_still_makes_the_fewest(compiled: ov.CompiledModel) -> None:
    starts, _ = pool_of(compiled, 2).run(0.0, least=7)
    assert 7 <= len(starts) <= 7 + 2


def test_every_request_keeps_its_own_image(compiled: ov.CompiledModel) -> None:
    pool = pool_of(compiled, len(CLASSES))
    pool.run(0.02, least=20)
    found = [int(np.argmax(request.get_output_tensor().data)) for request in pool._requests]
    assert found == list(range(len(CLASSES)))


def test_more_requests_than_images(compiled: ov.CompiledModel) -> None:
    pool = pool_of(compiled, len(CLASSES) + 1)
    pool.run(0.02, least=20)
    found = [int(np.argmax(request.get_output_tensor().data)) for request in pool._requests]
    assert found == [*range(len(CLASSES)), 0]
