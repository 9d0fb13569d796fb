"""A downloader for pooch that goes on where an interrupted download ended."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import requests
from tqdm import tqdm

log = logging.getLogger("ovlab.download")

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 15, 60
ATTEMPTS = 4
CHUNK = 1 << 18
# The server's own answer to "is it there?": trying again would not change it.
FINAL_CODES = frozenset({400, 401, 403, 404, 410, 451})


class ResumingDownloader:
    """Download over HTTP with retries, continuing a partial file where the server allows it.

    Parameters
    ----------
    partial : Path
        Where the bytes gather. It survives a failed attempt or a killed run; the next one asks for the rest.
    """

    def __init__(self, partial: Path) -> None:
        self.partial = partial

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:  # noqa: ARG002 (pooch's signature)
        """Fetch `url` into `output_file`; the signature is pooch's."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._fetch(url)
                break
            except requests.RequestException as error:
                if attempt == ATTEMPTS or _is_final(error):
                    raise
                pause = 2.0 ** (attempt - 1)
                log.warning("%s: %s; trying again in %.0f s", url, error, pause)
                time.sleep(pause)
        self.partial.replace(output_file)

    def _fetch(self, url: str) -> None:
        have = self.partial.stat().st_size if self.partial.exists() else 0
        headers = (
            {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if have else {"Accept-Encoding": "identity"}
        )
        with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                self.partial.unlink()
                raise requests.ConnectionError("the partial file does not fit; starting again")
            answer.raise_for_status()
            resumed = answer.status_code == requests.codes.partial_content
            if not resumed:
                have = 0
            self._save(answer, have, "ab" if resumed else "wb")

    def _save(self, answer: requests.Response, have: int, mode: str) -> None:
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with (
            self.partial.open(mode) as file,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=self.partial.stem, disable=None) as bar,
        ):
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
        size = self.partial.stat().st_size
        if total is not None and size < total:
            raise requests.ConnectionError(f"the connection ended after {size} of {total} bytes")


def _is_final(error: requests.RequestException) -> bool:
    return error.response is not None and error.response.status_code in FINAL_CODES
