"""A page as a browser makes it, and a browser that clicks and types on it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="NOT RUN: pages in a browser; install chromium"
)
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-sync", "--no-first-run", "--hide-scrollbars"),
)
# Chromium takes commands at descriptor 3 and answers at 4.
_AT_3_AND_4 = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    " os.execv(sys.argv[3], sys.argv[3:])"
)
_PATIENCE = 60.0  # seconds for a page to do what is waited for


def address_of(html: str, folder: Path) -> str:
    """Where a browser finds a page, which is written to a folder."""
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    return file.as_uri()


def opened(html: str, folder: Path) -> str:
    """The document that a browser makes of a page, scripts run."""
    assert CHROMIUM
    return subprocess.run(
        [
            *(CHROMIUM, *_OPTIONS, f"--user-data-dir={folder / 'profile'}"),
            *("--virtual-time-budget=2000", "--dump-dom", address_of(html, folder)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


class Page:
    """An open page. What is done to it are the browser's own clicks and keys, not a script's.

    Attributes:
        problems: what the browser wrote to its console: errors, and what the policy refused.
        requests: the addresses that the page asked for, its own first.
    """

    def __init__(self, commands: int, answers: int):
        self._commands, self._answers = commands, os.fdopen(answers, "rb", buffering=0)
        self._buffer, self._number, self._session = b"", 0, ""
        self.problems: list[str] = []
        self.requests: list[str] = []

    def open(self, address: str, width: int, height: int) -> None:
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        answer = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = answer["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self._call("Page.navigate", url=address)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def script(self, code: str) -> Any:
        """The value of an expression in the page."""
        answer = self._call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        end = time.monotonic() + _PATIENCE
        while not self._holds(f"!!document.body && !!({condition})"):
            assert time.monotonic() < end, (condition, self.problems)
            time.sleep(0.05)

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.script(condition))
        except RuntimeError:  # one page has gone and the next is not there yet
            return False

    def text(self, selector: str) -> str:
        """The visible text of an element."""
        return str(self.script(f"document.querySelector({json.dumps(selector)}).innerText"))

    def click(self, selector: str) -> None:
        """Click the middle of an element, once it is drawn and nothing lies over it."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait(
            f"(e => {{ e.scrollIntoView(); const r = e.getBoundingClientRect();"
            f" window.middle = [r.x + r.width / 2, r.y + r.height / 2];"
            f" return e.contains(document.elementFromPoint(...window.middle)); }})({element})"
        )
        # What is clicked is found on the last frame that was drawn, which may be an older one.
        self.script("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.click_at(*self.script("window.middle"))

    def follow(self, selector: str) -> None:
        """Click what leads to another page, and wait until that is there."""
        self.script("window.left = false")
        self.click(selector)
        self.wait("window.left === undefined && document.readyState === 'complete'")

    def type(self, selector: str, text: str) -> None:
        """Type a text into a field."""
        self.script(f"document.querySelector({json.dumps(selector)}).focus()")
        self._call("Input.insertText", text=text)

    def click_at(self, x: float, y: float) -> None:
        self.mouse("mouseMoved", x, y)
        for kind, buttons in (("mousePressed", 1), ("mouseReleased", 0)):
            self.mouse(kind, x, y, buttons=buttons, button="left", clickCount=1)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """An event of the mouse, as Chromium's protocol names it."""
        self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **{"buttons": 0, **more})

    def press(self, *keys: str) -> None:
        """Press keys one after another: characters, or names such as Tab and Enter."""
        for key in keys:
            values = {"key": key}
            if len(key) == 1 or key == "Enter":
                values["text"] = "\r" if key == "Enter" else key
            if key == "Tab":
                values["windowsVirtualKeyCode"] = 9  # type: ignore[assignment]  # a key's number
            self._call("Input.dispatchKeyEvent", type="keyDown", **values)
            self._call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def downloads(self, folder: Path) -> None:
        """Where what the page saves is put."""
        self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._buffer:
                block = self._answers.read(1 << 20)
                assert block, "the browser ended"
                self._buffer += block
            line, _, self._buffer = self._buffer.partition(b"\0")
            answer = json.loads(line)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        match event.get("method"):
            case "Log.entryAdded":
                self.problems.append(event["params"]["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.problems.append(str(event["params"]["exceptionDetails"]))
            case "Network.requestWillBeSent":
                self.requests.append(event["params"]["request"]["url"])


@contextmanager
def browsed(address: str, folder: Path, width: int = 1400, height: int = 900) -> Iterator[Page]:
    """A page in a browser that is driven over a pipe, by Chromium's own protocol.

    Args:
        folder: for what the browser keeps.
    """
    assert CHROMIUM
    their_commands, commands = os.pipe()
    answers, their_answers = os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (their_commands, their_answers)]
    options = (*_OPTIONS, f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe")
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_3_AND_4, *map(str, ends), CHROMIUM, *options],
        pass_fds=ends,
        stderr=subprocess.DEVNULL,
    )
    for end in (their_commands, their_answers, *ends):
        os.close(end)
    page = Page(commands, answers)
    try:
        page.open(address, width, height)
        yield page
    finally:
        os.close(commands)
        process.terminate()
        process.wait(30)
