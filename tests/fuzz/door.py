#!/usr/bin/env python3
"""The operator's door, asked whatever its own OpenAPI document allows, and more: tests/fuzz/door.py [--examples 40] [--seed 1]

Starts a relay of its own (target/release/mm4relay) with a few messages in its queue, and lets schemathesis make questions out of the
document: as an administrator over TCP, whose numbers are masked, and as one who sees them whole. No answer may be a 5xx, and each must be
what the document says. Then every verb is asked by nobody, and by each role that may not: nothing but 401 and 403 may come back.

schemathesis comes into an environment of its own below target/, from PyPI, at the version below. What would end the relay or write
files at a path that is asked for is left out: stop, spool-backup.
"""

import argparse
import http.client
import json
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/mm4relay"
ENVIRONMENT = ROOT / "target/fuzz-python"
SCHEMATHESIS = "schemathesis==4.32.5"
LEFT_OUT = ["stop", "spool-backup"]
ROLES = ["viewer", "operator", "administrator"]

CONFIG = """
[relay]
name = "mm4.hub.example"
domains = ["mms.hub.example"]
listen = ["127.0.0.1:0"]

[control]
listen = "127.0.0.1:0"

[[peer]]
name = "operator-a"
domains = ["mms.a.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]

[[peer]]
name = "operator-b"
domains = ["mms.b.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]

[[charging-output]]
name = "lines"
folder = "cdr"
format = "json"
"""


def install():
    python = ENVIRONMENT / "bin/python3"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    asked = subprocess.run([python, "-m", "pip", "freeze", "--disable-pip-version-check"], check=True, capture_output=True, text=True)
    if SCHEMATHESIS not in asked.stdout.split():
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SCHEMATHESIS], check=True)
    return ENVIRONMENT / "bin/schemathesis"


class Relay:
    def __init__(self, folder):
        self.config = pathlib.Path(folder, "relay.toml")
        self.config.write_text(CONFIG)
        self.log = open(pathlib.Path(folder, "log"), "w+")
        # Paths that somebody asks for begin there.
        words = [BINARY, "run", "--config", self.config]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=folder)
        self.smtp, self.door = self.line("listening on "), self.line("door on ")

    def line(self, begins):
        for text in self.process.stdout:
            if text.startswith(begins):
                return text[len(begins):].strip()
        raise SystemExit("the relay did not start")

    def command(self, *words):
        done = subprocess.run([BINARY, *words, "--config", self.config], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def token(self, name, role, *more):
        return self.command("token", "new", name, "--role", role, *more)

    def ask(self, method, path, token=None, body=None, headers=None):
        connection = http.client.HTTPConnection(self.door, timeout=60)
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + token
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def is_alive(self):
        return self.process.poll() is None

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def fill(relay):
    """Something to find: messages that wait, one that is held, values of nobody."""
    words = ["send", "--load", "--to", relay.smtp, "--messages", "5", "--size", "2000", "--sessions", "1",
             "--from", "+15555550100/TYPE=PLMN@mms.a.example", "--rcpt", "+15555550199/TYPE=PLMN@mms.b.example"]
    subprocess.run([BINARY, *words], check=True, stdout=subprocess.DEVNULL)


def fuzz(program, relay, document, arguments, headers, what):
    print(f"=== {what}", flush=True)
    words = [program, "run", document, "--url", "http://" + relay.door, "--workers", "1", "--max-examples", str(arguments.examples),
             "--seed", str(arguments.seed), "--request-timeout", "60", "--phases", "examples,coverage,fuzzing", "--no-color",
             "--checks", "not_a_server_error,content_type_conformance,response_schema_conformance"]
    for verb in LEFT_OUT:
        words += ["--exclude-operation-id", verb]
    for name, value in headers.items():
        words += ["-H", f"{name}: {value}"]
    done = subprocess.run(words, cwd=relay.config.parent)
    if not relay.is_alive():
        raise SystemExit(f"{what}: the relay has ended")
    return done.returncode == 0


def unauthorised(relay, document):
    """Every verb, by nobody and by each role that may not."""
    tokens = {role: relay.token("nosy-" + role, role) for role in ROLES}
    wrong, asked = [], 0
    for path, verbs in document["paths"].items():
        for method, verb in verbs.items():
            place = path.replace("{", "").replace("}", "")
            body = "{}" if method == "post" else None
            takes = next(role for role in ROLES if f"role {role}" in verb["description"])
            for who, token in [("nobody", None), ("a bad token", "mm4r_" + "x" * 43)] + list(tokens.items()):
                if who in ROLES and ROLES.index(who) >= ROLES.index(takes):
                    continue
                if who == "a bad token" and path != "/v1/status":
                    # Ten of them, and nobody is heard for a minute.
                    continue
                # A question that is none must not be read for those who may not ask.
                filled = json.dumps(example(document, verb)) if body else None
                status, _ = relay.ask(method.upper(), place, token, filled)
                asked += 1
                if status != (401 if who in ("nobody", "a bad token") else 403):
                    wrong.append(f"{method} {path} by {who}: {status}")
    print(f"=== {asked} questions by those who may not: {len(wrong)} wrong", flush=True)
    return wrong


def example(document, verb):
    """A body that can be read: each field that is required, with a value of its type."""
    schema = verb.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return value(document, schema, 0)


def value(document, schema, depth):
    if schema is True or depth > 6:
        return None
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return value(document, schema[choice][0], depth + 1)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object" or "properties" in schema:
        return {name: value(document, field, depth + 1) for name, field in (schema.get("properties") or {}).items() if name in (schema.get("required") or [])}
    plain = {"array": [], "integer": 1, "number": 1, "boolean": False}
    if kind == "string":
        return "2026-11-21T23:00:38Z" if schema.get("format") == "date-time" else "x"
    return plain.get(kind)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--examples", type=int, default=40, help="questions for each verb and phase")
    arguments.add_argument("--seed", type=int, default=1)
    arguments = arguments.parse_args()
    program = install()
    with tempfile.TemporaryDirectory() as folder:
        relay = Relay(folder)
        try:
            fill(relay)
            masked, whole = relay.token("fuzz", "administrator"), relay.token("fuzz-whole", "administrator", "--reveals")
            status, text = relay.ask("GET", "/v1/openapi.json", masked)
            if status != 200:
                raise SystemExit(f"the document: {status}")
            document = pathlib.Path(folder, "openapi.json")
            document.write_bytes(text)
            bearer = lambda token: {"Authorization": "Bearer " + token}
            good = [
                fuzz(program, relay, document, arguments, bearer(masked), "an administrator who sees masked numbers"),
                fuzz(program, relay, document, arguments, bearer(whole) | {"Mm4relay-Reveal": "yes"}, "one who sees them whole"),
            ]
            wrong = unauthorised(relay, json.loads(text))
            relay.log.seek(0)
            bugs = [line for line in relay.log if "panicked" in line or "a bug:" in line]
        finally:
            if relay.is_alive():
                relay.end()
    for line in wrong + bugs:
        print(line.strip())
    if not all(good) or wrong or bugs:
        raise SystemExit("the door answered as it must not")
    print("no 5xx, nothing that the document does not say, nothing for those who may not ask")


if __name__ == "__main__":
    main()
