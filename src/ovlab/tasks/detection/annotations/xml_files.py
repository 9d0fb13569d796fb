"""XML files of others: in the encoding that they declare, without DTD and entities."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError  # the parser itself is defusedxml's

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from ovlab.data.reading import read_bytes
from ovlab.errors import OvlabError
from ovlab.files import decode_text, marked_encoding

_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,100}?\sencoding\s*=\s*["']([A-Za-z][\w.\-]{0,40})["']""")
_WIDE = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
# What declares GB2312 or GBK is often written in what came after: a superset of both.
_WIDENED = {"gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030"}


def parse_xml(path: Path, root: str) -> Any:
    """Parse an XML file.

    The parser itself knows few encodings; the file is decoded before, as its byte order mark or its declaration says.

    Parameters
    ----------
    path : Path
        The file.
    root : str
        Name of the element that it must hold.

    Returns
    -------
    xml.etree.ElementTree.Element

    Raises
    ------
    OvlabError
        Naming the file, if it is missing, is not XML, is not in its encoding, holds a DTD or entities, or another
        element.
    """
    text = _decoded(read_bytes(path), path)
    try:
        tree = defusedxml.ElementTree.fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise OvlabError(f"{path}: refused, it declares a DTD or entities ({type(error).__name__})") from None
    except (ParseError, ValueError, LookupError) as error:
        raise OvlabError(f"{path}: not XML ({error})") from None
    if tree.tag != root:
        raise OvlabError(f"{path}: the root is <{tree.tag}>, expected <{root}>")
    return tree


def _decoded(data: bytes, path: Path) -> str:
    found = _DECLARED.match(data)
    declared = found[1].decode().lower() if found else _WIDE.get(data[:2], "")
    # Tools that write UTF-8 and declare UTF-16 are common; a declaration that can be read is not in UTF-16.
    if marked_encoding(data) or declared in {"", "utf-8", "utf8"} or (found and declared.startswith(("utf-16", "ucs"))):
        return decode_text(data, str(path))
    try:
        return data.decode(_WIDENED.get(declared, declared))
    except LookupError:
        raise OvlabError(f"{path}: declares the encoding {declared!r}, which is not known here") from None
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = data.count(b"\n", 0, start) + 1
        raise OvlabError(
            f"{path}, line {line}: byte 0x{data[start]:02x} is not {declared}, which it declares"
        ) from None
