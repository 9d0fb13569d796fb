"""Calls of ``kubectl``, which knows the cluster and its credentials."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from ovlab.errors import OvlabError
from ovlab.text import readable_line

REQUEST_S, CALL_S = 30, 90
NOT_THERE = "(NotFound)"


class KubectlError(OvlabError):
    """What kubectl could not do; the message is its own last line."""


def kubectl(*arguments: str, stdin: str | None = None, seconds: float = CALL_S) -> str:
    """Call kubectl and return what it printed.

    Parameters
    ----------
    *arguments : str
        Its command line.
    stdin : str, optional
        What it reads.
    seconds : float
        After which it is not waited for any more.

    Raises
    ------
    OvlabError
        If there is none.
    KubectlError
        If it fails or does not answer.
    """
    try:
        done = subprocess.run(
            ["kubectl", f"--request-timeout={REQUEST_S}s", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
    except FileNotFoundError:
        raise OvlabError("kubectl: no such program on the PATH; it is what talks to the cluster") from None
    except OSError as error:
        raise OvlabError(f"kubectl: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise KubectlError(f"kubectl {arguments[0]}: no answer within {seconds:g} s") from None
    if done.returncode != 0:
        raise KubectlError(f"kubectl {arguments[0]}: {_last_line(done.stderr.splitlines())}")
    return done.stdout


def _last_line(lines: Sequence[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    return readable_line(said[-1]) if said else "failed without a word"
