//! The IDs of MM4: opaque octets.
//!
//! The relay echoes MM4 identifiers exactly as they came (TS 23.140, 8.4.1), also those with octets that are not UTF-8,
//! which some peers send. Inside the relay they are text all the same: each octet that is not UTF-8 becomes a character
//! of a private-use plane, U+10FE00 plus the octet's value. A received character of that range is itself taken apart
//! into octets, so that two different sequences of octets never have the same text. Every other text stays as it is.
//!
//! This text must not be confused with the result of `String::from_utf8_lossy`, which differs from it. So it leaves its
//! type only through [`OpaqueId::as_text`], which is for stores, plug-ins and people.

use std::borrow::Cow;
use std::fmt;

/// A message or transaction ID, octet for octet as it was received, quotes included.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct OpaqueId(String);

/// An ID in the form in which IDs are compared: without the blanks and double quotes around it. Some peers quote IDs,
/// and are answered without quotes.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct BareId(String);

/// The mapped octets are U+10FE80 to U+10FEFF: octets below 0x80 are always UTF-8.
const BASE: u32 = 0x0010_FE00;

impl OpaqueId {
    pub fn of(octets: &[u8]) -> Self {
        Self(text(octets).into_owned())
    }

    /// The ID of a text that [`OpaqueId::as_text`] returned.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The octets, as they were received.
    pub fn octets(&self) -> Cow<'_, [u8]> {
        octets(&self.0)
    }

    /// The octets as text, without loss: the head of this file says how.
    pub fn as_text(&self) -> &str {
        &self.0
    }

    pub fn bare(&self) -> BareId {
        let is_around = |c: char| c.is_ascii_whitespace() || c == '"';
        BareId(self.0.trim_matches(is_around).to_owned())
    }

    pub fn is_quoted(&self) -> bool {
        self.0.starts_with('"')
    }

    /// Whether the ID is empty, or consists of blanks and quotes only.
    pub fn is_blank(&self) -> bool {
        self.0.chars().all(|c| c.is_ascii_whitespace() || c == '"')
    }
}

impl BareId {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ID as text, like [`OpaqueId::as_text`].
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// Other IDs that a lenient reader may take this one for: without angle brackets, single quotes, escapes, blanks,
    /// semicolons and a trailing comment; and within angle brackets.
    pub fn other_readings(&self) -> Vec<Self> {
        let noise = |c: char| c.is_ascii_whitespace() || matches!(c, '<' | '>' | '\'' | '"' | '\\' | ';' | ',');
        let plain: String = self.0.split(" (").next().unwrap_or(&self.0).replace(noise, "");
        let mut readings = vec![format!("<{plain}>"), plain];
        readings.retain(|reading| *reading != self.0 && reading.len() > "<>".len());
        readings.into_iter().map(Self).collect()
    }
}

/// The ID whose octets are this text in UTF-8.
impl From<&str> for OpaqueId {
    fn from(text: &str) -> Self {
        Self::of(text.as_bytes())
    }
}

/// The ID whose octets are this text in UTF-8.
impl From<String> for OpaqueId {
    fn from(text: String) -> Self {
        Self::of(text.as_bytes())
    }
}

/// The ID whose octets are this text in UTF-8, as it is compared.
impl From<&str> for BareId {
    fn from(text: &str) -> Self {
        OpaqueId::from(text).bare()
    }
}

/// The ID whose octets are this text in UTF-8, as it is compared.
impl From<String> for BareId {
    fn from(text: String) -> Self {
        OpaqueId::from(text).bare()
    }
}

impl fmt::Debug for OpaqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for BareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for OpaqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for BareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The text of these octets.
fn text(octets: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(octets)
        && !text.chars().any(stands_for_an_octet)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(octets.len() * 2);
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            if stands_for_an_octet(c) {
                out.extend(c.encode_utf8(&mut [0; 4]).bytes().filter_map(standing_for));
            } else {
                out.push(c);
            }
        }
        out.extend(chunk.invalid().iter().copied().filter_map(standing_for));
    }
    Cow::Owned(out)
}

/// The octets of such a text.
fn octets(text: &str) -> Cow<'_, [u8]> {
    if !text.chars().any(stands_for_an_octet) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c).wrapping_sub(BASE)) {
            Ok(octet) if stands_for_an_octet(c) => out.push(octet),
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(out)
}

fn stands_for_an_octet(c: char) -> bool {
    (BASE + 0x80..=BASE + 0xFF).contains(&u32::from(c))
}

fn standing_for(octet: u8) -> Option<char> {
    char::from_u32(BASE + u32::from(octet))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn utf_8_is_its_own_text() {
        for plain in ["", "\"t1@mms.a.example\"", "gr\u{fc}n", "\u{10FD80}"] {
            assert!(matches!(text(plain.as_bytes()), Cow::Borrowed(text) if text == plain));
        }
    }

    #[test]
    fn different_octets_are_different_ids() {
        let stands = "\u{10FEFC}";
        assert_eq!(OpaqueId::of(b"t\xfc").as_text(), format!("t{stands}"));
        assert_ne!(OpaqueId::from(stands), OpaqueId::of(b"\xfc"));
        assert_eq!(OpaqueId::from(stands).octets().as_ref(), stands.as_bytes());
    }

    #[test]
    fn ids_are_the_same_with_and_without_quotes_and_blanks() {
        let same = |one: &str, other: &str| OpaqueId::from(one).bare() == OpaqueId::from(other).bare();
        assert!(same("\"t1@mms.a.example\"", " t1@mms.a.example "));
        assert!(same(" \" t1\" ", "t1"));
        assert!(!same("t1@mms.a.example", "T1@mms.a.example"), "ids are opaque");
        assert!(!same("t1.+15555550100", "t1.+15555550101"));
        for blank in ["", " \" \t\""] {
            assert!(OpaqueId::from(blank).is_blank() && OpaqueId::from(blank).bare().is_empty());
        }
    }

    proptest! {
        #[test]
        fn every_octet_comes_back(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let id = OpaqueId::of(&octets);
            let stored = OpaqueId::from_text(id.as_text().to_owned());
            prop_assert_eq!(&stored, &id);
            prop_assert_eq!(stored.octets().into_owned(), octets);
        }

        #[test]
        fn every_text_comes_back(plain in "[\\x{10FE70}-\\x{10FF10}a-z\u{fc}]{0,8}") {
            prop_assert_eq!(OpaqueId::from(plain.as_str()).octets().into_owned(), plain.into_bytes());
        }
    }
}
