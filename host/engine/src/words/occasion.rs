//! Occasions: why a plug-in is called, with the destination, or the outcome of the message.

use serde::{Deserialize, Serialize};

/// Why a plug-in is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Occasion {
    /// Once per received message, before routing.
    Arrival,
    /// Once per destination, after routing.
    Departure(Destination),
    /// Once per destination, when its outcome is decided.
    Outcome(Outcome),
}

impl Occasion {
    /// The occasion without its details, as [`Plugin::wants`](crate::Plugin::wants) takes it.
    pub fn kind(&self) -> OccasionKind {
        match self {
            Occasion::Arrival => OccasionKind::Arrival,
            Occasion::Departure(_) => OccasionKind::Departure,
            Occasion::Outcome(_) => OccasionKind::Outcome,
        }
    }
}

/// An [`Occasion`] without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum OccasionKind {
    Arrival,
    Departure,
    Outcome,
}

/// What the destination can take; `None` means that no limit is configured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Destination {
    /// The peer's name in the configuration.
    pub peer: String,
    /// The peer's own domain.
    pub domain: String,
    /// Whether it is a relay/server of our own MMSE.
    pub inside: bool,
    /// The richest content class that it takes, as in `wit/types.wit`.
    pub content_class: Option<String>,
    /// Octets, headers and encoding included.
    pub max_message_size: Option<u64>,
    /// Octets of an image, decoded.
    pub max_image_size: Option<u64>,
    /// Pixels.
    pub max_image_width: Option<u32>,
    /// Pixels.
    pub max_image_height: Option<u32>,
}

/// The outcome of a message at one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The next hop answered 2xx to the end of data.
    Delivered(Delivery),
    /// Refused for good, or without a route.
    Failed(Delivery),
    /// Not delivered within the peer's time.
    Expired(Delivery),
    /// The request was answered.
    Response(Response),
}

impl Outcome {
    /// The peer that caused it, by its name in the configuration.
    pub fn peer(&self) -> &str {
        match self {
            Outcome::Delivered(delivery) | Outcome::Failed(delivery) | Outcome::Expired(delivery) => &delivery.peer,
            Outcome::Response(response) => &response.peer,
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Response {
    /// The configured name of the peer that answered.
    pub peer: String,
    /// `X-Mms-Request-Status-Code`, as received.
    pub status: String,
    /// `X-Mms-Status-Text`; at most 512 octets.
    pub text: Option<String>,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delivery {
    /// The peer's name in the configuration.
    pub peer: String,
    /// The `host:port` that answered last; empty when none was reached.
    pub host: String,
    /// SMTP reply code, 0 when there was no reply.
    pub code: u16,
    /// The reply's text, or the reason without one; at most 512 octets.
    pub text: String,
    /// Attempts made, this one included.
    pub attempts: u32,
}
