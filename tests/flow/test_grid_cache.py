"""A kept grid is the composed one, is believed only while it holds, and reaches the jobs of its run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from workflow_runs import ROOT

from ovlab.specs import Spec
from ovlab_flow import Grid, grid_for_snakemake, hide_from_jobs, workflow
from ovlab_flow.grid import profiling
from ovlab_flow.grid_cache import store
from ovlab_flow.grid_cache.plain_grid import grid_of, plain_grid

Composed = list[str]


@pytest.fixture(autouse=True)
def composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Composed:
    """A folder of its own, where each composition is counted."""
    names: Composed = []
    original = workflow._composed

    def counted(experiment: str, *rest: Any) -> Grid:
        names.append(experiment)
        return original(experiment, *rest)

    monkeypatch.setattr(workflow, "_composed", counted)
    write_conf(tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    return names


def write_conf(folder: Path) -> None:
    """Write an experiment of one model with an extension, in two precisions."""
    model = yaml.safe_load((ROOT / "conf/model/digits_cnn.yaml").read_text(encoding="utf-8"))
    (folder / "model").mkdir(parents=True)
    (folder / "experiment").mkdir()
    (folder / "extension.py").write_text("# none\n", encoding="utf-8")
    (folder / "model/mine.yaml").write_text(yaml.safe_dump(model | {"extension": "conf/extension.py"}))
    (folder / "experiment/small.yaml").write_text(
        "# @package _global_\nexperiment:\n  models: [mine]\n  precisions: [fp32, int8]\n"
        "  devices: [cpu]\n  scenarios: [single_stream]\n"
    )


def load(*, is_job: bool = False, **config: Any) -> Grid:
    return grid_for_snakemake({"experiment": "small", "extra_conf": "conf"} | config, ROOT, is_job=is_job)


def kept() -> list[Path]:
    return sorted(Path(".snakemake/ovlab").glob("*.json"))


def plain(value: Any) -> Any:
    """Return a grid, a job or anything in them as data that compare."""
    if isinstance(value, Spec):
        return [type(value).__name__, value.plain()]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if hasattr(type(value), "__dataclass_fields__"):
        return [type(value).__name__, {one.name: plain(getattr(value, one.name)) for one in fields(value)}]
    return value


def test_a_kept_grid_is_the_composed_one(composed: Composed) -> None:
    first, second = load(), load()
    assert composed == ["small"]
    assert plain(second) == plain(first)
    variant = second.variants[next(key for key in second.variants if key[1] == "int8")]
    assert variant.is_quantised
    assert variant.base is next(iter(second.sessions.values())).variants[0]


def test_every_experiment_that_ships_survives_the_way_through_json() -> None:
    for path in sorted((ROOT / "conf/experiment").glob("*.yaml")):
        grid = workflow.load_grid(path.stem)
        assert plain(grid_of(json.loads(json.dumps(plain_grid(grid))))) == plain(grid), path.stem


def test_settings_are_parsed_when_they_are_asked_for() -> None:
    load()
    (session,) = load().sessions.values()
    assert "settings" not in vars(session)
    assert session.settings.model_name == "mine"
    with pytest.raises(AttributeError, match="nonsense"):
        session.nonsense  # type: ignore[attr-defined]  # noqa: B018


def edit(name: str, old: str, new: str) -> Callable[[], None]:
    def change() -> None:
        path = Path("conf") / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def shadow() -> None:
    """Put a file in front of one that ships."""
    Path("conf/scenario").mkdir()
    text = (ROOT / "conf/scenario/single_stream.yaml").read_text(encoding="utf-8")
    Path("conf/scenario/single_stream.yaml").write_text(text + "# mine\n", encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        edit("experiment/small.yaml", "int8", "fp16"),
        edit("model/mine.yaml", "scale", "# no scale\n  scale"),
        edit("extension.py", "none", "some"),
        shadow,
        lambda: Path("conf/model/another.yaml").write_text("{}"),
    ],
    ids=["experiment", "model", "extension", "shadowed", "added"],
)
def test_what_was_read_is_another_now(change: Callable[[], None], composed: Composed) -> None:
    load()
    change()
    load()
    assert composed == ["small", "small"]
    load()
    assert len(composed) == 2


@pytest.mark.parametrize("name", ["code", "packages", "python", "host"])
def test_what_made_it_is_another_now(name: str, composed: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    load()
    makers = store._makers()
    assert makers.keys() == {"code", "packages", "python", "host"}
    assert None not in makers["packages"].values()
    monkeypatch.setattr(store, "_makers", lambda: makers | {name: "another"})
    load()
    assert len(composed) == 2


def test_another_question_is_another_grid(composed: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    load()
    assert load(overrides=["seed=3"]).report.seed == 3
    assert load(overrides="[seed=4]").report.seed == 4
    assert load().report.seed == 0
    assert len(composed) == 3
    monkeypatch.chdir("conf")
    write_conf(Path("conf"))
    load()
    assert len(composed) == 4  # relative paths lead elsewhere


def damage(path: Path) -> None:
    path.write_text(path.read_text().replace("single_stream", "multi_stream"))


def cut(path: Path) -> None:
    path.write_text(path.read_text()[:-200])


def empty(path: Path) -> None:
    path.write_text("")


def give_away(path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root gives a file away")
    os.chown(path, 65534, -1)


def replace_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def of_another_version(path: Path) -> None:
    """A file that is whole, and says of itself that it is of another version."""
    text = path.read_text().replace(store.SCHEMA, "ovlab/grid/0")
    rename_to_content(path, text)


def with_unknown_settings(path: Path) -> None:
    data = json.loads(path.read_text())
    data["jobs"]["sessions"][0]["fields"]["settings"]["kind"] = "PeaksSettings"
    rename_to_content(path, json.dumps(data))


def rename_to_content(path: Path, text: str) -> None:
    digest = store.hashlib.sha256(text.encode()).hexdigest()
    path.unlink()
    path.with_name(f"{path.stem.split('-')[0]}-{digest[:16]}.json").write_text(text)


@pytest.mark.parametrize(
    "spoil", [damage, cut, empty, give_away, replace_by_a_pipe, of_another_version, with_unknown_settings]
)
def test_a_file_that_cannot_be_believed(spoil: Callable[[Path], None], composed: Composed) -> None:
    first = load()
    (path,) = kept()
    spoil(path)
    assert plain(load()) == plain(first)
    assert len(composed) == 2


def test_jobs_take_the_grid_that_was_planned_with(composed: Composed) -> None:
    planned = load()
    edit("experiment/small.yaml", "int8", "fp16")()
    assert plain(load(is_job=True)) == plain(planned)
    assert composed == ["small"]
    kept()[0].write_text("{}")
    assert {key[1] for key in load(is_job=True).variants} == {"fp32", "fp16"}  # composed, as there is nothing better
    assert len(composed) == 2


def test_a_run_does_not_take_what_another_one_hands_over(composed: Composed) -> None:
    load()
    for path in kept():
        path.rename(path.with_name("0" * 16 + path.name[16:]))
    os.environ[store.HANDED_OVER] = os.environ[store.HANDED_OVER].replace(kept()[0].name[:16], "0" * 16)
    load()
    assert len(composed) == 2


def test_jobs_load_no_hydra() -> None:
    load()
    program = (
        "import sys, json; from ovlab_flow import grid_for_snakemake;"
        f"grid = grid_for_snakemake({{'experiment': 'small', 'extra_conf': 'conf'}}, {str(ROOT)!r}, is_job=True);"
        "print(len(grid.sessions), [one for one in ('hydra', 'openvino', 'omegaconf') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1 []\n"


@pytest.mark.parametrize(
    ("where", "value"),
    [("experiment/small.yaml", "  title: ${oc.env:MY_TITLE}\n"), ("experiment/small.yaml", "  title: ${now:%Y}\n")],
)
def test_what_the_environment_says_is_asked_each_time(
    where: str, value: str, composed: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path("conf") / where
    path.write_text(path.read_text() + value)
    monkeypatch.setenv("MY_TITLE", "first")
    load()
    monkeypatch.setenv("MY_TITLE", "second")
    title = load().report.experiment.title
    assert title == "second" or title.isdigit()
    assert len(composed) == 2
    load(is_job=True)  # the jobs of a run take what it has read
    assert len(composed) == 2


def test_a_warning_is_given_each_time(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        caplog.clear()
        load(experiment="quickstart")
        assert "uses nothing of conf" in caplog.text


def test_credentials_are_kept_nowhere_and_reach_the_jobs(
    composed: Composed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = Path("conf/model/mine.yaml")
    model = yaml.safe_load(path.read_text())
    (file,) = model["files"]
    del file["embedded"]
    model["files"] = [file | {"url": ["https://ursula:s3cret@example.org/digits_cnn.onnx"]}]
    path.write_text(yaml.safe_dump(model))
    config = {"mirror": "https://ursula:t0ken@example.org/mirror", "overrides": ["seed=3"]}
    for number in (1, 2):
        load(**config)
        assert len(composed) == number  # a kept grid could not hand them over
        assert "s3cret" in "".join(value for name, value in os.environ.items() if name.startswith("OVLAB_ADDRESSES_"))
    assert all(secret not in one.read_text() for one in kept() for secret in ("s3cret", "t0ken", "ursula"))
    arguments = [f"mirror={config['mirror']}", 'overrides=["model.files=[{url: https://u:s3cret@h/f?t0ken}]","seed=3"]']
    hide_from_jobs(arguments)
    assert not any(secret in one for one in arguments for secret in ("s3cret", "t0ken", "ursula"))
    monkeypatch.delenv("OVLAB_MIRROR")
    grid = load(is_job=True, mirror="https://***@example.org/mirror", overrides=["***"])
    assert grid.report.seed == 3
    assert os.environ["OVLAB_MIRROR"] == config["mirror"]
    assert len(composed) == 2


def test_a_folder_that_cannot_be_written_to_costs_no_run(composed: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".snakemake").write_text("no folder")
    load()
    assert os.environ.get(store.HANDED_OVER) is None
    load(is_job=True)
    assert len(composed) == 2


def test_a_job_on_another_processor_finds_the_peaks_of_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it composes for itself; another run, planned elsewhere, has peaks of its own."""
    Path(".snakemake").write_text("no folder")

    def peaks(*, is_job: bool) -> list[str]:
        return [one.digest for one in load(is_job=is_job).machines.values()]

    planned = peaks(is_job=False)
    for module in (profiling, workflow):
        monkeypatch.setattr(module, "host_identity", lambda: "another1")
    assert peaks(is_job=True) == planned != []
    assert peaks(is_job=False) != planned


def test_old_files_go() -> None:
    load()
    old = kept()[0]
    os.utime(old, (0, 0))
    load(overrides=["seed=3"])
    assert old not in kept()
    assert len(kept()) == 1
