"""The command ``ovlab`` and its scripts: wrong calls end in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

import ovlab_command
from ovlab_command import COMMANDS, main


def test_every_command_is_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert (ovlab_command.SCRIPTS / f"{name}.py").is_file()
        assert f"  {name} " in shown


def test_an_unknown_command_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verfy"]) == 2
    assert capsys.readouterr().err == "error: unknown command 'verfy'; did you mean 'verify'?\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["verify", "none.zip"], "none.zip: no such bundle"),
        (["bundle", "--experiment", "none", "--results", "."], "no report of an experiment 'none'"),
        (["bundle", "--experiment", "none", "--author", "Doe <x>"], "--author: orcid"),
    ],
)
def test_what_is_not_there_is_told_in_a_line(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert expected in error and "Traceback" not in error
    assert list(tmp_path.iterdir()) == []
