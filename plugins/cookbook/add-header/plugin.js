// Adds a header field with a fixed value, and removes another one.

import { header } from "mm4:filter/message@0.1.0";

export const plugin = {
  describe() {
    return { name: "add-header", version: "0.1.0", occasions: { arrival: true }, messageTypes: [], mediaTypes: [] };
  },
  configure() {},
  process() {
    const edits = [{ tag: "set-header", val: { name: "X-Example-Network", value: "hub" } }];
    if (header("X-Mailer") != null) {
      edits.push({ tag: "remove-header", val: "X-Mailer" });
    }
    return { tag: "edit", val: edits };
  },
};
