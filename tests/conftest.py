"""Fixtures that the tests share: the toy laboratory and a local web server."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from toy import Lab, colour_onnx, convert_settings, folders_spec, model_spec, source_record, write_class_folders

from ovlab.convert import convert


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The toy model, converted once. Read-only: tests that damage something work on a copy."""
    root = tmp_path_factory.mktemp("lab")
    path = colour_onnx(root / "toy.onnx")
    model, dataset = model_spec(path), folders_spec()
    data = write_class_folders(root / "data")
    record = convert(convert_settings(model, dataset), source_record(root), source_record(data), root / "ir")
    return Lab(path, model, dataset, data, root / "ir", record)


@dataclass
class WebServer:
    """A web server on this machine, and how it misbehaves.

    Attributes
    ----------
    files : dict
        Path to content.
    ranges : bool
        Whether it answers a request for a part with the part.
    cuts : list of int
        For each coming answer with content: after how many bytes the connection breaks.
    codes : list of int
        For each coming request: an error to answer.
    requests : list of (path, Range header)
        What was asked.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    port: int = 0

    def url(self, path: str) -> str:
        """Address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


def _handler(server: WebServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            server.requests.append((self.path, asked))
            content = server.files.get(self.path)
            code = server.codes.pop(0) if server.codes else 200 if content is not None else 404
            if code != 200 or content is None:
                self.send_error(code)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
            if start and start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            part = content[start:]
            self.wfile.write(part[: server.cuts.pop(0)] if server.cuts else part)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A web server on this machine."""
    state = WebServer()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(state)) as web:
        state.port = web.server_address[1]
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        web.shutdown()
        thread.join()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between attempts, noted instead of slept through."""
    noted: list[float] = []
    monkeypatch.setattr("ovlab.download.http.time.sleep", noted.append)
    return noted


@pytest.fixture
def refuse_network(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to make every further request an error."""

    def forbid(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the network was used")

    return lambda: monkeypatch.setattr("requests.get", forbid)
