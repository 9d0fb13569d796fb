"""Records: what every step leaves behind."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ovlab.errors import OvlabError
from ovlab.files import HASHES, read_json, sha256_of, write_json
from ovlab.records import Quantity, Record, read_record, require_intact, require_ok, write_record
from ovlab.stats.interval import Interval


@pytest.fixture
def record() -> Record:
    return Record(
        kind="source",
        settings={"files": [1, 2]},
        inputs={"a": "0" * 64},
        values={"size": Quantity(1.5, "MB"), "accuracy": Quantity(0.5, "fraction", 0.4, 0.6)},
        data={"root": "x"},
    )


def test_round_trip(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "a" / "source.json"
    write_record(path, record)
    assert read_record(path, "source") == record
    assert read_json(path)["schema"] == "ovlab/source/1"


def test_a_record_says_where_and_when(record: Record) -> None:
    other = Record(kind="source", settings={})
    assert record.run_id != other.run_id
    assert record.environment["packages"]["openvino"]
    assert record.created.endswith("+00:00")


def test_values(record: Record) -> None:
    assert record.value("size") == 1.5
    assert record.value("nothing") is None


def test_what_is_not_known_becomes_none() -> None:
    assert Quantity.of(Interval(1.0, math.nan, math.nan), "ms") == Quantity(1.0, "ms", None, None)
    assert Quantity.of(Interval.unknown(), "ms") == Quantity(None, "ms")
    assert Quantity.of(Interval(2.0, 1.0, 3.0), "ms") == Quantity(2.0, "ms", 1.0, 3.0)


def test_nan_is_refused(tmp_path: Path, record: Record) -> None:
    record.values["bad"] = Quantity(math.nan, "ms")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(tmp_path / "a.json", record)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_record(tmp_path: Path) -> None:
    with pytest.raises(OvlabError, match=r"a\.json: missing; the step that makes it has not run"):
        read_record(tmp_path / "a.json", "source")


def test_another_kind_of_record(tmp_path: Path, record: Record) -> None:
    write_record(tmp_path / "a.json", record)
    with pytest.raises(OvlabError, match=r"a\.json: is 'ovlab/source/1', expected 'ovlab/variant/1'"):
        read_record(tmp_path / "a.json", "variant")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "{",
        "[]",
        "5",
        "null",
        "{}",
        '{"schema": "ovlab/source/1"}',
        '{"schema": "ovlab/source/1", "values": {}}',
    ],
)
def test_not_a_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OvlabError, match=r"a\.json: not a record"):
        read_record(path, "source")


def test_a_record_of_another_version(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "a.json"
    write_record(path, record)
    other = {key: value for key, value in read_json(path).items() if key != "sha256"}
    write_json(path, other | {"schema": "ovlab/source/2"})
    with pytest.raises(OvlabError, match="is 'ovlab/source/2', expected 'ovlab/source/1'"):
        read_record(path, "source")


@pytest.mark.parametrize("key", ["status", "reason", "settings", "values", "data", "files", "run_id"])
def test_an_edited_record(tmp_path: Path, record: Record, key: str) -> None:
    path = tmp_path / "a.json"
    write_record(path, record)
    text = read_json(path)
    changed = {"values": {"size": {"value": 2.5, "unit": "MB", "low": None, "high": None}}}.get(key, "failed")
    write_json(path, text | {key: changed})
    with pytest.raises(OvlabError, match=r"a\.json: (was changed after it was written|not a record)"):
        read_record(path, "source")
    write_json(path, dict(reversed(text.items())))  # in another order it says the same
    assert read_record(path, "source") == record


@pytest.fixture
def files(tmp_path: Path, record: Record) -> Path:
    """A folder with two files that the record knows."""
    for name in ("model.xml", "model.bin"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
        record.files[name] = sha256_of(tmp_path / name)
    return tmp_path


def test_files_as_they_were_left(files: Path, record: Record) -> None:
    require_intact(record, files)
    assert set(read_json(files / HASHES)) == {"model.xml", "model.bin"}
    require_intact(record, files)


@pytest.mark.parametrize("is_known", [False, True])
def test_a_changed_file_is_named(files: Path, record: Record, is_known: bool) -> None:
    if is_known:
        require_intact(record, files)
    content = (files / "model.bin").read_bytes()
    (files / "model.bin").write_bytes(bytes(100) + content[100:])
    with pytest.raises(
        OvlabError, match=r"model\.bin: was changed after it was made \(SHA-256 .*recorded .*\); the next run"
    ):
        require_intact(record, files)
    (files / "model.bin").write_bytes(content)
    require_intact(record, files)


def test_a_missing_file_is_named(files: Path, record: Record) -> None:
    (files / "model.xml").unlink()
    with pytest.raises(OvlabError, match=r"model\.xml: cannot be read \(.*no such file or directory\); the next run"):
        require_intact(record, files)


def test_a_record_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OvlabError, match="not a record"):
        read_record(tmp_path / "a.json", "source")


def test_require_ok_passes_the_first_cause_on(record: Record) -> None:
    assert require_ok(record, "download") is record
    failed = Record(kind="source", settings={}, status="failed", reason="no such host")
    with pytest.raises(OvlabError, match=r"^download: no such host$"):
        require_ok(failed, "download")
    failed.reason = "download: no such host"
    with pytest.raises(OvlabError, match=r"^download: no such host$"):
        require_ok(failed, "download")


def test_the_file_is_json_that_others_can_read(tmp_path: Path, record: Record) -> None:
    write_record(tmp_path / "a.json", record)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text)["values"]["size"] == {"value": 1.5, "unit": "MB", "low": None, "high": None}


def test_a_reason_does_not_grow_from_step_to_step(record: Record) -> None:
    record.status, record.reason = "failed", "m.pdmodel: saved before Paddle 2.0"
    for what in ("FP32 variant", "variant", "variant"):
        with pytest.raises(OvlabError) as caught:
            require_ok(record, what)
        record.reason = str(caught.value)
        assert record.reason == "FP32 variant: m.pdmodel: saved before Paddle 2.0"
    record.reason = "download of model m: no such host"
    with pytest.raises(OvlabError, match=r"^download of model m: no such host$"):
        require_ok(record, "variant")
