"""Errors in one line."""

from __future__ import annotations

import errno
import os

import pytest

from ovlab.errors import OvlabError, nearest, one_line


@pytest.mark.parametrize(
    ("name", "valid", "expected"),
    [
        ("squeezenet", ["squeezenet1_1", "resnet"], "; did you mean 'squeezenet1_1'?"),
        ("cpu", ["CPU", "GPU"], "; did you mean 'CPU'?"),
        ("DIGITS_CN", ["digits_cnn", "digits_ssd"], "; did you mean 'digits_cnn'?"),
        ("num_stream", ["NUM_STREAMS", "PERF_COUNT"], "; did you mean 'NUM_STREAMS'?"),
        ("x", ["b", "a", "b"], "; valid: a, b"),
        ("x", [], "; there are none"),
    ],
)
def test_nearest(name: str, valid: list[str], expected: str) -> None:
    assert nearest(name, valid) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/a"), "/data/a: no space left on device"),
        (OSError(errno.EIO, "Input/output error"), "input/output error"),
        (OSError("odd"), "OSError: odd"),
        (MemoryError(), "out of memory"),
        (KeyError("a"), "KeyError: 'a'"),
        (ValueError(), "ValueError"),
        (RuntimeError(), "RuntimeError"),
        (RuntimeError("Exception from src/core/a.cpp:1:\n\nNot good:\n  at all\n"), "Not good: at all"),
        (RuntimeError("Exception from src/core/a.cpp:1:"), "Exception from src/core/a.cpp:1:"),
        (ValueError("a\nb"), "ValueError: a b"),
    ],
)
def test_one_line(error: Exception, expected: str) -> None:
    assert one_line(error) == expected


def test_a_long_message_is_cut() -> None:
    assert len(one_line(RuntimeError("x" * 10_000))) == 500


@pytest.mark.parametrize("name", ["x" * 100_000, "\u202e" * 1000, "a word " * 10_000, "x" * 501])
def test_a_long_name_leaves_the_rest_to_be_read(name: str) -> None:
    text = str(OvlabError(f"a.xml, object 1: class {name} is none of the data set's; did you mean 'dog'?"))
    assert text.startswith("a.xml, object 1: class ") and text.endswith("did you mean 'dog'?")
    assert "..." in text and len(text) < 2000


def test_a_long_path_is_whole() -> None:
    path = f"/{'folder/' * 60}a.xml"
    assert str(OvlabError(f"{path}: no such file")) == f"{path}: no such file"


def test_an_exception_that_cannot_say_what_it_is() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise KeyError

    assert one_line(OddError()) == "OddError"


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("std::bad_alloc"), RuntimeError("Check failed: std::bad_alloc")]
)
def test_memory_that_is_lacking_is_told_in_words(error: Exception) -> None:
    assert one_line(error) == "out of memory"
