//! Renamed keys. The old name keeps working for at least one minor version, with a warning that names the new one: see
//! `docs/versions.md`.

use std::fmt;
use std::path::PathBuf;

/// Section, old name, new name. The section is the path from the top of the file, without the indices of list items.
const RENAMED: &[(&str, &str, &str)] = &[
    // Spelled as elsewhere in the file.
    ("route", "plug-ins", "plugins"),
    // The console is what people see in a browser.
    ("", "console", "monitoring"),
];

/// A key that the file has under its old name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The included file that it is in; `None`: the configuration itself.
    pub file: Option<PathBuf>,
    /// The line in that file, counted from 1.
    pub line: Option<usize>,
    /// The path of the key, list items counted from 0.
    pub key: String,
    pub new_name: &'static str,
}

impl fmt::Display for Renamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}, ", file.display())?;
        }
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(
            f,
            "{} is called {} now; the old name still works",
            self.key, self.new_name
        )
    }
}

/// The old name of `key` in the section at this path.
pub(super) fn old_name(path: &str, key: &str) -> Option<&'static str> {
    let is_it = |(section, _, new): &&(&str, &str, &str)| *new == key && without_places(path).eq(section.chars());
    RENAMED.iter().find(is_it).map(|(_, old, _)| *old)
}

/// `peer[2].tls` as `peer.tls`.
fn without_places(path: &str) -> impl Iterator<Item = char> {
    let mut inside = false;
    path.chars().filter(move |character| {
        inside |= *character == '[';
        let kept = !inside;
        inside &= *character != ']';
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_an_old_name_in_its_own_section_only() {
        assert_eq!(old_name("route[12]", "plugins"), Some("plug-ins"));
        assert_eq!(old_name("recording", "plugins"), None);
        assert_eq!(old_name("route[12]", "peer"), None);
    }

    #[test]
    fn no_name_is_old_and_new_in_one_section() {
        for (section, old, _) in RENAMED {
            assert_eq!(old_name(section, old), None, "{section}.{old}");
        }
    }

    #[test]
    fn places_of_list_items_do_not_matter() {
        assert!(without_places("peer[2].tls[10]").eq("peer.tls".chars()));
    }
}
