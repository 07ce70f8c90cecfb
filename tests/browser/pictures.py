#!/usr/bin/env python3
"""Takes the pictures of docs/console.md anew: a relay among three peers, some traffic, some trouble, and Chromium.

    cargo build --release
    tests/browser/pictures.py [FOLDER]          # docs/pictures unless it says otherwise

Needs chromium, and Python's websocket-client. Builds two of the bundled plug-ins into a folder of its own.
"""

import base64
import http.client
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/mm4relay"

CONFIG = """
[relay]
name = "mm4.hub.example"
domains = ["mms.hub.example"]
listen = ["127.0.0.1:0"]
plugin-folder = "plugins"

[control]
listen = "127.0.0.1:0"

{peers}
[[charging-output]]
name = "billing"
folder = "cdr"
format = "ber"
max-records = 400

[[plugin]]
name = "content-adapt"
file = "content-adapt.wasm"
grants = ["log"]

[[plugin]]
name = "charging"
file = "charging.wasm"
grants = ["charging"]
"""

PEER = """
[[peer]]
name = "operator-{letter}"
domains = ["mms.{letter}.example"]
from = ["127.0.0.1"]
hosts = ["{host}"]
max-image-width = 320
max-image-height = 240
"""


class Started:
    def __init__(self, *words):
        self.process = subprocess.Popen([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def line(self, begins):
        for text in self.process.stdout:
            if text.startswith(begins):
                return text.strip().rsplit(" ", 1)[-1]
        raise SystemExit(f"no line {begins!r}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Door(http.client.HTTPConnection):
    """The relay's, over its socket."""

    def __init__(self, path):
        super().__init__("relay")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def entries(self, query):
        self.request("GET", "/v1/queue?" + query)
        return json.load(self.getresponse())["entries"]


def number(last, letter):
    return f"+1555555{last:04}/TYPE=PLMN@mms.{letter}.example"


def main():
    pictures = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for plugin in ["content-adapt", "charging"]:
            subprocess.run([BINARY, "plugin", "build", ROOT / "plugins" / plugin, "--out", folder / "plugins"], check=True, stdout=subprocess.DEVNULL)
        peers = {letter: Started("peer", "--listen", "127.0.0.1:0", *how) for letter, how in
                 [("a", []), ("b", []), ("c", ["--defer", "rcpt:452"])]}
        hosts = {letter: peer.line("") for letter, peer in peers.items()}
        config = folder / "relay.toml"
        config.write_text(CONFIG.format(peers="".join(PEER.format(letter=letter, host=host) for letter, host in hosts.items())))
        relay = Started("run", "--config", config)
        try:
            take(relay, folder, config, pictures)
        finally:
            for each in [relay, *peers.values()]:
                each.end()


def take(relay, folder, config, pictures):
    smtp, door = relay.line("listening on "), relay.line("door on ")

    def command(*words):
        return subprocess.run([BINARY, *words, "--config", config], capture_output=True, text=True, check=True).stdout.strip()

    def send(sender, to, *more):
        words = [BINARY, "send", "--to", smtp, "--from", number(100, sender), "--rcpt", to, *more]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    loads = [send("a", number(199, "b"), "--load", "--messages", "1500", "--rate", "25", "--size", "9000"),
             send("b", number(188, "a"), "--load", "--messages", "700", "--rate", "12", "--size", "4000"),
             send("a", number(177, "c"), "--load", "--messages", "40", "--rate", "2", "--size", "2000")]
    message = folder / "picture.eml"
    message.write_bytes(with_picture())
    time.sleep(20)
    # While its peer is paused the message stays, as received and as it will be sent.
    command("peers", "pause", "operator-b", "--for", "1h", "--reason", "maintenance of their hub")
    send("a", number(166, "b"), message).wait()
    time.sleep(20)
    queue = Door(folder / "spool/control.sock")
    stuck = queue.entries("peer=operator-c")[0]["id"]
    command("queue", "hold", stuck, "--reason", "the partner asked us to look at it")
    held = queue.entries("number=15555550166")[0]["id"].split("-")[0]
    token = command("token", "new", "ada", "--role", "administrator", "--reveals")
    told = {
        "url": "http://" + door, "token": token,
        "pictures": [
            ["console-well", "/", 1280, False], ["console-well-dark", "/", 1280, True], ["console-well-phone", "/", 390, False],
            ["console-queue", "/queue", 1280, False], ["console-message", f"/message/{held}", 1280, False],
            ["console-content", f"/message/{held}/content", 1280, False],
        ],
    }
    script = pathlib.Path(__file__).with_name("console.py")
    subprocess.run([sys.executable, script, "pictures", pictures], input=json.dumps(told), text=True, check=True)
    for load in loads:
        load.terminate()


def with_picture():
    """A message with a text and a photograph, which is larger than the peer wants it."""
    photograph = ROOT / "docs/pictures/before.jpg"
    encoded = base64.encodebytes(photograph.read_bytes()).decode().replace("\n", "\r\n")
    return (
        "From: +15555550100/TYPE=PLMN\r\nTo: +15555550166/TYPE=PLMN\r\nDate: Mon, 26 Jan 2026 00:17:43 +0000\r\n"
        "Message-ID: <p1@mms.a.example>\r\nMIME-Version: 1.0\r\nSubject: Greetings from the sea\r\n"
        "X-Mms-3GPP-MMS-Version: 6.5.0\r\nX-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Ack-Request: Yes\r\n"
        "X-Mms-Transaction-ID: \"p1@mms.a.example\"\r\nX-Mms-Message-ID: \"p1@mms.a.example\"\r\n"
        "X-Mms-Originator-System: system@mms.a.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        "--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThe sea is <b>blue</b> & calm today.\r\n"
        f"--x\r\nContent-Type: image/jpeg; name=sea.jpg\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}--x--\r\n"
    ).encode()


if __name__ == "__main__":
    main()
