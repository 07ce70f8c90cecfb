// Marks messages that are larger than a limit: a plug-in in JavaScript, to copy.
//
// The interfaces of wit/ are modules; names are in camelCase, `result` errors are thrown, `option` is null when
// there is none, u64 is a number. What lies in variables after `configure` is there in every call, and what `process`
// changes is gone with the call.
//
// Math.random() gives every call the same numbers, because its seed is part of the snapshot: import
// "mm4:filter/random@0.1.0", and ask for the grant.

import { read, size } from "mm4:filter/config@0.1.0";
import { current } from "mm4:filter/message@0.1.0";

let largerThan;

/** Octets as text: QuickJS has no TextDecoder. */
function utf8(octets) {
  return decodeURIComponent(Array.from(octets, (octet) => "%" + octet.toString(16).padStart(2, "0")).join(""));
}

export const plugin = {
  describe() {
    return {
      name: "large-mark",
      version: "0.1.0",
      occasions: { arrival: true },
      messageTypes: ["forward-request"],
      mediaTypes: [],
    };
  },

  configure() {
    const settings = JSON.parse(utf8(read(0, size())));
    const value = settings["larger-than"];
    if (!Number.isSafeInteger(value)) {
      throw `settings: larger-than is ${JSON.stringify(value)}, but must be a number of octets`;
    }
    largerThan = value;
  },

  process(occasion) {
    if (current().size <= largerThan) {
      return { tag: "pass" };
    }
    return { tag: "edit", val: [{ tag: "set-header", val: { name: "X-Example-Large", value: "yes" } }] };
  },
};
