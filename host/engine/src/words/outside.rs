//! Requests to services outside the relay, and their answers.

use std::time::Duration;

use bytes::Bytes;

use super::HeaderField;

/// A request to a service outside, as the plug-in made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// In capitals.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// In their order.
    pub headers: Vec<HeaderField>,
    /// Empty when there is none.
    pub body: Bytes,
}

/// The answer of a service outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// From 100 to 599.
    pub status: u16,
    /// Names are in lower case.
    pub headers: Vec<HeaderField>,
    /// All of it.
    pub body: Bytes,
}

/// What a call has asked of one service so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AskedOf {
    /// The number of requests.
    pub calls: u32,
    /// The time spent waiting for them.
    pub time: Duration,
}

/// One question of a plug-in to a service outside, for observers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideCall {
    /// The service and the question: `scanner clamd, part 2`.
    pub asked: String,
    /// The answer: `nothing found`.
    pub answer: String,
    /// How long it waited.
    pub time: Duration,
}
