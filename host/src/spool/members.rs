//! The relays on a store, as each of them sees all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One relay on a store that several share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    /// Its number, in the ids that it gives.
    pub number: i16,
    /// Seconds until others take its work over; `None` when it does not run.
    pub lives_for: Option<i64>,
    pub batches: i64,
    /// Messages that it works on; `None` where they were not counted.
    pub works_on: Option<i64>,
    /// What it said last; `None`: nothing yet.
    pub presence: Option<Presence>,
}

/// What a relay lets the others know of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Presence {
    /// Of the program.
    pub version: String,
    /// A hash of what relays on one store must agree about.
    pub configuration: String,
    /// A hash of the rows of all its tables.
    pub tables: String,
    /// Milliseconds since 1970.
    pub since: u64,
    /// Since its start.
    pub accepted: u64,
    pub delivered: u64,
    /// What is wrong at it, opaque to the store.
    pub alarms: Vec<Value>,
}

impl Member {
    pub fn lives(&self) -> bool {
        self.lives_for.is_some_and(|seconds| seconds > 0)
    }
}

/// What relays that live run otherwise than most of them, by their names, in words. Where no one is the most common, the relay
/// with the lowest number has it. Configurations are compared among programs of one version: another one may know other keys.
pub fn differences(members: &[Member]) -> BTreeMap<String, Vec<String>> {
    let known = members.iter().filter(|member| member.lives());
    let known: Vec<(&str, &Presence)> = known
        .filter_map(|member| Some((member.name.as_str(), member.presence.as_ref()?)))
        .collect();
    let mut found = BTreeMap::<String, Vec<String>>::new();
    let mut versions: Vec<&str> = known.iter().map(|(_, of)| of.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    for version in versions {
        let of_version = known.iter().filter(|(_, of)| of.version == version);
        let configurations = of_version.map(|(name, of)| (*name, of.configuration.as_str()));
        note_odd_ones("configuration", &configurations.collect::<Vec<_>>(), &mut found);
    }
    let tables = known.iter().map(|(name, of)| (*name, of.tables.as_str()));
    note_odd_ones("tables", &tables.collect::<Vec<_>>(), &mut found);
    found
}

fn note_odd_ones(what: &str, of: &[(&str, &str)], found: &mut BTreeMap<String, Vec<String>>) {
    let having = |hash: &str| of.iter().filter(|(_, its)| *its == hash).count();
    // Of several that are equally common, the last one found is the first.
    let Some((_, common)) = of.iter().rev().max_by_key(|(_, hash)| having(hash)) else {
        return;
    };
    let with_it: Vec<&str> = of
        .iter()
        .filter(|(_, its)| its == common)
        .map(|(name, _)| *name)
        .collect();
    for (name, hash) in of.iter().filter(|(_, its)| its != common) {
        let (its, theirs, others) = (short(hash), short(common), with_it.join(", "));
        let said = format!("{what} {its}, and {others} {theirs}");
        found.entry((*name).to_owned()).or_default().push(said);
    }
}

/// Enough of a hash to tell it from others.
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, lives_for: Option<i64>, (version, configuration, tables): (&str, &str, &str)) -> Member {
        Member {
            name: name.into(),
            lives_for,
            presence: Some(Presence {
                version: version.into(),
                configuration: configuration.into(),
                tables: tables.into(),
                ..Presence::default()
            }),
            ..Member::default()
        }
    }

    #[test]
    fn who_differs_from_most_is_named_with_what_and_from_whom() {
        let members = [
            member("one", Some(50), ("1", "aaaa", "t")),
            member("two", Some(50), ("1", "bbbb", "t")),
            member("three", Some(50), ("1", "aaaa", "u")),
            member("gone", None, ("1", "cccc", "v")),
        ];
        let found = differences(&members);
        assert_eq!(found["two"], ["configuration bbbb, and one, three aaaa"]);
        assert_eq!(found["three"], ["tables u, and one, two t"]);
        assert_eq!(found.len(), 2, "nobody asks what does not run");
    }

    #[test]
    fn of_two_the_first_is_right_and_programs_of_two_versions_are_not_compared() {
        let members = [
            member("one", Some(50), ("1", "aaaa", "t")),
            member("two", Some(50), ("1", "bbbb", "t")),
            member("newer", Some(50), ("2", "cccc", "t")),
        ];
        assert_eq!(
            differences(&members).into_keys().collect::<Vec<_>>(),
            ["two"],
            "{:?}",
            differences(&members)
        );
    }
}
