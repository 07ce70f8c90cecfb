"""Asks a service whether the sender is barred, and refuses the messages of those who are. When the service does not answer, the
sender keeps the message and tries again: with `on-failure = "defer"` nothing passes unseen. The relay's configuration names the
service:

    [[plugin.service]]
    name = "subscribers"
    url = "https://subscribers.example"
    paths = ["/v1/subscribers/*"]
    headers = { Authorization = { file = "/run/secrets/subscribers" } }
"""

import json
from urllib.parse import quote

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.plugin import Description, Occasions
from wit_world.imports import http, message
from wit_world.imports.types import (
    AddressKind, Fault_Unavailable, HeaderField, MessageType, Occasion, Refusal, Verdict, Verdict_Pass, Verdict_Refuse,
)

URL = "https://subscribers.example/v1/subscribers/"


def is_barred(number: str) -> bool:
    headers = [HeaderField("Accept", "application/json")]
    answer = http.fetch(http.Request("GET", URL + quote(number, safe="+"), headers, b""))
    match answer.status:
        case 200:
            return bool(json.loads(answer.body).get("barred"))
        case 404:  # nobody of whom the service knows
            return False
        case status:
            raise Err(Fault_Unavailable(f"the service answers with status {status}"))


class Plugin(exports.Plugin):
    def describe(self) -> Description:
        return Description("barred-sender", "0.1.0", Occasions.ARRIVAL, [MessageType.FORWARD_REQUEST], [])

    def configure(self) -> None:
        pass

    def process(self, occasion: Occasion) -> Verdict:
        sender = message.originator()
        if sender is not None and sender.kind == AddressKind.NUMBER and is_barred(sender.user):
            return Verdict_Refuse(Refusal(550, "the sender is barred"))
        return Verdict_Pass()
