//! Decoding of records, for `mm4relay cdr decode` and for tests.

use std::fmt::Write;

use mm4relay_engine::RecordType;

use super::layout::{self, Field};
use super::tlv::{self, CONSTRUCTED, CONTEXT, SEQUENCE, TlvError};
use super::values;

/// One record: its type, and its fields by name, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub record_type: RecordType,
    pub fields: Vec<(String, String)>,
}

/// Why octets are no record that this program knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("{0}")]
    Tlv(#[from] TlvError),
    #[error("a record of type {0}, which does not belong to MM4")]
    Unknown(u32),
    #[error("an element of class {0:#04x} stands where a record should")]
    NotARecord(u8),
    #[error("a member of a list is no SEQUENCE, but has tag {0}")]
    Member(u32),
    #[error("{field}: {problem}")]
    Field { field: String, problem: &'static str },
}

/// Reads the first record off `octets`. Fields whose tags the type does not have are shown by number and in
/// hexadecimal, because later releases add some.
pub fn decode(octets: &mut &[u8]) -> Result<Decoded, DecodeError> {
    let record = tlv::take(octets)?;
    if record.class_and_form != CONTEXT | CONSTRUCTED {
        return Err(DecodeError::NotARecord(record.class_and_form));
    }
    let record_type = layout::of_number(record.tag).ok_or(DecodeError::Unknown(record.tag))?;
    let mut rest = record.content;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let element = tlv::take(&mut rest)?;
        let known = layout::fields(record_type).iter().find(|(tag, _)| *tag == element.tag);
        fields.push(match known {
            Some((_, field)) => (field.name().to_owned(), shown(*field, element.content)?),
            None => (format!("[{}]", element.tag), hexadecimal(element.content)),
        });
    }
    Ok(Decoded { record_type, fields })
}

/// The last 32 bits of a record's number in the stream, read without its other fields; `None` where it has none.
pub fn local_sequence_number(record: &[u8]) -> Result<Option<u64>, DecodeError> {
    let record = tlv::take(&mut { record })?;
    if record.class_and_form != CONTEXT | CONSTRUCTED {
        return Err(DecodeError::NotARecord(record.class_and_form));
    }
    let record_type = layout::of_number(record.tag).ok_or(DecodeError::Unknown(record.tag))?;
    let fields = layout::fields(record_type).iter();
    let number = fields.rev().find(|(_, field)| *field == Field::LocalSequenceNumber);
    let mut rest = record.content;
    while !rest.is_empty() {
        let element = tlv::take(&mut rest)?;
        if number.is_some_and(|(tag, _)| *tag == element.tag) {
            return Ok(integer(element.content));
        }
    }
    Ok(None)
}

fn shown(field: Field, content: &[u8]) -> Result<String, DecodeError> {
    use Field::*;
    let problem = |problem| DecodeError::Field {
        field: field.name().to_owned(),
        problem,
    };
    let number = || integer(content).ok_or_else(|| problem("a number of no octets, or of more than nine"));
    Ok(match field {
        Type | MessageSize | ForwardCounter | LocalSequenceNumber => number()?.to_string(),
        RequestStatus | MandatoryRequestStatus => named(number()?, values::request_status_name),
        MmStatus | MandatoryMmStatus | ReadStatus => named(number()?, values::mm_status_name),
        MessageClass => named(number()?, values::message_class_name),
        Priority => named(number()?, values::priority_name),
        DeliveryReportRequested | ReadReplyRequested | AcknowledgementRequest | SenderVisibility => match content {
            [0] => "no".to_owned(),
            [_] => "yes".to_owned(),
            _ => return Err(problem("a truth value of more or less than one octet")),
        },
        SubmissionTime | DateAndTime | MandatoryDateAndTime | RecordTimeStamp => {
            moment(content).ok_or_else(|| problem("a time that is not nine octets of digits"))?
        }
        TimeOfExpiry => {
            let choice = tlv::take(&mut { content })?;
            match choice.tag {
                0 => moment(choice.content).ok_or_else(|| problem("a time that is not nine octets of digits"))?,
                _ => format!("after {}", hexadecimal(choice.content)),
            }
        }
        OriginatorSystem | RecipientSystem => system(content)?,
        Originator | Recipient => agent(content)?,
        Recipients | ForwardingAddresses => {
            let all: Result<Vec<String>, DecodeError> = sequences(content).map(|one| agent(one?)).collect();
            all?.join(", ")
        }
        Components => {
            let mut rest = content;
            let (subject, media) = (tlv::take(&mut rest)?, tlv::take(&mut rest)?);
            let parts = sequences(media.content).map(|one| sized(one?));
            let all: Result<Vec<String>, DecodeError> =
                std::iter::once(sized(subject.content).map(|subject| format!("subject {subject}")))
                    .chain(parts)
                    .collect();
            all?.join(", ")
        }
        MessageId | Version | ContentType | StatusText | MandatoryStatusText => {
            String::from_utf8_lossy(content).into_owned()
        }
    })
}

/// The contents of the members of a SET OF SEQUENCE.
fn sequences(content: &[u8]) -> impl Iterator<Item = Result<&[u8], DecodeError>> {
    let mut rest = content;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let element = match tlv::take(&mut rest) {
            Ok(element) => element,
            Err(error) => {
                rest = &[];
                return Some(Err(error.into()));
            }
        };
        let is_sequence = element.class_and_form | element.tag as u8 == SEQUENCE;
        Some(match is_sequence {
            true => Ok(element.content),
            false => Err(DecodeError::Member(element.tag)),
        })
    })
}

fn sized(content: &[u8]) -> Result<String, DecodeError> {
    let mut rest = content;
    let (media_type, size) = (tlv::take(&mut rest)?, tlv::take(&mut rest)?);
    let size = integer(size.content).unwrap_or_default();
    Ok(format!("{} {size}", String::from_utf8_lossy(media_type.content))
        .trim()
        .to_owned())
}

fn named(number: u64, name: fn(u64) -> &'static str) -> String {
    format!("{number} ({})", name(number))
}

fn integer(content: &[u8]) -> Option<u64> {
    let octets = match content {
        [0, rest @ ..] if !rest.is_empty() => rest,
        other => other,
    };
    (1..=8)
        .contains(&octets.len())
        .then(|| octets.iter().fold(0, |number, octet| (number << 8) | u64::from(*octet)))
}

fn moment(content: &[u8]) -> Option<String> {
    let [
        year,
        month,
        day,
        hour,
        minute,
        second,
        sign @ (b'+' | b'-'),
        hours,
        minutes,
    ] = *content
    else {
        return None;
    };
    let digits = [year, month, day, hour, minute, second, hours, minutes];
    if digits.iter().any(|octet| octet >> 4 > 9 || octet & 0xf > 9) {
        return None;
    }
    let sign = char::from(sign);
    Some(format!(
        "20{year:02x}-{month:02x}-{day:02x} {hour:02x}:{minute:02x}:{second:02x} {sign}{hours:02x}{minutes:02x}"
    ))
}

fn system(content: &[u8]) -> Result<String, DecodeError> {
    let mut rest = content;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let element = tlv::take(&mut rest)?;
        parts.push(match element.tag {
            0 => String::from_utf8_lossy(element.content).into_owned(),
            _ => format!("[{}] {}", element.tag, hexadecimal(element.content)),
        });
    }
    Ok(parts.join(" "))
}

fn agent(content: &[u8]) -> Result<String, DecodeError> {
    let data = tlv::take(&mut { content })?;
    let choice = tlv::take(&mut { data.content })?;
    Ok(match choice.tag {
        1 => isdn(choice.content),
        _ => String::from_utf8_lossy(choice.content).into_owned(),
    })
}

fn isdn(content: &[u8]) -> String {
    let Some((kind, digits)) = content.split_first() else {
        return String::new();
    };
    let mut number = String::from(if kind & 0x70 == 0x10 { "+" } else { "" });
    for digit in digits.iter().flat_map(|octet| [octet & 0xf, octet >> 4]) {
        if digit <= 9 {
            number.push(char::from(b'0' + digit));
        }
    }
    number
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
