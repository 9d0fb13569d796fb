"""Nobody is told anything: telemetry is off before a library that has some is imported, and nothing is sent."""

from __future__ import annotations

import ast
import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import can_trace, is_contact, watched

ROOT = Path(__file__).parents[3]
REPORTING = {"onnxruntime", "openvino", "nncf", "huggingface_hub", "transformers", "ultralytics"}
CONVERT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from toy import *
from ovlab.convert import convert
import nncf, numpy, pandas, matplotlib.pyplot, hydra, openvino
root = Path(sys.argv[2])
path, data = colour_onnx(root / "toy.onnx"), write_class_folders(root / "data")
settings = convert_settings(model_spec(path), folders_spec())
assert convert(settings, source_record(root), source_record(data), root / "ir").ok
model = openvino.Core().read_model(root / "ir" / "model.xml")
sizes = [1, *(one.get_length() for one in list(model.inputs[0].partial_shape)[1:])]
nncf.quantize(model, nncf.Dataset([numpy.zeros(sizes, numpy.uint8)]))
"""


def programs() -> Iterator[tuple[str, ast.Module]]:
    """Yield every program outside of the library, and every one that is written inside another as text."""
    for folder in ("scripts", "benchmarks", "training", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            name = path.relative_to(ROOT).as_posix()
            # What pytest collects comes after tests/conftest.py.
            if folder != "tests" or path == ROOT / "tests/conftest.py":
                yield name, tree
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import" in node.value:
                    try:
                        yield f"{name}:{node.lineno}", ast.parse(textwrap.dedent(node.value))
                    except SyntaxError:
                        continue


def imports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]


def is_too_late(names: list[str]) -> bool:
    """Whether a library that reports is imported before this one, which turns that off."""
    reporting = [number for number, name in enumerate(names) if name in REPORTING]
    return bool(reporting) and "ovlab" not in names[: reporting[0]]


def test_every_program_turns_telemetry_off_before_it_imports_what_has_some() -> None:
    assert [name for name, tree in programs() if is_too_late(list(imports(tree)))] == []


def test_the_tests_themselves_turn_telemetry_off_first() -> None:
    tree = ast.parse((ROOT / "tests/conftest.py").read_text(encoding="utf-8"))
    assert list(imports(tree))[:2] == ["__future__", "ovlab"]
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_the_library_imports_nothing_before_telemetry_is_off() -> None:
    tree = ast.parse((ROOT / "src/ovlab/__init__.py").read_text(encoding="utf-8"))
    assert set(imports(tree)) == {"os", "sys"}


def test_a_conversion_contacts_nobody_and_leaves_nothing_behind(tmp_path: Path) -> None:
    program = [sys.executable, "-c", CONVERT, str(ROOT / "tests"), str(tmp_path)]
    # As a user's environment has it, or worse.
    done = watched(program, tmp_path / "watch", environment={"ORT_DISABLE_TELEMETRY": "0"})
    assert done.code == 0, done.output
    assert done.contacts == []
    assert list((tmp_path / "watch" / "tmp").iterdir()) == []
    left = {path.relative_to(tmp_path / "watch" / "home") for path in (tmp_path / "watch" / "home").rglob("*")}
    assert {path for path in left if "matplotlib" not in path.parts} <= {Path(".cache"), Path(".config")}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_whoever_is_contacted_is_seen(tmp_path: Path, host: str) -> None:
    program = f"import socket; socket.create_connection(({host!r}, 9), timeout=1)"
    done = watched([sys.executable, "-c", program], tmp_path)
    assert any("socket.connect" in line for line in done.contacts), done
    assert any("connect(" in line for line in done.contacts) or not can_trace()


def test_what_contacts_nobody_is_let_pass() -> None:
    assert not is_contact('7 connect(5, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT')
    assert not is_contact("7 socket(AF_INET6, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3")
    assert is_contact("7 socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = 9")
    assert is_contact('7 connect(9, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}, 16) = 0')
