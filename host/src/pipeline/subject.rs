//! A message as a plug-in sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mm4relay_engine::{self as engine, BoxFuture, Fault, Subject};

use crate::message::{
    AddressKind, Answered, Envelope, Header, Message, MessageType, MmsAddress, OpaqueId, PartId, Recipient,
};
use crate::protocol::mm4::{self, Pdu};

use super::concerned::Concerned;
use super::when::Sides;

/// Larger bodies are decoded in another thread: decoding takes a few milliseconds for each MiB.
const DECODE_IN_PLACE: u64 = 256 << 10;

/// One message for one call.
pub struct View {
    id: String,
    summary: engine::Summary,
    shown: Shown,
    /// For a response: the request that it answers.
    answered: Option<engine::Request>,
    /// On an outcome: the refusal of the whole message after its 250.
    refused_late: Option<engine::LateRefusal>,
    /// Bodies that a plug-in has read, decoded once.
    decoded: Mutex<HashMap<PartId, Bytes>>,
}

enum Shown {
    /// On arrival and departure.
    Whole(Arc<Message>),
    /// On an outcome, without parts.
    Bare { header: Arc<Header>, envelope: Envelope },
}

impl View {
    pub fn whole(message: Arc<Message>, sides: Sides) -> Self {
        let summary = engine::Summary {
            message_type: message_type(Some(message.kind)),
            message_id: id_text(Pdu::of(&message.header).message_id()),
            transaction_id: id_text(Pdu::of(&message.header).transaction_id()),
            source: message.origin.source.to_string(),
            source_inside: sides.source_inside,
            intra_mmse: sides.intra_mmse,
            received_at: message.origin.received_at.0,
            size: message.content.size(),
        };
        Self {
            id: message.id.to_string(),
            summary,
            answered: message.answers.as_deref().map(request),
            refused_late: None,
            shown: Shown::Whole(message),
            decoded: Mutex::default(),
        }
    }

    /// The view on an outcome: header and envelope, without the parts.
    pub fn bare(
        concerned: &Concerned,
        recipients: Vec<Recipient>,
        header: Arc<Header>,
        answers: Option<&Answered>,
        sides: Sides,
    ) -> Self {
        let summary = engine::Summary {
            message_type: message_type(concerned.kind.or_else(|| MessageType::of(&header))),
            message_id: id_text(Pdu::of(&header).message_id()),
            transaction_id: id_text(Pdu::of(&header).transaction_id()),
            source: concerned.source.to_string(),
            source_inside: sides.source_inside,
            intra_mmse: sides.intra_mmse,
            received_at: concerned.received_at.0,
            size: concerned.size,
        };
        let envelope = Envelope {
            sender: concerned.sender.clone(),
            recipients,
        };
        let shown = Shown::Bare { header, envelope };
        Self {
            id: concerned.id.message().to_string(),
            summary,
            answered: answers.map(request),
            refused_late: concerned.refused_late.clone(),
            shown,
            decoded: Mutex::default(),
        }
    }

    /// The view of a recorded message on arrival or departure, with the size of the received one.
    pub fn restored(summary: engine::Summary, answered: Option<engine::Request>, message: Arc<Message>) -> Self {
        Self {
            summary,
            answered,
            ..Self::whole(message, Sides::default())
        }
    }

    /// The view of a recorded outcome.
    pub fn restored_bare(
        id: String,
        summary: engine::Summary,
        answered: Option<engine::Request>,
        refused_late: Option<engine::LateRefusal>,
        header: Arc<Header>,
        envelope: Envelope,
    ) -> Self {
        Self {
            id,
            summary,
            answered,
            refused_late,
            shown: Shown::Bare { header, envelope },
            decoded: Mutex::default(),
        }
    }

    /// The relay's id of the message.
    pub fn id_text(&self) -> &str {
        &self.id
    }

    /// The whole message; `None` on an outcome.
    pub fn message(&self) -> Option<&Arc<Message>> {
        match &self.shown {
            Shown::Whole(message) => Some(message),
            Shown::Bare { .. } => None,
        }
    }

    pub fn message_type(&self) -> engine::MessageType {
        self.summary.message_type
    }

    pub fn envelope(&self) -> &Envelope {
        match &self.shown {
            Shown::Whole(message) => &message.envelope,
            Shown::Bare { envelope, .. } => envelope,
        }
    }

    pub fn shown_header(&self) -> &Header {
        match &self.shown {
            Shown::Whole(message) => &message.header,
            Shown::Bare { header, .. } => header,
        }
    }

    async fn decoded(&self, id: PartId) -> Result<Bytes, Fault> {
        let unknown = || Fault::Invalid(format!("the message has no part {id}"));
        let Shown::Whole(message) = &self.shown else {
            return Err(unknown());
        };
        if let Some(bytes) = self.lock().get(&id) {
            return Ok(bytes.clone());
        }
        let size = message.part(id).ok_or_else(unknown)?.body.size();
        let decoded = if size <= DECODE_IN_PLACE && message.content.is_in_memory() {
            mm4::decode_part(message, id)
        } else {
            let message = Arc::clone(message);
            let decoding = tokio::task::spawn_blocking(move || mm4::decode_part(&message, id));
            decoding.await.map_err(|error| Fault::Unavailable(error.to_string()))?
        };
        let bytes = decoded.map_err(|error| Fault::Invalid(error.to_string()))?;
        self.lock().insert(id, bytes.clone());
        Ok(bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PartId, Bytes>> {
        self.decoded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subject for View {
    fn id(&self) -> &str {
        &self.id
    }

    fn size(&self) -> u64 {
        self.summary.size
    }

    fn summary(&self) -> engine::Summary {
        self.summary.clone()
    }

    fn originator(&self) -> Option<engine::Address> {
        self.envelope().sender.as_ref().map(address)
    }

    fn recipients(&self) -> Vec<engine::Recipient> {
        let recipients = self.envelope().recipients.iter();
        recipients
            .map(|r| engine::Recipient {
                id: r.id.0,
                address: address(&r.address),
            })
            .collect()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.shown_header().value(name).map(Into::into)
    }

    fn field(&self, name: &str) -> Option<String> {
        Pdu::of(self.shown_header()).stated(name)
    }

    fn answered(&self) -> Option<engine::Request> {
        self.answered.clone()
    }

    fn refused_late(&self) -> Option<engine::LateRefusal> {
        self.refused_late.clone()
    }

    fn headers(&self) -> Vec<engine::HeaderField> {
        let fields = self.shown_header().fields.iter();
        fields
            .map(|f| engine::HeaderField {
                name: f.name().to_owned(),
                value: f.value().into_owned(),
            })
            .collect()
    }

    fn parts(&self) -> Vec<engine::Part> {
        let Shown::Whole(message) = &self.shown else {
            return Vec::new();
        };
        let part = |part: &crate::message::Part| engine::Part {
            id: part.id.0,
            media_type: part.media_type.clone(),
            name: part.name.clone(),
            content_id: part.content_id.clone(),
            content_location: part.content_location.clone(),
            encoded_size: part.body.size(),
        };
        message.parts.iter().map(part).collect()
    }

    fn part_header<'a>(&'a self, id: u32, name: &'a str) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            let Shown::Whole(message) = &self.shown else {
                return Err(Fault::Invalid(format!("the message has no part {id}")));
            };
            let found = if message.content.is_in_memory() {
                mm4::part_header(message, PartId(id), name)
            } else {
                let (message, name) = (Arc::clone(message), name.to_owned());
                let reading = tokio::task::spawn_blocking(move || mm4::part_header(&message, PartId(id), &name));
                reading.await.map_err(|error| Fault::Unavailable(error.to_string()))?
            };
            found.map_err(|error| Fault::Invalid(error.to_string()))
        })
    }

    fn read_part<'a>(&'a self, id: u32, offset: u64, max: u32) -> BoxFuture<'a, Result<Bytes, Fault>> {
        Box::pin(async move {
            let bytes = self.decoded(PartId(id)).await?;
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            let end = start.saturating_add(max as usize).min(bytes.len());
            Ok(bytes.slice(start..end))
        })
    }
}

/// The type in the contract's words; `None` is a type that TS 23.140 does not name.
pub fn message_type(kind: Option<MessageType>) -> engine::MessageType {
    match kind {
        Some(MessageType::ForwardRequest) => engine::MessageType::ForwardRequest,
        Some(MessageType::ForwardResponse) => engine::MessageType::ForwardResponse,
        Some(MessageType::DeliveryReportRequest) => engine::MessageType::DeliveryReportRequest,
        Some(MessageType::DeliveryReportResponse) => engine::MessageType::DeliveryReportResponse,
        Some(MessageType::ReadReplyReportRequest) => engine::MessageType::ReadReplyReportRequest,
        Some(MessageType::ReadReplyReportResponse) => engine::MessageType::ReadReplyReportResponse,
        Some(MessageType::Other) | None => engine::MessageType::Other,
    }
}

fn request(of: &Answered) -> engine::Request {
    engine::Request {
        message_type: message_type(Some(of.kind)),
        message_id: of.message_id.as_text().to_owned(),
        transaction_id: of.transaction_id.as_text().to_owned(),
        source: of.source.to_string(),
    }
}

fn address(address: &MmsAddress) -> engine::Address {
    engine::Address {
        text: address.as_str().to_owned(),
        kind: match address.kind() {
            AddressKind::Number => engine::AddressKind::Number,
            AddressKind::ShortCode => engine::AddressKind::ShortCode,
            AddressKind::Email => engine::AddressKind::Email,
            AddressKind::Other => engine::AddressKind::Other,
        },
        user: address.user().to_owned(),
        address_type: address.address_type().map(str::to_owned),
        domain: address.domain().map(str::to_owned),
    }
}

/// The contract's form of an ID; empty when there is none.
fn id_text(id: Option<OpaqueId>) -> String {
    id.map(|id| id.as_text().to_owned()).unwrap_or_default()
}
