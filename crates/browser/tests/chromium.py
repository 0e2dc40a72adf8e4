"""A headless Chromium over the DevTools protocol, with the standard library alone.

Chromium reads commands from file descriptor 3 and answers on 4: JSON, each message ended by a NUL.
"""

import base64
import fcntl
import json
import os
import select
import subprocess
import time

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage
--hide-scrollbars --remote-debugging-pipe""".split()


class Chromium:
    """The browser; `events` has what its tabs reported, oldest first."""

    def __init__(self, program, profile):
        ours, theirs = os.pipe(), os.pipe()
        # High numbers first, so that neither is overwritten while 3 and 4 are made.
        read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 50) for end in (ours[0], theirs[1]))

        def ends():
            os.dup2(read, 3)
            os.dup2(write, 4)
            os.close(read)
            os.close(write)

        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(
            command, preexec_fn=ends, close_fds=False, stdin=quiet, stdout=quiet, stderr=quiet
        )
        for end in (ours[0], theirs[1], read, write):
            os.close(end)
        self.write, self.read = ours[1], theirs[0]
        self.bytes, self.number, self.events = b"", 0, []

    def message(self, deadline):
        while b"\0" not in self.bytes:
            left = max(0, deadline - time.monotonic())
            if not select.select([self.read], [], [], left)[0]:
                raise TimeoutError("Chromium does not answer")
            more = os.read(self.read, 1 << 20)
            if not more:
                raise EOFError("Chromium ended")
            self.bytes += more
        message, _, self.bytes = self.bytes.partition(b"\0")
        return json.loads(message)

    def post(self, method, session=None, **parameters):
        """Sends a command without waiting for its answer; returns the command's number."""
        self.number += 1
        call = {"id": self.number, "method": method, "params": parameters}
        if session:
            call["sessionId"] = session
        text = json.dumps(call).encode() + b"\0"
        while text:
            text = text[os.write(self.write, text) :]
        return self.number

    def send(self, method, session=None, **parameters):
        number = self.post(method, session, **parameters)
        deadline = time.monotonic() + 30
        while True:
            message = self.message(deadline)
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            if "method" in message:
                self.events.append(message)

    def event(self, method, since=0, seconds=20):
        """Waits for an event that came after the first `since` ones."""
        deadline = time.monotonic() + seconds
        while True:
            for message in self.events[since:]:
                if message["method"] == method:
                    return message["params"]
            message = self.message(deadline)
            if "method" in message:
                self.events.append(message)

    def tab(self, url, width=1280, height=800):
        return Tab(self, url, width, height)

    def close(self):
        try:
            self.send("Browser.close")
        except (EOFError, OSError, TimeoutError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Tab:
    def __init__(self, browser, url, width, height):
        self.browser = browser
        self.target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.send("Target.attachToTarget", targetId=self.target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.resize(width, height)
        self.front()
        self.send("Page.navigate", url=url)

    def send(self, method, **parameters):
        return self.browser.send(method, self.session, **parameters)

    def front(self):
        self.send("Page.bringToFront")

    def resize(self, width, height):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def js(self, expression):
        """The value of an expression, which may be a promise."""
        result = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def wait(self, expression, seconds=20):
        """Waits until an expression is true."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.js(expression):
                    return
                problem = ""
            except RuntimeError as error:  # not loaded yet
                problem = f" ({error})"
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s in vain for: {expression}{problem}")
            time.sleep(0.05)

    def mouse(self, kind, point, button="left", buttons=1):
        self.send(
            "Input.dispatchMouseEvent",
            type=f"mouse{kind}",
            x=point[0],
            y=point[1],
            button=button,
            buttons=buttons,
            clickCount=1,
        )

    def touch(self, kind, *points):
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self.send("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=points)

    def key(self, key, ctrl=False):
        common = {"key": key, "modifiers": 2 if ctrl else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown", **common)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def click(self, selector):
        box = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'nearest'}});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        self.mouse("Moved", box, "none", 0)
        self.mouse("Pressed", box)
        self.mouse("Released", box, buttons=0)

    def picture(self, path):
        data = self.send("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.browser.send("Target.closeTarget", targetId=self.target)
