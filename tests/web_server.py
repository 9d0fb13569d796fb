"""A local web server that misbehaves on demand."""

from __future__ import annotations

import http.server
from dataclasses import dataclass, field
from typing import Any


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


def handler(server: WebServer) -> type[http.server.BaseHTTPRequestHandler]:
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
            if server.ranges:
                self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            part = content[start:]
            self.wfile.write(part[: server.cuts.pop(0)] if server.cuts else part)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
