"""A browser, driven over the DevTools protocol: Debian's Chromium, without a window."""

import base64
import json
import os
import re
import subprocess
import tempfile
import time

import websocket

DEADLINE = 30


class Browser:
    """One tab. Notes what a page must not do: errors, dialogues, requests to others."""

    def __init__(self, width=1280, height=900, dark=False):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [os.environ.get("CHROMIUM", "chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
             "--hide-scrollbars", "--remote-allow-origins=*", "--ignore-certificate-errors",
             "--user-data-dir=" + self.profile.name, "about:blank"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        address = self._address()
        self.socket = websocket.create_connection(address, timeout=DEADLINE)
        self.number, self.session = 0, None
        self.errors, self.requests, self.octets = [], [], 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Network", "Log"]:
            self.call(domain + ".enable")
        self.look(width, height, dark)

    def _address(self):
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends:
            line = self.process.stderr.readline()
            found = re.search(r"DevTools listening on (ws://\S+)", line)
            if found:
                return found.group(1)
        raise SystemExit("the browser does not start")

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.profile.cleanup()

    def look(self, width, height, dark=False):
        """The size of the window, and the colours that its owner wants."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def script(self, on):
        self.call("Emulation.setScriptExecutionDisabled", value=not on)

    def call(self, method, **params):
        self.number += 1
        asked = {"id": self.number, "method": method, "params": params}
        if self.session:
            asked["sessionId"] = self.session
        self.socket.send(json.dumps(asked))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _note(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"].get("text")))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(str(params["args"]))
        elif method == "Page.javascriptDialogOpening":
            self.errors.append("a dialogue: " + params["message"])
            self.call("Page.handleJavaScriptDialog", accept=False)
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.loadingFinished":
            self.octets += params["encodedDataLength"]

    def run(self, script):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, script, what=None):
        """Until an expression is true. A page on its way to another has nothing to say yet."""
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends:
            answer = self.call("Runtime.evaluate", expression=f"!!({script})", returnByValue=True)
            if answer.get("result", {}).get("value"):
                return
            time.sleep(0.02)
        raise SystemExit(f"it did not come to this: {what or script}\n{self.text()}")

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'", url)

    def press(self, selector):
        """Presses what is there, and waits until another page is there."""
        self.run("window.before = true")
        found = self.run(f"(() => {{ const it = document.querySelector({json.dumps(selector)}); if (it) it.click(); return !!it; }})()")
        if not found:
            raise SystemExit(f"nothing on {self.run('location.href')} is {selector}\n{self.text()}")
        self.wait("!window.before && document.readyState === 'complete'", "another page after " + selector)

    def fill(self, selector, text):
        self.run(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    def choose(self, selector, path):
        """Chooses a file, as somebody does in the browser's own window."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[path], nodeId=node)

    def text(self):
        return self.run("document.body ? document.body.innerText : ''") or ""

    def picture(self, path, whole=True):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"] if not whole else self._whole()
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def _whole(self, most=2200):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most), "scale": 1}
        return self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
