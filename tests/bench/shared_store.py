#!/usr/bin/env python3
"""The shared store beside the embedded one, in one run: one relay on its own folder; one relay, and several, on PostgreSQL with one
synchronous standby. Same machine, same load tool, same sink, in turns, several rounds; the medians and their ratios.

    cargo build --release --locked
    target/release/mm4relay plugin build plugins/address-rewrite plugins/content-adapt plugins/charging
    tests/bench/shared_store.py [--rounds 5] [--size 10000] [--messages 10000] [--relays 3] [--folder /var/tmp]

Both database servers, all relays, the load tools and the sink share this machine's cores, which three machines would not: what
is found is a bound from below for the rate of several relays, and the CPU time of each part is what it is. The servers come from
/usr/lib/postgresql (version 15 or later), and run as the user postgres where this runs as root.

- rate: messages a second, from the first connection of the load tools until the sink has taken the last message;
- relay: CPU seconds of the relays, per message; database: those of both servers, with all their processes;
- log: octets of the database's log per message.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from side_by_side import BINARY, RELAY, SESSIONS, SETTINGS, PLUGINS, WORK, Sink, children, cpu_seconds, free_port, grants_of
from side_by_side import wait_for_port

SHARED = """
[spool]
backend = "postgres"
hosts = ["127.0.0.1:{port}"]
user = "postgres"
database = "postgres"
tls = false
"""

SERVER = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{dir}'
max_connections = 200
wal_level = replica
max_wal_senders = 8
wal_keep_size = '1GB'
max_wal_size = '4GB'
shared_buffers = '512MB'
wal_compression = lz4
"""


def programs():
    versions = [path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if int(path.parent.name) >= 15]
    if not versions:
        sys.exit("PostgreSQL 15 or later is missing: install the package postgresql")
    return max(versions, key=lambda path: int(path.parent.name))


def as_server(command, **more):
    user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    return {"args": [str(word) for word in command], "cwd": "/", **user, **more}


class Server:
    """One database server; with a `primary`, a standby of it."""

    def __init__(self, folder, name, primary=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"mm4pg-{name}-", dir=folder))
        if os.getuid() == 0:
            shutil.chown(self.dir, "postgres", "postgres")
        self.port, data = free_port(), self.dir / "data"
        settings = SERVER.format(port=self.port, dir=self.dir)
        if primary is None:
            command = [programs() / "initdb", "-U", "postgres", "--auth", "trust", "--locale", "C.UTF-8", "-D", data]
        else:
            command = [programs() / "pg_basebackup", "-c", "fast", "-U", "postgres", "-h", primary.dir, "-p", primary.port, "-D", data]
            settings += f"primary_conninfo = 'host={primary.dir} port={primary.port} user=postgres application_name={name}'\n"
        subprocess.run(**as_server(command, check=True, capture_output=True))
        if primary is not None:
            (data / "standby.signal").touch()
        with open(data / "postgresql.auto.conf", "a") as file:
            file.write(settings)
        log = open(self.dir / "log", "w")
        self.process = subprocess.Popen(**as_server([programs() / "postgres", "-D", data], stdout=log, stderr=log))
        wait_for_port(self.port, f"the server {name} (its log is {self.dir / 'log'})")

    def ask(self, sql):
        command = [programs() / "psql", "-XqAtw", "-h", self.dir, "-p", self.port, "-U", "postgres", "-d", "postgres", "-c", sql]
        done = subprocess.run(**as_server(command, capture_output=True, text=True))
        return done.stdout.strip()

    def pids(self):
        return [self.process.pid] + children(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)


class Pair:
    """A server, and one standby that has what it commits."""

    def __init__(self, folder):
        self.primary = Server(folder, "primary")
        self.standby = Server(folder, "standby", self.primary)
        self.primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.primary.ask("SELECT pg_reload_conf()")
        for _ in range(400):
            if self.primary.ask("SELECT sync_state FROM pg_stat_replication") == "sync":
                return
            time.sleep(0.05)
        sys.exit("the standby does not follow")

    def pids(self):
        return self.primary.pids() + self.standby.pids()

    def log(self):
        return int(self.primary.ask("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn") or 0)

    def stop(self):
        self.standby.stop()
        self.primary.stop()


class Contender:
    """So many relays, on `pair` or on a folder of their own."""

    def __init__(self, name, sink, relays, pair):
        self.name, self.pair, self.relays, self.ports = name, pair, [], []
        if pair is not None:
            pair.primary.ask("DROP SCHEMA IF EXISTS mm4relay CASCADE")
        for number in range(relays):
            self.start(number, sink)

    def start(self, number, sink):
        folder = WORK / f"shared-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        port = free_port()
        (folder / "portability.csv").write_text("".join(f"+1555{i:07},mms.b.example\n" for i in range(0, 1_000_000)))
        grants = {name: grants_of(name) for name in ("address-rewrite", "content-adapt", "charging")}
        text = RELAY.format(port=port, sink=sink, plugins=PLUGINS, sessions=SESSIONS, grants=grants, settings=SETTINGS)
        text = text.replace('spool = "spool"', f'spool = "spool"\nnode = "relay-{number}"')
        if self.pair is not None:
            text += SHARED.format(port=self.pair.primary.port)
        (folder / "relay.toml").write_text(text)
        if self.pair is not None and number == 0:
            subprocess.run([BINARY, "cluster", "init", "--config", folder / "relay.toml"], check=True, capture_output=True)
        log = open(folder / "log", "w")
        command = [BINARY, "run", "--config", folder / "relay.toml"]
        environment = dict(os.environ, RUST_LOG=os.environ.get("RUST_LOG", "info"))
        self.relays.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
        self.ports.append(port)
        wait_for_port(port, f"the relay (its log is {folder / 'log'})")

    def pids(self):
        return [relay.pid for relay in self.relays]

    def stop(self):
        for relay in self.relays:
            relay.send_signal(signal.SIGTERM)
        for relay in self.relays:
            relay.wait(60)


def load(ports, size, messages):
    """The same number of sessions in all, however many relays there are."""
    sessions, share = max(1, SESSIONS // len(ports)), messages // len(ports)
    tools = []
    for place, port in enumerate(ports):
        own = messages - share * (len(ports) - 1) if place == 0 else share
        command = [BINARY, "send", "--load", "--to", f"127.0.0.1:{port}", "--size", str(size), "--messages", str(own)]
        tools.append(subprocess.Popen(command + ["--sessions", str(sessions)], stdout=subprocess.PIPE, text=True))
    for tool in tools:
        out, _ = tool.communicate(timeout=600)
        if tool.returncode != 0 or json.loads(out.strip().splitlines()[-1]).get("acknowledged") == 0:
            sys.exit(f"the load tool failed: {out}")


def measure(contender, sink_port, size, messages):
    sink, pair = Sink(sink_port, messages), contender.pair
    relays, servers, log = cpu_seconds(contender.pids()), pair and cpu_seconds(pair.pids()), pair and pair.log()
    started = time.monotonic()
    load(contender.ports, size, messages)
    sink.wait(600)
    seconds = time.monotonic() - started
    time.sleep(0.5)
    return {
        "rate": messages / seconds,
        "relay": (cpu_seconds(contender.pids()) - relays) / messages,
        "database": (cpu_seconds(pair.pids()) - servers) / messages if pair else 0.0,
        "log": (pair.log() - log) / messages if pair else 0.0,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--relays", type=int, default=3)
    parser.add_argument("--folder", help="where the databases lie: on a disk, not in memory")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    pair = Pair(arguments.folder)
    kinds = [("folder", 1, None), ("shared, 1", 1, pair), (f"shared, {arguments.relays}", arguments.relays, pair)]
    results = {name: [] for name, _, _ in kinds}
    try:
        for round_ in range(arguments.rounds):
            for name, relays, store in kinds if round_ % 2 == 0 else reversed(kinds):
                sink_port = free_port()
                contender = Contender(name, sink_port, relays, store)
                try:
                    measure(contender, sink_port, arguments.size, max(200, arguments.messages // 10))
                    result = measure(contender, sink_port, arguments.size, arguments.messages)
                finally:
                    contender.stop()
                results[name].append(result)
                print(
                    f"{name:<10} {result['rate']:7.0f} msg/s  relays {result['relay'] * 1e3:6.3f} ms/msg  "
                    f"database {result['database'] * 1e3:6.3f} ms/msg  log {result['log']:8.0f} octets/msg",
                    file=sys.stderr,
                )
    finally:
        pair.stop()
    middle = {
        name: {key: statistics.median(result[key] for result in found) for key in found[0]} for name, found in results.items()
    }
    own, one, several = (middle[name]["rate"] for name, _, _ in kinds)
    summary = {"size": arguments.size, "messages": arguments.messages, "rounds": arguments.rounds, "medians": middle}
    summary["one shared beside the folder"] = one / own
    summary[f"{arguments.relays} shared beside one"] = several / one
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
