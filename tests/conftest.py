"""Fixtures that the tests share: the toy laboratory and a local web server."""

from __future__ import annotations

import ovlab  # noqa: F401 (first: it turns telemetry off)

# isort: split
import gc
import logging
from collections.abc import Callable, Iterator

import pytest
from toy import Lab, colour_onnx, convert_settings, folders_spec, model_spec, source_record, write_class_folders
from web_server import WebServer, serving

from ovlab.convert import convert
from ovlab.measure.host.sensors import Counters


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Test first what forks: later, libraries have started threads in this process, and a fork of those may hang."""
    items.sort(key=lambda item: item.path.name != "test_core_steps.py")


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: modules and tests, which it would look through each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_logging() -> None:
    """Start with the log as a new process has it: a step, even one run by a wider fixture, sets it up."""
    log = logging.getLogger("ovlab")
    log.propagate = True
    log.setLevel(logging.DEBUG)  # as a step does: OpenVINO's converter raises the level of the root logger
    log.handlers.clear()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The toy model, converted once. Read-only: tests that damage something work on a copy."""
    root = tmp_path_factory.mktemp("lab")
    path = colour_onnx(root / "toy.onnx")
    model, dataset = model_spec(path), folders_spec()
    data = write_class_folders(root / "data")
    record = convert(convert_settings(model, dataset), source_record(root), source_record(data), root / "ir")
    return Lab(path, model, dataset, data, root / "ir", record)


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A web server on this machine."""
    with serving() as state:
        yield state


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between attempts, noted instead of slept through."""
    noted: list[float] = []
    monkeypatch.setattr("ovlab.download.http.time.sleep", noted.append)
    return noted


@pytest.fixture
def refuse_network(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to make every further request an error."""

    def forbid(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the network was used")

    return lambda: monkeypatch.setattr("requests.Session.get", forbid)


@pytest.fixture(autouse=True, scope="session")
def quiet_host() -> Iterator[None]:
    """No test depends on what else this machine does: it seems quiet to the noise gate, and nothing is waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ovlab.measure.host.noise_gate.read_counters", Counters)
        patch.setattr("ovlab.measure.host.noise_gate.temperature_c", lambda: None)
        patch.setattr("ovlab.measure.host.noise_gate.kernel_ms", lambda: 7.0)
        patch.setattr("ovlab.measure.host.noise_gate.sleep", lambda seconds: None)
        yield
