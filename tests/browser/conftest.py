"""A headless browser for the tests of the report's page; where there is none, they are skipped."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Browser, browser, find_chromium

sys.path.append(str(Path(__file__).parents[1] / "unit" / "report"))

AXE, AXE_SHA256 = "axe-core@4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser; each test opens its page anew."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    with browser(path, tmp_path_factory.mktemp("profile", numbered=True)) as one:
        yield one


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script that looks for what keeps people out; from npm's registry, by its hash."""
    if shutil.which("npm") is None:
        pytest.skip(f"no npm here to get {AXE}")
    folder = tmp_path_factory.mktemp("axe")
    got = subprocess.run(
        ["npm", "pack", "--silent", AXE], cwd=folder, capture_output=True, timeout=120, check=False, text=True
    )
    archives = list(folder.glob("*.tgz"))
    if got.returncode != 0 or not archives:
        pytest.skip(f"{AXE} cannot be had: {got.stderr.strip()[-200:]}")
    assert hashlib.sha256(archives[0].read_bytes()).hexdigest() == AXE_SHA256
    with tarfile.open(archives[0]) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode("utf-8")
