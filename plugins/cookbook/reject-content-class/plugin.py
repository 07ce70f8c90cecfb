"""Refuses, for destinations that take less, messages of a richer content class."""

from wit_world import exports
from wit_world.exports.plugin import Description, Occasions
from wit_world.imports import message
from wit_world.imports.types import (
    MessageType, Occasion, Occasion_Departure, Refusal, Verdict, Verdict_Pass, Verdict_Refuse,
)

CLASSES = [
    "text", "image-basic", "image-rich", "megapixel", "video-basic", "video-rich", "content-basic", "content-rich",
]


class Plugin(exports.Plugin):
    def describe(self) -> Description:
        return Description("reject-content-class", "0.1.0", Occasions.DEPARTURE, [MessageType.FORWARD_REQUEST], [])

    def configure(self) -> None:
        pass

    def process(self, occasion: Occasion) -> Verdict:
        assert isinstance(occasion, Occasion_Departure)
        takes, has = occasion.value.content_class, message.field("X-Mms-Content-Class")
        if takes in CLASSES and has in CLASSES and CLASSES.index(has) > CLASSES.index(takes):
            return Verdict_Refuse(Refusal(554, f"content class {has} is not taken there, but {takes}"))
        return Verdict_Pass()
