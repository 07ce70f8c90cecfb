#!/usr/bin/env python3
"""The operator's door before a long queue: how long lists and searches take while traffic flows, and what they cost the traffic.

    cargo build --release
    tests/bench/door.py [--queued 1000000] [--rounds 5] [--messages 20000] [--rate 10] [--keep FOLDER]

A relay of its own takes requests for a peer that is paused, so that each of them waits in the queue and is remembered as a
request. Then, in turns, traffic flows from another peer to a sink, without questions and with some each second: lists by peer and
state, searches by id, number and source, requests, traces, the status. Prints a line of JSON for each kind of question, with the time
until the whole answer was there, and one for the traffic. With --keep, the folder is filled once and used again.
Needs about 6 GB of disk and ten minutes for a million messages, and a quiet machine.
"""

import argparse
import http.client
import json
import pathlib
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/mm4relay"
LONGEST_MS = 200
MOST_LOST = 0.02

CONFIG = """
[relay]
name = "mm4.hub.example"
domains = ["mms.hub.example"]
listen = ["127.0.0.1:0"]

[transactions]
keep = "7 days"
"""

PEER = """
[[peer]]
name = "operator-{letter}"
domains = ["mms.{letter}.example"]
from = ["127.0.0.1"]
hosts = ["{host}"]
"""


def started(*words):
    return subprocess.Popen([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def line(process, begins):
    for text in process.stdout:
        if text.startswith(begins):
            return text[len(begins):].strip()
    raise SystemExit(f"no line {begins!r}: it did not start")


def load(smtp, letter, messages, size):
    """What the load tool says of messages from operator A to this one."""
    words = ["send", "--load", "--to", smtp, "--messages", str(messages), "--size", str(size), "--sessions", "20",
             "--from", "+15555550100/TYPE=PLMN@mms.a.example", "--rcpt", f"+15555550199/TYPE=PLMN@mms.{letter}.example"]
    return json.loads(subprocess.run([BINARY, *words], check=True, capture_output=True, text=True).stdout)


class Door(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("relay", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)

    def ask(self, path):
        begun = time.perf_counter()
        self.request("GET", path)
        answer = self.getresponse()
        body = answer.read()
        took = (time.perf_counter() - begun) * 1000
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {body[:500]}")
        return took, json.loads(body)


def questions(door):
    """By what they are called; about the first, the last and one in the middle."""
    _, first = door.ask("/v1/queue?peer=operator-c&limit=1")
    first = first["entries"][0]["id"]
    _, requests = door.ask("/v1/requests?limit=1")
    last = requests["requests"][0]["id"]
    return {
        "list": "/v1/queue?limit=100",
        "list by peer": "/v1/queue?peer=operator-c&limit=100",
        "list by state": "/v1/queue?state=waiting&limit=100",
        "list by peer, behind the first": f"/v1/queue?peer=operator-c&limit=100&after={first}",
        "search by number": "/v1/queue?number=15555550199&limit=100",
        "search by source": "/v1/queue?source=operator-a&limit=100",
        "show by id": f"/v1/queue/{first}",
        "requests": "/v1/requests?limit=100",
        "requests by peer": "/v1/requests?peer=operator-c&limit=100",
        "requests by number": "/v1/requests?number=15555550199&limit=100",
        "trace of the first": f"/v1/trace/{first.split('-')[0]}",
        "trace of the last": f"/v1/trace/{last}",
        "status": "/v1/status",
        "peers": "/v1/peers",
        "traffic": "/v1/traffic",
    }


class Asking(threading.Thread):
    """Asks one question after the other, so many in a second, until it is told to end."""

    def __init__(self, path, rate):
        super().__init__(daemon=True)
        self.door, self.rate, self.over = Door(path), rate, threading.Event()
        self.asked = questions(self.door)
        self.took = {name: [] for name in self.asked}

    def run(self):
        while not self.over.is_set():
            for name, path in self.asked.items():
                begun = time.monotonic()
                self.took[name].append(self.door.ask(path)[0])
                if self.over.wait(max(0, 1 / self.rate - (time.monotonic() - begun))):
                    return

    def end(self):
        self.over.set()
        self.join()
        return self.took


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def measure(arguments, smtp, path):
    took, ratios = {}, []
    load(smtp, "b", max(1000, arguments.messages // 5), 10_000)
    for _ in range(arguments.rounds):
        alone = load(smtp, "b", arguments.messages, 10_000)["messages_per_second"]
        asking = Asking(path, arguments.rate)
        asking.start()
        beside = load(smtp, "b", arguments.messages, 10_000)["messages_per_second"]
        for name, times in asking.end().items():
            took.setdefault(name, []).extend(times)
        ratios.append(beside / alone)
        print(json.dumps({"alone": round(alone), "beside questions": round(beside), "ratio": round(beside / alone, 3)}), flush=True)
    slow = []
    for name, times in took.items():
        p99 = percentile(times, 0.99)
        print(json.dumps({"question": name, "asked": len(times), "p50-ms": round(percentile(times, 0.5), 1),
                          "p99-ms": round(p99, 1), "longest-ms": round(max(times), 1)}))
        if p99 > LONGEST_MS:
            slow.append(name)
    every = [one for times in took.values() for one in times]
    lost = 1 - statistics.median(ratios)
    print(json.dumps({"all": len(every), "p99-ms": round(percentile(every, 0.99), 1), "traffic-lost": round(lost, 3)}))
    if slow:
        raise SystemExit(f"p99 above {LONGEST_MS} ms: {', '.join(slow)}")
    if lost > MOST_LOST:
        raise SystemExit(f"the questions cost {lost:.1%} of the traffic: more than {MOST_LOST:.0%}")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--queued", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--messages", type=int, default=20_000)
    arguments.add_argument("--rate", type=float, default=10, help="questions in a second")
    arguments.add_argument("--keep", type=pathlib.Path)
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = arguments.keep or pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        sink = started("peer", "--listen", "127.0.0.1:0")
        hosts = {"a": "127.0.0.1:9", "b": line(sink, "listening on "), "c": "127.0.0.1:9"}
        config = folder / "relay.toml"
        config.write_text(CONFIG + "".join(PEER.format(letter=letter, host=host) for letter, host in hosts.items()))
        relay = started("run", "--config", config)
        try:
            smtp, path = line(relay, "listening on "), folder / "spool/control.sock"
            pause = ["peers", "pause", "operator-c", "--reason", "a long queue", "--config", config]
            subprocess.run([BINARY, *pause], check=True, stdout=subprocess.DEVNULL)
            _, status = Door(path).ask("/v1/status")
            missing = arguments.queued - status["queue"]["waiting"]
            if missing > 0:
                load(smtp, "c", missing, 1000)
            took, status = Door(path).ask("/v1/status")
            print(json.dumps({"waiting": status["queue"]["waiting"], "requests": status["queue"]["requests"]}), flush=True)
            measure(arguments, smtp, path)
        finally:
            for process in [relay, sink]:
                process.send_signal(signal.SIGTERM)
                process.wait(120)


if __name__ == "__main__":
    main()
