#!/usr/bin/env python3
"""This relay with three plug-ins beside Debian's Postfix without a filter: same machine, same file system, same load
tool, same sink, one after the other, several rounds; the medians and their ratios.

    cargo build --release
    target/release/mm4relay plugin build plugins/address-rewrite plugins/content-adapt plugins/charging
    tests/bench/side_by_side.py [--rounds 3] [--sizes 10000,30000,300000] [--markdown]

Postfix (package postfix) is run from a folder of its own under target/bench, as root, because its master wants to be.
What is counted:

- end to end: from the first connection of the load tool until the sink has taken the last message;
- CPU seconds per message: user and system time of the relay's own processes (for Postfix: all its daemons);
- fsyncs: fsync and fdatasync calls per message, by strace, in a short run of its own, because strace slows everything.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/mm4relay"
PLUGINS = ROOT / "target/plugins"
WORK = ROOT / "target/bench"
SESSIONS = 20
TICKS = os.sysconf("SC_CLK_TCK")

# A relay between a source and a sink, without plug-ins: what every benchmark begins with.
BETWEEN = """
[relay]
name = "relay.bench.example"
domains = ["mms.relay.example"]
listen = ["127.0.0.1:{port}"]
spool = "spool"
plugin-folder = "{plugins}"

[[peer]]
name = "source"
domains = ["mms.a.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]

[[peer]]
name = "sink"
domains = ["mms.b.example"]
hosts = ["127.0.0.1:{sink}"]
sessions = {sessions}
"""

RELAY = BETWEEN + """
[[table]]
name = "portability"
file = "portability.csv"

[[plugin]]
name = "address-rewrite"
file = "address-rewrite.wasm"
grants = {grants[address-rewrite]}
[plugin.settings]
{settings}

[[plugin]]
name = "content-adapt"
file = "content-adapt.wasm"
grants = {grants[content-adapt]}

[[plugin]]
name = "charging"
file = "charging.wasm"
grants = {grants[charging]}
"""

SETTINGS = """
country-code = "1"
national-prefix = "0"
portability-table = "portability"
"""

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.bench.example
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink}
smtp_dns_support_level = disabled
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
message_size_limit = 20000000
smtputf8_enable = no
"""

MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, what):
    # A relay compiles its plug-ins first: one in Python takes half a minute.
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{what} does not listen on port {port}")


def cpu_seconds(pids):
    """User and system time of processes that are alive, with that of their ended children."""
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return total / TICKS


def children(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for task in tasks for child in task.read_text().split()]
    return found + [grandchild for child in found for grandchild in children(child)]


class Relay:
    name = "mm4relay"

    def __init__(self, sink):
        self.dir = WORK / "relay"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.port = free_port()
        (self.dir / "portability.csv").write_text("".join(f"+1555{i:07},mms.b.example\n" for i in range(0, 1_000_000)))
        grants = {name: grants_of(name) for name in ("address-rewrite", "content-adapt", "charging")}
        text = RELAY.format(
            port=self.port, sink=sink, plugins=PLUGINS, sessions=SESSIONS, grants=grants, settings=SETTINGS
        )
        (self.dir / "relay.toml").write_text(text)
        log = open(self.dir / "log", "w")
        command = [BINARY, "run", "--config", self.dir / "relay.toml"]
        environment = dict(os.environ, RUST_LOG=os.environ.get("RUST_LOG", "info"))
        self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        wait_for_port(self.port, "the relay")

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def grants_of(plugin):
    import tomllib

    manifest = tomllib.loads((ROOT / "plugins" / plugin / "plugin.toml").read_text())
    return json.dumps(manifest.get("grants", []))


class Postfix:
    name = "Postfix"

    def __init__(self, sink):
        self.dir = WORK / "postfix"
        if self.dir.exists():
            subprocess.run(["postfix", "-c", self.dir, "stop"], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)
        (self.dir / "queue").mkdir(parents=True)
        (self.dir / "data").mkdir()
        shutil.chown(self.dir / "data", "postfix")
        self.port = free_port()
        (self.dir / "main.cf").write_text(MAIN_CF.format(dir=self.dir, sink=sink))
        (self.dir / "master.cf").write_text(MASTER_CF.format(port=self.port))
        started = subprocess.run(["postfix", "-c", self.dir, "start"], capture_output=True, text=True)
        if started.returncode != 0:
            sys.exit(f"Postfix does not start: {started.stderr}")
        wait_for_port(self.port, "Postfix")

    def master(self):
        return int((self.dir / "queue/pid/master.pid").read_text())

    def pids(self):
        master = self.master()
        return [master] + children(master)

    def stop(self):
        subprocess.run(["postfix", "-c", self.dir, "stop"], capture_output=True)


class Sink:
    """`mm4relay peer`, which prints its counts when it has taken so many messages."""

    def __init__(self, port, messages):
        command = [BINARY, "peer", "--listen", f"127.0.0.1:{port}", "--messages", str(messages)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def wait(self, seconds):
        out, _ = self.process.communicate(timeout=seconds)
        return json.loads(out.strip().splitlines()[-1])


def load(port, size, messages, rate=None):
    command = [BINARY, "send", "--load", "--to", f"127.0.0.1:{port}", "--size", str(size)]
    command += ["--messages", str(messages), "--sessions", str(SESSIONS)]
    command += ["--rate", str(rate)] if rate else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"the load tool failed: {done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(server, sink_port, size, messages):
    sink = Sink(sink_port, messages)
    before, started = cpu_seconds(server.pids()), time.monotonic()
    sent = load(server.port, size, messages)
    sink.wait(300)
    seconds = time.monotonic() - started
    time.sleep(0.3)
    cpu = cpu_seconds(server.pids()) - before
    return {"rate": messages / seconds, "cpu": cpu / messages, "accepted": sent}


def fsyncs(server, sink_port, size, messages):
    """Calls per message, counted by strace over all threads and children."""
    counts = WORK / "strace"
    attach = [argument for pid in server.pids() for argument in ("-p", str(pid))]
    command = ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", counts] + attach
    sink = Sink(sink_port, messages)
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(1)
    load(server.port, size, messages)
    sink.wait(300)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(30)
    calls = 0
    for line in counts.read_text().splitlines():
        fields = line.split()
        if fields and fields[-1] in ("fsync", "fdatasync"):
            calls += int(fields[3])
    return calls / messages


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="10000,30000,300000")
    parser.add_argument("--seconds", type=float, default=6, help="about how long Postfix is to be busy in each round")
    parser.add_argument("--markdown", action="store_true", help="print the README's table")
    arguments = parser.parse_args()
    for tool in ("postfix", "strace"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: install the packages postfix and strace")
    WORK.mkdir(parents=True, exist_ok=True)
    table = []
    for size in (int(text) for text in arguments.sizes.split(",")):
        rates = {10_000: 600, 30_000: 500, 300_000: 150}
        messages = int(arguments.seconds * rates.get(size, 100))
        results = {"mm4relay": [], "Postfix": []}
        synced = {}
        for round_ in range(arguments.rounds):
            for make in (Relay, Postfix) if round_ % 2 == 0 else (Postfix, Relay):
                sink_port = free_port()
                server = make(sink_port)
                try:
                    measure(server, sink_port, size, max(200, messages // 10))
                    result = measure(server, sink_port, size, messages)
                    results[server.name].append(result)
                    print(f"{size:>7} {server.name:<9} {result['rate']:8.0f} msg/s {result['cpu'] * 1e3:8.3f} CPU ms/msg", file=sys.stderr)
                    if round_ == 0:
                        synced[server.name] = fsyncs(server, sink_port, size, 500)
                finally:
                    server.stop()
        table.append(summary(size, messages, results, synced))
    print(markdown(table) if arguments.markdown else json.dumps(table, indent=2))


def summary(size, messages, results, synced):
    middle = lambda name, key: statistics.median(result[key] for result in results[name])
    row = {"size": size, "messages": messages, "fsyncs": synced}
    for name in results:
        row[name] = {"rate": middle(name, "rate"), "cpu": middle(name, "cpu")}
    row["rate_ratio"] = row["mm4relay"]["rate"] / row["Postfix"]["rate"]
    row["cpu_ratio"] = row["mm4relay"]["cpu"] / row["Postfix"]["cpu"]
    return row


def markdown(table):
    lines = [
        "| message | mm4relay, 3 plug-ins | Postfix, no filter | ratio | CPU ms/message | ratio | fsyncs/message |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table:
        own, other, synced = row["mm4relay"], row["Postfix"], row["fsyncs"]
        lines.append(
            f"| {row['size'] // 1000} kB | {own['rate']:.0f}/s | {other['rate']:.0f}/s | {row['rate_ratio']:.1f} x "
            f"| {own['cpu'] * 1e3:.2f} / {other['cpu'] * 1e3:.2f} | {row['cpu_ratio']:.2f} "
            f"| {synced['mm4relay']:.2f} / {synced['Postfix']:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
