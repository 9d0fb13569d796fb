"""The convert script by hand: a quantised file as a variant that others made, and as what it is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from toy import (
    colour_onnx,
    convert_settings,
    folders_spec,
    model_spec,
    quantised_onnx,
    source_record,
    write_class_folders,
)

from ovlab.records import read_record, write_record

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("imported", [True, False])
def test_a_quantised_file(tmp_path: Path, imported: bool) -> None:
    model, data = tmp_path / "model", tmp_path / "data"
    model.mkdir()
    qdq = quantised_onnx(colour_onnx(model / "toy.onnx"), model / "qdq.onnx")
    for name, folder in (("model", model), ("data", write_class_folders(data))):
        write_record(tmp_path / f"{name}.json", source_record(folder))
    settings = convert_settings(model_spec(qdq), folders_spec()).model_copy(update={"imported": imported})
    record = tmp_path / "variant" / "variant.json"
    command = [sys.executable, "scripts/convert.py", "--settings", settings.to_json(), "--record", str(record)]
    command += ["--model", str(tmp_path / "model.json"), "--data", str(tmp_path / "data.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if imported:
        assert done.returncode == 0, done.stderr
        assert read_record(record, "variant").data["imported"]["quantisation"]["layers"] == 2
        assert (record.parent / "model.xml").is_file()
    else:
        assert done.returncode == 1
        (line,) = [one for one in done.stderr.splitlines() if "quantised already" in one]
        assert line.startswith("failed: model toy: its file is quantised already (")
        assert "Traceback" not in done.stderr
        assert not record.parent.exists()
