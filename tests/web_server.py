"""A local web server that misbehaves on demand."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Write = Callable[[bytes], object]


@dataclass
class WebServer:
    """A web server on this machine, and how it misbehaves.

    Attributes
    ----------
    files : dict
        Path, with its query, to content.
    raw : dict
        Path to a function that writes all that is answered, from the status line on.
    ranges : bool
        Whether it answers a request for a part with the part, and says so.
    cuts : list of int
        For each coming answer with content: after how many bytes the connection breaks.
    codes : list of int
        For each coming request: an error to answer.
    pace : (int, float), optional
        Content is sent in pieces of so many bytes, with a pause of so many seconds after each.
    authorization : str, optional
        The header that every request must have.
    requests : list of (path, Range header)
        What was asked.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    raw: dict[str, Callable[[Write], None]] = field(default_factory=dict)
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    pace: tuple[int, float] | None = None
    authorization: str | None = None
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    port: int = 0

    def url(self, path: str) -> str:
        """Address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


def endless(*beginning: bytes, then: bytes, pause_s: float = 0.0) -> Callable[[Write], None]:
    """Answer with some bytes, and then with others again and again until the other side has enough."""

    def answer(write: Write) -> None:
        for piece in beginning:
            write(piece)
        clock = threading.Event()
        while not clock.wait(pause_s):
            write(then)

    return answer


def once(*pieces: bytes) -> Callable[[Write], None]:
    """Answer with these bytes."""
    return lambda write: [write(piece) for piece in pieces] and None


@contextlib.contextmanager
def serving() -> Iterator[WebServer]:
    """Run a web server on this machine."""
    state = WebServer()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(state)) as web:
        state.port = web.server_address[1]
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            web.shutdown()
            thread.join()


def handler(server: WebServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            server.requests.append((self.path, asked))
            if self.path in server.raw:
                self.close_connection = True
                with contextlib.suppress(OSError):  # the other side has enough
                    server.raw[self.path](self.wfile.write)
                return
            content = server.files.get(self.path)
            code = server.codes.pop(0) if server.codes else 200 if content is not None else 404
            if server.authorization is not None and self.headers.get("Authorization") != server.authorization:
                code = 401
            if code != 200 or content is None:
                self.send_error(code)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
            if start and start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            if server.ranges:
                self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            part = content[start:]
            self.send_body(part[: server.cuts.pop(0)] if server.cuts else part)

        def send_body(self, part: bytes) -> None:
            size, pause_s = server.pace or (len(part) or 1, 0.0)
            for start in range(0, len(part), size):
                try:
                    self.wfile.write(part[start : start + size])
                except OSError:  # the other side was killed, or has enough
                    self.close_connection = True
                    return
                if pause_s:
                    threading.Event().wait(pause_s)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
