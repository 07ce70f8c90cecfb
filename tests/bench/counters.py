#!/usr/bin/env python3
"""Whether the counters of `screen` are exact to the commit: floods and copies are counted under load, while the relay is killed
and started again.

    cargo build --release --locked
    tests/bench/counters.py [--rate 1000] [--seconds 20] [--kills 3]

All messages have one originator and one content, so that each of the two rules has a single counter, which every message adds
to. When the load is over and the queue is empty, four numbers are compared: how many messages were acknowledged, how many
different ones arrived at the next hop (each that was committed does, and no other one), and what both counters say. Wanted:
counters that are what was committed, and none that was acknowledged and not committed. Who sends hears nothing of a message
whose connection was killed: some of these were committed, and are counted.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import time

from beside import Relay, build, machine
from side_by_side import BINARY, WORK, free_port, wait_for_port

CHAIN = """
[[plugin]]
name = "screen"
file = "screen.wasm"
grants = ["log", "kv"]
on-failure = "defer"
[[plugin.settings.rules]]
name = "flood"
flood = { by = "originator", more-than = 1000000000, within = "31 days" }
then = "refuse"
[[plugin.settings.rules]]
name = "copies"
duplicates = { more-than = 1000000000, within = "31 days" }
then = "count"
"""


def counters(relay):
    """What both rules have counted, by the keys of their places."""
    lines = relay.said("kv", "list", "screen").splitlines()
    found = (re.fullmatch(r"screen  (count/[0-9a-f]+/[0-9a-f]+) = ([0-9]+)", line) for line in lines)
    return {one[1]: int(one[2]) for one in found if one}


def arrived(log):
    """The different messages in the next hop's log; some come twice after a crash."""
    return {json.loads(line)["transaction_id"] for line in log.read_text().splitlines()}


def wait_until_sent(relay, seconds=300):
    end = time.monotonic() + seconds
    while relay.said("queue", "list").strip() != "nothing in the queue":
        if time.monotonic() > end:
            sys.exit(f"messages are still in the queue after {seconds} s")
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1000, help="messages a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--kills", type=int, default=3)
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    build("plugins/screen")
    log, ledger = WORK / "counters-arrived.log", WORK / "counters-acknowledged"
    for file in (log, ledger):
        file.unlink(missing_ok=True)
    sink_port = free_port()
    sink = subprocess.Popen(
        [BINARY, "peer", "--listen", f"127.0.0.1:{sink_port}", "--log", log], stdout=subprocess.DEVNULL
    )
    wait_for_port(sink_port, "the sink")
    relay = Relay("counters", sink_port, CHAIN)
    try:
        messages = arguments.rate * arguments.seconds
        command = [BINARY, "send", "--load", "--to", f"127.0.0.1:{relay.port}", "--size", "3000", "--patience", "60"]
        command += ["--messages", str(messages), "--rate", str(arguments.rate), "--ledger", ledger]
        sending = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in range(arguments.kills):
            time.sleep(arguments.seconds / (arguments.kills + 1))
            if sending.poll() is not None:
                sys.exit("the load was over before the relay was killed")
            relay.kill()
            relay.start()
        out, _ = sending.communicate(timeout=600)
        said = json.loads(out.strip().splitlines()[-1])
        wait_until_sent(relay)
        found = counters(relay)
    finally:
        relay.stop()
        sink.terminate()
        sink.wait(60)
    committed, acknowledged = arrived(log), set(pathlib.Path(ledger).read_text().split())
    print(f"{messages} messages at {arguments.rate} a second, {arguments.kills} kills; {machine()}.\n")
    print("| what | number |")
    print("|---|---|")
    print(f"| acknowledged | {len(acknowledged)} |")
    print(f"| connections killed within a message | {said['lost']} |")
    print(f"| a second, acknowledged, with the time that the relay was away | {said['messages_per_second']:.0f} |")
    print(f"| committed | {len(committed)} |")
    for key, number in sorted(found.items()):
        print(f"| counter {key} | {number} |")
    exact = len(found) == 2 and set(found.values()) == {len(committed)}
    lost = acknowledged - committed
    print(f"| exact to the commit | {'yes' if exact else 'NO'} |")
    print(f"| acknowledged and lost | {len(lost)} |")
    return 0 if exact and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
