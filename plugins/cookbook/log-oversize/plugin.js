// Logs messages that are larger than a limit, with their sizes and without anybody's number.

import { read, size } from "mm4:filter/config@0.1.0";
import { write } from "mm4:filter/log@0.1.0";
import { current, parts } from "mm4:filter/message@0.1.0";

let limit = 0;

export const plugin = {
  describe() {
    return { name: "log-oversize", version: "0.1.0", occasions: { arrival: true }, messageTypes: [], mediaTypes: [] };
  },
  configure() {
    limit = JSON.parse(String.fromCharCode(...read(0, size())))["larger-than"];
    if (!Number.isSafeInteger(limit)) {
      throw "settings: larger-than must be a number of octets";
    }
  },
  process() {
    const it = current();
    if (it.size > limit) {
      const list = parts().map((part) => `${part.mediaType} ${part.encodedSize}`);
      write("info", `${it.size} octets from ${it.source}: ${list.join(", ")}`);
    }
    return { tag: "pass" };
  },
};
