"""A downloader for pooch: bounded in size and time, it goes on where an interrupted download ended."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import requests

from ovlab.addresses import show_address
from ovlab.download.progress import Progress
from ovlab.download.reasons import NETWORK_ERRORS, AddressError, RefusedError, in_words, of_status
from ovlab.download.watch import Watch, watched_session
from ovlab.files import require_room
from ovlab.specs import DownloadSpec

log = logging.getLogger("ovlab.download")

CONNECT_TIMEOUT_S = 15
ATTEMPTS = 4
CHUNK = 1 << 18
# As it is stored: whatever else an answer is encoded in would be unpacked without a bound.
HEADERS = {"Accept-Encoding": "identity"}


class ResumingDownloader:
    """Download over HTTP with retries, continuing a partial file where the server allows it.

    Parameters
    ----------
    address : str
        The whole address, with its credentials.
    partial : Path
        Where the bytes gather. It survives a failed attempt or a killed run if the server can send the rest alone;
        the next attempt asks for it.
    size : int, optional
        The declared size in bytes: no more is read.
    limits : DownloadSpec
        Bounds on speed, time, and on a size that is not declared.
    """

    def __init__(self, address: str, partial: Path, size: int | None, limits: DownloadSpec) -> None:
        self._address = address
        self._partial = partial
        self._size = size
        self._limits = limits
        self._can_resume = True  # until an answer says otherwise

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:  # noqa: ARG002 (pooch's signature)
        """Fetch the file into `output_file`; the signature is pooch's.

        Raises
        ------
        AddressError
            If the address cannot serve the file; its subclass RefusedError if it serves something else.
        StorageError
            If the file does not fit on the disk.
        """
        try:
            self._fetch_with_retries()
        except BaseException as error:
            if not self._can_resume or isinstance(error, RefusedError):
                self._partial.unlink(missing_ok=True)
            raise
        self._partial.replace(output_file)

    def _fetch_with_retries(self) -> None:
        with Watch(self._limits) as watch, watched_session(watch) as session:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    self._fetch(session, watch)
                    return
                except AddressError as error:
                    if attempt == ATTEMPTS or not error.again or watch.is_over:
                        raise
                    pause = 2.0 ** (attempt - 1)
                    log.warning("%s: %s; trying again in %.0f s", show_address(self._address), error, pause)
                    time.sleep(pause)
                watch.begin_attempt()

    def _fetch(self, session: requests.Session, watch: Watch) -> None:
        have = self._partial.stat().st_size if self._partial.exists() else 0
        headers = HEADERS | ({"Range": f"bytes={have}-"} if have else {})
        timeout = (CONNECT_TIMEOUT_S, 2 * self._limits.window_s)  # the watch comes first
        try:
            with session.get(self._address, headers=headers, stream=True, timeout=timeout) as answer:
                have = self._start(answer, have)
                self._save(answer, have, watch)
        except NETWORK_ERRORS as error:
            # A connection that the watch has cut looks like one that broke.
            raise self._cut(watch) or in_words(error) from None
        if (cut := self._cut(watch)) is not None:
            raise cut

    @staticmethod
    def _cut(watch: Watch) -> AddressError | None:
        return AddressError(watch.verdict, again=watch.has_progressed) if watch.verdict else None

    def _start(self, answer: requests.Response, have: int) -> int:
        """Look at the headers, and return how many bytes of the file there are already."""
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            self._partial.unlink(missing_ok=True)
            raise AddressError("the partial file does not fit; starting again", again=True)
        is_part = answer.status_code == requests.codes.partial_content
        if not is_part and answer.status_code != requests.codes.ok:
            raise of_status(answer.status_code)
        self._can_resume = is_part or answer.headers.get("Accept-Ranges", "").strip().lower() == "bytes"
        if is_part and not answer.headers.get("Content-Range", f"bytes {have}-").startswith(f"bytes {have}-"):
            self._partial.unlink(missing_ok=True)
            raise AddressError("the server sent another part than the one that was asked for", again=True)
        return have if is_part else 0

    def _save(self, answer: requests.Response, have: int, watch: Watch) -> None:
        length = _content_length(answer)
        total = None if length is None else have + length
        most, key = self._most(total)
        if total is not None:
            if total > most:
                raise RefusedError(f"the file has {total} bytes, more than {most} ({key})")
            require_room(self._partial.parent, self._partial.stem, total - have)
        with (
            self._partial.open("ab" if have else "wb") as file,
            Progress(f"downloading {self._partial.stem}", total, "B", have) as progress,
        ):
            # One read of the socket at a time, so that what has come is counted when it comes.
            while piece := answer.raw.read1(CHUNK, decode_content=False):
                have += len(piece)
                if have > most:
                    raise RefusedError(f"the file is longer than {most} bytes ({key})")
                file.write(piece)
                watch.count(len(piece))
                progress.advance(len(piece))
        if total is not None and have < total:
            raise AddressError(f"the connection ended after {have} of {total} bytes", again=True)

    def _most(self, total: int | None) -> tuple[int, str]:
        """Return the largest accepted size in bytes, and the key that says so."""
        if self._size is not None:
            return self._size, "its declared size"
        if total is not None:
            return int(self._limits.size_limit_gb * 1e9), "download.size_limit_gb; or declare its size"
        return int(self._limits.unannounced_limit_gb * 1e9), "download.unannounced_limit_gb; or declare its size"


def _content_length(answer: requests.Response) -> int | None:
    text = answer.headers.get("Content-Length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise AddressError("the server's Content-Length is not a number of bytes")
    return int(text)
