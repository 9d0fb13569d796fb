"""Why an address could not serve a file, in our own words.

The errors of the libraries quote the address with its credentials, or what the server sent; neither belongs into a
log, a record or a terminal.
"""

from __future__ import annotations

import http
import http.client
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3
from urllib3.exceptions import HTTPError, IncompleteRead, LocationParseError, ReadTimeoutError

from ovlab.errors import OvlabError

# What the network brings; an OSError of the disk is none of it.
NETWORK_ERRORS = (requests.RequestException, HTTPError, http.client.HTTPException, ValueError)
NO_SUCH_ADDRESS = "is, or leads to, an address that cannot be: no such host or port"
WORDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (requests.exceptions.InvalidSchema, "leads to an address that is neither http nor https"),
    (requests.exceptions.MissingSchema, "leads to an address that is neither http nor https"),
    ((requests.exceptions.InvalidURL, LocationParseError, UnicodeError), NO_SUCH_ADDRESS),
    (requests.TooManyRedirects, "leads from one address to the next without end"),
    (ssl.SSLCertVerificationError, "the server's certificate is not valid for it"),
    ((ssl.SSLError, urllib3.exceptions.SSLError), "no secure connection can be made"),
    (socket.gaierror, "the host is not known"),
    (requests.exceptions.ProxyError, "the proxy cannot be reached"),
    (requests.ConnectTimeout, "no connection in time"),
    ((requests.ReadTimeout, ReadTimeoutError, TimeoutError), "no answer in time"),
    (http.client.RemoteDisconnected, "the connection was closed without an answer"),
    ((IncompleteRead, http.client.IncompleteRead), "the connection ended before the file did"),
    ((http.client.HTTPException, urllib3.exceptions.InvalidHeader), "the answer is not proper HTTP"),
    (requests.exceptions.InvalidHeader, "the answer is not proper HTTP"),
)
# Asking again would give the same.
FINAL_ERRORS = (
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.TooManyRedirects,
    LocationParseError,
    UnicodeError,
)
# The server's own answer to "is it there?", or one that no file comes with.
FINAL_CODES = frozenset({400, 401, 403, 404, 410, 451}) | frozenset(range(201, 206)) | frozenset(range(300, 400))


class AddressError(OvlabError):
    """An address cannot serve the file; the next one is tried.

    Parameters
    ----------
    message : str
        The reason, without the address.
    again : bool
        Whether another attempt at the same address may succeed.
    """

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


class RefusedError(AddressError):
    """An address serves something that cannot be the file: what has come of it is not kept."""


def in_words(error: Exception) -> AddressError:
    """Tell a library's error in words that name neither the address nor what the server sent."""
    chain = list(_causes(error))
    again = not any(isinstance(cause, FINAL_ERRORS) for cause in chain)
    for kinds, words in WORDS:
        if any(isinstance(cause, kinds) for cause in chain):
            return AddressError(words, again=again)
    for cause in reversed(chain):
        # Only the operating system's errors have a number; requests' own are OSErrors too, with the address in it.
        if isinstance(cause, OSError) and cause.errno is not None and cause.strerror:
            return AddressError(cause.strerror.lower(), again=again)
    # urllib.parse has no error of its own for an address that it cannot read.
    return AddressError(NO_SUCH_ADDRESS if isinstance(error, ValueError) else type(error).__name__)


def of_status(code: int) -> AddressError:
    """Tell a status that comes without the file, in the standard's words rather than in the server's."""
    try:
        phrase = f" {http.HTTPStatus(code).phrase}"
    except ValueError:
        phrase = ""
    return AddressError(f"the server answered {code}{phrase}", again=code not in FINAL_CODES)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """List an error and what led to it, the innermost last."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
