//! Tags, lengths and values of X.690: the part of BER that charging records need. It is written in DER form (shortest
//! lengths, fields in the order of their tags), so that the same record always has the same octets.

/// Class and form bits of an identifier octet (X.690, 8.1.2).
pub const CONTEXT: u8 = 0x80;
pub const CONSTRUCTED: u8 = 0x20;
/// SEQUENCE, in its constructed form.
pub const SEQUENCE: u8 = 0x30;

/// Tag numbers from here on do not fit into the identifier octet.
const LONG_FORM: u32 = 31;

/// Appends one element.
pub fn element(out: &mut Vec<u8>, class_and_form: u8, tag: u32, content: &[u8]) {
    identifier(out, class_and_form, tag);
    length(out, content.len());
    out.extend_from_slice(content);
}

/// A primitive element with a context tag.
pub fn primitive(out: &mut Vec<u8>, tag: u32, content: &[u8]) {
    element(out, CONTEXT, tag, content);
}

/// A constructed element with a context tag.
pub fn constructed(out: &mut Vec<u8>, tag: u32, content: &[u8]) {
    element(out, CONTEXT | CONSTRUCTED, tag, content);
}

/// A SEQUENCE with its universal tag.
pub fn sequence(out: &mut Vec<u8>, content: &[u8]) {
    out.push(SEQUENCE);
    length(out, content.len());
    out.extend_from_slice(content);
}

/// An INTEGER or ENUMERATED value, in the fewest octets (X.690, 8.3). Never negative here.
pub fn integer(value: u64) -> Vec<u8> {
    let octets = value.to_be_bytes();
    let first = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len() - 1);
    let mut content = Vec::with_capacity(9);
    // The top bit is the sign.
    if octets[first] & 0x80 != 0 {
        content.push(0);
    }
    content.extend_from_slice(&octets[first..]);
    content
}

fn identifier(out: &mut Vec<u8>, class_and_form: u8, tag: u32) {
    if tag < LONG_FORM {
        out.push(class_and_form | tag as u8);
        return;
    }
    out.push(class_and_form | 0x1f);
    let groups = (32 - tag.leading_zeros()).div_ceil(7);
    for group in (0..groups).rev() {
        let more = if group == 0 { 0 } else { 0x80 };
        out.push(((tag >> (7 * group)) & 0x7f) as u8 | more);
    }
}

fn length(out: &mut Vec<u8>, length: usize) {
    if length < 0x80 {
        out.push(length as u8);
        return;
    }
    let octets = length.to_be_bytes();
    let first = octets.iter().position(|octet| *octet != 0).unwrap_or(0);
    out.push(0x80 | (octets.len() - first) as u8);
    out.extend_from_slice(&octets[first..]);
}

/// One element, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    pub class_and_form: u8,
    pub tag: u32,
    pub content: &'a [u8],
}

/// Why octets are not BER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlvError {
    #[error("the octets end in the middle of an element")]
    Truncated,
    #[error("a tag number has more than four octets")]
    LongTag,
    #[error("an element has no definite length of at most eight octets")]
    Length,
}

/// Takes the first element off `octets`. Accepts every definite length, not only the shortest.
pub fn take<'a>(octets: &mut &'a [u8]) -> Result<Element<'a>, TlvError> {
    let first = octet(octets)?;
    let class_and_form = first & 0xe0;
    let mut tag = u32::from(first & 0x1f);
    if tag == LONG_FORM {
        tag = 0;
        for place in 0.. {
            if place == 4 {
                return Err(TlvError::LongTag);
            }
            let next = octet(octets)?;
            tag = (tag << 7) | u32::from(next & 0x7f);
            if next & 0x80 == 0 {
                break;
            }
        }
    }
    let length = taken_length(octets)?;
    if length > octets.len() {
        return Err(TlvError::Truncated);
    }
    let (content, rest) = octets.split_at(length);
    *octets = rest;
    Ok(Element {
        class_and_form,
        tag,
        content,
    })
}

fn taken_length(octets: &mut &[u8]) -> Result<usize, TlvError> {
    let first = octet(octets)?;
    if first < 0x80 {
        return Ok(usize::from(first));
    }
    let count = first & 0x7f;
    if count == 0 || count > 8 {
        return Err(TlvError::Length);
    }
    let mut length = 0u64;
    for _ in 0..count {
        length = (length << 8) | u64::from(octet(octets)?);
    }
    usize::try_from(length).map_err(|_| TlvError::Truncated)
}

fn octet(octets: &mut &[u8]) -> Result<u8, TlvError> {
    let (first, rest) = octets.split_first().ok_or(TlvError::Truncated)?;
    *octets = rest;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(tag: u32, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        primitive(&mut out, tag, content);
        out
    }

    #[test]
    fn tags_from_31_on_use_the_long_form() {
        assert_eq!(written(30, b""), [0x9e, 0]);
        assert_eq!(written(31, b""), [0x9f, 0x1f, 0]);
        assert_eq!(written(47, b""), [0x9f, 0x2f, 0]);
        assert_eq!(written(200, b""), [0x9f, 0x81, 0x48, 0]);
    }

    #[test]
    fn lengths_take_the_fewest_octets() {
        assert_eq!(written(1, &[7; 127])[..2], [0x81, 127]);
        assert_eq!(written(1, &[7; 128])[..3], [0x81, 0x81, 128]);
        assert_eq!(written(1, &[7; 256])[..4], [0x81, 0x82, 1, 0]);
    }

    #[test]
    fn integers_keep_their_sign_bit_clear() {
        assert_eq!(integer(0), [0]);
        assert_eq!(integer(127), [127]);
        assert_eq!(integer(128), [0, 128]);
        assert_eq!(integer(0xffff_ffff), [0, 255, 255, 255, 255]);
        assert_eq!(integer(u64::MAX).len(), 9);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(tag in 0u32..1 << 20, content in proptest::collection::vec(any::<u8>(), 0..300)) {
            let octets = written(tag, &content);
            let mut rest = &octets[..];
            let element = take(&mut rest).unwrap();
            prop_assert_eq!((element.tag, element.content), (tag, &content[..]));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn no_octets_are_read_beyond_their_end(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut rest = &octets[..];
            while !rest.is_empty() && take(&mut rest).is_ok() {}
        }
    }
}
