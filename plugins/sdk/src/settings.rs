//! The plug-in's settings, from the relay's configuration.

use crate::READ_PIECE;
use crate::bindings::mm4::filter::config as host;
use serde::de::DeserializeOwned;

/// The plug-in's `settings`, as a type of its own. A plug-in without settings gets an empty object.
///
/// Give the type `#[serde(deny_unknown_fields, rename_all = "kebab-case")]`: a setting that is spelled wrong is then an error
/// and not silently ignored.
///
/// # Errors
/// Text for the operator: what is missing, unknown or of the wrong type.
pub fn config<T: DeserializeOwned>() -> Result<T, String> {
    parse(&read_all(host::size(), host::read))
}

/// Whether the configuration grants that, by the word that stands there: `numbering`.
///
/// A plug-in that asks this anywhere loads without the grants that it is not given, where it would be refused otherwise. So
/// ask in [`configure`](crate::Plugin::configure) for each grant that the settings need, and refuse settings that need what
/// is not there: calling a function of an interface that is not granted ends the call.
pub fn granted(grant: &str) -> bool {
    host::granted(grant)
}

/// Reads `size` octets in pieces. Stops where the host has no more, whatever size it promised.
fn read_all(size: u64, read: impl Fn(u64, u32) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < size {
        let piece = read(bytes.len() as u64, READ_PIECE);
        if piece.is_empty() {
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    bytes
}

/// The place in the JSON is left out of the message: the operator wrote TOML and never saw that text.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| {
        let text = error.to_string();
        let what = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
        format!("settings: {what}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Sample {
        max_size: u32,
    }

    #[test]
    fn settings_longer_than_one_piece_are_read_whole() {
        let source = vec![b'x'; READ_PIECE as usize * 2 + 5];
        let read = |offset: u64, max: u32| {
            source
                .iter()
                .skip(offset as usize)
                .take(max as usize)
                .copied()
                .collect()
        };
        assert_eq!(read_all(source.len() as u64, read), source);
    }

    #[test]
    fn a_host_that_ends_early_does_not_hang_the_reader() {
        assert_eq!(
            read_all(10, |offset, _| if offset == 0 { vec![b'{'] } else { Vec::new() }),
            b"{"
        );
    }

    #[test]
    fn keys_are_in_kebab_case() {
        assert_eq!(parse(br#"{"max-size":5}"#), Ok(Sample { max_size: 5 }));
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let error = parse::<Sample>(br#"{"max-size":5,"colour":1}"#).unwrap_err();
        assert_eq!(error, "settings: unknown field `colour`, expected `max-size`");
    }

    #[test]
    fn a_wrong_type_is_explained_without_a_json_position() {
        let error = parse::<Sample>(br#"{"max-size":"big"}"#).unwrap_err();
        assert_eq!(error, "settings: invalid type: string \"big\", expected u32");
    }
}
