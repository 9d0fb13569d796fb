"""Which layers are profiled, and on which machine's peaks."""

from __future__ import annotations

import pytest

from ovlab.environment import describe_host, host_identity
from ovlab.errors import OvlabError
from ovlab_flow import Grid, load_grid

FEW = ("experiment.scenarios=[offline]", "experiment.models=[digits_cnn]", "experiment.precisions=[fp32,int8]")


@pytest.fixture(scope="module")
def grid() -> Grid:
    return load_grid("quickstart")


def test_physical_devices_are_profiled_once_a_model(grid: Grid) -> None:
    models, devices = ("digits_cnn", "digits_ssd"), ("cpu", "gpu", "npu")
    assert set(grid.profiles) == {(model, device, "here") for model in models for device in devices}
    assert set(grid.machines) == {(device, "here") for device in devices}
    first = grid.profiles["digits_cnn", "cpu", "here"]
    assert [one.precision for one in first.variants] == ["fp32", "default", "fp16", "int8"]
    assert list(first.settings.precisions) == ["fp32", "default", "fp16", "int8"]
    assert first.machine is grid.machines["cpu", "here"] or first.machine == grid.machines["cpu", "here"]
    assert {variant.precision for variant in grid.profiles["digits_ssd", "cpu", "here"].variants} == {
        "fp32",
        "default",
        "int8",
    }


def test_an_experiment_may_turn_profiles_off() -> None:
    found = load_grid("quickstart", overrides=[*FEW, "experiment.profile=false"])
    assert found.profiles == {} and found.machines == {} and found.sessions


def test_peaks_belong_to_a_host_and_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(*overrides: str) -> str:
        return load_grid("quickstart", overrides=[*FEW, *overrides]).machines["cpu", "here"].digest

    here = digest()
    assert digest("profiling.duration_s=1", "seed=3") == here
    assert digest("profiling.peaks.windows=3") != here
    monkeypatch.setattr("ovlab_flow.grid.profiling.host_identity", lambda: "other")
    assert digest() != here


def test_the_identity_of_a_host_is_its_cpu_and_openvino() -> None:
    own = describe_host()
    assert host_identity(own | {"git_commit": "x", "memory_gb": 1.0}) == host_identity()
    assert host_identity(own | {"cpu": own["cpu"] | {"model": "other"}}) != host_identity()
    assert host_identity(own | {"packages": own["packages"] | {"openvino": "1"}}) != host_identity()


def test_mistakes_are_one_clear_line() -> None:
    with pytest.raises(OvlabError, match=r"profiling\.launches.*greater than or equal to 3"):
        load_grid("quickstart", overrides=["profiling.launches=2"])
    with pytest.raises(OvlabError, match=r"experiment\.profil: unknown key; did you mean 'profile'"):
        load_grid("quickstart", overrides=["experiment.profil=false"])
    with pytest.raises(OvlabError, match=r"profiling\.peaks\.window.*did you mean 'windows'"):
        load_grid("quickstart", overrides=["profiling.peaks.window=3"])
