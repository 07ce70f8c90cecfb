#!/usr/bin/env python3
"""What a plug-in costs its author and the relay, for each language: the template of `plugin new` in a folder of its own.

    cargo build --release
    tests/bench/languages.py [--languages rust,js,ts,python] [--edits 5] [--seconds 2]

For each language:

- `new to passing`: `plugin new` and the first `plugin dev --once`, with whatever that installs; then once more in another folder,
  with the tools fetched before.
- `edit to result`: `plugin dev` watches, the file of the rules is saved with another comment at its end, and the time passes until
  all is right again; the median of the edits, with the samples alone and with the language's own tests.
- `a call`: `plugin bench` of the first sample: the time of a call with a new, configured instance, median and 99th percentile.

Wanted: an edit to its result in at most 3 s in each language; with the tools there, from nothing to passing in 60 s in Rust, 20 s in
JavaScript and 60 s in Python; a call at the median in 10 us, 120 us and 1.5 ms. What a plug-in costs the relay's throughput is
measured by `chains.py`.

Prints a table in Markdown. Compare within one run; machines are noisy.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from beside import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/mm4relay"
# Where each template's rules are, and how a comment begins there.
RULES = {"rust": ("src/rules.rs", "//"), "js": ("rules.js", "//"), "ts": ("rules.ts", "//"), "python": ("rules.py", "#")}
PATIENCE = 600


def run(words, folder):
    done = subprocess.run([BINARY, *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def new_to_passing(language, folder):
    began = time.monotonic()
    run(["plugin", "new", "stamp-it", "--lang", language], folder)
    run(["plugin", "dev", "stamp-it", "--once"], folder)
    return time.monotonic() - began


class Watching:
    """`plugin dev`, and the moments at which it waits for the next change."""

    def __init__(self, folder, options):
        self.waits, self.said = threading.Semaphore(0), []
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", BINARY, "plugin", "dev", "stamp-it", *options],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self.read, daemon=True).start()
        self.wait()

    def read(self):
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith("waiting for a file"):
                self.waits.release()

    def wait(self):
        if not self.waits.acquire(timeout=PATIENCE):
            sys.exit("plugin dev says nothing more:\n" + "".join(self.said))
        if not any(line.startswith("all is right") for line in self.said):
            sys.exit("an edit that changes nothing is not right:\n" + "".join(self.said))
        self.said.clear()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def edit_to_result(language, folder, edits, options):
    """Seconds from a saved file to the verdict on it, for each edit."""
    name, comment = RULES[language]
    rules = folder / "stamp-it" / name
    text = rules.read_text()
    watching, times = Watching(folder, options), []
    for number in range(edits):
        began = time.monotonic()
        rules.write_text(f"{text}\n{comment} Edit {number}.\n")
        watching.wait()
        times.append(time.monotonic() - began)
    watching.stop()
    return times


def call(folder, seconds):
    printed = run(["plugin", "bench", "stamp-it", "--seconds", str(seconds), "--json"], folder)
    return json.loads(printed.splitlines()[0])


def measured(language, arguments):
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        installing = new_to_passing(language, pathlib.Path(first))
        folder = pathlib.Path(second)
        installed = new_to_passing(language, folder)
        samples = edit_to_result(language, folder, arguments.edits, ["--samples-only"])
        everything = edit_to_result(language, folder, arguments.edits, [])
        row = call(folder, arguments.seconds)
    return [
        language,
        f"{installing:.1f} s",
        f"{installed:.1f} s",
        f"{statistics.median(samples):.1f} s",
        f"{statistics.median(everything):.1f} s",
        f"{row['p50_us']:.1f} us",
        f"{row['p99_us']:.1f} us",
    ]


HEADINGS = [
    "language",
    "new to passing, the first time",
    "again",
    "edit to result, samples",
    "with its own tests",
    "a call, p50",
    "p99",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--languages", default="rust,js,ts,python")
    parser.add_argument("--edits", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    if not BINARY.exists():
        sys.exit(f"{BINARY} is missing: cargo build --release")
    rows = [measured(language, arguments) for language in arguments.languages.split(",")]
    print(f"{machine()}.\n")
    for line in [HEADINGS, ["---"] * len(HEADINGS), *rows]:
        print("| " + " | ".join(line) + " |", flush=True)


if __name__ == "__main__":
    main()
