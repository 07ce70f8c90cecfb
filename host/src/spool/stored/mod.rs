//! The stored form of rows with JSON: types of their own, with names that last.
//!
//! The names here are the storage format. A field or a variant elsewhere may be renamed freely; here a name is written
//! once, in `rename`, and stays for as long as a spool may contain it. Allowed without a new format: a field with a
//! default, and a variant that older rows do not have. Anything else needs a migration in the store's schema, and new
//! fixtures beside the old ones in `tests/fixtures`: see `docs/versions.md`.
//!
//! Conversions go in both directions and name every field and variant, so that the compiler asks about each new one.
//! Reading accepts what was accepted once: a rule that became stricter since must not make an old row unreadable.

mod codes;
mod envelope;
mod history;
mod holder;
mod ledger;
mod request;
mod waiting;
mod wants;

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(in crate::spool) use self::codes::{protocol_code, protocol_of};
use self::envelope::StoredEnvelope;
use self::history::{StoredEvent, StoredStep};
use self::holder::StoredHolder;
use self::ledger::StoredAbout;
use self::request::{StoredKind, StoredRequest};
use crate::message::{Envelope, Holder, MessageType, Step, Transaction};
use crate::spool::ledger::{About, Moved};
use crate::spool::{Event, SpoolError};

pub(in crate::spool) fn write_envelope(envelope: &Envelope) -> Result<String, SpoolError> {
    write(&StoredEnvelope::from(envelope))
}

pub(in crate::spool) fn read_envelope(text: &str) -> Result<Envelope, SpoolError> {
    Envelope::try_from(read::<StoredEnvelope>(text)?).map_err(SpoolError::Broken)
}

pub(in crate::spool) fn write_journey(journey: &[Step]) -> Result<String, SpoolError> {
    write(&journey.iter().map(StoredStep::from).collect::<Vec<_>>())
}

pub(in crate::spool) fn read_journey(text: &str) -> Result<Vec<Step>, SpoolError> {
    Ok(read::<Vec<StoredStep>>(text)?.into_iter().map(Step::from).collect())
}

/// Public for programs that fill a spool directly, for measurements.
pub fn write_request(request: &Transaction) -> Result<String, SpoolError> {
    write(&StoredRequest::from(request))
}

pub(in crate::spool) fn read_request(text: &str) -> Result<Transaction, SpoolError> {
    Transaction::try_from(read::<StoredRequest>(text)?).map_err(SpoolError::Broken)
}

/// Public for programs that fill a spool directly, for measurements.
pub fn write_event(event: &Event) -> Result<String, SpoolError> {
    write(&StoredEvent::from(event))
}

pub(in crate::spool) fn read_event(text: &str) -> Result<Event, SpoolError> {
    Event::try_from(read::<StoredEvent>(text)?).map_err(SpoolError::Broken)
}

/// A message type, in the columns `kind`.
pub(in crate::spool) fn write_kind(kind: MessageType) -> &'static str {
    StoredKind::from(kind).word()
}

/// `None` for a word that this version does not know.
pub(in crate::spool) fn read_kind(word: &str) -> Option<MessageType> {
    StoredKind::from_word(word).map(MessageType::from)
}

/// `None` without holders.
pub(in crate::spool) fn write_holders(holders: &[Holder]) -> Result<Option<String>, SpoolError> {
    let stored: Vec<StoredHolder> = holders.iter().map(StoredHolder::from).collect();
    (!stored.is_empty()).then(|| write(&stored)).transpose()
}

/// Empty when the holders are unknown, because an earlier version did not store them.
pub(in crate::spool) fn read_holders(text: Option<&str>) -> Result<Vec<Holder>, SpoolError> {
    let stored: Vec<StoredHolder> = text.map_or(Ok(Vec::new()), read)?;
    envelope::all(stored).map_err(SpoolError::Broken)
}

/// The names of plug-ins; `None` without any.
pub(in crate::spool) fn write_past(names: &[String]) -> Result<Option<String>, SpoolError> {
    (!names.is_empty()).then(|| write(&names)).transpose()
}

pub(in crate::spool) fn read_past(text: Option<&str>) -> Result<Vec<String>, SpoolError> {
    text.map_or(Ok(Vec::new()), read)
}

/// The number in the column `ledger.what`.
pub(in crate::spool) fn write_moved(what: Moved) -> i64 {
    ledger::code(what)
}

pub(in crate::spool) fn read_moved(code: i64) -> Result<Moved, SpoolError> {
    ledger::of_code(code).ok_or_else(|| damaged(format!("{code} is no movement")))
}

/// The value of the column `ledger.recipients`.
pub(in crate::spool) fn write_ids(recipients: &[u32]) -> String {
    ledger::ids(recipients)
}

pub(in crate::spool) fn read_ids(text: &str) -> Result<Vec<u32>, SpoolError> {
    ledger::of_ids(text).ok_or_else(|| damaged(format!("{text:?} are no recipients")))
}

/// The value of the column `ledger.sums`.
pub(in crate::spool) fn write_sums(sums: &[u64]) -> Vec<u8> {
    ledger::sums(sums)
}

pub(in crate::spool) fn read_sums(octets: &[u8]) -> Result<Vec<u64>, SpoolError> {
    ledger::of_sums(octets).ok_or_else(|| damaged("checksums of records are cut"))
}

/// The value of the column `ledger.about`.
pub(in crate::spool) fn write_about(about: &About) -> Result<String, SpoolError> {
    write(&StoredAbout::from(about))
}

pub(in crate::spool) fn read_about(text: &str) -> Result<About, SpoolError> {
    Ok(read::<StoredAbout>(text)?.into())
}

/// JSON that the spool stores for others without parsing it: a charging record.
pub(in crate::spool) fn write(value: &impl Serialize) -> Result<String, SpoolError> {
    serde_json::to_string(value).map_err(|e| SpoolError::Unfit(e.to_string()))
}

pub(in crate::spool) fn read<T: DeserializeOwned>(text: &str) -> Result<T, SpoolError> {
    serde_json::from_str(text).map_err(|e| SpoolError::Broken(format!("a row is damaged: {e}")))
}

fn damaged(what: impl std::fmt::Display) -> SpoolError {
    SpoolError::Broken(format!("a row is damaged: {what}"))
}

/// An enum that is stored as words, with complete conversions in both directions.
macro_rules! stored_words {
    ($(#[$about:meta])* $stored:ident is $plain:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $stored {
            $($variant),+
        }

        impl $stored {
            pub(super) fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            pub(super) fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl serde::Serialize for $stored {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.word())
            }
        }

        impl<'de> serde::Deserialize<'de> for $stored {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'_, str>>::deserialize(from)?;
                let unknown = || serde::de::Error::custom(format!("{word:?} is no word that this version knows"));
                Self::from_word(&word).ok_or_else(unknown)
            }
        }

        impl From<$plain> for $stored {
            fn from(plain: $plain) -> Self {
                match plain {
                    $(<$plain>::$variant => Self::$variant),+
                }
            }
        }

        impl From<$stored> for $plain {
            fn from(stored: $stored) -> Self {
                match stored {
                    $($stored::$variant => Self::$variant),+
                }
            }
        }
    };
}
use stored_words;
