//! The user who runs a command, recorded when an operator acts on messages or looks at subscribers' numbers.

use std::os::unix::fs::MetadataExt;

use crate::control::name_of_user;

/// The name of the user that this program runs as; with `sudo`, also of the user who called it.
pub fn name() -> String {
    let name = user();
    match caller() {
        Some(caller) => format!("{name} (for {caller})"),
        None => name,
    }
}

/// The user who called `sudo`, if it was used.
pub fn caller() -> Option<String> {
    let caller = std::env::var("SUDO_USER").ok()?;
    let is_another = !caller.is_empty() && caller != user();
    is_another.then(|| caller.escape_default().to_string())
}

fn user() -> String {
    // A process's entry in /proc belongs to its effective user (proc(5)).
    let uid = std::fs::metadata("/proc/self").map(|own| own.uid()).ok();
    uid.map_or_else(|| "unknown".to_owned(), name_of_user)
}
