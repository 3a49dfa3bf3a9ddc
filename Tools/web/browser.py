# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Drives a real Chromium over its debugging pipe: nothing but Python and the browser is needed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ["chromium", "chromium-browser", "chromium-headless-shell", "google-chrome"]


def find() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A headless browser; use it as a context manager."""

    def __init__(self, patience: float = 60) -> None:
        self.patience = patience
        self.folder = tempfile.mkdtemp(prefix="spanq-browser-")
        here_reads, they_write = os.pipe()
        they_read, here_writes = os.pipe()

        def wire() -> None:
            # Its places are 3 and 4; what is there now may be one of ours.
            reads, writes = os.dup(they_read), os.dup(they_write)
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.process = subprocess.Popen(
            [find() or "chromium", "--headless", "--remote-debugging-pipe", f"--user-data-dir={self.folder}", "--disable-gpu",
             "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage", "--hide-scrollbars",
             *(["--no-sandbox"] if os.geteuid() == 0 else []), "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=wire, close_fds=False)
        os.close(they_read)
        os.close(they_write)
        self.reads, self.writes = here_reads, here_writes
        self.buffer = b""
        self.number = 0
        self.answers: dict[int, dict] = {}
        self.pages: dict[str, Page] = {}

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.reads)
        os.close(self.writes)
        shutil.rmtree(self.folder, ignore_errors=True)

    def send(self, method: str, params: dict | None = None, session: str | None = None) -> dict:
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self.writes, rest):]
        end = time.monotonic() + self.patience
        while number not in self.answers:
            self.read(end)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def read(self, end: float) -> None:
        """Takes what comes next; events go to their page."""
        left = end - time.monotonic()
        if left <= 0 or not select.select([self.reads], [], [], left)[0]:
            raise TimeoutError("the browser does not answer")
        data = os.read(self.reads, 1 << 16)
        if not data:
            raise RuntimeError("the browser has ended")
        *messages, self.buffer = (self.buffer + data).split(b"\0")
        for text in messages:
            message = json.loads(text)
            if "id" in message:
                self.answers[message["id"]] = message
            elif page := self.pages.get(message.get("sessionId", "")):
                page.hear(message["method"], message["params"])

    def pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.read(end)
            except TimeoutError:
                return

    def page(self, width: int = 1280, height: int = 900, theme: str = "light") -> Page:
        return Page(self, width, height, theme)


class Page:
    """One tab, and what it was heard to complain of."""

    def __init__(self, browser: Browser, width: int, height: int, theme: str) -> None:
        self.browser = browser
        #: Exceptions, errors of the console, reports of the content security policy, dialogs.
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.target = browser.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.session = browser.send("Target.attachToTarget", {"targetId": self.target, "flatten": True})["sessionId"]
        browser.pages[self.session] = self
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"]:
            self.send(f"{domain}.enable")
        self.look(width, height, theme)

    def look(self, width: int, height: int, theme: str) -> None:
        self.send("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        # What is half faded in is judged and drawn as it is just then: so nothing moves.
        self.send("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def send(self, method: str, params: dict | None = None) -> dict:
        return self.browser.send(method, params, self.session)

    def hear(self, event: str, params: dict) -> None:
        match event:
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.complaints.append("exception: " + details.get("exception", {}).get("description", details["text"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                self.complaints.append(f"console: {params['args']}")
            case "Log.entryAdded" if params["entry"]["level"] == "error" and params["entry"]["source"] != "network":
                self.complaints.append(f"log: {params['entry']['text']}")
            case "Audits.issueAdded" if params["issue"]["code"] == "ContentSecurityPolicyIssue":
                self.complaints.append(f"policy: {params['issue']['details']}")
            case "Page.javascriptDialogOpening":
                self.complaints.append(f"dialog: {params['message']}")
                self.browser.number += 1
                text = json.dumps({"id": self.browser.number, "sessionId": self.session, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}})
                os.write(self.browser.writes, text.encode() + b"\0")
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])

    def open(self, url: str) -> None:
        self.send("Page.navigate", {"url": url})

    def value(self, expression: str) -> object:
        result = self.send("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def wait(self, expression: str, what: str, seconds: float = 60) -> None:
        """Until an expression is true; a page that is being loaded is not yet asked."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.value(f"!!({expression})"):
                    return
            except RuntimeError as error:
                if "context" not in str(error) and "null" not in str(error) and "undefined" not in str(error):
                    raise
            self.browser.pause(0.1)
        text = self.value("document.body.innerText.slice(0, 800)")
        raise AssertionError(f"not seen after {seconds} s: {what}\n{text}\n{self.complaints}")

    #: Keys that do something by themselves: their number, and what they write.
    KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), " ": (32, " ")}

    def key(self, key: str) -> None:
        number, text = self.KEYS.get(key, (0, key if len(key) == 1 else ""))
        for kind in ["keyDown", "keyUp"]:
            self.send("Input.dispatchKeyEvent", {"type": kind, "key": key, "windowsVirtualKeyCode": number, "text": text if kind == "keyDown" else ""})

    def picture(self, path: str, whole: bool = True) -> None:
        params: dict = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            params["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.send("Page.captureScreenshot", params)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self) -> None:
        self.browser.send("Target.closeTarget", {"targetId": self.target})
