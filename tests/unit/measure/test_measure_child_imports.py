"""What runs inside the timed process imports little: it starts fast, and runs beside another version of OpenVINO."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ovlab
import ovlab.layers.child
import ovlab.measure.child

# The list that `ovlab.measure.child` states.
ALLOWED = {
    "ovlab",
    "ovlab.errors",
    "ovlab.extension",
    "ovlab.files",
    "ovlab.files.decoding",
    "ovlab.files.opening",
    "ovlab.files.storage",
    "ovlab.files.writing",
    "ovlab.runtime",
    "ovlab.text",
    "ovlab.usercode",
    "ovlab.usercode.activity",
    "ovlab.measure",
    "ovlab.measure.child",
    "ovlab.measure.device",
    "ovlab.measure.device.division",
    "ovlab.measure.device.inspection",
    "ovlab.measure.host",
    "ovlab.measure.host.sensors",
    "ovlab.measure.request",
}
# What a profiling process may import besides; `ovlab.layers.child` states it.
PROFILING = {"ovlab.layers", "ovlab.layers.child", "ovlab.layers.request", "ovlab.measure.host.noise_bounds"}
PACKAGES = {"numpy", "openvino", "psutil"}
SOURCE = Path(ovlab.__file__).parent
CHILD = Path(ovlab.measure.child.__file__).parent
LAYERS_CHILD = Path(ovlab.layers.child.__file__).parent
HEAVY = ("pandas", "scipy", "cv2", "pydantic", "nncf", "matplotlib", "pyarrow", "onnx", "requests", "yaml")


def path_of(module: str) -> Path:
    path = SOURCE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports anywhere, inside functions too; not those for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {one if one.startswith("ovlab") and path_of(one).is_file() else node.module for one in inner}
    return found


@pytest.mark.parametrize("path", sorted([*CHILD.glob("*.py"), *map(path_of, ALLOWED)]), ids=lambda path: path.stem)
def test_the_child_imports_only_what_it_states(path: Path) -> None:
    require_only(path, ALLOWED, "ovlab.measure.child.")


@pytest.mark.parametrize(
    "path", sorted([*LAYERS_CHILD.glob("*.py"), *map(path_of, PROFILING)]), ids=lambda path: path.stem
)
def test_a_profiling_process_imports_only_what_it_states(path: Path) -> None:
    require_only(path, ALLOWED | PROFILING, "ovlab.layers.child.")


def require_only(path: Path, allowed: set[str], own: str) -> None:
    for module in imports_of(path):
        top = module.split(".", maxsplit=1)[0]
        if top == "ovlab":
            assert module in allowed or module.startswith(own), f"{path.name} imports {module}"
        else:
            assert top in PACKAGES | set(sys.stdlib_module_names), f"{path.name} imports {module}"


def test_the_list_is_the_one_that_the_package_states() -> None:
    told = str(ovlab.measure.child.__doc__)
    packages = {
        "ovlab",
        "ovlab.usercode",
        "ovlab.measure",
        "ovlab.measure.child",
        "ovlab.measure.device",
        "ovlab.measure.host",
    }
    assert {name for name in ALLOWED if f"`{name}`" in told} == ALLOWED - packages


@pytest.mark.parametrize(
    "module", ["measure.child.launch", "layers.child.profile", "layers.child.scaling", "layers.child.peaks"]
)
def test_a_fresh_child_has_loaded_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, ovlab.{module}\n"
        "print(*[name for name in sys.modules if name.split('.')[0] == 'ovlab'])\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours, heavy = done.stdout.splitlines()
    own = ("ovlab.measure.child.", "ovlab.layers.child.")
    assert {name for name in ours.split() if not name.startswith(own)} <= ALLOWED | PROFILING
    assert module.startswith("layers") or "ovlab.layers" not in ours.split()
    assert heavy == ""
