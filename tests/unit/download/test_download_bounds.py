"""Whatever a server does, a download ends soon, takes no more than it may, and the next address is tried."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from web_server import WebServer, Write, endless, once

from ovlab.download import Places
from ovlab.download.fetch import fetch
from ovlab.errors import OvlabError
from ovlab.specs import DownloadSpec, FileSpec

CONTENT = bytes(range(256)) * 512  # 128 KiB
SHA = hashlib.sha256(CONTENT).hexdigest()
OK = b"HTTP/1.1 200 OK\r\n"
LONGEST_S = 4.0
# Where a good server follows, a busy machine may keep it waiting; where none does, the window is short.
LIMITS = DownloadSpec(window_s=5, slowest_kb_per_s=10, unannounced_limit_gb=0.004, size_limit_gb=0.006)
SHORT_S = 0.3


@pytest.fixture(autouse=True)
def _no_pauses(pauses: list[float]) -> None:
    """Attempts follow each other at once."""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "cache", tmp_path / "resources", limits=LIMITS)


def with_limits(places: Places, **limits: float) -> Places:
    return Places(places.cache, places.resources, limits=LIMITS.model_copy(update=limits))


def spec(*urls: str, **data: Any) -> FileSpec:
    return FileSpec.model_validate({"sha256": SHA, "name": "a.bin", "url": urls} | data)


def kept(places: Places) -> list[str]:
    return sorted(path.name for path in places.cache.rglob("*") if path.is_file() and path.name != ".lock")


def complaint(file: FileSpec, places: Places) -> str:
    """Return why a file cannot be fetched, after making sure that it took no long time to find out."""
    started = time.monotonic()
    with pytest.raises(OvlabError) as caught:
        fetch(file, places)
    assert time.monotonic() - started < LONGEST_S
    text = str(caught.value)
    assert "\n" not in text
    match = re.fullmatch(r"a\.bin: cannot be fetched \((.*)\); a folder that holds it can be given as mirror=DIR", text)
    assert match is not None, text
    return match.group(1)


SILENT = "nothing came for 0.3 s (download.window_s)"
SLOW = "slower than 10 kB/s over 0.3 s (download.slowest_kb_per_s)"
BYTE = 0.02  # seconds from one to the next: no time limit of a single read sees it
HOLDING = {
    "a byte now and then": endless(OK, b"Content-Length: 131072\r\n\r\n", then=b"x", pause_s=BYTE),
    "a byte now and then, without a length": endless(OK, b"\r\n", then=b"x", pause_s=BYTE),
    "a chunk of a byte now and then": endless(
        OK, b"Transfer-Encoding: chunked\r\n\r\n", then=b"1\r\nx\r\n", pause_s=BYTE
    ),
    "a chunk's length that goes on": endless(OK, b"Transfer-Encoding: chunked\r\n\r\n", then=b"0", pause_s=BYTE),
    "a header that goes on": endless(OK, b"X: ", then=b"x", pause_s=BYTE),
    "a status line that goes on": endless(b"HTTP/1.1 200 ", then=b"x", pause_s=BYTE),
    "continue, continue": endless(then=b"HTTP/1.1 100 Continue\r\n\r\n", pause_s=0.0001),
    "trailers without end": endless(
        OK, b"Transfer-Encoding: chunked\r\n\r\n0\r\n", then=b"X: " + b"x" * 1000 + b"\r\n", pause_s=0.0001
    ),
    "silence": endless(then=b"", pause_s=0.05),
    "silence after the headers": endless(OK, b"\r\n", then=b"", pause_s=0.05),
}


@pytest.mark.parametrize("what", HOLDING)
def test_a_server_that_would_hold_a_run_for_ever(server: WebServer, places: Places, what: str) -> None:
    server.raw["/bad"] = HOLDING[what]
    expected = SLOW if what.startswith("a byte now") or "of a byte" in what else SILENT
    told = complaint(spec(server.url("/bad")), with_limits(places, window_s=SHORT_S))
    assert told == f"{server.url('/bad')}: {expected}"
    assert len(server.requests) == 1
    assert kept(places) == []


def test_the_next_address_is_tried_after_one_that_holds(server: WebServer, places: Places) -> None:
    server.raw["/bad"] = HOLDING["a byte now and then"]
    server.files["/good"] = CONTENT
    file = spec(server.url("/bad"), server.url("/good"))
    assert fetch(file, with_limits(places, window_s=1)).origin == server.url("/good")


def test_headers_without_end(server: WebServer, places: Places) -> None:
    server.raw["/lines"] = endless(OK, then=b"X-Header: value\r\n")
    server.raw["/line"] = endless(OK, b"X: ", then=b"x" * 1000)
    for path in server.raw:
        assert complaint(spec(server.url(path)), places) == f"{server.url(path)}: the answer is not proper HTTP"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_port_that_says_nothing(silent_port: int, places: Places, scheme: str) -> None:
    address = f"{scheme}://127.0.0.1:{silent_port}/a.bin"
    assert complaint(spec(address), with_limits(places, window_s=SHORT_S)) == f"{address}: {SILENT}"


def test_a_handshake_that_goes_on(places: Places) -> None:
    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"\x16\x03\x03\x40\x00")  # a TLS record of 16 KiB, of which a byte now and then comes
            clock = threading.Event()
            try:
                while not clock.wait(BYTE):
                    connection.sendall(b"x")
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        address = f"https://127.0.0.1:{listener.getsockname()[1]}/a.bin"
        assert complaint(spec(address), with_limits(places, window_s=SHORT_S)) == f"{address}: {SILENT}"
        thread.join()


def test_a_stall_in_the_middle_is_gone_on_with(server: WebServer, places: Places) -> None:
    half = len(CONTENT) // 2

    def stall(write: Write) -> None:
        write(OK + b"Accept-Ranges: bytes\r\nContent-Length: %d\r\n\r\n" % len(CONTENT) + CONTENT[:half])
        server.files["/a.bin"] = CONTENT
        del server.raw["/a.bin"]
        endless(then=b"", pause_s=0.05)(write)

    server.raw["/a.bin"] = stall
    assert fetch(spec(server.url("/a.bin")), with_limits(places, window_s=1)).path.read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [None, f"bytes={half}-"]


def test_the_time_for_an_address_is_limited(server: WebServer, places: Places) -> None:
    server.raw["/a.bin"] = endless(OK, b"\r\n", then=b"x" * 1000, pause_s=0.01)
    told = complaint(spec(server.url("/a.bin")), with_limits(places, time_limit_s=0.8, unannounced_limit_gb=1))
    assert told == f"{server.url('/a.bin')}: took longer than 0.8 s (download.time_limit_s)"
    assert kept(places) == []


def test_any_speed_will_do_where_it_is_said(server: WebServer, places: Places) -> None:
    def slow(write: Write) -> None:
        write(OK + b"Content-Length: %d\r\n\r\n" % len(CONTENT))
        clock = threading.Event()
        for start in range(0, len(CONTENT), 1 << 14):
            clock.wait(0.1)
            write(CONTENT[start : start + (1 << 14)])

    server.raw["/a.bin"] = slow
    found = fetch(spec(server.url("/a.bin")), with_limits(places, slowest_kb_per_s=0))
    assert found.path.read_bytes() == CONTENT


CHUNK = b"x" * 100_000
CHUNKED = b"%x\r\n" % len(CHUNK) + CHUNK + b"\r\n"


@pytest.mark.parametrize(
    ("answer", "size", "why"),
    [
        (endless(OK, b"\r\n", then=CHUNK), 131072, "longer than 131072 bytes (its declared size)"),
        (
            endless(OK, b"Transfer-Encoding: chunked\r\n\r\n", then=CHUNKED),
            131072,
            "longer than 131072 bytes (its declared size)",
        ),
        (endless(OK, b"\r\n", then=CHUNK), None, "longer than 4000000 bytes (download.unannounced_limit_gb; or"),
        (
            endless(OK, b"Content-Length: 131073\r\n\r\n", then=b"x"),
            131072,
            "has 131073 bytes, more than 131072 (its declared size)",
        ),
        (
            endless(OK, b"Content-Length: 6000001\r\n\r\n", then=CHUNK),
            None,
            "has 6000001 bytes, more than 6000000 (download.size_limit_gb; or declare its size)",
        ),
    ],
)
def test_a_body_without_end(
    server: WebServer, places: Places, answer: Callable[[Write], None], size: int | None, why: str
) -> None:
    server.raw["/bad"] = answer
    assert complaint(spec(server.url("/bad"), size=size), places).startswith(
        f"{server.url('/bad')}: the file {'is ' if 'longer' in why else ''}{why}"
    )
    assert len(server.requests) == 1
    assert kept(places) == []


def test_a_file_of_exactly_its_declared_size(server: WebServer, places: Places) -> None:
    server.files["/a.bin"] = CONTENT
    assert fetch(spec(server.url("/a.bin"), size=len(CONTENT)), places).path.read_bytes() == CONTENT


def test_a_large_file_passes_with_what_ships() -> None:
    limits = DownloadSpec()
    assert limits.size_limit_gb > 150  # ImageNet's training images, in one file
    assert limits.unannounced_limit_gb > 4  # a model that a server packs while it sends
    assert limits.time_limit_s * 2e6 > 150e9  # bytes, at 2 MB/s


def test_a_redirect_is_not_read(server: WebServer, places: Places) -> None:
    server.files["/good"] = CONTENT
    location = b"HTTP/1.1 302 Found\r\nLocation: /good\r\n\r\n"
    server.raw["/a.bin"] = endless(location, then=CHUNK)
    before = psutil.Process().memory_info().rss
    assert fetch(spec(server.url("/a.bin")), places).path.read_bytes() == CONTENT
    assert psutil.Process().memory_info().rss - before < 100e6


def test_what_a_server_has_packed_is_not_unpacked(server: WebServer, places: Places) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    server.raw["/a.bin"] = once(OK, b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb), bomb)
    told = complaint(spec(server.url("/a.bin")), places)
    assert f"sha256 is {hashlib.sha256(bomb).hexdigest()}, expected {SHA}" in told


def redirect(location: str) -> Callable[[Write], None]:
    return once(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location.encode() + b"\r\n\r\n")


NOWHERE = "is, or leads to, an address that cannot be: no such host or port"
ELSEWHERE = "leads to an address that is neither http nor https"
NOT_HTTP = "the answer is not proper HTTP"
NO_NUMBER = "the server's Content-Length is not a number of bytes"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://127.0.0.1:port/a.bin", NOWHERE),
        ("http://127.0.0.1:99999/a.bin", NOWHERE),
        ("http:///a.bin", NOWHERE),
        ("http://:80/a.bin", NOWHERE),
        ("http://[::1/a.bin", NOWHERE),
        ("http://exa mple/a.bin", NOWHERE),
        ("http://.example/a.bin", NOWHERE),
        (f"http://{'x' * 64}.invalid/a.bin", NOWHERE),
        ("http://*/a.bin", NOWHERE),
        ("http://127.0.0.1:1/a.bin", "connection refused"),
    ],
)
def test_an_address_that_is_none(server: WebServer, places: Places, address: str, why: str) -> None:
    assert complaint(spec(address), places) == f"{address}: {why}"
    server.files["/good"] = CONTENT
    assert fetch(spec(address, server.url("/good")), places).origin == server.url("/good")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (redirect("ftp://127.0.0.1/a.bin"), ELSEWHERE),
        (redirect("file:///etc/hosts"), ELSEWHERE),
        (redirect("http://127.0.0.1:port/a.bin"), NOWHERE),
        (redirect("http:///a.bin"), "the server answered 404 Not Found"),  # read as /a.bin of the same server
        (redirect("http://[::1/a.bin"), NOWHERE),
        (redirect("/bad"), "leads from one address to the next without end"),
        (once(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), "the server answered 302 Found"),
        (once(b"HTTP/1.1 204 No Content\r\n\r\n"), "the server answered 204 No Content"),
        (once(OK, b"Content-Length: long\r\n\r\n", CONTENT), NO_NUMBER),
        (once(OK, b"Content-Length: -5\r\n\r\n", CONTENT), NO_NUMBER),
        (once(OK, b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", CONTENT), NO_NUMBER),
        (once(OK, b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", CONTENT), NOT_HTTP),
        (once(OK, b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), "the connection ended before the file did"),
        (once(b"HTTP/1.1 999 \x1b[31m\xff\xfe\r\n\r\n"), "the server answered 999"),
        (once(b"\x00\xff\x1b[31mSSH-2.0\r\n\r\n"), NOT_HTTP),
        (once(), "the connection was closed without an answer"),
        (once(OK, b"Content-Length: 131072\r\n\r\nx"), "the connection ended before the file did"),
    ],
)
def test_an_answer_that_is_none(server: WebServer, places: Places, answer: Callable[[Write], None], why: str) -> None:
    server.raw["/bad"] = answer
    assert complaint(spec(server.url("/bad")), places) == f"{server.url('/bad')}: {why}"
    assert kept(places) == []
    server.files["/good"] = CONTENT
    assert fetch(spec(server.url("/bad"), server.url("/good")), places).origin == server.url("/good")


def test_what_cannot_be_gone_on_with_is_not_kept(server: WebServer, places: Places) -> None:
    server.files["/a.bin"] = CONTENT
    server.cuts[:] = [50_000] * 4
    server.ranges = False
    complaint(spec(server.url("/a.bin")), places)
    assert kept(places) == []
    server.ranges = True
    server.cuts[:] = [50_000, 0, 0, 0]
    complaint(spec(server.url("/a.bin")), places)
    assert kept(places) == ["a.bin.part"]
    # A server that does not answer says nothing of what came before.
    complaint(spec("http://127.0.0.1:1/a.bin"), places)
    assert kept(places) == ["a.bin.part"]
    # What is longer than the file is not its beginning.
    fetch(spec(server.url("/a.bin"), size=len(CONTENT)), places)
    assert kept(places) == ["a.bin"]


def test_a_partial_file_does_not_outgrow_the_size(server: WebServer, places: Places) -> None:
    folder = places.cache / SHA[:16]
    folder.mkdir(parents=True)
    (folder / "a.bin.part").write_bytes(b"y" * 100_000)
    server.files["/a.bin"] = CONTENT * 3
    told = complaint(spec(server.url("/a.bin"), size=len(CONTENT)), places)
    assert "the file has 393216 bytes, more than 131072 (its declared size)" in told
    assert kept(places) == []


def test_another_part_than_the_one_that_was_asked_for(server: WebServer, places: Places) -> None:
    folder = places.cache / SHA[:16]
    folder.mkdir(parents=True)
    (folder / "a.bin.part").write_bytes(CONTENT[:1000])

    def odd(write: Write) -> None:
        write(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/131072\r\nContent-Length: 10\r\n\r\n")
        write(CONTENT[:10])
        server.files["/a.bin"] = CONTENT
        del server.raw["/a.bin"]

    server.raw["/a.bin"] = odd
    assert fetch(spec(server.url("/a.bin")), places).path.read_bytes() == CONTENT


def test_a_file_that_does_not_fit_on_the_disk(
    server: WebServer, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a.bin"] = CONTENT
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=len(CONTENT) - 1))
    with pytest.raises(OvlabError, match=r"cache.* is full: a\.bin needs 131\.1 kB, 131\.1 kB are free$"):
        fetch(spec(server.url("/a.bin")), places)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_local_path_that_would_never_end(places: Places, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.bin"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(OvlabError, match=r"a\.bin: is neither a file nor a folder$"):
        fetch(FileSpec(path=str(path)), places)
