// Refuses content that is protected: DRM parts, or a message that says so.

import { field, parts } from "mm4:filter/message@0.1.0";

export const plugin = {
  describe() {
    return {
      name: "refuse-drm",
      version: "0.1.0",
      occasions: { arrival: true },
      messageTypes: ["forward-request"],
      mediaTypes: [],
    };
  },
  configure() {},
  process() {
    const isProtected = (part) => part.mediaType.startsWith("application/vnd.oma.drm.");
    if (field("X-Mms-Drm-Content") === "Yes" || parts().some(isProtected)) {
      return { tag: "refuse", val: { code: 554, text: "protected content is not relayed" } };
    }
    return { tag: "pass" };
  },
};
