"""Rounds: when they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ovlab.files import read_json
from ovlab.measure.parent import launcher
from ovlab.measure.parent.launches import VariantUnderTest, paired
from ovlab.measure.parent.rounds import run_rounds
from ovlab.measure.request import LaunchRequest
from ovlab.specs import MeasurementSpec


def contenders_of(**fps: list[float]) -> tuple[dict[str, VariantUnderTest], dict[str, list[float]]]:
    def request(name: str) -> Any:
        def make(samples: Path, inspect: bool) -> LaunchRequest:
            return LaunchRequest(
                model=name,
                device="CPU",
                properties={},
                members=(),
                mode="synchronous",
                batch=1,
                infer_requests=None,
                images="",
                warm_up_s=0,
                duration_s=1,
                samples=str(samples),
                inspect=inspect,
            )

        return make

    return {name: VariantUnderTest(request(name)) for name in fps}, {name: list(values) for name, values in fps.items()}


def test_samples_that_cannot_be_read_take_out_one_contender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variants, _ = contenders_of(a=[], b=[])

    def answer(request: Path, _result: Path, _timeout: float) -> dict[str, Any]:
        asked = read_json(request)
        if asked["model"] == "a":
            Path(asked["samples"]).write_bytes(b"half")
        else:
            np.save(asked["samples"], np.ones((2, 2)))
        return {"throughput_fps": 100.0}

    monkeypatch.setattr(launcher, "run_launch", answer)
    run_rounds(variants, "a", MeasurementSpec.model_validate({"launches": 2, "max_launches": 2}), 0, tmp_path)
    assert variants["a"].error.startswith("the launch left no readable samples: ")
    assert (variants["b"].error, len(variants["b"].launches)) == ("", 2)


@pytest.mark.parametrize(
    ("spread", "plan", "expected"),
    [
        (0.0005, {"launches": 3, "max_launches": 20, "time_limit_s": 1000}, range(3, 6)),  # known soon
        (0.3, {"launches": 3, "max_launches": 7, "time_limit_s": 1000}, [7]),  # never known: the most
        (0.3, {"launches": 3, "max_launches": 20, "time_limit_s": 1e-9}, [3]),  # no time: the fewest
    ],
)
def test_when_rounds_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spread: float, plan: dict[str, Any], expected: Any
) -> None:
    noise = np.random.default_rng(0).uniform(1 - spread, 1 + spread, (2, 20))
    variants, answers = contenders_of(a=list(100 * noise[0]), b=list(200 * noise[1]))

    def answer(request: Path, _result: Path, _timeout: float) -> dict[str, Any]:
        asked = read_json(request)
        np.save(asked["samples"], np.array([[0.0, 1.0], [1.0, 1.0]]))
        return {"throughput_fps": answers[asked["model"]].pop(0)}

    monkeypatch.setattr(launcher, "run_launch", answer)
    run_rounds(variants, "a", MeasurementSpec.model_validate(plan), 0, tmp_path)
    assert len(variants["a"].launches) == len(variants["b"].launches)
    assert len(variants["a"].launches) in expected
    first, second = paired(variants["a"], variants["b"])
    assert len(first) == len(second) == len(variants["a"].launches)
