"""All files get their names in one place: what is written is whole or absent, and on the disk before it is named."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovlab.files import folders_flushed_once, move, write_text

ROOT = Path(__file__).parents[3]
WRITERS = {"write_text", "write_bytes", "to_csv", "to_parquet", "savefig", "save_model", "imwrite", "copyfile", "copy2"}
WRITERS |= {"save", "rename", "renames", "tofile", "dump", "copytree", "symlink_to", "hardlink_to"}
OURS = {"write_text", "write_json", "write_atomically", "write_csv", "write_record", "write_table", "save"}
# Modules that write otherwise, and what makes that safe.
BESIDES = {
    "src/ovlab/files/writing.py": "the one place itself",
    "src/ovlab/convert/__init__.py": "into a scratch folder, whose files are then moved",
    "src/ovlab/download/__init__.py": "into a scratch folder, which is then moved as a whole",
    "src/ovlab/download/http.py": "a part of a download, whose hash is checked whenever it is used",
    "src/ovlab/generators/digits.py": "into the scratch folder of the download",
    "src/ovlab/generators/scenes.py": "into the scratch folder of the download",
    "src/ovlab/measure/child/launch.py": "for the parent that waits for it, into its scratch folder",
    "src/ovlab/data/inputs.py": "images for the launches, into a scratch folder",
    "src/ovlab/layers/child/main.py": "for the parent that waits for it, into its scratch folder",
    "src/ovlab/report/style/files.py": "a drawing in memory",
    "src/ovlab/bundle/collecting.py": "into a scratch folder, which is then moved or packed as a whole",
    "src/ovlab/bundle/opening.py": "into a scratch folder, to be read",
    "src/ovlab/bundle/writing.py": "into the archive that `atomic_path` names when it is whole",
    "src/ovlab/measure/host/clock_limit.py": "the kernel's own files, which have no other name to be written under",
    "src/ovlab_pods/commands.py": "a log of a pod that failed, and the line that was said last, which no step reads",
    "src/ovlab/merge/bundling.py": "into the scratch folder of a bundle, which is then moved or packed as a whole",
}


def writing_calls(path: Path) -> Iterator[str]:
    """Yield the calls in a file that write a file or name one; not those handed to `write_atomically`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    safe = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name_of(node) == "write_atomically"
        for argument in node.args
        for inner in ast.walk(argument)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node in safe or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        if writes(node):
            yield name_of(node)


def writes(node: ast.Call) -> bool:
    """Whether a call writes a file or gives it its name, by what it is called."""
    name, target = name_of(node), ast.unparse(node.func)
    is_bare = isinstance(node.func, ast.Name)
    return (
        (name in WRITERS and not (is_bare and name in OURS))
        or (name in {"open", "fdopen"} and any(set(mode) & set("wax+") for mode in modes(node)))
        # Of texts and of records, replace has two arguments, or named ones; a model's node replaces an output.
        or (
            name == "replace" and not is_bare and len(node.args) == 1 and not node.keywords and ".output(" not in target
        )
        or target in {"os.replace", "os.rename", "shutil.move"}
    )


def name_of(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def modes(node: ast.Call) -> Iterator[str]:
    given = [*node.args[:2], *(one.value for one in node.keywords if one.arg == "mode")]
    for one in given:
        for part in ast.walk(one):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and set(part.value) <= set("rwaxbt+"):
                yield part.value


def test_nothing_writes_around_the_one_place() -> None:
    found = {
        name: calls
        for folder in ("src", "scripts")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (calls := sorted(set(writing_calls(path)))) and (name := path.relative_to(ROOT).as_posix()) not in BESIDES
    }
    assert found == {}


def test_no_exception_is_listed_that_is_none() -> None:
    assert [name for name in BESIDES if not list(writing_calls(ROOT / name))] == []


class Disk:
    """Notes in which order files are flushed and named."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, str]] = []
        flush, replace = os.fsync, Path.replace

        def fsync(handle: int) -> None:
            flush(handle)
            self.events.append(("flush", Path(f"/proc/self/fd/{handle}").readlink().name))

        def renamed(source: Path, target: Path) -> Path:
            self.events.append(("name", Path(target).name))
            return replace(source, target)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "replace", renamed)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not say which file a handle is")
def test_a_file_is_on_the_disk_before_it_is_named_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    write_text(tmp_path / "a.txt", "a")
    assert [kind for kind, _ in disk.events] == ["flush", "name", "flush"]
    assert disk.events[0][1].startswith(".a.")
    assert disk.events[1:] == [("name", "a.txt"), ("flush", tmp_path.name)]
    disk.events.clear()
    move(tmp_path / "a.txt", tmp_path / "b.txt")
    assert disk.events == [("flush", "a.txt"), ("name", "b.txt"), ("flush", tmp_path.name)]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not say which file a handle is")
def test_many_files_of_a_folder_flush_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    with folders_flushed_once():
        for name in "abc":
            write_text(tmp_path / name, name)
    assert [one for kind, one in disk.events if kind == "name"] == ["a", "b", "c"]
    assert [one for kind, one in disk.events if kind == "flush"][3:] == [tmp_path.name]


def test_a_folder_is_moved_with_all_that_is_in_it(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "c")
    move(tmp_path / "a", tmp_path / "d")
    assert (tmp_path / "d" / "b" / "c.txt").read_text(encoding="utf-8") == "c"
    assert not (tmp_path / "a").exists()
