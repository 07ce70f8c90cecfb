//! Which parts of a message a plug-in may read and change, and what of it a call used.
//!
//! What may not be read is not there: no field, no part. What may not be changed or decided is refused where the verdict
//! leaves the sandbox, as a broken contract. Addresses and the fields of `message.current` can always be read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::verdict::{Edit, Verdict};

/// What the configuration lets a plug-in do with messages. By default everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct May {
    /// Header fields that it can read, by name.
    pub read_headers: Which,
    /// Parts that it can read, by media type.
    pub read_parts: Which,
    /// Header fields that it may set and remove, by name.
    pub edit_headers: Which,
    /// Whether it may change the originator, recipients, and where they go.
    pub edit_recipients: bool,
    /// Whether it may replace, remove and add parts.
    pub edit_parts: bool,
    /// Which verdicts it may give besides `pass` and `edit`.
    pub refuse: bool,
    /// As above.
    pub hold: bool,
    /// As above.
    pub discard: bool,
}

/// Some of all things that have a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// Every one.
    All,
    /// Those whose name is one of these, in lower case. A `*` at the end stands for any end. An empty list is none.
    These(Vec<String>),
}

impl Which {
    /// None at all.
    pub const NONE: Which = Which::These(Vec::new());

    /// Whether a name is among them, compared without regard to case.
    pub fn includes(&self, name: &str) -> bool {
        let Which::These(names) = self else { return true };
        names.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => name
                .get(..beginning.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(beginning)),
            None => known.eq_ignore_ascii_case(name),
        })
    }

    /// Whether there are any.
    pub fn is_any(&self) -> bool {
        !matches!(self, Which::These(names) if names.is_empty())
    }
}

impl Default for May {
    fn default() -> Self {
        May {
            read_headers: Which::All,
            read_parts: Which::All,
            edit_headers: Which::All,
            edit_recipients: true,
            edit_parts: true,
            refuse: true,
            hold: true,
            discard: true,
        }
    }
}

impl May {
    /// Their words in the configuration.
    pub const NAMES: [&'static str; 8] = [
        "read.headers",
        "read.parts",
        "edit.headers",
        "edit.recipients",
        "edit.parts",
        "refuse",
        "hold",
        "discard",
    ];

    /// What a plug-in gets that is granted nothing of the message.
    pub fn nothing() -> Self {
        May {
            read_headers: Which::NONE,
            read_parts: Which::NONE,
            edit_headers: Which::NONE,
            edit_recipients: false,
            edit_parts: false,
            refuse: false,
            hold: false,
            discard: false,
        }
    }

    /// Whether any of what a word stands for is granted; `None` for a word that is none of [`May::NAMES`].
    pub fn grants(&self, word: &str) -> Option<bool> {
        Some(match word {
            "read.headers" => self.read_headers.is_any(),
            "read.parts" => self.read_parts.is_any(),
            "edit.headers" => self.edit_headers.is_any(),
            "edit.recipients" => self.edit_recipients,
            "edit.parts" => self.edit_parts,
            "refuse" => self.refuse,
            "hold" => self.hold,
            "discard" => self.discard,
            _ => return None,
        })
    }

    /// The first thing in a verdict that is not granted, and the word that would grant it.
    pub(crate) fn denies(&self, verdict: &Verdict) -> Option<String> {
        let denied = |did: String, word: &str| Some(format!("it {did}, which is not granted to it: {word}"));
        match verdict {
            Verdict::Refuse { .. } if !self.refuse => denied("refuses the message".into(), "refuse"),
            Verdict::Hold(_) if !self.hold => denied("holds the message".into(), "hold"),
            Verdict::Discard(_) if !self.discard => denied("discards the message".into(), "discard"),
            Verdict::Edit(edits) => edits.iter().enumerate().find_map(|(at, edit)| {
                let word = self.denies_edit(edit)?;
                denied(format!("makes edit {}", at + 1), &word)
            }),
            _ => None,
        }
    }

    fn denies_edit(&self, edit: &Edit) -> Option<String> {
        match edit {
            Edit::SetHeader(field) => self.denies_header(&field.name),
            Edit::RemoveHeader(name) => self.denies_header(name),
            Edit::SetOriginator(_)
            | Edit::SetRecipient { .. }
            | Edit::AddRecipient(_)
            | Edit::DropRecipient(_)
            | Edit::Route { .. } => (!self.edit_recipients).then(|| "edit.recipients".to_owned()),
            Edit::ReplacePart { .. } | Edit::RemovePart(_) | Edit::AddPart { .. } => {
                (!self.edit_parts).then(|| "edit.parts".to_owned())
            }
        }
    }

    fn denies_header(&self, name: &str) -> Option<String> {
        // The name is the plug-in's, and may be anything.
        let shown: String = name.chars().take(76).filter(char::is_ascii_graphic).collect();
        (!self.edit_headers.includes(name)).then(|| format!("edit.headers, for {shown}"))
    }
}

/// What calls used of all that can be granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Used {
    /// Names in lower case; `*` for all of them at once.
    pub read_headers: BTreeSet<String>,
    /// Media types of parts; `*` for the list of them.
    pub read_parts: BTreeSet<String>,
    /// Names in lower case.
    pub edit_headers: BTreeSet<String>,
    /// Words of [`May::NAMES`] that are used or not.
    pub words: BTreeSet<String>,
}

/// More names than any plug-in asks for in one call.
const NAMES_MAX: usize = 200;

impl Used {
    pub(crate) fn header(&mut self, name: &str) {
        note(&mut self.read_headers, name);
    }

    pub(crate) fn part(&mut self, media_type: &str) {
        note(&mut self.read_parts, media_type);
    }

    pub(crate) fn verdict(&mut self, verdict: &Verdict) {
        let mut word = |word: &str| {
            self.words.insert(word.to_owned());
        };
        match verdict {
            Verdict::Pass => {}
            Verdict::Refuse { .. } => word("refuse"),
            Verdict::Hold(_) => word("hold"),
            Verdict::Discard(_) => word("discard"),
            Verdict::Edit(edits) => {
                for edit in edits {
                    match edit {
                        Edit::SetHeader(field) => note(&mut self.edit_headers, &field.name),
                        Edit::RemoveHeader(name) => note(&mut self.edit_headers, name),
                        Edit::ReplacePart { .. } | Edit::RemovePart(_) | Edit::AddPart { .. } => {
                            self.words.insert("edit.parts".to_owned());
                        }
                        _ => {
                            self.words.insert("edit.recipients".to_owned());
                        }
                    }
                }
            }
        }
    }

    /// Adds what another call used.
    pub fn add(&mut self, more: &Used) {
        self.read_headers.extend(more.read_headers.iter().cloned());
        self.read_parts.extend(more.read_parts.iter().cloned());
        self.edit_headers.extend(more.edit_headers.iter().cloned());
        self.words.extend(more.words.iter().cloned());
    }

    /// What is granted and was not used, by its words.
    pub fn deniable(&self, may: &May) -> Vec<String> {
        let lists = [
            ("read.headers", &may.read_headers, &self.read_headers),
            ("read.parts", &may.read_parts, &self.read_parts),
            ("edit.headers", &may.edit_headers, &self.edit_headers),
        ];
        let mut deniable = Vec::new();
        for (word, granted, used) in lists {
            let everything = used.contains("*");
            match granted {
                _ if granted.is_any() && used.is_empty() => deniable.push(word.to_owned()),
                Which::All if !everything => deniable.push(format!("{word} but {}", list(used))),
                Which::These(names) if !everything => {
                    let idle = |name: &&String| {
                        let one = Which::These(vec![(*name).clone()]);
                        !used.iter().any(|used| one.includes(used))
                    };
                    deniable.extend(names.iter().filter(idle).map(|name| format!("{word} {name:?}")));
                }
                _ => {}
            }
        }
        let words = ["edit.recipients", "edit.parts", "refuse", "hold", "discard"];
        let idle = words
            .into_iter()
            .filter(|word| may.grants(word) == Some(true) && !self.words.contains(*word));
        deniable.extend(idle.map(str::to_owned));
        deniable
    }
}

fn list(names: &BTreeSet<String>) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("[{}]", quoted.join(", "))
}

fn note(names: &mut BTreeSet<String>, name: &str) {
    if names.len() < NAMES_MAX && name.len() <= 127 && !names.contains(name) {
        names.insert(name.to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::HeaderField;

    fn these(names: &[&str]) -> Which {
        Which::These(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn set(name: &str) -> Verdict {
        let (name, value) = (name.to_owned(), String::new());
        Verdict::Edit(vec![Edit::SetHeader(HeaderField { name, value })])
    }

    #[test]
    fn names_are_compared_without_case_and_a_star_stands_for_any_end() {
        let some = these(&["x-mms-*", "subject", "image/*"]);
        assert!(some.includes("X-Mms-Priority") && some.includes("SUBJECT") && some.includes("image/png"));
        assert!(!some.includes("X-Mm") && !some.includes("subjects") && !some.includes("\u{e9}"));
        assert!(Which::All.includes("anything") && !Which::NONE.includes("anything"));
        assert!(these(&["*"]).includes("anything"));
    }

    #[test]
    fn everything_is_granted_by_default_and_nothing_can_be() {
        let refuse = Verdict::Refuse {
            code: 550,
            text: String::new(),
        };
        let verdicts = [
            refuse,
            Verdict::Hold(String::new()),
            Verdict::Discard(String::new()),
            set("X-A"),
            Verdict::Edit(vec![Edit::RemovePart(1)]),
            Verdict::Edit(vec![Edit::SetOriginator("a".into())]),
            Verdict::Edit(vec![Edit::Route {
                recipient: 1,
                peer: "b".into(),
            }]),
        ];
        for verdict in verdicts {
            assert_eq!(May::default().denies(&verdict), None, "{verdict:?}");
            assert!(May::nothing().denies(&verdict).is_some(), "{verdict:?}");
        }
        assert_eq!(May::nothing().denies(&Verdict::Pass), None);
        for word in May::NAMES {
            assert_eq!(
                (May::default().grants(word), May::nothing().grants(word)),
                (Some(true), Some(false))
            );
        }
        assert_eq!(May::default().grants("everything"), None);
    }

    #[test]
    fn the_edit_and_the_word_that_would_grant_it_are_named() {
        let may = May {
            edit_headers: these(&["X-A"]),
            ..May::default()
        };
        assert_eq!(may.denies(&set("x-a")), None);
        let said = may.denies(&set("X-B\r\n")).unwrap();
        assert!(
            said.ends_with("edit 1, which is not granted to it: edit.headers, for X-B"),
            "{said}"
        );
    }

    #[test]
    fn what_was_not_used_can_be_denied() {
        let mut used = Used::default();
        used.header("Subject");
        used.verdict(&set("X-A"));
        let all = used.deniable(&May::default());
        let expected = [
            "read.headers but [\"subject\"]",
            "read.parts",
            "edit.headers but [\"x-a\"]",
            "edit.recipients",
            "edit.parts",
            "refuse",
            "hold",
            "discard",
        ];
        assert_eq!(all, expected);
        let some = May {
            read_headers: these(&["sub*", "date"]),
            edit_headers: these(&["x-*"]),
            hold: true,
            ..May::nothing()
        };
        assert_eq!(used.deniable(&some), ["read.headers \"date\"", "hold"]);
        used.header("*");
        assert!(
            !used
                .deniable(&May::default())
                .iter()
                .any(|word| word.starts_with("read.headers"))
        );
    }
}
