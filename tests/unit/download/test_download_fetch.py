"""Every kind of source, its hash checked wherever it comes from."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from web_server import WebServer

from ovlab.download import Places, download
from ovlab.download.fetch import fetch
from ovlab.download.watch import Watch
from ovlab.errors import OvlabError
from ovlab.specs import FileSpec, SourceSpec

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA = hashlib.sha256(CONTENT).hexdigest()
OTHER = b"something else"
OTHER_SHA = hashlib.sha256(OTHER).hexdigest()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "cache", tmp_path / "resources")


def with_mirror(places: Places, mirror: str | Path) -> Places:
    return Places(places.cache, places.resources, str(mirror))


def spec(**data: Any) -> FileSpec:
    return FileSpec.model_validate({"sha256": SHA} | data)


def kept(places: Places) -> list[str]:
    """Names of the files in the cache, locks apart."""
    return sorted(path.name for path in places.cache.rglob("*") if path.is_file() and path.name != ".lock")


def test_url(server: WebServer, places: Places) -> None:
    server.files["/a.bin"] = CONTENT
    found = fetch(spec(url=server.url("/a.bin")), places)
    assert found.path.read_bytes() == CONTENT
    assert (found.sha256, found.origin) == (SHA, server.url("/a.bin"))
    assert kept(places) == ["a.bin"]


def test_a_second_call_needs_no_network(server: WebServer, places: Places, refuse_network: Callable[[], None]) -> None:
    server.files["/a.bin"] = CONTENT
    first = fetch(spec(url=server.url("/a.bin")), places)
    refuse_network()
    assert fetch(spec(url=server.url("/a.bin")), places) == first
    assert len(server.requests) == 1


def test_a_damaged_cached_file_is_fetched_again(server: WebServer, places: Places) -> None:
    server.files["/a.bin"] = CONTENT
    file = spec(url=server.url("/a.bin"))
    fetch(file, places).path.write_bytes(b"damaged")
    assert fetch(file, places).path.read_bytes() == CONTENT


def test_the_server_is_asked_again_after_an_error(server: WebServer, places: Places, pauses: list[float]) -> None:
    server.files["/a.bin"] = CONTENT
    server.codes[:] = [503, 500]
    assert fetch(spec(url=server.url("/a.bin")), places).path.read_bytes() == CONTENT
    assert pauses == [1.0, 2.0]


def test_the_server_is_not_asked_for_ever(server: WebServer, places: Places, pauses: list[float]) -> None:
    server.codes[:] = [503] * 10
    with pytest.raises(OvlabError, match=r"a\.bin: cannot be fetched \(http.*: the server answered 503 Service"):
        fetch(spec(url=server.url("/a.bin")), places)
    assert len(server.requests) == 4
    assert pauses == [1.0, 2.0, 4.0]
    assert kept(places) == []


def test_a_final_answer_is_taken_at_once(server: WebServer, places: Places, pauses: list[float]) -> None:
    with pytest.raises(OvlabError, match=r"answered 404 Not Found\); a folder that holds it can be given as mirror="):
        fetch(spec(url=server.url("/a.bin")), places)
    assert len(server.requests) == 1
    assert pauses == []


def test_nobody_answers(server: WebServer, places: Places, pauses: list[float]) -> None:
    with pytest.raises(OvlabError, match=r"a\.bin: cannot be fetched \(http://127\.0\.0\.1:1/a\.bin: .*refused"):
        fetch(spec(url="http://127.0.0.1:1/a.bin"), places)


def test_addresses_are_tried_in_turn(server: WebServer, places: Places) -> None:
    server.files["/b/a.bin"] = CONTENT
    found = fetch(spec(url=[server.url("/a.bin"), server.url("/b/a.bin")]), places)
    assert found.origin == server.url("/b/a.bin")


def test_an_interrupted_download_goes_on_where_it_ended(server: WebServer, places: Places, pauses: list[float]) -> None:
    server.files["/a.bin"] = CONTENT
    server.cuts[:] = [300_000]
    assert fetch(spec(url=server.url("/a.bin")), places).path.read_bytes() == CONTENT
    (_, first), (_, second) = server.requests
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 300_000
    assert kept(places) == ["a.bin"]


def test_an_interrupted_download_starts_again_where_the_server_knows_no_parts(
    server: WebServer, places: Places, pauses: list[float]
) -> None:
    server.files["/a.bin"] = CONTENT
    server.ranges = False
    server.cuts[:] = [300_000]
    assert fetch(spec(url=server.url("/a.bin")), places).path.read_bytes() == CONTENT


def test_a_partial_file_survives_to_the_next_run(server: WebServer, places: Places, pauses: list[float]) -> None:
    server.files["/a.bin"] = CONTENT
    server.cuts[:] = [300_000, 0, 0, 0]
    file = spec(url=server.url("/a.bin"))
    with pytest.raises(OvlabError, match="cannot be fetched"):
        fetch(file, places)
    assert kept(places) == ["a.bin.part"]
    server.requests.clear()
    assert fetch(file, places).path.read_bytes() == CONTENT
    ((_, asked),) = server.requests
    assert asked is not None
    assert kept(places) == ["a.bin"]


def test_a_partial_file_that_is_too_long_is_thrown_away(server: WebServer, places: Places, pauses: list[float]) -> None:
    server.files["/a.bin"] = CONTENT
    folder = places.cache / SHA[:16]
    folder.mkdir(parents=True)
    (folder / "a.bin.part").write_bytes(CONTENT + b"more")
    assert fetch(spec(url=server.url("/a.bin")), places).path.read_bytes() == CONTENT


def test_a_partial_file_of_something_else_does_not_stand_in_the_way(server: WebServer, places: Places) -> None:
    server.files["/a.bin"] = CONTENT
    folder = places.cache / SHA[:16]
    folder.mkdir(parents=True)
    (folder / "a.bin.part").write_bytes(b"<html>please log in</html>")
    assert fetch(spec(url=server.url("/a.bin")), places).path.read_bytes() == CONTENT


def test_a_wrong_hash_names_expected_and_found_and_keeps_nothing(server: WebServer, places: Places) -> None:
    server.files["/a.bin"] = OTHER
    with pytest.raises(OvlabError) as caught:
        fetch(spec(url=server.url("/a.bin")), places)
    assert f"sha256 is {OTHER_SHA}, expected {SHA}" in str(caught.value)
    assert server.url("/a.bin") in str(caught.value)
    assert kept(places) == []


def test_a_wrong_hash_at_one_address_is_made_good_by_the_next(server: WebServer, places: Places) -> None:
    server.files |= {"/old/a.bin": OTHER, "/new/a.bin": CONTENT}
    found = fetch(spec(url=[server.url("/old/a.bin"), server.url("/new/a.bin")]), places)
    assert found.path.read_bytes() == CONTENT


def test_huggingface(server: WebServer, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "a" * 40
    server.files[f"/org/repo/resolve/{commit}/onnx/m.onnx"] = CONTENT
    monkeypatch.setattr("ovlab.specs.source.HUB", server.url(""))
    found = fetch(spec(huggingface={"repository": "org/repo", "file": "onnx/m.onnx", "revision": commit}), places)
    assert found.path.name == "m.onnx"


def test_mirror_folder(server: WebServer, places: Places, tmp_path: Path) -> None:
    inside = tmp_path / "mirror" / "deep" / "er" / "a.bin"
    inside.parent.mkdir(parents=True)
    inside.write_bytes(CONTENT)
    found = fetch(spec(url=server.url("/a.bin")), with_mirror(places, tmp_path / "mirror"))
    assert (found.path, found.origin) == (inside, "mirror")
    assert server.requests == []


def test_mirror_with_two_files_of_one_name(places: Places, tmp_path: Path) -> None:
    for folder, content in (("a", OTHER), ("b", CONTENT), ("c", OTHER)):
        (tmp_path / "mirror" / folder).mkdir(parents=True)
        (tmp_path / "mirror" / folder / "a.bin").write_bytes(content)
    (tmp_path / "mirror" / "0" / "a.bin").mkdir(parents=True)  # a folder of that name is no file
    found = fetch(spec(by_hand="ask", name="a.bin"), with_mirror(places, tmp_path / "mirror"))
    assert found.path == tmp_path / "mirror" / "b" / "a.bin"


def test_mirror_with_a_name_that_is_a_pattern(places: Places, tmp_path: Path) -> None:
    (tmp_path / "a[1].bin").write_bytes(CONTENT)
    assert fetch(spec(by_hand="ask", name="a[1].bin"), with_mirror(places, tmp_path)).path == tmp_path / "a[1].bin"


def test_mirror_with_the_wrong_file_falls_back_to_the_url(server: WebServer, places: Places, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(OTHER)
    server.files["/a.bin"] = CONTENT
    assert fetch(spec(url=server.url("/a.bin")), with_mirror(places, tmp_path)).origin == server.url("/a.bin")


def test_mirror_with_the_wrong_file_and_no_url_names_both_hashes(places: Places, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(OTHER)
    with pytest.raises(OvlabError) as caught:
        fetch(spec(by_hand="ask the authors", name="a.bin"), with_mirror(places, tmp_path))
    assert f"{tmp_path / 'a.bin'}: sha256 is {OTHER_SHA}, expected {SHA}" in str(caught.value)
    assert (tmp_path / "a.bin").exists()  # the user's own file


def test_mirror_url(server: WebServer, places: Places) -> None:
    server.files["/mirror/a%20b.bin"] = CONTENT
    found = fetch(spec(url="http://127.0.0.1:1/x", name="a b.bin"), with_mirror(places, server.url("/mirror/")))
    assert found.origin == server.url("/mirror/a%20b.bin")


@pytest.mark.parametrize("mirrored", [{}, {"/mirror/a.bin": OTHER}], ids=["without it", "with another file"])
def test_mirror_url_falls_back_to_the_url(server: WebServer, places: Places, mirrored: dict[str, bytes]) -> None:
    server.files |= {"/a.bin": CONTENT} | mirrored
    found = fetch(spec(url=server.url("/a.bin")), with_mirror(places, server.url("/mirror")))
    assert found.origin == server.url("/a.bin")


def test_mirror_that_does_not_exist(places: Places, tmp_path: Path) -> None:
    with pytest.raises(OvlabError, match=r"^mirror: '.*nowhere' is neither a folder nor an http address$"):
        fetch(spec(by_hand="ask", name="a.bin"), with_mirror(places, tmp_path / "nowhere"))


def test_by_hand_says_how(places: Places, tmp_path: Path) -> None:
    file = spec(by_hand="Register at example.org and download it.\n", name="a.bin")
    expected = f"a.bin: must be got by hand: Register at example.org and download it. ({{}}; its sha256 is {SHA})"
    with pytest.raises(OvlabError) as caught:
        fetch(file, places)
    assert str(caught.value) == expected.format("no mirror=DIR was given")
    with pytest.raises(OvlabError) as caught:
        fetch(file, with_mirror(places, tmp_path))
    assert str(caught.value) == expected.format(f"not in the mirror {tmp_path}")


def test_embedded(places: Places, tmp_path: Path) -> None:
    (places.resources / "models").mkdir(parents=True)
    (places.resources / "models" / "a.bin").write_bytes(CONTENT)
    found = fetch(spec(embedded="models/a.bin"), places)
    assert (found.path, found.sha256, found.origin) == (places.resources / "models" / "a.bin", SHA, "embedded")
    with pytest.raises(OvlabError, match=f"a.bin: sha256 is {SHA}, expected {OTHER_SHA}"):
        fetch(spec(embedded="models/a.bin", sha256=OTHER_SHA), places)
    (tmp_path / "a.bin").write_bytes(CONTENT)
    with pytest.raises(OvlabError, match=r"embedded: '\.\./a\.bin' points outside of"):
        fetch(spec(embedded="../a.bin"), places)


def test_local_file(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    found = fetch(FileSpec(path=str(tmp_path / "a.bin")), places)
    assert (found.path, found.sha256, found.origin) == (tmp_path / "a.bin", SHA, "path")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch(FileSpec(path="~/a.bin"), places).sha256 == SHA
    with pytest.raises(OvlabError, match=f"a.bin: sha256 is {SHA}, expected {OTHER_SHA}"):
        fetch(FileSpec(path=str(tmp_path / "a.bin"), sha256=OTHER_SHA), places)


def test_local_file_that_is_missing(places: Places, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(CONTENT)
    with pytest.raises(OvlabError, match=r"modle\.onnx: no such file; did you mean 'model\.onnx'\?"):
        fetch(FileSpec(path=str(tmp_path / "modle.onnx")), places)
    with pytest.raises(OvlabError, match=r"a: no such file \(.*nowhere does not exist\)"):
        fetch(FileSpec(path=str(tmp_path / "nowhere" / "a")), places)


def test_a_full_disk_leaves_nothing_that_looks_finished(
    server: WebServer, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a.bin"] = CONTENT
    counted = Watch.count

    def until_full(watch: Watch, size: int) -> None:
        counted(watch, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Watch, "count", until_full)
    file = spec(url=server.url("/a.bin"))
    with pytest.raises(OSError, match=r"its disk \(.+\) is full: a\.bin needs "):
        fetch(file, places)
    assert kept(places) == ["a.bin.part"]
    monkeypatch.undo()
    assert fetch(file, places).path.read_bytes() == CONTENT


def test_a_killed_download_leaves_nothing_that_looks_finished(server: WebServer, places: Places) -> None:
    code = """if True:
        import os, sys
        from pathlib import Path
        from ovlab.download import Places, download
        from ovlab.download.watch import Watch
        from ovlab.specs import FileSpec, SourceSpec
        Watch.count = lambda watch, size: os.kill(os.getpid(), 9)
        source = SourceSpec(files=(FileSpec(url=(sys.argv[1],), sha256=sys.argv[2]),))
        download(source, Path(sys.argv[3]), Places(Path(sys.argv[4]), Path(".")))
    """
    server.files["/a.bin"] = CONTENT
    folder = places.cache.parent / "files"
    arguments = [server.url("/a.bin"), SHA, str(folder), str(places.cache)]
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not folder.exists()
    assert not list(places.cache.rglob("a.bin"))
    download(SourceSpec(files=(spec(url=server.url("/a.bin")),)), folder, places)
    assert (folder / "a.bin").read_bytes() == CONTENT
