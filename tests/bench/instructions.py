#!/usr/bin/env python3
"""What a message costs, counted in instructions by valgrind's callgrind: noise of the machine does not reach them.

    cargo build --release --examples --bin mm4relay
    tests/bench/instructions.py            # compares with instructions.json, exit code 1 when a stage is more than 5 % dearer
    tests/bench/instructions.py --bless    # accepts what was counted
    tests/bench/instructions.py index edit # these stages only

Each stage runs twice, with N and with 2 N repetitions; the difference is what N cost, without start and end. The stages
`data`, `index`, `edit` and `routing` are the functions of those rooms (host/examples/instructions.rs). `message` is one
message of 10 kB through the real relay, from its first octet to the record of its delivery: intake, spool (SQLite),
delivery, without a plug-in, because those are compiled by a process of their own, which valgrind cannot start. It has
several threads, which wait for each other more or less often: the middle of three runs counts, and they vary by about 2 %.

When a stage is dearer, the functions that grew most are named.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

from side_by_side import BETWEEN, BINARY, PLUGINS, ROOT, Sink, free_port

EXAMPLE = ROOT / "target/release/examples/instructions"
BASELINE = pathlib.Path(__file__).with_suffix(".json")
WORK = ROOT / "target/instructions"
# Repetitions of each stage: enough that one more or less allocation is seen, few enough for a minute under valgrind.
STAGES = {"data": 200, "index": 200, "edit": 200, "routing": 2_000, "message": 60}
WORSE = 1.05
# Functions kept in the baseline for each stage.
KEPT = 60


def callgrind(name, command):
    """The command line that counts, and where the counts will be."""
    out = WORK / f"{name}.out"
    out.unlink(missing_ok=True)
    options = ["--tool=callgrind", f"--callgrind-out-file={out}"]
    return ["valgrind", "--quiet", *options, *map(str, command)], out


def counts(out):
    """Instructions of each function itself, without those that it calls, from a callgrind file."""
    names, totals, function, skip = {}, collections.Counter(), None, False
    for line in out.read_text(errors="replace").splitlines():
        if line.startswith("fn="):
            number, _, name = line[3:].partition(" ")
            names.setdefault(number, name)
            function = names[number]
        elif line.startswith(("cfn=", "cfi=", "cob=", "ob=", "fl=", "fi=", "fe=")):
            if line.startswith("cfn="):
                number, _, name = line[4:].partition(" ")
                if name:
                    names.setdefault(number, name)
        elif line.startswith("calls="):
            skip = True
        elif line[:1].isdigit() or line[:1] in "+-*":
            # A position and its cost; a cost of nothing is left out.
            fields = line.split()
            if not skip and function and len(fields) > 1:
                totals[plain(function)] += int(fields[1])
            skip = False
    return totals


def plain(function):
    """Without the hash of the build and the numbers of recursion, which differ between builds."""
    return re.sub(r"::h[0-9a-f]{16}|'\d+$", "", function)


def run_stage(stage, times):
    command, out = callgrind(f"{stage}-{times}", [EXAMPLE, stage, times])
    # Hash maps of the standard library have random seeds; the allocator and the stack are otherwise the same.
    subprocess.run(command, check=True, timeout=600, env={"PATH": os.environ["PATH"]})
    return counts(out)


def run_relay(stage, times):
    folder = WORK / stage
    sink_port, port = free_port(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    text = BETWEEN.format(port=port, sink=sink_port, plugins=PLUGINS, sessions=1)
    (folder / "relay.toml").write_text(text)
    for file in (folder / "spool").glob("spool.db*"):
        file.unlink()
    command, out = callgrind(f"{stage}-{times}", [BINARY, "run", "--config", folder / "relay.toml"])
    environment = dict(os.environ, RUST_LOG="error", TOKIO_WORKER_THREADS="1")
    with open(folder / "log", "w") as log:
        relay = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_for_start(folder / "log")
        sink = Sink(sink_port, times)
        load = [BINARY, "send", "--load", "--to", f"127.0.0.1:{port}", "--size", "10000"]
        subprocess.run(load + ["--messages", str(times), "--sessions", "1"], check=True, capture_output=True, timeout=300)
        sink.wait(300)
        time.sleep(1)
    finally:
        relay.send_signal(signal.SIGTERM)
        relay.wait(120)
    return counts(out)


def wait_for_start(log):
    """Patiently: everything is about fifty times slower under valgrind."""
    for _ in range(1200):
        if "listening on" in log.read_text():
            return
        time.sleep(0.1)
    sys.exit(f"the relay under valgrind does not start; its log is {log}")


def cost(stage):
    """Instructions of one repetition, and of each function in it."""
    times = STAGES[stage]
    run, rounds = (run_relay, 3) if stage == "message" else (run_stage, 1)
    results = []
    for _ in range(rounds):
        once, twice = run(stage, times), run(stage, 2 * times)
        each = {name: (twice[name] - once[name]) // times for name in twice}
        results.append((sum(each.values()), each))
    middle = statistics.median_low([total for total, _ in results])
    return next(result for result in results if result[0] == middle)


def grown(before, now):
    """The functions that have grown most, dearest first."""
    more = sorted(((now[name] - before.get(name, 0), name) for name in now), reverse=True)
    return [f"    {extra:+10,} {name[:150]}" for extra, name in more[:8] if extra > 0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; all when none is named")
    parser.add_argument("--bless", action="store_true", help="write what was counted into instructions.json")
    arguments = parser.parse_args()
    unknown = set(arguments.stages) - set(STAGES)
    if unknown:
        parser.error(f"no stage is called {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is missing: install the package valgrind")
    for program in (EXAMPLE, BINARY):
        if not program.exists():
            sys.exit(f"{program} is missing: cargo build --release --examples --bin mm4relay")
    WORK.mkdir(parents=True, exist_ok=True)
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    worse = 0
    for stage in arguments.stages or STAGES:
        total, each = cost(stage)
        before = baseline.get(stage)
        ratio = total / before["instructions"] if before else None
        print(f"{stage:<10}{total:>12,} instructions" + (f", {ratio:.3f} of the baseline" if ratio else ", no baseline"))
        if ratio and ratio > WORSE:
            worse += 1
            print("\n".join(grown(before["functions"], each)))
        if arguments.bless or not before:
            dearest = sorted(each.items(), key=lambda item: -item[1])[:KEPT]
            baseline[stage] = {"instructions": total, "functions": dict(dearest)}
    if arguments.bless:
        BASELINE.write_text(json.dumps(baseline, indent=1, ensure_ascii=False) + "\n")
    elif worse:
        sys.exit(f"{worse} stages are more than {WORSE - 1:.0%} dearer: make them cheaper, or accept it with --bless and say why")


if __name__ == "__main__":
    main()
