//! What is asked outside of the relay, and what comes back.

use std::time::Duration;

use bytes::Bytes;

use super::HeaderField;

/// A question to a service outside, as a plug-in asked it.
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

/// What a service outside answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// From 100 to 599.
    pub status: u16,
    /// Names in small letters.
    pub headers: Vec<HeaderField>,
    /// All of it.
    pub body: Bytes,
}

/// What a call has asked of one service until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AskedOf {
    /// Questions.
    pub calls: u32,
    /// All that it waited for them.
    pub time: Duration,
}

/// One question that a plug-in asked outside, for those who look on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideCall {
    /// Whom it asked what: `scanner clamd, part 2`.
    pub asked: String,
    /// What came of it: `nothing found`.
    pub answer: String,
    /// How long it waited.
    pub time: Duration,
}
