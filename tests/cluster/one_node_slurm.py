"""A Slurm of one node on this machine: munged, slurmctld and slurmd, started by hand and stopped again.

Debian's packages: ``apt-get install --no-install-recommends slurm-wlm munge``.
By hand: ``python one_node_slurm.py COMMAND``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CONF = Path("/etc/slurm/slurm.conf")
"""Not elsewhere: Snakemake's executor strips SLURM_CONF from the environment of its job steps."""
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
SETTINGS = """\
ClusterName=ovlab
SlurmctldHost={host}(127.0.0.1)
AuthInfo=socket={state}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
StateSaveLocation={state}/ctld
SlurmdSpoolDir={state}/slurmd
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd.pid
SlurmctldPort={port_ctld}
SlurmdPort={port_d}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2
ReturnToService=2
MinJobAge=600
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 Feature=epyc State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=UNLIMITED State=UP
PartitionName=lab Nodes={host} MaxTime=UNLIMITED State=UP
"""


def why_not() -> str | None:
    """Say why there can be no such Slurm here; None where there can."""
    lacking = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if lacking:
        return f"not installed: {', '.join(lacking)} (apt-get install --no-install-recommends slurm-wlm munge)"
    if os.geteuid() != 0:
        return "needs root, as Slurm's daemons do"
    return f"{CONF} is there: this machine belongs to a cluster" if CONF.exists() else None


class OneNodeSlurm:
    """The daemons; made by :func:`running_slurm`."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        """Start a daemon in the foreground of its own session; its output goes to a file beside its state."""
        with (self.state / f"{name}.out").open("ab") as out:
            self._running[name] = subprocess.Popen(
                [shutil.which(name, path=_path()) or name, *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_slurmd(self) -> None:
        """Start the node's daemon."""
        self.start("slurmd", "-D", "-N", _host())

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """End a daemon and wait for it."""
        process = self._running.pop(name)
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        """Cancel what runs, then end the daemons, the newest first."""
        subprocess.run(["scancel", "--user=root"], check=False, capture_output=True, timeout=30)
        with contextlib.suppress(TimeoutError):
            self.wait_for(lambda: not self.queue(), 20)
        for name in reversed(list(self._running)):
            self.stop(name)

    def queue(self) -> list[str]:
        """List jobs that wait or run, as ``NAME STATE COMMENT``."""
        done = subprocess.run(["squeue", "-h", "-o", "%j %T %k"], capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    def wait_for(self, condition: object, seconds: float = 60) -> None:
        """Wait until `condition()` holds; what the daemons have said is in the error."""
        deadline = time.monotonic() + seconds
        while not condition():  # type: ignore[operator]
            if time.monotonic() > deadline:
                said = {path.name: path.read_text(errors="replace")[-2000:] for path in self.state.glob("*.out")}
                raise TimeoutError(f"waited {seconds} s; {said}")
            time.sleep(0.2)

    def is_idle(self) -> bool:
        """Tell whether the node takes jobs."""
        done = subprocess.run(["sinfo", "-h", "-p", "main", "-o", "%T"], capture_output=True, text=True, check=False)
        return done.stdout.strip() == "idle"


@contextlib.contextmanager
def running_slurm() -> Iterator[OneNodeSlurm]:
    """Start the daemons, and stop them and remove their configuration in the end."""
    state = Path(tempfile.mkdtemp(prefix="ovlab-slurm-"))
    slurm = OneNodeSlurm(state)
    try:
        (state / "ctld").mkdir()
        (state / "slurmd").mkdir()
        key = state / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        with CONF.open("x") as conf:
            ports = _free_ports()
            conf.write(
                SETTINGS.format(host=_host(), state=state, cpus=os.cpu_count(), port_ctld=ports[0], port_d=ports[1])
            )
        files = ("key-file=munge.key", "socket=munge.socket", "pid-file=munged.pid", "seed-file=munged.seed")
        paths = [f"--{option}={state}/{name}" for option, name in (one.split("=") for one in files)]
        # In the foreground it logs to its output; --force: a folder for temporary files is everybody's.
        slurm.start("munged", "--foreground", "--force", *paths)
        slurm.wait_for((state / "munge.socket").exists, 20)
        slurm.start("slurmctld", "-D", "-i")
        slurm.start_slurmd()
        slurm.wait_for(slurm.is_idle, 60)
        yield slurm
    finally:
        slurm.stop_all()
        CONF.unlink(missing_ok=True)
        shutil.rmtree(state, ignore_errors=True)


def _free_ports() -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _host() -> str:
    return socket.gethostname().split(".")[0]


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(reason)
    with running_slurm():
        sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)
