//! Identifiers, and time as the relay counts it.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::Illegal;

/// The relay's own number for a received message: unique in one spool, growing with time.
///
/// Not to be confused with `X-Mms-Message-ID`, which belongs to the originator and passes through untouched.
/// Printed, and read back, as 13 characters of Crockford's base 32: short enough for a log line and an SMTP reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// The number of a destination within its message, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ordinal(NonZeroU32);

/// One destination of a message.
///
/// Printed as `001K0TA9BWMH8-1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutgoingId {
    pub message: MessageId,
    pub ordinal: Ordinal,
}

/// An entry of the queue, as operators name it.
///
/// Printed, and read back, as `001K0TA9BWMH8-0` for a message as it was received, and `001K0TA9BWMH8-1` for its first
/// destination. Stored, the ordinal of a message as received is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueId {
    AsReceived(MessageId),
    Destination(OutgoingId),
}

/// A recipient of one message. Stable over the whole journey, while plug-ins give the recipient another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecipientId(pub u32);

/// A leaf of one message's MIME structure. Stable over edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId(pub u32);

/// A peer's name in the configuration: 1 to 64 letters, digits, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName(std::sync::Arc<str>);

/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl MessageId {
    /// The first that a message received at this time, or later, can have: ids are microseconds since 1970, or ahead of
    /// that where many came at once.
    pub fn first_at(at: Timestamp) -> Self {
        Self(at.0.saturating_mul(1000))
    }

    /// When the message was received, or somewhat later where many came at once.
    pub fn at(self) -> Timestamp {
        Timestamp(self.0 / 1000)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: [u8; 13] = std::array::from_fn(|i| BASE32[(self.0 >> (60 - 5 * i) & 31) as usize]);
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for MessageId {
    type Err = Illegal;

    fn from_str(text: &str) -> Result<Self, Illegal> {
        let wrong = || {
            Illegal(format!(
                "\"{text}\" is not a message id: 13 characters such as 001K0TA9BWMH8 are expected"
            ))
        };
        if text.len() != 13 {
            return Err(wrong());
        }
        let mut value = 0u64;
        for byte in text.bytes().map(|b| b.to_ascii_uppercase()) {
            let digit = BASE32.iter().position(|b| *b == byte).ok_or_else(wrong)? as u64;
            value = value
                .checked_mul(32)
                .and_then(|v| v.checked_add(digit))
                .ok_or_else(wrong)?;
        }
        Ok(Self(value))
    }
}

impl fmt::Display for RecipientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Ordinal {
    pub const FIRST: Self = Self(NonZeroU32::MIN);
    pub const LAST: Self = Self(NonZeroU32::MAX);

    /// `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The one behind it. No message has four milliards of destinations.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Debug for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for OutgoingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.message, self.ordinal)
    }
}

impl QueueId {
    /// From its parts as they are stored.
    pub fn of(message: MessageId, ordinal: u32) -> Self {
        match Ordinal::new(ordinal) {
            Some(ordinal) => Self::Destination(OutgoingId { message, ordinal }),
            None => Self::AsReceived(message),
        }
    }

    pub fn message(self) -> MessageId {
        match self {
            Self::AsReceived(message) => message,
            Self::Destination(id) => id.message,
        }
    }

    pub fn destination(self) -> Option<OutgoingId> {
        match self {
            Self::AsReceived(_) => None,
            Self::Destination(id) => Some(id),
        }
    }

    /// As it is stored: 0 for a message as received.
    pub fn number(self) -> u32 {
        self.destination().map_or(0, |id| id.ordinal.get())
    }
}

impl From<OutgoingId> for QueueId {
    fn from(id: OutgoingId) -> Self {
        Self::Destination(id)
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.message(), self.number())
    }
}

impl FromStr for QueueId {
    type Err = Illegal;

    fn from_str(text: &str) -> Result<Self, Illegal> {
        let wrong = || {
            Illegal(format!(
                "\"{text}\" is not a queue id: something like 001K0TA9BWMH8-1 is expected"
            ))
        };
        let (message, ordinal) = text.split_once('-').ok_or_else(wrong)?;
        let ordinal = ordinal.parse().map_err(|_| wrong())?;
        Ok(Self::of(message.parse()?, ordinal))
    }
}

impl PeerName {
    /// Refuses names that are empty, longer than 64 characters, or hold anything but letters, digits, `-`, `_`, `.`; and
    /// those that stand for something else than a peer.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        if !Self::has_form(text) {
            return Err(Illegal(format!(
                "\"{text}\" is not a peer name: 1 to 64 letters, digits, '-', '_' or '.' are expected"
            )));
        }
        if Self::is_reserved(text) {
            return Err(Illegal(format!("no peer is called {text}: {}", Self::RESERVED)));
        }
        Ok(Self(text.into()))
    }

    /// Whether the text is made as a name is, a peer's or another one of the configuration.
    pub fn has_form(text: &str) -> bool {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !text.is_empty() && text.len() <= 64 && text.chars().all(legal)
    }

    /// Whether it stands for something else than a peer.
    pub fn is_reserved(text: &str) -> bool {
        [Self::OF_THE_RELAY, Self::OF_NOBODY].contains(&text)
    }

    /// The reserved names: see [`Source`](super::Source) and [`NextHop`](super::NextHop).
    pub(super) const OF_THE_RELAY: &'static str = "mm4relay";
    pub(super) const OF_NOBODY: &'static str = "no-route";

    /// What the reserved names stand for.
    pub const RESERVED: &'static str =
        "mm4relay stands for the relay itself, no-route for recipients that have no next hop";

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that maps can be asked by text.
impl std::borrow::Borrow<str> for PeerName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PeerName {
    type Error = Illegal;

    fn try_from(text: String) -> Result<Self, Illegal> {
        Self::new(&text)
    }
}

impl From<PeerName> for String {
    fn from(name: PeerName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Timestamp {
    pub fn plus(self, duration: std::time::Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// Not before 1970.
    pub fn minus(self, duration: std::time::Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// The time from `earlier` to this; nothing when that is later.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_being_printed_and_read() {
        for value in [0, 1, 31, 32, 1_790_000_000_000_000, u64::MAX] {
            for ordinal in [0, 1, 7, u32::MAX] {
                let id = QueueId::of(MessageId(value), ordinal);
                assert_eq!(id.to_string().parse(), Ok(id));
            }
        }
    }

    #[test]
    fn an_id_of_the_wrong_shape_is_refused_with_an_example() {
        for text in ["", "0D8K", "!!!!!!!!!!!!!", "ZZZZZZZZZZZZZ"] {
            assert!(
                text.parse::<MessageId>().unwrap_err().0.contains("001K0TA9BWMH8"),
                "{text}"
            );
        }
    }
}
