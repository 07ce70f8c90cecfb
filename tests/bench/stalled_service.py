#!/usr/bin/env python3
"""A service that never answers: what that costs the messages that do not ask it, and how long those wait that do.

    cargo build --release --locked
    tests/bench/stalled_service.py [--rounds 7] [--rate 200] [--seconds 20] [--budget 500]

`screen` asks a service about the messages of one originator. The service takes connections and says nothing, so each of these
messages waits for as long as the plug-in's `time` (the budget) and is then deferred, by its `on-failure`; twenty of them wait at
any time. Beside them come the messages of others, at a steady rate. In each round the others are sent once alone and once with
those that wait; the latencies are those from the final dot to the reply.

Wanted: the 99th percentile of the others with it at most 1.2 times that without; the 99th percentile of those that wait at most
the budget and 10 ms. The interval in brackets holds the ratios of all rounds but the lowest and the highest.
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import threading
import time

from beside import Relay, build, machine, ratio
from side_by_side import BINARY, WORK, Sink, free_port, load

SESSIONS = 20
WAITS = "+15555550777/TYPE=PLMN@mms.a.example"

CHAIN = """
[[plugin]]
name = "screen"
file = "screen.wasm"
grants = ["log", "http"]
on-failure = "defer"
[plugin.limits]
time = "{budget} ms"
time-per-mib = "0 ms"
[plugin.breaker]
failures = 1000000

[[plugin.service]]
name = "verdicts"
url = "http://127.0.0.1:{service}"
methods = ["POST"]
paths = ["/v1/*"]
time = "30 s"
time-per-message = "30 s"
concurrent = 100
rate = 1000000
breaker = {{ failures = 1000000 }}

[[plugin.settings.rules]]
name = "verdict"
when = {{ originators = ["+15555550777"] }}
service = {{ url = "http://127.0.0.1:{service}/v1/verdict", verdicts = ["spam"] }}
then = "refuse"
"""


def silent_service():
    """Its port. Connections stay open until the other side closes them."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def serve(connection):
        with connection:
            while connection.recv(65536):
                pass

    def listen():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    return listener.getsockname()[1]


class Waiting:
    """Messages that ask the service, in as many sessions as there are; each asks as soon as the one before is deferred."""

    def __init__(self, port, seconds, budget):
        messages = int(SESSIONS * seconds * 1000 / budget)
        command = [BINARY, "send", "--load", "--to", f"127.0.0.1:{port}", "--size", "3000", "--from", WAITS]
        command += ["--messages", str(messages), "--sessions", str(SESSIONS)]
        self.messages = messages
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def latencies(self):
        out, _ = self.process.communicate(timeout=600)
        said = json.loads(out.strip().splitlines()[-1])
        if said["deferred"] != self.messages:
            sys.exit(f"{self.messages} messages were to be deferred: {said}")
        return said["latency_ms"]


def others(relay, sink_port, arguments):
    messages = arguments.rate * arguments.seconds
    sink = Sink(sink_port, messages)
    said = load(relay.port, 10_000, messages, arguments.rate)
    sink.wait(300)
    return said["latency_ms"]


def with_those_that_wait(relay, sink_port, arguments):
    # They begin before the others, and end after them.
    waiting = Waiting(relay.port, arguments.seconds + 4, arguments.budget)
    time.sleep(2)
    latencies = others(relay, sink_port, arguments)
    if waiting.process.poll() is not None:
        sys.exit("those that wait were done before the others: a message waited for less than the budget")
    return latencies, waiting.latencies()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rate", type=int, default=200, help="messages of others, a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=500, help="the plug-in's time, in ms")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    build("plugins/screen")
    sink_port = free_port()
    text = CHAIN.format(budget=arguments.budget, service=silent_service())
    relay = Relay("stalled-service", sink_port, text)
    alone, beside, waited = [], [], []
    try:
        others(relay, sink_port, arguments)
        for round_ in range(arguments.rounds):
            for is_alone in (True, False) if round_ % 2 == 0 else (False, True):
                if is_alone:
                    alone.append(others(relay, sink_port, arguments))
                    continue
                others_, waiting = with_those_that_wait(relay, sink_port, arguments)
                beside.append(others_)
                waited.append(waiting)
            print(f"alone {alone[-1]} with it {beside[-1]} those that wait {waited[-1]}", file=sys.stderr)
    finally:
        relay.stop()
    middle, low, high = ratio(two["p99"] / one["p99"] for one, two in zip(alone, beside))
    median = lambda rounds, what: statistics.median(it[what] for it in rounds)
    late = median(waited, "p99") - arguments.budget
    print(f"{arguments.rounds} rounds, others at {arguments.rate} a second for {arguments.seconds} s; {machine()}.\n")
    print("| | p50 | p99 | wanted | as wanted |")
    print("|---|---|---|---|---|")
    print(f"| others alone, ms | {median(alone, 'p50'):.2f} | {median(alone, 'p99'):.2f} | | |")
    print(f"| others with {SESSIONS} that wait, ms | {median(beside, 'p50'):.2f} | {median(beside, 'p99'):.2f} | | |")
    fine = middle <= 1.2
    print(f"| ratio | | {middle:.3f} [{low:.3f}, {high:.3f}] | at most 1.2 | {'yes' if fine else 'NO'} |")
    in_time = late <= 10
    waits = f"{median(waited, 'p50'):.2f} | {median(waited, 'p99'):.2f}"
    wanted = f"at most {arguments.budget + 10}"
    print(f"| those that wait, budget {arguments.budget} ms | {waits} | {wanted} | {'yes' if in_time else 'NO'} |")
    return 0 if fine and in_time else 1


if __name__ == "__main__":
    sys.exit(main())
