//! Encoding of records by TS 32.298: a SET under the tag of its type, with the fields in the order of their tags.
//!
//! Two rules of IMPLICIT TAGS are easy to get wrong, and each is implemented in one place: a tag replaces the tag of
//! the type that it names ([`tlv::primitive`], [`tlv::constructed`] for a SEQUENCE or SET), but is put *around* a
//! CHOICE, which has no tag of its own ([`expiry`], [`agent`]).

use jiff::Zoned;
use mm4relay_engine::RecordType;

use super::super::record::{Record, dated, spoken, zoned};
use super::layout::{self, Field};
use super::{tlv, values};
use crate::protocol::mm4::{Date, Expiry, MessageClass, Priority};

/// The most octets of a text. Status texts and content types come from outside and have no limit of their own.
const LONGEST_TEXT: usize = 255;
/// The most digits in an ISDN-AddressString (TS 29.002: 9 octets, one of them the type).
const MOST_DIGITS: usize = 16;
/// A number without a plus and with at most so many digits is a short code.
const SHORT_CODE_DIGITS: usize = 6;
/// ISDN-AddressString: no extension, international number, E.164 (TS 29.002, 17.7.8).
const INTERNATIONAL: u8 = 0x91;
/// The same for a number of unknown type.
const UNKNOWN: u8 = 0x81;

/// The type of a subject: it is text, whatever its encoding.
const SUBJECT_TYPE: &[u8] = b"text/plain";

/// The octets of `record`; `None` when TS 32.270 has no record for this event.
pub fn encode(record: &Record) -> Option<Vec<u8>> {
    let of = record.standard()?;
    let number = layout::number(of)?;
    let mut fields = Vec::with_capacity(512);
    for (tag, field) in layout::fields(of) {
        write(&mut fields, *tag, *field, record, of);
    }
    let mut out = Vec::with_capacity(fields.len() + 6);
    tlv::constructed(&mut out, number, &fields);
    Some(out)
}

/// Writes one field, or nothing when the message did not have it and it is optional.
fn write(out: &mut Vec<u8>, tag: u32, field: Field, record: &Record, of: RecordType) {
    let said = &record.fields;
    let mut number = |value: u64| tlv::primitive(out, tag, &tlv::integer(value));
    match field {
        Field::Type => number(layout::number(of).unwrap_or_default().into()),
        Field::MessageSize => number(said.message_size.unwrap_or(0)),
        Field::ForwardCounter => {
            if let Some(count) = said.forward_counter {
                number(count.into());
            }
        }
        Field::MessageClass => said
            .message_class
            .as_deref()
            .and_then(MessageClass::read)
            .map_or((), |class| number(class.charging_code().into())),
        Field::Priority => said
            .priority
            .as_deref()
            .and_then(Priority::read)
            .map_or((), |priority| number(priority.charging_code().into())),
        Field::RequestStatus => responded(record).map_or((), |word| number(values::request_status(word).value)),
        Field::MandatoryRequestStatus => {
            number(
                said.status_code
                    .as_deref()
                    .map_or(values::OK, |word| values::request_status(word).value),
            );
        }
        Field::MmStatus | Field::ReadStatus => {
            if let Some(word) = record.fields.reported() {
                number(values::mm_status(word).value);
            }
        }
        Field::MandatoryMmStatus => number(values::mm_status(record.fields.reported().unwrap_or("")).value),
        Field::LocalSequenceNumber => number(record.sequence & 0xffff_ffff),
        Field::DeliveryReportRequested => boolean(out, tag, said.delivery_report_requested.unwrap_or(false)),
        Field::ReadReplyRequested => boolean(out, tag, said.read_reply_requested.unwrap_or(false)),
        Field::AcknowledgementRequest => boolean(out, tag, said.acknowledgement_requested.unwrap_or(false)),
        // TRUE is taken for "visible", by the name of the field; TS 32.298 does not say.
        Field::SenderVisibility => boolean(out, tag, !said.sender_hidden.unwrap_or(false)),
        Field::MessageId => tlv::primitive(out, tag, said.message_id.as_bytes()),
        Field::ContentType => tlv::primitive(out, tag, text(said.content_type.as_deref().unwrap_or(""))),
        Field::Version => {
            if let Some(version) = &said.mms_version {
                tlv::primitive(out, tag, text(version));
            }
        }
        Field::StatusText => {
            if let Some(status) = status_text(record, of) {
                tlv::primitive(out, tag, text(&status));
            }
        }
        Field::MandatoryStatusText => tlv::primitive(out, tag, text(&status_text(record, of).unwrap_or_default())),
        Field::OriginatorSystem => system(out, tag, said.originator.as_deref(), originating_peer(record, of)),
        Field::RecipientSystem => {
            let address = said.recipients.first().map(String::as_str);
            system(out, tag, address, receiving_peer(record, of));
        }
        Field::Originator => tlv::constructed(out, tag, &agent(said.originator.as_deref().unwrap_or(""))),
        Field::Recipient => {
            let recipient = said.recipients.first().map_or("", String::as_str);
            tlv::constructed(out, tag, &agent(recipient));
        }
        Field::Recipients => tlv::constructed(out, tag, &agents(said.recipients.iter().map(String::as_str))),
        Field::ForwardingAddresses => {
            if let Some(addresses) = &said.previously_sent_by {
                tlv::constructed(out, tag, &agents(addresses.split_ascii_whitespace()));
            }
        }
        Field::Components => {
            if said.components.is_some() {
                tlv::constructed(out, tag, &components(record));
            }
        }
        Field::SubmissionTime => tlv::primitive(out, tag, &moment(&submitted(record))),
        Field::DateAndTime => {
            if let Some(date) = date(record) {
                tlv::primitive(out, tag, &moment(&dated(date)));
            }
        }
        Field::MandatoryDateAndTime => tlv::primitive(out, tag, &moment(&submitted(record))),
        Field::TimeOfExpiry => {
            if let Some(time) = said.expiry.as_deref().and_then(|text| expires(text, record)) {
                tlv::constructed(out, tag, &expiry(&time));
            }
        }
        Field::RecordTimeStamp => tlv::primitive(out, tag, &moment(&zoned(record.recorded_at))),
    }
}

fn boolean(out: &mut Vec<u8>, tag: u32, value: bool) {
    tlv::primitive(out, tag, &[if value { 0xff } else { 0 }]);
}

fn text(text: &str) -> &[u8] {
    let octets = text.as_bytes();
    &octets[..octets.len().min(LONGEST_TEXT)]
}

/// The status of a response. For a response that was sent on, its own status, and not the SMTP code of the next hop.
fn responded(record: &Record) -> Option<&str> {
    let said = &record.fields;
    match said.record_type {
        Some(RecordType::RelayOut) => record.fields.reported(),
        _ => said.status_code.as_deref(),
    }
}

/// The status text as received, with the status word in front where the word has no number of its own.
fn status_text(record: &Record, of: RecordType) -> Option<String> {
    let said = &record.fields;
    // What the next hop replied to a report or a response is no status of the message.
    let sent_on = match of {
        RecordType::R4drq | RecordType::R4rrq => true,
        RecordType::O4frs | RecordType::R4drs | RecordType::R4rrs => said.record_type == Some(RecordType::RelayOut),
        _ => false,
    };
    let (word, text) = match sent_on {
        true => {
            let text = said.report_status_text.as_deref();
            let own = spoken(said.status_code.as_deref()).and(said.status_text.as_deref());
            (record.fields.reported(), text.or(own))
        }
        false => (said.status_code.as_deref(), said.status_text.as_deref()),
    };
    match (word.filter(|word| !is_exact(word)), text) {
        (Some(word), Some(text)) => Some(format!("{word} {text}")),
        (word, text) => word.or(text).map(str::to_owned),
    }
}

fn is_exact(word: &str) -> bool {
    values::request_status(word).exact || values::mm_status(word).exact
}

/// MMSRSAddress: the domain of the address, or the name of the peer where the address has none.
fn system(out: &mut Vec<u8>, tag: u32, address: Option<&str>, peer: Option<&str>) {
    let domain = address
        .and_then(|address| address.rsplit_once('@'))
        .map(|(_, domain)| domain);
    let mut content = Vec::new();
    tlv::primitive(&mut content, 0, text(domain.or(peer).unwrap_or("")));
    tlv::constructed(out, tag, &content);
}

/// The peer on the originator's side. Reports and responses travel the other way.
fn originating_peer(record: &Record, of: RecordType) -> Option<&str> {
    match of {
        RecordType::O4frq | RecordType::R4f | RecordType::R4drs | RecordType::R4rrs => {
            record.fields.source_peer.as_deref()
        }
        _ => record.fields.destination_peer.as_deref(),
    }
}

fn receiving_peer(record: &Record, of: RecordType) -> Option<&str> {
    match of {
        RecordType::O4frq | RecordType::R4f | RecordType::R4drs | RecordType::R4rrs => {
            record.fields.destination_peer.as_deref()
        }
        _ => record.fields.source_peer.as_deref(),
    }
}

/// MMComponentType: the subject, and a SET OF the parts.
fn components(record: &Record) -> Vec<u8> {
    let mut media = Vec::new();
    for (media_type, size) in record.components() {
        tlv::sequence(&mut media, &sized(media_type.as_bytes(), size));
    }
    let subject = match record.subject_size() {
        0 => sized(b"", 0),
        size => sized(SUBJECT_TYPE, size),
    };
    let mut content = Vec::with_capacity(media.len() + 32);
    tlv::constructed(&mut content, 0, &subject);
    tlv::constructed(&mut content, 1, &media);
    content
}

/// SubjectComponent and MediaComponent: a type, and octets.
fn sized(media_type: &[u8], size: u64) -> Vec<u8> {
    let mut content = Vec::with_capacity(32);
    tlv::primitive(&mut content, 0, &media_type[..media_type.len().min(LONGEST_TEXT)]);
    tlv::primitive(&mut content, 1, &tlv::integer(size));
    content
}

fn agents<'a>(addresses: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut set = Vec::new();
    for address in addresses {
        tlv::sequence(&mut set, &agent(address));
    }
    set
}

/// MMSAgentAddress, without its own tag: the address data, which is a CHOICE and so keeps a tag around it.
fn agent(address: &str) -> Vec<u8> {
    let mut choice = Vec::new();
    match number(address) {
        Some(Number::Long(isdn)) => tlv::primitive(&mut choice, 1, &isdn),
        Some(Number::Short(digits)) => tlv::primitive(&mut choice, 2, digits.as_bytes()),
        None => tlv::primitive(&mut choice, 0, text(address)),
    }
    let mut data = Vec::new();
    tlv::constructed(&mut data, 0, &choice);
    data
}

enum Number<'a> {
    /// ISDN-AddressString.
    Long(Vec<u8>),
    Short(&'a str),
}

/// The number in an MMS address (`+15555550100/TYPE=PLMN@mms.a.example`), if it is one.
fn number(address: &str) -> Option<Number<'_>> {
    let local = address.split('@').next().unwrap_or("");
    let (bare, kind) = local.split_once('/').unwrap_or((local, "TYPE=PLMN"));
    if !kind.eq_ignore_ascii_case("TYPE=PLMN") {
        return None;
    }
    let digits = bare.strip_prefix('+').unwrap_or(bare);
    if digits.is_empty() || digits.len() > MOST_DIGITS || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let international = bare.starts_with('+');
    if !international && digits.len() <= SHORT_CODE_DIGITS {
        return Some(Number::Short(digits));
    }
    let mut isdn = vec![if international { INTERNATIONAL } else { UNKNOWN }];
    isdn.extend(tbcd(digits));
    Some(Number::Long(isdn))
}

/// Telephony BCD (TS 29.002, 17.7.8): two digits an octet, the first in the low half; 1111 fills the last one.
fn tbcd(digits: &str) -> impl Iterator<Item = u8> {
    digits.as_bytes().chunks(2).map(|pair| {
        let high = pair.get(1).map_or(0xf, |digit| digit - b'0');
        (high << 4) | (pair[0] - b'0')
    })
}

/// WaitTime, always as a point in time, because TS 32.298 does not say how `delta-seconds` encodes a number in eight
/// octets.
fn expiry(time: &Zoned) -> Vec<u8> {
    let mut content = Vec::new();
    tlv::primitive(&mut content, 0, &moment(time));
    content
}

/// `X-Mms-Expiry`: a date, or seconds since the submission.
fn expires(text: &str, record: &Record) -> Option<Zoned> {
    match Expiry::read(text)? {
        Expiry::At(date) => Some(dated(date)),
        Expiry::After(delta) => submitted(record).checked_add(delta).ok(),
    }
}

fn submitted(record: &Record) -> Zoned {
    date(record).map_or_else(|| zoned(record.recorded_at), dated)
}

fn date(record: &Record) -> Option<Date> {
    record.fields.submission_time.as_deref().and_then(Date::read)
}

/// TimeStamp: local time `YYMMDDhhmmss` in BCD, the sign of the offset to UTC as a character, `hhmm` in BCD.
fn moment(time: &Zoned) -> [u8; 9] {
    let bcd = |value: u64| (((value / 10 % 10) << 4) | (value % 10)) as u8;
    let small = |value: i8| bcd(u64::from(value.unsigned_abs()));
    let offset = time.offset().seconds();
    let (hours, minutes) = (offset.unsigned_abs() / 3600, offset.unsigned_abs() / 60 % 60);
    [
        bcd(u64::from(time.year().rem_euclid(100).unsigned_abs())),
        small(time.month()),
        small(time.day()),
        small(time.hour()),
        small(time.minute()),
        small(time.second()),
        if offset < 0 { b'-' } else { b'+' },
        bcd(hours.into()),
        bcd(minutes.into()),
    ]
}
