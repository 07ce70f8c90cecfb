#!/usr/bin/env python3
"""Sends the test pictures of Pillow's source package through a relay with content-adapt, and opens what arrives.

    pip download --no-deps --no-binary :all: pillow==11.3.0
    pip install pillow opencv-python-headless
    tests/bench/awkward_pictures.py pillow-11.3.0.tar.gz target/release/mm4relay target/plugins/content-adapt.wasm

Each picture of a format that content-adapt takes is one message, to a destination that takes 160x120 pixels and 6,000
octets. It fails when a call of the plug-in fails, when a message does not arrive, when a picture arrives that is larger than
the destination takes, or when one that was adapted cannot be opened by Pillow and by OpenCV, both to the last pixel.
"""

import base64
import collections
import email
import email.policy
import io
import pathlib
import re
import smtplib
import socketserver
import subprocess
import sys
import tarfile
import tempfile
import threading

import cv2
import numpy
from PIL import Image

WIDTH, HEIGHT, OCTETS = 160, 120, 6000
TYPES = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "apng": "png", "gif": "gif", "webp": "webp", "bmp": "bmp"}
CONFIG = """
[relay]
name = "relay.example"
domains = ["mms.own.example"]
listen = ["127.0.0.1:0"]
[limits]
message-size = "64 MiB"
[[peer]]
name = "a"
domains = ["mms.a.example"]
from = ["127.0.0.1"]
hosts = ["127.0.0.1:9"]
[[peer]]
name = "b"
domains = ["mms.b.example"]
hosts = ["127.0.0.1:{port}"]
max-image-width = {width}
max-image-height = {height}
max-image-size = "{octets} B"
[[plugin]]
name = "content-adapt"
file = "{wasm}"
grants = ["log"]
on-failure = "refuse"
[plugin.limits]
memory = "256 MiB"
time = "20 s"
time-per-mib = "5 s"
"""


class Sink(socketserver.StreamRequestHandler):
    """A next hop that takes everything."""

    def handle(self):
        self.wfile.write(b"220 sink.example\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go\r\n")
                octets = bytearray()
                while (line := self.rfile.readline()) != b".\r\n":
                    octets += line[1:] if line.startswith(b".") else line
                self.server.take(bytes(octets))
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Sink)
        self.arrived = {}
        self.changed = threading.Condition()

    def take(self, octets):
        message = email.message_from_bytes(octets, policy=email.policy.SMTP)
        with self.changed:
            self.arrived[message["X-Mms-Message-ID"].strip('"')] = message
            self.changed.notify_all()

    def wait_for(self, count, seconds):
        with self.changed:
            return self.changed.wait_for(lambda: len(self.arrived) >= count, seconds)


def pictures(package):
    with tarfile.open(package) as tar:
        for member in tar:
            name = pathlib.PurePath(member.name)
            kind = TYPES.get(name.suffix.lstrip(".").lower())
            if kind and "images" in name.parts and member.isfile():
                yield "/".join(name.parts[name.parts.index("images") + 1 :]), kind, tar.extractfile(member).read()


def message(number, name, kind, octets):
    head = (
        "From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\nMIME-Version: 1.0\r\n"
        "X-Mms-3GPP-MMS-Version: 6.5.0\r\nX-Mms-Message-Type: MM4_forward.REQ\r\n"
        f'X-Mms-Transaction-ID: "t{number}"\r\nX-Mms-Message-ID: "{number}"\r\n'
        "X-Mms-Originator-System: system@mms.a.example\r\n"
        f'Content-Type: image/{kind}; name="picture"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    return head.encode() + base64.encodebytes(octets).replace(b"\n", b"\r\n")


def above_limits(octets):
    """By how much a picture is larger than the destination takes, if anybody can tell."""
    if len(octets) > OCTETS:
        return f"{len(octets)} octets"
    try:
        size = Image.open(io.BytesIO(octets)).size
    except Exception:
        return None
    return None if size[0] <= WIDTH and size[1] <= HEIGHT else f"{size} pixels"


def fault(octets):
    """What is wrong with a picture that arrived, if anything is."""
    if len(octets) > OCTETS:
        return f"{len(octets)} octets"
    try:
        picture = Image.open(io.BytesIO(octets))
        picture.load()
    except Exception as error:
        return f"Pillow: {error}"
    other = cv2.imdecode(numpy.frombuffer(octets, numpy.uint8), cv2.IMREAD_UNCHANGED)
    if picture.format == "GIF":
        # One that was within the limits, and stays; OpenCV may not read GIF.
        return None if picture.width <= WIDTH and picture.height <= HEIGHT else f"{picture.size}"
    if other is None:
        return "OpenCV opens nothing"
    if (other.shape[1], other.shape[0]) != picture.size:
        return f"Pillow sees {picture.size}, OpenCV {other.shape}"
    return None if picture.width <= WIDTH and picture.height <= HEIGHT else f"{picture.size}"


def main(package, program, wasm):
    sink = Server()
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    found = list(pictures(package))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "relay.toml"
        port = sink.server_address[1]
        wasm = pathlib.Path(wasm).resolve()
        file.write_text(CONFIG.format(port=port, wasm=wasm, width=WIDTH, height=HEIGHT, octets=OCTETS))
        log = open(pathlib.Path(folder) / "log", "w+")
        relay = subprocess.Popen([program, "run", "--config", file], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            address = relay.stdout.readline().split()[-1]
            refused = send(address, found)
            complete = sink.wait_for(len(found) - len(refused), 120)
        finally:
            relay.terminate()
            relay.wait()
        log.seek(0)
        failures = [line for line in log if "plug-in failed" in line]
    fates, faults = collections.Counter(), []
    for number, (name, kind, octets) in enumerate(found):
        arrived = sink.arrived.get(str(number))
        if arrived is None:
            fates["did not arrive"] += 1
            faults.append(f"{name}: did not arrive: {refused.get(number, 'nobody knows why')}")
            continue
        body = arrived.get_payload(decode=True)
        if arrived.get_content_maintype() == "text":
            fates["a note"] += 1
        elif body == octets:
            fates["as it came"] += 1
            # It was within the limits as its header has them; a decoder may find fault with the rest of it.
            if wrong := above_limits(body):
                faults.append(f"{name}: passed with {wrong}")
        else:
            fates["adapted"] += 1
            if wrong := fault(body):
                faults.append(f"{name}: {wrong}")
    print(f"{len(found)} pictures: " + ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items())))
    for line in faults + failures:
        print("fault:", line.strip())
    return 0 if complete and not faults and not failures and found else 1


def send(address, found):
    """Sends all of them; those that were refused, with the reply."""
    host, port = re.split(r":(?=\d+$)", address)
    refused = {}
    with smtplib.SMTP(host, int(port), local_hostname="mms.a.example", timeout=120) as client:
        for number, (name, kind, octets) in enumerate(found):
            sender = "+15555550100/TYPE=PLMN@mms.a.example"
            try:
                client.sendmail(sender, ["+15555550199/TYPE=PLMN@mms.b.example"], message(number, name, kind, octets))
            except smtplib.SMTPException as error:
                refused[number] = error
                if isinstance(error, smtplib.SMTPServerDisconnected):
                    client.connect(host, int(port))
    return refused


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
