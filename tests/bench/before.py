#!/usr/bin/env python3
"""Two programs of this relay beside each other, the one before a change and the one after it: throughput and latency, in turns,
several rounds in one run; the medians, and the ratio of each round.

    git worktree add target/before HEAD~1
    (cd target/before && cargo build --release --locked)
    cargo build --release --locked
    tests/bench/before.py target/before/target/release/mm4relay [--rounds 7] [--sizes 10000,300000] [--plugins]

The load tool and the sink are those of the program after the change, for both. Throughput is that from the first connection
of the load tool until the sink has taken the last message. Latency is that from the final dot to the 250 at half the
throughput of the slower program, so that neither has a queue; in the first round it is half of what the warm-up reached.

A ratio is that of two neighbours in time: a machine that becomes slower during the run changes both. The interval in brackets
holds the ratios of all rounds but the lowest and the highest: where 1 is inside, no difference was measured.
"""

import argparse
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys

import side_by_side
from side_by_side import BETWEEN, PLUGINS, SESSIONS, WORK, Sink, free_port, grants_of, load, wait_for_port

PLUGIN = """
[[plugin]]
name = "{name}"
file = "{name}.wasm"
grants = {grants}
"""

SETTINGS = """[plugin.settings]
country-code = "1"
national-prefix = "0"
"""


class Relay:
    """One of the two programs, on a spool of its own."""

    def __init__(self, name, binary, sink, plugins):
        self.name = name
        self.dir = WORK / f"before-{name}"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.port = free_port()
        text = BETWEEN.format(port=self.port, sink=sink, plugins=PLUGINS, sessions=SESSIONS)
        for plugin in ("address-rewrite", "content-adapt", "charging") if plugins else ():
            text += PLUGIN.format(name=plugin, grants=grants_of(plugin))
            if plugin == "address-rewrite":
                text += SETTINGS
        (self.dir / "relay.toml").write_text(text)
        log = open(self.dir / "log", "w")
        self.process = subprocess.Popen([binary, "run", "--config", self.dir / "relay.toml"], stdout=log, stderr=log)
        wait_for_port(self.port, f"the relay {name} (its log is {self.dir / 'log'})")

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)


def paced(relay, sink_port, size, messages, rate):
    """What the load tool says of messages that come at this rate."""
    sink = Sink(sink_port, messages)
    said = load(relay.port, size, messages, rate)
    sink.wait(300)
    return said["latency_ms"]


def one_turn(name, binary, size, messages, rate, plugins):
    sink_port = free_port()
    relay = Relay(name, binary, sink_port, plugins)
    try:
        warm = side_by_side.measure(relay, sink_port, size, max(200, messages // 10))
        full = side_by_side.measure(relay, sink_port, size, messages)
        slow = max(100, messages // 3)
        latency = paced(relay, sink_port, size, slow, rate or warm["rate"] / 2)
    finally:
        relay.stop()
    return {"throughput": full["rate"], "cpu": full["cpu"] * 1e3, "p50": latency["p50"], "p99": latency["p99"]}


def summary(size, messages, turns):
    """`turns`: for each program, a result of each round."""
    row = {"size": size, "messages": messages, "rounds": len(turns["after"])}
    for measured in ("throughput", "cpu", "p50", "p99"):
        values = {name: [turn[measured] for turn in turns[name]] for name in turns}
        ratios = sorted(after / before for before, after in zip(values["before"], values["after"]))
        inner = ratios[1:-1] if len(ratios) > 3 else ratios
        row[measured] = {name: statistics.median(values[name]) for name in values}
        row[measured]["ratio"] = statistics.median(ratios)
        row[measured]["between"] = [inner[0], inner[-1]]
    return row


def table(rows):
    lines = [
        "| message | measured | before | after | ratio | |",
        "|---|---|---|---|---|---|",
    ]
    words = {
        "throughput": "messages a second",
        "cpu": "CPU ms a message",
        "p50": "latency p50, ms",
        "p99": "latency p99, ms",
    }
    for row in rows:
        for measured, what in words.items():
            it = row[measured]
            low, high = it["between"]
            lines.append(
                f"| {row['size'] // 1000} kB | {what} | {it['before']:.2f} | {it['after']:.2f} | {it['ratio']:.3f} "
                f"| [{low:.3f}, {high:.3f}] |"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=pathlib.Path, help="the program from before the change")
    parser.add_argument("after", type=pathlib.Path, nargs="?", default=side_by_side.BINARY)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", default="10000,300000")
    parser.add_argument("--messages", type=int, default=6000, help="of 10 kB; fewer of larger ones")
    parser.add_argument("--plugins", action="store_true", help="with the three that the README measures")
    parser.add_argument("--json", action="store_true", help="all figures instead of the table")
    arguments = parser.parse_args()
    programs = {"before": arguments.before.resolve(), "after": arguments.after.resolve()}
    for name, binary in programs.items():
        if not binary.is_file():
            sys.exit(f"there is no program {name} the change: {binary}")
    WORK.mkdir(parents=True, exist_ok=True)
    rows = []
    for size in (int(text) for text in arguments.sizes.split(",")):
        messages = max(300, arguments.messages * 10_000 // max(size, 10_000))
        turns, rate = {"before": [], "after": []}, None
        for round_ in range(arguments.rounds):
            # Whoever comes first in one round comes second in the next.
            for name in sorted(programs, reverse=round_ % 2 == 0):
                result = one_turn(name, programs[name], size, messages, rate, arguments.plugins)
                turns[name].append(result)
                print(f"{size:>7} {name:<6} " + "  ".join(f"{key} {value:9.3f}" for key, value in result.items()), file=sys.stderr)
            rate = min(statistics.median(turn["throughput"] for turn in turns[name]) for name in turns) / 2
        rows.append(summary(size, messages, turns))
    print(json.dumps(rows, indent=2) if arguments.json else table(rows))


if __name__ == "__main__":
    main()
