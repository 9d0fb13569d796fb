"""Where a step runs: on the host that was asked for, or not at all."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_session import FakeLaunches, outcomes_of, run, settings_of
from toy import Lab

from ovlab.environment import describe_host
from ovlab.errors import OvlabError, UnavailableError
from ovlab.layers.peaks import measure_peaks
from ovlab.layers.profile.step import profile_variants
from ovlab.measure.host.place import named_host, require_host
from ovlab.records import Record, read_record
from ovlab.specs import ExpectSpec, MeasuringSettings, PeaksSettings, ProfileSettings
from ovlab.steps import Step

CPU, NODE = "Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", "node7.lab.example"
HERE_CPU = describe_host()["cpu"]["model"]


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        ({}, ""),
        ({"cpu_model": "*Xeon*8380*"}, ""),
        ({"cpu_model": "*xeon*8380*"}, ""),
        ({"cpu_model": CPU}, ""),
        ({"node": "node7"}, ""),
        ({"node": "NODE[0-9]"}, ""),
        ({"node": "node*.lab.example"}, ""),
        ({"cpu_model": "Xeon"}, f"cpu_model is '{CPU}', expected 'Xeon'"),
        ({"node": "node8"}, f"node is '{NODE}', expected 'node8'"),
        ({"cpu_model": "*Xeon*", "node": "lab"}, f"node is '{NODE}', expected 'lab'"),
        (
            {"cpu_model": "AMD*", "node": "a*"},
            f"cpu_model is '{CPU}', expected 'AMD*'; node is '{NODE}', expected 'a*'",
        ),
    ],
)
def test_a_machine_is_told_by_patterns(expected: dict[str, str], why: str) -> None:
    assert ExpectSpec.model_validate(expected).why_not(CPU, NODE) == why


def settings(lab: Lab, **host: Any) -> dict[str, MeasuringSettings]:
    """Return the settings of each step that measures."""
    session = settings_of(lab, **host)
    names = {"model_name", "device_name", "dataset_name", "dataset", "resize", "precisions", "reference", "device"}
    profile = ProfileSettings.model_validate({key: session.plain()[key] for key in names} | host)
    peaks = PeaksSettings.model_validate({"device_name": "cpu", "device": {"device": "CPU"}} | host)
    return {"session": session, "profile": profile, "peaks": peaks}


def steps(lab: Lab, folder: Path, **host: Any) -> dict[str, Callable[[], Record]]:
    own: Any = settings(lab, **host)
    return {
        "session": lambda: run(lab, own["session"], folder),
        "profile": lambda: profile_variants(own["profile"], {}, lab.source, Record("peaks", {}), folder),
        "peaks": lambda: measure_peaks(own["peaks"]),
    }


@pytest.mark.parametrize("kind", ["session", "profile", "peaks"])
def test_no_step_measures_elsewhere_and_its_record_says_so(
    kind: Any, lab: Lab, launches: FakeLaunches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        pytest.fail("measured on another host")

    for name in ("layers.launches", "layers.peaks", "layers.profile.launching"):
        monkeypatch.setattr(f"ovlab.{name}.run_child", never)
    host = {"host_name": "old", "expect": {"cpu_model": "no such CPU"}}
    step = Step(kind, tmp_path / "record.json", settings(lab, **host)[kind].plain(), record_failure=True)
    assert step._attempt(steps(lab, tmp_path, **host)[kind]) == 0

    record = read_record(tmp_path / "record.json", kind)
    assert (record.status, record.settings["host_name"]) == ("failed", "old")
    assert record.reason == (
        f"host/old.yaml: expect: this machine is another one: cpu_model is '{HERE_CPU}', expected 'no such CPU'"
    )


def test_records_say_where_they_were_made(lab: Lab, launches: FakeLaunches, tmp_path: Path) -> None:
    record = run(lab, settings_of(lab, host_name="mine", expect={"cpu_model": "*"}), tmp_path)
    assert record.data["host"] == {"name": "mine", "cpu_model": HERE_CPU, "node": platform.node()}
    assert record.settings["host_name"] == "mine"


def test_the_name_of_somebodys_own_computer_is_not_told() -> None:
    assert require_host(MeasuringSettings()) == {"name": "here", "cpu_model": HERE_CPU}


def test_a_device_is_unavailable_on_the_host_that_was_asked(lab: Lab, tmp_path: Path) -> None:
    record = run(lab, settings_of(lab, device={"device": "NPU"}, host_name="mine"), tmp_path)
    assert record.status == "unavailable"
    assert {re.sub(r"\(.*", "", row["reason"]) for row in outcomes_of(record).values()} == {
        "host mine: NPU is not on this host "
    }


def test_only_what_is_unavailable_names_its_host() -> None:
    with pytest.raises(UnavailableError, match=r"^no GPU$"), named_host(MeasuringSettings()):
        raise UnavailableError("no GPU")
    with pytest.raises(OvlabError, match=r"^it broke$"), named_host(MeasuringSettings(host_name="mine")):
        raise OvlabError("it broke")
