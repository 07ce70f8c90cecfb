"""What the plug-in decides. Plain data in, plain data out: pytest needs no relay and no WebAssembly."""

from typing import Any, Optional

HEADER = "X-Example-Relay"
"""The header field that this plug-in sets."""


def checked(settings: dict[str, Any]) -> str:
    """The one setting. A ValueError says what is wrong, and what would be right."""
    for key in settings:
        if key != "relay-name":
            raise ValueError(f"unknown field {key}, expected relay-name")
    name = settings.get("relay-name")
    if not isinstance(name, str) or not 1 <= len(name) <= 64 or name != name.strip() or not name.isascii():
        raise ValueError(f"relay-name is {name!r}, but must be 1 to 64 printable ASCII characters")
    return name


def stamped(present: Optional[str], name: str) -> Optional[str]:
    """The header's new value; None when nothing is to change. A message that passed other relays gets a list."""
    if not present:
        return name
    return None if name in present.split(", ") else f"{present}, {name}"
