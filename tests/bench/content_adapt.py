#!/usr/bin/env python3
"""What the sandbox costs content-adapt: a JPEG of 5 megapixels brought under 640x480 pixels and 100 kB, by the component and by
the same code without WebAssembly, in turns.

    cargo build --release --locked
    cargo build --release --locked --example content_adapt_native
    tests/bench/content_adapt.py [--rounds 5] [--seconds 5]

Wanted: at most 1.5 times the native time. A ratio is that of two neighbours in time; the interval in brackets holds the ratios of
all rounds but the lowest and the highest.
"""

import argparse
import base64
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from beside import build, machine, ratio
from side_by_side import BINARY, PLUGINS, ROOT

NATIVE = ROOT / "target/release/examples/content_adapt_native"
WIDTH, HEIGHT, OCTETS = 640, 480, 100_000

MANIFEST = """
grants = ["log"]
[limits]
memory = "256 MiB"
time = "30 s"
"""

CASE = f"""
occasion = "departure"
sender = "<+15555550100/TYPE=PLMN@mms.a.example>"
recipients = ["+15555550199/TYPE=PLMN@mms.b.example"]

[destination]
peer = "operator-b"
domain = "mms.b.example"
max-image-width = {WIDTH}
max-image-height = {HEIGHT}
max-image-size = {OCTETS}
"""

HEAD = (
    "From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\nMIME-Version: 1.0\r\n"
    "X-Mms-3GPP-MMS-Version: 6.5.0\r\nX-Mms-Message-Type: MM4_forward.REQ\r\n"
    'X-Mms-Transaction-ID: "t1"\r\nX-Mms-Message-ID: "m1"\r\nX-Mms-Originator-System: system@mms.a.example\r\n'
    'Content-Type: image/jpeg; name="picture.jpg"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
)


def said(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each of both in each round")
    arguments = parser.parse_args()
    if not NATIVE.exists():
        sys.exit(f"{NATIVE} is missing: cargo build --release --locked --example content_adapt_native")
    build("plugins/content-adapt")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        case = folder / "samples/photo"
        case.mkdir(parents=True)
        picture = folder / "picture.jpg"
        said([NATIVE, "picture", "2592", "1944", picture])
        octets = picture.read_bytes()
        message = case / "message.eml"
        message.write_bytes(HEAD.encode() + base64.encodebytes(octets).replace(b"\n", b"\r\n"))
        (case / "case.toml").write_text(CASE)
        (folder / "plugin.toml").write_text(MANIFEST)
        bench = [BINARY, "plugin", "bench", folder, "--wasm", PLUGINS / "content-adapt.wasm", "--json"]
        bench += ["--seconds", str(arguments.seconds)]
        natively = [NATIVE, "times", message, str(WIDTH), str(HEIGHT), str(OCTETS)]
        one = said(natively + ["1"])
        runs = str(max(5, int(arguments.seconds * 1e6 / one["p50_us"])))
        both = []
        for round_ in range(arguments.rounds):
            commands = {"sandbox": bench, "native": natively + [runs]}
            order = sorted(commands, reverse=round_ % 2 == 0)
            both.append({which: said(commands[which]) for which in order})
            times = "  ".join(f"{which} {it['p50_us'] / 1e3:8.1f} ms" for which, it in both[-1].items())
            print(times, file=sys.stderr)
    middle, low, high = ratio(it["sandbox"]["p50_us"] / it["native"]["p50_us"] for it in both)
    median = lambda which, what: statistics.median(it[which][what] for it in both) / 1e3
    made = both[0]["native"]
    print(f"A JPEG of 2592x1944 pixels and {len(octets)} octets, {arguments.rounds} rounds; {machine()}.")
    print(f"It becomes {made['width']}x{made['height']} pixels and {made['octets']} octets.\n")
    print("| | p50, ms | p99, ms |")
    print("|---|---|---|")
    for which in ("sandbox", "native"):
        print(f"| {which} | {median(which, 'p50_us'):.1f} | {median(which, 'p99_us'):.1f} |")
    small = made["octets"] <= OCTETS and made["width"] <= WIDTH and made["height"] <= HEIGHT
    fine = middle <= 1.5 and small
    print(f"| ratio, wanted at most 1.5 | {middle:.2f} [{low:.2f}, {high:.2f}] | {'yes' if fine else 'NO'} |")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
