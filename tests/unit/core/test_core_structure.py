"""How the library hangs together: what may import what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import ovlab

SOURCE = Path(ovlab.__file__).parent
MODULES = {
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}


def imported_when_loaded(path: Path) -> set[str]:
    """Modules of the library that a file imports when it is loaded: not in functions, not for type checkers."""

    def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in body:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                continue
            yield node
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for field in ("body", "orelse", "finalbody"):
                    yield from statements(getattr(node, field, []))

    found: set[str] = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & set(MODULES)) or {node.module}
    return found & set(MODULES)


def test_imports_have_no_circle() -> None:
    edges = {name: imported_when_loaded(path) - {name} for name, path in MODULES.items()}
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for other in sorted(edges[name]):
                follow(other, (*way, name))
            done.add(name)

    for name in sorted(edges):
        follow(name, ())


def test_a_folder_of_what_tasks_and_specs_need_is_seen_at_a_glance() -> None:
    for top in ("tasks", "specs", "data", "validate", "calibrate", "stats", "metrics"):
        for folder in [SOURCE / top, *(path for path in (SOURCE / top).rglob("*") if path.is_dir())]:
            modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
            assert len(modules) <= 12, f"{folder}: {len(modules)} modules"
