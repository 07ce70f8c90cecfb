// Made of wit/ by tests/bindings. Do not edit.

#[allow(dead_code, clippy::all)]
pub mod mm4 {
    pub mod filter {
        /// The shared words.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod types {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// What the message is, from `X-Mms-Message-Type` (TS 23.140, 8.4.4), compared without regard to case.
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum MessageType {
                ForwardRequest,
                ForwardResponse,
                DeliveryReportRequest,
                DeliveryReportResponse,
                ReadReplyReportRequest,
                ReadReplyReportResponse,
                /// A type that TS 23.140 does not name, or none. The relay refuses such messages unless the peer that sends them
                /// is configured with `unknown-types = "pass"`; then plug-ins see them on every occasion. Bounces of mail
                /// systems (RFC 3464) are `other` too, where the relay takes them, and so are those that it writes itself. On an
                /// `outcome`, also a message whose stored header could not be read.
                Other,
            }
            impl ::core::fmt::Debug for MessageType {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        MessageType::ForwardRequest => {
                            f.debug_tuple("MessageType::ForwardRequest").finish()
                        }
                        MessageType::ForwardResponse => {
                            f.debug_tuple("MessageType::ForwardResponse").finish()
                        }
                        MessageType::DeliveryReportRequest => {
                            f.debug_tuple("MessageType::DeliveryReportRequest").finish()
                        }
                        MessageType::DeliveryReportResponse => {
                            f.debug_tuple("MessageType::DeliveryReportResponse").finish()
                        }
                        MessageType::ReadReplyReportRequest => {
                            f.debug_tuple("MessageType::ReadReplyReportRequest").finish()
                        }
                        MessageType::ReadReplyReportResponse => {
                            f.debug_tuple("MessageType::ReadReplyReportResponse")
                                .finish()
                        }
                        MessageType::Other => {
                            f.debug_tuple("MessageType::Other").finish()
                        }
                    }
                }
            }
            impl MessageType {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> MessageType {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => MessageType::ForwardRequest,
                        1 => MessageType::ForwardResponse,
                        2 => MessageType::DeliveryReportRequest,
                        3 => MessageType::DeliveryReportResponse,
                        4 => MessageType::ReadReplyReportRequest,
                        5 => MessageType::ReadReplyReportResponse,
                        6 => MessageType::Other,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            /// What stands before the `@` (or is the whole address).
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum AddressKind {
                /// A telephone number: `+` and one or more digits, or seven or more digits without it.
                Number,
                /// Six or fewer digits without `+`: a short code.
                ShortCode,
                /// Anything else that has a domain: an e-mail address.
                Email,
                /// Everything else, a bare word such as `postmaster` included.
                Other,
            }
            impl ::core::fmt::Debug for AddressKind {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        AddressKind::Number => {
                            f.debug_tuple("AddressKind::Number").finish()
                        }
                        AddressKind::ShortCode => {
                            f.debug_tuple("AddressKind::ShortCode").finish()
                        }
                        AddressKind::Email => {
                            f.debug_tuple("AddressKind::Email").finish()
                        }
                        AddressKind::Other => {
                            f.debug_tuple("AddressKind::Other").finish()
                        }
                    }
                }
            }
            impl AddressKind {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> AddressKind {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => AddressKind::Number,
                        1 => AddressKind::ShortCode,
                        2 => AddressKind::Email,
                        3 => AddressKind::Other,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            /// An address, as text and taken apart. All of it is at most 256 octets.
            #[derive(Clone, PartialEq)]
            pub struct Address {
                /// The whole address as it was received, or as a plug-in earlier in the chain set it; without angle brackets:
                /// `+15555550100/TYPE=PLMN@mms.a.example`.
                pub text: _rt::String,
                pub kind: AddressKind,
                /// What stands before `/TYPE=` and the last `@`: `+15555550100`.
                pub user: _rt::String,
                /// The value of `/TYPE=`, as received: `PLMN`.
                pub address_type: ::core::option::Option<_rt::String>,
                /// What stands behind the last `@`, as received.
                pub domain: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for Address {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Address")
                        .field("text", &self.text)
                        .field("kind", &self.kind)
                        .field("user", &self.user)
                        .field("address-type", &self.address_type)
                        .field("domain", &self.domain)
                        .finish()
                }
            }
            /// A recipient of this relay: one `RCPT TO` of the SMTP envelope. Recipients that are only listed in `To` belong
            /// to other networks, and nobody here acts on them.
            #[derive(Clone, PartialEq)]
            pub struct Recipient {
                /// Names the recipient in edits. Stable over the whole chain: the next plug-in sees the same number for the
                /// same recipient. Counted from 1 in the order of `RCPT TO`; an added recipient gets the next higher number.
                pub id: u32,
                pub address: Address,
            }
            impl ::core::fmt::Debug for Recipient {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Recipient")
                        .field("id", &self.id)
                        .field("address", &self.address)
                        .finish()
                }
            }
            /// A header field.
            #[derive(Clone, PartialEq)]
            pub struct HeaderField {
                /// As received. Compare without regard to case.
                pub name: _rt::String,
                /// Unfolded, without the blanks at both ends. Octets that are not UTF-8 are shown as U+FFFD.
                pub value: _rt::String,
            }
            impl ::core::fmt::Debug for HeaderField {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("HeaderField")
                        .field("name", &self.name)
                        .field("value", &self.value)
                        .finish()
                }
            }
            /// A leaf of the MIME structure. A message that is not multipart has exactly one, which is its body.
            #[derive(Clone, PartialEq)]
            pub struct Part {
                /// Names the part in `read-part` and in edits. Stable over the whole chain.
                pub id: u32,
                /// Media type, in lower case and without parameters: `image/jpeg`. `text/plain` when the part does not say.
                pub media_type: _rt::String,
                /// The file name: `name` of Content-Type, else `filename` of Content-Disposition.
                pub name: ::core::option::Option<_rt::String>,
                /// Content-ID without angle brackets.
                pub content_id: ::core::option::Option<_rt::String>,
                /// Content-Location, as received.
                pub content_location: ::core::option::Option<_rt::String>,
                /// Size of the body as it stands in the message, still encoded, in octets; of a body that a plug-in earlier in
                /// the chain made, as the relay encoded it. The decoded size is never larger.
                pub encoded_size: u64,
            }
            impl ::core::fmt::Debug for Part {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Part")
                        .field("id", &self.id)
                        .field("media-type", &self.media_type)
                        .field("name", &self.name)
                        .field("content-id", &self.content_id)
                        .field("content-location", &self.content_location)
                        .field("encoded-size", &self.encoded_size)
                        .finish()
                }
            }
            /// What the destination can take, as its `[[peer]]` says. `none` means: no limit is configured. The relay does not
            /// enforce these limits itself: making the message fit, or refusing it, is what plug-ins are for.
            #[derive(Clone, PartialEq)]
            pub struct Destination {
                /// The peer's name in the configuration.
                pub peer: _rt::String,
                /// The first of the peer's configured domains; empty when it has none.
                pub domain: _rt::String,
                /// Whether it is a relay/server of our own MMSE; `false` is another operator's.
                pub inside: bool,
                /// The richest content class that the peer takes: `text`, `image-basic`, `image-rich`, `megapixel`, `video-basic`,
                /// `video-rich`, `content-basic` or `content-rich`. Words may be added.
                pub content_class: ::core::option::Option<_rt::String>,
                /// Largest message that the peer takes, headers and encoding included, in octets.
                pub max_message_size: ::core::option::Option<u64>,
                /// Largest image that the peer takes, in octets after decoding the transfer encoding.
                pub max_image_size: ::core::option::Option<u64>,
                /// Largest image that the peer takes, in pixels.
                pub max_image_width: ::core::option::Option<u32>,
                pub max_image_height: ::core::option::Option<u32>,
            }
            impl ::core::fmt::Debug for Destination {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Destination")
                        .field("peer", &self.peer)
                        .field("domain", &self.domain)
                        .field("inside", &self.inside)
                        .field("content-class", &self.content_class)
                        .field("max-message-size", &self.max_message_size)
                        .field("max-image-size", &self.max_image_size)
                        .field("max-image-width", &self.max_image_width)
                        .field("max-image-height", &self.max_image_height)
                        .finish()
                }
            }
            /// What the answer to a request says. The message of the call is the request, as it was sent.
            #[derive(Clone, PartialEq)]
            pub struct Response {
                /// The configured name of the peer that answered.
                pub peer: _rt::String,
                /// `X-Mms-Request-Status-Code`, as received: `Ok`, `Error-service-denied`, ... (TS 23.140, 8.4.4).
                pub status: _rt::String,
                /// `X-Mms-Status-Text`. At most 512 octets.
                pub text: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for Response {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Response")
                        .field("peer", &self.peer)
                        .field("status", &self.status)
                        .field("text", &self.text)
                        .finish()
                }
            }
            #[derive(Clone, PartialEq)]
            pub struct Delivery {
                /// The peer's name in the configuration; `no-route` for recipients that were left without a route.
                pub peer: _rt::String,
                /// The host that answered last, as `host:port`; empty when none was reached.
                pub host: _rt::String,
                /// SMTP reply code; 0 when there was no reply.
                pub code: u16,
                /// The reply's text, or what happened instead of one. At most 512 octets.
                pub text: _rt::String,
                /// Attempts made, this one included; 0 when the relay gave up before any.
                pub attempts: u32,
            }
            impl ::core::fmt::Debug for Delivery {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Delivery")
                        .field("peer", &self.peer)
                        .field("host", &self.host)
                        .field("code", &self.code)
                        .field("text", &self.text)
                        .field("attempts", &self.attempts)
                        .finish()
                }
            }
            /// What became of some recipients of a message at one destination: those that `recipients` lists in this call.
            #[derive(Clone, PartialEq)]
            pub enum Outcome {
                /// The next hop answered 2xx to the end of data.
                Delivered(Delivery),
                /// The next hop said no for good (5xx), or a `departure` plug-in refused this destination while others were
                /// accepted, or no route was left.
                Failed(Delivery),
                /// Not delivered within the peer's `give-up` time; `code` and `text` tell of the last attempt.
                Expired(Delivery),
                /// The MMSE behind the next hop has answered a request that was delivered before: `MM4_forward.RES`, or the
                /// response to a report.
                Response(Response),
            }
            impl ::core::fmt::Debug for Outcome {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Outcome::Delivered(e) => {
                            f.debug_tuple("Outcome::Delivered").field(e).finish()
                        }
                        Outcome::Failed(e) => {
                            f.debug_tuple("Outcome::Failed").field(e).finish()
                        }
                        Outcome::Expired(e) => {
                            f.debug_tuple("Outcome::Expired").field(e).finish()
                        }
                        Outcome::Response(e) => {
                            f.debug_tuple("Outcome::Response").field(e).finish()
                        }
                    }
                }
            }
            /// Why `process` is called. Each occasion comes only to those that named it in `describe`.
            #[derive(Clone, PartialEq)]
            pub enum Occasion {
                /// Once per received message, before routing. The peer that sent it is still waiting for its answer. A message
                /// that its sender sends again, because it was deferred, comes as a new one.
                Arrival,
                /// Once per destination, after routing, with the recipients that go there. The peer that sent the message is
                /// still waiting. Recipients cannot be routed elsewhere any more; one that is added goes to this destination.
                Departure(Destination),
                /// When it is decided what became of recipients at a destination: once for all that share a fate (the same
                /// result, code and text), so mostly once per destination, and never twice for the same decision. An operator
                /// who retries a failed message causes a new one. Headers (as sent), originator and recipients are there;
                /// `parts` is empty. The verdict must be `pass`: what counts are the charging records and key/value writes,
                /// which are committed with the outcome.
                ///
                /// A call that fails is repeated after 1, 2, 4, ... seconds, from the spool, with the version of the plug-in
                /// that is live then. What a failed call asked for is never kept, so nothing is counted twice. After the tenth
                /// repetition the relay writes a charging record of its own instead (`record-type` `fallback`), and the plug-in
                /// is not asked again. Exception: a destination that failed before the message was accepted is told once, while
                /// the sender waits, and a failure there makes the fallback record at once.
                Outcome(Outcome),
            }
            impl ::core::fmt::Debug for Occasion {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Occasion::Arrival => f.debug_tuple("Occasion::Arrival").finish(),
                        Occasion::Departure(e) => {
                            f.debug_tuple("Occasion::Departure").field(e).finish()
                        }
                        Occasion::Outcome(e) => {
                            f.debug_tuple("Occasion::Outcome").field(e).finish()
                        }
                    }
                }
            }
            /// Why a host function did not do what it was asked.
            #[derive(Clone, PartialEq)]
            pub enum Fault {
                /// The caller broke this contract: an unknown id or table, a key of illegal length, a string that is too long.
                Invalid(_rt::String),
                /// The host cannot do it now: the store did not answer. Worth another try with the next message.
                Unavailable(_rt::String),
                /// One of the plug-in's limits is used up. The text names it.
                Limit(_rt::String),
            }
            impl ::core::fmt::Debug for Fault {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Fault::Invalid(e) => {
                            f.debug_tuple("Fault::Invalid").field(e).finish()
                        }
                        Fault::Unavailable(e) => {
                            f.debug_tuple("Fault::Unavailable").field(e).finish()
                        }
                        Fault::Limit(e) => {
                            f.debug_tuple("Fault::Limit").field(e).finish()
                        }
                    }
                }
            }
            impl ::core::fmt::Display for Fault {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Fault::Invalid(text) => write!(f, "invalid: {text}"),
                        Fault::Unavailable(text) => write!(f, "unavailable: {text}"),
                        Fault::Limit(text) => write!(f, "limit: {text}"),
                    }
                }
            }
            impl ::core::error::Error for Fault {}
            /// Bytes for a new part, before any transfer encoding: the relay chooses that. Made and written by the plug-in,
            /// handed over inside an edit. A writer that is not handed over is dropped with the instance. Not for `configure`:
            /// a writer that is still open when it returns fails the load.
            #[derive(Debug)]
            #[repr(transparent)]
            pub struct BodyWriter {
                handle: _rt::Resource<BodyWriter>,
            }
            impl BodyWriter {
                #[doc(hidden)]
                pub unsafe fn from_handle(handle: u32) -> Self {
                    Self {
                        handle: unsafe { _rt::Resource::from_handle(handle) },
                    }
                }
                #[doc(hidden)]
                pub fn take_handle(&self) -> u32 {
                    _rt::Resource::take_handle(&self.handle)
                }
                #[doc(hidden)]
                pub fn handle(&self) -> u32 {
                    _rt::Resource::handle(&self.handle)
                }
            }
            unsafe impl _rt::WasmResource for BodyWriter {
                #[inline]
                unsafe fn drop(_handle: u32) {
                    #[cfg(not(target_family = "wasm"))]
                    return crate::native::types::body_writer_drop(_handle);
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/types@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "[resource-drop]body-writer"]
                        fn drop(_: i32);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn drop(_: i32) {
                        unreachable!()
                    }
                    unsafe {
                        drop(_handle as i32);
                    }
                }
            }
            #[derive(Clone, PartialEq)]
            pub struct SetRecipient {
                pub id: u32,
                pub address: _rt::String,
            }
            impl ::core::fmt::Debug for SetRecipient {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("SetRecipient")
                        .field("id", &self.id)
                        .field("address", &self.address)
                        .finish()
                }
            }
            #[derive(Clone, PartialEq)]
            pub struct Route {
                pub recipient: u32,
                pub peer: _rt::String,
            }
            impl ::core::fmt::Debug for Route {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Route")
                        .field("recipient", &self.recipient)
                        .field("peer", &self.peer)
                        .finish()
                }
            }
            pub struct ReplacePart {
                pub id: u32,
                pub body: BodyWriter,
                /// Replaces the file name in Content-Type, Content-Location and Content-Disposition, wherever the part has
                /// one. Content-ID never changes. References to the old name in SMIL parts are the plug-in's business.
                pub name: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for ReplacePart {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("ReplacePart")
                        .field("id", &self.id)
                        .field("body", &self.body)
                        .field("name", &self.name)
                        .finish()
                }
            }
            /// `content-id` is without angle brackets.
            pub struct AddPart {
                pub body: BodyWriter,
                pub name: ::core::option::Option<_rt::String>,
                pub content_id: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for AddPart {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("AddPart")
                        .field("body", &self.body)
                        .field("name", &self.name)
                        .field("content-id", &self.content_id)
                        .finish()
                }
            }
            /// One change. Checked by the relay after `process` has returned, and made in the order of the list, each on what
            /// those before it made; the plug-in itself never sees the result. At most 10,000 in one verdict.
            ///
            /// Strings that reach the wire must not hold CR, LF, NUL or other control characters (tab excepted). Header names:
            /// 1 to 76 visible ASCII characters without a colon. Header values, names and Content-IDs: at most 16,384 octets,
            /// and such that they can be folded into lines of legal length. Addresses: 1 to 256 octets of visible ASCII without
            /// angle brackets; a source route, and quotes that are not needed, are dropped (RFC 5321, 4.1.2 and appendix C), and
            /// what can be read in two ways is illegal.
            ///
            /// Behind all plug-ins the relay asks whether the peer that sent the message may name the originators that it has then;
            /// if not, the message is refused (on `arrival`), or fails for this destination (on `departure`).
            pub enum Edit {
                /// Puts the value into the first field of that name and removes the others; adds it at the end when there is
                /// none. Illegal for `X-Mms-Message-ID`, `X-Mms-Transaction-ID`, `X-Mms-Message-Type`, `Received`,
                /// `Return-Path`, `MIME-Version`, `Content-Type` and `Content-Transfer-Encoding`.
                SetHeader(HeaderField),
                /// Removes every field of that name; nothing happens when there is none. Illegal for the same ones.
                RemoveHeader(_rt::String),
                /// Sets the envelope sender, and the address in `From` where the old one stood there. A null sender gets an
                /// address too, and no header changes then: look first.
                SetOriginator(_rt::String),
                /// Gives a recipient another address. The `To`, `Cc` and `Bcc` fields change only where the old address stood.
                SetRecipient(SetRecipient),
                /// Adds an envelope recipient. No header changes.
                AddRecipient(_rt::String),
                /// Drops an envelope recipient. No header changes. Dropping the last one is refused: use `discard`.
                DropRecipient(u32),
                /// Sends a recipient to the named peer, whatever the routing table says. On `arrival` only; elsewhere it is
                /// illegal. The last one for a recipient counts. A name that is no configured peer's has no effect: routing
                /// decides as if nothing had been said.
                Route(Route),
                /// Gives a part another body and media type, and a transfer encoding that fits. Its other header fields stay,
                /// except `Content-MD5` and `Content-Length`.
                ReplacePart(ReplacePart),
                /// Removes a part. Removing the last one is refused.
                RemovePart(u32),
                /// Adds a part at the end of the outermost multipart. Refused when the message is not multipart.
                AddPart(AddPart),
            }
            impl ::core::fmt::Debug for Edit {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Edit::SetHeader(e) => {
                            f.debug_tuple("Edit::SetHeader").field(e).finish()
                        }
                        Edit::RemoveHeader(e) => {
                            f.debug_tuple("Edit::RemoveHeader").field(e).finish()
                        }
                        Edit::SetOriginator(e) => {
                            f.debug_tuple("Edit::SetOriginator").field(e).finish()
                        }
                        Edit::SetRecipient(e) => {
                            f.debug_tuple("Edit::SetRecipient").field(e).finish()
                        }
                        Edit::AddRecipient(e) => {
                            f.debug_tuple("Edit::AddRecipient").field(e).finish()
                        }
                        Edit::DropRecipient(e) => {
                            f.debug_tuple("Edit::DropRecipient").field(e).finish()
                        }
                        Edit::Route(e) => f.debug_tuple("Edit::Route").field(e).finish(),
                        Edit::ReplacePart(e) => {
                            f.debug_tuple("Edit::ReplacePart").field(e).finish()
                        }
                        Edit::RemovePart(e) => {
                            f.debug_tuple("Edit::RemovePart").field(e).finish()
                        }
                        Edit::AddPart(e) => {
                            f.debug_tuple("Edit::AddPart").field(e).finish()
                        }
                    }
                }
            }
            #[derive(Clone, PartialEq)]
            pub struct Refusal {
                /// The SMTP reply code that the sender is to see: 550 to 554.
                pub code: u16,
                /// Short and for humans; at most 200 octets. It goes to the sending peer.
                pub text: _rt::String,
            }
            impl ::core::fmt::Debug for Refusal {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Refusal")
                        .field("code", &self.code)
                        .field("text", &self.text)
                        .finish()
                }
            }
            /// What is to become of the message.
            pub enum Verdict {
                /// Nothing changes.
                Pass,
                /// All of these, in this order; if one is illegal, none, and the call counts as failed.
                Edit(_rt::Vec<Edit>),
                /// The message, or on `departure` this destination, is refused for good. The sending peer sees the code and
                /// text if nothing of the message goes on or is held; otherwise it sees 250, and the refused destination is an
                /// `outcome` that failed.
                Refuse(Refusal),
                /// Accepted, and parked: on `arrival` the whole message, on `departure` the recipients of this destination,
                /// under the addresses that they were received with. The text tells the operator why. A released message
                /// goes through the chain from the beginning.
                Hold(_rt::String),
                /// Accepted, and dropped: the message, or on `departure` this destination. No `outcome` follows. The text is
                /// for the log.
                Discard(_rt::String),
            }
            impl ::core::fmt::Debug for Verdict {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Verdict::Pass => f.debug_tuple("Verdict::Pass").finish(),
                        Verdict::Edit(e) => {
                            f.debug_tuple("Verdict::Edit").field(e).finish()
                        }
                        Verdict::Refuse(e) => {
                            f.debug_tuple("Verdict::Refuse").field(e).finish()
                        }
                        Verdict::Hold(e) => {
                            f.debug_tuple("Verdict::Hold").field(e).finish()
                        }
                        Verdict::Discard(e) => {
                            f.debug_tuple("Verdict::Discard").field(e).finish()
                        }
                    }
                }
            }
            impl BodyWriter {
                #[allow(unused_unsafe, clippy::all)]
                /// `media-type` is a whole Content-Type value, parameters included: `text/plain; charset=utf-8`. At most 1,024
                /// octets: a longer one fails the call, because a constructor cannot return a fault. The edit that hands the
                /// body over is illegal when `media-type` is not what RFC 2045, 5.1 allows, or a `multipart/` type. A
                /// `message/` type is legal for a body that needs no transfer encoding (RFC 2045, 6.4): ASCII without NUL,
                /// lines that end in CRLF, have at most 998 octets and do not begin with two hyphens.
                #[allow(async_fn_in_trait)]
                pub fn new(media_type: &str) -> Self {
                    #[cfg(not(target_family = "wasm"))]
                    return unsafe {
                        Self::from_handle(
                            crate::native::types::body_writer_new(media_type),
                        )
                    };
                    unsafe {
                        let vec0 = media_type;
                        let ptr0 = vec0.as_ptr().cast::<u8>();
                        let len0 = vec0.len();
                        #[cfg(target_arch = "wasm32")]
                        #[link(wasm_import_module = "mm4:filter/types@0.1.0")]
                        unsafe extern "C" {
                            #[link_name = "[constructor]body-writer"]
                            fn wit_import1(_: *mut u8, _: usize) -> i32;
                        }
                        #[cfg(not(target_arch = "wasm32"))]
                        unsafe extern "C" fn wit_import1(_: *mut u8, _: usize) -> i32 {
                            unreachable!()
                        }
                        let ret = wit_import1(ptr0.cast_mut(), len0);
                        BodyWriter::from_handle(ret as u32)
                    }
                }
            }
            impl BodyWriter {
                #[allow(unused_unsafe, clippy::all)]
                /// Appends. Write in pieces of 64 KiB or so; one call carries at most `host-call` octets (default 8 MiB), and
                /// more fails the call. `limit` when the bytes of all writers of this call together, dropped ones included,
                /// exceed `output` (default 16 MiB); the writer keeps what it had.
                #[allow(async_fn_in_trait)]
                pub fn write(&self, bytes: &[u8]) -> ::core::result::Result<(), Fault> {
                    #[cfg(not(target_family = "wasm"))]
                    return crate::native::types::body_writer_write(self, bytes);
                    unsafe {
                        #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                        #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                        struct RetArea(
                            [::core::mem::MaybeUninit<
                                u8,
                            >; 4 * ::core::mem::size_of::<*const u8>()],
                        );
                        let mut ret_area = RetArea(
                            [::core::mem::MaybeUninit::uninit(); 4
                                * ::core::mem::size_of::<*const u8>()],
                        );
                        let vec0 = bytes;
                        let ptr0 = vec0.as_ptr().cast::<u8>();
                        let len0 = vec0.len();
                        let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                        #[cfg(target_arch = "wasm32")]
                        #[link(wasm_import_module = "mm4:filter/types@0.1.0")]
                        unsafe extern "C" {
                            #[link_name = "[method]body-writer.write"]
                            fn wit_import2(_: i32, _: *mut u8, _: usize, _: *mut u8);
                        }
                        #[cfg(not(target_arch = "wasm32"))]
                        unsafe extern "C" fn wit_import2(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                        ) {
                            unreachable!()
                        }
                        wit_import2((self).handle() as i32, ptr0.cast_mut(), len0, ptr1);
                        let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                        let result15 = match l3 {
                            0 => {
                                let e = ();
                                Ok(e)
                            }
                            1 => {
                                let e = {
                                    let l4 = i32::from(
                                        *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                    );
                                    let v14 = match l4 {
                                        0 => {
                                            let e14 = {
                                                let l5 = *ptr1
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l6 = *ptr1
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len7 = l6;
                                                let bytes7 = _rt::Vec::from_raw_parts(
                                                    l5.cast(),
                                                    len7,
                                                    len7,
                                                );
                                                _rt::string_lift(bytes7)
                                            };
                                            Fault::Invalid(e14)
                                        }
                                        1 => {
                                            let e14 = {
                                                let l8 = *ptr1
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l9 = *ptr1
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len10 = l9;
                                                let bytes10 = _rt::Vec::from_raw_parts(
                                                    l8.cast(),
                                                    len10,
                                                    len10,
                                                );
                                                _rt::string_lift(bytes10)
                                            };
                                            Fault::Unavailable(e14)
                                        }
                                        n => {
                                            debug_assert_eq!(n, 2, "invalid enum discriminant");
                                            let e14 = {
                                                let l11 = *ptr1
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l12 = *ptr1
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len13 = l12;
                                                let bytes13 = _rt::Vec::from_raw_parts(
                                                    l11.cast(),
                                                    len13,
                                                    len13,
                                                );
                                                _rt::string_lift(bytes13)
                                            };
                                            Fault::Limit(e14)
                                        }
                                    };
                                    v14
                                };
                                Err(e)
                            }
                            _ => _rt::invalid_enum_discriminant(),
                        };
                        result15
                    }
                }
            }
        }
        /// The one message that this instance was made for. Always granted. Nothing here changes during the call: a plug-in
        /// sees the edits of those before it in the chain, and not its own. For `process` only: in `describe` and `configure`
        /// there is no message, and calling any of these fails the load.
        ///
        /// What the configuration does not let the plug-in read is not there: a field has no value, and a part is not in the list
        /// and cannot be read. Addresses and `current` can always be read.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod message {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Address = super::super::super::mm4::filter::types::Address;
            pub type HeaderField = super::super::super::mm4::filter::types::HeaderField;
            pub type MessageType = super::super::super::mm4::filter::types::MessageType;
            pub type Part = super::super::super::mm4::filter::types::Part;
            pub type Recipient = super::super::super::mm4::filter::types::Recipient;
            pub type Fault = super::super::super::mm4::filter::types::Fault;
            /// The fields that most plug-ins ask for. Identifiers are as received, quotes included; an octet that is no UTF-8 is
            /// the character U+10FE00 plus its value.
            #[derive(Clone, PartialEq)]
            pub struct Summary {
                pub message_type: MessageType,
                /// `X-Mms-Message-ID`; empty when the message has none.
                pub message_id: _rt::String,
                /// `X-Mms-Transaction-ID`; empty when the message has none.
                pub transaction_id: _rt::String,
                /// The configured name of the peer that sent the message. `mm4relay` is the relay itself: a response, report or
                /// bounce that it wrote, which `arrival` and `departure` see like any other message. No peer has that name.
                pub source: _rt::String,
                /// Whether that peer is a relay/server of our own MMSE, or the relay itself; `false` is another operator's.
                pub source_inside: bool,
                /// Whether the message stays within our MMSE: its source is inside, and so is every next hop that it goes to. On
                /// `arrival` these are the next hops that routing would choose now, before any plug-in has changed a recipient;
                /// of a response, the peer that asked, even where the relay keeps the response and gives an answer of its own.
                /// On `departure` and `outcome` it is the one next hop of this call.
                pub intra_mmse: bool,
                /// When the last octet of the message had come, in milliseconds since 1970-01-01 UTC.
                pub received_at: u64,
                /// Size in octets. On `arrival` and `departure` as received; edits do not change it. On `outcome` as the next hop
                /// got it, with all edits and the relay's own `Received` field, so that both ends of an exchange count the same.
                pub size: u64,
            }
            impl ::core::fmt::Debug for Summary {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Summary")
                        .field("message-type", &self.message_type)
                        .field("message-id", &self.message_id)
                        .field("transaction-id", &self.transaction_id)
                        .field("source", &self.source)
                        .field("source-inside", &self.source_inside)
                        .field("intra-mmse", &self.intra_mmse)
                        .field("received-at", &self.received_at)
                        .field("size", &self.size)
                        .finish()
                }
            }
            /// A request that the relay remembers.
            #[derive(Clone, PartialEq)]
            pub struct Request {
                pub message_type: MessageType,
                /// As received, quotes included.
                pub message_id: _rt::String,
                /// As received from the peer that asked; it may have been asked onward with another one.
                pub transaction_id: _rt::String,
                /// The configured name of the peer that asked.
                pub source: _rt::String,
            }
            impl ::core::fmt::Debug for Request {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Request")
                        .field("message-type", &self.message_type)
                        .field("message-id", &self.message_id)
                        .field("transaction-id", &self.transaction_id)
                        .field("source", &self.source)
                        .finish()
                }
            }
            /// The relay's own refusal of a message, as a response to it says it.
            #[derive(Clone, PartialEq)]
            pub struct LateRefusal {
                /// `X-Mms-Request-Status-Code`: `Error-service-denied`, ...
                pub status: _rt::String,
                /// `X-Mms-Status-Text`. At most 512 octets; `none` where the sender learns the status alone.
                pub text: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for LateRefusal {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("LateRefusal")
                        .field("status", &self.status)
                        .field("text", &self.text)
                        .finish()
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Costs nothing worth mentioning; call it as often as you like.
            #[allow(async_fn_in_trait)]
            pub fn current() -> Summary {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::current();
                unsafe {
                    #[repr(align(8))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 16 + 8 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 16
                            + 8 * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "current"]
                        fn wit_import1(_: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(ptr0);
                    let l2 = i32::from(*ptr0.add(0).cast::<u8>());
                    let l3 = *ptr0
                        .add(::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>();
                    let l4 = *ptr0
                        .add(2 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len5 = l4;
                    let bytes5 = _rt::Vec::from_raw_parts(l3.cast(), len5, len5);
                    let l6 = *ptr0
                        .add(3 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>();
                    let l7 = *ptr0
                        .add(4 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len8 = l7;
                    let bytes8 = _rt::Vec::from_raw_parts(l6.cast(), len8, len8);
                    let l9 = *ptr0
                        .add(5 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>();
                    let l10 = *ptr0
                        .add(6 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len11 = l10;
                    let bytes11 = _rt::Vec::from_raw_parts(l9.cast(), len11, len11);
                    let l12 = i32::from(
                        *ptr0.add(7 * ::core::mem::size_of::<*const u8>()).cast::<u8>(),
                    );
                    let l13 = i32::from(
                        *ptr0
                            .add(1 + 7 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>(),
                    );
                    let l14 = *ptr0
                        .add(8 * ::core::mem::size_of::<*const u8>())
                        .cast::<i64>();
                    let l15 = *ptr0
                        .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                        .cast::<i64>();
                    let result16 = Summary {
                        message_type: super::super::super::mm4::filter::types::MessageType::_lift(
                            l2 as u8,
                        ),
                        message_id: _rt::string_lift(bytes5),
                        transaction_id: _rt::string_lift(bytes8),
                        source: _rt::string_lift(bytes11),
                        source_inside: _rt::bool_lift(l12 as u8),
                        intra_mmse: _rt::bool_lift(l13 as u8),
                        received_at: l14 as u64,
                        size: l15 as u64,
                    };
                    result16
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// The envelope sender. `none` is the null sender `<>`.
            #[allow(async_fn_in_trait)]
            pub fn originator() -> ::core::option::Option<Address> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::originator();
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 12 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 12
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "originator"]
                        fn wit_import1(_: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(ptr0);
                    let l2 = i32::from(*ptr0.add(0).cast::<u8>());
                    let result18 = match l2 {
                        0 => None,
                        1 => {
                            let e = {
                                let l3 = *ptr0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l4 = *ptr0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len5 = l4;
                                let bytes5 = _rt::Vec::from_raw_parts(
                                    l3.cast(),
                                    len5,
                                    len5,
                                );
                                let l6 = i32::from(
                                    *ptr0
                                        .add(3 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>(),
                                );
                                let l7 = *ptr0
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l8 = *ptr0
                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len9 = l8;
                                let bytes9 = _rt::Vec::from_raw_parts(
                                    l7.cast(),
                                    len9,
                                    len9,
                                );
                                let l10 = i32::from(
                                    *ptr0
                                        .add(6 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>(),
                                );
                                let l14 = i32::from(
                                    *ptr0
                                        .add(9 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>(),
                                );
                                super::super::super::mm4::filter::types::Address {
                                    text: _rt::string_lift(bytes5),
                                    kind: super::super::super::mm4::filter::types::AddressKind::_lift(
                                        l6 as u8,
                                    ),
                                    user: _rt::string_lift(bytes9),
                                    address_type: match l10 {
                                        0 => None,
                                        1 => {
                                            let e = {
                                                let l11 = *ptr0
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l12 = *ptr0
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len13 = l12;
                                                let bytes13 = _rt::Vec::from_raw_parts(
                                                    l11.cast(),
                                                    len13,
                                                    len13,
                                                );
                                                _rt::string_lift(bytes13)
                                            };
                                            Some(e)
                                        }
                                        _ => _rt::invalid_enum_discriminant(),
                                    },
                                    domain: match l14 {
                                        0 => None,
                                        1 => {
                                            let e = {
                                                let l15 = *ptr0
                                                    .add(10 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l16 = *ptr0
                                                    .add(11 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len17 = l16;
                                                let bytes17 = _rt::Vec::from_raw_parts(
                                                    l15.cast(),
                                                    len17,
                                                    len17,
                                                );
                                                _rt::string_lift(bytes17)
                                            };
                                            Some(e)
                                        }
                                        _ => _rt::invalid_enum_discriminant(),
                                    },
                                }
                            };
                            Some(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result18
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// The envelope recipients: on `arrival` all of them, on `departure` those of this destination, on `outcome` those
            /// whose fate it is.
            #[allow(async_fn_in_trait)]
            pub fn recipients() -> _rt::Vec<Recipient> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::recipients();
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 2 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 2
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "recipients"]
                        fn wit_import1(_: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(ptr0);
                    let l2 = *ptr0.add(0).cast::<*mut u8>();
                    let l3 = *ptr0
                        .add(::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let base20 = l2;
                    let len20 = l3;
                    let mut result20 = _rt::Vec::with_capacity(len20);
                    for i in 0..len20 {
                        let base = base20
                            .add(i * (12 * ::core::mem::size_of::<*const u8>()));
                        let e20 = {
                            let l4 = *base.add(0).cast::<i32>();
                            let l5 = *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>();
                            let l6 = *base
                                .add(2 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let len7 = l6;
                            let bytes7 = _rt::Vec::from_raw_parts(l5.cast(), len7, len7);
                            let l8 = i32::from(
                                *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>(),
                            );
                            let l9 = *base
                                .add(4 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>();
                            let l10 = *base
                                .add(5 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let len11 = l10;
                            let bytes11 = _rt::Vec::from_raw_parts(
                                l9.cast(),
                                len11,
                                len11,
                            );
                            let l12 = i32::from(
                                *base
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>(),
                            );
                            let l16 = i32::from(
                                *base
                                    .add(9 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>(),
                            );
                            super::super::super::mm4::filter::types::Recipient {
                                id: l4 as u32,
                                address: super::super::super::mm4::filter::types::Address {
                                    text: _rt::string_lift(bytes7),
                                    kind: super::super::super::mm4::filter::types::AddressKind::_lift(
                                        l8 as u8,
                                    ),
                                    user: _rt::string_lift(bytes11),
                                    address_type: match l12 {
                                        0 => None,
                                        1 => {
                                            let e = {
                                                let l13 = *base
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l14 = *base
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len15 = l14;
                                                let bytes15 = _rt::Vec::from_raw_parts(
                                                    l13.cast(),
                                                    len15,
                                                    len15,
                                                );
                                                _rt::string_lift(bytes15)
                                            };
                                            Some(e)
                                        }
                                        _ => _rt::invalid_enum_discriminant(),
                                    },
                                    domain: match l16 {
                                        0 => None,
                                        1 => {
                                            let e = {
                                                let l17 = *base
                                                    .add(10 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l18 = *base
                                                    .add(11 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len19 = l18;
                                                let bytes19 = _rt::Vec::from_raw_parts(
                                                    l17.cast(),
                                                    len19,
                                                    len19,
                                                );
                                                _rt::string_lift(bytes19)
                                            };
                                            Some(e)
                                        }
                                        _ => _rt::invalid_enum_discriminant(),
                                    },
                                },
                            }
                        };
                        result20.push(e20);
                    }
                    _rt::cabi_dealloc(
                        base20,
                        len20 * (12 * ::core::mem::size_of::<*const u8>()),
                        ::core::mem::size_of::<*const u8>(),
                    );
                    let result21 = result20;
                    result21
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// The value of the first field of that name, compared without regard to case; unfolded, as in `header-field`.
            #[allow(async_fn_in_trait)]
            pub fn header(name: &str) -> ::core::option::Option<_rt::String> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::header(name);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 3 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 3
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "header"]
                        fn wit_import2(_: *mut u8, _: usize, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(_: *mut u8, _: usize, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result7 = match l3 {
                        0 => None,
                        1 => {
                            let e = {
                                let l4 = *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l5 = *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len6 = l5;
                                let bytes6 = _rt::Vec::from_raw_parts(
                                    l4.cast(),
                                    len6,
                                    len6,
                                );
                                _rt::string_lift(bytes6)
                            };
                            Some(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result7
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// All fields of the message's header, in order.
            #[allow(async_fn_in_trait)]
            pub fn headers() -> _rt::Vec<HeaderField> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::headers();
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 2 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 2
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "headers"]
                        fn wit_import1(_: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(ptr0);
                    let l2 = *ptr0.add(0).cast::<*mut u8>();
                    let l3 = *ptr0
                        .add(::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let base10 = l2;
                    let len10 = l3;
                    let mut result10 = _rt::Vec::with_capacity(len10);
                    for i in 0..len10 {
                        let base = base10
                            .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                        let e10 = {
                            let l4 = *base.add(0).cast::<*mut u8>();
                            let l5 = *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let len6 = l5;
                            let bytes6 = _rt::Vec::from_raw_parts(l4.cast(), len6, len6);
                            let l7 = *base
                                .add(2 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>();
                            let l8 = *base
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let len9 = l8;
                            let bytes9 = _rt::Vec::from_raw_parts(l7.cast(), len9, len9);
                            super::super::super::mm4::filter::types::HeaderField {
                                name: _rt::string_lift(bytes6),
                                value: _rt::string_lift(bytes9),
                            }
                        };
                        result10.push(e10);
                    }
                    _rt::cabi_dealloc(
                        base10,
                        len10 * (4 * ::core::mem::size_of::<*const u8>()),
                        ::core::mem::size_of::<*const u8>(),
                    );
                    let result11 = result10;
                    result11
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// What the message says in the field of that name (TS 23.140, 8.4.4), as the relay itself reads it; `none` when it
            /// says nothing. Use this for decisions, and `header` for what stands there.
            ///
            /// - The first field of that name counts which is not empty; without one, another name that peers give the field:
            ///   `X-Mms-Read-Report` for `X-Mms-Read-Reply`. The table of names is in docs/mm4.md.
            /// - A value of one of the standard's lists is returned in the standard's spelling, however it was spelled: `Yes` for
            ///   `"yes "`, `Error-service-denied` for `Error- service-denied`, `MM4_forward.REQ` for `"mm4_forward.req"`.
            /// - Identifiers and the version are returned without the blanks and quotes around them, every other value as
            ///   received.
            ///
            /// Younger than the rest of this interface: a plug-in that calls it does not load into a relay without it.
            #[allow(async_fn_in_trait)]
            pub fn field(name: &str) -> ::core::option::Option<_rt::String> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::field(name);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 3 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 3
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "field"]
                        fn wit_import2(_: *mut u8, _: usize, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(_: *mut u8, _: usize, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result7 = match l3 {
                        0 => None,
                        1 => {
                            let e = {
                                let l4 = *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l5 = *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len6 = l5;
                                let bytes6 = _rt::Vec::from_raw_parts(
                                    l4.cast(),
                                    len6,
                                    len6,
                                );
                                _rt::string_lift(bytes6)
                            };
                            Some(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result7
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Of a response: the request that it answers. Some peers put a message ID of their own into a response, or none. `none`
            /// for every other message, for a response to nothing that is known, and for one that the relay wrote itself.
            ///
            /// As young as `field`.
            #[allow(async_fn_in_trait)]
            pub fn answered() -> ::core::option::Option<Request> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::answered();
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 8 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 8
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "answered"]
                        fn wit_import1(_: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(ptr0);
                    let l2 = i32::from(*ptr0.add(0).cast::<u8>());
                    let result13 = match l2 {
                        0 => None,
                        1 => {
                            let e = {
                                let l3 = i32::from(
                                    *ptr0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                let l4 = *ptr0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l5 = *ptr0
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len6 = l5;
                                let bytes6 = _rt::Vec::from_raw_parts(
                                    l4.cast(),
                                    len6,
                                    len6,
                                );
                                let l7 = *ptr0
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l8 = *ptr0
                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len9 = l8;
                                let bytes9 = _rt::Vec::from_raw_parts(
                                    l7.cast(),
                                    len9,
                                    len9,
                                );
                                let l10 = *ptr0
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l11 = *ptr0
                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len12 = l11;
                                let bytes12 = _rt::Vec::from_raw_parts(
                                    l10.cast(),
                                    len12,
                                    len12,
                                );
                                Request {
                                    message_type: super::super::super::mm4::filter::types::MessageType::_lift(
                                        l3 as u8,
                                    ),
                                    message_id: _rt::string_lift(bytes6),
                                    transaction_id: _rt::string_lift(bytes9),
                                    source: _rt::string_lift(bytes12),
                                }
                            };
                            Some(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result13
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// On an `outcome` that is `failed`: that it is about a message which the relay refused as a whole after its sender
            /// had heard `250`, and what the refusal says. The message's plug-ins took longer than the sender waits, or it was held
            /// and released; then a plug-in, or routing, would not have it. Whatever was asked for on its `arrival` is dropped, as
            /// for every message that is refused: what is to be recorded of its arrival is recorded now. A message is refused so
            /// at most once, unless an operator retries it. `none` for every other message.
            ///
            /// Younger than `field`: a plug-in that calls it does not load into a relay without it.
            #[allow(async_fn_in_trait)]
            pub fn refused_late() -> ::core::option::Option<LateRefusal> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::refused_late();
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 6 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 6
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "refused-late"]
                        fn wit_import1(_: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(ptr0);
                    let l2 = i32::from(*ptr0.add(0).cast::<u8>());
                    let result10 = match l2 {
                        0 => None,
                        1 => {
                            let e = {
                                let l3 = *ptr0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l4 = *ptr0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len5 = l4;
                                let bytes5 = _rt::Vec::from_raw_parts(
                                    l3.cast(),
                                    len5,
                                    len5,
                                );
                                let l6 = i32::from(
                                    *ptr0
                                        .add(3 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>(),
                                );
                                LateRefusal {
                                    status: _rt::string_lift(bytes5),
                                    text: match l6 {
                                        0 => None,
                                        1 => {
                                            let e = {
                                                let l7 = *ptr0
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l8 = *ptr0
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len9 = l8;
                                                let bytes9 = _rt::Vec::from_raw_parts(
                                                    l7.cast(),
                                                    len9,
                                                    len9,
                                                );
                                                _rt::string_lift(bytes9)
                                            };
                                            Some(e)
                                        }
                                        _ => _rt::invalid_enum_discriminant(),
                                    },
                                }
                            };
                            Some(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result10
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// The leaves of the MIME structure, in order. Empty on `outcome`.
            #[allow(async_fn_in_trait)]
            pub fn parts() -> _rt::Vec<Part> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::parts();
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 2 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 2
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "parts"]
                        fn wit_import1(_: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(ptr0);
                    let l2 = *ptr0.add(0).cast::<*mut u8>();
                    let l3 = *ptr0
                        .add(::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let base21 = l2;
                    let len21 = l3;
                    let mut result21 = _rt::Vec::with_capacity(len21);
                    for i in 0..len21 {
                        let base = base21
                            .add(i * (8 + 12 * ::core::mem::size_of::<*const u8>()));
                        let e21 = {
                            let l4 = *base.add(0).cast::<i32>();
                            let l5 = *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>();
                            let l6 = *base
                                .add(2 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>();
                            let len7 = l6;
                            let bytes7 = _rt::Vec::from_raw_parts(l5.cast(), len7, len7);
                            let l8 = i32::from(
                                *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>(),
                            );
                            let l12 = i32::from(
                                *base
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>(),
                            );
                            let l16 = i32::from(
                                *base
                                    .add(9 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>(),
                            );
                            let l20 = *base
                                .add(12 * ::core::mem::size_of::<*const u8>())
                                .cast::<i64>();
                            super::super::super::mm4::filter::types::Part {
                                id: l4 as u32,
                                media_type: _rt::string_lift(bytes7),
                                name: match l8 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let l9 = *base
                                                .add(4 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l10 = *base
                                                .add(5 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len11 = l10;
                                            let bytes11 = _rt::Vec::from_raw_parts(
                                                l9.cast(),
                                                len11,
                                                len11,
                                            );
                                            _rt::string_lift(bytes11)
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                },
                                content_id: match l12 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let l13 = *base
                                                .add(7 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l14 = *base
                                                .add(8 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len15 = l14;
                                            let bytes15 = _rt::Vec::from_raw_parts(
                                                l13.cast(),
                                                len15,
                                                len15,
                                            );
                                            _rt::string_lift(bytes15)
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                },
                                content_location: match l16 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let l17 = *base
                                                .add(10 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l18 = *base
                                                .add(11 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len19 = l18;
                                            let bytes19 = _rt::Vec::from_raw_parts(
                                                l17.cast(),
                                                len19,
                                                len19,
                                            );
                                            _rt::string_lift(bytes19)
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                },
                                encoded_size: l20 as u64,
                            }
                        };
                        result21.push(e21);
                    }
                    _rt::cabi_dealloc(
                        base21,
                        len21 * (8 + 12 * ::core::mem::size_of::<*const u8>()),
                        8,
                    );
                    let result22 = result21;
                    result22
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// At most `max` octets of a part's decoded body, from `offset` on. Fewer octets than `max` means that the part
            /// ends there; at or behind the end the list is empty. `max` is cut to 1 MiB. A body that nobody reads is never
            /// decoded and never copied. `invalid`: no such part, or the body cannot be read or decoded.
            #[allow(async_fn_in_trait)]
            pub fn read_part(
                id: u32,
                offset: u64,
                max: u32,
            ) -> ::core::result::Result<_rt::Vec<u8>, Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::read_part(id, offset, max);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "read-part"]
                        fn wit_import1(_: i32, _: i64, _: i32, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(
                        _: i32,
                        _: i64,
                        _: i32,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import1(
                        _rt::as_i32(&id),
                        _rt::as_i64(&offset),
                        _rt::as_i32(&max),
                        ptr0,
                    );
                    let l2 = i32::from(*ptr0.add(0).cast::<u8>());
                    let result17 = match l2 {
                        0 => {
                            let e = {
                                let l3 = *ptr0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l4 = *ptr0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len5 = l4;
                                <_ as From<
                                    _rt::Vec<_>,
                                >>::from(_rt::Vec::from_raw_parts(l3.cast(), len5, len5))
                            };
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l6 = i32::from(
                                    *ptr0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V16;
                                let v16 = match l6 {
                                    0 => {
                                        let e16 = {
                                            let l7 = *ptr0
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l8 = *ptr0
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len9 = l8;
                                            let bytes9 = _rt::Vec::from_raw_parts(
                                                l7.cast(),
                                                len9,
                                                len9,
                                            );
                                            _rt::string_lift(bytes9)
                                        };
                                        V16::Invalid(e16)
                                    }
                                    1 => {
                                        let e16 = {
                                            let l10 = *ptr0
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l11 = *ptr0
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len12 = l11;
                                            let bytes12 = _rt::Vec::from_raw_parts(
                                                l10.cast(),
                                                len12,
                                                len12,
                                            );
                                            _rt::string_lift(bytes12)
                                        };
                                        V16::Unavailable(e16)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e16 = {
                                            let l13 = *ptr0
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l14 = *ptr0
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len15 = l14;
                                            let bytes15 = _rt::Vec::from_raw_parts(
                                                l13.cast(),
                                                len15,
                                                len15,
                                            );
                                            _rt::string_lift(bytes15)
                                        };
                                        V16::Limit(e16)
                                    }
                                };
                                v16
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result17
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// The value of the first field of that name in a part's own header, as in `header`: a text says its charset in
            /// `Content-Type`. Of a message that is not multipart, the fields are those of the message. `invalid`: no such part, or
            /// its header cannot be read.
            ///
            /// As young as `field`.
            #[allow(async_fn_in_trait)]
            pub fn part_header(
                id: u32,
                name: &str,
            ) -> ::core::result::Result<::core::option::Option<_rt::String>, Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::part_header(id, name);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "part-header"]
                        fn wit_import2(_: i32, _: *mut u8, _: usize, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import2(_rt::as_i32(&id), ptr0.cast_mut(), len0, ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result19 = match l3 {
                        0 => {
                            let e = {
                                let l4 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l4 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let l5 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l6 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len7 = l6;
                                            let bytes7 = _rt::Vec::from_raw_parts(
                                                l5.cast(),
                                                len7,
                                                len7,
                                            );
                                            _rt::string_lift(bytes7)
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                }
                            };
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l8 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V18;
                                let v18 = match l8 {
                                    0 => {
                                        let e18 = {
                                            let l9 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l10 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len11 = l10;
                                            let bytes11 = _rt::Vec::from_raw_parts(
                                                l9.cast(),
                                                len11,
                                                len11,
                                            );
                                            _rt::string_lift(bytes11)
                                        };
                                        V18::Invalid(e18)
                                    }
                                    1 => {
                                        let e18 = {
                                            let l12 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l13 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len14 = l13;
                                            let bytes14 = _rt::Vec::from_raw_parts(
                                                l12.cast(),
                                                len14,
                                                len14,
                                            );
                                            _rt::string_lift(bytes14)
                                        };
                                        V18::Unavailable(e18)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e18 = {
                                            let l15 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l16 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len17 = l16;
                                            let bytes17 = _rt::Vec::from_raw_parts(
                                                l15.cast(),
                                                len17,
                                                len17,
                                            );
                                            _rt::string_lift(bytes17)
                                        };
                                        V18::Limit(e18)
                                    }
                                };
                                v18
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result19
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Milliseconds of wall time that this call still has, of `time` and `time-per-mib`; waiting for a turn does not
            /// count. For work whose cost can be told before it begins: what cannot be finished is better not begun, because a
            /// call that runs out of time fails, and `on-failure` decides without the plug-in. `plugin test` and `plugin replay`
            /// count instructions, and always answer with the whole budget, so that their results do not depend on the machine.
            #[allow(async_fn_in_trait)]
            pub fn time_left() -> u64 {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::message::time_left();
                unsafe {
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/message@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "time-left"]
                        fn wit_import0() -> i64;
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import0() -> i64 {
                        unreachable!()
                    }
                    let ret = wit_import0();
                    ret as u64
                }
            }
        }
        /// The plug-in's `settings` from the configuration, as JSON (UTF-8). Always granted.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod config {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            #[allow(unused_unsafe, clippy::all)]
            /// Size of the settings in octets. `{}` when there are none, so never less than 2.
            #[allow(async_fn_in_trait)]
            pub fn size() -> u64 {
                #[cfg(not(target_family = "wasm"))] return crate::native::config::size();
                unsafe {
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/config@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "size"]
                        fn wit_import0() -> i64;
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import0() -> i64 {
                        unreachable!()
                    }
                    let ret = wit_import0();
                    ret as u64
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// At most `max` octets from `offset` on; `max` is cut to 1 MiB.
            #[allow(async_fn_in_trait)]
            pub fn read(offset: u64, max: u32) -> _rt::Vec<u8> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::config::read(offset, max);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 2 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 2
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/config@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "read"]
                        fn wit_import1(_: i64, _: i32, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: i64, _: i32, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(_rt::as_i64(&offset), _rt::as_i32(&max), ptr0);
                    let l2 = *ptr0.add(0).cast::<*mut u8>();
                    let l3 = *ptr0
                        .add(::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len4 = l3;
                    let result5 = <_ as From<
                        _rt::Vec<_>,
                    >>::from(_rt::Vec::from_raw_parts(l2.cast(), len4, len4));
                    result5
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Whether the configuration grants that, by the word that stands there: `numbering`; or any of that: `edit.headers`.
            /// `false` for a word that is no grant.
            ///
            /// A component that imports this function can do without grants that its settings do not need: it loads without them,
            /// asks in `configure`, and refuses settings that need what is not there. Calling a function of an interface that is
            /// not granted ends the call. A component that does not import it loads only with every grant that it imports.
            ///
            /// Younger than the rest of this interface: a plug-in that calls it does not load into a relay without it.
            #[allow(async_fn_in_trait)]
            pub fn granted(grant: &str) -> bool {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::config::granted(grant);
                unsafe {
                    let vec0 = grant;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/config@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "granted"]
                        fn wit_import1(_: *mut u8, _: usize) -> i32;
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8, _: usize) -> i32 {
                        unreachable!()
                    }
                    let ret = wit_import1(ptr0.cast_mut(), len0);
                    _rt::bool_lift(ret as u8)
                }
            }
        }
        /// Look-up tables that the host holds: named in the configuration, millions of rows for any language, reloaded while
        /// traffic flows (SIGHUP). A call sees one generation of each table from its first look-up to its last; the next call
        /// for the same message may see a newer one. In `configure` they can be asked too: a reload configures every plug-in
        /// anew.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod tables {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Fault = super::super::super::mm4::filter::types::Fault;
            #[allow(unused_unsafe, clippy::all)]
            /// The value for exactly this key. `invalid`: no table of that name is configured.
            #[allow(async_fn_in_trait)]
            pub fn lookup(
                table: &str,
                key: &str,
            ) -> ::core::result::Result<::core::option::Option<_rt::String>, Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::tables::lookup(table, key);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = table;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let vec1 = key;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let ptr2 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/tables@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "lookup"]
                        fn wit_import3(
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import3(
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import3(ptr0.cast_mut(), len0, ptr1.cast_mut(), len1, ptr2);
                    let l4 = i32::from(*ptr2.add(0).cast::<u8>());
                    let result20 = match l4 {
                        0 => {
                            let e = {
                                let l5 = i32::from(
                                    *ptr2.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l5 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let l6 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l7 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len8 = l7;
                                            let bytes8 = _rt::Vec::from_raw_parts(
                                                l6.cast(),
                                                len8,
                                                len8,
                                            );
                                            _rt::string_lift(bytes8)
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                }
                            };
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l9 = i32::from(
                                    *ptr2.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V19;
                                let v19 = match l9 {
                                    0 => {
                                        let e19 = {
                                            let l10 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l11 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len12 = l11;
                                            let bytes12 = _rt::Vec::from_raw_parts(
                                                l10.cast(),
                                                len12,
                                                len12,
                                            );
                                            _rt::string_lift(bytes12)
                                        };
                                        V19::Invalid(e19)
                                    }
                                    1 => {
                                        let e19 = {
                                            let l13 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l14 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len15 = l14;
                                            let bytes15 = _rt::Vec::from_raw_parts(
                                                l13.cast(),
                                                len15,
                                                len15,
                                            );
                                            _rt::string_lift(bytes15)
                                        };
                                        V19::Unavailable(e19)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e19 = {
                                            let l16 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l17 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len18 = l17;
                                            let bytes18 = _rt::Vec::from_raw_parts(
                                                l16.cast(),
                                                len18,
                                                len18,
                                            );
                                            _rt::string_lift(bytes18)
                                        };
                                        V19::Limit(e19)
                                    }
                                };
                                v19
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result20
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// The row whose key is the longest beginning of `text`. Errors as above.
            #[allow(async_fn_in_trait)]
            pub fn lookup_prefix(
                table: &str,
                text: &str,
            ) -> ::core::result::Result<
                ::core::option::Option<(_rt::String, _rt::String)>,
                Fault,
            > {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::tables::lookup_prefix(table, text);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 6 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 6
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = table;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let vec1 = text;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let ptr2 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/tables@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "lookup-prefix"]
                        fn wit_import3(
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import3(
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import3(ptr0.cast_mut(), len0, ptr1.cast_mut(), len1, ptr2);
                    let l4 = i32::from(*ptr2.add(0).cast::<u8>());
                    let result23 = match l4 {
                        0 => {
                            let e = {
                                let l5 = i32::from(
                                    *ptr2.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l5 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let l6 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l7 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len8 = l7;
                                            let bytes8 = _rt::Vec::from_raw_parts(
                                                l6.cast(),
                                                len8,
                                                len8,
                                            );
                                            let l9 = *ptr2
                                                .add(4 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l10 = *ptr2
                                                .add(5 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len11 = l10;
                                            let bytes11 = _rt::Vec::from_raw_parts(
                                                l9.cast(),
                                                len11,
                                                len11,
                                            );
                                            (_rt::string_lift(bytes8), _rt::string_lift(bytes11))
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                }
                            };
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l12 = i32::from(
                                    *ptr2.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V22;
                                let v22 = match l12 {
                                    0 => {
                                        let e22 = {
                                            let l13 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l14 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len15 = l14;
                                            let bytes15 = _rt::Vec::from_raw_parts(
                                                l13.cast(),
                                                len15,
                                                len15,
                                            );
                                            _rt::string_lift(bytes15)
                                        };
                                        V22::Invalid(e22)
                                    }
                                    1 => {
                                        let e22 = {
                                            let l16 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l17 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len18 = l17;
                                            let bytes18 = _rt::Vec::from_raw_parts(
                                                l16.cast(),
                                                len18,
                                                len18,
                                            );
                                            _rt::string_lift(bytes18)
                                        };
                                        V22::Unavailable(e22)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e22 = {
                                            let l19 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l20 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len21 = l20;
                                            let bytes21 = _rt::Vec::from_raw_parts(
                                                l19.cast(),
                                                len21,
                                                len21,
                                            );
                                            _rt::string_lift(bytes21)
                                        };
                                        V22::Limit(e22)
                                    }
                                };
                                v22
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result23
                }
            }
        }
        /// Lines in the relay's log, with the plug-in's name and the message's id added.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod log {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum Level {
                Debug,
                Info,
                Warn,
                Error,
            }
            impl ::core::fmt::Debug for Level {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Level::Debug => f.debug_tuple("Level::Debug").finish(),
                        Level::Info => f.debug_tuple("Level::Info").finish(),
                        Level::Warn => f.debug_tuple("Level::Warn").finish(),
                        Level::Error => f.debug_tuple("Level::Error").finish(),
                    }
                }
            }
            impl Level {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> Level {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => Level::Debug,
                        1 => Level::Info,
                        2 => Level::Warn,
                        3 => Level::Error,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Each line is cut to 1,024 octets; control characters are escaped; lines past the limit `log-lines` of a call are
            /// counted and dropped, and the count is logged. In `configure` too; then there is no message's id. Numbers in the
            /// text are not masked by the relay: do not log addresses whole.
            #[allow(async_fn_in_trait)]
            pub fn write(level: Level, text: &str) -> () {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::log::write(level, text);
                unsafe {
                    let vec0 = text;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/log@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "write"]
                        fn wit_import1(_: i32, _: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: i32, _: *mut u8, _: usize) {
                        unreachable!()
                    }
                    wit_import1(level.clone() as i32, ptr0.cast_mut(), len0);
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Names a rule of the plug-in's settings. In `configure`: there is such a rule. In `process`: it had a part in what
            /// this call returns. `trace`, recordings and sample cases show the rules of a call in the order in which they were
            /// named, each once; `plugin test` says of each rule which cases it had a part in, and names those that had none.
            ///
            /// Names are cut to 128 octets, and control characters in them escaped; of more than 1,000 in one call (10,000 in
            /// `configure`) the first count. A rule of a call that fails is dropped with it.
            ///
            /// Younger than the rest of this interface: a plug-in that calls it does not load into a relay without it.
            #[allow(async_fn_in_trait)]
            pub fn rule(name: &str) -> () {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::log::rule(name);
                unsafe {
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/log@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "rule"]
                        fn wit_import1(_: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8, _: usize) {
                        unreachable!()
                    }
                    wit_import1(ptr0.cast_mut(), len0);
                }
            }
        }
        /// Time. Without this grant the clocks of WASI stand still at 1970-01-01, and so do those of a language's standard
        /// library.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod clock {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            #[allow(unused_unsafe, clippy::all)]
            /// Milliseconds since 1970-01-01 UTC. In `configure`: when the plug-in was loaded.
            #[allow(async_fn_in_trait)]
            pub fn now() -> u64 {
                #[cfg(not(target_family = "wasm"))] return crate::native::clock::now();
                unsafe {
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/clock@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "now"]
                        fn wit_import0() -> i64;
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import0() -> i64 {
                        unreachable!()
                    }
                    let ret = wit_import0();
                    ret as u64
                }
            }
        }
        /// Random numbers that nobody can foresee, others in every call. For `process` only: calling it in `configure` fails the
        /// load, because the snapshot would repeat them in every call.
        ///
        /// Without this grant the random numbers of WASI, and with them those of a language's standard library, are one fixed
        /// sequence, the same in every call. With it they are as good as these; what was drawn in `configure`, a generator's
        /// seed for instance, is then part of the snapshot, secret, and still the same in every call.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod random {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            #[allow(unused_unsafe, clippy::all)]
            /// 64 random bits.
            #[allow(async_fn_in_trait)]
            pub fn number() -> u64 {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::random::number();
                unsafe {
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/random@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "number"]
                        fn wit_import0() -> i64;
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import0() -> i64 {
                        unreachable!()
                    }
                    let ret = wit_import0();
                    ret as u64
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// `count` random octets; `count` is cut to 64 KiB.
            #[allow(async_fn_in_trait)]
            pub fn bytes(count: u32) -> _rt::Vec<u8> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::random::bytes(count);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 2 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 2
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/random@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "bytes"]
                        fn wit_import1(_: i32, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: i32, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(_rt::as_i32(&count), ptr0);
                    let l2 = *ptr0.add(0).cast::<*mut u8>();
                    let l3 = *ptr0
                        .add(::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len4 = l3;
                    let result5 = <_ as From<
                        _rt::Vec<_>,
                    >>::from(_rt::Vec::from_raw_parts(l2.cast(), len4, len4));
                    result5
                }
            }
        }
        /// Counters and histograms of the plug-in's own, among those of the relay and labelled with the plug-in's name and
        /// version. They are in memory, begin at 0 with each version, and count a call when it has succeeded, whatever becomes
        /// of the message afterwards. For `process` only: calling it in `configure` fails the load.
        ///
        /// Names: 1 to 64 octets of `a` to `z`, `0` to `9` and `_`, beginning with a letter, without five digits in a row: a
        /// telephone number is no name. There are no labels; put what you would tell apart into few fixed names. `invalid`: an
        /// illegal name, or one that is used for a counter and for a histogram. `limit`: more different names than `metrics`
        /// (100 by default) since this version was loaded.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod metrics {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Fault = super::super::super::mm4::filter::types::Fault;
            #[allow(unused_unsafe, clippy::all)]
            /// Adds to a counter.
            #[allow(async_fn_in_trait)]
            pub fn count(name: &str, by: u64) -> ::core::result::Result<(), Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::metrics::count(name, by);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/metrics@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "count"]
                        fn wit_import2(_: *mut u8, _: usize, _: i64, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(
                        _: *mut u8,
                        _: usize,
                        _: i64,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, _rt::as_i64(&by), ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result15 = match l3 {
                        0 => {
                            let e = ();
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l4 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V14;
                                let v14 = match l4 {
                                    0 => {
                                        let e14 = {
                                            let l5 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l6 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len7 = l6;
                                            let bytes7 = _rt::Vec::from_raw_parts(
                                                l5.cast(),
                                                len7,
                                                len7,
                                            );
                                            _rt::string_lift(bytes7)
                                        };
                                        V14::Invalid(e14)
                                    }
                                    1 => {
                                        let e14 = {
                                            let l8 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l9 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len10 = l9;
                                            let bytes10 = _rt::Vec::from_raw_parts(
                                                l8.cast(),
                                                len10,
                                                len10,
                                            );
                                            _rt::string_lift(bytes10)
                                        };
                                        V14::Unavailable(e14)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e14 = {
                                            let l11 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l12 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len13 = l12;
                                            let bytes13 = _rt::Vec::from_raw_parts(
                                                l11.cast(),
                                                len13,
                                                len13,
                                            );
                                            _rt::string_lift(bytes13)
                                        };
                                        V14::Limit(e14)
                                    }
                                };
                                v14
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result15
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Puts a value into a histogram; its buckets end at 1, 2 and 5 times each power of ten from 0.001 to 1,000,000.
            /// `invalid`: not a finite number. `limit`: more than 1,000 values in one call.
            #[allow(async_fn_in_trait)]
            pub fn observe(name: &str, value: f64) -> ::core::result::Result<(), Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::metrics::observe(name, value);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/metrics@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "observe"]
                        fn wit_import2(_: *mut u8, _: usize, _: f64, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(
                        _: *mut u8,
                        _: usize,
                        _: f64,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, _rt::as_f64(&value), ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result15 = match l3 {
                        0 => {
                            let e = ();
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l4 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V14;
                                let v14 = match l4 {
                                    0 => {
                                        let e14 = {
                                            let l5 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l6 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len7 = l6;
                                            let bytes7 = _rt::Vec::from_raw_parts(
                                                l5.cast(),
                                                len7,
                                                len7,
                                            );
                                            _rt::string_lift(bytes7)
                                        };
                                        V14::Invalid(e14)
                                    }
                                    1 => {
                                        let e14 = {
                                            let l8 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l9 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len10 = l9;
                                            let bytes10 = _rt::Vec::from_raw_parts(
                                                l8.cast(),
                                                len10,
                                                len10,
                                            );
                                            _rt::string_lift(bytes10)
                                        };
                                        V14::Unavailable(e14)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e14 = {
                                            let l11 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l12 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len13 = l12;
                                            let bytes13 = _rt::Vec::from_raw_parts(
                                                l11.cast(),
                                                len13,
                                                len13,
                                            );
                                            _rt::string_lift(bytes13)
                                        };
                                        V14::Limit(e14)
                                    }
                                };
                                v14
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result15
                }
            }
        }
        /// Small durable values, one namespace per plug-in (its `name` in the configuration). Writes are kept when the message
        /// is accepted, or the outcome recorded, in the same commit, and dropped otherwise. Reads see what is committed, and
        /// this call's own writes; not those of other calls for the same message, which are not committed yet. For `process`
        /// only: calling it in `configure` fails the load.
        ///
        /// Keys: 1 to 256 octets, `invalid` otherwise. `limit`: all keys and values written in this call exceed `kv` (default
        /// 1 MiB). `unavailable`: the store did not answer.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod kv {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Fault = super::super::super::mm4::filter::types::Fault;
            #[allow(unused_unsafe, clippy::all)]
            /// The value, or `none`.
            #[allow(async_fn_in_trait)]
            pub fn get(
                key: &str,
            ) -> ::core::result::Result<::core::option::Option<_rt::Vec<u8>>, Fault> {
                #[cfg(not(target_family = "wasm"))] return crate::native::kv::get(key);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = key;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/kv@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "get"]
                        fn wit_import2(_: *mut u8, _: usize, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(_: *mut u8, _: usize, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result19 = match l3 {
                        0 => {
                            let e = {
                                let l4 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l4 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let l5 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l6 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len7 = l6;
                                            <_ as From<
                                                _rt::Vec<_>,
                                            >>::from(_rt::Vec::from_raw_parts(l5.cast(), len7, len7))
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                }
                            };
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l8 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V18;
                                let v18 = match l8 {
                                    0 => {
                                        let e18 = {
                                            let l9 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l10 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len11 = l10;
                                            let bytes11 = _rt::Vec::from_raw_parts(
                                                l9.cast(),
                                                len11,
                                                len11,
                                            );
                                            _rt::string_lift(bytes11)
                                        };
                                        V18::Invalid(e18)
                                    }
                                    1 => {
                                        let e18 = {
                                            let l12 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l13 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len14 = l13;
                                            let bytes14 = _rt::Vec::from_raw_parts(
                                                l12.cast(),
                                                len14,
                                                len14,
                                            );
                                            _rt::string_lift(bytes14)
                                        };
                                        V18::Unavailable(e18)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e18 = {
                                            let l15 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l16 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len17 = l16;
                                            let bytes17 = _rt::Vec::from_raw_parts(
                                                l15.cast(),
                                                len17,
                                                len17,
                                            );
                                            _rt::string_lift(bytes17)
                                        };
                                        V18::Limit(e18)
                                    }
                                };
                                v18
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result19
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Values: at most 64 KiB, `invalid` otherwise. Two messages that write the same key at the same time: the later
            /// commit wins.
            #[allow(async_fn_in_trait)]
            pub fn set(key: &str, value: &[u8]) -> ::core::result::Result<(), Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::kv::set(key, value);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = key;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let vec1 = value;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let ptr2 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/kv@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "set"]
                        fn wit_import3(
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import3(
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import3(ptr0.cast_mut(), len0, ptr1.cast_mut(), len1, ptr2);
                    let l4 = i32::from(*ptr2.add(0).cast::<u8>());
                    let result16 = match l4 {
                        0 => {
                            let e = ();
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l5 = i32::from(
                                    *ptr2.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V15;
                                let v15 = match l5 {
                                    0 => {
                                        let e15 = {
                                            let l6 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l7 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len8 = l7;
                                            let bytes8 = _rt::Vec::from_raw_parts(
                                                l6.cast(),
                                                len8,
                                                len8,
                                            );
                                            _rt::string_lift(bytes8)
                                        };
                                        V15::Invalid(e15)
                                    }
                                    1 => {
                                        let e15 = {
                                            let l9 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l10 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len11 = l10;
                                            let bytes11 = _rt::Vec::from_raw_parts(
                                                l9.cast(),
                                                len11,
                                                len11,
                                            );
                                            _rt::string_lift(bytes11)
                                        };
                                        V15::Unavailable(e15)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e15 = {
                                            let l12 = *ptr2
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l13 = *ptr2
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len14 = l13;
                                            let bytes14 = _rt::Vec::from_raw_parts(
                                                l12.cast(),
                                                len14,
                                                len14,
                                            );
                                            _rt::string_lift(bytes14)
                                        };
                                        V15::Limit(e15)
                                    }
                                };
                                v15
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result16
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// No error when there is none.
            #[allow(async_fn_in_trait)]
            pub fn delete(key: &str) -> ::core::result::Result<(), Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::kv::delete(key);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = key;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/kv@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "delete"]
                        fn wit_import2(_: *mut u8, _: usize, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(_: *mut u8, _: usize, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result15 = match l3 {
                        0 => {
                            let e = ();
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l4 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V14;
                                let v14 = match l4 {
                                    0 => {
                                        let e14 = {
                                            let l5 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l6 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len7 = l6;
                                            let bytes7 = _rt::Vec::from_raw_parts(
                                                l5.cast(),
                                                len7,
                                                len7,
                                            );
                                            _rt::string_lift(bytes7)
                                        };
                                        V14::Invalid(e14)
                                    }
                                    1 => {
                                        let e14 = {
                                            let l8 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l9 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len10 = l9;
                                            let bytes10 = _rt::Vec::from_raw_parts(
                                                l8.cast(),
                                                len10,
                                                len10,
                                            );
                                            _rt::string_lift(bytes10)
                                        };
                                        V14::Unavailable(e14)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e14 = {
                                            let l11 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l12 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len13 = l12;
                                            let bytes13 = _rt::Vec::from_raw_parts(
                                                l11.cast(),
                                                len13,
                                                len13,
                                            );
                                            _rt::string_lift(bytes13)
                                        };
                                        V14::Limit(e14)
                                    }
                                };
                                v14
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result15
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Adds to a counter (a decimal number as text; absent counts as 0) when the message is committed: no concurrent
            /// increment is lost, and therefore no value is returned. `invalid`: the value is not a number, or the sum leaves
            /// the range of 64 bits. Should either become true only between this call and the commit, the message is committed
            /// all the same: a value that is no number stays, with a line in the log, and a sum stops at the end of the range.
            #[allow(async_fn_in_trait)]
            pub fn increment(key: &str, by: i64) -> ::core::result::Result<(), Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::kv::increment(key, by);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = key;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/kv@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "increment"]
                        fn wit_import2(_: *mut u8, _: usize, _: i64, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(
                        _: *mut u8,
                        _: usize,
                        _: i64,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, _rt::as_i64(&by), ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result15 = match l3 {
                        0 => {
                            let e = ();
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l4 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V14;
                                let v14 = match l4 {
                                    0 => {
                                        let e14 = {
                                            let l5 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l6 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len7 = l6;
                                            let bytes7 = _rt::Vec::from_raw_parts(
                                                l5.cast(),
                                                len7,
                                                len7,
                                            );
                                            _rt::string_lift(bytes7)
                                        };
                                        V14::Invalid(e14)
                                    }
                                    1 => {
                                        let e14 = {
                                            let l8 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l9 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len10 = l9;
                                            let bytes10 = _rt::Vec::from_raw_parts(
                                                l8.cast(),
                                                len10,
                                                len10,
                                            );
                                            _rt::string_lift(bytes10)
                                        };
                                        V14::Unavailable(e14)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e14 = {
                                            let l11 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l12 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len13 = l12;
                                            let bytes13 = _rt::Vec::from_raw_parts(
                                                l11.cast(),
                                                len13,
                                                len13,
                                            );
                                            _rt::string_lift(bytes13)
                                        };
                                        V14::Limit(e14)
                                    }
                                };
                                v14
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result15
                }
            }
        }
        /// Charging records. Kept when the message (or the outcome) is committed, in the same commit; dropped otherwise. For
        /// `process` only: calling it in `configure` fails the load.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod charging {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Fault = super::super::super::mm4::filter::types::Fault;
            /// The record types of TS 32.270 that belong to MM4, and two for what a pure relay sees.
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum RecordType {
                /// MM4_forward.REQ sent / its response received, at the originator's side.
                O4frq,
                O4frs,
                /// MM4_delivery_report.REQ received, MM4_read_reply_report.REQ received, at the originator's side.
                O4d,
                O4r,
                /// MM4_forward.REQ received, at the recipient's side.
                R4f,
                /// MM4_delivery_report.REQ sent / its response received, at the recipient's side.
                R4drq,
                R4drs,
                /// MM4_read_reply_report.REQ sent / its response received, at the recipient's side.
                R4rrq,
                R4rrs,
                /// The relay took a message over / handed it on, or gave it up. TS 32.270 has no record for a relay.
                RelayIn,
                RelayOut,
                RelayFailed,
            }
            impl ::core::fmt::Debug for RecordType {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        RecordType::O4frq => f.debug_tuple("RecordType::O4frq").finish(),
                        RecordType::O4frs => f.debug_tuple("RecordType::O4frs").finish(),
                        RecordType::O4d => f.debug_tuple("RecordType::O4d").finish(),
                        RecordType::O4r => f.debug_tuple("RecordType::O4r").finish(),
                        RecordType::R4f => f.debug_tuple("RecordType::R4f").finish(),
                        RecordType::R4drq => f.debug_tuple("RecordType::R4drq").finish(),
                        RecordType::R4drs => f.debug_tuple("RecordType::R4drs").finish(),
                        RecordType::R4rrq => f.debug_tuple("RecordType::R4rrq").finish(),
                        RecordType::R4rrs => f.debug_tuple("RecordType::R4rrs").finish(),
                        RecordType::RelayIn => {
                            f.debug_tuple("RecordType::RelayIn").finish()
                        }
                        RecordType::RelayOut => {
                            f.debug_tuple("RecordType::RelayOut").finish()
                        }
                        RecordType::RelayFailed => {
                            f.debug_tuple("RecordType::RelayFailed").finish()
                        }
                    }
                }
            }
            impl RecordType {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> RecordType {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => RecordType::O4frq,
                        1 => RecordType::O4frs,
                        2 => RecordType::O4d,
                        3 => RecordType::O4r,
                        4 => RecordType::R4f,
                        5 => RecordType::R4drq,
                        6 => RecordType::R4drs,
                        7 => RecordType::R4rrq,
                        8 => RecordType::R4rrs,
                        9 => RecordType::RelayIn,
                        10 => RecordType::RelayOut,
                        11 => RecordType::RelayFailed,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            /// One record. The host adds: a sequence number (from 1, without gaps, in the order of the commits), the time of
            /// the commit, the plug-in's name in the configuration and its version, the relay's own id of the message. Strings:
            /// at most 1,024 octets each. Fields that are `none` are left out of the export.
            #[derive(Clone, PartialEq)]
            pub struct ChargingRecord {
                pub record_type: RecordType,
                pub message_id: _rt::String,
                pub transaction_id: ::core::option::Option<_rt::String>,
                /// Peer names as configured. A record of an `arrival` that names no destination gets it from the relay, where the
                /// message goes on to one peer only.
                pub source_peer: ::core::option::Option<_rt::String>,
                pub destination_peer: ::core::option::Option<_rt::String>,
                /// Whether no other operator's MMSE had a part in it: `intra-mmse` of `summary`.
                pub intra_mmse: ::core::option::Option<bool>,
                pub originator: ::core::option::Option<_rt::String>,
                pub recipients: _rt::Vec<_rt::String>,
                pub content_type: ::core::option::Option<_rt::String>,
                /// In octets.
                pub message_size: ::core::option::Option<u64>,
                pub message_class: ::core::option::Option<_rt::String>,
                pub priority: ::core::option::Option<_rt::String>,
                /// The `Date` header, as received.
                pub submission_time: ::core::option::Option<_rt::String>,
                /// `X-Mms-Expiry`, as received.
                pub expiry: ::core::option::Option<_rt::String>,
                pub delivery_report_requested: ::core::option::Option<bool>,
                pub read_reply_requested: ::core::option::Option<bool>,
                pub acknowledgement_requested: ::core::option::Option<bool>,
                pub sender_hidden: ::core::option::Option<bool>,
                pub forward_counter: ::core::option::Option<u32>,
                /// Request status (`Ok`, ...), MM status (`Retrieved`, ...), read status, or the SMTP code.
                pub status_code: ::core::option::Option<_rt::String>,
                pub status_text: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for ChargingRecord {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("ChargingRecord")
                        .field("record-type", &self.record_type)
                        .field("message-id", &self.message_id)
                        .field("transaction-id", &self.transaction_id)
                        .field("source-peer", &self.source_peer)
                        .field("destination-peer", &self.destination_peer)
                        .field("intra-mmse", &self.intra_mmse)
                        .field("originator", &self.originator)
                        .field("recipients", &self.recipients)
                        .field("content-type", &self.content_type)
                        .field("message-size", &self.message_size)
                        .field("message-class", &self.message_class)
                        .field("priority", &self.priority)
                        .field("submission-time", &self.submission_time)
                        .field("expiry", &self.expiry)
                        .field(
                            "delivery-report-requested",
                            &self.delivery_report_requested,
                        )
                        .field("read-reply-requested", &self.read_reply_requested)
                        .field(
                            "acknowledgement-requested",
                            &self.acknowledgement_requested,
                        )
                        .field("sender-hidden", &self.sender_hidden)
                        .field("forward-counter", &self.forward_counter)
                        .field("status-code", &self.status_code)
                        .field("status-text", &self.status_text)
                        .finish()
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// `limit`: more than `charging-records` (100 by default, and at the most) in one call, or more than 1 MiB in all
            /// their strings, each counted as at least 16 octets.
            /// `invalid`: a string is too long.
            #[allow(async_fn_in_trait)]
            pub fn emit(entry: &ChargingRecord) -> ::core::result::Result<(), Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::charging::emit(entry);
                unsafe {
                    #[repr(align(8))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 40 + 38 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 40
                            + 38 * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    let ChargingRecord {
                        record_type: record_type1,
                        message_id: message_id1,
                        transaction_id: transaction_id1,
                        source_peer: source_peer1,
                        destination_peer: destination_peer1,
                        intra_mmse: intra_mmse1,
                        originator: originator1,
                        recipients: recipients1,
                        content_type: content_type1,
                        message_size: message_size1,
                        message_class: message_class1,
                        priority: priority1,
                        submission_time: submission_time1,
                        expiry: expiry1,
                        delivery_report_requested: delivery_report_requested1,
                        read_reply_requested: read_reply_requested1,
                        acknowledgement_requested: acknowledgement_requested1,
                        sender_hidden: sender_hidden1,
                        forward_counter: forward_counter1,
                        status_code: status_code1,
                        status_text: status_text1,
                    } = entry;
                    *ptr0.add(0).cast::<u8>() = (record_type1.clone() as i32) as u8;
                    let vec2 = message_id1;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    *ptr0.add(2 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len2;
                    *ptr0.add(::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = ptr2
                        .cast_mut();
                    match transaction_id1 {
                        Some(e) => {
                            *ptr0
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec3 = e;
                            let ptr3 = vec3.as_ptr().cast::<u8>();
                            let len3 = vec3.len();
                            *ptr0
                                .add(5 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len3;
                            *ptr0
                                .add(4 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr3.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match source_peer1 {
                        Some(e) => {
                            *ptr0
                                .add(6 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec4 = e;
                            let ptr4 = vec4.as_ptr().cast::<u8>();
                            let len4 = vec4.len();
                            *ptr0
                                .add(8 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len4;
                            *ptr0
                                .add(7 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr4.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(6 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match destination_peer1 {
                        Some(e) => {
                            *ptr0
                                .add(9 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec5 = e;
                            let ptr5 = vec5.as_ptr().cast::<u8>();
                            let len5 = vec5.len();
                            *ptr0
                                .add(11 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len5;
                            *ptr0
                                .add(10 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr5.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(9 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match intra_mmse1 {
                        Some(e) => {
                            *ptr0
                                .add(12 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(1 + 12 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(12 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match originator1 {
                        Some(e) => {
                            *ptr0
                                .add(13 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec6 = e;
                            let ptr6 = vec6.as_ptr().cast::<u8>();
                            let len6 = vec6.len();
                            *ptr0
                                .add(15 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len6;
                            *ptr0
                                .add(14 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr6.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(13 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    let vec8 = recipients1;
                    let len8 = vec8.len();
                    let layout8 = _rt::alloc::Layout::from_size_align(
                            vec8.len() * (2 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                    let (result8, _cleanup8) = wit_bindgen::rt::Cleanup::new(layout8);
                    for (i, e) in vec8.into_iter().enumerate() {
                        let base = result8
                            .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                        {
                            let vec7 = e;
                            let ptr7 = vec7.as_ptr().cast::<u8>();
                            let len7 = vec7.len();
                            *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len7;
                            *base.add(0).cast::<*mut u8>() = ptr7.cast_mut();
                        }
                    }
                    *ptr0
                        .add(17 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>() = len8;
                    *ptr0
                        .add(16 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>() = result8;
                    match content_type1 {
                        Some(e) => {
                            *ptr0
                                .add(18 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec9 = e;
                            let ptr9 = vec9.as_ptr().cast::<u8>();
                            let len9 = vec9.len();
                            *ptr0
                                .add(20 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len9;
                            *ptr0
                                .add(19 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr9.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(18 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match message_size1 {
                        Some(e) => {
                            *ptr0
                                .add(8 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(16 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<i64>() = _rt::as_i64(e);
                        }
                        None => {
                            *ptr0
                                .add(8 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match message_class1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec10 = e;
                            let ptr10 = vec10.as_ptr().cast::<u8>();
                            let len10 = vec10.len();
                            *ptr0
                                .add(24 + 22 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len10;
                            *ptr0
                                .add(24 + 21 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr10.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match priority1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 23 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec11 = e;
                            let ptr11 = vec11.as_ptr().cast::<u8>();
                            let len11 = vec11.len();
                            *ptr0
                                .add(24 + 25 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len11;
                            *ptr0
                                .add(24 + 24 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr11.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 23 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match submission_time1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 26 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec12 = e;
                            let ptr12 = vec12.as_ptr().cast::<u8>();
                            let len12 = vec12.len();
                            *ptr0
                                .add(24 + 28 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len12;
                            *ptr0
                                .add(24 + 27 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr12.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 26 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match expiry1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 29 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec13 = e;
                            let ptr13 = vec13.as_ptr().cast::<u8>();
                            let len13 = vec13.len();
                            *ptr0
                                .add(24 + 31 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len13;
                            *ptr0
                                .add(24 + 30 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr13.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 29 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match delivery_report_requested1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(25 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(24 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match read_reply_requested1 {
                        Some(e) => {
                            *ptr0
                                .add(26 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(27 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(26 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match acknowledgement_requested1 {
                        Some(e) => {
                            *ptr0
                                .add(28 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(29 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(28 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match sender_hidden1 {
                        Some(e) => {
                            *ptr0
                                .add(30 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(31 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(30 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match forward_counter1 {
                        Some(e) => {
                            *ptr0
                                .add(32 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(36 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<i32>() = _rt::as_i32(e);
                        }
                        None => {
                            *ptr0
                                .add(32 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match status_code1 {
                        Some(e) => {
                            *ptr0
                                .add(40 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec14 = e;
                            let ptr14 = vec14.as_ptr().cast::<u8>();
                            let len14 = vec14.len();
                            *ptr0
                                .add(40 + 34 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len14;
                            *ptr0
                                .add(40 + 33 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr14.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(40 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match status_text1 {
                        Some(e) => {
                            *ptr0
                                .add(40 + 35 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec15 = e;
                            let ptr15 = vec15.as_ptr().cast::<u8>();
                            let len15 = vec15.len();
                            *ptr0
                                .add(40 + 37 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len15;
                            *ptr0
                                .add(40 + 36 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr15.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(40 + 35 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    let ptr16 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/charging@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "emit"]
                        fn wit_import17(_: *mut u8, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import17(_: *mut u8, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import17(ptr0, ptr16);
                    let l18 = i32::from(*ptr16.add(0).cast::<u8>());
                    let result30 = match l18 {
                        0 => {
                            let e = ();
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l19 = i32::from(
                                    *ptr16.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V29;
                                let v29 = match l19 {
                                    0 => {
                                        let e29 = {
                                            let l20 = *ptr16
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l21 = *ptr16
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len22 = l21;
                                            let bytes22 = _rt::Vec::from_raw_parts(
                                                l20.cast(),
                                                len22,
                                                len22,
                                            );
                                            _rt::string_lift(bytes22)
                                        };
                                        V29::Invalid(e29)
                                    }
                                    1 => {
                                        let e29 = {
                                            let l23 = *ptr16
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l24 = *ptr16
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len25 = l24;
                                            let bytes25 = _rt::Vec::from_raw_parts(
                                                l23.cast(),
                                                len25,
                                                len25,
                                            );
                                            _rt::string_lift(bytes25)
                                        };
                                        V29::Unavailable(e29)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e29 = {
                                            let l26 = *ptr16
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l27 = *ptr16
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len28 = l27;
                                            let bytes28 = _rt::Vec::from_raw_parts(
                                                l26.cast(),
                                                len28,
                                                len28,
                                            );
                                            _rt::string_lift(bytes28)
                                        };
                                        V29::Limit(e29)
                                    }
                                };
                                v29
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result30
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// As `emit`, with more fields, by name: each becomes a field of the record in the export, with a string as its value.
            /// They count like the record's own strings. At most 32.
            ///
            /// `invalid` also: a name that is not 1 to 64 lower-case letters, digits and hyphens, beginning with a letter; one that
            /// stands twice; one that the record or the export has already (`message-id`, `sequence`, ...).
            ///
            /// As young as `field` of `message`.
            #[allow(async_fn_in_trait)]
            pub fn emit_with(
                entry: &ChargingRecord,
                more: &[(_rt::String, _rt::String)],
            ) -> ::core::result::Result<(), Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::charging::emit_with(entry, more);
                unsafe {
                    #[repr(align(8))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 40 + 40 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 40
                            + 40 * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    let ChargingRecord {
                        record_type: record_type1,
                        message_id: message_id1,
                        transaction_id: transaction_id1,
                        source_peer: source_peer1,
                        destination_peer: destination_peer1,
                        intra_mmse: intra_mmse1,
                        originator: originator1,
                        recipients: recipients1,
                        content_type: content_type1,
                        message_size: message_size1,
                        message_class: message_class1,
                        priority: priority1,
                        submission_time: submission_time1,
                        expiry: expiry1,
                        delivery_report_requested: delivery_report_requested1,
                        read_reply_requested: read_reply_requested1,
                        acknowledgement_requested: acknowledgement_requested1,
                        sender_hidden: sender_hidden1,
                        forward_counter: forward_counter1,
                        status_code: status_code1,
                        status_text: status_text1,
                    } = entry;
                    *ptr0.add(0).cast::<u8>() = (record_type1.clone() as i32) as u8;
                    let vec2 = message_id1;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    *ptr0.add(2 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len2;
                    *ptr0.add(::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = ptr2
                        .cast_mut();
                    match transaction_id1 {
                        Some(e) => {
                            *ptr0
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec3 = e;
                            let ptr3 = vec3.as_ptr().cast::<u8>();
                            let len3 = vec3.len();
                            *ptr0
                                .add(5 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len3;
                            *ptr0
                                .add(4 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr3.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match source_peer1 {
                        Some(e) => {
                            *ptr0
                                .add(6 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec4 = e;
                            let ptr4 = vec4.as_ptr().cast::<u8>();
                            let len4 = vec4.len();
                            *ptr0
                                .add(8 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len4;
                            *ptr0
                                .add(7 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr4.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(6 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match destination_peer1 {
                        Some(e) => {
                            *ptr0
                                .add(9 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec5 = e;
                            let ptr5 = vec5.as_ptr().cast::<u8>();
                            let len5 = vec5.len();
                            *ptr0
                                .add(11 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len5;
                            *ptr0
                                .add(10 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr5.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(9 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match intra_mmse1 {
                        Some(e) => {
                            *ptr0
                                .add(12 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(1 + 12 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(12 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match originator1 {
                        Some(e) => {
                            *ptr0
                                .add(13 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec6 = e;
                            let ptr6 = vec6.as_ptr().cast::<u8>();
                            let len6 = vec6.len();
                            *ptr0
                                .add(15 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len6;
                            *ptr0
                                .add(14 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr6.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(13 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    let vec8 = recipients1;
                    let len8 = vec8.len();
                    let layout8 = _rt::alloc::Layout::from_size_align(
                            vec8.len() * (2 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                    let (result8, _cleanup8) = wit_bindgen::rt::Cleanup::new(layout8);
                    for (i, e) in vec8.into_iter().enumerate() {
                        let base = result8
                            .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                        {
                            let vec7 = e;
                            let ptr7 = vec7.as_ptr().cast::<u8>();
                            let len7 = vec7.len();
                            *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len7;
                            *base.add(0).cast::<*mut u8>() = ptr7.cast_mut();
                        }
                    }
                    *ptr0
                        .add(17 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>() = len8;
                    *ptr0
                        .add(16 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>() = result8;
                    match content_type1 {
                        Some(e) => {
                            *ptr0
                                .add(18 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec9 = e;
                            let ptr9 = vec9.as_ptr().cast::<u8>();
                            let len9 = vec9.len();
                            *ptr0
                                .add(20 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len9;
                            *ptr0
                                .add(19 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr9.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(18 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match message_size1 {
                        Some(e) => {
                            *ptr0
                                .add(8 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(16 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<i64>() = _rt::as_i64(e);
                        }
                        None => {
                            *ptr0
                                .add(8 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match message_class1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec10 = e;
                            let ptr10 = vec10.as_ptr().cast::<u8>();
                            let len10 = vec10.len();
                            *ptr0
                                .add(24 + 22 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len10;
                            *ptr0
                                .add(24 + 21 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr10.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match priority1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 23 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec11 = e;
                            let ptr11 = vec11.as_ptr().cast::<u8>();
                            let len11 = vec11.len();
                            *ptr0
                                .add(24 + 25 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len11;
                            *ptr0
                                .add(24 + 24 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr11.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 23 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match submission_time1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 26 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec12 = e;
                            let ptr12 = vec12.as_ptr().cast::<u8>();
                            let len12 = vec12.len();
                            *ptr0
                                .add(24 + 28 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len12;
                            *ptr0
                                .add(24 + 27 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr12.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 26 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match expiry1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 29 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec13 = e;
                            let ptr13 = vec13.as_ptr().cast::<u8>();
                            let len13 = vec13.len();
                            *ptr0
                                .add(24 + 31 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len13;
                            *ptr0
                                .add(24 + 30 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr13.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 29 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match delivery_report_requested1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(25 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(24 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match read_reply_requested1 {
                        Some(e) => {
                            *ptr0
                                .add(26 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(27 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(26 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match acknowledgement_requested1 {
                        Some(e) => {
                            *ptr0
                                .add(28 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(29 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(28 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match sender_hidden1 {
                        Some(e) => {
                            *ptr0
                                .add(30 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(31 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(30 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match forward_counter1 {
                        Some(e) => {
                            *ptr0
                                .add(32 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(36 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<i32>() = _rt::as_i32(e);
                        }
                        None => {
                            *ptr0
                                .add(32 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match status_code1 {
                        Some(e) => {
                            *ptr0
                                .add(40 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec14 = e;
                            let ptr14 = vec14.as_ptr().cast::<u8>();
                            let len14 = vec14.len();
                            *ptr0
                                .add(40 + 34 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len14;
                            *ptr0
                                .add(40 + 33 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr14.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(40 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match status_text1 {
                        Some(e) => {
                            *ptr0
                                .add(40 + 35 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec15 = e;
                            let ptr15 = vec15.as_ptr().cast::<u8>();
                            let len15 = vec15.len();
                            *ptr0
                                .add(40 + 37 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len15;
                            *ptr0
                                .add(40 + 36 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr15.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(40 + 35 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    let vec19 = more;
                    let len19 = vec19.len();
                    let layout19 = _rt::alloc::Layout::from_size_align(
                            vec19.len() * (4 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                    let (result19, _cleanup19) = wit_bindgen::rt::Cleanup::new(layout19);
                    for (i, e) in vec19.into_iter().enumerate() {
                        let base = result19
                            .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                        {
                            let (t16_0, t16_1) = e;
                            let vec17 = t16_0;
                            let ptr17 = vec17.as_ptr().cast::<u8>();
                            let len17 = vec17.len();
                            *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len17;
                            *base.add(0).cast::<*mut u8>() = ptr17.cast_mut();
                            let vec18 = t16_1;
                            let ptr18 = vec18.as_ptr().cast::<u8>();
                            let len18 = vec18.len();
                            *base
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len18;
                            *base
                                .add(2 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr18.cast_mut();
                        }
                    }
                    *ptr0
                        .add(40 + 39 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>() = len19;
                    *ptr0
                        .add(40 + 38 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>() = result19;
                    let ptr20 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/charging@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "emit-with"]
                        fn wit_import21(_: *mut u8, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import21(_: *mut u8, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import21(ptr0, ptr20);
                    let l22 = i32::from(*ptr20.add(0).cast::<u8>());
                    let result34 = match l22 {
                        0 => {
                            let e = ();
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l23 = i32::from(
                                    *ptr20.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V33;
                                let v33 = match l23 {
                                    0 => {
                                        let e33 = {
                                            let l24 = *ptr20
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l25 = *ptr20
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len26 = l25;
                                            let bytes26 = _rt::Vec::from_raw_parts(
                                                l24.cast(),
                                                len26,
                                                len26,
                                            );
                                            _rt::string_lift(bytes26)
                                        };
                                        V33::Invalid(e33)
                                    }
                                    1 => {
                                        let e33 = {
                                            let l27 = *ptr20
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l28 = *ptr20
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len29 = l28;
                                            let bytes29 = _rt::Vec::from_raw_parts(
                                                l27.cast(),
                                                len29,
                                                len29,
                                            );
                                            _rt::string_lift(bytes29)
                                        };
                                        V33::Unavailable(e33)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e33 = {
                                            let l30 = *ptr20
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l31 = *ptr20
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len32 = l31;
                                            let bytes32 = _rt::Vec::from_raw_parts(
                                                l30.cast(),
                                                len32,
                                                len32,
                                            );
                                            _rt::string_lift(bytes32)
                                        };
                                        V33::Limit(e33)
                                    }
                                };
                                v33
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result34
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// As `emit-with`, for a record of a request that came in and whose status is the answer to it: `r4f`. On `arrival`, and
            /// where `refused-late` of `message` says something, the record is kept with the request, and is numbered and exported
            /// when it is decided what whoever asked hears: the response that they get, or what it would say, where they asked for
            /// none. That becomes its `status-code` and `status-text`, whatever stands there in `entry`. A response that does not
            /// come within `response-within` of its peer counts as `Error-network-problem`. A copy of a request waits for the answer
            /// to the first one. For messages that are no request, and on other occasions, there is nothing to wait for: then it is
            /// `emit-with`.
            ///
            /// Younger than `emit-with`: a plug-in that calls it does not load into a relay without it.
            #[allow(async_fn_in_trait)]
            pub fn emit_when_answered(
                entry: &ChargingRecord,
                more: &[(_rt::String, _rt::String)],
            ) -> ::core::result::Result<(), Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::charging::emit_when_answered(entry, more);
                unsafe {
                    #[repr(align(8))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 40 + 40 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 40
                            + 40 * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    let ChargingRecord {
                        record_type: record_type1,
                        message_id: message_id1,
                        transaction_id: transaction_id1,
                        source_peer: source_peer1,
                        destination_peer: destination_peer1,
                        intra_mmse: intra_mmse1,
                        originator: originator1,
                        recipients: recipients1,
                        content_type: content_type1,
                        message_size: message_size1,
                        message_class: message_class1,
                        priority: priority1,
                        submission_time: submission_time1,
                        expiry: expiry1,
                        delivery_report_requested: delivery_report_requested1,
                        read_reply_requested: read_reply_requested1,
                        acknowledgement_requested: acknowledgement_requested1,
                        sender_hidden: sender_hidden1,
                        forward_counter: forward_counter1,
                        status_code: status_code1,
                        status_text: status_text1,
                    } = entry;
                    *ptr0.add(0).cast::<u8>() = (record_type1.clone() as i32) as u8;
                    let vec2 = message_id1;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    *ptr0.add(2 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len2;
                    *ptr0.add(::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = ptr2
                        .cast_mut();
                    match transaction_id1 {
                        Some(e) => {
                            *ptr0
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec3 = e;
                            let ptr3 = vec3.as_ptr().cast::<u8>();
                            let len3 = vec3.len();
                            *ptr0
                                .add(5 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len3;
                            *ptr0
                                .add(4 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr3.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match source_peer1 {
                        Some(e) => {
                            *ptr0
                                .add(6 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec4 = e;
                            let ptr4 = vec4.as_ptr().cast::<u8>();
                            let len4 = vec4.len();
                            *ptr0
                                .add(8 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len4;
                            *ptr0
                                .add(7 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr4.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(6 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match destination_peer1 {
                        Some(e) => {
                            *ptr0
                                .add(9 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec5 = e;
                            let ptr5 = vec5.as_ptr().cast::<u8>();
                            let len5 = vec5.len();
                            *ptr0
                                .add(11 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len5;
                            *ptr0
                                .add(10 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr5.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(9 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match intra_mmse1 {
                        Some(e) => {
                            *ptr0
                                .add(12 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(1 + 12 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(12 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match originator1 {
                        Some(e) => {
                            *ptr0
                                .add(13 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec6 = e;
                            let ptr6 = vec6.as_ptr().cast::<u8>();
                            let len6 = vec6.len();
                            *ptr0
                                .add(15 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len6;
                            *ptr0
                                .add(14 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr6.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(13 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    let vec8 = recipients1;
                    let len8 = vec8.len();
                    let layout8 = _rt::alloc::Layout::from_size_align(
                            vec8.len() * (2 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                    let (result8, _cleanup8) = wit_bindgen::rt::Cleanup::new(layout8);
                    for (i, e) in vec8.into_iter().enumerate() {
                        let base = result8
                            .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                        {
                            let vec7 = e;
                            let ptr7 = vec7.as_ptr().cast::<u8>();
                            let len7 = vec7.len();
                            *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len7;
                            *base.add(0).cast::<*mut u8>() = ptr7.cast_mut();
                        }
                    }
                    *ptr0
                        .add(17 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>() = len8;
                    *ptr0
                        .add(16 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>() = result8;
                    match content_type1 {
                        Some(e) => {
                            *ptr0
                                .add(18 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec9 = e;
                            let ptr9 = vec9.as_ptr().cast::<u8>();
                            let len9 = vec9.len();
                            *ptr0
                                .add(20 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len9;
                            *ptr0
                                .add(19 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr9.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(18 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match message_size1 {
                        Some(e) => {
                            *ptr0
                                .add(8 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(16 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<i64>() = _rt::as_i64(e);
                        }
                        None => {
                            *ptr0
                                .add(8 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match message_class1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec10 = e;
                            let ptr10 = vec10.as_ptr().cast::<u8>();
                            let len10 = vec10.len();
                            *ptr0
                                .add(24 + 22 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len10;
                            *ptr0
                                .add(24 + 21 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr10.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 20 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match priority1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 23 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec11 = e;
                            let ptr11 = vec11.as_ptr().cast::<u8>();
                            let len11 = vec11.len();
                            *ptr0
                                .add(24 + 25 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len11;
                            *ptr0
                                .add(24 + 24 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr11.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 23 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match submission_time1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 26 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec12 = e;
                            let ptr12 = vec12.as_ptr().cast::<u8>();
                            let len12 = vec12.len();
                            *ptr0
                                .add(24 + 28 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len12;
                            *ptr0
                                .add(24 + 27 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr12.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 26 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match expiry1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 29 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec13 = e;
                            let ptr13 = vec13.as_ptr().cast::<u8>();
                            let len13 = vec13.len();
                            *ptr0
                                .add(24 + 31 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len13;
                            *ptr0
                                .add(24 + 30 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr13.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(24 + 29 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match delivery_report_requested1 {
                        Some(e) => {
                            *ptr0
                                .add(24 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(25 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(24 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match read_reply_requested1 {
                        Some(e) => {
                            *ptr0
                                .add(26 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(27 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(26 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match acknowledgement_requested1 {
                        Some(e) => {
                            *ptr0
                                .add(28 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(29 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(28 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match sender_hidden1 {
                        Some(e) => {
                            *ptr0
                                .add(30 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(31 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (match e {
                                true => 1,
                                false => 0,
                            }) as u8;
                        }
                        None => {
                            *ptr0
                                .add(30 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match forward_counter1 {
                        Some(e) => {
                            *ptr0
                                .add(32 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            *ptr0
                                .add(36 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<i32>() = _rt::as_i32(e);
                        }
                        None => {
                            *ptr0
                                .add(32 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match status_code1 {
                        Some(e) => {
                            *ptr0
                                .add(40 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec14 = e;
                            let ptr14 = vec14.as_ptr().cast::<u8>();
                            let len14 = vec14.len();
                            *ptr0
                                .add(40 + 34 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len14;
                            *ptr0
                                .add(40 + 33 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr14.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(40 + 32 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    match status_text1 {
                        Some(e) => {
                            *ptr0
                                .add(40 + 35 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (1i32) as u8;
                            let vec15 = e;
                            let ptr15 = vec15.as_ptr().cast::<u8>();
                            let len15 = vec15.len();
                            *ptr0
                                .add(40 + 37 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len15;
                            *ptr0
                                .add(40 + 36 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr15.cast_mut();
                        }
                        None => {
                            *ptr0
                                .add(40 + 35 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>() = (0i32) as u8;
                        }
                    };
                    let vec19 = more;
                    let len19 = vec19.len();
                    let layout19 = _rt::alloc::Layout::from_size_align(
                            vec19.len() * (4 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                    let (result19, _cleanup19) = wit_bindgen::rt::Cleanup::new(layout19);
                    for (i, e) in vec19.into_iter().enumerate() {
                        let base = result19
                            .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                        {
                            let (t16_0, t16_1) = e;
                            let vec17 = t16_0;
                            let ptr17 = vec17.as_ptr().cast::<u8>();
                            let len17 = vec17.len();
                            *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len17;
                            *base.add(0).cast::<*mut u8>() = ptr17.cast_mut();
                            let vec18 = t16_1;
                            let ptr18 = vec18.as_ptr().cast::<u8>();
                            let len18 = vec18.len();
                            *base
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len18;
                            *base
                                .add(2 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr18.cast_mut();
                        }
                    }
                    *ptr0
                        .add(40 + 39 * ::core::mem::size_of::<*const u8>())
                        .cast::<usize>() = len19;
                    *ptr0
                        .add(40 + 38 * ::core::mem::size_of::<*const u8>())
                        .cast::<*mut u8>() = result19;
                    let ptr20 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/charging@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "emit-when-answered"]
                        fn wit_import21(_: *mut u8, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import21(_: *mut u8, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import21(ptr0, ptr20);
                    let l22 = i32::from(*ptr20.add(0).cast::<u8>());
                    let result34 = match l22 {
                        0 => {
                            let e = ();
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l23 = i32::from(
                                    *ptr20.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V33;
                                let v33 = match l23 {
                                    0 => {
                                        let e33 = {
                                            let l24 = *ptr20
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l25 = *ptr20
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len26 = l25;
                                            let bytes26 = _rt::Vec::from_raw_parts(
                                                l24.cast(),
                                                len26,
                                                len26,
                                            );
                                            _rt::string_lift(bytes26)
                                        };
                                        V33::Invalid(e33)
                                    }
                                    1 => {
                                        let e33 = {
                                            let l27 = *ptr20
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l28 = *ptr20
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len29 = l28;
                                            let bytes29 = _rt::Vec::from_raw_parts(
                                                l27.cast(),
                                                len29,
                                                len29,
                                            );
                                            _rt::string_lift(bytes29)
                                        };
                                        V33::Unavailable(e33)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e33 = {
                                            let l30 = *ptr20
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l31 = *ptr20
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len32 = l31;
                                            let bytes32 = _rt::Vec::from_raw_parts(
                                                l30.cast(),
                                                len32,
                                                len32,
                                            );
                                            _rt::string_lift(bytes32)
                                        };
                                        V33::Limit(e33)
                                    }
                                };
                                v33
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result34
                }
            }
        }
        /// Which network serves a telephone number, as the relay itself would find out: by its routing tables, and by whatever
        /// else it is configured to ask. For `process` only: calling it in `configure` fails the load.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod numbering {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Fault = super::super::super::mm4::filter::types::Fault;
            /// At least one of the fields is there.
            #[derive(Clone, PartialEq)]
            pub struct Network {
                /// The network's country and network code (ITU-T E.212), three digits each, as domains write them: `310-002`.
                /// From the row of the table of ported numbers or the answer of DNS, where that is codes or a domain with codes
                /// in it (`mms.mnc002.mcc310.gprs`); else from the first such domain that the peer lists, or that is ours for a
                /// relay/server of our own MMSE. `none` where no domain has codes, or we have several networks.
                pub id: ::core::option::Option<_rt::String>,
                /// The domain of its MMSE: `mms.mnc002.mcc310.gprs`.
                pub domain: ::core::option::Option<_rt::String>,
                /// The configured peer that the relay would send to. `none` for a number that was ported to a network with which
                /// there is no agreement.
                pub peer: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for Network {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Network")
                        .field("id", &self.id)
                        .field("domain", &self.domain)
                        .field("peer", &self.peer)
                        .finish()
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// `number` is in E.164 form: `+` and 1 to 15 digits, `invalid` otherwise. `none`: nobody knows the number, or it is
            /// left to plug-ins.
            /// `unavailable`: the answer did not come. It may wait for a name server; the call's `time` goes on meanwhile.
            #[allow(async_fn_in_trait)]
            pub fn lookup(
                number: &str,
            ) -> ::core::result::Result<::core::option::Option<Network>, Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::numbering::lookup(number);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 11 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 11
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = number;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/numbering@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "lookup"]
                        fn wit_import2(_: *mut u8, _: usize, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(_: *mut u8, _: usize, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result28 = match l3 {
                        0 => {
                            let e = {
                                let l4 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l4 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let l5 = i32::from(
                                                *ptr1
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>(),
                                            );
                                            let l9 = i32::from(
                                                *ptr1
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>(),
                                            );
                                            let l13 = i32::from(
                                                *ptr1
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>(),
                                            );
                                            Network {
                                                id: match l5 {
                                                    0 => None,
                                                    1 => {
                                                        let e = {
                                                            let l6 = *ptr1
                                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                                .cast::<*mut u8>();
                                                            let l7 = *ptr1
                                                                .add(4 * ::core::mem::size_of::<*const u8>())
                                                                .cast::<usize>();
                                                            let len8 = l7;
                                                            let bytes8 = _rt::Vec::from_raw_parts(
                                                                l6.cast(),
                                                                len8,
                                                                len8,
                                                            );
                                                            _rt::string_lift(bytes8)
                                                        };
                                                        Some(e)
                                                    }
                                                    _ => _rt::invalid_enum_discriminant(),
                                                },
                                                domain: match l9 {
                                                    0 => None,
                                                    1 => {
                                                        let e = {
                                                            let l10 = *ptr1
                                                                .add(6 * ::core::mem::size_of::<*const u8>())
                                                                .cast::<*mut u8>();
                                                            let l11 = *ptr1
                                                                .add(7 * ::core::mem::size_of::<*const u8>())
                                                                .cast::<usize>();
                                                            let len12 = l11;
                                                            let bytes12 = _rt::Vec::from_raw_parts(
                                                                l10.cast(),
                                                                len12,
                                                                len12,
                                                            );
                                                            _rt::string_lift(bytes12)
                                                        };
                                                        Some(e)
                                                    }
                                                    _ => _rt::invalid_enum_discriminant(),
                                                },
                                                peer: match l13 {
                                                    0 => None,
                                                    1 => {
                                                        let e = {
                                                            let l14 = *ptr1
                                                                .add(9 * ::core::mem::size_of::<*const u8>())
                                                                .cast::<*mut u8>();
                                                            let l15 = *ptr1
                                                                .add(10 * ::core::mem::size_of::<*const u8>())
                                                                .cast::<usize>();
                                                            let len16 = l15;
                                                            let bytes16 = _rt::Vec::from_raw_parts(
                                                                l14.cast(),
                                                                len16,
                                                                len16,
                                                            );
                                                            _rt::string_lift(bytes16)
                                                        };
                                                        Some(e)
                                                    }
                                                    _ => _rt::invalid_enum_discriminant(),
                                                },
                                            }
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                }
                            };
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l17 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V27;
                                let v27 = match l17 {
                                    0 => {
                                        let e27 = {
                                            let l18 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l19 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len20 = l19;
                                            let bytes20 = _rt::Vec::from_raw_parts(
                                                l18.cast(),
                                                len20,
                                                len20,
                                            );
                                            _rt::string_lift(bytes20)
                                        };
                                        V27::Invalid(e27)
                                    }
                                    1 => {
                                        let e27 = {
                                            let l21 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l22 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len23 = l22;
                                            let bytes23 = _rt::Vec::from_raw_parts(
                                                l21.cast(),
                                                len23,
                                                len23,
                                            );
                                            _rt::string_lift(bytes23)
                                        };
                                        V27::Unavailable(e27)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e27 = {
                                            let l24 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l25 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len26 = l25;
                                            let bytes26 = _rt::Vec::from_raw_parts(
                                                l24.cast(),
                                                len26,
                                                len26,
                                            );
                                            _rt::string_lift(bytes26)
                                        };
                                        V27::Limit(e27)
                                    }
                                };
                                v27
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result28
                }
            }
        }
        /// Scanners for viruses and the like that the configuration names (`[[scanner]]`). The relay hands them a part's decoded
        /// body; it is not copied into the sandbox. For `process` only: calling it in `configure` fails the load.
        ///
        /// Younger than the interfaces above: a plug-in that calls it does not load into a relay without it.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod scan {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Fault = super::super::super::mm4::filter::types::Fault;
            #[allow(unused_unsafe, clippy::all)]
            /// The parts that can be handed to a scanner: all of them, those too that the plug-in may not read, by the same ids and in
            /// the same order as `parts` of `message` lists them. Empty on `outcome`.
            #[allow(async_fn_in_trait)]
            pub fn parts() -> _rt::Vec<u32> {
                #[cfg(not(target_family = "wasm"))] return crate::native::scan::parts();
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 2 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 2
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/scan@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "parts"]
                        fn wit_import1(_: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8) {
                        unreachable!()
                    }
                    wit_import1(ptr0);
                    let l2 = *ptr0.add(0).cast::<*mut u8>();
                    let l3 = *ptr0
                        .add(::core::mem::size_of::<*const u8>())
                        .cast::<usize>();
                    let len4 = l3;
                    let result5 = <_ as From<
                        _rt::Vec<_>,
                    >>::from(_rt::Vec::from_raw_parts(l2.cast(), len4, len4));
                    result5
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// What that scanner finds in the part: the name that it has for it, or `none`. The call's `time` goes on while the
            /// scanner works, and the scanner is left when it is over. A part that is scanned twice is read twice.
            ///
            /// The plug-in need not be allowed to read it. `invalid`: no such part; its body cannot be decoded; no scanner of that name
            /// is configured. `limit`: the part is larger than the scanner takes. `unavailable`: the scanner did not answer, or is
            /// left alone because it did not before, or has as many calls as it takes at once.
            #[allow(async_fn_in_trait)]
            pub fn part(
                id: u32,
                scanner: &str,
            ) -> ::core::result::Result<::core::option::Option<_rt::String>, Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::scan::part(id, scanner);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = scanner;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/scan@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "part"]
                        fn wit_import2(_: i32, _: *mut u8, _: usize, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import2(_rt::as_i32(&id), ptr0.cast_mut(), len0, ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result19 = match l3 {
                        0 => {
                            let e = {
                                let l4 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l4 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let l5 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l6 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len7 = l6;
                                            let bytes7 = _rt::Vec::from_raw_parts(
                                                l5.cast(),
                                                len7,
                                                len7,
                                            );
                                            _rt::string_lift(bytes7)
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                }
                            };
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l8 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V18;
                                let v18 = match l8 {
                                    0 => {
                                        let e18 = {
                                            let l9 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l10 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len11 = l10;
                                            let bytes11 = _rt::Vec::from_raw_parts(
                                                l9.cast(),
                                                len11,
                                                len11,
                                            );
                                            _rt::string_lift(bytes11)
                                        };
                                        V18::Invalid(e18)
                                    }
                                    1 => {
                                        let e18 = {
                                            let l12 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l13 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len14 = l13;
                                            let bytes14 = _rt::Vec::from_raw_parts(
                                                l12.cast(),
                                                len14,
                                                len14,
                                            );
                                            _rt::string_lift(bytes14)
                                        };
                                        V18::Unavailable(e18)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e18 = {
                                            let l15 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l16 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len17 = l16;
                                            let bytes17 = _rt::Vec::from_raw_parts(
                                                l15.cast(),
                                                len17,
                                                len17,
                                            );
                                            _rt::string_lift(bytes17)
                                        };
                                        V18::Limit(e18)
                                    }
                                };
                                v18
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result19
                }
            }
        }
        /// Questions to services outside, over HTTP, to the URLs that the configuration names for this plug-in
        /// (`[[plugin.service]]`) and to nothing else. For `process` only: calling it in `configure` fails the load.
        ///
        /// As young as `scan`.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        #[allow(unreachable_code)]
        pub mod http {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type Fault = super::super::super::mm4::filter::types::Fault;
            pub type HeaderField = super::super::super::mm4::filter::types::HeaderField;
            #[derive(Clone, PartialEq)]
            pub struct Request {
                /// In capitals: `GET`, `POST`.
                pub method: _rt::String,
                /// The whole URL, with its query: `https://numbers.example/v1/+15555550100`.
                pub url: _rt::String,
                /// Sent as they are. The relay writes `Host`, `Content-Length` and `Connection` itself, and adds the secrets that
                /// the configuration names, in place of fields of the same names.
                pub headers: _rt::Vec<HeaderField>,
                pub body: _rt::Vec<u8>,
            }
            impl ::core::fmt::Debug for Request {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Request")
                        .field("method", &self.method)
                        .field("url", &self.url)
                        .field("headers", &self.headers)
                        .field("body", &self.body)
                        .finish()
                }
            }
            #[derive(Clone, PartialEq)]
            pub struct Response {
                pub status: u16,
                /// Names in small letters; a value with octets that are no visible ASCII is left out.
                pub headers: _rt::Vec<HeaderField>,
                pub body: _rt::Vec<u8>,
            }
            impl ::core::fmt::Debug for Response {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Response")
                        .field("status", &self.status)
                        .field("headers", &self.headers)
                        .field("body", &self.body)
                        .finish()
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Asks once and waits for the whole answer. Any status is an answer, redirects too: they are not followed. The call's
            /// `time` goes on meanwhile, and the connection is closed when it is over.
            ///
            /// `invalid`: the request is not well-formed, or no service of the plug-in allows its method and URL; the text says
            /// what would have to be configured. `limit`: the body or the answer is larger than the service allows, or the call
            /// has used up the time or the number of questions that it has for this service. `unavailable`: the service did not
            /// answer, or is left alone because it did not before, or has as many calls as it takes.
            #[allow(async_fn_in_trait)]
            pub fn fetch(request: &Request) -> ::core::result::Result<Response, Fault> {
                #[cfg(not(target_family = "wasm"))]
                return crate::native::http::fetch(request);
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 6 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 6
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let Request {
                        method: method0,
                        url: url0,
                        headers: headers0,
                        body: body0,
                    } = request;
                    let vec1 = method0;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let vec2 = url0;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    let vec6 = headers0;
                    let len6 = vec6.len();
                    let layout6 = _rt::alloc::Layout::from_size_align(
                            vec6.len() * (4 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                    let (result6, _cleanup6) = wit_bindgen::rt::Cleanup::new(layout6);
                    for (i, e) in vec6.into_iter().enumerate() {
                        let base = result6
                            .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                        {
                            let super::super::super::mm4::filter::types::HeaderField {
                                name: name3,
                                value: value3,
                            } = e;
                            let vec4 = name3;
                            let ptr4 = vec4.as_ptr().cast::<u8>();
                            let len4 = vec4.len();
                            *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len4;
                            *base.add(0).cast::<*mut u8>() = ptr4.cast_mut();
                            let vec5 = value3;
                            let ptr5 = vec5.as_ptr().cast::<u8>();
                            let len5 = vec5.len();
                            *base
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len5;
                            *base
                                .add(2 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr5.cast_mut();
                        }
                    }
                    let vec7 = body0;
                    let ptr7 = vec7.as_ptr().cast::<u8>();
                    let len7 = vec7.len();
                    let ptr8 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "mm4:filter/http@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "fetch"]
                        fn wit_import9(
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import9(
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import9(
                        ptr1.cast_mut(),
                        len1,
                        ptr2.cast_mut(),
                        len2,
                        result6,
                        len6,
                        ptr7.cast_mut(),
                        len7,
                        ptr8,
                    );
                    let l10 = i32::from(*ptr8.add(0).cast::<u8>());
                    let result35 = match l10 {
                        0 => {
                            let e = {
                                let l11 = i32::from(
                                    *ptr8.add(::core::mem::size_of::<*const u8>()).cast::<u16>(),
                                );
                                let l12 = *ptr8
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l13 = *ptr8
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base20 = l12;
                                let len20 = l13;
                                let mut result20 = _rt::Vec::with_capacity(len20);
                                for i in 0..len20 {
                                    let base = base20
                                        .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                    let e20 = {
                                        let l14 = *base.add(0).cast::<*mut u8>();
                                        let l15 = *base
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let len16 = l15;
                                        let bytes16 = _rt::Vec::from_raw_parts(
                                            l14.cast(),
                                            len16,
                                            len16,
                                        );
                                        let l17 = *base
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l18 = *base
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let len19 = l18;
                                        let bytes19 = _rt::Vec::from_raw_parts(
                                            l17.cast(),
                                            len19,
                                            len19,
                                        );
                                        super::super::super::mm4::filter::types::HeaderField {
                                            name: _rt::string_lift(bytes16),
                                            value: _rt::string_lift(bytes19),
                                        }
                                    };
                                    result20.push(e20);
                                }
                                _rt::cabi_dealloc(
                                    base20,
                                    len20 * (4 * ::core::mem::size_of::<*const u8>()),
                                    ::core::mem::size_of::<*const u8>(),
                                );
                                let l21 = *ptr8
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l22 = *ptr8
                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let len23 = l22;
                                Response {
                                    status: l11 as u16,
                                    headers: result20,
                                    body: <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(l21.cast(), len23, len23)),
                                }
                            };
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l24 = i32::from(
                                    *ptr8.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                use super::super::super::mm4::filter::types::Fault as V34;
                                let v34 = match l24 {
                                    0 => {
                                        let e34 = {
                                            let l25 = *ptr8
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l26 = *ptr8
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len27 = l26;
                                            let bytes27 = _rt::Vec::from_raw_parts(
                                                l25.cast(),
                                                len27,
                                                len27,
                                            );
                                            _rt::string_lift(bytes27)
                                        };
                                        V34::Invalid(e34)
                                    }
                                    1 => {
                                        let e34 = {
                                            let l28 = *ptr8
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l29 = *ptr8
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len30 = l29;
                                            let bytes30 = _rt::Vec::from_raw_parts(
                                                l28.cast(),
                                                len30,
                                                len30,
                                            );
                                            _rt::string_lift(bytes30)
                                        };
                                        V34::Unavailable(e34)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 2, "invalid enum discriminant");
                                        let e34 = {
                                            let l31 = *ptr8
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l32 = *ptr8
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len33 = l32;
                                            let bytes33 = _rt::Vec::from_raw_parts(
                                                l31.cast(),
                                                len33,
                                                len33,
                                            );
                                            _rt::string_lift(bytes33)
                                        };
                                        V34::Limit(e34)
                                    }
                                };
                                v34
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result35
                }
            }
        }
    }
}
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod mm4 {
        pub mod filter {
            /// What a plug-in exports.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod plugin {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Fault = super::super::super::super::mm4::filter::types::Fault;
                pub type MessageType = super::super::super::super::mm4::filter::types::MessageType;
                pub type Occasion = super::super::super::super::mm4::filter::types::Occasion;
                pub type Verdict = super::super::super::super::mm4::filter::types::Verdict;
                wit_bindgen::rt::bitflags::bitflags! {
                    #[derive(PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Clone, Copy)]
                    pub struct Occasions : u8 { const ARRIVAL = 1 << 0; const DEPARTURE =
                    1 << 1; const OUTCOME = 1 << 2; }
                }
                /// What the plug-in is, and what it wants to see. What it does not want costs nothing: no instance is made.
                #[derive(Clone, PartialEq)]
                pub struct Description {
                    /// For humans: `mm4relay check`, charging records (`version`). Cut to 1,024 octets each. Logs and records name
                    /// the plug-in as the configuration does.
                    pub name: _rt::String,
                    pub version: _rt::String,
                    pub occasions: Occasions,
                    /// Empty: all types. An `outcome` has the type of the message that was sent.
                    pub message_types: _rt::Vec<MessageType>,
                    /// `image/jpeg`, `image/*`, in lower case. When not empty, `arrival` and `departure` come only with messages
                    /// that have such a part. `outcome` does not look at this.
                    pub media_types: _rt::Vec<_rt::String>,
                }
                impl ::core::fmt::Debug for Description {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Description")
                            .field("name", &self.name)
                            .field("version", &self.version)
                            .field("occasions", &self.occasions)
                            .field("message-types", &self.message_types)
                            .field("media-types", &self.media_types)
                            .finish()
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_describe_cabi<T_: Guest>() -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::describe() };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        let Description {
                            name: name2,
                            version: version2,
                            occasions: occasions2,
                            message_types: message_types2,
                            media_types: media_types2,
                        } = result0;
                        let vec3 = (name2.into_bytes()).into_boxed_slice();
                        let ptr3 = vec3.as_ptr().cast::<u8>();
                        let len3 = vec3.len();
                        ::core::mem::forget(vec3);
                        *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len3;
                        *ptr1.add(0).cast::<*mut u8>() = ptr3.cast_mut();
                        let vec4 = (version2.into_bytes()).into_boxed_slice();
                        let ptr4 = vec4.as_ptr().cast::<u8>();
                        let len4 = vec4.len();
                        ::core::mem::forget(vec4);
                        *ptr1
                            .add(3 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len4;
                        *ptr1
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = ptr4.cast_mut();
                        let flags5 = occasions2;
                        *ptr1
                            .add(4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = ((flags5.bits() >> 0) as i32) as u8;
                        let vec6 = message_types2;
                        let len6 = vec6.len();
                        let layout6 = _rt::alloc::Layout::from_size_align(
                                vec6.len() * 1,
                                1,
                            )
                            .unwrap();
                        let (result6, _cleanup6) = wit_bindgen::rt::Cleanup::new(
                            layout6,
                        );
                        if let Some(cleanup) = _cleanup6 {
                            cleanup.forget();
                        }
                        for (i, e) in vec6.into_iter().enumerate() {
                            let base = result6.add(i * 1);
                            {
                                *base.add(0).cast::<u8>() = (e.clone() as i32) as u8;
                            }
                        }
                        *ptr1
                            .add(6 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len6;
                        *ptr1
                            .add(5 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = result6;
                        let vec8 = media_types2;
                        let len8 = vec8.len();
                        let layout8 = _rt::alloc::Layout::from_size_align(
                                vec8.len() * (2 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            )
                            .unwrap();
                        let (result8, _cleanup8) = wit_bindgen::rt::Cleanup::new(
                            layout8,
                        );
                        if let Some(cleanup) = _cleanup8 {
                            cleanup.forget();
                        }
                        for (i, e) in vec8.into_iter().enumerate() {
                            let base = result8
                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                            {
                                let vec7 = (e.into_bytes()).into_boxed_slice();
                                let ptr7 = vec7.as_ptr().cast::<u8>();
                                let len7 = vec7.len();
                                ::core::mem::forget(vec7);
                                *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len7;
                                *base.add(0).cast::<*mut u8>() = ptr7.cast_mut();
                            }
                        }
                        *ptr1
                            .add(8 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len8;
                        *ptr1
                            .add(7 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = result8;
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_describe<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = *arg0.add(0).cast::<*mut u8>();
                        let l1 = *arg0
                            .add(::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l0, l1, 1);
                        let l2 = *arg0
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l3 = *arg0
                            .add(3 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l2, l3, 1);
                        let l4 = *arg0
                            .add(5 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l5 = *arg0
                            .add(6 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        let base6 = l4;
                        let len6 = l5;
                        _rt::cabi_dealloc(base6, len6 * 1, 1);
                        let l7 = *arg0
                            .add(7 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l8 = *arg0
                            .add(8 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        let base11 = l7;
                        let len11 = l8;
                        for i in 0..len11 {
                            let base = base11
                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                            {
                                let l9 = *base.add(0).cast::<*mut u8>();
                                let l10 = *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l9, l10, 1);
                            }
                        }
                        _rt::cabi_dealloc(
                            base11,
                            len11 * (2 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        );
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_configure_cabi<T_: Guest>() -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::configure() };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(_) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                let vec2 = (e.into_bytes()).into_boxed_slice();
                                let ptr2 = vec2.as_ptr().cast::<u8>();
                                let len2 = vec2.len();
                                ::core::mem::forget(vec2);
                                *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len2;
                                *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr2.cast_mut();
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_configure<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l2 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l1, l2, 1);
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_process_cabi<T_: Guest>(arg0: *mut u8) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result66 = {
                            let l0 = i32::from(*arg0.add(0).cast::<u8>());
                            use super::super::super::super::mm4::filter::types::Occasion as V65;
                            let v65 = match l0 {
                                0 => V65::Arrival,
                                1 => {
                                    let e65 = {
                                        let l1 = *arg0.add(8).cast::<*mut u8>();
                                        let l2 = *arg0
                                            .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let len3 = l2;
                                        let bytes3 = _rt::Vec::from_raw_parts(
                                            l1.cast(),
                                            len3,
                                            len3,
                                        );
                                        let l4 = *arg0
                                            .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l5 = *arg0
                                            .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let len6 = l5;
                                        let bytes6 = _rt::Vec::from_raw_parts(
                                            l4.cast(),
                                            len6,
                                            len6,
                                        );
                                        let l7 = i32::from(
                                            *arg0
                                                .add(8 + 4 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        let l8 = i32::from(
                                            *arg0
                                                .add(8 + 5 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        let l12 = i32::from(
                                            *arg0
                                                .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        let l14 = i32::from(
                                            *arg0
                                                .add(24 + 8 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        let l16 = i32::from(
                                            *arg0
                                                .add(40 + 8 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        let l18 = i32::from(
                                            *arg0
                                                .add(48 + 8 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        super::super::super::super::mm4::filter::types::Destination {
                                            peer: _rt::string_lift(bytes3),
                                            domain: _rt::string_lift(bytes6),
                                            inside: _rt::bool_lift(l7 as u8),
                                            content_class: match l8 {
                                                0 => None,
                                                1 => {
                                                    let e = {
                                                        let l9 = *arg0
                                                            .add(8 + 6 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l10 = *arg0
                                                            .add(8 + 7 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        let len11 = l10;
                                                        let bytes11 = _rt::Vec::from_raw_parts(
                                                            l9.cast(),
                                                            len11,
                                                            len11,
                                                        );
                                                        _rt::string_lift(bytes11)
                                                    };
                                                    Some(e)
                                                }
                                                _ => _rt::invalid_enum_discriminant(),
                                            },
                                            max_message_size: match l12 {
                                                0 => None,
                                                1 => {
                                                    let e = {
                                                        let l13 = *arg0
                                                            .add(16 + 8 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<i64>();
                                                        l13 as u64
                                                    };
                                                    Some(e)
                                                }
                                                _ => _rt::invalid_enum_discriminant(),
                                            },
                                            max_image_size: match l14 {
                                                0 => None,
                                                1 => {
                                                    let e = {
                                                        let l15 = *arg0
                                                            .add(32 + 8 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<i64>();
                                                        l15 as u64
                                                    };
                                                    Some(e)
                                                }
                                                _ => _rt::invalid_enum_discriminant(),
                                            },
                                            max_image_width: match l16 {
                                                0 => None,
                                                1 => {
                                                    let e = {
                                                        let l17 = *arg0
                                                            .add(44 + 8 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<i32>();
                                                        l17 as u32
                                                    };
                                                    Some(e)
                                                }
                                                _ => _rt::invalid_enum_discriminant(),
                                            },
                                            max_image_height: match l18 {
                                                0 => None,
                                                1 => {
                                                    let e = {
                                                        let l19 = *arg0
                                                            .add(52 + 8 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<i32>();
                                                        l19 as u32
                                                    };
                                                    Some(e)
                                                }
                                                _ => _rt::invalid_enum_discriminant(),
                                            },
                                        }
                                    };
                                    V65::Departure(e65)
                                }
                                n => {
                                    debug_assert_eq!(n, 2, "invalid enum discriminant");
                                    let e65 = {
                                        let l20 = i32::from(*arg0.add(8).cast::<u8>());
                                        use super::super::super::super::mm4::filter::types::Outcome as V64;
                                        let v64 = match l20 {
                                            0 => {
                                                let e64 = {
                                                    let l21 = *arg0
                                                        .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l22 = *arg0
                                                        .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len23 = l22;
                                                    let bytes23 = _rt::Vec::from_raw_parts(
                                                        l21.cast(),
                                                        len23,
                                                        len23,
                                                    );
                                                    let l24 = *arg0
                                                        .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l25 = *arg0
                                                        .add(8 + 4 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len26 = l25;
                                                    let bytes26 = _rt::Vec::from_raw_parts(
                                                        l24.cast(),
                                                        len26,
                                                        len26,
                                                    );
                                                    let l27 = i32::from(
                                                        *arg0
                                                            .add(8 + 5 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u16>(),
                                                    );
                                                    let l28 = *arg0
                                                        .add(8 + 6 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l29 = *arg0
                                                        .add(8 + 7 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len30 = l29;
                                                    let bytes30 = _rt::Vec::from_raw_parts(
                                                        l28.cast(),
                                                        len30,
                                                        len30,
                                                    );
                                                    let l31 = *arg0
                                                        .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<i32>();
                                                    super::super::super::super::mm4::filter::types::Delivery {
                                                        peer: _rt::string_lift(bytes23),
                                                        host: _rt::string_lift(bytes26),
                                                        code: l27 as u16,
                                                        text: _rt::string_lift(bytes30),
                                                        attempts: l31 as u32,
                                                    }
                                                };
                                                V64::Delivered(e64)
                                            }
                                            1 => {
                                                let e64 = {
                                                    let l32 = *arg0
                                                        .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l33 = *arg0
                                                        .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len34 = l33;
                                                    let bytes34 = _rt::Vec::from_raw_parts(
                                                        l32.cast(),
                                                        len34,
                                                        len34,
                                                    );
                                                    let l35 = *arg0
                                                        .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l36 = *arg0
                                                        .add(8 + 4 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len37 = l36;
                                                    let bytes37 = _rt::Vec::from_raw_parts(
                                                        l35.cast(),
                                                        len37,
                                                        len37,
                                                    );
                                                    let l38 = i32::from(
                                                        *arg0
                                                            .add(8 + 5 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u16>(),
                                                    );
                                                    let l39 = *arg0
                                                        .add(8 + 6 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l40 = *arg0
                                                        .add(8 + 7 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len41 = l40;
                                                    let bytes41 = _rt::Vec::from_raw_parts(
                                                        l39.cast(),
                                                        len41,
                                                        len41,
                                                    );
                                                    let l42 = *arg0
                                                        .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<i32>();
                                                    super::super::super::super::mm4::filter::types::Delivery {
                                                        peer: _rt::string_lift(bytes34),
                                                        host: _rt::string_lift(bytes37),
                                                        code: l38 as u16,
                                                        text: _rt::string_lift(bytes41),
                                                        attempts: l42 as u32,
                                                    }
                                                };
                                                V64::Failed(e64)
                                            }
                                            2 => {
                                                let e64 = {
                                                    let l43 = *arg0
                                                        .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l44 = *arg0
                                                        .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len45 = l44;
                                                    let bytes45 = _rt::Vec::from_raw_parts(
                                                        l43.cast(),
                                                        len45,
                                                        len45,
                                                    );
                                                    let l46 = *arg0
                                                        .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l47 = *arg0
                                                        .add(8 + 4 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len48 = l47;
                                                    let bytes48 = _rt::Vec::from_raw_parts(
                                                        l46.cast(),
                                                        len48,
                                                        len48,
                                                    );
                                                    let l49 = i32::from(
                                                        *arg0
                                                            .add(8 + 5 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u16>(),
                                                    );
                                                    let l50 = *arg0
                                                        .add(8 + 6 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l51 = *arg0
                                                        .add(8 + 7 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len52 = l51;
                                                    let bytes52 = _rt::Vec::from_raw_parts(
                                                        l50.cast(),
                                                        len52,
                                                        len52,
                                                    );
                                                    let l53 = *arg0
                                                        .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<i32>();
                                                    super::super::super::super::mm4::filter::types::Delivery {
                                                        peer: _rt::string_lift(bytes45),
                                                        host: _rt::string_lift(bytes48),
                                                        code: l49 as u16,
                                                        text: _rt::string_lift(bytes52),
                                                        attempts: l53 as u32,
                                                    }
                                                };
                                                V64::Expired(e64)
                                            }
                                            n => {
                                                debug_assert_eq!(n, 3, "invalid enum discriminant");
                                                let e64 = {
                                                    let l54 = *arg0
                                                        .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l55 = *arg0
                                                        .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len56 = l55;
                                                    let bytes56 = _rt::Vec::from_raw_parts(
                                                        l54.cast(),
                                                        len56,
                                                        len56,
                                                    );
                                                    let l57 = *arg0
                                                        .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<*mut u8>();
                                                    let l58 = *arg0
                                                        .add(8 + 4 * ::core::mem::size_of::<*const u8>())
                                                        .cast::<usize>();
                                                    let len59 = l58;
                                                    let bytes59 = _rt::Vec::from_raw_parts(
                                                        l57.cast(),
                                                        len59,
                                                        len59,
                                                    );
                                                    let l60 = i32::from(
                                                        *arg0
                                                            .add(8 + 5 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<u8>(),
                                                    );
                                                    super::super::super::super::mm4::filter::types::Response {
                                                        peer: _rt::string_lift(bytes56),
                                                        status: _rt::string_lift(bytes59),
                                                        text: match l60 {
                                                            0 => None,
                                                            1 => {
                                                                let e = {
                                                                    let l61 = *arg0
                                                                        .add(8 + 6 * ::core::mem::size_of::<*const u8>())
                                                                        .cast::<*mut u8>();
                                                                    let l62 = *arg0
                                                                        .add(8 + 7 * ::core::mem::size_of::<*const u8>())
                                                                        .cast::<usize>();
                                                                    let len63 = l62;
                                                                    let bytes63 = _rt::Vec::from_raw_parts(
                                                                        l61.cast(),
                                                                        len63,
                                                                        len63,
                                                                    );
                                                                    _rt::string_lift(bytes63)
                                                                };
                                                                Some(e)
                                                            }
                                                            _ => _rt::invalid_enum_discriminant(),
                                                        },
                                                    }
                                                };
                                                V64::Response(e64)
                                            }
                                        };
                                        v64
                                    };
                                    V65::Outcome(e65)
                                }
                            };
                            T_::process(v65)
                        };
                        _rt::cabi_dealloc(
                            arg0,
                            56 + 8 * ::core::mem::size_of::<*const u8>(),
                            8,
                        );
                        let ptr67 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result66 {
                            Ok(e) => {
                                *ptr67.add(0).cast::<u8>() = (0i32) as u8;
                                use super::super::super::super::mm4::filter::types::Verdict as V89;
                                match e {
                                    V89::Pass => {
                                        *ptr67
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                    }
                                    V89::Edit(e) => {
                                        *ptr67
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let vec84 = e;
                                        let len84 = vec84.len();
                                        let layout84 = _rt::alloc::Layout::from_size_align(
                                                vec84.len() * (8 * ::core::mem::size_of::<*const u8>()),
                                                ::core::mem::size_of::<*const u8>(),
                                            )
                                            .unwrap();
                                        let (result84, _cleanup84) = wit_bindgen::rt::Cleanup::new(
                                            layout84,
                                        );
                                        if let Some(cleanup) = _cleanup84 {
                                            cleanup.forget();
                                        }
                                        for (i, e) in vec84.into_iter().enumerate() {
                                            let base = result84
                                                .add(i * (8 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                use super::super::super::super::mm4::filter::types::Edit as V83;
                                                match e {
                                                    V83::SetHeader(e) => {
                                                        *base.add(0).cast::<u8>() = (0i32) as u8;
                                                        let super::super::super::super::mm4::filter::types::HeaderField {
                                                            name: name68,
                                                            value: value68,
                                                        } = e;
                                                        let vec69 = (name68.into_bytes()).into_boxed_slice();
                                                        let ptr69 = vec69.as_ptr().cast::<u8>();
                                                        let len69 = vec69.len();
                                                        ::core::mem::forget(vec69);
                                                        *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len69;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr69.cast_mut();
                                                        let vec70 = (value68.into_bytes()).into_boxed_slice();
                                                        let ptr70 = vec70.as_ptr().cast::<u8>();
                                                        let len70 = vec70.len();
                                                        ::core::mem::forget(vec70);
                                                        *base
                                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len70;
                                                        *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr70.cast_mut();
                                                    }
                                                    V83::RemoveHeader(e) => {
                                                        *base.add(0).cast::<u8>() = (1i32) as u8;
                                                        let vec71 = (e.into_bytes()).into_boxed_slice();
                                                        let ptr71 = vec71.as_ptr().cast::<u8>();
                                                        let len71 = vec71.len();
                                                        ::core::mem::forget(vec71);
                                                        *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len71;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr71.cast_mut();
                                                    }
                                                    V83::SetOriginator(e) => {
                                                        *base.add(0).cast::<u8>() = (2i32) as u8;
                                                        let vec72 = (e.into_bytes()).into_boxed_slice();
                                                        let ptr72 = vec72.as_ptr().cast::<u8>();
                                                        let len72 = vec72.len();
                                                        ::core::mem::forget(vec72);
                                                        *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len72;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr72.cast_mut();
                                                    }
                                                    V83::SetRecipient(e) => {
                                                        *base.add(0).cast::<u8>() = (3i32) as u8;
                                                        let super::super::super::super::mm4::filter::types::SetRecipient {
                                                            id: id73,
                                                            address: address73,
                                                        } = e;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<i32>() = _rt::as_i32(id73);
                                                        let vec74 = (address73.into_bytes()).into_boxed_slice();
                                                        let ptr74 = vec74.as_ptr().cast::<u8>();
                                                        let len74 = vec74.len();
                                                        ::core::mem::forget(vec74);
                                                        *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len74;
                                                        *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr74.cast_mut();
                                                    }
                                                    V83::AddRecipient(e) => {
                                                        *base.add(0).cast::<u8>() = (4i32) as u8;
                                                        let vec75 = (e.into_bytes()).into_boxed_slice();
                                                        let ptr75 = vec75.as_ptr().cast::<u8>();
                                                        let len75 = vec75.len();
                                                        ::core::mem::forget(vec75);
                                                        *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len75;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr75.cast_mut();
                                                    }
                                                    V83::DropRecipient(e) => {
                                                        *base.add(0).cast::<u8>() = (5i32) as u8;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<i32>() = _rt::as_i32(e);
                                                    }
                                                    V83::Route(e) => {
                                                        *base.add(0).cast::<u8>() = (6i32) as u8;
                                                        let super::super::super::super::mm4::filter::types::Route {
                                                            recipient: recipient76,
                                                            peer: peer76,
                                                        } = e;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<i32>() = _rt::as_i32(recipient76);
                                                        let vec77 = (peer76.into_bytes()).into_boxed_slice();
                                                        let ptr77 = vec77.as_ptr().cast::<u8>();
                                                        let len77 = vec77.len();
                                                        ::core::mem::forget(vec77);
                                                        *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>() = len77;
                                                        *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>() = ptr77.cast_mut();
                                                    }
                                                    V83::ReplacePart(e) => {
                                                        *base.add(0).cast::<u8>() = (7i32) as u8;
                                                        let super::super::super::super::mm4::filter::types::ReplacePart {
                                                            id: id78,
                                                            body: body78,
                                                            name: name78,
                                                        } = e;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<i32>() = _rt::as_i32(id78);
                                                        *base
                                                            .add(4 + 1 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<i32>() = (body78).take_handle() as i32;
                                                        match name78 {
                                                            Some(e) => {
                                                                *base
                                                                    .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<u8>() = (1i32) as u8;
                                                                let vec79 = (e.into_bytes()).into_boxed_slice();
                                                                let ptr79 = vec79.as_ptr().cast::<u8>();
                                                                let len79 = vec79.len();
                                                                ::core::mem::forget(vec79);
                                                                *base
                                                                    .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<usize>() = len79;
                                                                *base
                                                                    .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<*mut u8>() = ptr79.cast_mut();
                                                            }
                                                            None => {
                                                                *base
                                                                    .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<u8>() = (0i32) as u8;
                                                            }
                                                        };
                                                    }
                                                    V83::RemovePart(e) => {
                                                        *base.add(0).cast::<u8>() = (8i32) as u8;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<i32>() = _rt::as_i32(e);
                                                    }
                                                    V83::AddPart(e) => {
                                                        *base.add(0).cast::<u8>() = (9i32) as u8;
                                                        let super::super::super::super::mm4::filter::types::AddPart {
                                                            body: body80,
                                                            name: name80,
                                                            content_id: content_id80,
                                                        } = e;
                                                        *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<i32>() = (body80).take_handle() as i32;
                                                        match name80 {
                                                            Some(e) => {
                                                                *base
                                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<u8>() = (1i32) as u8;
                                                                let vec81 = (e.into_bytes()).into_boxed_slice();
                                                                let ptr81 = vec81.as_ptr().cast::<u8>();
                                                                let len81 = vec81.len();
                                                                ::core::mem::forget(vec81);
                                                                *base
                                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<usize>() = len81;
                                                                *base
                                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<*mut u8>() = ptr81.cast_mut();
                                                            }
                                                            None => {
                                                                *base
                                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<u8>() = (0i32) as u8;
                                                            }
                                                        };
                                                        match content_id80 {
                                                            Some(e) => {
                                                                *base
                                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<u8>() = (1i32) as u8;
                                                                let vec82 = (e.into_bytes()).into_boxed_slice();
                                                                let ptr82 = vec82.as_ptr().cast::<u8>();
                                                                let len82 = vec82.len();
                                                                ::core::mem::forget(vec82);
                                                                *base
                                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<usize>() = len82;
                                                                *base
                                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<*mut u8>() = ptr82.cast_mut();
                                                            }
                                                            None => {
                                                                *base
                                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<u8>() = (0i32) as u8;
                                                            }
                                                        };
                                                    }
                                                }
                                            }
                                        }
                                        *ptr67
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len84;
                                        *ptr67
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = result84;
                                    }
                                    V89::Refuse(e) => {
                                        *ptr67
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let super::super::super::super::mm4::filter::types::Refusal {
                                            code: code85,
                                            text: text85,
                                        } = e;
                                        *ptr67
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u16>() = (_rt::as_i32(code85)) as u16;
                                        let vec86 = (text85.into_bytes()).into_boxed_slice();
                                        let ptr86 = vec86.as_ptr().cast::<u8>();
                                        let len86 = vec86.len();
                                        ::core::mem::forget(vec86);
                                        *ptr67
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len86;
                                        *ptr67
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr86.cast_mut();
                                    }
                                    V89::Hold(e) => {
                                        *ptr67
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (3i32) as u8;
                                        let vec87 = (e.into_bytes()).into_boxed_slice();
                                        let ptr87 = vec87.as_ptr().cast::<u8>();
                                        let len87 = vec87.len();
                                        ::core::mem::forget(vec87);
                                        *ptr67
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len87;
                                        *ptr67
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr87.cast_mut();
                                    }
                                    V89::Discard(e) => {
                                        *ptr67
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (4i32) as u8;
                                        let vec88 = (e.into_bytes()).into_boxed_slice();
                                        let ptr88 = vec88.as_ptr().cast::<u8>();
                                        let len88 = vec88.len();
                                        ::core::mem::forget(vec88);
                                        *ptr67
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len88;
                                        *ptr67
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr88.cast_mut();
                                    }
                                }
                            }
                            Err(e) => {
                                *ptr67.add(0).cast::<u8>() = (1i32) as u8;
                                use super::super::super::super::mm4::filter::types::Fault as V93;
                                match e {
                                    V93::Invalid(e) => {
                                        *ptr67
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let vec90 = (e.into_bytes()).into_boxed_slice();
                                        let ptr90 = vec90.as_ptr().cast::<u8>();
                                        let len90 = vec90.len();
                                        ::core::mem::forget(vec90);
                                        *ptr67
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len90;
                                        *ptr67
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr90.cast_mut();
                                    }
                                    V93::Unavailable(e) => {
                                        *ptr67
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let vec91 = (e.into_bytes()).into_boxed_slice();
                                        let ptr91 = vec91.as_ptr().cast::<u8>();
                                        let len91 = vec91.len();
                                        ::core::mem::forget(vec91);
                                        *ptr67
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len91;
                                        *ptr67
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr91.cast_mut();
                                    }
                                    V93::Limit(e) => {
                                        *ptr67
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                        let vec92 = (e.into_bytes()).into_boxed_slice();
                                        let ptr92 = vec92.as_ptr().cast::<u8>();
                                        let len92 = vec92.len();
                                        ::core::mem::forget(vec92);
                                        *ptr67
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len92;
                                        *ptr67
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr92.cast_mut();
                                    }
                                }
                            }
                        };
                        ptr67
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_process<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {}
                                    1 => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base28 = l2;
                                        let len28 = l3;
                                        for i in 0..len28 {
                                            let base = base28
                                                .add(i * (8 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let l4 = i32::from(*base.add(0).cast::<u8>());
                                                match l4 {
                                                    0 => {
                                                        let l5 = *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l6 = *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l5, l6, 1);
                                                        let l7 = *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l8 = *base
                                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l7, l8, 1);
                                                    }
                                                    1 => {
                                                        let l9 = *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l10 = *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l9, l10, 1);
                                                    }
                                                    2 => {
                                                        let l11 = *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l12 = *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l11, l12, 1);
                                                    }
                                                    3 => {
                                                        let l13 = *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l14 = *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l13, l14, 1);
                                                    }
                                                    4 => {
                                                        let l15 = *base
                                                            .add(::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l16 = *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l15, l16, 1);
                                                    }
                                                    5 => {}
                                                    6 => {
                                                        let l17 = *base
                                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<*mut u8>();
                                                        let l18 = *base
                                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                                            .cast::<usize>();
                                                        _rt::cabi_dealloc(l17, l18, 1);
                                                    }
                                                    7 => {
                                                        let l19 = i32::from(
                                                            *base
                                                                .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                                                                .cast::<u8>(),
                                                        );
                                                        match l19 {
                                                            0 => {}
                                                            _ => {
                                                                let l20 = *base
                                                                    .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<*mut u8>();
                                                                let l21 = *base
                                                                    .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<usize>();
                                                                _rt::cabi_dealloc(l20, l21, 1);
                                                            }
                                                        }
                                                    }
                                                    8 => {}
                                                    _ => {
                                                        let l22 = i32::from(
                                                            *base
                                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                                .cast::<u8>(),
                                                        );
                                                        match l22 {
                                                            0 => {}
                                                            _ => {
                                                                let l23 = *base
                                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<*mut u8>();
                                                                let l24 = *base
                                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<usize>();
                                                                _rt::cabi_dealloc(l23, l24, 1);
                                                            }
                                                        }
                                                        let l25 = i32::from(
                                                            *base
                                                                .add(5 * ::core::mem::size_of::<*const u8>())
                                                                .cast::<u8>(),
                                                        );
                                                        match l25 {
                                                            0 => {}
                                                            _ => {
                                                                let l26 = *base
                                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<*mut u8>();
                                                                let l27 = *base
                                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                                    .cast::<usize>();
                                                                _rt::cabi_dealloc(l26, l27, 1);
                                                            }
                                                        }
                                                    }
                                                }
                                            }
                                        }
                                        _rt::cabi_dealloc(
                                            base28,
                                            len28 * (8 * ::core::mem::size_of::<*const u8>()),
                                            ::core::mem::size_of::<*const u8>(),
                                        );
                                    }
                                    2 => {
                                        let l29 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l30 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l29, l30, 1);
                                    }
                                    3 => {
                                        let l31 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l32 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l31, l32, 1);
                                    }
                                    _ => {
                                        let l33 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l34 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l33, l34, 1);
                                    }
                                }
                            }
                            _ => {
                                let l35 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l35 {
                                    0 => {
                                        let l36 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l37 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l36, l37, 1);
                                    }
                                    1 => {
                                        let l38 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l39 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l38, l39, 1);
                                    }
                                    _ => {
                                        let l40 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l41 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l40, l41, 1);
                                    }
                                }
                            }
                        }
                    }
                }
                pub trait Guest {
                    /// Called once per load, before `configure` and in the same instance. Must not depend on the configuration.
                    #[allow(async_fn_in_trait)]
                    fn describe() -> Description;
                    /// Called once per load, and again at every reload of the configuration, in a new instance. Reads its settings
                    /// through `config`, checks them, builds what `process` needs. The instance's memory is kept afterwards; handles
                    /// and open resources must not be (printing opens one: use `log`).
                    ///
                    /// It may call `config`, `tables`, `log` and `clock`. All the others belong to a message, and calling them here fails
                    /// the load. Random numbers that are drawn here through WASI are part of the snapshot, the same in every instance.
                    ///
                    /// `describe` and `configure` together have `configure-time` (default 10 s of wall time) and `memory` (default 128
                    /// MiB). The text of an error is shown to the operator, cut to 1,024 octets, and the version does not go live: say
                    /// which setting is wrong, and what would be right.
                    #[allow(async_fn_in_trait)]
                    fn configure() -> ::core::result::Result<(), _rt::String>;
                    /// Called once per instance: once for each message and occasion that `describe` asked for. It has `time` plus
                    /// `time-per-mib` for each MiB of the message as received (defaults 250 ms and 1 s, of wall time), and `memory`.
                    /// A `fault` means that the plug-in could not decide; the configured `on-failure` does then.
                    #[allow(async_fn_in_trait)]
                    fn process(
                        occasion: Occasion,
                    ) -> ::core::result::Result<Verdict, Fault>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_mm4_filter_plugin_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "mm4:filter/plugin@0.1.0#describe")] unsafe extern "C" fn
                        export_describe() -> * mut u8 { unsafe { $($path_to_types)*::
                        _export_describe_cabi::<$ty > () } } #[unsafe (export_name =
                        "cabi_post_mm4:filter/plugin@0.1.0#describe")] unsafe extern "C"
                        fn _post_return_describe(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_describe::<$ty > (arg0) } }
                        #[unsafe (export_name = "mm4:filter/plugin@0.1.0#configure")]
                        unsafe extern "C" fn export_configure() -> * mut u8 { unsafe {
                        $($path_to_types)*:: _export_configure_cabi::<$ty > () } }
                        #[unsafe (export_name =
                        "cabi_post_mm4:filter/plugin@0.1.0#configure")] unsafe extern "C"
                        fn _post_return_configure(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_configure::<$ty > (arg0) } }
                        #[unsafe (export_name = "mm4:filter/plugin@0.1.0#process")]
                        unsafe extern "C" fn export_process(arg0 : * mut u8,) -> * mut u8
                        { unsafe { $($path_to_types)*:: _export_process_cabi::<$ty >
                        (arg0) } } #[unsafe (export_name =
                        "cabi_post_mm4:filter/plugin@0.1.0#process")] unsafe extern "C"
                        fn _post_return_process(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_process::<$ty > (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_mm4_filter_plugin_0_1_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea(
                    [::core::mem::MaybeUninit<
                        u8,
                    >; 9 * ::core::mem::size_of::<*const u8>()],
                );
                static mut _RET_AREA: _RetArea = _RetArea(
                    [::core::mem::MaybeUninit::uninit(); 9
                        * ::core::mem::size_of::<*const u8>()],
                );
            }
        }
    }
}
mod _rt {
    #![allow(dead_code, unused_imports, clippy::all)]
    pub use alloc_crate::string::String;
    use core::fmt;
    use core::marker;
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
    /// A type which represents a component model resource, either imported or
    /// exported into this component.
    ///
    /// This is a low-level wrapper which handles the lifetime of the resource
    /// (namely this has a destructor). The `T` provided defines the component model
    /// intrinsics that this wrapper uses.
    ///
    /// One of the chief purposes of this type is to provide `Deref` implementations
    /// to access the underlying data when it is owned.
    ///
    /// This type is primarily used in generated code for exported and imported
    /// resources.
    #[repr(transparent)]
    pub struct Resource<T: WasmResource> {
        handle: AtomicU32,
        _marker: marker::PhantomData<T>,
    }
    /// A trait which all wasm resources implement, namely providing the ability to
    /// drop a resource.
    ///
    /// This generally is implemented by generated code, not user-facing code.
    #[allow(clippy::missing_safety_doc)]
    pub unsafe trait WasmResource {
        /// Invokes the `[resource-drop]...` intrinsic.
        unsafe fn drop(handle: u32);
    }
    impl<T: WasmResource> Resource<T> {
        #[doc(hidden)]
        pub unsafe fn from_handle(handle: u32) -> Self {
            debug_assert!(handle != 0 && handle != u32::MAX);
            Self {
                handle: AtomicU32::new(handle),
                _marker: marker::PhantomData,
            }
        }
        /// Takes ownership of the handle owned by `resource`.
        ///
        /// Note that this ideally would be `into_handle` taking `Resource<T>` by
        /// ownership. The code generator does not enable that in all situations,
        /// unfortunately, so this is provided instead.
        ///
        /// Also note that `take_handle` is in theory only ever called on values
        /// owned by a generated function. For example a generated function might
        /// take `Resource<T>` as an argument but then call `take_handle` on a
        /// reference to that argument. In that sense the dynamic nature of
        /// `take_handle` should only be exposed internally to generated code, not
        /// to user code.
        #[doc(hidden)]
        pub fn take_handle(resource: &Resource<T>) -> u32 {
            resource.handle.swap(u32::MAX, Relaxed)
        }
        #[doc(hidden)]
        pub fn handle(resource: &Resource<T>) -> u32 {
            resource.handle.load(Relaxed)
        }
    }
    impl<T: WasmResource> fmt::Debug for Resource<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Resource").field("handle", &self.handle).finish()
        }
    }
    impl<T: WasmResource> Drop for Resource<T> {
        fn drop(&mut self) {
            unsafe {
                match self.handle.load(Relaxed) {
                    u32::MAX => {}
                    other => T::drop(other),
                }
            }
        }
    }
    pub use alloc_crate::vec::Vec;
    pub unsafe fn string_lift(bytes: Vec<u8>) -> String {
        if cfg!(debug_assertions) {
            String::from_utf8(bytes).unwrap()
        } else {
            unsafe { String::from_utf8_unchecked(bytes) }
        }
    }
    pub unsafe fn invalid_enum_discriminant<T>() -> T {
        if cfg!(debug_assertions) {
            panic!("invalid enum discriminant")
        } else {
            unsafe { core::hint::unreachable_unchecked() }
        }
    }
    pub unsafe fn bool_lift(val: u8) -> bool {
        if cfg!(debug_assertions) {
            match val {
                0 => false,
                1 => true,
                _ => panic!("invalid bool discriminant"),
            }
        } else {
            val != 0
        }
    }
    pub unsafe fn cabi_dealloc(ptr: *mut u8, size: usize, align: usize) {
        if size == 0 {
            return;
        }
        unsafe {
            let layout = alloc::Layout::from_size_align_unchecked(size, align);
            alloc::dealloc(ptr, layout);
        }
    }
    pub fn as_i32<T: AsI32>(t: T) -> i32 {
        t.as_i32()
    }
    pub trait AsI32 {
        fn as_i32(self) -> i32;
    }
    impl<'a, T: Copy + AsI32> AsI32 for &'a T {
        fn as_i32(self) -> i32 {
            (*self).as_i32()
        }
    }
    impl AsI32 for i32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for char {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for usize {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    pub fn as_i64<T: AsI64>(t: T) -> i64 {
        t.as_i64()
    }
    pub trait AsI64 {
        fn as_i64(self) -> i64;
    }
    impl<'a, T: Copy + AsI64> AsI64 for &'a T {
        fn as_i64(self) -> i64 {
            (*self).as_i64()
        }
    }
    impl AsI64 for i64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    impl AsI64 for u64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    pub fn as_f64<T: AsF64>(t: T) -> f64 {
        t.as_f64()
    }
    pub trait AsF64 {
        fn as_f64(self) -> f64;
    }
    impl<'a, T: Copy + AsF64> AsF64 for &'a T {
        fn as_f64(self) -> f64 {
            (*self).as_f64()
        }
    }
    impl AsF64 for f64 {
        #[inline]
        fn as_f64(self) -> f64 {
            self as f64
        }
    }
    pub use alloc_crate::alloc;
    #[cfg(target_arch = "wasm32")]
    pub fn run_ctors_once() {
        wit_bindgen::rt::run_ctors_once();
    }
    extern crate alloc as alloc_crate;
}
/// Generates `#[unsafe(no_mangle)]` functions to export the specified type as
/// the root implementation of all generated traits.
///
/// For more information see the documentation of `wit_bindgen::generate!`.
///
/// ```rust
/// # macro_rules! export{ ($($t:tt)*) => (); }
/// # trait Guest {}
/// struct MyType;
///
/// impl Guest for MyType {
///     // ...
/// }
///
/// export!(MyType);
/// ```
#[allow(unused_macros)]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_filter_impl {
    ($ty:ident) => {
        mm4_filter::bindings::export!($ty with_types_in mm4_filter::bindings);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::mm4::filter::plugin::__export_mm4_filter_plugin_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::mm4::filter::plugin); const _ :
        () = { #[cfg(target_arch = "wasm32")] #[unsafe (link_section =
        "component-type:wit-bindgen:0.63.0:mm4:filter@0.1.0:filter:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 4289] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xc4\x20\x01A\x02\x01\
A$\x01B3\x01m\x07\x0fforward-request\x10forward-response\x17delivery-report-requ\
est\x18delivery-report-response\x19read-reply-report-request\x1aread-reply-repor\
t-response\x05other\x04\0\x0cmessage-type\x03\0\0\x01m\x04\x06number\x0ashort-co\
de\x05email\x05other\x04\0\x0caddress-kind\x03\0\x02\x01ks\x01r\x05\x04texts\x04\
kind\x03\x04users\x0caddress-type\x04\x06domain\x04\x04\0\x07address\x03\0\x05\x01\
r\x02\x02idy\x07address\x06\x04\0\x09recipient\x03\0\x07\x01r\x02\x04names\x05va\
lues\x04\0\x0cheader-field\x03\0\x09\x01r\x06\x02idy\x0amedia-types\x04name\x04\x0a\
content-id\x04\x10content-location\x04\x0cencoded-sizew\x04\0\x04part\x03\0\x0b\x01\
kw\x01ky\x01r\x08\x04peers\x06domains\x06inside\x7f\x0dcontent-class\x04\x10max-\
message-size\x0d\x0emax-image-size\x0d\x0fmax-image-width\x0e\x10max-image-heigh\
t\x0e\x04\0\x0bdestination\x03\0\x0f\x01r\x03\x04peers\x06statuss\x04text\x04\x04\
\0\x08response\x03\0\x11\x01r\x05\x04peers\x04hosts\x04code{\x04texts\x08attempt\
sy\x04\0\x08delivery\x03\0\x13\x01q\x04\x09delivered\x01\x14\0\x06failed\x01\x14\
\0\x07expired\x01\x14\0\x08response\x01\x12\0\x04\0\x07outcome\x03\0\x15\x01q\x03\
\x07arrival\0\0\x09departure\x01\x10\0\x07outcome\x01\x16\0\x04\0\x08occasion\x03\
\0\x17\x01q\x03\x07invalid\x01s\0\x0bunavailable\x01s\0\x05limit\x01s\0\x04\0\x05\
fault\x03\0\x19\x04\0\x0bbody-writer\x03\x01\x01r\x02\x02idy\x07addresss\x04\0\x0d\
set-recipient\x03\0\x1c\x01r\x02\x09recipienty\x04peers\x04\0\x05route\x03\0\x1e\
\x01i\x1b\x01r\x03\x02idy\x04body\x20\x04name\x04\x04\0\x0creplace-part\x03\0!\x01\
r\x03\x04body\x20\x04name\x04\x0acontent-id\x04\x04\0\x08add-part\x03\0#\x01q\x0a\
\x0aset-header\x01\x0a\0\x0dremove-header\x01s\0\x0eset-originator\x01s\0\x0dset\
-recipient\x01\x1d\0\x0dadd-recipient\x01s\0\x0edrop-recipient\x01y\0\x05route\x01\
\x1f\0\x0creplace-part\x01\"\0\x0bremove-part\x01y\0\x08add-part\x01$\0\x04\0\x04\
edit\x03\0%\x01r\x02\x04code{\x04texts\x04\0\x07refusal\x03\0'\x01p&\x01q\x05\x04\
pass\0\0\x04edit\x01)\0\x06refuse\x01(\0\x04hold\x01s\0\x07discard\x01s\0\x04\0\x07\
verdict\x03\0*\x01@\x01\x0amedia-types\0\x20\x04\0\x18[constructor]body-writer\x01\
,\x01h\x1b\x01p}\x01j\0\x01\x1a\x01@\x02\x04self-\x05bytes.\0/\x04\0\x19[method]\
body-writer.write\x010\x03\0\x16mm4:filter/types@0.1.0\x05\0\x02\x03\0\0\x07addr\
ess\x02\x03\0\0\x0cheader-field\x02\x03\0\0\x0cmessage-type\x02\x03\0\0\x04part\x02\
\x03\0\0\x09recipient\x02\x03\0\0\x05fault\x01B3\x02\x03\x02\x01\x01\x04\0\x07ad\
dress\x03\0\0\x02\x03\x02\x01\x02\x04\0\x0cheader-field\x03\0\x02\x02\x03\x02\x01\
\x03\x04\0\x0cmessage-type\x03\0\x04\x02\x03\x02\x01\x04\x04\0\x04part\x03\0\x06\
\x02\x03\x02\x01\x05\x04\0\x09recipient\x03\0\x08\x02\x03\x02\x01\x06\x04\0\x05f\
ault\x03\0\x0a\x01r\x08\x0cmessage-type\x05\x0amessage-ids\x0etransaction-ids\x06\
sources\x0dsource-inside\x7f\x0aintra-mmse\x7f\x0breceived-atw\x04sizew\x04\0\x07\
summary\x03\0\x0c\x01r\x04\x0cmessage-type\x05\x0amessage-ids\x0etransaction-ids\
\x06sources\x04\0\x07request\x03\0\x0e\x01ks\x01r\x02\x06statuss\x04text\x10\x04\
\0\x0clate-refusal\x03\0\x11\x01@\0\0\x0d\x04\0\x07current\x01\x13\x01k\x01\x01@\
\0\0\x14\x04\0\x0aoriginator\x01\x15\x01p\x09\x01@\0\0\x16\x04\0\x0arecipients\x01\
\x17\x01@\x01\x04names\0\x10\x04\0\x06header\x01\x18\x01p\x03\x01@\0\0\x19\x04\0\
\x07headers\x01\x1a\x04\0\x05field\x01\x18\x01k\x0f\x01@\0\0\x1b\x04\0\x08answer\
ed\x01\x1c\x01k\x12\x01@\0\0\x1d\x04\0\x0crefused-late\x01\x1e\x01p\x07\x01@\0\0\
\x1f\x04\0\x05parts\x01\x20\x01p}\x01j\x01!\x01\x0b\x01@\x03\x02idy\x06offsetw\x03\
maxy\0\"\x04\0\x09read-part\x01#\x01j\x01\x10\x01\x0b\x01@\x02\x02idy\x04names\0\
$\x04\0\x0bpart-header\x01%\x01@\0\0w\x04\0\x09time-left\x01&\x03\0\x18mm4:filte\
r/message@0.1.0\x05\x07\x01B\x07\x01@\0\0w\x04\0\x04size\x01\0\x01p}\x01@\x02\x06\
offsetw\x03maxy\0\x01\x04\0\x04read\x01\x02\x01@\x01\x05grants\0\x7f\x04\0\x07gr\
anted\x01\x03\x03\0\x17mm4:filter/config@0.1.0\x05\x08\x01B\x0b\x02\x03\x02\x01\x06\
\x04\0\x05fault\x03\0\0\x01ks\x01j\x01\x02\x01\x01\x01@\x02\x05tables\x03keys\0\x03\
\x04\0\x06lookup\x01\x04\x01o\x02ss\x01k\x05\x01j\x01\x06\x01\x01\x01@\x02\x05ta\
bles\x04texts\0\x07\x04\0\x0dlookup-prefix\x01\x08\x03\0\x17mm4:filter/tables@0.\
1.0\x05\x09\x01B\x06\x01m\x04\x05debug\x04info\x04warn\x05error\x04\0\x05level\x03\
\0\0\x01@\x02\x05level\x01\x04texts\x01\0\x04\0\x05write\x01\x02\x01@\x01\x04nam\
es\x01\0\x04\0\x04rule\x01\x03\x03\0\x14mm4:filter/log@0.1.0\x05\x0a\x01B\x02\x01\
@\0\0w\x04\0\x03now\x01\0\x03\0\x16mm4:filter/clock@0.1.0\x05\x0b\x01B\x05\x01@\0\
\0w\x04\0\x06number\x01\0\x01p}\x01@\x01\x05county\0\x01\x04\0\x05bytes\x01\x02\x03\
\0\x17mm4:filter/random@0.1.0\x05\x0c\x01B\x07\x02\x03\x02\x01\x06\x04\0\x05faul\
t\x03\0\0\x01j\0\x01\x01\x01@\x02\x04names\x02byw\0\x02\x04\0\x05count\x01\x03\x01\
@\x02\x04names\x05valueu\0\x02\x04\0\x07observe\x01\x04\x03\0\x18mm4:filter/metr\
ics@0.1.0\x05\x0d\x01B\x0e\x02\x03\x02\x01\x06\x04\0\x05fault\x03\0\0\x01p}\x01k\
\x02\x01j\x01\x03\x01\x01\x01@\x01\x03keys\0\x04\x04\0\x03get\x01\x05\x01j\0\x01\
\x01\x01@\x02\x03keys\x05value\x02\0\x06\x04\0\x03set\x01\x07\x01@\x01\x03keys\0\
\x06\x04\0\x06delete\x01\x08\x01@\x02\x03keys\x02byx\0\x06\x04\0\x09increment\x01\
\x09\x03\0\x13mm4:filter/kv@0.1.0\x05\x0e\x01B\x13\x02\x03\x02\x01\x06\x04\0\x05\
fault\x03\0\0\x01m\x0c\x05o4frq\x05o4frs\x03o4d\x03o4r\x03r4f\x05r4drq\x05r4drs\x05\
r4rrq\x05r4rrs\x08relay-in\x09relay-out\x0crelay-failed\x04\0\x0brecord-type\x03\
\0\x02\x01ks\x01k\x7f\x01ps\x01kw\x01ky\x01r\x15\x0brecord-type\x03\x0amessage-i\
ds\x0etransaction-id\x04\x0bsource-peer\x04\x10destination-peer\x04\x0aintra-mms\
e\x05\x0aoriginator\x04\x0arecipients\x06\x0ccontent-type\x04\x0cmessage-size\x07\
\x0dmessage-class\x04\x08priority\x04\x0fsubmission-time\x04\x06expiry\x04\x19de\
livery-report-requested\x05\x14read-reply-requested\x05\x19acknowledgement-reque\
sted\x05\x0dsender-hidden\x05\x0fforward-counter\x08\x0bstatus-code\x04\x0bstatu\
s-text\x04\x04\0\x0fcharging-record\x03\0\x09\x01j\0\x01\x01\x01@\x01\x05entry\x0a\
\0\x0b\x04\0\x04emit\x01\x0c\x01o\x02ss\x01p\x0d\x01@\x02\x05entry\x0a\x04more\x0e\
\0\x0b\x04\0\x09emit-with\x01\x0f\x04\0\x12emit-when-answered\x01\x0f\x03\0\x19m\
m4:filter/charging@0.1.0\x05\x0f\x01B\x09\x02\x03\x02\x01\x06\x04\0\x05fault\x03\
\0\0\x01ks\x01r\x03\x02id\x02\x06domain\x02\x04peer\x02\x04\0\x07network\x03\0\x03\
\x01k\x04\x01j\x01\x05\x01\x01\x01@\x01\x06numbers\0\x06\x04\0\x06lookup\x01\x07\
\x03\0\x1amm4:filter/numbering@0.1.0\x05\x10\x01B\x09\x02\x03\x02\x01\x06\x04\0\x05\
fault\x03\0\0\x01py\x01@\0\0\x02\x04\0\x05parts\x01\x03\x01ks\x01j\x01\x04\x01\x01\
\x01@\x02\x02idy\x07scanners\0\x05\x04\0\x04part\x01\x06\x03\0\x15mm4:filter/sca\
n@0.1.0\x05\x11\x01B\x0d\x02\x03\x02\x01\x06\x04\0\x05fault\x03\0\0\x02\x03\x02\x01\
\x02\x04\0\x0cheader-field\x03\0\x02\x01p\x03\x01p}\x01r\x04\x06methods\x03urls\x07\
headers\x04\x04body\x05\x04\0\x07request\x03\0\x06\x01r\x03\x06status{\x07header\
s\x04\x04body\x05\x04\0\x08response\x03\0\x08\x01j\x01\x09\x01\x01\x01@\x01\x07r\
equest\x07\0\x0a\x04\0\x05fetch\x01\x0b\x03\0\x15mm4:filter/http@0.1.0\x05\x12\x02\
\x03\0\0\x08occasion\x02\x03\0\0\x07verdict\x01B\x16\x02\x03\x02\x01\x06\x04\0\x05\
fault\x03\0\0\x02\x03\x02\x01\x03\x04\0\x0cmessage-type\x03\0\x02\x02\x03\x02\x01\
\x13\x04\0\x08occasion\x03\0\x04\x02\x03\x02\x01\x14\x04\0\x07verdict\x03\0\x06\x01\
n\x03\x07arrival\x09departure\x07outcome\x04\0\x09occasions\x03\0\x08\x01p\x03\x01\
ps\x01r\x05\x04names\x07versions\x09occasions\x09\x0dmessage-types\x0a\x0bmedia-\
types\x0b\x04\0\x0bdescription\x03\0\x0c\x01@\0\0\x0d\x04\0\x08describe\x01\x0e\x01\
j\0\x01s\x01@\0\0\x0f\x04\0\x09configure\x01\x10\x01j\x01\x07\x01\x01\x01@\x01\x08\
occasion\x05\0\x11\x04\0\x07process\x01\x12\x04\0\x17mm4:filter/plugin@0.1.0\x05\
\x15\x04\0\x17mm4:filter/filter@0.1.0\x04\0\x0b\x0c\x01\0\x06filter\x03\0\0\0G\x09\
producers\x01\x0cprocessed-by\x02\x0dwit-component\x070.262.0\x10wit-bindgen-rus\
t\x060.63.0";
        };
    };
}
#[doc(inline)]
pub use __export_filter_impl as export;
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.63.0:mm4:filter@0.1.0:filter-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 4022] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\x99\x1e\x01A\x02\x01\
A\x20\x01B3\x01m\x07\x0fforward-request\x10forward-response\x17delivery-report-r\
equest\x18delivery-report-response\x19read-reply-report-request\x1aread-reply-re\
port-response\x05other\x04\0\x0cmessage-type\x03\0\0\x01m\x04\x06number\x0ashort\
-code\x05email\x05other\x04\0\x0caddress-kind\x03\0\x02\x01ks\x01r\x05\x04texts\x04\
kind\x03\x04users\x0caddress-type\x04\x06domain\x04\x04\0\x07address\x03\0\x05\x01\
r\x02\x02idy\x07address\x06\x04\0\x09recipient\x03\0\x07\x01r\x02\x04names\x05va\
lues\x04\0\x0cheader-field\x03\0\x09\x01r\x06\x02idy\x0amedia-types\x04name\x04\x0a\
content-id\x04\x10content-location\x04\x0cencoded-sizew\x04\0\x04part\x03\0\x0b\x01\
kw\x01ky\x01r\x08\x04peers\x06domains\x06inside\x7f\x0dcontent-class\x04\x10max-\
message-size\x0d\x0emax-image-size\x0d\x0fmax-image-width\x0e\x10max-image-heigh\
t\x0e\x04\0\x0bdestination\x03\0\x0f\x01r\x03\x04peers\x06statuss\x04text\x04\x04\
\0\x08response\x03\0\x11\x01r\x05\x04peers\x04hosts\x04code{\x04texts\x08attempt\
sy\x04\0\x08delivery\x03\0\x13\x01q\x04\x09delivered\x01\x14\0\x06failed\x01\x14\
\0\x07expired\x01\x14\0\x08response\x01\x12\0\x04\0\x07outcome\x03\0\x15\x01q\x03\
\x07arrival\0\0\x09departure\x01\x10\0\x07outcome\x01\x16\0\x04\0\x08occasion\x03\
\0\x17\x01q\x03\x07invalid\x01s\0\x0bunavailable\x01s\0\x05limit\x01s\0\x04\0\x05\
fault\x03\0\x19\x04\0\x0bbody-writer\x03\x01\x01r\x02\x02idy\x07addresss\x04\0\x0d\
set-recipient\x03\0\x1c\x01r\x02\x09recipienty\x04peers\x04\0\x05route\x03\0\x1e\
\x01i\x1b\x01r\x03\x02idy\x04body\x20\x04name\x04\x04\0\x0creplace-part\x03\0!\x01\
r\x03\x04body\x20\x04name\x04\x0acontent-id\x04\x04\0\x08add-part\x03\0#\x01q\x0a\
\x0aset-header\x01\x0a\0\x0dremove-header\x01s\0\x0eset-originator\x01s\0\x0dset\
-recipient\x01\x1d\0\x0dadd-recipient\x01s\0\x0edrop-recipient\x01y\0\x05route\x01\
\x1f\0\x0creplace-part\x01\"\0\x0bremove-part\x01y\0\x08add-part\x01$\0\x04\0\x04\
edit\x03\0%\x01r\x02\x04code{\x04texts\x04\0\x07refusal\x03\0'\x01p&\x01q\x05\x04\
pass\0\0\x04edit\x01)\0\x06refuse\x01(\0\x04hold\x01s\0\x07discard\x01s\0\x04\0\x07\
verdict\x03\0*\x01@\x01\x0amedia-types\0\x20\x04\0\x18[constructor]body-writer\x01\
,\x01h\x1b\x01p}\x01j\0\x01\x1a\x01@\x02\x04self-\x05bytes.\0/\x04\0\x19[method]\
body-writer.write\x010\x03\0\x16mm4:filter/types@0.1.0\x05\0\x02\x03\0\0\x07addr\
ess\x02\x03\0\0\x0cheader-field\x02\x03\0\0\x0cmessage-type\x02\x03\0\0\x04part\x02\
\x03\0\0\x09recipient\x02\x03\0\0\x05fault\x01B3\x02\x03\x02\x01\x01\x04\0\x07ad\
dress\x03\0\0\x02\x03\x02\x01\x02\x04\0\x0cheader-field\x03\0\x02\x02\x03\x02\x01\
\x03\x04\0\x0cmessage-type\x03\0\x04\x02\x03\x02\x01\x04\x04\0\x04part\x03\0\x06\
\x02\x03\x02\x01\x05\x04\0\x09recipient\x03\0\x08\x02\x03\x02\x01\x06\x04\0\x05f\
ault\x03\0\x0a\x01r\x08\x0cmessage-type\x05\x0amessage-ids\x0etransaction-ids\x06\
sources\x0dsource-inside\x7f\x0aintra-mmse\x7f\x0breceived-atw\x04sizew\x04\0\x07\
summary\x03\0\x0c\x01r\x04\x0cmessage-type\x05\x0amessage-ids\x0etransaction-ids\
\x06sources\x04\0\x07request\x03\0\x0e\x01ks\x01r\x02\x06statuss\x04text\x10\x04\
\0\x0clate-refusal\x03\0\x11\x01@\0\0\x0d\x04\0\x07current\x01\x13\x01k\x01\x01@\
\0\0\x14\x04\0\x0aoriginator\x01\x15\x01p\x09\x01@\0\0\x16\x04\0\x0arecipients\x01\
\x17\x01@\x01\x04names\0\x10\x04\0\x06header\x01\x18\x01p\x03\x01@\0\0\x19\x04\0\
\x07headers\x01\x1a\x04\0\x05field\x01\x18\x01k\x0f\x01@\0\0\x1b\x04\0\x08answer\
ed\x01\x1c\x01k\x12\x01@\0\0\x1d\x04\0\x0crefused-late\x01\x1e\x01p\x07\x01@\0\0\
\x1f\x04\0\x05parts\x01\x20\x01p}\x01j\x01!\x01\x0b\x01@\x03\x02idy\x06offsetw\x03\
maxy\0\"\x04\0\x09read-part\x01#\x01j\x01\x10\x01\x0b\x01@\x02\x02idy\x04names\0\
$\x04\0\x0bpart-header\x01%\x01@\0\0w\x04\0\x09time-left\x01&\x03\0\x18mm4:filte\
r/message@0.1.0\x05\x07\x01B\x07\x01@\0\0w\x04\0\x04size\x01\0\x01p}\x01@\x02\x06\
offsetw\x03maxy\0\x01\x04\0\x04read\x01\x02\x01@\x01\x05grants\0\x7f\x04\0\x07gr\
anted\x01\x03\x03\0\x17mm4:filter/config@0.1.0\x05\x08\x01B\x0b\x02\x03\x02\x01\x06\
\x04\0\x05fault\x03\0\0\x01ks\x01j\x01\x02\x01\x01\x01@\x02\x05tables\x03keys\0\x03\
\x04\0\x06lookup\x01\x04\x01o\x02ss\x01k\x05\x01j\x01\x06\x01\x01\x01@\x02\x05ta\
bles\x04texts\0\x07\x04\0\x0dlookup-prefix\x01\x08\x03\0\x17mm4:filter/tables@0.\
1.0\x05\x09\x01B\x06\x01m\x04\x05debug\x04info\x04warn\x05error\x04\0\x05level\x03\
\0\0\x01@\x02\x05level\x01\x04texts\x01\0\x04\0\x05write\x01\x02\x01@\x01\x04nam\
es\x01\0\x04\0\x04rule\x01\x03\x03\0\x14mm4:filter/log@0.1.0\x05\x0a\x01B\x02\x01\
@\0\0w\x04\0\x03now\x01\0\x03\0\x16mm4:filter/clock@0.1.0\x05\x0b\x01B\x05\x01@\0\
\0w\x04\0\x06number\x01\0\x01p}\x01@\x01\x05county\0\x01\x04\0\x05bytes\x01\x02\x03\
\0\x17mm4:filter/random@0.1.0\x05\x0c\x01B\x07\x02\x03\x02\x01\x06\x04\0\x05faul\
t\x03\0\0\x01j\0\x01\x01\x01@\x02\x04names\x02byw\0\x02\x04\0\x05count\x01\x03\x01\
@\x02\x04names\x05valueu\0\x02\x04\0\x07observe\x01\x04\x03\0\x18mm4:filter/metr\
ics@0.1.0\x05\x0d\x01B\x0e\x02\x03\x02\x01\x06\x04\0\x05fault\x03\0\0\x01p}\x01k\
\x02\x01j\x01\x03\x01\x01\x01@\x01\x03keys\0\x04\x04\0\x03get\x01\x05\x01j\0\x01\
\x01\x01@\x02\x03keys\x05value\x02\0\x06\x04\0\x03set\x01\x07\x01@\x01\x03keys\0\
\x06\x04\0\x06delete\x01\x08\x01@\x02\x03keys\x02byx\0\x06\x04\0\x09increment\x01\
\x09\x03\0\x13mm4:filter/kv@0.1.0\x05\x0e\x01B\x13\x02\x03\x02\x01\x06\x04\0\x05\
fault\x03\0\0\x01m\x0c\x05o4frq\x05o4frs\x03o4d\x03o4r\x03r4f\x05r4drq\x05r4drs\x05\
r4rrq\x05r4rrs\x08relay-in\x09relay-out\x0crelay-failed\x04\0\x0brecord-type\x03\
\0\x02\x01ks\x01k\x7f\x01ps\x01kw\x01ky\x01r\x15\x0brecord-type\x03\x0amessage-i\
ds\x0etransaction-id\x04\x0bsource-peer\x04\x10destination-peer\x04\x0aintra-mms\
e\x05\x0aoriginator\x04\x0arecipients\x06\x0ccontent-type\x04\x0cmessage-size\x07\
\x0dmessage-class\x04\x08priority\x04\x0fsubmission-time\x04\x06expiry\x04\x19de\
livery-report-requested\x05\x14read-reply-requested\x05\x19acknowledgement-reque\
sted\x05\x0dsender-hidden\x05\x0fforward-counter\x08\x0bstatus-code\x04\x0bstatu\
s-text\x04\x04\0\x0fcharging-record\x03\0\x09\x01j\0\x01\x01\x01@\x01\x05entry\x0a\
\0\x0b\x04\0\x04emit\x01\x0c\x01o\x02ss\x01p\x0d\x01@\x02\x05entry\x0a\x04more\x0e\
\0\x0b\x04\0\x09emit-with\x01\x0f\x04\0\x12emit-when-answered\x01\x0f\x03\0\x19m\
m4:filter/charging@0.1.0\x05\x0f\x01B\x09\x02\x03\x02\x01\x06\x04\0\x05fault\x03\
\0\0\x01ks\x01r\x03\x02id\x02\x06domain\x02\x04peer\x02\x04\0\x07network\x03\0\x03\
\x01k\x04\x01j\x01\x05\x01\x01\x01@\x01\x06numbers\0\x06\x04\0\x06lookup\x01\x07\
\x03\0\x1amm4:filter/numbering@0.1.0\x05\x10\x01B\x09\x02\x03\x02\x01\x06\x04\0\x05\
fault\x03\0\0\x01py\x01@\0\0\x02\x04\0\x05parts\x01\x03\x01ks\x01j\x01\x04\x01\x01\
\x01@\x02\x02idy\x07scanners\0\x05\x04\0\x04part\x01\x06\x03\0\x15mm4:filter/sca\
n@0.1.0\x05\x11\x01B\x0d\x02\x03\x02\x01\x06\x04\0\x05fault\x03\0\0\x02\x03\x02\x01\
\x02\x04\0\x0cheader-field\x03\0\x02\x01p\x03\x01p}\x01r\x04\x06methods\x03urls\x07\
headers\x04\x04body\x05\x04\0\x07request\x03\0\x06\x01r\x03\x06status{\x07header\
s\x04\x04body\x05\x04\0\x08response\x03\0\x08\x01j\x01\x09\x01\x01\x01@\x01\x07r\
equest\x07\0\x0a\x04\0\x05fetch\x01\x0b\x03\0\x15mm4:filter/http@0.1.0\x05\x12\x04\
\07mm4:filter/filter-with-all-of-its-exports-removed@0.1.0\x04\0\x0b,\x01\0&filt\
er-with-all-of-its-exports-removed\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\
\x0dwit-component\x070.262.0\x10wit-bindgen-rust\x060.63.0";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
