"""Bundles are opened without trust: what is missing, too many, changed or would lie elsewhere is refused by name."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ovlab.bundle import BundleInfo, open_bundle
from ovlab.bundle.layout import INFO, MANIFEST
from ovlab.bundle.manifest import format_manifest, parse_manifest
from ovlab.bundle.writing import write_zip as pack
from ovlab.errors import OvlabError

FILES = {
    INFO: json.dumps(BundleInfo(experiment="test", title="T", date="2026-01-02", models=False, data=False).plain()),
    "results/test/report/index.html": "<p>page</p>",
    "results/test/report/tables/results.csv": "a,b\n1,2\n",
}
PAGE = "results/test/report/index.html"


def manifest_of(files: dict[str, str]) -> str:
    return format_manifest({name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()})


def write_folder(folder: Path, files: dict[str, str] = FILES) -> Path:
    for name, text in (files | {MANIFEST: manifest_of(files)}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_zip(path: Path, entries: list[tuple[str, str]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in entries:
            file.writestr(name, text)
    return path


def whole(files: dict[str, str] = FILES) -> list[tuple[str, str]]:
    return [*files.items(), (MANIFEST, manifest_of(files))]


def complaint(path: Path) -> str:
    with pytest.raises(OvlabError) as caught, open_bundle(path):
        pass
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_folder_and_an_archive_give_their_results(tmp_path: Path) -> None:
    for path in (write_folder(tmp_path / "one"), write_zip(tmp_path / "one.zip", whole())):
        with open_bundle(path) as bundle:
            assert (bundle.results / "test/report/index.html").read_text(encoding="utf-8") == "<p>page</p>"
            assert bundle.info.experiment == "test"
            assert bundle.experiment == bundle.results / "test"
            assert bundle.fingerprint == hashlib.sha256(manifest_of(FILES).encode()).hexdigest()
            inside = bundle.folder
        assert inside.exists() == path.is_dir(), "what was unpacked is removed"


def test_a_folder_is_not_written_to(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "one")
    before = sorted(folder.rglob("*"))
    with open_bundle(folder):
        pass
    assert sorted(folder.rglob("*")) == before


def _link(folder: Path) -> None:
    (folder / PAGE).unlink()
    (folder / PAGE).symlink_to(folder / INFO)


def _folder_link(folder: Path) -> None:
    (folder / "results/test/more").symlink_to(folder / "results")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "results/pipe")


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda folder: (folder / PAGE).write_text("<p>other</p>"), f"{PAGE}: was changed"),
    "too few": (lambda folder: (folder / PAGE).unlink(), f"{PAGE}: missing"),
    "too many": (
        lambda folder: (folder / "results/note.txt").write_text(""),
        "results/note.txt: is not in the manifest",
    ),
    "hidden": (
        lambda folder: (folder / "results/.sha256.json").write_text("{}"),
        "results/.sha256.json: is not in the",
    ),
    "a link": (_link, "it is a link"),
    "a link to a folder": (_folder_link, "it is a link"),
    "a pipe": (_pipe, "it is neither file nor folder"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), f"there is no {MANIFEST}"),
    "another program's": (lambda folder: (folder / INFO).unlink(), f"there is no {INFO}"),
    "case": (
        lambda folder: (folder / PAGE.upper()).parent.mkdir(parents=True) or (folder / PAGE.upper()).touch(),
        "where case",
    ),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_that_is_not_as_it_was_is_refused(kind: str, tmp_path: Path) -> None:
    tamper, expected = FOLDERS[kind]
    folder = write_folder(tmp_path / "one")
    tamper(folder)
    assert expected in complaint(folder)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../outside.txt", "leaves the folder"),
        ("results/../../outside.txt", "leaves the folder"),
        ("/outside.txt", "absolute"),
        ("C:/outside.txt", "absolute"),
        ("results\\outside.txt", "backslash"),
        ("results//twice.txt", "empty part"),
        ("results/new\nline", "sign that no text has"),
        ("Results/test/report/INDEX.html", "where case does not count"),
        ("results/test/report/index.html/more", "is a file, and a folder"),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_a_name_that_would_lie_elsewhere_is_refused(name: str, expected: str, listed: bool, tmp_path: Path) -> None:
    files = FILES | {name: "x"}
    text = manifest_of(files if listed else FILES)
    path = write_zip(tmp_path / "one.zip", [*files.items(), (MANIFEST, text)])
    assert expected in complaint(path)
    assert not list(tmp_path.parent.glob("outside.txt"))


def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = write_zip(tmp_path / "one.zip", [*whole(), (PAGE, "<p>other</p>")])
    assert f"entry '{PAGE}' is in it 2 times" in complaint(path)


def test_an_archive_that_is_cut_short_or_damaged_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "one.zip", whole())
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert "damaged or truncated" in complaint(path)
    path.write_bytes(data.replace(b"PK\x01\x02", b"PK\x01\x03", 1))
    assert "damaged or truncated" in complaint(path)
    path.write_text("no archive", encoding="utf-8")
    assert "damaged or truncated" in complaint(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "one.zip", whole(FILES | {"results/zeros": "0" * 4_000_000}))
    data = bytearray(path.read_bytes())
    # The list of entries says that 4 GB come out: more than a hundred times the archive, and more than 1 GB.
    at = data.rfind(b"results/zeros") - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    data[at + 24 : at + 28] = struct.pack("<I", 4_000_000_000)
    path.write_bytes(data)
    assert "more than 100 times" in complaint(path)


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, text in whole():
            file.writestr(name, text)
        link = zipfile.ZipInfo("results/link")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    assert "it is a link" in complaint(path)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda text: text[:-1], "its last line is cut short"),
        (lambda text: text.replace("  ", " ", 1), "line 1:"),
        (lambda text: text + text.splitlines()[-1] + "\n", "stands in it twice"),
        (lambda text: "\n".join(reversed(text.splitlines())) + "\n", "is not sorted"),
        (lambda text: text + "0" * 64 + "  /etc/passwd\n", "absolute"),
    ],
)
def test_a_manifest_that_is_none_is_refused(edit: Callable[[str], str], expected: str) -> None:
    with pytest.raises(OvlabError) as caught:
        parse_manifest(edit(manifest_of(FILES)))
    assert expected in str(caught.value)


def test_another_format_is_refused(tmp_path: Path) -> None:
    files = FILES | {INFO: FILES[INFO].replace("ovlab/bundle/1", "ovlab/bundle/2")}
    assert "format is 'ovlab/bundle/2', expected 'ovlab/bundle/1'" in complaint(write_folder(tmp_path / "one", files))
    assert "no such bundle" in complaint(tmp_path / "none")


MODEL = "results/variants/net/fp32/00000003/model.bin"


def test_files_of_models_are_checked_whether_they_are_unpacked_or_not(tmp_path: Path) -> None:
    files = FILES | {MODEL: "weights", "results/variants/net/fp32/00000003/variant.json": "{}"}
    with open_bundle(write_zip(tmp_path / "one.zip", whole(files)), models=False) as bundle:
        assert MODEL in bundle.hashes and not (bundle.folder / MODEL).exists()
        assert (bundle.folder / MODEL).with_name("variant.json").exists()
        assert bundle.size == sum(len(text) for _, text in whole(files))
    with open_bundle(tmp_path / "one.zip") as bundle:
        assert (bundle.folder / MODEL).read_text(encoding="utf-8") == "weights"
    changed = [(name, "other" if name == MODEL else text) for name, text in whole(files)]
    path = write_zip(tmp_path / "changed.zip", changed)
    with pytest.raises(OvlabError, match=f"{MODEL}: was changed"), open_bundle(path, models=False):
        pass


def test_what_cannot_be_compressed_is_stored(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    contents = {"noise.bin": os.urandom(300_000), "text.csv": b"1,2,3\n" * 50_000, "empty": b""}
    for name, data in contents.items():
        (tmp_path / "folder" / name).write_bytes(data)
    pack(tmp_path / "folder", tmp_path / "one.zip")
    with zipfile.ZipFile(tmp_path / "one.zip") as file:
        assert {one.filename: one.compress_type for one in file.infolist()} == {
            "noise.bin": zipfile.ZIP_STORED,
            "text.csv": zipfile.ZIP_DEFLATED,
            "empty": zipfile.ZIP_STORED,
        }
        assert {name: file.read(name) for name in contents} == contents


def _flip(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[data.index(b"weights" * 100) + 3] ^= 1
    archive.write_bytes(data)


def _size(archive: Path, delta: int) -> None:
    """State another size of the model's file in the list of entries, and of its compressed bytes."""
    data = bytearray(archive.read_bytes())
    at = data.index(b"PK\x01\x02")
    while data[at + 46 : at + 46 + len(MODEL)] != MODEL.encode():
        at = data.index(b"PK\x01\x02", at + 1)
    for place in (at + 20, at + 24):
        struct.pack_into("<L", data, place, struct.unpack_from("<L", data, place)[0] + delta)
    archive.write_bytes(data)


def _crc(archive: Path) -> None:
    """Flip a byte, and state the checksum of what is there now: the manifest alone tells."""
    with zipfile.ZipFile(archive) as file:
        entries = [(one.filename, file.read(one)) for one in file.infolist()]
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, content in entries:
            file.writestr(name, content.replace(b"weights", b"Weights", 1) if name == MODEL else content)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a stored byte": (_flip, "damaged or truncated .*CRC"),
    "a stored byte and its checksum": (_crc, f"{MODEL}: was changed"),
    "a smaller size": (lambda archive: _size(archive, -7), "damaged or truncated|was changed"),
    "a larger size": (lambda archive: _size(archive, 7), "overlaps another entry"),
}


@pytest.mark.parametrize("models", [True, False])
@pytest.mark.parametrize("kind", SPOILT)
def test_a_stored_model_that_was_tampered_with_is_found(kind: str, models: bool, tmp_path: Path) -> None:
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, text in whole(FILES | {MODEL: "weights" * 1000, f"{MODEL}.more": "more"}):
            file.writestr(name, text)
    with open_bundle(path, models=models):
        pass
    spoil, expected = SPOILT[kind]
    spoil(path)
    with pytest.raises(OvlabError, match=expected) as caught, open_bundle(path, models=models):
        pass
    assert "\n" not in str(caught.value)


def test_the_way_of_packing_is_no_part_of_a_bundle(tmp_path: Path) -> None:
    """Whoever packs the same files anew, each compressed or stored, has the same bundle."""
    fingerprints = set()
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "one.zip", "w", method) as file:
            for name, text in whole():
                file.writestr(name, text)
        with open_bundle(tmp_path / "one.zip") as bundle:
            fingerprints.add(bundle.fingerprint)
    assert len(fingerprints) == 1
