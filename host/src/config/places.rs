//! The place of each key in the file, for problems that are found after reading it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::included::Text;

/// The lines of a file's keys, counted from 1.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The places by path: `peer[2].tls.ca`.
    lines: BTreeMap<String, Place>,
    /// The paths of `[[peer]]`s and similar sections, by section and `name`.
    named: HashMap<(String, String), String>,
}

/// The place of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The included file; `None`: the configuration itself.
    pub file: Option<PathBuf>,
    /// Counted from 1.
    pub line: usize,
}

impl Places {
    pub(super) fn of(text: &Text, root: &DeTable<'_>) -> Self {
        let ends = text.whole.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let ends: Vec<usize> = ends.map(|(at, _)| at).collect();
        let mut places = Self::default();
        places.table("", root, &|at| {
            let (file, line) = text.place(ends.partition_point(|end| *end < at));
            Place {
                file: file.map(Path::to_owned),
                line,
            }
        });
        places
    }

    /// The path of a key in the section `[[section]]` that has this name: `peer[2].tls.ca`.
    pub fn key(&self, section: &str, name: &str, key: &str) -> String {
        let named = (section.to_owned(), name.to_owned());
        match self.named.get(&named) {
            Some(path) => format!("{path}.{key}"),
            None => format!("{section}.{key}"),
        }
    }

    /// The path of a key of a peer, which may be a `[[relay-server]]`.
    pub fn key_of_peer(&self, name: &str, key: &str) -> String {
        let server = ("relay-server".to_owned(), name.to_owned());
        let section = if self.named.contains_key(&server) {
            "relay-server"
        } else {
            "peer"
        };
        self.key(section, name, key)
    }

    /// The place of a key. For a missing key, the place of its section.
    pub fn place(&self, key: &str) -> Option<&Place> {
        let mut path = key;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    fn table(&mut self, path: &str, table: &DeTable<'_>, place: &impl Fn(usize) -> Place) {
        for (key, value) in table {
            let below = match path {
                "" => key.get_ref().to_string(),
                path => format!("{path}.{}", key.get_ref()),
            };
            self.lines.insert(below.clone(), place(value.span().start));
            self.value(&below, value.get_ref(), place);
        }
    }

    fn value(&mut self, path: &str, value: &DeValue<'_>, place: &impl Fn(usize) -> Place) {
        match value {
            DeValue::Table(table) => self.table(path, table, place),
            DeValue::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let below = format!("{path}[{at}]");
                    self.lines.insert(below.clone(), place(item.span().start));
                    if let DeValue::Table(table) = item.get_ref()
                        && let Some(name) = table.get("name").and_then(|name| name.get_ref().as_str())
                    {
                        let named = (path.to_owned(), name.to_owned());
                        self.named.entry(named).or_insert_with(|| below.clone());
                    }
                    self.value(&below, item.get_ref(), place);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_their_paths_and_absent_ones_at_their_section() {
        let text = "[relay]\nlisten = [\n  '127.0.0.1:1',\n  '127.0.0.1:2',\n]\n\n[[peer]]\nname = 'a'\n\n\
                    [[peer]]\nname = 'b'\ntls = { to = 'required', ca = 'x' }\n";
        let table = DeTable::parse(text).unwrap();
        let places = Places::of(&Text::of(text), table.get_ref());
        let line = |key: &str| places.place(key).map(|place| place.line);
        assert_eq!(line("relay.listen[1]"), Some(4));
        assert_eq!(places.key_of_peer("b", "tls.ca"), "peer[1].tls.ca");
        assert_eq!(line("peer[1].tls.ca"), Some(12));
        assert_eq!(line("peer[0].tls.ca"), Some(7));
        assert_eq!(line("monitoring.listen"), None);
    }
}
