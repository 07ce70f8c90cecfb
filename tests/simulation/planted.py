#!/usr/bin/env python3
"""Plants each fault of planted.toml into a copy of the repository, and sees whether the simulation finds it.

    tests/simulation/planted.py [--seeds N] [NAME...]

The copy lies in target/planted, and shares the dependencies that are built in target/. Prints a line for each fault: after how
many seeds it was found, and what the simulation said; at the end, how many of how many. The exit code is 1 when a fault is
not found of which the table says that it is, or the other way round.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "target" / "planted"
TEST = "simulation::tests::every_story"


def copy():
    """The tracked files and those that are not ignored, as they are now; older times stay, so that nothing is built twice."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, COPY / name
        if not source.is_file():
            continue
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def plays(seeds):
    """Whether all stories balance, and what was said."""
    command = ["cargo", "test", "--release", "--locked", "--workspace", "--lib", TEST]
    environment = {"MM4RELAY_SEEDS": str(seeds), "CARGO_TARGET_DIR": str(ROOT / "target")}
    run = subprocess.run(
        ["env", *(f"{key}={value}" for key, value in environment.items()), *command],
        cwd=COPY, capture_output=True, text=True,
    )
    return run.returncode == 0, run.stdout + run.stderr


def plant(fault, seeds):
    path = COPY / fault["file"]
    before = path.read_text()
    if before.count(fault["old"]) != 1:
        sys.exit(f"{fault['name']}: its place in {fault['file']} is there {before.count(fault['old'])} times")
    try:
        path.write_text(before.replace(fault["old"], fault["new"]))
        began = time.monotonic()
        balanced, said = plays(seeds)
    finally:
        path.write_text(before)
    if "error: could not compile" in said:
        sys.exit(f"{fault['name']} does not compile:\n{said[-3000:]}")
    seed = re.search(r"Seed (\d+) fails:\s+(.*)", said)
    took = time.monotonic() - began
    if seed:
        return int(seed[1]), f"{seed[2]} ({took:.0f} s)"
    return (None, f"({took:.0f} s)") if balanced else (-1, f"the test itself failed ({took:.0f} s)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000, help="stories for each fault (1000)")
    parser.add_argument("names", nargs="*", help="these faults only")
    wanted = parser.parse_args()
    table = tomllib.loads((ROOT / "tests/simulation/planted.toml").read_text())["fault"]
    faults = [fault for fault in table if not wanted.names or fault["name"] in wanted.names]
    copy()
    found, otherwise = 0, []
    for fault in faults:
        seed, said = plant(fault, wanted.seeds)
        expected = fault.get("found", True)
        found += seed is not None
        if (seed is not None) != expected:
            otherwise.append(fault["name"])
        place = "not found" if seed is None else f"seed {seed}"
        print(f"{fault['name']:45} {place:12} {said}", flush=True)
    print(f"{found} of {len(faults)} found, within {wanted.seeds} seeds each")
    if otherwise:
        sys.exit(f"the table says otherwise of: {', '.join(otherwise)}")


if __name__ == "__main__":
    main()
