//! `[spool]`: the store of messages, when it is not in the relay's folder.

use std::path::PathBuf;

use super::HostPort;
use super::file::Section;
use super::folders::Folders;
use super::forms::{choice, host_port, text, yes_or_no};
use crate::message::Choice;

/// `backend`: the kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Embedded,
    Postgres,
}

impl Choice for Backend {
    const WORDS: &'static [(&'static str, Self)] = &[("embedded", Self::Embedded), ("postgres", Self::Postgres)];
}

/// `durability`: what protects a commit when a machine is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Another machine has it before it is acknowledged.
    Replicated,
    /// The storage below the database.
    Storage,
    /// Nothing.
    SingleMachine,
}

impl Choice for Durability {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("replicated", Self::Replicated),
        ("storage", Self::Storage),
        ("single-machine", Self::SingleMachine),
    ];
}

/// The database that relays share. The folder of `[relay]` still has what belongs to this relay alone: its door, its
/// caches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSpool {
    /// `hosts`: every server of the database; the relay finds the one that accepts writes.
    pub hosts: Vec<HostPort>,
    /// `database`. Default `mm4relay`.
    pub database: String,
    /// `user`. Default `mm4relay`.
    pub user: String,
    /// `password-file`: the file with the password.
    pub password_file: Option<PathBuf>,
    /// `ca`: the authorities for the servers' certificates. `None` with `tls = false`.
    pub ca: Option<PathBuf>,
    pub durability: Durability,
}

impl SharedSpool {
    pub(super) fn read(s: &mut Section<'_>, folders: &Folders<'_>) -> Option<Self> {
        const HOSTS: &str = "at least one HOST:PORT, such as db1.mms.example:5432";
        const CA: &str =
            "the path of a file with the certificates of the authority of the database, or tls = false beside it";
        let shared = s.optional("backend", choice::<Backend>) == Some(Backend::Postgres);
        let tls = s.optional("tls", yes_or_no).unwrap_or(true);
        let path = |path: String| folders.base.join(path);
        let read = Self {
            hosts: s.list("hosts", host_port),
            database: s
                .optional("database", text("a database"))
                .unwrap_or_else(|| "mm4relay".into()),
            user: s
                .optional("user", text("a user of the database"))
                .unwrap_or_else(|| "mm4relay".into()),
            password_file: s
                .optional("password-file", text("the path of a file with the password"))
                .map(path),
            ca: s.optional("ca", text(CA)).map(path).filter(|_| tls),
            durability: s.optional("durability", choice).unwrap_or(Durability::Replicated),
        };
        if !shared {
            if s.has_items("hosts") {
                s.refuse("backend", "\"postgres\", where hosts stands beside it");
            }
            return None;
        }
        if !s.has_items("hosts") {
            s.refuse("hosts", HOSTS);
        }
        if tls && !s.has("ca") {
            s.refuse("ca", CA);
        }
        Some(read)
    }
}
