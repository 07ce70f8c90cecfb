//! What the plug-in decides. Plain data in, plain data out: `cargo test` needs no relay and no WebAssembly.

use serde::Deserialize;

/// The header field that this plug-in sets.
pub const HEADER: &str = "X-Example-Relay";

/// The settings as the operator writes them. Unknown ones are errors: better than silence after a slip of the pen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    pub relay_name: String,
}

/// The settings after they were checked.
#[derive(Debug)]
pub struct Stamp {
    name: String,
}

impl Stamp {
    /// # Errors
    /// Says which setting is wrong and what would be right.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let name = settings.relay_name;
        let printable = name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if name.is_empty() || name.len() > 64 || name.trim() != name || !printable {
            return Err(format!(
                "settings: relay-name is {name:?}, but must be 1 to 64 printable ASCII characters"
            ));
        }
        Ok(Self { name })
    }

    /// The header's new value, or `None` when nothing is to change. A message that passed other relays gets a list.
    pub fn value(&self, present: Option<&str>) -> Option<String> {
        match present {
            None | Some("") => Some(self.name.clone()),
            Some(list) if list.split(", ").any(|name| name == self.name) => None,
            Some(list) => Some(format!("{list}, {}", self.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(name: &str) -> Result<Stamp, String> {
        Stamp::new(Settings {
            relay_name: name.into(),
        })
    }

    #[test]
    fn a_message_without_the_header_gets_it() {
        assert_eq!(stamp("relay-1").unwrap().value(None).as_deref(), Some("relay-1"));
    }

    #[test]
    fn a_message_from_another_relay_gets_a_list() {
        assert_eq!(
            stamp("relay-2").unwrap().value(Some("relay-1")).as_deref(),
            Some("relay-1, relay-2")
        );
    }

    #[test]
    fn a_message_that_was_here_before_is_left_alone() {
        assert_eq!(stamp("relay-1").unwrap().value(Some("relay-0, relay-1")), None);
    }

    #[test]
    fn names_that_cannot_stand_in_a_header_are_refused() {
        for wrong in ["", " a", "a\r\nb", &"x".repeat(65)] {
            assert!(stamp(wrong).unwrap_err().contains("relay-name"), "{wrong:?}");
        }
    }
}
