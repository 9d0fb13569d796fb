"""Addresses as they may be seen: without user, password, query and fragment, where passwords and tokens stand."""

from __future__ import annotations

import re

HIDDEN = "***"
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+")
HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?")
# An address in a text, or what looks like its credentials without a scheme. What encloses it is not part of it.
# Bounds, and beginnings only where a name begins, keep the time for a text without any in proportion to its length.
IN_TEXT = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]{0,60}://"
    r"|(?<![^\s/@:'\"(=])(?<![^\s/@:'\"(=]:)[^\s/@:'\"(=]+:[^\s/@]{1,4000}@)\S*"
)
ENCLOSING = "'\"`)]}>,;"
# Where no space parts two addresses, the second one looks like a part of the first one's path.
INNER_CREDENTIALS = re.compile(r"//[^\s/]*@")


def show_address(address: str) -> str:
    """Return an address as it may be printed, recorded and hashed: what may be secret in it is ``***``.

    Parameters
    ----------
    address : str
        An address; also one with a slip in it, such as a password with an unescaped ``/``, a bad port or no scheme.

    Returns
    -------
    str
        ``http://user:secret@host/f?token=x`` becomes ``http://***@host/f?***``. An address that is shown already
        stays as it is.
    """
    match = SCHEME.match(address)
    scheme = match.group() if match else ""
    rest = address[len(scheme) :]
    authority, path, tail = _parts(rest)
    if "@" not in authority and "@" in rest and not HOST.fullmatch(authority):
        # No host ends like this, so it is the beginning of credentials with a sign that should have been escaped.
        authority, path, tail = _parts(f"@{rest.rpartition('@')[2]}")
    if "@" in authority:
        authority = f"{HIDDEN}@{authority.rpartition('@')[2]}"
    return f"{scheme}{authority}{path}{tail[:1]}{HIDDEN if tail else ''}"


def _parts(rest: str) -> tuple[str, str, str]:
    """Split what follows the scheme into authority, path, and query with fragment."""
    before = re.match(r"[^?#]*", rest)
    head = before.group() if before else ""
    authority, slash, path = head.partition("/")
    return authority, slash + path, rest[len(head) :]


def hide_secrets(text: str) -> str:
    """Return a text with every address in it as `show_address` shows it: for words that are not our own."""

    def hidden(match: re.Match[str]) -> str:
        address = match.group().rstrip(ENCLOSING)
        shown = INNER_CREDENTIALS.sub(f"//{HIDDEN}@", show_address(address))
        return shown + match.group()[len(address) :]

    return IN_TEXT.sub(hidden, text)
