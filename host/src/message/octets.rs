//! Octets as text that loses none of them.
//!
//! MM4 identifiers are opaque, and are echoed exactly as they came (TS 23.140, 8.4.1): also those with octets that are no
//! UTF-8, which some peers send. They are kept, compared and stored as text all the same. So each octet that is no UTF-8
//! becomes a character of a private-use plane, U+10FE00 and the octet's value; a character that stands for an octet
//! already is taken apart, so that no two sequences of octets have the same text. Every other text stays as it is.

use std::borrow::Cow;

/// U+10FE80 to U+10FEFF: octets below 0x80 are always UTF-8.
const BASE: u32 = 0x0010_FE00;

/// The text of these octets.
pub fn text(octets: &[u8]) -> Cow<'_, str> {
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
pub fn of(text: &str) -> Cow<'_, [u8]> {
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
    fn different_octets_have_different_texts() {
        let stands = "\u{10FEFC}";
        assert_eq!(text(b"t\xfc"), format!("t{stands}"));
        assert_ne!(text(stands.as_bytes()), text(b"\xfc"));
        assert_eq!(of(&text(stands.as_bytes())), stands.as_bytes());
    }

    proptest! {
        #[test]
        fn every_octet_comes_back(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = text(&octets);
            prop_assert_eq!(of(&text).into_owned(), octets);
        }

        #[test]
        fn every_text_comes_back(plain in "[\\x{10FE70}-\\x{10FF10}a-z\u{fc}]{0,8}") {
            let text = text(plain.as_bytes());
            prop_assert_eq!(of(&text).into_owned(), plain.into_bytes());
        }
    }
}
