"""Shows each slide of a presentation (SMIL) for at least three seconds."""

import re

from wit_world import exports
from wit_world.exports.plugin import Description, Occasions
from wit_world.imports import message
from wit_world.imports.types import (
    BodyWriter, Edit_ReplacePart, Occasion, ReplacePart, Verdict, Verdict_Edit, Verdict_Pass,
)

SHORTEST = 3000


def slowed(smil: str) -> str:
    def longer(found: re.Match) -> str:
        value, unit = float(found.group(2)), found.group(3)
        milliseconds = value if unit == "ms" else value * 1000
        return found.group(0) if milliseconds >= SHORTEST else f'{found.group(1)}"{SHORTEST}ms"'

    return re.sub(r'(<par[^>]*\bdur=)"([0-9.]+)(ms|s)"', longer, smil)


class Plugin(exports.Plugin):
    def describe(self) -> Description:
        return Description("rewrite-smil", "0.1.0", Occasions.ARRIVAL, [], ["application/smil"])

    def configure(self) -> None:
        pass

    def process(self, occasion: Occasion) -> Verdict:
        edits = []
        for part in message.parts():
            if part.media_type != "application/smil":
                continue
            old = bytes(message.read_part(part.id, 0, 1 << 20)).decode("utf-8", "replace")
            new = slowed(old)
            if new != old:
                body = BodyWriter(message.part_header(part.id, "Content-Type") or "application/smil")
                body.write(new.encode())
                edits.append(Edit_ReplacePart(ReplacePart(part.id, body, None)))
        return Verdict_Edit(edits) if edits else Verdict_Pass()
