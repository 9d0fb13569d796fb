"""The library's structure: modules import each other in one direction, and no folder holds more than one can grasp."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src"
MOST_MODULES = 12
MOST_LINES = 400
ADAPTER = {"snakemake", "hydra", "omegaconf", "ovlab_flow"}
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}


def imported(name: str) -> Iterator[str]:
    """Yield what a module imports when it is loaded, as full names of modules or of things in them.

    What a function imports when it runs, or a type checker alone, ties no modules together.
    """
    for node in ast.parse(MODULES[name].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import"
            yield from (f"{node.module}.{one.name}" for one in node.names)


def edges(name: str) -> set[str]:
    found = set()
    for one in imported(name):
        parent = one.rpartition(".")[0]
        found |= {one} & MODULES.keys() or {parent} & MODULES.keys()
    return found - {name}


def test_no_module_imports_itself_through_others() -> None:
    try:
        TopologicalSorter({name: edges(name) for name in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"imports go round: {' -> '.join(error.args[1])}")


def test_no_folder_holds_more_modules_than_one_can_grasp() -> None:
    count: dict[Path, int] = {}
    for path in MODULES.values():
        count[path.parent] = count.get(path.parent, 0) + (path.name != "__init__.py")
    too_many = {str(folder.relative_to(SOURCE)): n for folder, n in count.items() if n > MOST_MODULES}
    assert too_many == {}


def test_no_module_is_too_long_to_hold_in_the_head() -> None:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: n for name, n in lines.items() if n > MOST_LINES} == {}


def test_the_library_knows_nothing_of_the_workflow() -> None:
    for name in MODULES:
        if name.startswith("ovlab."):
            assert not {one.partition(".")[0] for one in imported(name)} & ADAPTER, name
