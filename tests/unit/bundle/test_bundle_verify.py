"""What a bundle says is recomputed: a forger who makes all hashes right again is found by the numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bundle_factory import forge, make_checkout, make_results, make_settings, rehash

from ovlab.bundle import AuthorSpec, open_bundle
from ovlab.bundle.conf_files import conf_differences
from ovlab.bundle.layout import INFO, MANIFEST, METADATA, README
from ovlab.bundle.verifying import Verdict, verify
from ovlab.bundle.writing import write_bundle, write_zip
from ovlab.errors import OvlabError
from ovlab.files import write_json
from ovlab.verdict import put_aside_name

SESSION = "results/test/sessions/here/net/cpu/single_stream/session.json"
SAMPLES = "results/test/sessions/here/net/cpu/single_stream/samples.parquet"
FP32, INT8 = (f"results/accuracy/net/{name}/accuracy.json" for name in ("fp32/00000005", "int8/00000006"))
PREDICTIONS = INT8.replace("accuracy.json", "predictions.parquet")
VARIANT = "results/variants/net/int8/00000004/variant.json"
REPORT = "results/test/report"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    make_checkout(folder / "home")
    make_results(folder / "results")
    authors = [AuthorSpec(name="Doe, Jane", orcid="0000-0002-1825-0097")]
    write_bundle(folder / "results", "test", folder / "whole", home=folder / "home", authors=authors, licence="MIT")
    return folder


@pytest.fixture
def bundle(place: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(place / "whole", tmp_path / "bundle"))


def edit_json(path: Path, edit: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data)
    write_json(path, data)


def edit_table(path: Path, edit: Callable[[pd.DataFrame], object]) -> None:
    frame = pd.read_parquet(path)
    edit(frame)
    frame.to_parquet(path, index=False)


def edit_text(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def row(session: Any, precision: str = "int8") -> Any:
    return session["data"]["rows"][precision]


def swap(bundle: Path) -> None:
    first, second = bundle / FP32, bundle / INT8
    for name in ("accuracy.json", "predictions.parquet"):
        one, other = first.with_name(name), second.with_name(name)
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)


def other_variant(bundle: Path) -> None:
    def edit(record: Any) -> None:
        record["files"]["model.bin"] = record["data"]["sha256"]["model.bin"] = "cd" * 32

    edit_json(bundle / VARIANT, edit)


def drop_samples(bundle: Path) -> None:
    pd.read_parquet(bundle / SAMPLES).iloc[:-3].to_parquet(bundle / SAMPLES, index=False)


def faster(session: Any) -> None:
    for launch in session["data"]["launches"]["int8"]:
        launch["throughput_fps"] *= 1.1


Edit = Callable[[Path], object]
FORGED: dict[str, tuple[Edit, str]] = {
    "a sample": (
        lambda b: edit_table(b / SAMPLES, lambda frame: frame.__setitem__("latency_ms", frame["latency_ms"] * 0.99)),
        "was recomputed from the samples",
    ),
    "a sample less": (drop_samples, "the file has 47"),
    "a launch more": (
        lambda b: edit_json(b / SESSION, lambda one: one["data"]["launches"]["int8"].pop()),
        "of which the record knows no launch",
    ),
    "a latency in a record": (
        lambda b: edit_json(b / SESSION, lambda one: row(one)["values"]["latency_p50"].update(value=1.0)),
        f"{SESSION}, int8.latency_p50.value: 1.0, ",
    ),
    "a bound in a record": (
        lambda b: edit_json(b / SESSION, lambda one: row(one)["values"]["speedup"].update(low=1.9)),
        "int8.speedup.low: 1.9, ",
    ),
    "throughputs of launches": (lambda b: edit_json(b / SESSION, faster), "throughput_fps: "),
    "a speed-up that is none": (
        lambda b: edit_json(b / SESSION, lambda one: row(one)["values"].pop("speedup")),
        "int8.speedup: missing",
    ),
    "a label of the executed precision": (
        lambda b: edit_json(b / SESSION, lambda one: row(one)["effective"].update(executed_shares={"f32": 1.0})),
        "executed_precision: 'i8', 'f32' was recomputed",
    ),
    "a prediction": (
        lambda b: edit_table(b / PREDICTIONS, lambda frame: frame.__setitem__("top1", True)),
        "do not follow from classes",
    ),
    "a label of an image": (
        lambda b: edit_table(b / PREDICTIONS, lambda frame: frame.__setitem__("label", 0)),
        "the image's label is",
    ),
    "an accuracy": (
        lambda b: edit_json(b / INT8, lambda one: one["values"]["accuracy"].update(value=0.9)),
        f"{INT8}.accuracy.value: 0.9, 0.775 was recomputed",
    ),
    "a paired test": (
        lambda b: edit_json(b / INT8, lambda one: one["values"]["accuracy_p"].update(value=0.9)),
        "accuracy_p.value: 0.9",
    ),
    "swapped records": (swap, "is the record of 'int8', in the place of 'fp32'"),
    "another variant": (other_variant, "is not the variant net int8 of this experiment"),
    "settings of a session": (
        lambda b: edit_json(b / SESSION, lambda one: one["settings"]["measurement"].update(warm_up_s=9.0)),
        "settings.measurement.warm_up_s: 9.0, 0.5 is what the report says",
    ),
    "a file of a record": (lambda b: (b / SAMPLES).unlink(), f"{SAMPLES}: missing, but its record names it"),
    "a record less": (lambda b: (b / SESSION).unlink(), f"'{SESSION}' is no file of the bundle's results"),
    "a record more": (
        lambda b: shutil.copytree((b / SESSION).parent, b / "results/test/sessions/here/net/gpu/single_stream"),
        "no record of the experiment names this file",
    ),
    "the list of records": (
        lambda b: edit_text(b / REPORT / "records.txt", f"{SESSION}\n", ""),
        "no record of the experiment names this",
    ),
    "the configuration": (
        lambda b: edit_text(b / "conf/precision/int8.yaml", "quantization: {}", "quantization: {preset: mixed}"),
        "conf/precision/int8.yaml: quantization.preset: 'mixed', None was run",
    ),
    "a bomb of rows": (lambda b: pd.DataFrame({"image": ["a"] * 40_000_000}).to_parquet(b / PREDICTIONS), "rows in"),
    "another experiment": (lambda b: edit_text(b / INFO, '"test"', '"toast"'), "toast"),
    "no table at all": (lambda b: (b / SAMPLES).write_text("PAR1"), "cannot be read as Parquet"),
    "no record at all": (lambda b: (b / SESSION).write_text("{}"), "expected a record"),
}


def faults(bundle: Path) -> list[str]:
    verdict = verify(bundle)
    assert not verdict.holds
    assert all("\n" not in one and len(one) < 2000 for one in verdict.faults)
    assert str(bundle) not in "".join(verdict.faults)
    return verdict.faults


@pytest.mark.parametrize("kind", FORGED)
def test_a_forgery_is_found_though_all_hashes_are_right(kind: str, bundle: Path) -> None:
    edit, expected = FORGED[kind]
    edit(bundle)
    forge(bundle)
    found = faults(bundle)
    assert any(expected in one for one in found), found


@pytest.mark.parametrize("kind", ["a sample", "an accuracy", "swapped records", "the configuration", "a record more"])
def test_without_new_hashes_the_file_is_named(kind: str, bundle: Path) -> None:
    FORGED[kind][0](bundle)
    assert all(": was changed (" in one or "is not in the manifest" in one for one in faults(bundle))


def test_a_changed_licence_and_edited_metadata_are_found(bundle: Path) -> None:
    edit_text(bundle / METADATA, "CC-BY-4.0", "CC0-1.0")
    edit_text(bundle / README, "CC-BY-4.0", "CC0-1.0")
    rehash(bundle)
    found = faults(bundle)
    assert any(one.startswith(METADATA) and "CC0-1.0" in one and "CC-BY-4.0" in one for one in found), found
    assert any(one.startswith(f"{README}, line ") for one in found), found


def test_the_fingerprint_tells_another_bundle(bundle: Path, place: Path) -> None:
    with open_bundle(place / "whole") as opened:
        known = opened.fingerprint
    edit_text(bundle / INFO, '"MIT"', '"GPL-3.0-only"')
    forge(bundle)
    verdict = verify(bundle, fingerprint=known[:16])
    assert verdict.faults == [f"the manifest's SHA-256 is {verdict.fingerprint}, {known[:16]} was expected"]


@pytest.fixture(scope="module")
def whole(place: Path) -> Verdict:
    return verify(place / "whole")


def test_a_bundle_holds(whole: Verdict) -> None:
    assert whole.faults == [] and whole.notes == []
    assert "1 session recomputed from 300 samples" in whole.checked
    assert "2 validations recomputed from 80 predictions" in whole.checked


def test_every_table_figure_and_page_is_made_anew(bundle: Path) -> None:
    csv = bundle / REPORT / "tables/results.csv"
    frame = pd.read_csv(csv)
    low = frame.loc[1, "speedup_low"]
    edit_text(csv, repr(float(low)), "1.999")
    edit_text(
        bundle / REPORT / "paper/numbers.tex", "/int8/cpu/single_stream/speedup}", "/int8/cpu/single_stream/speedUp}"
    )
    edit_text(bundle / REPORT / "figures/speedup.svg", "<path d=", "<path  d=")
    edit_text(bundle / REPORT / "index.html", "<title>", "<title>Better: ")
    (bundle / REPORT / "figures/speedup.png").write_bytes(b"\x89PNG")
    edit_table(bundle / REPORT / "tables/results.parquet", lambda table: table.__setitem__("latency_ms_p99", 1.0))
    (bundle / REPORT / "tables/spread.md").unlink()
    (bundle / REPORT / "tables/more.md").write_text("more")
    forge(bundle)
    found = faults(bundle)
    for expected in (
        f"tables/results.csv, row 2, column speedup_low: 1.999, {float(low)!r} was recomputed",
        "paper/numbers.tex, line ",
        "figures/speedup.svg, line ",
        "figures/speedup.png: is not what is drawn from the records",
        "index.html, line ",
        "tables/results.parquet, row 1, column latency_ms_p99: 1.0, ",
        "tables/spread.md: missing, but the report has it",
        "tables/more.md: is no file of the report",
    ):
        assert any(expected in one for one in found), (expected, found)


def test_the_same_results_give_the_same_bytes(place: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_bundle(place / "results", "test", tmp_path / name, home=place / "home")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"], "nothing half-written"
    assert verify(tmp_path / "a.zip").faults == []
    with open_bundle(tmp_path / "a.zip") as opened:
        assert len(opened.records()) == 7 and opened.read(opened.folder / SESSION, "session").ok
        assert opened.read(opened.folder / VARIANT, "variant").ok, "the files of models are left out"
        assert not (opened.folder / VARIANT).with_name("model.bin").exists()


def test_models_and_data_come_along_when_asked_for(place: Path, tmp_path: Path) -> None:
    write_bundle(place / "results", "test", tmp_path / "one", home=place / "home", models=True, data=True)
    image = "results/sources/datasets/data/00000002/files/validation/0/00.jpg"
    assert (tmp_path / "one" / VARIANT).with_name("model.bin").is_file() and (tmp_path / "one" / image).is_file()
    (tmp_path / "one" / image).write_bytes(b"another image")
    forge(tmp_path / "one")
    assert any(one.startswith(f"{image}: is not the file that was there") for one in faults(tmp_path / "one"))


def test_no_path_of_the_machine_is_in_it(tmp_path: Path) -> None:
    home = make_checkout(tmp_path / "home")
    results = make_results(tmp_path / "my results", str(tmp_path / "my results"), f"see {tmp_path}/my results/x.log")
    write_bundle(results, "test", tmp_path / "one", home=home)
    for path in (tmp_path / "one").rglob("*"):
        assert not path.is_file() or str(tmp_path).encode() not in path.read_bytes(), path
    verdict = verify(tmp_path / "one")
    assert verdict.faults == []
    assert "see results/x.log" in (tmp_path / "one" / REPORT / "tables/results.csv").read_text(encoding="utf-8")


def test_what_cannot_be_bundled_is_told_in_a_line(place: Path, tmp_path: Path) -> None:
    def complaint(results: Path, name: str, target: Path) -> str:
        with pytest.raises(OvlabError) as caught:
            write_bundle(results, name, target, home=place / "home")
        return str(caught.value)

    assert "did you mean 'test'" in complaint(place / "results", "tets", tmp_path / "x")
    (tmp_path / "there").mkdir()
    assert "exists already" in complaint(place / "results", "test", tmp_path / "there")
    broken = Path(shutil.copytree(place / "results", tmp_path / "results"))
    (broken / "test/sessions/here/net/cpu/single_stream/samples.parquet").write_bytes(b"changed")
    assert "was changed after it was made" in complaint(broken, "test", tmp_path / "x")
    (broken / "test/report/settings.json").unlink()
    assert "settings.json: missing" in complaint(broken, "test", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_archive_of_a_forged_bundle_is_found_too(bundle: Path, tmp_path: Path) -> None:
    edit_json(bundle / INT8, lambda one: one["values"]["accuracy"].update(value=0.9))
    forge(bundle)
    write_zip(bundle, tmp_path / "one.zip")
    assert f"{INT8}.accuracy.value: 0.9, 0.775 was recomputed" in verify(tmp_path / "one.zip").faults
    assert (bundle / MANIFEST).is_file()


def test_a_failed_step_whose_record_was_put_aside_is_bundled_as_the_report_has_it(place: Path, tmp_path: Path) -> None:
    """The verdict puts it aside after the report: its cells are failed there, and the next run would try it anew."""
    results = make_results(tmp_path / "results")
    failed = put_aside(results / Path(SESSION).relative_to("results"))
    write_bundle(results, "test", tmp_path / "one", home=place / "home")
    assert not failed.with_name("session.json").exists() and (tmp_path / "one" / SESSION).is_file()
    assert verify(tmp_path / "one").faults == []


def put_aside(path: Path) -> Path:
    return path.rename(path.with_name(put_aside_name(path)))


def test_a_precision_that_others_made_for_each_model_is_as_its_file_says(tmp_path: Path) -> None:
    path = tmp_path / "conf/precision/int8.yaml"
    path.parent.mkdir(parents=True)
    settings = make_settings()
    own = settings.precisions["int8"].plain() | {"source": "per_model"}
    path.write_text(json.dumps(own), encoding="utf-8")
    assert conf_differences(tmp_path, ["conf/precision/int8.yaml"], settings) == []
    path.write_text(json.dumps(own | {"weights": "f16"}), encoding="utf-8")
    (line,) = conf_differences(tmp_path, ["conf/precision/int8.yaml"], settings)
    assert line.startswith("conf/precision/int8.yaml: weights: 'f16'")
