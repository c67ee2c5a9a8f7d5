"""A real browser for tests: Debian's Chromium, headless, driven by its own protocol through one web socket.

No driver is downloaded and nothing is called outside: pages are files or servers on loopback. Without Chromium the
tests that need it are skipped.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "background-networking",
    "component-update",
    "sync",
    "extensions",
    "default-apps",
    "quic",
    "gpu",
    "dev-shm-usage",
)
WAIT_SECONDS = 60.0


class Browser:
    """One tab. `problems` are what its console complained of and what scripts threw; `asked` all that it requested."""

    def __init__(self, address: str) -> None:
        from websockets.sync.client import connect

        self._server = address.split("/")[2]
        self._socket = connect(address, max_size=None, open_timeout=WAIT_SECONDS, proxy=None)
        self._number = 0
        self.problems: list[str] = []
        self.asked: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol and its answer; events that come before it are noted."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=WAIT_SECONDS))
            if message.get("id") == self._number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def open(self, url: str, width: int = 1400, height: int = 900, dark: bool = False) -> None:
        """Go to a page in a window of this size and wait until it has loaded."""
        self.problems.clear()
        self.asked.clear()
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str, context: int | None = None) -> Any:
        """The value of an expression in the page, or in a frame of it."""
        where = {} if context is None else {"contextId": context}
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, **where)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, script: str, context: int | None = None) -> Any:
        """Wait until an expression is true; its value."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (value := self.run(script, context)):
            assert time.monotonic() < deadline, f"{script} never became true: {self.run('document.body.innerText')}"
            time.sleep(0.05)
        return value

    def frame(self) -> int:
        """A context inside the page's frame, once that has something in it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            children = self.send("Page.getFrameTree")["frameTree"].get("childFrames", [])
            if children and children[0]["frame"]["url"].startswith("blob:"):
                frame = children[0]["frame"]["id"]
                return int(self.send("Page.createIsolatedWorld", frameId=frame)["executionContextId"])
            time.sleep(0.05)
        raise AssertionError("no frame came")

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def place(self, element: str) -> tuple[float, float]:
        """The middle of an element, which is scrolled into view; `element` is the expression for it."""
        self.until(f"Boolean({element})")
        script = (
            f"(() => {{ const e = {element}; e.scrollIntoView({{block: 'center'}}); const r = e.getClientRects()[0];"
        )
        x, y = self.run(f"{script} return [r.x + r.width / 2, r.y + r.height / 2]; }})()")
        return x, y

    def follow(self, words: str) -> Browser:
        """Click on the link of these words, as a person does; the tab that it opens."""
        before = set(self._tabs())
        self.click(*self.place(f"[...document.querySelectorAll('a')].find(one => one.innerText === '{words}')"))
        deadline = time.monotonic() + WAIT_SECONDS
        while not (fresh := [url for name, url in self._tabs().items() if name not in before]):
            assert time.monotonic() < deadline, f"{words} opened nothing"
            time.sleep(0.05)
        return Browser(fresh[0])

    def _tabs(self) -> dict[str, str]:
        with urllib.request.urlopen(f"http://{self._server}/json/list", timeout=WAIT_SECONDS) as answer:
            return {tab["id"]: tab["webSocketDebuggerUrl"] for tab in json.load(answer) if tab["type"] == "page"}

    def drag(self, x: float, y: float, dx: float, dy: float) -> None:
        """Press, move and release."""
        places = [("mousePressed", x, y), ("mouseMoved", x + dx / 2, y + dy / 2), ("mouseMoved", x + dx, y + dy)]
        for kind, px, py in [*places, ("mouseReleased", x + dx, y + dy)]:
            self.send("Input.dispatchMouseEvent", type=kind, x=px, y=py, button="left", buttons=1, clickCount=1)

    def wheel(self, x: float, y: float, dy: float, ctrl: bool = False) -> None:
        """Turn the wheel, down if positive."""
        keys = 2 if ctrl else 0
        self.send("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=dy, modifiers=keys)

    def key(self, name: str) -> None:
        """Press a key by its name."""
        text = {"Enter": "\r"}.get(name, name if len(name) == 1 else "")
        self.send("Input.dispatchKeyEvent", type="keyDown", key=name, code=name, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", key=name, code=name)

    def picture(self, file: Path) -> None:
        """Write what the window shows as PNG."""
        file.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        """Close the tab."""
        self.send("Page.close")
        self._socket.close()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Browser]]:
    """A running Chromium; call it for a new tab."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    home = tmp_path_factory.mktemp("chromium")
    options = [
        "--headless=new",
        "--no-sandbox",
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={home}",
    ]
    options += [f"--disable-{name}" for name in QUIET]
    # Frames stay in the process of their page, so that one socket reaches them.
    options += [
        "--disable-site-isolation-trials",
        "--disable-features=IsolateSandboxedIframes,IsolateOrigins,site-per-process",
    ]
    process = subprocess.Popen([program, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = _port(home / "DevToolsActivePort", process)
        yield lambda: Browser(_tab(port))
    finally:
        process.terminate()
        process.wait(30)


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) == 2:
            return int(lines[0])
        time.sleep(0.05)
    raise RuntimeError("Chromium did not start")


def _tab(port: int) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
        return str(json.load(answer)["webSocketDebuggerUrl"])


@pytest.fixture
def browser(chromium: Callable[[], Browser]) -> Iterator[Browser]:
    """A new tab."""
    tab = chromium()
    yield tab
    tab.close()
