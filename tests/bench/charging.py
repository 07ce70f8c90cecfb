#!/usr/bin/env python3
"""What charging costs: this relay with the charging plug-in and three outputs (BER, JSON lines, CSV), and without either; same
machine, same load tool, same sink, in turns, several rounds; the medians and their ratio.

    cargo build --release
    target/release/mm4relay plugin build plugins/charging
    tests/bench/charging.py [--rounds 5] [--sizes 10000,30000,300000]

The time is that from the first connection of the load tool until the sink has taken the last message. Files are closed while
messages pass, every 20,000 records. Afterwards each output is counted: every message must have two records in it.
"""

import argparse
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys

from side_by_side import BETWEEN, BINARY, PLUGINS, SESSIONS, WORK, free_port, measure, wait_for_port

CHARGING = """
[[plugin]]
name = "charging"
file = "charging.wasm"
grants = ["charging"]
"""

OUTPUT = """
[[charging-output]]
name = "{format}"
folder = "{format}"
format = "{format}"
max-records = 20000
"""

FORMATS = ("ber", "json", "csv")


class Relay:
    def __init__(self, charging, sink):
        self.charging = charging
        self.dir = WORK / "charging"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.port = free_port()
        text = BETWEEN.format(port=self.port, sink=sink, plugins=PLUGINS, sessions=SESSIONS)
        if charging:
            text += CHARGING + "".join(OUTPUT.format(format=format_) for format_ in FORMATS)
        (self.dir / "relay.toml").write_text(text)
        log = open(self.dir / "log", "w")
        self.process = subprocess.Popen(
            [BINARY, "run", "--config", self.dir / "relay.toml"], stdout=log, stderr=log
        )
        wait_for_port(self.port, "the relay")

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    def records(self):
        """By format, counted after the relay has closed its files."""
        return {format_: sum(count(path) for path in sorted((self.dir / format_).iterdir())) for format_ in FORMATS}


def count(path: pathlib.Path):
    if path.suffix == ".cdr":
        # The number of records in the header of TS 32.297.
        return int.from_bytes(path.read_bytes()[18:22], "big")
    lines = path.read_bytes().count(b"\n")
    return lines - 1 if path.suffix == ".csv" else lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default="10000,30000,300000")
    parser.add_argument("--messages", type=int, default=10_000, help="of 10 kB; fewer of larger ones")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    table = []
    for size in (int(text) for text in arguments.sizes.split(",")):
        messages = max(500, arguments.messages * 10_000 // max(size, 10_000))
        rates = {True: [], False: []}
        cpu = {True: [], False: []}
        for round_ in range(arguments.rounds):
            for charging in (True, False) if round_ % 2 == 0 else (False, True):
                sink_port = free_port()
                relay = Relay(charging, sink_port)
                try:
                    measure(relay, sink_port, size, messages // 10)
                    result = measure(relay, sink_port, size, messages)
                finally:
                    relay.stop()
                if charging:
                    expected = 2 * (messages + messages // 10)
                    found = relay.records()
                    if set(found.values()) != {expected}:
                        sys.exit(f"{expected} records were to be in each output: {found}")
                rates[charging].append(result["rate"])
                cpu[charging].append(result["cpu"])
                name = "charging" if charging else "without"
                print(f"{size:>7} {name:<9} {result['rate']:8.0f} msg/s {result['cpu'] * 1e3:8.3f} CPU ms/msg", file=sys.stderr)
        middle = {which: statistics.median(values) for which, values in rates.items()}
        work = {which: statistics.median(values) * 1e3 for which, values in cpu.items()}
        table.append(
            {
                "size": size,
                "messages": messages,
                "rate": {"charging": middle[True], "without": middle[False]},
                "cpu ms": {"charging": work[True], "without": work[False]},
                "rate ratio": middle[True] / middle[False],
            }
        )
    print(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
