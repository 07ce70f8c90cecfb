#!/usr/bin/env python3
"""Plants the faults of planted.toml into a copy of the relay, and sees which of them the simulation finds.

    tests/simulation/planted.py [--seeds N] [--jobs N] [--write] [NAME...]

All faults are planted into one copy, which lies in target/planted and shares the dependencies that are built in target/; it is
built once. Which of them it has, if any, says an environment variable that only the copy knows, so the relay itself
has no hook. Prints a line for each fault: the first seed that finds it, and what the simulation said; at the end, how many of
how many. A fault that names the part of the world that finds it (`only`) is played without that part as well.

With --write, found.md is written anew; it must be a run over all faults. The exit code is 1 when one is not found of which the
table says that it is, or the other way round, or when the copy with no fault fails.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "target" / "planted"
TABLE = ROOT / "tests" / "simulation" / "planted.toml"
FOUND = ROOT / "tests" / "simulation" / "found.md"
TEST = "simulation::tests::every_story"

ASKED = """
/// Whether the fault with this number is planted.
#[doc(hidden)]
pub(crate) fn planted(fault: usize) -> bool {
    static PLANTED: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    let planted = || std::env::var("MM4RELAY_PLANTED").ok().and_then(|number| number.parse().ok());
    *PLANTED.get_or_init(planted) == Some(fault)
}
"""


def tracked():
    """The tracked files and those that are not ignored, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    return [name for name in filter(None, listed.split("\0")) if (ROOT / name).is_file()]


def place(fault, code):
    """Where `old` stands."""
    at, old = fault.get("at", fault["old"]), fault["old"]
    if code.count(at) != 1:
        sys.exit(f"{fault['name']}: its place in {fault['file']} is there {code.count(at)} times")
    if at.count(old) != 1:
        sys.exit(f"{fault['name']}: `old` is in `at` {at.count(old)} times")
    start = code.index(at) + at.index(old)
    return start, start + len(old)


def choice(places):
    """What stands in the place of `old`: of several faults in one place, each is one more case."""
    old = places[0][1]["old"]
    if "PLANTED" in places[0][1]["new"]:
        if len(places) > 1:
            sys.exit(f"{places[0][1]['name']} and {places[1][1]['name']} are in one place, and one of them says PLANTED")
        number, fault = places[0]
        return fault["new"].replace("PLANTED", f"crate::planted({number})")
    cases = "".join(f"if crate::planted({number}) {{ {fault['new']} }} else " for number, fault in places)
    text = f"{cases}{{ {old} }}"
    return text if old.rstrip().endswith((";", "}")) else f"({text})"


def planted(code, faults):
    """The text of a file with all these faults, each as a choice."""
    by_place = {}
    for number, fault in faults:
        by_place.setdefault(place(fault, code), []).append((number, fault))
    last, parts = 0, []
    for (start, end), places in sorted(by_place.items()):
        if start < last:
            sys.exit(f"{places[0][1]['name']} overlaps the place of another fault in {places[0][1]['file']}")
        parts += [code[last:start], choice(places)]
        last = end
    return "".join(parts) + code[last:]


def copy(faults):
    """Files that are as they were keep their times, so that nothing is built twice."""
    by_file = {}
    for number, fault in enumerate(faults):
        by_file.setdefault(fault["file"], []).append((number, fault))
    for name in tracked():
        content = (ROOT / name).read_bytes()
        if name in by_file:
            content = planted(content.decode(), by_file.pop(name)).encode()
        if name == "host/src/lib.rs":
            content += ASKED.encode()
        target = COPY / name
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        shutil.copymode(ROOT / name, target)
    for name in by_file:
        sys.exit(f"there is no {name}")


def build():
    """The test program of the copy."""
    command = ["cargo", "test", "--release", "--locked", "--workspace", "--lib", "--no-run", "--message-format", "json"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")}
    built = subprocess.run(command, cwd=COPY, env=environment, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        messages = (json.loads(line) for line in built.stdout.splitlines() if line.startswith("{"))
        errors = [message["message"]["rendered"] for message in messages if message.get("reason") == "compiler-message"
                  and message["message"]["level"] == "error"]
        sys.exit("".join(errors) + "the copy does not compile")
    for line in built.stdout.splitlines():
        artifact = json.loads(line) if line.startswith("{") else {}
        if artifact.get("executable") and artifact["target"]["name"] == "mm4relay":
            return artifact["executable"]
    sys.exit("cargo names no test program of mm4relay")


def plays(program, number, seeds, without=None):
    """The first seed whose story does not balance, and what was said; no seed when all do."""
    environment = {**os.environ, "MM4RELAY_SEEDS": str(seeds), "MM4RELAY_SHORTER": "0"}
    environment.pop("MM4RELAY_PLANTED", None)
    if number is not None:
        environment["MM4RELAY_PLANTED"] = str(number)
    if without:
        environment["MM4RELAY_WITHOUT"] = without
    began = time.monotonic()
    run = subprocess.run(
        [program, TEST, "--nocapture"], cwd=COPY / "host", env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )
    took = time.monotonic() - began
    seed = re.search(r"Seed (\d+) fails:\s+(.*)", run.stdout)
    if seed:
        return int(seed[1]), seed[2].strip(), took
    if run.returncode != 0 or "1 passed" not in run.stdout:
        sys.exit(f"fault {number}: the test itself failed\n{run.stdout[-3000:]}")
    return None, "", took


def shown(said):
    """Without what is different each time."""
    return re.sub(r"\s*\([^)]*\)", "", said).replace("|", "\\|")[:160]


def write(results, seeds):
    today = datetime.date.today().isoformat()
    found = [result for result in results if result["seed"] is not None]
    late = sorted(result["seed"] + 1 for result in found)
    lines = [
        "# Faults that the simulation finds",
        "",
        f"Written by `tests/simulation/planted.py --seeds {seeds} --write` on {today}: of {len(results)} faults",
        f"{len(found)} were found within {seeds} stories each; half of them within {late[len(late) // 2]}, nine of ten within",
        f"{late[len(late) * 9 // 10]}. Without any fault all stories balance.",
        "",
        "| fault | found after | by |",
        "|---|---|---|",
    ]
    for result in results:
        after = result["seed"] + 1 if result["seed"] is not None else "not found"
        by = shown(result["said"]) if result["seed"] is not None else result["fault"].get("why", "")
        lines.append(f"| {result['fault']['name']}: {result['fault']['what']} | {after} | {by} |")
    FOUND.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000, help="stories for each fault (1000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="faults at a time")
    parser.add_argument("--write", action="store_true", help="write found.md")
    parser.add_argument("names", nargs="*", help="these faults only")
    wanted = parser.parse_args()
    faults = tomllib.loads(TABLE.read_text())["fault"]
    unknown = set(wanted.names) - {fault["name"] for fault in faults}
    if unknown:
        sys.exit(f"no such fault: {', '.join(sorted(unknown))}")
    copy(faults)
    program = build()
    chosen = [(number, fault) for number, fault in enumerate(faults) if not wanted.names or fault["name"] in wanted.names]

    def one(numbered):
        number, fault = numbered
        seed, said, took = plays(program, number, wanted.seeds)
        where = f"seed {seed}" if seed is not None else "not found"
        print(f"{fault['name']:45} {where:10} {took:5.0f} s  {said[:110]}", flush=True)
        if seed is not None and fault.get("only"):
            seen, said_else, _ = plays(program, number, wanted.seeds, without=fault["only"])
            if seen is not None:
                print(f"{fault['name']:45} also without {fault['only']}, seed {seen}: {said_else[:80]}", flush=True)
        return {"fault": fault, "seed": seed, "said": said}

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(wanted.jobs) as pool:
        control = pool.submit(plays, program, None, wanted.seeds)
        results = list(pool.map(one, chosen))
        seed, said, _ = control.result()
    if seed is not None:
        sys.exit(f"without any fault, seed {seed} fails: {said}")
    found = [result for result in results if result["seed"] is not None]
    print(f"{len(found)} of {len(results)} found, within {wanted.seeds} seeds each, in {time.monotonic() - began:.0f} s")
    if wanted.write and not wanted.names:
        write(results, wanted.seeds)
    otherwise = [result["fault"]["name"] for result in results
                 if (result["seed"] is not None) != result["fault"].get("found", True)]
    if otherwise:
        sys.exit(f"the table says otherwise of: {', '.join(otherwise)}")


if __name__ == "__main__":
    main()
