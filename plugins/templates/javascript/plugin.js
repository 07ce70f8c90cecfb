// Writes into each message, once, which relay it came through.
//
// The interfaces of wit/ are modules; names are in camelCase. `result` errors are thrown: a text in `configure`, a fault in
// `process`, such as { tag: "invalid", val: "no such table" }. What the relay throws is an Error with the fault as its
// `payload`: catch (error) { error.payload?.tag }. `option` is null when there is none. u64 and s64 are numbers, exact up to 2^53. There is no `console`: import "mm4:filter/log@0.1.0", and ask for the grant.
//
// What lies in variables after `configure` is there in every call, and what `process` changes is gone with the call.

import { read, size } from "mm4:filter/config@0.1.0";
import { header } from "mm4:filter/message@0.1.0";

import { HEADER, stamped, checked } from "./rules.js";

let relayName = "";

/**
 * Octets as text: QuickJS has no TextDecoder.
 * @param {Uint8Array} octets
 */
function utf8(octets) {
  return decodeURIComponent(Array.from(octets, (octet) => "%" + octet.toString(16).padStart(2, "0")).join(""));
}

/** @type {import("mm4:filter/plugin@0.1.0").Plugin} */
export const plugin = {
  /** Must not depend on the settings. */
  describe() {
    return {
      name: "skeleton",
      version: "0.1.0",
      occasions: { arrival: true },
      messageTypes: [],
      mediaTypes: [],
    };
  },

  /** Called once per load. What is thrown is shown to the operator, and this version does not go live. */
  configure() {
    relayName = checked(JSON.parse(utf8(read(0, size()))));
  },

  /** Called once per message. Edits are data: the relay makes them after this function has returned, all or none. */
  process() {
    const value = stamped(header(HEADER), relayName);
    if (value === undefined) {
      return { tag: "pass" };
    }
    return { tag: "edit", val: [{ tag: "set-header", val: { name: HEADER, value } }] };
  },
};
