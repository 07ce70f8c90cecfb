// Asks a service what it thinks of each message, and refuses what it calls spam. When the service does not answer, the message
// passes with a mark: a filter that is away keeps nobody's mail. The relay's configuration names the service:
//
//     [[plugin.service]]
//     name = "verdicts"
//     url = "https://verdicts.example"
//     methods = ["POST"]
//     paths = ["/v1/verdict"]
//     headers = { Authorization = { file = "/run/secrets/verdicts" } }

import { fetch } from "mm4:filter/http@0.1.0";
import { header, originator, recipients } from "mm4:filter/message@0.1.0";

const URL = "https://verdicts.example/v1/verdict";

/** QuickJS has neither TextEncoder nor TextDecoder. */
const octets = (text) => Uint8Array.from(unescape(encodeURIComponent(text)), (char) => char.charCodeAt(0));
const text = (octets) => decodeURIComponent(Array.from(octets, (octet) => "%" + octet.toString(16).padStart(2, "0")).join(""));

function verdict() {
  const question = {
    from: originator()?.user ?? null,
    to: recipients().map((recipient) => recipient.address.user),
    subject: header("Subject"),
  };
  const answer = fetch({
    method: "POST",
    url: URL,
    headers: [{ name: "Content-Type", value: "application/json" }],
    body: octets(JSON.stringify(question)),
  });
  // Whatever its status is, an answer is an answer: what it means is for this plug-in to say.
  return answer.status === 200 ? JSON.parse(text(answer.body)).verdict : "none";
}

/** The verdict, or that there is none. What `fetch` throws is an Error with the fault, { tag, val }, as its `payload`. */
function verdictOrNone() {
  try {
    return verdict();
  } catch (error) {
    if (error.payload?.tag !== "unavailable") {
      // A request that the configuration does not allow, for instance. The plug-in fails, and its on-failure decides.
      throw error;
    }
    return "none";
  }
}

export const plugin = {
  describe() {
    return {
      name: "spam-verdict",
      version: "0.1.0",
      occasions: { arrival: true },
      messageTypes: ["forward-request"],
      mediaTypes: [],
    };
  },
  configure() {},
  process() {
    switch (verdictOrNone()) {
      case "spam":
        return { tag: "refuse", val: { code: 554, text: "not taken: the message looks like spam" } };
      case "none":
        return { tag: "edit", val: [{ tag: "set-header", val: { name: "X-Spam-Verdict", value: "none" } }] };
      default:
        return { tag: "pass" };
    }
  },
};
