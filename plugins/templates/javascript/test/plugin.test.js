import assert from "node:assert/strict";
import { test } from "node:test";

import { relay } from "mm4:relay";
import { plugin } from "../plugin.js";
import { stamped } from "../rules.js";

test("a name comes behind those that are there, once", () => {
  assert.equal(stamped(undefined, "b"), "b");
  assert.equal(stamped("a", "b"), "a, b");
  assert.equal(stamped("a, b", "b"), undefined);
});

test("a message without the header gets it", () => {
  relay({ settings: { "relay-name": "relay-1" }, headers: [["Subject", "Hello"]] });
  plugin.configure();
  const edits = [{ tag: "set-header", val: { name: "X-Example-Relay", value: "relay-1" } }];
  assert.deepEqual(plugin.process({ tag: "arrival" }), { tag: "edit", val: edits });
});

test("a setting that is spelled wrong is said", () => {
  relay({ settings: { "relay-nam": "relay-1" } });
  assert.throws(() => plugin.configure(), /unknown field relay-nam/);
});
