//! Whether the relay works as it should: its tasks, its disk, its log.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::message::Masked;
use crate::relay::Relay;
use crate::spool::{Room, Spool};
use crate::telemetry;
use crate::vitals::Vitals;

use super::super::charging_files::ChargingFiles;
use super::super::members::Members;
use super::form::{Labels, counter, gauge};

#[derive(Clone)]
pub(crate) struct Life {
    database: Arc<dyn Spool>,
    /// The tasks of the relay, and of delivery.
    tasks: [Arc<Vitals>; 2],
    files: Option<Arc<ChargingFiles>>,
    pub(in crate::assembly) members: Arc<Members>,
}

impl Life {
    pub fn of(
        relay: &Relay,
        database: &Arc<dyn Spool>,
        vitals: &Arc<Vitals>,
        files: Option<Arc<ChargingFiles>>,
        members: Arc<Members>,
    ) -> Self {
        Self {
            database: Arc::clone(database),
            tasks: [Arc::clone(vitals), Arc::clone(relay.delivery.vitals())],
            files,
            members,
        }
    }

    /// The files that its charging outputs write; `None` when it has none.
    pub fn charging_files(&self) -> Option<Arc<ChargingFiles>> {
        self.files.clone()
    }

    /// What is not as it should be, for people and for `/health`.
    pub fn troubles(&self) -> Vec<String> {
        let tasks = self.tasks.iter().flat_map(|tasks| tasks.troubles());
        let writer = self
            .database
            .is_closed()
            .then(|| "the thread that writes the spool has ended".to_owned());
        let outputs = self.files.iter().flat_map(|files| files.troubles());
        let store = self.database.trouble().map(|trouble| trouble.said);
        let troubles = tasks.chain(writer).chain(store).chain(outputs);
        // The message of a panic may repeat text from outside.
        troubles.map(|trouble| Masked(&trouble).to_string()).collect()
    }
}

impl std::fmt::Debug for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Life")
    }
}

impl Collector for Life {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let deaths = self.tasks.iter().flat_map(|tasks| tasks.deaths());
        let deaths = deaths.map(|(task, deaths)| (vec![("task", task)], deaths));
        counter(
            &mut encoder,
            "task_deaths",
            "How often a task of the relay died, and began anew",
            deaths,
        )?;
        let panics = [(Labels::new(), telemetry::panics())];
        counter(
            &mut encoder,
            "panics",
            "Bugs that cost a session, a call or a task",
            panics,
        )?;
        let lost = [(Labels::new(), telemetry::lost_lines())];
        counter(
            &mut encoder,
            "log_lines_lost",
            "Lines of the log that could not be written",
            lost,
        )?;
        self.encode_store(&mut encoder)
    }
}

impl Life {
    fn encode_store(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let one = |n: i64| [(Labels::new(), n)];
        let room = self.database.room();
        gauge(
            encoder,
            "spool_takes_messages",
            "1 while there is room for messages, 0 while they are refused with 452",
            one((room == Room::Ample).into()),
        )?;
        gauge(
            encoder,
            "spool_delivers_messages",
            "1 while what becomes of a message can be recorded, 0 while nothing is delivered",
            one((room != Room::None).into()),
        )?;
        gauge(
            encoder,
            "relays",
            "Relays that work on the store, this one among them",
            one(self.database.relays().into()),
        )?;
        let state = self.database.state();
        let failures = [(Labels::new(), state.failures)];
        counter(
            encoder,
            "spool_failures",
            "How often a write or a flush of the spool failed, after which it was closed and opened anew",
            failures,
        )?;
        let damaged = [(Labels::new(), state.damaged)];
        counter(
            encoder,
            "spool_damaged_rows",
            "Rows of the spool that were found damaged, and left alone",
            damaged,
        )?;
        gauge(
            encoder,
            "spool_log_bytes",
            "The write-ahead log: committed, and not yet copied into the database",
            one(i64::try_from(state.log).unwrap_or(i64::MAX)),
        )?;
        let held_up = [(Labels::new(), state.held_up)];
        counter(
            encoder,
            "spool_log_held_up",
            "How often the log grew too long because somebody read for too long",
            held_up,
        )?;
        let free = self.database.free().and_then(|free| i64::try_from(free).ok());
        let free = free.map(|free| (Labels::new(), free));
        gauge(encoder, "spool_disk_free_bytes", "Free space on the spool's disk", free)
    }
}
