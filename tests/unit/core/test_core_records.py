"""Records: what every step leaves behind."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ovlab.errors import OvlabError
from ovlab.files import read_json, write_json
from ovlab.records import Quantity, Record, read_record, require_ok, write_record
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
    ["", "{", "[]", "5", "null", "{}", '{"schema": "ovlab/source/1"}', '{"schema": "ovlab/source/1", "values": {}}'],
)
def test_not_a_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OvlabError, match=r"a\.json: not a record"):
        read_record(path, "source")


def test_a_record_of_another_version(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "a.json"
    write_record(path, record)
    write_json(path, read_json(path) | {"schema": "ovlab/source/2"})
    with pytest.raises(OvlabError, match="is 'ovlab/source/2', expected 'ovlab/source/1'"):
        read_record(path, "source")


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
