//! Where each key stands in the file, for those who find out later that what it names is of no use.

use std::collections::{BTreeMap, HashMap};

use toml::de::{DeTable, DeValue};

/// The lines of a file's keys, counted from 1.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// By path: `peer[2].tls.ca`.
    lines: BTreeMap<String, usize>,
    /// The paths of `[[peer]]`s and their like, by section and `name`.
    named: HashMap<(String, String), String>,
}

impl Places {
    pub(super) fn of(text: &str, root: &DeTable<'_>) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let ends: Vec<usize> = ends.map(|(at, _)| at).collect();
        let mut places = Self::default();
        places.table("", root, &|at| 1 + ends.partition_point(|end| *end < at));
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

    /// The same for a peer, which may be a `[[relay-server]]`.
    pub fn key_of_peer(&self, name: &str, key: &str) -> String {
        let server = ("relay-server".to_owned(), name.to_owned());
        let section = if self.named.contains_key(&server) {
            "relay-server"
        } else {
            "peer"
        };
        self.key(section, name, key)
    }

    /// The line of a key; of the section that it would stand in when it is absent.
    pub fn line(&self, key: &str) -> Option<usize> {
        let mut path = key;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    fn table(&mut self, path: &str, table: &DeTable<'_>, line: &impl Fn(usize) -> usize) {
        for (key, value) in table {
            let below = match path {
                "" => key.get_ref().to_string(),
                path => format!("{path}.{}", key.get_ref()),
            };
            self.lines.insert(below.clone(), line(value.span().start));
            self.value(&below, value.get_ref(), line);
        }
    }

    fn value(&mut self, path: &str, value: &DeValue<'_>, line: &impl Fn(usize) -> usize) {
        match value {
            DeValue::Table(table) => self.table(path, table, line),
            DeValue::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let below = format!("{path}[{at}]");
                    self.lines.insert(below.clone(), line(item.span().start));
                    if let DeValue::Table(table) = item.get_ref()
                        && let Some(name) = table.get("name").and_then(|name| name.get_ref().as_str())
                    {
                        let named = (path.to_owned(), name.to_owned());
                        self.named.entry(named).or_insert_with(|| below.clone());
                    }
                    self.value(&below, item.get_ref(), line);
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
        let places = Places::of(text, table.get_ref());
        assert_eq!(places.line("relay.listen[1]"), Some(4));
        assert_eq!(places.key_of_peer("b", "tls.ca"), "peer[1].tls.ca");
        assert_eq!(places.line("peer[1].tls.ca"), Some(12));
        assert_eq!(places.line("peer[0].tls.ca"), Some(7));
        assert_eq!(places.line("console.listen"), None);
    }
}
