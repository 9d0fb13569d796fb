"""One launch: samples that fit together, settings as read back, errors as results."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import threading
import weakref
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from toy import BIAS, CLASSES, Lab, colour_image, colour_onnx, convert_settings, model_spec, source_record

from ovlab.convert import convert
from ovlab.errors import OvlabError
from ovlab.measure.child.arrivals import poisson_schedule
from ovlab.measure.child.launch import launch, main
from ovlab.measure.child.loops import batches
from ovlab.measure.parent.launcher import run_launch
from ovlab.measure.request import LaunchRequest


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.stack([colour_image(name, 0, 16, 16) for name in CLASSES]))
    return path


TIMELY = {"limit_s": 60.0}


def request_of(lab: Lab, place: Path, **changes: Any) -> LaunchRequest:
    plain: dict[str, Any] = {
        "model": str(lab.folder / "model.xml"),
        "device": "CPU",
        "properties": {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1},
        "members": ["CPU"],
        "mode": "synchronous",
        "batch": 1,
        "infer_requests": None,
        "images": str(place),
        "warm_up_s": 0.005,
        "duration_s": 0.1,
        "samples": str(place.parent / "samples.npy"),
        "inspect": True,
    }
    return LaunchRequest(**(plain | changes))


@pytest.mark.parametrize(
    ("mode", "infer_requests", "expected"), [("synchronous", None, 1), ("asynchronous", 3, 3), ("asynchronous", 1, 1)]
)
def test_samples_fit_together(lab: Lab, images: Path, mode: str, infer_requests: int | None, expected: int) -> None:
    result = launch(request_of(lab, images, mode=mode, infer_requests=infer_requests))
    start_s, latency_ms = np.load(images.parent / "samples.npy")
    assert len(start_s) == len(latency_ms) == result["samples"] >= 2
    assert start_s[0] == 0
    assert (np.diff(start_s) >= 0).all()
    assert (latency_ms > 0).all()
    assert (start_s + latency_ms / 1e3).max() == pytest.approx(result["elapsed_s"], rel=1e-6)
    assert result["throughput_fps"] == pytest.approx(result["samples"] / result["elapsed_s"])
    assert result["infer_requests"] == expected
    # Never more in flight than there are requests.
    events = sorted([(t, 1) for t in start_s] + [(t, -1) for t in start_s + latency_ms / 1e3])
    assert np.cumsum([step for _, step in events]).max() <= expected
    for name in ("compile_ms", "first_inference_ms", "peak_rss_mb", "steady_rss_mb", "cpu_s"):
        assert result[name] > 0, name
    assert result["steady_rss_mb"] <= result["peak_rss_mb"]
    assert result["from_cache"] is False
    assert result["warm_up_samples"] >= 1
    assert {"minor_faults", "major_faults", "preemptions", "clock_mhz"} < set(result)
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
def test_requests_keep_what_they_read(lab: Lab, images: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    given: list[weakref.ref[Any]] = []

    def noted(pixels: Any, batch: int) -> list[Any]:
        inputs = batches(pixels, batch)
        given.extend(weakref.ref(one) for one in inputs)
        return inputs

    monkeypatch.setattr("ovlab.measure.child.launch.batches", noted)
    launch(request_of(lab, images, mode=mode, infer_requests=len(CLASSES)))
    assert len(given) == len(CLASSES)
    assert all(one() is not None for one in given)  # OpenVINO holds no reference


def test_what_was_executed_is_read_back(lab: Lab, images: Path) -> None:
    result = launch(request_of(lab, images, warm_up_s=0.0))
    assert result["shares"] == {"f32": 1.0}
    assert result["settings"]["EXECUTION_DEVICES"] == ["CPU"]
    assert result["settings"]["INFERENCE_PRECISION_HINT"] == "f32"
    assert result["settings"]["PERFORMANCE_HINT"] == "LATENCY"
    assert result["settings"]["INFERENCE_NUM_THREADS"] == 1
    assert result["warm_up_samples"] == 0
    assert "shares" not in launch(request_of(lab, images, inspect=False, warm_up_s=0.0))


def test_a_batch_counts_its_images(lab: Lab, images: Path) -> None:
    result = launch(request_of(lab, images, batch=3, warm_up_s=0.0))
    assert result["throughput_fps"] == pytest.approx(3 * result["samples"] / result["elapsed_s"])


def test_at_least_so_many_inferences(lab: Lab, images: Path) -> None:
    for mode in ("synchronous", "asynchronous"):
        result = launch(request_of(lab, images, mode=mode, infer_requests=1, duration_s=1e-9, warm_up_s=0.0, least=5))
        assert 5 <= result["samples"] <= 6


def test_compiling_only(lab: Lab, images: Path) -> None:
    for cached in (False, True):
        properties = {"INFERENCE_PRECISION_HINT": "f32", "CACHE_DIR": str(images.parent / "cache")}
        result = launch(request_of(lab, images, mode="compile", properties=properties))
        assert set(result) == {"compile_ms", "from_cache", "first_inference_ms"}
        assert result["from_cache"] is cached
    assert not (images.parent / "samples.npy").exists()


def test_energy_of_the_timed_part(lab: Lab, images: Path) -> None:
    zone = images.parent / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("energy_uj", "1000"), ("max_energy_range_uj", "65532610987")):
        (zone / name).write_text(f"{text}\n", encoding="ascii")
    done = threading.Event()

    def burn() -> None:
        for joules in itertools.count(1):
            (zone / "next").write_text(f"{joules * 1_000_000}\n", encoding="ascii")
            (zone / "next").replace(zone / "energy_uj")
            if done.wait(0.002):
                return

    thread = threading.Thread(target=burn)
    thread.start()
    result = launch(request_of(lab, images, powercap=str(zone.parent)))
    done.set()
    thread.join()
    assert set(result["energy_j"]) == {"package"}
    assert result["energy_j"]["package"] >= 1
    assert launch(request_of(lab, images, powercap=str(images.parent / "none")))["energy_j"] == {}


def test_a_server(lab: Lab, images: Path) -> None:
    arrivals = {
        "rate": 200.0,
        "p99_ms": 1e4,
        "trial_s": 0.05,
        "trial_queries": 100,
        "steps": 2,
        "seed": 3,
        "limit_s": 60,
    }
    request = request_of(lab, images, mode="server", infer_requests=2, arrivals=arrivals, duration_s=0.2)
    result = launch(request)
    start_s, latency_ms = np.load(images.parent / "samples.npy")
    assert result["samples"] == len(start_s) == 40
    expected = poisson_schedule(200.0, 40, np.random.default_rng(3))
    np.testing.assert_allclose(start_s, (expected - expected[0]) / 1e9, atol=1e-9)  # due, not started
    assert (latency_ms > 0).all()
    assert result["rate"] == 200
    assert result["throughput_fps"] == pytest.approx(40 / result["elapsed_s"])
    # So loose a bound is kept by every rate: bisection ends one step below the capacity.
    assert [trial["kept"] for trial in result["trials"]] == [True, True]
    assert result["max_rate"] == pytest.approx(0.75 * result["capacity"])
    json.dumps(result, allow_nan=False)


def test_a_server_whose_bound_no_rate_keeps(lab: Lab, images: Path) -> None:
    arrivals = {
        "rate": 100.0,
        "p99_ms": 1e-3,
        "trial_s": 0.05,
        "trial_queries": 100,
        "steps": 2,
        "seed": 3,
        "limit_s": 60,
    }
    result = launch(request_of(lab, images, mode="server", infer_requests=1, arrivals=arrivals, duration_s=0.05))
    assert result["max_rate"] is None
    # The second late one decides: what would follow is not waited for.
    assert all(not trial["kept"] and 2 <= trial["late"] <= trial["queries"] < 100 for trial in result["trials"])


def test_a_batch_that_the_model_cannot_take(lab: Lab, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two rows whatever the batch: no classifier, which is told when the IR is made.
    monkeypatch.setattr("ovlab.convert.try_one_image", lambda *_: None)
    root = images.parent
    ov.save_model(ov.convert_model(colour_onnx(root / "m.onnx", batch=2, bias=np.stack([BIAS, BIAS]))), root / "m.xml")
    settings = convert_settings(model_spec(root / "m.xml", framework="ir"), lab.dataset)
    convert(settings, source_record(root), lab.source, root / "ir")
    assert launch(request_of(lab, images, model=str(root / "ir" / "model.xml"), batch=2))["samples"] >= 2
    with pytest.raises(OvlabError, match=r"^batch: the model cannot take 3 \(.+\)$"):
        launch(request_of(lab, images, model=str(root / "ir" / "model.xml"), batch=3))


@pytest.mark.parametrize(
    ("mode", "infer_requests", "told"),
    [
        ("synchronous", None, r"\(one takes .+ s\)"),
        ("asynchronous", 1, r"\(one takes .+ s\)"),
        ("asynchronous", 3, r"\(one takes .+ s with 3 requests in flight\)"),  # all three start before one ends
    ],
)
def test_a_timed_part_shorter_than_two_inferences(
    lab: Lab, images: Path, mode: str, infer_requests: int | None, told: str
) -> None:
    request = request_of(lab, images, mode=mode, infer_requests=infer_requests, duration_s=1e-9)
    with pytest.raises(OvlabError, match=rf"^measurement.duration_s: 1e-09 s is shorter than two inferences {told}$"):
        launch(request)


def test_a_server_far_beyond_its_capacity_ends(lab: Lab, images: Path) -> None:
    load = {"rate": 1e6, "p99_ms": 1e4, "trial_s": 0.01, "trial_queries": 100, "steps": 3, "seed": 3, "limit_s": 0.0}
    result = launch(request_of(lab, images, mode="server", infer_requests=1, arrivals=load, duration_s=0.1))
    assert 0 < result["samples"] < 100_000  # of the million a second that were due
    assert (result["cut_short"], result["trials"], result["max_rate"]) == (True, [], None)


def run_main(request: LaunchRequest, folder: Path) -> dict[str, Any]:
    (folder / "request.json").write_text(json.dumps(asdict(request)), encoding="utf-8")
    assert main([str(folder / "request.json"), str(folder / "result.json")]) == 0
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model": "/nowhere/model.xml"}, "/nowhere/model.xml: missing; the variant's folder is incomplete"),
        ({"images": "/nowhere/images.npy"}, "/nowhere/images.npy: no such file or directory"),
        ({"device": "GPPU"}, "Device with"),
        ({"properties": {"NO_SUCH_PROPERTY": 1}}, ""),
    ],
)
def test_errors_become_results(lab: Lab, images: Path, changes: dict[str, Any], expected: str) -> None:
    result = run_main(request_of(lab, images, **changes), images.parent)
    assert set(result) == {"error"}
    assert expected in result["error"]
    assert result["error"]
    assert "\n" not in result["error"]


def test_a_launch_in_a_process_of_its_own(lab: Lab, images: Path) -> None:
    folder = images.parent
    (folder / "request.json").write_text(json.dumps(asdict(request_of(lab, images))), encoding="utf-8")
    result = run_launch(folder / "request.json", folder / "result.json", 60)
    assert result["samples"] == np.load(folder / "samples.npy").shape[1]


def test_an_error_in_a_launch_is_raised_here(lab: Lab, images: Path) -> None:
    folder = images.parent
    copy = shutil.copytree(lab.folder, folder / "ir")
    (copy / "model.bin").unlink()
    request = request_of(lab, images, model=str(copy / "model.xml"))
    (folder / "request.json").write_text(json.dumps(asdict(request)), encoding="utf-8")
    with pytest.raises(OvlabError, match=r"model\.bin: missing"):
        run_launch(folder / "request.json", folder / "result.json", 60)


def fake_python(folder: Path, script: str) -> str:
    """A program that stands for the Python that a launch runs in; its arguments are -m, module, request, result."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o700)
    return str(path)


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo first >&2; echo 'the last word' >&2; exit 3", "the launch crashed with exit code 3: the last word"),
        ("kill -9 $$", "the launch was killed by SIGKILL (was the machine out of memory?)"),
        ("kill -11 $$", "the launch crashed with exit code -11: no message"),
        (
            r"""printf 'Fatal Python error: Aborted\n\nThread 0x1:\n  File "a.py", line 3 in f\n' >&2; exit 134""",
            'the launch crashed with exit code 134: Fatal Python error: Aborted, in File "a.py", line 3 in f',
        ),
        (r"printf 'bad \377 byte' >&2; exit 3", "the launch crashed with exit code 3: bad \ufffd byte"),
        ("""printf '{"half' >"$6"; exit 1""", "the launch crashed with exit code 1: no message"),
        ("exit 0", "the launch crashed with exit code 0: no message"),
        ("exec sleep 60", "the launch was not done after 0.2 s (measurement.timeout_s): it hung, or takes longer"),
    ],
)
def test_a_crash_or_a_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: str) -> None:
    monkeypatch.setattr("sys.executable", fake_python(tmp_path, script))
    monkeypatch.setattr("ovlab.measure.parent.launcher.oom_kills", lambda: None)
    with pytest.raises(OvlabError) as caught:
        run_launch(tmp_path / "request.json", tmp_path / "result.json", 0.2 if "sleep" in script else 60)
    assert str(caught.value) == expected


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_launch_that_the_kernel_killed_for_lack_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", fake_python(tmp_path, "kill -9 $$"))
    monkeypatch.setattr("ovlab.measure.parent.launcher.oom_kills", lambda: 7)
    monkeypatch.setattr("ovlab.memory.oom_kills", lambda: 8)
    with pytest.raises(OvlabError, match=r"^the launch was killed by the kernel for lack of memory$"):
        run_launch(tmp_path / "request.json", tmp_path / "result.json", 60)
