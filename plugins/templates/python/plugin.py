"""Writes into each message, once, which relay it came through.

The interfaces of wit/ are modules of `wit_world.imports`. Errors are raised as `Err`: a text in `configure`, a fault in
`process`. What `configure` leaves in memory is there in every call, and what `process` changes is gone with the call.
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.plugin import Description, Occasions
from wit_world.imports import config, message
from wit_world.imports.types import Edit_SetHeader, HeaderField, Occasion, Verdict, Verdict_Edit, Verdict_Pass

import rules


class State:
    """What `configure` builds. Every call begins with it in memory."""

    relay_name: str = ""


class Plugin(exports.Plugin):
    def describe(self) -> Description:
        """Must not depend on the settings."""
        return Description(
            name="skeleton",
            version="0.1.0",
            occasions=Occasions.ARRIVAL,
            message_types=[],
            media_types=[],
        )

    def configure(self) -> None:
        """Called once per load. The text of an Err is shown to the operator, and this version does not go live."""
        try:
            State.relay_name = rules.checked(json.loads(bytes(config.read(0, config.size()))))
        except ValueError as problem:
            raise Err(f"settings: {problem}") from None

    def process(self, occasion: Occasion) -> Verdict:
        """Called once per message. Edits are data: the relay makes them after this has returned, all or none."""
        value = rules.stamped(message.header(rules.HEADER), State.relay_name)
        if value is None:
            return Verdict_Pass()
        return Verdict_Edit([Edit_SetHeader(HeaderField(rules.HEADER, value))])
