//! What a batch of work reaches, locked and loaded.
//!
//! Locks are taken in one order: the writer, copies by their hash, requests by their id, messages by theirs, values, courses. Whoever holds
//! a message may change everything that belongs to it.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connect::Link;
use super::rows::{self, message_id, outgoing_id, queue_id, sql_id, time};
use crate::message::{Content, MessageId, OutgoingId, Rope, TransactionKey};
use crate::spool::hash::hash;
use crate::spool::model::{Event, History, Reach, Row as Destination, State};
use crate::spool::{QueueState, SpoolError};

/// The rows, and who has leased which destination.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) state: State,
    pub(super) owners: HashMap<OutgoingId, Option<i64>>,
}

const COPIES: &str = "
    INSERT INTO copy_of(hash) SELECT hash FROM unnest($1::int8[]) AS hash ORDER BY hash
    ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash";

/// With those that a message or an event belongs to, and those that may be copies.
const REQUESTS: &str = "
    SELECT r.id, r.state FROM request r WHERE r.id IN (
        SELECT unnest($1::int8[])
        UNION SELECT about FROM message WHERE id = ANY($2)
        UNION SELECT m.about FROM event e JOIN message m ON m.id = e.message WHERE e.id = ANY($3)
        UNION SELECT request FROM lookup WHERE hash = ANY($4))
    ORDER BY r.id FOR UPDATE";

/// Behind the lock, by a statement of its own: one that waits for a lock sees other tables as they were before.
const HISTORIES: &str = "
    SELECT request, max(place) + 1 AS earlier FROM history WHERE request = ANY($1) GROUP BY request";

const EVENTS_MESSAGES: &str = "SELECT DISTINCT message FROM event WHERE id = ANY($1)";

const DESTINATIONS: &str = "
    SELECT message, ordinal, peer, state, due, attempts AS tries, reason, expires, kind, repeats, envelope, owner
    FROM outgoing WHERE message = ANY($1)";

/// Without what plug-ins are told: whoever is told has it.
const EVENTS: &str = "
    SELECT id, message, ordinal, peer, due, attempts, deliveries AS tries, expires, kind, repeats, envelope,
        NULL::text AS reason
    FROM event WHERE message = ANY($1)";

const VALUES: &str = "
    INSERT INTO kv(plugin, key) SELECT * FROM unnest($1::text[], $2::text[]) AS k(plugin, key) ORDER BY 1, 2
    ON CONFLICT (plugin, key) DO UPDATE SET key = excluded.key RETURNING plugin, key, value";

const COURSES: &str = "
    INSERT INTO rollout(plugin) SELECT plugin FROM unnest($1::text[]) AS plugin ORDER BY plugin
    ON CONFLICT (plugin) DO UPDATE SET plugin = excluded.plugin RETURNING plugin, revision, course";

fn messages_sql() -> &'static str {
    static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        format!(
            "SELECT {} FROM message m WHERE m.id = ANY($1) ORDER BY m.id FOR UPDATE",
            rows::MESSAGE
        )
    });
    &SQL
}

/// In a transaction.
pub(super) async fn load(link: &Link, salt: i64, reach: &Reach) -> Result<Snapshot, SpoolError> {
    let mut snapshot = Snapshot::default();
    let messages: Vec<i64> = reach.messages.iter().copied().map(sql_id).collect();
    let requests: Vec<i64> = reach.requests.iter().copied().map(sql_id).collect();
    let events: Vec<i64> = reach.events.iter().map(|event| *event as i64).collect();
    let copies: BTreeSet<i64> = reach
        .copies
        .iter()
        .map(|of| hash(salt, &TransactionKey::Repeat(*of)))
        .collect();
    let copies: Vec<i64> = copies.into_iter().collect();
    if !copies.is_empty() {
        link.run(COPIES, &[&copies]).await?;
    }
    let mut all: BTreeSet<i64> = messages.iter().copied().collect();
    if !events.is_empty() {
        let found = link.rows(EVENTS_MESSAGES, &[&events]).await?;
        all.extend(found.iter().map(|row| row.get::<_, i64>("message")));
    }
    if !(requests.is_empty() && all.is_empty() && copies.is_empty()) {
        for row in link.rows(REQUESTS, &[&requests, &messages, &events, &copies]).await? {
            let id = message_id(&row, "id");
            snapshot.state.history.load(id, History::default());
            snapshot.state.requests.load(id, rows::request(&row)?);
            all.insert(sql_id(id));
        }
    }
    snapshot.load_histories(link).await?;
    let all: Vec<i64> = all.into_iter().collect();
    if !all.is_empty() {
        snapshot.load_messages(link, &all).await?;
    }
    if !reach.values.is_empty() {
        snapshot.load_values(link, reach).await?;
    }
    if !reach.courses.is_empty() {
        snapshot.load_courses(link, reach).await?;
    }
    Ok(snapshot)
}

impl Snapshot {
    /// How long the history of each request is.
    async fn load_histories(&mut self, link: &Link) -> Result<(), SpoolError> {
        let known: Vec<i64> = self.state.requests.keys().copied().map(sql_id).collect();
        if known.is_empty() {
            return Ok(());
        }
        for row in link.rows(HISTORIES, &[&known]).await? {
            let earlier = row.get::<_, i32>("earlier") as usize;
            let entries = Vec::new();
            let id = message_id(&row, "request");
            self.state.history.load(id, History { earlier, entries });
        }
        Ok(())
    }

    async fn load_messages(&mut self, link: &Link, all: &[i64]) -> Result<(), SpoolError> {
        link.prepare(messages_sql()).await?;
        for row in link.rows(messages_sql(), &[&all]).await? {
            self.state.messages.load(message_id(&row, "id"), rows::message(&row)?);
        }
        if self.state.messages.is_empty() {
            return Ok(());
        }
        let of: [&(dyn ToSql + Sync); 1] = [&all];
        let (destinations, events) = tokio::join!(link.rows(DESTINATIONS, &of), link.rows(EVENTS, &of));
        for row in destinations? {
            self.load_destination(&row)?;
        }
        for row in events? {
            self.load_event(&row)?;
        }
        Ok(())
    }

    fn load_destination(&mut self, row: &Row) -> Result<(), SpoolError> {
        let id = outgoing_id(row)?;
        let Some((of, rope)) = self.belongs_to(id.message) else {
            return Ok(());
        };
        let state = QueueState::from_code(row.get::<_, i16>("state").into());
        let destination = Destination {
            outgoing: rows::outgoing(row, of, rope)?,
            state: state.ok_or_else(|| rows::damaged(format!("{} has an unknown state", queue_id(row))))?,
            due: time(row, "due"),
            reason: row.get("reason"),
        };
        self.owners.insert(id, row.get("owner"));
        self.state.outgoing.load(id, destination);
        Ok(())
    }

    fn load_event(&mut self, row: &Row) -> Result<(), SpoolError> {
        let Some((of, rope)) = self.belongs_to(message_id(row, "message")) else {
            return Ok(());
        };
        let event = Event {
            outgoing: rows::outgoing(row, of, rope)?,
            outcome: String::new(),
            due: time(row, "due"),
            attempts: row.get::<_, i32>("attempts") as u32,
        };
        let id = row.get::<_, i64>("id") as u64;
        self.state.last_event = self.state.last_event.max(id);
        self.state.events.load(id, event);
        Ok(())
    }

    /// What a destination has of its message. Pieces stay where they are: no work looks into them, and none changes them.
    fn belongs_to(&self, id: MessageId) -> Option<((crate::message::Source, crate::message::Timestamp), Rope)> {
        let message = self.state.messages.get(&id)?;
        let rope = Rope {
            content: Content::from_bytes(""),
            pieces: Vec::new(),
        };
        Some(((message.origin.source.clone(), message.since), rope))
    }

    async fn load_courses(&mut self, link: &Link, reach: &Reach) -> Result<(), SpoolError> {
        let plugins: Vec<&str> = reach.courses.iter().map(String::as_str).collect();
        for row in link.rows(COURSES, &[&plugins]).await? {
            self.state.courses.load(row.get("plugin"), rows::course(&row)?);
        }
        Ok(())
    }

    async fn load_values(&mut self, link: &Link, reach: &Reach) -> Result<(), SpoolError> {
        let plugins: Vec<&str> = reach.values.iter().map(|(plugin, _)| plugin.as_str()).collect();
        let keys: Vec<&str> = reach.values.iter().map(|(_, key)| key.as_str()).collect();
        for row in link.rows(VALUES, &[&plugins, &keys]).await? {
            if let Some(value) = row.get::<_, Option<Vec<u8>>>("value") {
                self.state.values.load((row.get("plugin"), row.get("key")), value);
            }
        }
        Ok(())
    }
}
