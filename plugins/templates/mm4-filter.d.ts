// Made of wit/ by tests/bindings. Do not edit.
//
// The contract as types: each interface is a module. What is `result` in the contract is returned, or thrown as the `payload` of an Error.

declare module "mm4:filter/config@0.1.0" {
  /** Size of the settings in octets. `{}` when there are none, so never less than 2. */
  export function size(): number;
  /** At most `max` octets from `offset` on; `max` is cut to 1 MiB. */
  export function read(offset: number, max: number): Uint8Array;
  /**
   * Whether the configuration grants that, by the word that stands there: `numbering`; or any of that: `edit.headers`.
   * `false` for a word that is no grant.
   *
   * A component that imports this function can do without grants that its settings do not need: it loads without them,
   * asks in `configure`, and refuses settings that need what is not there. Calling a function of an interface that is
   * not granted ends the call. A component that does not import it loads only with every grant that it imports.
   *
   * Younger than the rest of this interface: a plug-in that calls it does not load into a relay without it.
   */
  export function granted(grant: string): boolean;
}

declare module "mm4:filter/log@0.1.0" {
  export type Level = "debug" | "info" | "warn" | "error";
  /**
   * Each line is cut to 1,024 octets; control characters are escaped; lines past the limit `log-lines` of a call are
   * counted and dropped, and the count is logged. In `configure` too; then there is no message's id. Numbers in the
   * text are not masked by the relay: do not log addresses whole.
   */
  export function write(level: Level, text: string): void;
  /**
   * Names a rule of the plug-in's settings. In `configure`: there is such a rule. In `process`: it had a part in what
   * this call returns. `trace`, recordings and sample cases show the rules of a call in the order in which they were
   * named, each once; `plugin test` says of each rule which cases it had a part in, and names those that had none.
   *
   * Names are cut to 128 octets, and control characters in them escaped; of more than 1,000 in one call (10,000 in
   * `configure`) the first count. A rule of a call that fails is dropped with it.
   *
   * Younger than the rest of this interface: a plug-in that calls it does not load into a relay without it.
   */
  export function rule(name: string): void;
}

declare module "mm4:filter/clock@0.1.0" {
  /** Milliseconds since 1970-01-01 UTC. In `configure`: when the plug-in was loaded. */
  export function now(): number;
}

declare module "mm4:filter/random@0.1.0" {
  /** 64 random bits. */
  export function number(): number;
  /** `count` random octets; `count` is cut to 64 KiB. */
  export function bytes(count: number): Uint8Array;
}

declare module "mm4:filter/types@0.1.0" {
  /** What the message is, from `X-Mms-Message-Type` (TS 23.140, 8.4.4), compared without regard to case. */
  export type MessageType = "forward-request" | "forward-response" | "delivery-report-request" | "delivery-report-response" | "read-reply-report-request" | "read-reply-report-response" | "other";
  /** What stands before the `@` (or is the whole address). */
  export type AddressKind = "number" | "short-code" | "email" | "other";
  /** An address, as text and taken apart. All of it is at most 256 octets. */
  export interface Address {
    /**
     * The whole address as it was received, or as a plug-in earlier in the chain set it; without angle brackets:
     * `+15555550100/TYPE=PLMN@mms.a.example`.
     */
    text: string;
    kind: AddressKind;
    /** What stands before `/TYPE=` and the last `@`: `+15555550100`. */
    user: string;
    /** The value of `/TYPE=`, as received: `PLMN`. */
    addressType?: string | null | undefined;
    /** What stands behind the last `@`, as received. */
    domain?: string | null | undefined;
  }
  /**
   * A recipient of this relay: one `RCPT TO` of the SMTP envelope. Recipients that are only listed in `To` belong
   * to other networks, and nobody here acts on them.
   */
  export interface Recipient {
    /**
     * Names the recipient in edits. Stable over the whole chain: the next plug-in sees the same number for the
     * same recipient. Counted from 1 in the order of `RCPT TO`; an added recipient gets the next higher number.
     */
    id: number;
    address: Address;
  }
  /** A header field. */
  export interface HeaderField {
    /** As received. Compare without regard to case. */
    name: string;
    /** Unfolded, without the blanks at both ends. Octets that are not UTF-8 are shown as U+FFFD. */
    value: string;
  }
  /** A leaf of the MIME structure. A message that is not multipart has exactly one, which is its body. */
  export interface Part {
    /** Names the part in `read-part` and in edits. Stable over the whole chain. */
    id: number;
    /** Media type, in lower case and without parameters: `image/jpeg`. `text/plain` when the part does not say. */
    mediaType: string;
    /** The file name: `name` of Content-Type, else `filename` of Content-Disposition. */
    name?: string | null | undefined;
    /** Content-ID without angle brackets. */
    contentId?: string | null | undefined;
    /** Content-Location, as received. */
    contentLocation?: string | null | undefined;
    /**
     * Size of the body as it stands in the message, still encoded, in octets; of a body that a plug-in earlier in
     * the chain made, as the relay encoded it. The decoded size is never larger.
     */
    encodedSize: number;
  }
  /**
   * What the destination can take, as its `[[peer]]` says. `none` means: no limit is configured. The relay does not
   * enforce these limits itself: making the message fit, or refusing it, is what plug-ins are for.
   */
  export interface Destination {
    /** The peer's name in the configuration. */
    peer: string;
    /** The first of the peer's configured domains; empty when it has none. */
    domain: string;
    /** Whether it is a relay/server of our own MMSE; `false` is another operator's. */
    inside: boolean;
    /**
     * The richest content class that the peer takes: `text`, `image-basic`, `image-rich`, `megapixel`, `video-basic`,
     * `video-rich`, `content-basic` or `content-rich`. Words may be added.
     */
    contentClass?: string | null | undefined;
    /** Largest message that the peer takes, headers and encoding included, in octets. */
    maxMessageSize?: number | null | undefined;
    /** Largest image that the peer takes, in octets after decoding the transfer encoding. */
    maxImageSize?: number | null | undefined;
    /** Largest image that the peer takes, in pixels. */
    maxImageWidth?: number | null | undefined;
    maxImageHeight?: number | null | undefined;
  }
  /** What the answer to a request says. The message of the call is the request, as it was sent. */
  export interface Response {
    /** The configured name of the peer that answered. */
    peer: string;
    /** `X-Mms-Request-Status-Code`, as received: `Ok`, `Error-service-denied`, ... (TS 23.140, 8.4.4). */
    status: string;
    /** `X-Mms-Status-Text`. At most 512 octets. */
    text?: string | null | undefined;
  }
  export interface Delivery {
    /** The peer's name in the configuration; `no-route` for recipients that were left without a route. */
    peer: string;
    /** The host that answered last, as `host:port`; empty when none was reached. */
    host: string;
    /** SMTP reply code; 0 when there was no reply. */
    code: number;
    /** The reply's text, or what happened instead of one. At most 512 octets. */
    text: string;
    /** Attempts made, this one included; 0 when the relay gave up before any. */
    attempts: number;
  }
  /** What became of some recipients of a message at one destination: those that `recipients` lists in this call. */
  export type Outcome =
    /** The next hop answered 2xx to the end of data. */
    | { tag: "delivered"; val: Delivery }
    /**
     * The next hop said no for good (5xx), or a `departure` plug-in refused this destination while others were
     * accepted, or no route was left.
     */
    | { tag: "failed"; val: Delivery }
    /** Not delivered within the peer's `give-up` time; `code` and `text` tell of the last attempt. */
    | { tag: "expired"; val: Delivery }
    /**
     * The MMSE behind the next hop has answered a request that was delivered before: `MM4_forward.RES`, or the
     * response to a report.
     */
    | { tag: "response"; val: Response };
  /** Why `process` is called. Each occasion comes only to those that named it in `describe`. */
  export type Occasion =
    /**
     * Once per received message, before routing. The peer that sent it is still waiting for its answer. A message
     * that its sender sends again, because it was deferred, comes as a new one.
     */
    | { tag: "arrival" }
    /**
     * Once per destination, after routing, with the recipients that go there. The peer that sent the message is
     * still waiting. Recipients cannot be routed elsewhere any more; one that is added goes to this destination.
     */
    | { tag: "departure"; val: Destination }
    /**
     * When it is decided what became of recipients at a destination: once for all that share a fate (the same
     * result, code and text), so mostly once per destination, and never twice for the same decision. An operator
     * who retries a failed message causes a new one. Headers (as sent), originator and recipients are there;
     * `parts` is empty. The verdict must be `pass`: what counts are the charging records and key/value writes,
     * which are committed with the outcome.
     *
     * A call that fails is repeated after 1, 2, 4, ... seconds, from the spool, with the version of the plug-in
     * that is live then. What a failed call asked for is never kept, so nothing is counted twice. After the tenth
     * repetition the relay writes a charging record of its own instead (`record-type` `fallback`), and the plug-in
     * is not asked again. Exception: a destination that failed before the message was accepted is told once, while
     * the sender waits, and a failure there makes the fallback record at once.
     */
    | { tag: "outcome"; val: Outcome };
  /** Why a host function did not do what it was asked. */
  export type Fault =
    /** The caller broke this contract: an unknown id or table, a key of illegal length, a string that is too long. */
    | { tag: "invalid"; val: string }
    /** The host cannot do it now: the store did not answer. Worth another try with the next message. */
    | { tag: "unavailable"; val: string }
    /** One of the plug-in's limits is used up. The text names it. */
    | { tag: "limit"; val: string };
  /**
   * Bytes for a new part, before any transfer encoding: the relay chooses that. Made and written by the plug-in,
   * handed over inside an edit. A writer that is not handed over is dropped with the instance. Not for `configure`:
   * a writer that is still open when it returns fails the load.
   */
  export class BodyWriter {
    /**
     * `media-type` is a whole Content-Type value, parameters included: `text/plain; charset=utf-8`. At most 1,024
     * octets: a longer one fails the call, because a constructor cannot return a fault. The edit that hands the
     * body over is illegal when `media-type` is not what RFC 2045, 5.1 allows, or a `multipart/` type. A
     * `message/` type is legal for a body that needs no transfer encoding (RFC 2045, 6.4): ASCII without NUL,
     * lines that end in CRLF, have at most 998 octets and do not begin with two hyphens.
     */
    constructor(mediaType: string);
    /**
     * Appends. Write in pieces of 64 KiB or so; one call carries at most `host-call` octets (default 8 MiB), and
     * more fails the call. `limit` when the bytes of all writers of this call together, dropped ones included,
     * exceed `output` (default 16 MiB); the writer keeps what it had.
     * @throws {Fault}
     */
    write(bytes: Uint8Array): void;
  }
  export interface SetRecipient {
    id: number;
    address: string;
  }
  export interface Route {
    recipient: number;
    peer: string;
  }
  export interface ReplacePart {
    id: number;
    body: BodyWriter;
    /**
     * Replaces the file name in Content-Type, Content-Location and Content-Disposition, wherever the part has
     * one. Content-ID never changes. References to the old name in SMIL parts are the plug-in's business.
     */
    name?: string | null | undefined;
  }
  /** `content-id` is without angle brackets. */
  export interface AddPart {
    body: BodyWriter;
    name?: string | null | undefined;
    contentId?: string | null | undefined;
  }
  /**
   * One change. Checked by the relay after `process` has returned, and made in the order of the list, each on what
   * those before it made; the plug-in itself never sees the result. At most 10,000 in one verdict.
   *
   * Strings that reach the wire must not hold CR, LF, NUL or other control characters (tab excepted). Header names:
   * 1 to 76 visible ASCII characters without a colon. Header values, names and Content-IDs: at most 16,384 octets,
   * and such that they can be folded into lines of legal length. Addresses: 1 to 256 octets of visible ASCII without
   * angle brackets; a source route, and quotes that are not needed, are dropped (RFC 5321, 4.1.2 and appendix C), and
   * what can be read in two ways is illegal.
   *
   * Behind all plug-ins the relay asks whether the peer that sent the message may name the originators that it has then;
   * if not, the message is refused (on `arrival`), or fails for this destination (on `departure`).
   */
  export type Edit =
    /**
     * Puts the value into the first field of that name and removes the others; adds it at the end when there is
     * none. Illegal for `X-Mms-Message-ID`, `X-Mms-Transaction-ID`, `X-Mms-Message-Type`, `Received`,
     * `Return-Path`, `MIME-Version`, `Content-Type` and `Content-Transfer-Encoding`.
     */
    | { tag: "set-header"; val: HeaderField }
    /** Removes every field of that name; nothing happens when there is none. Illegal for the same ones. */
    | { tag: "remove-header"; val: string }
    /**
     * Sets the envelope sender, and the address in `From` where the old one stood there. A null sender gets an
     * address too, and no header changes then: look first.
     */
    | { tag: "set-originator"; val: string }
    /** Gives a recipient another address. The `To`, `Cc` and `Bcc` fields change only where the old address stood. */
    | { tag: "set-recipient"; val: SetRecipient }
    /** Adds an envelope recipient. No header changes. */
    | { tag: "add-recipient"; val: string }
    /** Drops an envelope recipient. No header changes. Dropping the last one is refused: use `discard`. */
    | { tag: "drop-recipient"; val: number }
    /**
     * Sends a recipient to the named peer, whatever the routing table says. On `arrival` only; elsewhere it is
     * illegal. The last one for a recipient counts. A name that is no configured peer's has no effect: routing
     * decides as if nothing had been said.
     */
    | { tag: "route"; val: Route }
    /**
     * Gives a part another body and media type, and a transfer encoding that fits. Its other header fields stay,
     * except `Content-MD5` and `Content-Length`.
     */
    | { tag: "replace-part"; val: ReplacePart }
    /** Removes a part. Removing the last one is refused. */
    | { tag: "remove-part"; val: number }
    /** Adds a part at the end of the outermost multipart. Refused when the message is not multipart. */
    | { tag: "add-part"; val: AddPart };
  export interface Refusal {
    /** The SMTP reply code that the sender is to see: 550 to 554. */
    code: number;
    /** Short and for humans; at most 200 octets. It goes to the sending peer. */
    text: string;
  }
  /** What is to become of the message. */
  export type Verdict =
    /** Nothing changes. */
    | { tag: "pass" }
    /** All of these, in this order; if one is illegal, none, and the call counts as failed. */
    | { tag: "edit"; val: Array<Edit> }
    /**
     * The message, or on `departure` this destination, is refused for good. The sending peer sees the code and
     * text if nothing of the message goes on or is held; otherwise it sees 250, and the refused destination is an
     * `outcome` that failed.
     */
    | { tag: "refuse"; val: Refusal }
    /**
     * Accepted, and parked: on `arrival` the whole message, on `departure` the recipients of this destination,
     * under the addresses that they were received with. The text tells the operator why. A released message
     * goes through the chain from the beginning.
     */
    | { tag: "hold"; val: string }
    /**
     * Accepted, and dropped: the message, or on `departure` this destination. No `outcome` follows. The text is
     * for the log.
     */
    | { tag: "discard"; val: string };
}

declare module "mm4:filter/message@0.1.0" {
  import type { Address, HeaderField, MessageType, Part, Recipient, Fault } from "mm4:filter/types@0.1.0";
  /**
   * The fields that most plug-ins ask for. Identifiers are as received, quotes included; an octet that is no UTF-8 is
   * the character U+10FE00 plus its value.
   */
  export interface Summary {
    messageType: MessageType;
    /** `X-Mms-Message-ID`; empty when the message has none. */
    messageId: string;
    /** `X-Mms-Transaction-ID`; empty when the message has none. */
    transactionId: string;
    /**
     * The configured name of the peer that sent the message. `mm4relay` is the relay itself: a response, report or
     * bounce that it wrote, which `arrival` and `departure` see like any other message. No peer has that name.
     */
    source: string;
    /** Whether that peer is a relay/server of our own MMSE, or the relay itself; `false` is another operator's. */
    sourceInside: boolean;
    /**
     * Whether the message stays within our MMSE: its source is inside, and so is every next hop that it goes to. On
     * `arrival` these are the next hops that routing would choose now, before any plug-in has changed a recipient;
     * of a response, the peer that asked, even where the relay keeps the response and gives an answer of its own.
     * On `departure` and `outcome` it is the one next hop of this call.
     */
    intraMmse: boolean;
    /** When the last octet of the message had come, in milliseconds since 1970-01-01 UTC. */
    receivedAt: number;
    /**
     * Size in octets. On `arrival` and `departure` as received; edits do not change it. On `outcome` as the next hop
     * got it, with all edits and the relay's own `Received` field, so that both ends of an exchange count the same.
     */
    size: number;
  }
  /** A request that the relay remembers. */
  export interface Request {
    messageType: MessageType;
    /** As received, quotes included. */
    messageId: string;
    /** As received from the peer that asked; it may have been asked onward with another one. */
    transactionId: string;
    /** The configured name of the peer that asked. */
    source: string;
  }
  /** The relay's own refusal of a message, as a response to it says it. */
  export interface LateRefusal {
    /** `X-Mms-Request-Status-Code`: `Error-service-denied`, ... */
    status: string;
    /** `X-Mms-Status-Text`. At most 512 octets; `none` where the sender learns the status alone. */
    text?: string | null | undefined;
  }
  /** Costs nothing worth mentioning; call it as often as you like. */
  export function current(): Summary;
  /** The envelope sender. `none` is the null sender `<>`. */
  export function originator(): Address | null | undefined;
  /**
   * The envelope recipients: on `arrival` all of them, on `departure` those of this destination, on `outcome` those
   * whose fate it is.
   */
  export function recipients(): Array<Recipient>;
  /** The value of the first field of that name, compared without regard to case; unfolded, as in `header-field`. */
  export function header(name: string): string | null | undefined;
  /** All fields of the message's header, in order. */
  export function headers(): Array<HeaderField>;
  /**
   * What the message says in the field of that name (TS 23.140, 8.4.4), as the relay itself reads it; `none` when it
   * says nothing. Use this for decisions, and `header` for what stands there.
   *
   * - The first field of that name counts which is not empty; without one, another name that peers give the field:
   *   `X-Mms-Read-Report` for `X-Mms-Read-Reply`. The table of names is in docs/mm4.md.
   * - A value of one of the standard's lists is returned in the standard's spelling, however it was spelled: `Yes` for
   *   `"yes "`, `Error-service-denied` for `Error- service-denied`, `MM4_forward.REQ` for `"mm4_forward.req"`.
   * - Identifiers and the version are returned without the blanks and quotes around them, every other value as
   *   received.
   *
   * Younger than the rest of this interface: a plug-in that calls it does not load into a relay without it.
   */
  export function field(name: string): string | null | undefined;
  /**
   * Of a response: the request that it answers. Some peers put a message ID of their own into a response, or none. `none`
   * for every other message, for a response to nothing that is known, and for one that the relay wrote itself.
   *
   * As young as `field`.
   */
  export function answered(): Request | null | undefined;
  /**
   * On an `outcome` that is `failed`: that it is about a message which the relay refused as a whole after its sender
   * had heard `250`, and what the refusal says. The message's plug-ins took longer than the sender waits, or it was held
   * and released; then a plug-in, or routing, would not have it. Whatever was asked for on its `arrival` is dropped, as
   * for every message that is refused: what is to be recorded of its arrival is recorded now. A message is refused so
   * at most once, unless an operator retries it. `none` for every other message.
   *
   * Younger than `field`: a plug-in that calls it does not load into a relay without it.
   */
  export function refusedLate(): LateRefusal | null | undefined;
  /** The leaves of the MIME structure, in order. Empty on `outcome`. */
  export function parts(): Array<Part>;
  /**
   * At most `max` octets of a part's decoded body, from `offset` on. Fewer octets than `max` means that the part
   * ends there; at or behind the end the list is empty. `max` is cut to 1 MiB. A body that nobody reads is never
   * decoded and never copied. `invalid`: no such part, or the body cannot be read or decoded.
   * @throws {Fault}
   */
  export function readPart(id: number, offset: number, max: number): Uint8Array;
  /**
   * The value of the first field of that name in a part's own header, as in `header`: a text says its charset in
   * `Content-Type`. Of a message that is not multipart, the fields are those of the message. `invalid`: no such part, or
   * its header cannot be read.
   *
   * As young as `field`.
   * @throws {Fault}
   */
  export function partHeader(id: number, name: string): string | null | undefined;
  /**
   * Milliseconds of wall time that this call still has, of `time` and `time-per-mib`; waiting for a turn does not
   * count. For work whose cost can be told before it begins: what cannot be finished is better not begun, because a
   * call that runs out of time fails, and `on-failure` decides without the plug-in. `plugin test` and `plugin replay`
   * count instructions, and always answer with the whole budget, so that their results do not depend on the machine.
   */
  export function timeLeft(): number;
}

declare module "mm4:filter/tables@0.1.0" {
  import type { Fault } from "mm4:filter/types@0.1.0";
  /**
   * The value for exactly this key. `invalid`: no table of that name is configured.
   * @throws {Fault}
   */
  export function lookup(table: string, key: string): string | null | undefined;
  /**
   * The row whose key is the longest beginning of `text`. Errors as above.
   * @throws {Fault}
   */
  export function lookupPrefix(table: string, text: string): [string, string] | null | undefined;
}

declare module "mm4:filter/metrics@0.1.0" {
  import type { Fault } from "mm4:filter/types@0.1.0";
  /**
   * Adds to a counter.
   * @throws {Fault}
   */
  export function count(name: string, by: number): void;
  /**
   * Puts a value into a histogram; its buckets end at 1, 2 and 5 times each power of ten from 0.001 to 1,000,000.
   * `invalid`: not a finite number. `limit`: more than 1,000 values in one call.
   * @throws {Fault}
   */
  export function observe(name: string, value: number): void;
}

declare module "mm4:filter/numbering@0.1.0" {
  import type { Fault } from "mm4:filter/types@0.1.0";
  /** At least one of the fields is there. */
  export interface Network {
    /**
     * The network's country and network code (ITU-T E.212), three digits each, as domains write them: `310-002`.
     * From the row of the table of ported numbers or the answer of DNS, where that is codes or a domain with codes
     * in it (`mms.mnc002.mcc310.gprs`); else from the first such domain that the peer lists, or that is ours for a
     * relay/server of our own MMSE. `none` where no domain has codes, or we have several networks.
     */
    id?: string | null | undefined;
    /** The domain of its MMSE: `mms.mnc002.mcc310.gprs`. */
    domain?: string | null | undefined;
    /**
     * The configured peer that the relay would send to. `none` for a number that was ported to a network with which
     * there is no agreement.
     */
    peer?: string | null | undefined;
  }
  /**
   * `number` is in E.164 form: `+` and 1 to 15 digits, `invalid` otherwise. `none`: nobody knows the number, or it is
   * left to plug-ins.
   * `unavailable`: the answer did not come. It may wait for a name server; the call's `time` goes on meanwhile.
   * @throws {Fault}
   */
  export function lookup(number: string): Network | null | undefined;
}

declare module "mm4:filter/scan@0.1.0" {
  import type { Fault } from "mm4:filter/types@0.1.0";
  /**
   * The parts that can be handed to a scanner: all of them, those too that the plug-in may not read, by the same ids and in
   * the same order as `parts` of `message` lists them. Empty on `outcome`.
   */
  export function parts(): Array<number>;
  /**
   * What that scanner finds in the part: the name that it has for it, or `none`. The call's `time` goes on while the
   * scanner works, and the scanner is left when it is over. A part that is scanned twice is read twice.
   *
   * The plug-in need not be allowed to read it. `invalid`: no such part; its body cannot be decoded; no scanner of that name
   * is configured. `limit`: the part is larger than the scanner takes. `unavailable`: the scanner did not answer, or is
   * left alone because it did not before, or has as many calls as it takes at once.
   * @throws {Fault}
   */
  export function part(id: number, scanner: string): string | null | undefined;
}

declare module "mm4:filter/http@0.1.0" {
  import type { Fault, HeaderField } from "mm4:filter/types@0.1.0";
  export interface Request {
    /** In capitals: `GET`, `POST`. */
    method: string;
    /** The whole URL, with its query: `https://numbers.example/v1/+15555550100`. */
    url: string;
    /**
     * Sent as they are. The relay writes `Host`, `Content-Length` and `Connection` itself, and adds the secrets that
     * the configuration names, in place of fields of the same names.
     */
    headers: Array<HeaderField>;
    body: Uint8Array;
  }
  export interface Response {
    status: number;
    /** Names in small letters; a value with octets that are no visible ASCII is left out. */
    headers: Array<HeaderField>;
    body: Uint8Array;
  }
  /**
   * Asks once and waits for the whole answer. Any status is an answer, redirects too: they are not followed. The call's
   * `time` goes on meanwhile, and the connection is closed when it is over.
   *
   * `invalid`: the request is not well-formed, or no service of the plug-in allows its method and URL; the text says
   * what would have to be configured. `limit`: the body or the answer is larger than the service allows, or the call
   * has used up the time or the number of questions that it has for this service. `unavailable`: the service did not
   * answer, or is left alone because it did not before, or has as many calls as it takes.
   * @throws {Fault}
   */
  export function fetch(request: Request): Response;
}

declare module "mm4:filter/kv@0.1.0" {
  import type { Fault } from "mm4:filter/types@0.1.0";
  /**
   * The value, or `none`.
   * @throws {Fault}
   */
  export function get(key: string): Uint8Array | null | undefined;
  /**
   * Values: at most 64 KiB, `invalid` otherwise. Two messages that write the same key at the same time: the later
   * commit wins.
   * @throws {Fault}
   */
  export function set(key: string, value: Uint8Array): void;
  /**
   * No error when there is none.
   * @throws {Fault}
   */
  function _delete(key: string): void;
  export { _delete as delete };
  /**
   * Adds to a counter (a decimal number as text; absent counts as 0) when the message is committed: no concurrent
   * increment is lost, and therefore no value is returned. `invalid`: the value is not a number, or the sum leaves
   * the range of 64 bits. Should either become true only between this call and the commit, the message is committed
   * all the same: a value that is no number stays, with a line in the log, and a sum stops at the end of the range.
   * @throws {Fault}
   */
  export function increment(key: string, by: number): void;
}

declare module "mm4:filter/charging@0.1.0" {
  import type { Fault } from "mm4:filter/types@0.1.0";
  /** The record types of TS 32.270 that belong to MM4, and two for what a pure relay sees. */
  export type RecordType = "o4frq" | "o4frs" | "o4d" | "o4r" | "r4f" | "r4drq" | "r4drs" | "r4rrq" | "r4rrs" | "relay-in" | "relay-out" | "relay-failed";
  /**
   * One record. The host adds: a sequence number (from 1, without gaps, in the order of the commits), the time of
   * the commit, the plug-in's name in the configuration and its version, the relay's own id of the message. Strings:
   * at most 1,024 octets each. Fields that are `none` are left out of the export.
   */
  export interface ChargingRecord {
    recordType: RecordType;
    messageId: string;
    transactionId?: string | null | undefined;
    /**
     * Peer names as configured. A record of an `arrival` that names no destination gets it from the relay, where the
     * message goes on to one peer only.
     */
    sourcePeer?: string | null | undefined;
    destinationPeer?: string | null | undefined;
    /** Whether no other operator's MMSE had a part in it: `intra-mmse` of `summary`. */
    intraMmse?: boolean | null | undefined;
    originator?: string | null | undefined;
    recipients: Array<string>;
    contentType?: string | null | undefined;
    /** In octets. */
    messageSize?: number | null | undefined;
    messageClass?: string | null | undefined;
    priority?: string | null | undefined;
    /** The `Date` header, as received. */
    submissionTime?: string | null | undefined;
    /** `X-Mms-Expiry`, as received. */
    expiry?: string | null | undefined;
    deliveryReportRequested?: boolean | null | undefined;
    readReplyRequested?: boolean | null | undefined;
    acknowledgementRequested?: boolean | null | undefined;
    senderHidden?: boolean | null | undefined;
    forwardCounter?: number | null | undefined;
    /** Request status (`Ok`, ...), MM status (`Retrieved`, ...), read status, or the SMTP code. */
    statusCode?: string | null | undefined;
    statusText?: string | null | undefined;
  }
  /**
   * `limit`: more than `charging-records` (100 by default, and at the most) in one call, or more than 1 MiB in all
   * their strings, each counted as at least 16 octets.
   * `invalid`: a string is too long.
   * @throws {Fault}
   */
  export function emit(entry: ChargingRecord): void;
  /**
   * As `emit`, with more fields, by name: each becomes a field of the record in the export, with a string as its value.
   * They count like the record's own strings. At most 32.
   *
   * `invalid` also: a name that is not 1 to 64 lower-case letters, digits and hyphens, beginning with a letter; one that
   * stands twice; one that the record or the export has already (`message-id`, `sequence`, ...).
   *
   * As young as `field` of `message`.
   * @throws {Fault}
   */
  export function emitWith(entry: ChargingRecord, more: Array<[string, string]>): void;
  /**
   * As `emit-with`, for a record of a request that came in and whose status is the answer to it: `r4f`. On `arrival`, and
   * where `refused-late` of `message` says something, the record is kept with the request, and is numbered and exported
   * when it is decided what whoever asked hears: the response that they get, or what it would say, where they asked for
   * none. That becomes its `status-code` and `status-text`, whatever stands there in `entry`. A response that does not
   * come within `response-within` of its peer counts as `Error-network-problem`. A copy of a request waits for the answer
   * to the first one. For messages that are no request, and on other occasions, there is nothing to wait for: then it is
   * `emit-with`.
   *
   * Younger than `emit-with`: a plug-in that calls it does not load into a relay without it.
   * @throws {Fault}
   */
  export function emitWhenAnswered(entry: ChargingRecord, more: Array<[string, string]>): void;
}

declare module "mm4:filter/plugin@0.1.0" {
  import type { Fault, MessageType, Occasion, Verdict } from "mm4:filter/types@0.1.0";
  export type Occasions = { arrival?: boolean; departure?: boolean; outcome?: boolean };
  /** What the plug-in is, and what it wants to see. What it does not want costs nothing: no instance is made. */
  export interface Description {
    /**
     * For humans: `mm4relay check`, charging records (`version`). Cut to 1,024 octets each. Logs and records name
     * the plug-in as the configuration does.
     */
    name: string;
    version: string;
    occasions: Occasions;
    /** Empty: all types. An `outcome` has the type of the message that was sent. */
    messageTypes: Array<MessageType>;
    /**
     * `image/jpeg`, `image/*`, in lower case. When not empty, `arrival` and `departure` come only with messages
     * that have such a part. `outcome` does not look at this.
     */
    mediaTypes: Array<string>;
  }
  /** What a plug-in exports under the name `plugin`. */
  export interface Plugin {
    /** Called once per load, before `configure` and in the same instance. Must not depend on the configuration. */
    describe(): Description;
    /**
     * Called once per load, and again at every reload of the configuration, in a new instance. Reads its settings
     * through `config`, checks them, builds what `process` needs. The instance's memory is kept afterwards; handles
     * and open resources must not be (printing opens one: use `log`).
     *
     * It may call `config`, `tables`, `log` and `clock`. All the others belong to a message, and calling them here fails
     * the load. Random numbers that are drawn here through WASI are part of the snapshot, the same in every instance.
     *
     * `describe` and `configure` together have `configure-time` (default 10 s of wall time) and `memory` (default 128
     * MiB). The text of an error is shown to the operator, cut to 1,024 octets, and the version does not go live: say
     * which setting is wrong, and what would be right.
     * @throws {string}
     */
    configure(): void;
    /**
     * Called once per instance: once for each message and occasion that `describe` asked for. It has `time` plus
     * `time-per-mib` for each MiB of the message as received (defaults 250 ms and 1 s, of wall time), and `memory`.
     * A `fault` means that the plug-in could not decide; the configured `on-failure` does then.
     * @throws {Fault}
     */
    process(occasion: Occasion): Verdict;
  }
}

/** A stand-in for the relay in tests: see test/relay.mjs. */
declare module "mm4:relay" {
  export function relay(given?: Record<string, unknown>): Record<string, any>;
}
