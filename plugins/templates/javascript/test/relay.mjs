// A relay for tests: what the modules of the contract answer. `relay({...})` says what is there; everything has a default.
//
// It is a stand-in: limits, grants and time do not count here, and edits are not made. What the plug-in really does is shown
// by `mm4relay plugin test`, in the sandbox that traffic runs in.

let state;

/** Puts another relay in place: settings, headers ([name, value] pairs), parts, tables, values, now, ... */
export function relay(given = {}) {
  state = {
    settings: {},
    headers: [],
    parts: [], // { mediaType, headers: [[name, value]], body: Uint8Array }
    sender: "+15555550100/TYPE=PLMN",
    recipients: ["+15555550199/TYPE=PLMN"],
    messageType: "forward-request",
    source: "sample-peer",
    sourceInside: false,
    intraMmse: false,
    size: 1000,
    now: 1769386663000,
    tables: {},
    values: {},
    networks: {},
    found: {},
    answers: {}, // "GET https://...": { status, headers: [[name, value]], body } or a fault
    log: [],
    rules: [],
    grants: [],
    records: [],
    counters: {},
    ...given,
  };
  return state;
}
relay();

const octets = (text) => new TextEncoder().encode(text);
const named = (fields, name) => fields.find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
const fields = (list) => list.map(([name, value]) => ({ name, value }));
/** A fault as the relay's functions throw it. */
const thrown = (fault) => Object.assign(new Error(`${fault.tag}: ${fault.val}`), { payload: fault });
const invalid = (val) => thrown({ tag: "invalid", val });

function address(text) {
  const [, local, domain] = /^(.*?)(?:@([^@]*))?$/.exec(text);
  const [, user, addressType] = /^(.*?)(?:\/TYPE=(.*))?$/i.exec(local);
  const digits = user.replace(/^\+/, "");
  const number = /^\d+$/.test(digits);
  const kind = number ? (digits.length >= 7 ? "number" : "short-code") : domain ? "email" : "other";
  return { text, kind, user, addressType, domain };
}

function part(id) {
  const found = state.parts[id - 1];
  if (!found) {
    throw invalid(`the message has no part ${id}`);
  }
  return found;
}

function table(name) {
  if (!(name in state.tables)) {
    throw invalid(`there is no table ${name}`);
  }
  return state.tables[name];
}

/** Of `answers`: { status: 200, body: "..." }, or a fault, which is thrown. */
function answer(question) {
  const said = state.answers[question] ?? { tag: "unavailable", val: `no answer to ${question} is given` };
  if (said.tag) {
    throw thrown(said);
  }
  const { status = 200, headers = [], body = "" } = said;
  return { status, headers: fields(headers), body: typeof body === "string" ? octets(body) : body };
}

export const interfaces = {
  types: {
    BodyWriter: class BodyWriter {
      constructor(mediaType) {
        this.mediaType = mediaType;
        this.octets = [];
      }
      write(bytes) {
        this.octets.push(...bytes);
      }
    },
  },
  message: {
    current: () => ({
      messageType: state.messageType,
      messageId: named(state.headers, "X-Mms-Message-ID") ?? "",
      transactionId: named(state.headers, "X-Mms-Transaction-ID") ?? "",
      source: state.source,
      sourceInside: state.sourceInside,
      intraMmse: state.intraMmse,
      receivedAt: state.now,
      size: state.size,
    }),
    originator: () => (state.sender ? address(state.sender) : null),
    recipients: () => state.recipients.map((text, at) => ({ id: at + 1, address: address(text) })),
    header: (name) => named(state.headers, name) ?? null,
    field: (name) => named(state.headers, name)?.replace(/^"|"$/g, "") || null,
    headers: () => fields(state.headers),
    answered: () => null,
    refusedLate: () => null,
    parts: () =>
      state.parts.map((part, at) => ({
        id: at + 1,
        mediaType: part.mediaType,
        name: part.name,
        contentId: part.contentId,
        contentLocation: part.contentLocation,
        encodedSize: part.body.length,
      })),
    readPart: (id, offset, max) => Uint8Array.from(part(id).body).slice(offset, offset + max),
    partHeader: (id, name) => named(part(id).headers ?? [], name) ?? null,
    timeLeft: () => 250,
  },
  config: {
    size: () => octets(JSON.stringify(state.settings)).length,
    read: (offset, max) => octets(JSON.stringify(state.settings)).slice(offset, offset + max),
    granted: (grant) => state.grants.includes(grant),
  },
  tables: {
    lookup: (name, key) => table(name)[key] ?? null,
    lookupPrefix: (name, text) => {
      const keys = Object.keys(table(name)).filter((key) => text.startsWith(key));
      const longest = keys.sort((a, b) => b.length - a.length)[0];
      return longest === undefined ? null : [longest, table(name)[longest]];
    },
  },
  log: { write: (level, text) => void state.log.push([level, text]), rule: (name) => void state.rules.push(name) },
  clock: { now: () => state.now },
  random: { number: () => 4, bytes: (count) => new Uint8Array(count) },
  metrics: {
    count: (name, by) => void (state.counters[name] = (state.counters[name] ?? 0) + by),
    observe: () => {},
  },
  kv: {
    get: (key) => state.values[key] ?? null,
    set: (key, value) => void (state.values[key] = value),
    delete: (key) => void delete state.values[key],
    increment: (key, by) => {
      const old = state.values[key] ? Number(new TextDecoder().decode(state.values[key])) : 0;
      state.values[key] = octets(String(old + by));
    },
  },
  charging: {
    emit: (record) => void state.records.push(record),
    emitWith: (record, more) => void state.records.push({ ...record, more }),
    emitWhenAnswered: (record, more) => void state.records.push({ ...record, more }),
  },
  numbering: { lookup: (number) => state.networks[number] ?? null },
  scan: {
    parts: () => state.parts.map((_, at) => at + 1),
    part: (id) => state.found[id] ?? null,
  },
  http: { fetch: (request) => answer(`${request.method} ${request.url}`) },
};
