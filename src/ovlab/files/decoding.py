"""Text of files that others wrote: UTF-8, or what a byte order mark announces."""

from __future__ import annotations

import codecs

from ovlab.errors import OvlabError

_MARKED = (  # the marks of UTF-32 begin like those of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


def decode_text(data: bytes, where: str) -> str:
    """Return the text of a file that others wrote, without its byte order mark.

    Parameters
    ----------
    data : bytes
        What the file holds: UTF-8, or UTF-16 or UTF-32 with a byte order mark that says so.
    where : str
        What to call the file in an error.

    Raises
    ------
    OvlabError
        Naming file and line, if it is in another encoding.
    """
    encoding = marked_encoding(data) or "utf-8"
    if encoding.startswith("utf-8") and b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise OvlabError(f"{where}, line {line}: holds a zero byte; save the file as UTF-8 (is it UTF-16, or no text?)")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line, byte = data.count(b"\n", 0, error.start) + 1, data[error.start]
        if encoding.startswith("utf-8"):
            hint = "; save the file as UTF-8 (is it GBK, Latin-1 or the like?)"
            raise OvlabError(f"{where}, line {line}: byte 0x{byte:02x} is not UTF-8{hint}") from None
        raise OvlabError(f"{where}, line {line}: not the {encoding.upper()} that its first bytes announce") from None


def marked_encoding(data: bytes) -> str | None:
    """Return the encoding that a byte order mark announces, None without one."""
    return next((encoding for mark, encoding in _MARKED if data.startswith(mark)), None)
