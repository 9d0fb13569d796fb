"""Decoders of users that fail in every way that Python knows, and some that it does not."""

from __future__ import annotations

from detection_files import coco_json, write_coco

from campaign.cases import OWN_DECODER, Command, Family, Room

DECODERS = Family("decoders")
FAMILIES = (DECODERS,)
SPLIT = {"images": "val", "annotations": "instances.json"}


def run(room: Room, text: str) -> Command:
    root = write_coco(room.here / "data", coco_json())
    return room.detect(root, {"format": "coco", "splits": {"validation": SPLIT}}, text)


def body(name: str, code: str, words: str) -> None:
    """A decoder that does this instead of returning what it should."""
    lines = "\n".join(f"    {line}" for line in code.splitlines())
    head, _, _ = OWN_DECODER.partition("    return")
    DECODERS.add(name, lambda room: run(room, f"{head}{lines}\n"), rf"^failed: .*{words}")


def file(name: str, text: str, words: str) -> None:
    """A file that is no decoder."""
    DECODERS.add(name, lambda room: run(room, text), rf"^failed: .*{words}")


NONE = "np.zeros(0)"
ENDED = "the process was ended by code that it ran"
body("sys.exit", "import sys; sys.exit(0)", ENDED)
body("sys.exit with text", "import sys; sys.exit('\\x1b[31m done\\n')", ENDED)
body("os._exit(0)", "import os; os._exit(0)", ENDED)
body("os._exit(7)", "import os; os._exit(7)", "ended|exit code 7")
body("os.abort", "import os; os.abort()", "killed by SIGABRT")
body("kills itself", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed")
body("segmentation fault", "import ctypes; ctypes.string_at(0)", "killed by SIGSEGV")
body(
    "raises",
    "raise ValueError('of\\nthree\\nlines \\x1b[31m \\u202e')",
    "decoder own: ValueError: of three lines|decoder own",
)
body(
    "raises what has no text",
    "class Odd(Exception):\n    def __str__(self): raise KeyError\nraise Odd",
    "decoder own: Odd",
)
body("raises BaseException", "raise BaseException('no Exception')", rf"{ENDED}.*BaseException: no Exception")
body("raises KeyboardInterrupt", "raise KeyboardInterrupt", rf"{ENDED}.*KeyboardInterrupt")
body("raises GeneratorExit", "raise GeneratorExit", rf"{ENDED}.*GeneratorExit")
body("recursion", "def again(): return again()\nreturn again()", "decoder own: RecursionError")
body("returns nothing", "pass", "decoder own: returns NoneType, expected Detections")
body("returns a text", "return 'boxes'", "decoder own: returns str, expected Detections")
body(
    "returns NaN",
    "return Detections([0], [float('nan')], [[0, 0, 1, 1]])",
    "decoder own: detections: a score is not finite",
)
body(
    "returns boxes of NaN",
    "return Detections([0], [1], [[0, float('nan'), 1, 1]])",
    "boxes: a coordinate is not finite",
)
body("returns boxes of three", "return Detections([0], [1], [[0, 0, 1]])", "decoder own: ")
body("returns uneven arrays", "return Detections([0, 1], [1], [[0, 0, 1, 1]])", "decoder own: detections: ")
body("returns class -1", "return Detections([-1], [1], [[0, 0, 1, 1]])", "class index -1, expected 0 to 1")
body("returns class 99", "return Detections([99], [1], [[0, 0, 1, 1]])", "class index 99, expected 0 to 1")
body("looks for another output", "return outputs['boxes']", "decoder own: KeyError: 'boxes'")
body("loops", "while True: pass", "own.*(took|seconds| s)")
body("sleeps", "import time; time.sleep(10**6)", "own.*(took|seconds| s)")
body("loops in C", "sum(range(10**15))", "own.*(took|seconds| s)")
body("takes all memory", "return [bytearray(10**8) for _ in range(10**6)]", "memory")
body("takes 5 GB at once", "return np.ones(5 * 10**9, np.uint8)", "memory|not done after 3 s")
file("empty", "", "registers no decoder")
file("binary", "\0\1\2", "cannot be loaded")
file("syntax", "def own(:\n", "cannot be loaded, line 1")
file("missing import", "import nothing_of_this_name\n", "cannot be loaded .*ModuleNotFoundError")
file("exits while it loads", "raise SystemExit(0)\n", "cannot be loaded .*SystemExit")
file("os._exit while it loads", "import os; os._exit(0)\n", ENDED)
file("loops while it loads", "while True: pass\n", "own_decoder.py")
file("takes other arguments", OWN_DECODER.replace("outputs, *, width, height, classes", "outputs"), "takes no 'width'")
file("takes the name of another", OWN_DECODER.replace('"own"', '"ssd"'), "decoder 'ssd' exists already")
file("nested 10000 deep", "x = " + "(" * 10_000 + ")" * 10_000, "cannot be loaded")


def works(name: str, code: str, words: str = "toy fp32: .* of 2 images") -> None:
    """A decoder that does more than it should, and then its work: it has its user's rights (docs/reliability.md)."""
    text = OWN_DECODER.replace("    return", "\n".join(f"    {line}" for line in code.splitlines()) + "\n    return")
    DECODERS.add(name, lambda room: run(room, text), words, passes=True)


works("runs a command", "import os; os.system('echo done > command.txt')")
works("leaves a command running", "import subprocess; subprocess.Popen(['sleep', '3'])")
works(
    "leaves a thread that sleeps", "import threading, time\nthreading.Thread(target=time.sleep, args=(10**6,)).start()"
)
works("changes the folder", "import os; os.chdir('/')")
works(
    "ignores signals", "import signal\n[signal.signal(one, signal.SIG_IGN) for one in (signal.SIGTERM, signal.SIGINT)]"
)
works("closes standard output and error", "import os; os.closerange(1, 3)", "^$")
works("takes the words away", "import logging; logging.disable()", "^$")
works("prints", "print('\\x1b[31m' * 3)")
works("forks, and both come back", "import os; os.fork()")
works("changes the numbers that it gets", "[one.fill(0) for one in outputs.values() if one.flags.writeable]")
works("warns", "import warnings; warnings.warn('odd')")
