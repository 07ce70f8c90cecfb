//! Everything that is in a spool on which no relay runs, row by row, for a store of another kind.

use std::fs::File;
use std::path::Path;

use rusqlite::types::ValueRef;

use super::access::{Access, Beside};
use super::schema::{CHUNK, PLACE_BITS, claim, salt};
use crate::spool::SpoolError;
use crate::spool::carried::{Carried, Cell, Exported, Take};

/// No relay starts on the folder for as long as this is there.
pub(in crate::spool) struct Export {
    beside: Beside,
    _lock: File,
}

impl Export {
    /// # Errors
    /// A relay runs on it, there is no spool, or one of another format.
    pub(in crate::spool) fn open(folder: &Path) -> Result<Self, SpoolError> {
        if !super::is_there(folder) {
            return Err(SpoolError::Broken(format!("there is no spool in {}", folder.display())));
        }
        let lock = claim(folder)?;
        Ok(Self {
            beside: Beside::open(folder)?,
            _lock: lock,
        })
    }
}

impl Exported for Export {
    fn salt(&self) -> Result<i64, SpoolError> {
        self.beside.read(salt)
    }

    fn id_ceiling(&self) -> Result<i64, SpoolError> {
        const CEILING: &str = "SELECT value FROM counter WHERE name = 'id-ceiling'";
        self.beside.read(|db| Ok(db.query_row(CEILING, (), |row| row.get(0))?))
    }

    fn each(&self, kind: Carried, take: Take<'_>) -> Result<(), SpoolError> {
        self.beside.read(|db| {
            let mut query = db.prepare(sql(kind))?;
            let columns = query.column_count();
            let mut rows = query.query(())?;
            while let Some(row) = rows.next()? {
                let cells = (0..columns).map(|column| row.get_ref(column).map(cell));
                take(cells.collect::<rusqlite::Result<_>>()?)?;
            }
            Ok(())
        })
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(whole) => Cell::Whole(whole),
        // There are none.
        ValueRef::Real(real) => Cell::Whole(real as i64),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(octets) => Cell::Octets(octets.to_vec()),
    }
}

fn sql(kind: Carried) -> &'static str {
    match kind {
        Carried::Messages => {
            "SELECT id, source, remote, helo, protocol, received_at, since, size, hold, due, failed, attempts, arrived, ordinals,
                request, envelope, journey, holders, past, released FROM message ORDER BY id"
        }
        Carried::Contents => {
            const _: () = assert!(CHUNK == 65_536 && PLACE_BITS == 12);
            "SELECT chunk >> 12, (chunk & 4095) * 65536, octets FROM content ORDER BY chunk"
        }
        Carried::Destinations => {
            "SELECT message, ordinal, peer, state, due, attempts, size, reason, expires, kind, repeats, envelope, pieces
             FROM outgoing ORDER BY message, ordinal"
        }
        Carried::Events => {
            "SELECT message, ordinal, peer, deliveries, due, attempts, kind, outcome, envelope, pieces FROM event ORDER BY id"
        }
        Carried::Requests => "SELECT id, due, forget_at, state FROM request ORDER BY id",
        Carried::Keys => "SELECT hash, request FROM lookup UNION SELECT hash, request FROM lookup_new",
        Carried::Asked => "SELECT peer FROM asked ORDER BY peer",
        Carried::Histories => "SELECT request, place, at, event FROM history ORDER BY request, place",
        Carried::Records => {
            "SELECT stream, sequence, message, ordinal, recorded_at, plugin, version, record FROM record
             ORDER BY stream, sequence"
        }
        Carried::Marks => "SELECT stream, reader, sequence, file FROM mark",
        Carried::Purged => "SELECT stream, sequence FROM purged",
        Carried::Values => "SELECT plugin, key, value FROM kv ORDER BY plugin, key",
    }
}
