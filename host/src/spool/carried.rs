//! What is carried from one store into another, row by row. Names, states and JSON are the same in both: see `stored`.

use super::SpoolError;

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Whole(i64),
    Text(String),
    Octets(Vec<u8>),
}

/// A kind of row, with its values in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// id, source, remote, helo, protocol, received_at, since, size, hold, due, failed, attempts, arrived, ordinals, about,
    /// envelope, journey, holders, past, released
    Messages,
    /// message, offset, octets: in the order of both
    Contents,
    /// message, ordinal, peer, state, due, attempts, size, reason, expires, kind, repeats, envelope, pieces
    Destinations,
    /// message, ordinal, peer, deliveries, due, attempts, kind, outcome, envelope, pieces
    Events,
    /// id, due, forget_at, state
    Requests,
    /// hash, request
    Keys,
    /// peer
    Asked,
    /// request, place, at, event
    Histories,
    /// stream, sequence, message, ordinal, recorded_at, plugin, version, record: in the order of their numbers
    Records,
    /// stream, reader, sequence, file
    Marks,
    /// stream, the last number that was removed
    Purged,
    /// plugin, key, value
    Values,
}

/// What every row is handed to.
pub type Take<'a> = &'a mut dyn FnMut(Vec<Cell>) -> Result<(), SpoolError>;

/// A store whose rows are carried elsewhere. It does not change meanwhile.
pub trait Exported {
    /// What goes into the hashes of keys.
    fn salt(&self) -> Result<i64, SpoolError>;

    /// Every id that it has given is below.
    fn id_ceiling(&self) -> Result<i64, SpoolError>;

    fn each(&self, kind: Carried, take: Take<'_>) -> Result<(), SpoolError>;
}

/// What was carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub messages: u64,
    pub requests: u64,
    pub records: u64,
}
