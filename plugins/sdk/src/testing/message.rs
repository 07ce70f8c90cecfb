//! A message that a test puts together, or reads from a file.

use std::path::Path;

use super::mime;
use crate::message::{LateRefusal, Request, Summary};
use crate::{Address, AddressKind, HeaderField, MessageType, Recipient};

/// A message as a plug-in sees it.
#[derive(Clone, Debug)]
pub struct Message {
    fields: Vec<(String, String)>,
    parts: Vec<Part>,
    sender: Option<String>,
    recipients: Vec<String>,
    source: String,
    source_inside: bool,
    intra_mmse: bool,
    answered: Option<Request>,
    refused_late: Option<LateRefusal>,
    size: Option<u64>,
}

/// A part of a message: its header, and its body decoded.
#[derive(Clone, Debug)]
pub struct Part {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    encoded_size: u64,
}

impl Message {
    /// An `MM4_forward.REQ` between two numbers, or addresses, without any part.
    pub fn forward(from: &str, to: &str) -> Self {
        let whole = |text: &str| match text.strip_prefix('+') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => format!("{text}/TYPE=PLMN"),
            _ => text.to_owned(),
        };
        let (from, to) = (whole(from), whole(to));
        let fields = [
            ("X-Mms-3GPP-MMS-Version", "6.3.0"),
            ("X-Mms-Message-Type", "MM4_forward.REQ"),
            ("X-Mms-Transaction-ID", "\"t1\""),
            ("X-Mms-Message-ID", "\"m1@mms.a.example\""),
            ("From", &from),
            ("To", &to),
        ];
        Self {
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            parts: Vec::new(),
            sender: Some(from),
            recipients: vec![to],
            source: "sample-peer".to_owned(),
            source_inside: false,
            intra_mmse: false,
            answered: None,
            refused_late: None,
            size: None,
        }
    }

    /// A message as it stands in a file. The envelope is that of its `From` and `To`.
    ///
    /// # Panics
    /// When the file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let octets = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&octets)
    }

    /// As [`read`](Self::read), from octets.
    pub fn parse(octets: &[u8]) -> Self {
        let (fields, body) = mime::split(octets);
        let addresses = |name: &str| {
            let listed = mime::value(&fields, name).unwrap_or_default().split(',');
            let bare = listed.map(|text| text.trim().trim_matches(['<', '>']).to_owned());
            bare.filter(|text| !text.is_empty()).collect::<Vec<_>>()
        };
        let (sender, recipients) = (addresses("From").into_iter().next(), addresses("To"));
        let multipart = mime::media_type(mime::value(&fields, "Content-Type")).starts_with("multipart/");
        let parts = mime::leaves(fields.clone(), body).into_iter().map(|(mut own, body)| {
            if !multipart {
                own.retain(|(name, _)| name.to_ascii_lowercase().starts_with("content-"));
            }
            Part::new(own, &body)
        });
        Self {
            parts: parts.collect(),
            fields,
            sender,
            recipients,
            size: Some(octets.len() as u64),
            ..Self::forward("+15555550100", "+15555550199")
        }
    }

    /// Gives a header field a value, in place of all of that name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves out a header field.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// A part `text/plain; charset=utf-8`.
    pub fn text(self, text: &str) -> Self {
        self.part("text/plain; charset=utf-8", text.as_bytes())
    }

    /// A part with this Content-Type, parameters included.
    pub fn part(self, content_type: &str, body: &[u8]) -> Self {
        self.part_with(&[("Content-Type", content_type)], body)
    }

    /// A part with these header fields; the body is taken as it is.
    pub fn part_with(mut self, fields: &[(&str, &str)], body: &[u8]) -> Self {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.parts.push(Part {
            fields: fields.collect(),
            body: body.to_vec(),
            encoded_size: body.len() as u64,
        });
        self
    }

    /// Another envelope sender; an empty one is the null sender.
    pub fn from(mut self, address: &str) -> Self {
        self.sender = (!address.is_empty()).then(|| address.to_owned());
        self
    }

    /// Other envelope recipients. Their ids count from 1.
    pub fn to(mut self, addresses: &[&str]) -> Self {
        self.recipients = addresses.iter().map(|address| (*address).to_owned()).collect();
        self
    }

    /// The peer that sent it, and whether it is of our own MMSE.
    pub fn source(mut self, peer: &str, inside: bool) -> Self {
        self.source = peer.to_owned();
        self.source_inside = inside;
        self
    }

    /// It stays within our MMSE.
    pub fn intra_mmse(mut self) -> Self {
        self.intra_mmse = true;
        self
    }

    /// Of a response: the request that it answers.
    pub fn answers(mut self, request: Request) -> Self {
        self.answered = Some(request);
        self
    }

    /// On an outcome that failed: the relay refused all of it after its sender had heard 250, and says this.
    pub fn refused_late(mut self, status: &str, text: Option<&str>) -> Self {
        self.refused_late = Some(LateRefusal {
            status: status.to_owned(),
            text: text.map(str::to_owned),
        });
        self
    }

    /// Another size as received.
    pub fn size(mut self, octets: u64) -> Self {
        self.size = Some(octets);
        self
    }

    pub(crate) fn summary(&self) -> Summary {
        let value = |name: &str| mime::value(&self.fields, name).unwrap_or_default().to_owned();
        let parts: u64 = self.parts.iter().map(|part| part.encoded_size).sum();
        Summary {
            message_type: message_type(&value("X-Mms-Message-Type")),
            message_id: value("X-Mms-Message-ID"),
            transaction_id: value("X-Mms-Transaction-ID"),
            source: self.source.clone(),
            source_inside: self.source_inside,
            intra_mmse: self.intra_mmse,
            received_at: 1_769_386_663_000,
            size: self.size.unwrap_or(1_000 + parts),
        }
    }

    pub(crate) fn originator(&self) -> Option<Address> {
        self.sender.as_deref().map(address)
    }

    pub(crate) fn recipients(&self) -> Vec<Recipient> {
        let numbered = self.recipients.iter().zip(1..);
        numbered
            .map(|(text, id)| Recipient {
                id,
                address: address(text),
            })
            .collect()
    }

    pub(crate) fn header_value(&self, name: &str) -> Option<String> {
        mime::value(&self.fields, name).map(str::to_owned)
    }

    pub(crate) fn field_value(&self, name: &str) -> Option<String> {
        let named = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let bare = named.map(|(_, value)| value.trim_matches(['"', ' ', '\t']).to_owned());
        bare.into_iter().find(|value| !value.is_empty())
    }

    pub(crate) fn headers(&self) -> Vec<HeaderField> {
        shown(&self.fields)
    }

    pub(crate) fn answered(&self) -> Option<Request> {
        self.answered.clone()
    }

    pub(crate) fn late_refusal(&self) -> Option<LateRefusal> {
        self.refused_late.clone()
    }

    pub(crate) fn parts(&self) -> Vec<crate::Part> {
        self.parts
            .iter()
            .zip(1..)
            .map(|(part, id)| part.described(id))
            .collect()
    }

    pub(crate) fn part_of_id(&self, id: u32) -> Option<&Part> {
        self.parts.get((id as usize).checked_sub(1)?)
    }
}

impl Part {
    fn new(fields: Vec<(String, String)>, encoded: &[u8]) -> Self {
        let encoding = mime::value(&fields, "Content-Transfer-Encoding").map(str::to_owned);
        Self {
            body: mime::decoded(encoding.as_deref(), encoded),
            encoded_size: encoded.len() as u64,
            fields,
        }
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        mime::value(&self.fields, name).map(str::to_owned)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        mime::parameter(mime::value(&self.fields, "Content-Type")?, name)
    }

    fn described(&self, id: u32) -> crate::Part {
        let value = |name: &str| mime::value(&self.fields, name);
        let filename = || mime::parameter(value("Content-Disposition")?, "filename");
        crate::Part {
            id,
            media_type: mime::media_type(value("Content-Type")),
            name: self.parameter("name").or_else(filename),
            content_id: value("Content-ID").map(|text| text.trim_matches(['<', '>']).to_owned()),
            content_location: value("Content-Location").map(str::to_owned),
            encoded_size: self.encoded_size,
        }
    }
}

fn shown(fields: &[(String, String)]) -> Vec<HeaderField> {
    let field = |(name, value): &(String, String)| HeaderField {
        name: name.clone(),
        value: value.clone(),
    };
    fields.iter().map(field).collect()
}

fn message_type(text: &str) -> MessageType {
    let names = [
        ("MM4_forward.REQ", MessageType::ForwardRequest),
        ("MM4_forward.RES", MessageType::ForwardResponse),
        ("MM4_delivery_report.REQ", MessageType::DeliveryReportRequest),
        ("MM4_delivery_report.RES", MessageType::DeliveryReportResponse),
        ("MM4_read_reply_report.REQ", MessageType::ReadReplyReportRequest),
        ("MM4_read_reply_report.RES", MessageType::ReadReplyReportResponse),
    ];
    let found = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
    found.map_or(MessageType::Other, |(_, kind)| *kind)
}

/// An address, taken apart as the relay does it.
pub fn address(text: &str) -> Address {
    let (local, domain) = match text.rsplit_once('@') {
        Some((local, domain)) => (local, Some(domain.to_owned())),
        None => (text, None),
    };
    let (user, address_type) = match local.to_ascii_uppercase().find("/TYPE=") {
        Some(at) => (&local[..at], Some(local[at + "/TYPE=".len()..].to_owned())),
        None => (local, None),
    };
    let digits = user.strip_prefix('+').unwrap_or(user);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let kind = match (number, digits.len(), &domain) {
        (true, 7.., _) => AddressKind::Number,
        (true, _, _) => AddressKind::ShortCode,
        (false, _, Some(_)) => AddressKind::Email,
        (false, _, None) => AddressKind::Other,
    };
    Address {
        text: text.to_owned(),
        kind,
        user: user.to_owned(),
        address_type,
        domain,
    }
}
