"""A watch over connections: it cuts those that are too slow or take too long.

A time limit of the socket's own counts from one byte to the next, so that a server that sends a byte now and then
keeps any single read waiting for ever, inside of the headers too, where no code of ours runs in between.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from ovlab.specs import DownloadSpec

REDIRECTS = 10


class Watch:
    """Cuts the connections of one download when its bounds are exceeded; a context manager.

    Parameters
    ----------
    limits : DownloadSpec
        Its speed, window and time limit count.

    Attributes
    ----------
    verdict : str
        Why the connections were cut; empty while all is well.
    """

    def __init__(self, limits: DownloadSpec) -> None:
        self.verdict = ""
        self._limits = limits
        self._least = limits.slowest_kb_per_s * 1e3 * limits.window_s
        self._deadline = time.monotonic() + limits.time_limit_s
        self._received = 0
        self._in_attempt = 0
        self._window_ends = 0.0
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="download watch", daemon=True)

    def __enter__(self) -> Watch:
        self.begin_attempt()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._forget_sockets()

    @property
    def is_over(self) -> bool:
        """Whether the time for this address is spent."""
        return time.monotonic() >= self._deadline

    @property
    def has_progressed(self) -> bool:
        """Whether this attempt has brought as much as a window must, so that another one may be worth its time."""
        return self._in_attempt >= max(self._least, 1)

    def begin_attempt(self) -> None:
        """Start the window anew; the time limit counts on."""
        with self._lock:
            self.verdict = ""
            self._received = self._in_attempt = 0
            self._window_ends = time.monotonic() + self._limits.window_s
        self._forget_sockets()

    def count(self, size: int) -> None:
        """Note that so many bytes of the file have come."""
        self._received += size
        self._in_attempt += size

    def add(self, connection: socket.socket) -> socket.socket:
        """Watch a connection, and return it. What is cut later is a duplicate: TLS takes the original over."""
        with self._lock:
            self._sockets.append(connection.dup())
        return connection

    def _run(self) -> None:
        tick = min(1.0, self._limits.window_s / 10, self._limits.time_limit_s / 10)
        while not self._done.wait(tick):
            with self._lock:
                if not self.verdict:
                    self.verdict = self._judge(time.monotonic())
                if self.verdict:
                    # Again at every tick: a redirect may have opened another connection.
                    for connection in self._sockets:
                        with contextlib.suppress(OSError):
                            connection.shutdown(socket.SHUT_RDWR)

    def _judge(self, now: float) -> str:
        limits = self._limits
        if now >= self._deadline:
            return f"took longer than {limits.time_limit_s:g} s (download.time_limit_s)"
        if now < self._window_ends:
            return ""
        if self._received == 0:
            return f"nothing came for {limits.window_s:g} s (download.window_s)"
        if self._received < self._least:
            return (
                f"slower than {limits.slowest_kb_per_s:g} kB/s over {limits.window_s:g} s (download.slowest_kb_per_s)"
            )
        self._received, self._window_ends = 0, now + limits.window_s
        return ""

    def _forget_sockets(self) -> None:
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()


def watched_session(watch: Watch) -> requests.Session:
    """Make a session whose connections are watched, and which reads no more of a redirect than its headers."""
    session = requests.Session()
    session.max_redirects = REDIRECTS
    # requests would read the whole answer, however long, before it follows a redirect.
    session.hooks["response"].append(_without_body_of_redirect)
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(watch))
    return session


def _without_body_of_redirect(answer: requests.Response, **_: Any) -> None:
    if answer.is_redirect:
        answer.close()


class _WatchedConnection(HTTPConnection):
    watch: Watch

    def _new_conn(self) -> socket.socket:
        return self.watch.add(super()._new_conn())


class _WatchedTlsConnection(HTTPSConnection):
    watch: Watch

    def _new_conn(self) -> socket.socket:
        return self.watch.add(super()._new_conn())


class _Adapter(HTTPAdapter):
    """Connects through watched connections, also to a proxy."""

    def __init__(self, watch: Watch) -> None:
        plain = type("Connection", (_WatchedConnection,), {"watch": watch})
        tls = type("TlsConnection", (_WatchedTlsConnection,), {"watch": watch})
        self._pools = {
            "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):  # which brings connections of its own
            manager.pool_classes_by_scheme = self._pools
        return manager
