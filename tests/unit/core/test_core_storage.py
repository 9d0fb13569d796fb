"""A disk that is full, read-only or without inodes is told in one line that names it; nothing half-written stays."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import sys
from pathlib import Path

import pytest
from disks import can_mount, on_disk

from ovlab.errors import StorageError, one_line
from ovlab.files import require_room, require_writable, storage_in_words, temporary_folder
from ovlab.scratch import scratch_folder
from ovlab.steps import start_logging

# Every writer of the product, on the folder that is its argument: what it says, and what it leaves.
PROGRAM = """
import io, json, logging, resource, sys, zipfile
from pathlib import Path
import ovlab
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np, openvino as ov, openvino.opset13 as op, pandas as pd
from ovlab.convert import save_ir
from ovlab.csv_files import write_csv
from ovlab.download import Places, download
from ovlab.files import write_atomically, write_json, write_text
from ovlab.records import Record, write_record
from ovlab.scratch import scratch_folder
from ovlab.specs import SourceSpec
from ovlab.steps import Step, start_logging

place, source = Path(sys.argv[1]), Path(sys.argv[2])
if len(sys.argv) > 3:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
noise = np.random.default_rng(0).random(50_000)
frame = pd.DataFrame({"latency": noise})

def model():
    x, weights = op.parameter([1, 500], np.float32, name="x"), op.constant(np.float32(noise).reshape(500, 100))
    return ov.Model([op.result(op.matmul(x, weights, False, False))], [x])

def scratch():
    with scratch_folder(place) as folder:
        np.save(folder / "images.npy", noise)

def figure(path):
    drawn, axes = plt.subplots()
    axes.imshow(noise[:40_000].reshape(200, 200))
    drawn.savefig(path, dpi=400)

def fetch(name, **spec):
    download(SourceSpec.model_validate(spec), place / name, Places(place / "cache", source))

WRITERS = {
    "text": lambda: write_text(place / "a.txt", "x" * 300_000),
    "json": lambda: write_json(place / "a.json", list(noise)),
    "csv": lambda: write_csv(place / "a.csv", frame),
    "parquet": lambda: write_atomically(place / "a.parquet", lambda path: frame.to_parquet(path, index=False)),
    "figure": lambda: write_atomically(place / "a.png", figure),
    "record": lambda: write_record(place / "r.json", Record("source", {}, data={"x": list(noise)})),
    "ir": lambda: save_ir(model(), place / "ir", compress=False),
    "file": lambda: fetch("f", files=[{"path": str(source / "big.bin")}]),
    "archive": lambda: fetch("z", files=[{"path": str(source / "big.zip")}]),
    "generated": lambda: fetch("g", generator={"name": "digits", "parameters": {"size": 64}}),
    "scratch": scratch,
}
for name, write in WRITERS.items():
    try:
        write()
        said = None
    except Exception as error:
        said = [type(error).__name__, str(error)]
    left = [path.name for path in place.rglob("*") if path.is_file()]
    print(json.dumps([name, said, left]))
"""
MANY_FILES = """
import sys
from pathlib import Path
from ovlab.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    for number in range(100):
        (folder / str(number)).touch()
"""
WRITERS = re.findall(r'^    "(\w+)": ', PROGRAM, re.MULTILINE)
NEEDS = r".+ needs ([\d.]+ [kM]B, [\d.]+ kB are free|more than the [\d.]+ kB that are free)"
FULL = re.compile(rf"its disk \((?P<disk>.+)\) is full: {NEEDS}$")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    import zipfile

    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "big.bin").write_bytes(os.urandom(300_000))
    with zipfile.ZipFile(folder / "big.zip", "w") as archive:
        archive.write(folder / "big.bin", "big.bin")
    return folder


def said_on(
    tmp_path: Path, source: Path, options: str, *arguments: str, then: str = "", but: tuple[str, ...] = ()
) -> dict[str, str]:
    """Run all writers on a disk, check that none left anything, and return what each says; `but` some are not asked."""
    if not can_mount():
        pytest.skip("this system lets nobody mount a file system (unshare -m)")
    place = tmp_path / "disk"
    place.mkdir()
    done = on_disk([sys.executable, "-c", PROGRAM, str(place), str(source), *arguments], place, options, then=then)
    assert done.returncode == 0, done.stdout
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [name for name, _, _ in found] == WRITERS
    found = [one for one in found if one[0] not in but]
    assert {name: said for name, said, _ in found if said is None or said[0] != "StorageError"} == {}
    assert {name: left for name, _, left in found if left} == {}
    assert all(str(place) in said[1] and "\n" not in said[1] for _, said, _ in found)
    return {name: said[1] for name, said, _ in found}


def test_a_full_disk(tmp_path: Path, source: Path) -> None:
    said = said_on(tmp_path, source, "size=64k")
    assert {name: text for name, text in said.items() if not FULL.search(text)} == {}
    assert {FULL.search(text)["disk"] for text in said.values() if FULL.search(text)} == {str(tmp_path / "disk")}
    assert "a.txt needs 300.0 kB, " in said["text"]
    assert re.search(r"the IR needs 20\d\.\d kB, ", said["ir"])
    assert "big.bin needs 300.0 kB, " in said["file"]


def test_a_disk_that_holds_no_more_files(tmp_path: Path, source: Path) -> None:
    said = said_on(tmp_path, source, "size=5m,nr_inodes=1")
    assert {text.rpartition(") ")[2] for text in said.values()} == {"holds no more files, all 1 inodes are taken"}


def test_files_that_are_removed_again_have_taken_the_last_inodes(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("this system lets nobody mount a file system (unshare -m)")
    place = tmp_path / "disk"
    place.mkdir()
    done = on_disk([sys.executable, "-c", MANY_FILES, str(place)], place, "size=5m,nr_inodes=40")
    assert done.stdout.rstrip().endswith("holds no more files, all 40 inodes are taken")


def test_a_read_only_disk(tmp_path: Path, source: Path) -> None:
    said = said_on(tmp_path, source, "size=5m", then="ro")
    assert {text.rpartition(") ")[2] for text in said.values()} == {"is read-only"}


def test_a_limit_on_the_size_of_files(tmp_path: Path, source: Path) -> None:
    said = said_on(tmp_path, source, "size=20m", "65536", but=("generated", "scratch"))
    assert {text.partition(": ")[2] for text in said.values()} == {
        "larger than a file may be here (ulimit -f, or the file system's own limit)"
    }


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.EACCES, "this user may not write there"),
        (errno.EDQUOT, "this user's quota on .+ is used up: a.txt needs more than the .+ that are free"),
        (errno.EIO, "the disk .+ does not work: input/output error"),
        (errno.ENOTDIR, "a file is where a folder is expected"),
    ],
)
def test_what_else_a_disk_may_say(tmp_path: Path, code: int, said: str) -> None:
    def fail() -> None:
        with storage_in_words(tmp_path, "a.txt"):
            raise OSError(code, os.strerror(code))

    with pytest.raises(StorageError, match=rf"^{re.escape(str(tmp_path))}.*: {said}$") as caught:
        fail()
    assert one_line(caught.value) == str(caught.value)


def test_what_is_about_another_place_is_not_told_of_this_one(tmp_path: Path) -> None:
    def read() -> None:
        with storage_in_words(tmp_path / "here"):
            raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "there" / "a.txt"))

    with pytest.raises(PermissionError):
        read()


def test_what_does_not_fit_is_refused_before_it_is_written(tmp_path: Path) -> None:
    require_room(tmp_path, "small", 1)
    with pytest.raises(StorageError, match=r"is full: large needs 1000000000\.0 GB, .+ are free$"):
        require_room(tmp_path, "large", 10**18)


def test_a_folder_that_can_be_written_to_is_left_as_it_was(tmp_path: Path) -> None:
    require_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file.*: a file is where a folder is expected$"):
        require_writable(tmp_path / "file" / "below")


def test_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/a', '/b']")

    monkeypatch.setattr("tempfile.gettempdir", none)
    monkeypatch.setenv("TMPDIR", "/none")
    with pytest.raises(StorageError, match=r"^no folder for temporary files .* neither TMPDIR=/none, .* in TMPDIR$"):
        temporary_folder()
    with pytest.raises(StorageError, match="name one in TMPDIR"), scratch_folder():
        pass


def test_a_log_that_cannot_be_written_is_told_once_and_the_work_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start_logging(tmp_path / "a.log")
    (handler,) = [one for one in logging.getLogger("ovlab").handlers if isinstance(one, logging.FileHandler)]
    handler.stream.close()
    handler.stream = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 (the handler closes it)
    log = logging.getLogger("ovlab.test")
    for word in ("first", "second"):
        log.info(word)
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if "a.log" in line] == [lines[1]]
    assert lines[0] == "first"
    assert lines[1].endswith("; going on without this log")
    assert lines[2] == "second"
