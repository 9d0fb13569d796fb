"""Whether a JPEG file is whole, by its markers alone [1]_: decoders fill what is missing with grey and say nothing.

References
----------
.. [1] ITU-T T.81 (1992), Annex B: a marker is FF and a byte that is neither 0 nor FF; within the data of a scan FF is
   followed by 0, or by D0 to D7 (restart), and all other segments state their length.
"""

from __future__ import annotations

import re

START, _LAST, _SCAN_START = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_MARKER = re.compile(rb"\xff[^\x00\xff]")


def is_whole(data: bytes) -> bool:
    """Tell whether a JPEG's end mark follows its last scan.

    Segments are passed by their length, so that a thumbnail in one is not taken for the image; what stands behind the
    end (the film of a motion photo, a second picture) does not count.

    Parameters
    ----------
    data : bytes
        The file, which begins with `START`.
    """
    # Most files: one picture, and nothing behind it. Within a scan the end mark cannot occur.
    if data.endswith(_LAST) and _SCAN_START in data and data.find(START, len(START)) < 0:
        return True
    position, has_scan = len(START), False
    while found := _MARKER.search(data, position):
        marker, position = data[found.end() - 1], found.end()
        if marker == _END:
            return has_scan
        if marker == _START:
            return False  # another picture begins before this one has ended
        if marker in _WITHOUT_LENGTH:
            continue
        position += int.from_bytes(data[position : position + 2], "big")
        has_scan = has_scan or marker == _SCAN
    return False
