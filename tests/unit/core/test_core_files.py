"""Files are whole or absent."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ovlab.errors import StorageError
from ovlab.files import (
    CHUNK,
    HASHES,
    atomic_path,
    digest_of,
    known_sha256,
    read_json,
    sha256_of,
    write_atomically,
    write_json,
    write_text,
)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.csv"
    with atomic_path(target) as partial:
        partial.write_text("x", encoding="utf-8")
        assert not target.exists()
        assert partial.suffix == ".csv"
        assert partial.parent == target.parent
    assert names_in(target.parent) == ["a.csv"]
    assert target.read_text(encoding="utf-8") == "x"


def test_a_failed_write_keeps_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def fail(path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"its disk \(.+\) is full: a\.txt needs more than the .+ that are free$"):
        write_atomically(target, fail)
    assert names_in(tmp_path) == ["a.txt"]
    assert target.read_text(encoding="utf-8") == "old"


def test_a_killed_write_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    code = """if True:
        import os, sys
        from pathlib import Path
        from ovlab.files import atomic_path
        with atomic_path(Path(sys.argv[1])) as partial:
            partial.write_text("half")
            os.kill(os.getpid(), 9)
    """
    target = tmp_path / "a.json"
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    (leftover,) = names_in(tmp_path)
    assert leftover.startswith(".a.")
    assert ".partial" in leftover


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_results_can_be_read_by_others(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "x")
        assert os.umask(0o027) == 0o027  # as it was
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_text_has_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "é\n")
    assert (tmp_path / "a").read_bytes() == "é\n".encode()


def test_json_round_trip_and_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    data = {"b": [1, 2.5, None, "é"], "a": {"x": True}}
    write_json(path, data)
    assert read_json(path) == data
    assert list(read_json(path)) == ["b", "a"]
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(path, {"x": bad})
    assert read_json(path) == data


def test_sha256_of_a_file_larger_than_one_read(tmp_path: Path) -> None:
    content = bytes(range(256)) * (CHUNK // 256) + b"rest"
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_hash_is_computed_once_for_each_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, hashed = tmp_path / "a", []
    monkeypatch.setattr("ovlab.files.sha256_of", lambda one: hashed.append(one) or sha256_of(one))
    path.write_bytes(b"one")
    first = known_sha256(path)
    assert known_sha256(path) == first == sha256_of(path)
    assert hashed == [path]
    path.write_bytes(b"two")
    assert known_sha256(path) == sha256_of(path) != first
    os.utime(path, ns=(1, 1))  # as after a copy: another time, the same content
    assert known_sha256(path) == sha256_of(path)
    assert len(hashed) == 3


@pytest.mark.parametrize("notes", ["", "[]", '{"a": 5}', '{"a": [3, 1, 7]}', '{"a": []}'])
def test_notes_of_hashes_that_make_no_sense(tmp_path: Path, notes: str) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / HASHES).write_text(notes, encoding="utf-8")
    assert known_sha256(tmp_path / "a") == sha256_of(tmp_path / "a")


def test_digest_of_plain_data() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})
    assert digest_of([1, 2]) != digest_of([2, 1])
    assert len(digest_of(None)) == 8
