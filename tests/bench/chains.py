#!/usr/bin/env python3
"""What plug-ins cost the relay's throughput: two chains beside each other, in turns, several rounds in one run.

    cargo build --release --locked
    tests/bench/chains.py [three|adapt|screen|charging|rust|js|python ...] [--rounds 7] [--size 10000] [--messages 20000]

- `three`: address-rewrite, screen and charging with usual settings, against one plug-in that does nothing. Wanted: at least 0.85.
- `adapt`: the same with content-adapt in the place of screen. The messages hold no pictures. Wanted: at least 0.85.
- `screen`, `charging`: that plug-in with `[plugin.may]` for no more than it needs, against the same one that may do everything.
  Wanted: no slower, so that 1 is in the interval or below it.
- `rust`, `js`, `python`: the plug-in that `plugin new` makes, which sets a header, against no plug-in at all. Wanted: at least 0.97,
  0.85 and 0.5. They need the tools of their languages.

Throughput is that from the first connection of the load tool until the sink has taken the last message. A ratio is that of two
neighbours in time: a machine that becomes slower during the run changes both. The interval in brackets holds the ratios of all
rounds but the lowest and the highest.
"""

import argparse
import shutil
import statistics
import subprocess
import sys

from beside import Relay, build, machine, ratio
from side_by_side import BINARY, PLUGINS, WORK, free_port, measure

NOOP = """
[[plugin]]
name = "noop"
file = "noop.wasm"
grants = []
"""

ADDRESS_REWRITE = """
[[table]]
name = "portability"
file = "portability.csv"

[[plugin]]
name = "address-rewrite"
file = "address-rewrite.wasm"
grants = ["log", "tables"]
[plugin.settings]
country-code = "1"
national-prefix = "0"
portability-table = "portability"
"""

SCREEN = """
[[table]]
name = "blocked"
file = "blocked.csv"

[[plugin]]
name = "screen"
file = "screen.wasm"
grants = ["log", "kv", "tables", "metrics"]
on-failure = "skip"
{may}
[[plugin.settings.rules]]
name = "blocked pairs"
when = {{ pairs-in = "blocked" }}
then = "refuse"
[[plugin.settings.rules]]
name = "flood by originator"
flood = {{ by = "originator", more-than = 1000000000, within = "1 h" }}
then = "refuse"
[[plugin.settings.rules]]
name = "copies"
duplicates = {{ more-than = 1000000000, within = "1 h", min-size = 1000 }}
then = "count"
[[plugin.settings.rules]]
name = "gambling"
when = {{ words = ["casino*", "free money"] }}
then = "hold"
"""

CONTENT_ADAPT = """
[[plugin]]
name = "content-adapt"
file = "content-adapt.wasm"
grants = ["log"]
"""

CHARGING = """
[[plugin]]
name = "charging"
file = "charging.wasm"
grants = ["charging"]
{may}
"""

FILES = {
    "portability.csv": "".join(f"+1555{number:07},mms.b.example\n" for number in range(0, 1_000_000, 10)),
    "blocked.csv": "".join(f"+1999{number:07}>*,x\n" for number in range(10_000)),
}

# Looking for copies reads every part, and words are in texts.
MAY_SCREEN = """[plugin.may]
read.parts = true
refuse = true
hold = true
"""
MAY_CHARGE = """[plugin.may]
read.headers = ["X-Mms-*", "Content-Type", "Date"]
"""

STAMP = """
[[plugin]]
name = "stamp-{language}"
file = "stamp-{language}.wasm"
grants = []
[plugin.settings]
relay-name = "relay-1"
"""

PLAIN = {"may": ""}
# The chain that is looked at, what it is compared with, and the ratio that is wanted.
COMPARED = {
    "three": (ADDRESS_REWRITE + SCREEN.format(**PLAIN) + CHARGING.format(**PLAIN), NOOP, 0.85),
    "adapt": (ADDRESS_REWRITE + CONTENT_ADAPT + CHARGING.format(**PLAIN), NOOP, 0.85),
    "screen": (SCREEN.format(may=MAY_SCREEN), SCREEN.format(**PLAIN), None),
    "charging": (CHARGING.format(may=MAY_CHARGE), CHARGING.format(**PLAIN), None),
    "rust": (STAMP.format(language="rust"), "", 0.97),
    "js": (STAMP.format(language="js"), "", 0.85),
    "python": (STAMP.format(language="python"), "", 0.5),
}
LANGUAGES = ("rust", "js", "python")
BUILT = ["plugins/address-rewrite", "plugins/screen", "plugins/content-adapt", "plugins/charging", "tests/guests/noop"]


def scaffold(language):
    """The plug-in that `plugin new` makes of a language, built as its author would build it."""
    folder = WORK / f"stamp-{language}"
    shutil.rmtree(folder, ignore_errors=True)
    make = [BINARY, "plugin", "new", folder.name, "--lang", language, "--into", WORK]
    for command in (make, [BINARY, "plugin", "build", folder, "--out", PLUGINS]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def one_turn(name, text, size, messages):
    sink_port = free_port()
    relay = Relay(f"chains-{name}", sink_port, text, FILES)
    try:
        measure(relay, sink_port, size, max(200, messages // 10))
        return measure(relay, sink_port, size, messages)
    finally:
        relay.stop()


def compared(name, arguments):
    """A row of the table, and whether it is as wanted."""
    chain, other, wanted = COMPARED[name]
    turns = {"it": [], "other": []}
    texts = {"it": chain, "other": other}
    for round_ in range(arguments.rounds):
        # Whoever comes first in one round comes second in the next.
        for which in ("it", "other") if round_ % 2 == 0 else ("other", "it"):
            turn = one_turn(f"{name}-{which}", texts[which], arguments.size, arguments.messages)
            turns[which].append(turn)
            print(f"{name:<9} {which:<6} {turn['rate']:8.0f} msg/s {turn['cpu'] * 1e3:8.3f} CPU ms/msg", file=sys.stderr)
    of = {}
    for what in ("rate", "cpu"):
        of[what] = ratio(one[what] / two[what] for one, two in zip(turns["it"], turns["other"]))
    rates = {which: statistics.median(turn["rate"] for turn in turns[which]) for which in turns}
    middle, low, high = of["rate"]
    fine = middle >= wanted if wanted else high >= 1
    row = (
        f"| `{name}` | {rates['it']:.0f}/s | {rates['other']:.0f}/s | {middle:.3f} [{low:.3f}, {high:.3f}] | {wanted or 1} "
        f"| {of['cpu'][0]:.3f} [{of['cpu'][1]:.3f}, {of['cpu'][2]:.3f}] | {'yes' if fine else 'NO'} |"
    )
    return row, fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chains", nargs="*", default=list(COMPARED), metavar="CHAIN", help=", ".join(COMPARED))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=10_000, help="octets of a message")
    parser.add_argument("--messages", type=int, default=20_000)
    arguments = parser.parse_args()
    if unknown := set(arguments.chains) - set(COMPARED):
        parser.error(f"no such chain: {', '.join(sorted(unknown))}")
    WORK.mkdir(parents=True, exist_ok=True)
    build(*BUILT)
    for language in LANGUAGES:
        if language in arguments.chains:
            scaffold(language)
    results = [compared(name, arguments) for name in arguments.chains]
    print(f"Messages of {arguments.size} octets, {arguments.messages} in each of {arguments.rounds} rounds; {machine()}.\n")
    print("| chain | it | compared with | ratio | wanted | CPU per message, ratio | as wanted |")
    print("|---|---|---|---|---|---|---|")
    for row, _ in results:
        print(row)
    return 0 if all(fine for _, fine in results) else 1


if __name__ == "__main__":
    sys.exit(main())
