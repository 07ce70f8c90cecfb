"""What benchmarks share that compare several relays in turns: the machine's name, plug-ins, a relay, ratios."""

import datetime
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess

from side_by_side import BETWEEN, BINARY, PLUGINS, ROOT, SESSIONS, WORK, free_port, wait_for_port


def machine():
    """On what and when, in one line: figures stand with it."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    models = {line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")}
    load = os.getloadavg()[0]
    return (
        f"{datetime.date.today()}, {os.cpu_count()} cores ({', '.join(sorted(models)) or platform.machine()}), "
        f"{platform.system()} {platform.release()}, load average {load:.1f} at the end"
    )


def build(*folders):
    """Plug-ins of this repository, optimised, by the program that is measured."""
    command = [BINARY, "plugin", "build", *(ROOT / folder for folder in folders), "--out", PLUGINS]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Relay:
    """One relay in a folder of its own; `text` comes behind what every benchmark begins with, `files` beside it."""

    def __init__(self, name, sink, text, files=None, port=None):
        self.dir = WORK / name
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self.port = port or free_port()
        for file, content in (files or {}).items():
            (self.dir / file).write_text(content)
        between = BETWEEN.format(port=self.port, sink=sink, plugins=PLUGINS, sessions=SESSIONS)
        (self.dir / "relay.toml").write_text(between + text)
        self.start()

    def start(self):
        with open(self.dir / "log", "a") as log:
            command = [BINARY, "run", "--config", self.dir / "relay.toml"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for_port(self.port, f"the relay (its log is {self.dir / 'log'})")

    def pids(self):
        return [self.process.pid]

    def kill(self):
        self.process.kill()
        self.process.wait(60)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    def said(self, *words):
        """What a command prints that is about this relay."""
        command = [BINARY, *words, "--config", self.dir / "relay.toml"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ratio(values):
    """The median of the ratios of neighbours in time, and all of them but the lowest and the highest."""
    ordered = sorted(values)
    inner = ordered[1:-1] if len(ordered) > 3 else ordered
    return statistics.median(ordered), inner[0], inner[-1]
