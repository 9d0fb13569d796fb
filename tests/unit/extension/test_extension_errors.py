"""An extension that is missing, has changed or does not load is told in one line; the launch stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import openvino as ov
import pytest
from toy import Lab, convert_settings, model_spec

from ovlab.errors import OvlabError
from ovlab.extension import extension_of, load_extension, load_extension_of, write_extension
from ovlab.files import sha256_of
from ovlab.specs import ConvertSettings, ExtensionFile
from ovlab_flow.extension import check_extension, extension_file


def load(path: Path, text: str | None = None) -> list[Any]:
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return load_extension(ov.Core(), str(path), sha256_of(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ny = (", "cannot be loaded, line 2 (SyntaxError: "),
        ("import no_such_module", "cannot be loaded (ModuleNotFoundError: No module named 'no_such_module')"),
        ("raise SystemExit(3)", "cannot be loaded (SystemExit: 3)"),
        ("x = 1", "has no 'extensions', expected a list of operations (subclasses of openvino.Op) and of"),
        ("extensions = []", "has no 'extensions', expected a list of operations"),
        ("extensions = [5]", "extensions holds 5, expected a list of operations"),
        ("extensions = [int]", "extensions holds <class 'int'>, expected a list of operations"),
    ],
)
def test_a_python_file_that_does_not_do(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(OvlabError) as caught:
        load(tmp_path / "own.py", text)
    message = str(caught.value)
    assert message.startswith(f"extension: {tmp_path / 'own.py'}")
    assert expected in message
    assert "\n" not in message


def test_a_library_that_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(OvlabError, match=r"^extension: .*own\.so cannot be loaded \(Cannot add extension\. [^\n]*\)$"):
        load(tmp_path / "own.so", "no library")


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    missing = str(tmp_path / "own.py")
    with pytest.raises(OvlabError, match=r"^extension: no file '.*own\.py'$"):
        load_extension(ov.Core(), missing, "0" * 64)
    with pytest.raises(OvlabError, match=r"^conf/model/m\.yaml: extension: no file '.*own\.py' \(seen from '.*'\)$"):
        check_extension(missing, "conf/model/m.yaml")
    check_extension(None, "conf/model/m.yaml")


def test_a_file_that_has_changed_since_it_was_planned_with(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text("extensions = []", encoding="utf-8")
    planned = extension_file(str(path))
    assert planned is not None
    path.write_text("extensions = [1]", encoding="utf-8")
    assert extension_file(str(path)) != planned  # another hash: other settings, another digest
    with pytest.raises(OvlabError, match=r"own\.py has changed since it was planned with; run again$"):
        load_extension(ov.Core(), planned.path, planned.sha256)
    assert extension_file(None) is None


def test_what_an_ir_needs_is_noted_beside_it(tmp_path: Path) -> None:
    noted = ExtensionFile(path="own.py", sha256="0" * 64)
    write_extension(tmp_path, noted)
    assert extension_of(tmp_path) == noted.plain()
    with pytest.raises(OvlabError, match=r"^extension: no file 'own\.py'$"):
        load_extension_of(ov.Core(), tmp_path)
    write_extension(tmp_path, None)
    assert extension_of(tmp_path) is None
    load_extension_of(ov.Core(), tmp_path)  # nothing to do


def test_settings_name_the_file_as_it_was(lab: Lab) -> None:
    model = model_spec(lab.onnx, extension="own.py")
    with pytest.raises(ValueError, match=r"extension: missing, but needed with model\.extension: 'own\.py'"):
        convert_settings(model, lab.dataset)
    settings = convert_settings(model, lab.dataset, extension=ExtensionFile(path="own.py", sha256="0" * 64))
    assert ConvertSettings.from_json(settings.model_dump_json()) == settings


def test_a_launch_loads_no_more_for_it() -> None:
    """What a launch imports, with the module that looks for extensions, holds neither pydantic nor a frontend."""
    code = (
        "import sys, ovlab.measure.child.launch, ovlab.extension;"
        "print([name for name in ('pydantic', 'pandas', 'openvino.frontend.onnx', 'nncf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
