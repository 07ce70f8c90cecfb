//! Who asks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::Timestamp;
use crate::spool::{By, Noting};

/// Whoever asks, as whoever let them in knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name of a person or a program, as it is to stand in histories and in the audit.
    pub name: String,
    pub role: Role,
    /// Where they ask from: `socket, process 4711`, `command line`.
    pub from: String,
    /// Subscribers' numbers are shown to them whole.
    pub sees_numbers: bool,
    /// They asked for that, over TCP: it is in the audit.
    pub(super) reveals: bool,
    /// What the audit is told of what they ask now.
    noting: Option<Noting>,
}

/// What somebody may. Each role may what those before it may.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks, and changes nothing.
    Viewer,
    /// Acts on messages and peers.
    Operator,
    /// Acts on the relay itself: its configuration, its plug-ins, its end.
    Administrator,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

impl Who {
    pub fn new(name: impl Into<String>, role: Role, from: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role,
            from: from.into(),
            sees_numbers: true,
            reveals: false,
            noting: None,
        }
    }

    /// Over TCP: numbers are masked, unless they are to be shown whole.
    pub(super) fn seeing(self, numbers: bool) -> Self {
        Self {
            sees_numbers: numbers,
            reveals: numbers,
            ..self
        }
    }

    /// Whoever changes the store for them has the store note it like this.
    pub(super) fn noting(&self, noting: &Noting) -> Self {
        Self {
            noting: Some(noting.clone()),
            ..self.clone()
        }
    }

    /// For histories.
    pub fn at(&self, at: Timestamp) -> By {
        By {
            who: self.name.clone(),
            at,
            noting: self.noting.clone(),
        }
    }
}

/// The name of a user of the operating system, or its number in words.
pub fn name_of_user(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&users, uid).map_or_else(|| format!("uid {uid}"), str::to_owned)
}

/// From lines as passwd(5) has them.
fn name_in(users: &str, uid: u32) -> Option<&str> {
    let mut lines = users.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken line\nmms:x:990:990::/var/mms:/bin/false\n";
        assert_eq!(name_in(users, 990), Some("mms"));
        assert_eq!(name_in(users, 0), Some("root"));
        assert_eq!(name_in(users, 7), None);
    }
}
