#!/usr/bin/env python3
"""The console before a long queue: what the live page costs a browser, and how long its pages take to answer.

    cargo build --release
    tests/bench/console.py [--queued 100000]

A relay of its own takes the messages for a peer that is paused, so that all of them wait; then Chromium opens each page several times.
Prints a line of JSON for each. Needs chromium, and Python's websocket-client.
"""

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/mm4relay"

CONFIG = """
[relay]
name = "mm4.hub.example"
domains = ["mms.hub.example"]
listen = ["127.0.0.1:0"]

[control]
listen = "127.0.0.1:0"

[[peer]]
name = "operator-a"
domains = ["mms.a.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]

[[peer]]
name = "operator-b"
domains = ["mms.b.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]
"""


def line(process, begins):
    for text in process.stdout:
        if text.startswith(begins):
            return text[len(begins):].strip()
    raise SystemExit("the relay did not start")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--queued", type=int, default=100_000)
    queued = arguments.parse_args().queued
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "relay.toml")
        config.write_text(CONFIG)

        def command(*words):
            done = subprocess.run([BINARY, *words, "--config", config], capture_output=True, text=True, check=True)
            return done.stdout.strip()

        relay = subprocess.Popen([BINARY, "run", "--config", config], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            smtp, door = line(relay, "listening on "), line(relay, "door on ")
            command("peers", "pause", "operator-b", "--reason", "a long queue")
            load = ["send", "--load", "--to", smtp, "--messages", str(queued), "--size", "1000", "--sessions", "8",
                    "--from", "+15555550100/TYPE=PLMN@mms.a.example", "--rcpt", "+15555550199/TYPE=PLMN@mms.b.example"]
            subprocess.run([BINARY, *load], check=True, stdout=subprocess.DEVNULL)
            token = command("token", "new", "measure", "--role", "administrator")
            told = {"url": "http://" + door, "administrator": token, "times": 9}
            print(json.dumps({"queued": queued}))
            subprocess.run([sys.executable, ROOT / "tests/browser/console.py", "measure"], input=json.dumps(told), text=True, check=True)
        finally:
            relay.send_signal(signal.SIGTERM)
            relay.wait(60)


if __name__ == "__main__":
    main()
