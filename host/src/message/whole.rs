//! A message on its way through the relay: its bytes and the index over them.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use super::{Content, Envelope, Header, MessageId, OpaqueId, PartId, PeerName, Piece, RecipientId, Source, Timestamp};

/// Where a message came from, and when.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The configured peer that the session was recognised as, or the relay itself.
    pub source: Source,
    pub remote: SocketAddr,
    /// The name that the client gave with EHLO or HELO.
    pub helo: String,
    pub protocol: Protocol,
    pub received_at: Timestamp,
}

/// The protocol of the session, as `Received` names it (RFC 5321, 4.4; RFC 3848).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The client said HELO.
    Smtp,
    /// The client said EHLO.
    Esmtp,
    /// EHLO over TLS.
    Esmtps,
    /// EHLO over TLS, and the client has logged in.
    Esmtpsa,
}

impl Protocol {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Esmtp => "ESMTP",
            Self::Esmtps => "ESMTPS",
            Self::Esmtpsa => "ESMTPSA",
        }
    }
}

/// A message as intake hands it over: complete, strictly framed, dot-unstuffed, and not looked into.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub id: MessageId,
    pub origin: Origin,
    pub envelope: Envelope,
    pub content: Content,
}

/// The MM4 message types (TS 23.140, 8.4.4), compared without regard to case, and one for all others, which pass only
/// where the configuration lets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    ForwardRequest,
    ForwardResponse,
    DeliveryReportRequest,
    DeliveryReportResponse,
    ReadReplyReportRequest,
    ReadReplyReportResponse,
    /// A type that TS 23.140 does not name, or a message that is not MM4. It is carried, and never answered, paired or
    /// split.
    Other,
}

/// A received message with its index. An edit makes a new one, which shares everything that did not change.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: MessageId,
    pub origin: Origin,
    pub envelope: Envelope,
    pub kind: MessageType,
    pub header: Header,
    /// The body in order, beginning with the empty line that ends the header.
    pub body: Vec<Block>,
    /// The leaves of the MIME structure, in order. Ids are stable over edits.
    pub parts: Vec<Part>,
    /// The bytes as received, which pieces refer to.
    pub content: Content,
    /// The highest ids that edits have given so far, so that none is given twice.
    pub given: GivenIds,
    /// For a response: the request that it answers, once the relay has found it. Plug-ins see it.
    pub answers: Option<Arc<Answered>>,
}

/// The request that a response answers, as the peer that asked knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// One of the three requests.
    pub kind: MessageType,
    /// As received, quotes included.
    pub message_id: OpaqueId,
    /// As received, quotes included.
    pub transaction_id: OpaqueId,
    /// The peer that asked.
    pub source: PeerName,
}

/// The highest recipient and part ids that edits have given in a message; `None` when only intake and reading gave any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenIds {
    pub recipient: Option<RecipientId>,
    pub part: Option<PartId>,
}

/// A stretch of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Octets of no leaf: preamble, epilogue, closing delimiters, the headers of inner multiparts.
    Verbatim(Piece),
    /// The part with this id: delimiter, header and body.
    Part(PartId),
}

/// A leaf of the MIME structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub id: PartId,
    /// In lower case, without parameters.
    pub media_type: String,
    /// `name` of Content-Type, else `filename` of Content-Disposition.
    pub name: Option<String>,
    /// Without angle brackets.
    pub content_id: Option<String>,
    pub content_location: Option<String>,
    pub encoding: TransferEncoding,
    /// The delimiter line before the part, with the CRLF before it, which belongs to the delimiter (RFC 2046, 5.1.1).
    /// Empty for a message that is not multipart.
    pub delimiter: Piece,
    /// The part's header with the empty line behind it. The empty line is missing when the body is empty and the next
    /// delimiter follows, because a CRLF before a delimiter belongs to the delimiter. Empty for a message that is not
    /// multipart.
    pub header: Piece,
    /// The body, still encoded.
    pub body: Piece,
}

/// Content-Transfer-Encoding (RFC 2045, 6). `Identity` stands for 7bit, 8bit and binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEncoding {
    Identity,
    Base64,
    QuotedPrintable,
    /// An unknown encoding: the body passes as it is, and plug-ins cannot read it.
    Unknown,
}

impl MessageType {
    /// The types with their spelling in TS 23.140. [`MessageType::of`] reads what a header says.
    pub const NAMES: [(MessageType, &str); 6] = [
        (Self::ForwardRequest, "MM4_forward.REQ"),
        (Self::ForwardResponse, "MM4_forward.RES"),
        (Self::DeliveryReportRequest, "MM4_delivery_report.REQ"),
        (Self::DeliveryReportResponse, "MM4_delivery_report.RES"),
        (Self::ReadReplyReportRequest, "MM4_read_reply_report.REQ"),
        (Self::ReadReplyReportResponse, "MM4_read_reply_report.RES"),
    ];

    /// The name as TS 23.140 spells it. [`MessageType::Other`] has a name for logs only.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("another type", |(_, name)| name)
    }

    /// The type of the response to this one; `None` when this is no request.
    pub fn response(self) -> Option<Self> {
        match self {
            Self::ForwardRequest => Some(Self::ForwardResponse),
            Self::DeliveryReportRequest => Some(Self::DeliveryReportResponse),
            Self::ReadReplyReportRequest => Some(Self::ReadReplyReportResponse),
            _ => None,
        }
    }

    /// The type of the request that this one answers; `None` when this is no response.
    pub fn request(self) -> Option<Self> {
        match self {
            Self::ForwardResponse => Some(Self::ForwardRequest),
            Self::DeliveryReportResponse => Some(Self::DeliveryReportRequest),
            Self::ReadReplyReportResponse => Some(Self::ReadReplyReportRequest),
            _ => None,
        }
    }
}

impl Message {
    pub fn part(&self, id: PartId) -> Option<&Part> {
        self.parts.iter().find(|part| part.id == id)
    }
}

impl Block {
    pub fn received(range: Range<u64>) -> Self {
        Self::Verbatim(Piece::Received(range))
    }
}
