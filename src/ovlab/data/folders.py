"""What lies in a folder of images: the images, and what is left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ovlab.data.images import IMAGE_SUFFIXES

SYSTEM = frozenset(
    {"__macosx", "@eadir", "#recycle", "#snapshot", "$recycle.bin", "lost+found", "system volume information"}
    | {"__pycache__", "thumbs.db", "desktop.ini"}
)
"""What operating systems and file servers put beside the files of a user, in small letters."""
COMPANIONS = frozenset({"", ".txt", ".xml", ".json", ".csv", ".tsv", ".yaml", ".yml", ".md", ".html", ".cache", ".py"})
"""Suffixes of files that are expected beside images; nothing is said of them."""


@dataclass(frozen=True)
class FoundFiles:
    """The files below a folder.

    Attributes
    ----------
    images : list of Path
        In the order of their names.
    others : mapping of str to int
        How many files of which suffix are neither images that can be read nor expected beside such.
    """

    images: list[Path]
    others: Mapping[str, int]


def is_ignored(name: str) -> bool:
    """Tell whether a file or folder is none of the data set's: hidden, or put there by a system."""
    return name.startswith(".") or name.casefold() in SYSTEM


def find_files(folder: Path) -> FoundFiles:
    """Look for images below a folder, without what is hidden or put there by a system."""
    images: list[Path] = []
    others: Counter[str] = Counter()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_ignored(name)]
        for name in names:
            path = Path(place, name)
            suffix = path.suffix.lower()
            if is_ignored(name):
                continue
            if suffix in IMAGE_SUFFIXES:
                images.append(path)
            elif suffix not in COMPANIONS:
                others[suffix] += 1
    return FoundFiles(sorted(images), others)


def list_images(folder: Path) -> list[Path]:
    """List the images below a folder, in the order of their names, without what is hidden or of a system."""
    return find_files(folder).images


def left_out(others: Mapping[str, int], folder: str) -> tuple[str, ...]:
    """Say how many files of a folder are left out because they are no images that can be read; nothing for none."""
    count = sum(others.values())
    if not count:
        return ()
    kinds = ", ".join(f"{number} {suffix}" for suffix, number in sorted(others.items(), key=lambda item: -item[1])[:5])
    return (f"{count} {'file' if count == 1 else 'files'} in {folder!r} left out, no image that is read: {kinds}",)
