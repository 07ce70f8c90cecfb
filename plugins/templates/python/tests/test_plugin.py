import pytest
from componentize_py_types import Err
from wit_world.imports.types import Edit_SetHeader, HeaderField, Occasion_Arrival, Verdict_Edit

import rules
from plugin import Plugin


def test_a_name_comes_behind_those_that_are_there_once():
    assert rules.stamped(None, "b") == "b"
    assert rules.stamped("a", "b") == "a, b"
    assert rules.stamped("a, b", "b") is None


def test_a_message_without_the_header_gets_it(relay):
    relay.settings = {"relay-name": "relay-1"}
    plugin = Plugin()
    plugin.configure()
    edit = Edit_SetHeader(HeaderField("X-Example-Relay", "relay-1"))
    assert plugin.process(Occasion_Arrival()) == Verdict_Edit([edit])


def test_a_setting_that_is_spelled_wrong_is_said(relay):
    relay.settings = {"relay-nam": "relay-1"}
    with pytest.raises(Err) as problem:
        Plugin().configure()
    assert "unknown field relay-nam" in problem.value.value
