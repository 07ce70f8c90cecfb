"""A relay for tests: what the modules of the contract answer.

It is a stand-in: limits, grants and time do not count here, and edits are not made. What the plug-in really does is shown
by `mm4relay plugin test`, in the sandbox that traffic runs in.
"""

import importlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Optional

import pytest
from componentize_py_types import Err
from wit_world.imports import types


@dataclass
class Part:
    media_type: str
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    name: Optional[str] = None
    content_id: Optional[str] = None
    content_location: Optional[str] = None


@dataclass
class Relay:
    """Change what a test needs; everything has a default."""

    settings: dict[str, Any] = field(default_factory=dict)
    headers: list[tuple[str, str]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    sender: Optional[str] = "+15555550100/TYPE=PLMN"
    recipients: list[str] = field(default_factory=lambda: ["+15555550199/TYPE=PLMN"])
    message_type: types.MessageType = types.MessageType.FORWARD_REQUEST
    source: str = "sample-peer"
    source_inside: bool = False
    intra_mmse: bool = False
    size: int = 1000
    now: int = 1769386663000
    tables: dict[str, dict[str, str]] = field(default_factory=dict)
    values: dict[str, bytes] = field(default_factory=dict)
    networks: dict[str, Any] = field(default_factory=dict)
    found: dict[int, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    """`"GET https://..."`: status and body, `(200, b"...")`, or a fault, which is raised."""
    log: list[tuple[Any, str]] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    grants: list[str] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)

    def _header(self, name: str) -> Optional[str]:
        return _named(self.headers, name)

    def _part(self, number: int) -> Part:
        if not 1 <= number <= len(self.parts):
            raise Err(types.Fault_Invalid(f"the message has no part {number}"))
        return self.parts[number - 1]

    def _table(self, name: str) -> dict[str, str]:
        if name not in self.tables:
            raise Err(types.Fault_Invalid(f"there is no table {name}"))
        return self.tables[name]

    def _current(self) -> Any:
        summary = importlib.import_module("wit_world.imports.message").Summary
        return summary(
            message_type=self.message_type,
            message_id=self._header("X-Mms-Message-ID") or "",
            transaction_id=self._header("X-Mms-Transaction-ID") or "",
            source=self.source,
            source_inside=self.source_inside,
            intra_mmse=self.intra_mmse,
            received_at=self.now,
            size=self.size,
        )

    def _parts(self) -> list[types.Part]:
        return [
            types.Part(at, it.media_type, it.name, it.content_id, it.content_location, len(it.body))
            for at, it in enumerate(self.parts, 1)
        ]

    def _prefix(self, table: str, text: str) -> Optional[tuple[str, str]]:
        rows = self._table(table)
        keys = sorted((key for key in rows if text.startswith(key)), key=len)
        return (keys[-1], rows[keys[-1]]) if keys else None

    def _increment(self, key: str, by: int) -> None:
        self.values[key] = str(int(self.values.get(key, b"0")) + by).encode()

    def _answer(self, question: str) -> Any:
        said = self.answers.get(question, types.Fault_Unavailable(f"no answer to {question} is given"))
        if isinstance(said, (types.Fault_Invalid, types.Fault_Unavailable, types.Fault_Limit)):
            raise Err(said)
        status, body = said
        response = importlib.import_module("wit_world.imports.http").Response
        return response(status=status, headers=[], body=body)

    def _functions(self) -> dict[str, dict[str, Any]]:
        settings = lambda: json.dumps(self.settings).encode()
        return {
            "message": {
                "current": self._current,
                "originator": lambda: address(self.sender) if self.sender else None,
                "recipients": lambda: [
                    types.Recipient(at, address(text)) for at, text in enumerate(self.recipients, 1)
                ],
                "header": self._header,
                "field": lambda name: (self._header(name) or "").strip('" ') or None,
                "headers": lambda: [types.HeaderField(*pair) for pair in self.headers],
                "answered": lambda: None,
                "refused_late": lambda: None,
                "parts": self._parts,
                "read_part": lambda number, offset, most: self._part(number).body[offset : offset + most],
                "part_header": lambda number, name: _named(self._part(number).headers, name),
                "time_left": lambda: 250,
            },
            "config": {
                "size": lambda: len(settings()),
                "read": lambda offset, most: settings()[offset : offset + most],
                "granted": lambda grant: grant in self.grants,
            },
            "tables": {
                "lookup": lambda table, key: self._table(table).get(key),
                "lookup_prefix": self._prefix,
            },
            "log": {
                "write": lambda level, text: self.log.append((level, text)),
                "rule": self.rules.append,
            },
            "clock": {"now": lambda: self.now},
            "random": {"number": lambda: 4, "bytes": lambda count: bytes(count)},
            "metrics": {
                "count": lambda name, by: self.counters.update({name: self.counters.get(name, 0) + by}),
                "observe": lambda name, value: None,
            },
            "kv": {
                "get": self.values.get,
                "set": self.values.__setitem__,
                "delete": lambda key: self.values.pop(key, None),
                "increment": self._increment,
            },
            "charging": {
                "emit": self.records.append,
                "emit_with": lambda record, more: self.records.append((record, more)),
                "emit_when_answered": lambda record, more: self.records.append((record, more)),
            },
            "numbering": {"lookup": self.networks.get},
            "scan": {
                "parts": lambda: list(range(1, len(self.parts) + 1)),
                "part": lambda number, scanner: self.found.get(number),
            },
            "http": {"fetch": lambda request: self._answer(f"{request.method} {request.url}")},
        }


def _named(fields: list[tuple[str, str]], name: str) -> Optional[str]:
    return next((value for known, value in fields if known.lower() == name.lower()), None)


def address(text: str) -> types.Address:
    """An address, taken apart as the relay does it."""
    local, at, domain = text.rpartition("@") if "@" in text else (text, "", "")
    user, kind_of_type, address_type = re.match(r"(.*?)(?:(/TYPE=)(.*))?$", local, re.IGNORECASE).groups()
    digits = user.removeprefix("+")
    if digits.isdigit():
        kind = types.AddressKind.NUMBER if len(digits) >= 7 else types.AddressKind.SHORT_CODE
    else:
        kind = types.AddressKind.EMAIL if at else types.AddressKind.OTHER
    return types.Address(text, kind, user, address_type if kind_of_type else None, domain if at else None)


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch) -> Relay:
    """A relay in place of the functions that the plug-in imports."""
    it = Relay()
    for name, functions in it._functions().items():
        try:
            module = importlib.import_module(f"wit_world.imports.{name}")
        except ModuleNotFoundError:
            continue  # wit/world.wit does not import it
        for function, answer in functions.items():
            if hasattr(module, function):
                monkeypatch.setattr(module, function, answer)
    return it
