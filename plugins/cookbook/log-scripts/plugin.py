"""Counts, in the log, in which script the texts of messages are: a first step to rules by language."""

import unicodedata

from wit_world import exports
from wit_world.exports.plugin import Description, Occasions
from wit_world.imports import log, message
from wit_world.imports.types import Occasion, Verdict, Verdict_Pass


def scripts(text: str) -> list[str]:
    """LATIN, CYRILLIC, ...: the first words of the letters' names."""
    letters = (unicodedata.name(letter, "").split(" ")[0] for letter in text if letter.isalpha())
    return sorted(set(letters) - {""})


class Plugin(exports.Plugin):
    def describe(self) -> Description:
        return Description("log-scripts", "0.1.0", Occasions.ARRIVAL, [], ["text/plain"])

    def configure(self) -> None:
        pass

    def process(self, occasion: Occasion) -> Verdict:
        for part in message.parts():
            if part.media_type == "text/plain":
                text = bytes(message.read_part(part.id, 0, 1 << 16)).decode("utf-8", "replace")
                log.write(log.Level.INFO, f"part {part.id}: {', '.join(scripts(text)) or 'no letters'}")
        return Verdict_Pass()
