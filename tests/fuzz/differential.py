#!/usr/bin/env python3
"""Compares what the relay sees in messages with what Python's email package sees: tests/fuzz/differential.py

The relay's side is the example program seen, which this builds, or finds under the name that it is given. Compared are, over the golden messages, the samples of
the plug-ins and the fuzzing corpus: every field with its unfolded value; every leaf of the MIME structure with its type,
name, Content-ID and decoded body; the addresses of From, To and Cc. And what Python sees in a message is compared with what
it sees in the same message after the relay's conversion to 7bit.

Where the two differ, one of EXPLAINED must say why, by looking at the message and not at the difference. A difference
that none explains is an error. Each explanation is printed with how often it was needed: one that is not needed any more
can go.
"""

import collections
import email
import email.utils
import hashlib
import json
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else built()
    seen = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    counts, unexplained, compared, converted = collections.Counter(), [], 0, 0
    for path in messages():
        octets = path.read_bytes()
        seen.stdin.write(b"%d\n" % len(octets) + octets)
        seen.stdin.flush()
        ours = json.loads(seen.stdout.readline())
        if reason := not_compared(octets, ours):
            counts[reason] += 1
            continue
        compared += 1
        for part in ours.pop("parts"):
            if part["type"].startswith("message/"):
                part["body"] = None
            for key in PART:
                ours.setdefault(key, []).append(part[key])
        theirs = python_sees(octets)
        ascii = ours.pop("ascii")
        if ascii is not None and not octets.isascii():
            converted += 1
            before, after = ({key: seen[key] for key in CONVERTED} for seen in (theirs, python_sees(ascii.encode())))
            for key in CONVERTED:
                if before[key] != after[key] and not is_unknown_text(octets):
                    unexplained.append(difference(path, f"{key} after the conversion", after[key], before[key]))
        for key in theirs:
            if ours.get(key, []) == theirs[key]:
                continue
            why = next((name for name, keys, test in EXPLAINED if key in keys and test(octets)), None)
            counts[why] += 1
            if why is None:
                unexplained.append(difference(path, key, ours.get(key, []), theirs[key]))
    print(f"{compared} messages compared, {converted} of them before and after a conversion to 7bit")
    for name, count in sorted((str(name), count) for name, count in counts.items()):
        print(f"{count:6}  {name}")
    print("\n".join(unexplained[:20]))
    sys.exit(1 if unexplained or compared < 50 else 0)


def built():
    target = TOP / "target/fuzz/seen"
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--example", "seen", "--target-dir", target]
    subprocess.run(command, cwd=TOP / "tests/fuzz", check=True)
    return target / "release/examples/seen"


def difference(path, key, ours, theirs):
    """The first entry in which two lists differ."""
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    return f"{path}: {key}, entry {at}\n  relay:  {ours[at:at + 1]}\n  python: {theirs[at:at + 1]}"


def messages():
    yield from sorted(TOP.glob("tests/golden/quirks/*.eml"))
    yield from sorted(TOP.glob("plugins/*/samples/*/message.eml"))
    for target in ("header", "mime", "notification"):
        yield from sorted(path for path in (TOP / "tests/fuzz/corpus" / target).glob("*") if path.is_file())


def not_compared(octets, ours):
    if "refused" in ours:
        return "not compared: the relay refuses it"
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\0", octets):
        return "not compared: a bare CR or LF, or a NUL, which intake refuses"
    return None


def python_sees(octets):
    message = email.message_from_bytes(octets)
    fields = [[name, unfolded(value)] for name, value in message.raw_items()]
    parts = [python_part(part) for part in leaves(message)]

    def listed(*names):
        values = [value for name in names for value in message.get_all(name, [])]
        return [address for _, address in email.utils.getaddresses([str(value) for value in values]) if address]

    return {
        "fields": fields,
        **{key: [part[key] for part in parts] for key in PART},
        "from": listed("From")[:1],
        "to": listed("To", "Cc"),
    }


def unfolded(value):
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text.replace("\r\n", "").strip(" \t\r\n\f")


def leaves(message):
    if message.get_content_maintype() != "multipart":
        yield message
    elif message.is_multipart():
        for part in message.get_payload():
            yield from leaves(part)
    # What else is called multipart is empty: the relay refuses all others.


def python_part(part):
    # A message inside a message is a leaf for the relay.
    body = None
    if part.get_content_maintype() != "message":
        body = hashlib.sha256(part.get_payload(decode=True) or b"").hexdigest()
    name = part.get_param("name") or part.get_param("filename", header="content-disposition")
    content_id = unfolded(str(part["Content-ID"])).strip('" ') if "Content-ID" in part else None
    return {
        "type": part.get_content_type(),
        "name": email.utils.collapse_rfc2231_value(name) if name else None,
        "id": content_id and content_id.removeprefix("<").removesuffix(">"),
        "body": body,
    }


PART = ("type", "name", "id", "body")
CONVERTED = (*PART, "from", "to")


def is_unknown_text(octets):
    """Octets above 127 that are no UTF-8 have no name in any charset that Python knows."""
    try:
        octets.decode()
    except UnicodeDecodeError:
        return True
    return False


def field_values(octets, *names):
    """Of the message and of all its parts, unfolded."""
    text = octets.replace(b"\r\n\t", b"\t").replace(b"\r\n ", b" ")
    pattern = rb"(?im)^(?:%s)[ \t]*:([^\r\n]*)" % b"|".join(names)
    return [value.strip() for value in re.findall(pattern, text)]


def has_odd_addresses(octets):
    """Whether any list has more in it than plain addresses, and names in front of addresses in angle brackets."""
    plain = re.compile(rb"[!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~.@]+")

    def is_odd(mailbox):
        mailbox = re.sub(rb"\([^()]*\)", b"", mailbox).strip()
        named = re.fullmatch(rb"[^<>]*<([^<>]*)>", mailbox)
        return not plain.fullmatch(named[1] if named else mailbox)

    lists = field_values(octets, b"From", b"To", b"Cc")
    # Commas inside quotes are not told apart: such a list counts as odd.
    return any(is_odd(mailbox) for value in lists for mailbox in value.split(b","))


def has_odd_structure(octets):
    token = rb"[!#$%&'*+\-0-9A-Z^_`a-z{|}~.]+"
    parameter = re.compile(rb'%s=(?:%s|"[^"\\]*")|' % (token, token))

    def is_odd(value):
        media_type, *parameters = value.split(b";")
        odd_type = not re.fullmatch(rb"%s/%s" % (token, token), media_type.strip())
        return odd_type or not all(parameter.fullmatch(one.strip()) for one in parameters)

    return any(is_odd(value) for value in field_values(octets, b"Content-Type"))


def is_cut_off(octets):
    boundaries = re.findall(rb"(?i)boundary *= *\"?([^\"\r\n;]*[^\"\r\n; ])", octets)
    return any(b"--" + boundary + b"--" not in octets for boundary in boundaries)


# Name of the explanation, what it explains, and whether the message is such a one.
EXPLAINED = [
    (
        "a blank before a colon: Python takes the line for the beginning of the body, the relay for a field (RFC 5322, 4.5)",
        ("fields", *PART),
        lambda octets: re.search(rb"(?m)^[!-9;-~]+[ \t]+:", octets.split(b"\r\n\r\n")[0]),
    ),
    (
        "no closing delimiter: Python takes the last line end for the delimiter's, the relay leaves it in the part",
        ("body",),
        is_cut_off,
    ),
    (
        "addresses that are none: the relay passes over what could not stand in a command, Python makes the best of it",
        ("from", "to"),
        has_odd_addresses,
    ),
    (
        "a Content-Type that is none: each guesses",
        PART,
        has_odd_structure,
    ),
    (
        "octets above 127 in a parameter: no standard says what they are, and it is shown only",
        ("name",),
        lambda octets: any(max(value, default=0) > 127 for value in field_values(octets, b"Content-Type")),
    ),
]

if __name__ == "__main__":
    main()
