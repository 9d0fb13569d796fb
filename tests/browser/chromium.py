"""A headless Chromium, spoken to by the DevTools protocol over a pipe: no driver and no network are needed."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 60.0


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab of a headless browser.

    Attributes
    ----------
    requests : list of str
        Addresses that the page asked for, its own included.
    problems : list of str
        What went to the console as an error or a warning, and exceptions that nobody caught.
    """

    def __init__(self, process: subprocess.Popen[bytes], write: int, read: int) -> None:
        self._process, self._write, self._read = process, write, read
        self._buffer, self._last, self._session = b"", 0, ""
        self.requests: list[str] = []
        self.problems: list[str] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._send(f"{domain}.enable")

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found
            self._note(answer)

    def _receive(self) -> dict[str, Any]:
        ends = time.monotonic() + PATIENCE_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, ends - time.monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        method, told = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(told["exceptionDetails"])[:2000])
        elif method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning", "assert"}:
            self.problems.append(json.dumps(told["args"])[:2000])
        elif method == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
            self.problems.append(told["entry"]["text"])

    def open(
        self, page: Path, *, width: int = 1440, height: int = 900, dark: bool = False, script: bool = True
    ) -> None:
        """Load a file as a screen of a size shows it."""
        self.requests.clear()
        self.problems.clear()
        self._send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._send("Emulation.setEmulatedMedia", media="", features=[scheme])
        self._send("Emulation.setScriptExecutionDisabled", value=not script)
        self._send("Page.navigate", url=page.resolve().as_uri())
        while not self._is_loaded():
            time.sleep(0.02)

    def _is_loaded(self) -> bool:
        try:
            return bool(self.run("document.readyState === 'complete' && location.protocol === 'file:'"))
        except AssertionError:  # asked while one page went and the next one came
            return False

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is waited for."""
        answer = self._send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse."""
        place = self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            " one.scrollIntoView({block: 'center'}); const box = one.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def press(self, key: str, text: str = "") -> None:
        """Press a key: ``Tab``, ``Enter``, ``Escape``, ``ArrowRight``."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowRight": 39}
        shared: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        text = text or ("\r" if key == "Enter" else "")
        self._send("Input.dispatchKeyEvent", type="keyDown", text=text, **shared)
        self._send("Input.dispatchKeyEvent", type="keyUp", **shared)

    def copied(self) -> str:
        """Return what the page has copied last: its clipboard is one of ours, as a headless one is not shared."""
        found: str = self.run("window.copiedText ?? ''")
        return found

    def keep_copies(self) -> None:
        """Take what the page copies from now on (:meth:`copied`)."""
        self.run("navigator.clipboard.writeText = async (text) => { window.copiedText = text; }; 0")

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen as PNG, or the whole page."""
        shot = self._send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def print(self, path: Path) -> None:
        """Write the page as it is printed on A4."""
        size = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": True}
        self._send("Emulation.setEmulatedMedia", media="print", features=[])
        path.write_bytes(base64.b64decode(self._send("Page.printToPDF", printBackground=True, **size)["data"]))
        self._send("Emulation.setEmulatedMedia", media="", features=[])


@contextlib.contextmanager
def browser(chromium: str, profile: Path) -> Iterator[Browser]:
    """Start a browser with a new profile, and end it."""
    own_read, its_write = os.pipe()
    its_read, own_write = os.pipe()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    options += ["--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={profile}", "--disable-extensions"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    # The protocol's pipes are the file descriptors 3 and 4.
    pipes = f'exec "$0" "$@" 3<&{its_read} 4>&{its_write}'
    process = subprocess.Popen(
        ["bash", "-c", pipes, chromium, *options, "about:blank"],
        pass_fds=(its_read, its_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(its_read)
    os.close(its_write)
    try:
        yield Browser(process, own_write, own_read)
    finally:
        os.close(own_write)  # it ends with its pipe
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(own_read)
