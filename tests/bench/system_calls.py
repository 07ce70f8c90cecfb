#!/usr/bin/env python3
"""What a message costs in system calls and in octets written, counted, against a budget.

    cargo build --release --locked
    tests/bench/system_calls.py                 # compares with system_calls.json; exit code 1 when a chain needs more than it may
    tests/bench/system_calls.py --bless         # accepts what was counted, with room on top: see ROOM
    tests/bench/system_calls.py none three      # these chains only

Messages of 10 kB pass the relay, from one session (`one`: each message alone, the most that it can cost) and from 20
(`many`: commits and wake-ups are shared). strace counts the calls of all threads of the relay; what it does without messages
in the same time is subtracted. Octets are those that the relay has caused to be written to its disk (`write_bytes` of
/proc/PID/io), in a run of its own without strace.

Chains: `none`, `noop` (a plug-in that does nothing), `charging` (with three outputs), `three` (address-rewrite, screen and
charging). Without strace nothing is counted: that is said, and is a failure with MM4RELAY_REQUIRE_TOOLS=1.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from beside import Relay, build
from chains import ADDRESS_REWRITE, BUILT, CHARGING, FILES, NOOP, PLAIN, SCREEN
from charging import FORMATS, OUTPUT
from side_by_side import BINARY, WORK, Sink, free_port

BUDGET = pathlib.Path(__file__).with_suffix(".json")
SIZE = 10_000
CHAINS = {
    "none": "",
    "noop": NOOP,
    "charging": CHARGING.format(**PLAIN) + "".join(OUTPUT.format(format=format_) for format_ in FORMATS),
    "three": ADDRESS_REWRITE + SCREEN.format(**PLAIN) + CHARGING.format(**PLAIN),
}
SESSIONS = {"one": 1, "many": 20}
# How much more a budget allows than was counted. On a busy machine fewer messages share a commit, and each costs more.
ROOM = {"one": {"calls": 1.25, "octets": 1.25}, "many": {"calls": 1.5, "octets": 2.5}}
# Calls that are shown by name; the others are one column.
NAMED = ("futex", "epoll_wait", "sendto", "writev", "write", "recvfrom", "pwrite64", "fdatasync", "fcntl", "ioctl", "madvise")


def send(relay, sink_port, messages, sessions):
    sink = Sink(sink_port, messages)
    command = [BINARY, "send", "--load", "--to", f"127.0.0.1:{relay.port}", "--size", str(SIZE)]
    command += ["--messages", str(messages), "--sessions", str(sessions)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    sink.wait(300)
    # Until the last outcome is recorded.
    time.sleep(0.5)


def traced(relay, action):
    """The calls of all threads of the relay during the action, by name, and how long it took."""
    counts = WORK / "system_calls.strace"
    command = ["strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", counts, "-p", str(relay.process.pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    status = pathlib.Path(f"/proc/{relay.process.pid}/status")
    while f"TracerPid:\t{tracer.pid}" not in status.read_text():
        time.sleep(0.01)
    started = time.monotonic()
    action()
    seconds = time.monotonic() - started
    tracer.send_signal(signal.SIGINT)
    tracer.wait(60)
    calls = collections.Counter()
    for line in counts.read_text().splitlines():
        fields = line.split()
        if len(fields) == 2 and fields[0].isdigit() and fields[1] != "total":
            calls[fields[1]] += int(fields[0])
    return calls, seconds


def written(relay):
    fields = pathlib.Path(f"/proc/{relay.process.pid}/io").read_text().split()
    return int(fields[fields.index("write_bytes:") + 1])


def counted(chain, way, messages):
    """Calls of one message, by name, and octets."""
    sink_port = free_port()
    relay = Relay(f"system-calls-{chain}", sink_port, CHAINS[chain], FILES)
    sessions = SESSIONS[way]
    try:
        send(relay, sink_port, messages, sessions)
        before = written(relay)
        send(relay, sink_port, messages, sessions)
        octets = written(relay) - before
        calls, seconds = traced(relay, lambda: send(relay, sink_port, messages, sessions))
        idle, _ = traced(relay, lambda: time.sleep(seconds))
    finally:
        relay.stop()
    each = {name: max(0, calls[name] - idle[name]) / messages for name in calls}
    return each, octets / messages


def row(name, each, octets):
    named = [f"{each.get(call, 0):.1f}" for call in NAMED]
    others = sum(count for call, count in each.items() if call not in NAMED)
    return f"| `{name}` | {sum(each.values()):.1f} | {' | '.join(named)} | {others:.1f} | {octets / 1000:.0f} kB |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chains", nargs="*", default=list(CHAINS), metavar="CHAIN", help=", ".join(CHAINS))
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--bless", action="store_true", help="write what was counted, and some room, into system_calls.json")
    arguments = parser.parse_args()
    if unknown := set(arguments.chains) - set(CHAINS):
        parser.error(f"no such chain: {', '.join(sorted(unknown))}")
    if shutil.which("strace") is None:
        if os.environ.get("MM4RELAY_REQUIRE_TOOLS") == "1":
            sys.exit("strace is missing, and MM4RELAY_REQUIRE_TOOLS=1")
        print("SKIPPED: strace is missing")
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    build(*BUILT)
    budget = json.loads(BUDGET.read_text()) if BUDGET.exists() else {}
    over = []
    print(f"Messages of {SIZE} octets, {arguments.messages} a run; each figure is of one message.\n")
    print(f"| chain, sessions | calls | {' | '.join(NAMED)} | others | written |")
    print(f"|---|---|{'---|' * len(NAMED)}---|---|")
    for chain in arguments.chains:
        for way in SESSIONS:
            name = f"{chain}, {way}"
            each, octets = counted(chain, way, arguments.messages)
            print(row(name, each, octets))
            found = {"calls": sum(each.values()), "octets": octets}
            if arguments.bless:
                room = ROOM[name.split(", ")[1]]
                budget[name] = {what: round(room[what] * value, -2 if what == "octets" else None) for what, value in found.items()}
            for what, most in budget.get(name, {}).items():
                if found[what] > most:
                    over.append(f"{name}: {found[what]:.0f} {what}, and {most:.0f} are allowed")
    if arguments.bless:
        BUDGET.write_text(json.dumps(budget, indent=1) + "\n")
    if over:
        print("\n" + "\n".join(over))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
