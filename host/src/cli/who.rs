//! Who is at the keyboard: noted where an operator acts on messages, or looks at subscribers' numbers.

use std::os::unix::fs::MetadataExt;

use crate::clock::{Clock, SystemClock};
use crate::spool::By;

/// This user, now.
pub fn me() -> By {
    By {
        who: name(),
        at: SystemClock.now(),
    }
}

/// The name of the user that this program runs as; with `sudo`, of the one who called it too.
fn name() -> String {
    // A process's entry in /proc belongs to its effective user (proc(5)).
    let uid = std::fs::metadata("/proc/self").map(|own| own.uid()).ok();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = uid.map_or_else(
        || "unknown".to_owned(),
        |uid| name_of(&users, uid).map_or_else(|| format!("uid {uid}"), str::to_owned),
    );
    match std::env::var("SUDO_USER") {
        Ok(caller) if !caller.is_empty() && caller != name => format!("{name} (for {})", caller.escape_debug()),
        _ => name,
    }
}

/// From lines as passwd(5) has them.
fn name_of(users: &str, uid: u32) -> Option<&str> {
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
        assert_eq!(name_of(users, 990), Some("mms"));
        assert_eq!(name_of(users, 0), Some("root"));
        assert_eq!(name_of(users, 7), None);
        assert!(!name().is_empty());
    }
}
