//! The number of each record type, and the tags of its fields (TS 32.298, 5.1.4). One row for each field, in the order
//! of the tags.

use mm4relay_engine::RecordType;

use Field::*;

/// The record types of TS 32.270 for MM4. The number is the `RecordType` of TS 32.298, and the tag of the record.
const NUMBERS: [(RecordType, u32); 9] = [
    (RecordType::O4frq, 31),
    (RecordType::O4frs, 32),
    (RecordType::O4d, 33),
    (RecordType::O4r, 35),
    (RecordType::R4f, 38),
    (RecordType::R4drq, 43),
    (RecordType::R4drs, 44),
    (RecordType::R4rrq, 46),
    (RecordType::R4rrs, 47),
];

/// The number of a record type; `None` for a type that TS 32.270 does not have.
pub fn number(of: RecordType) -> Option<u32> {
    let mut numbers = NUMBERS.iter();
    numbers.find(|(known, _)| *known == of).map(|(_, number)| *number)
}

pub fn of_number(number: u32) -> Option<RecordType> {
    let mut numbers = NUMBERS.iter();
    numbers.find(|(_, known)| *known == number).map(|(of, _)| *of)
}

#[cfg(test)]
pub fn types() -> impl Iterator<Item = RecordType> {
    NUMBERS.into_iter().map(|(of, _)| of)
}

/// The meaning of a field. `encode.rs` writes it, `decode.rs` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The number of the record's type.
    Type,
    OriginatorSystem,
    RecipientSystem,
    MessageId,
    Version,
    Originator,
    Recipient,
    Recipients,
    ContentType,
    Components,
    MessageSize,
    MessageClass,
    SubmissionTime,
    TimeOfExpiry,
    DeliveryReportRequested,
    Priority,
    SenderVisibility,
    ReadReplyRequested,
    AcknowledgementRequest,
    ForwardCounter,
    ForwardingAddresses,
    RequestStatus,
    /// For a request that was accepted: always present, together with its text.
    MandatoryRequestStatus,
    MandatoryStatusText,
    MmStatus,
    MandatoryMmStatus,
    ReadStatus,
    StatusText,
    DateAndTime,
    MandatoryDateAndTime,
    RecordTimeStamp,
    LocalSequenceNumber,
}

impl Field {
    /// The name that `cdr decode` shows.
    pub fn name(self) -> &'static str {
        match self {
            Type => "recordType",
            OriginatorSystem => "originatorMmsRSAddress",
            RecipientSystem => "recipientMmsRSAddress",
            MessageId => "messageID",
            Version => "mms3GPPVersion",
            Originator => "originatorAddress",
            Recipient => "recipientAddress",
            Recipients => "recipientAddresses",
            ContentType => "contentType",
            Components => "mmComponentType",
            MessageSize => "messageSize",
            MessageClass => "messageClass",
            SubmissionTime => "submissionTime",
            TimeOfExpiry => "timeOfExpiry",
            DeliveryReportRequested => "deliveryReportRequested",
            Priority => "priority",
            SenderVisibility => "senderVisibility",
            ReadReplyRequested => "readReplyRequested",
            AcknowledgementRequest => "acknowledgementRequest",
            ForwardCounter => "forwardCounter",
            ForwardingAddresses => "forwardingAddress",
            RequestStatus | MandatoryRequestStatus => "requestStatusCode",
            MmStatus | MandatoryMmStatus => "mmStatusCode",
            ReadStatus => "readStatus",
            StatusText | MandatoryStatusText => "statusText",
            DateAndTime | MandatoryDateAndTime => "mmDateAndTime",
            RecordTimeStamp => "recordTimeStamp",
            LocalSequenceNumber => "localSequenceNumber",
        }
    }
}

/// The fields of a record, by tag; none for a type that TS 32.270 does not have. Record extensions, which every type
/// may have, belong to the operator: the relay writes none.
pub fn fields(of: RecordType) -> &'static [(u32, Field)] {
    match of {
        RecordType::O4frq => &[
            (0, Type),
            (1, OriginatorSystem),
            (2, RecipientSystem),
            (3, MessageId),
            (4, Version),
            (5, Originator),
            (6, Recipients),
            (7, ContentType),
            (8, Components),
            (9, MessageSize),
            (10, MessageClass),
            (11, SubmissionTime),
            (12, TimeOfExpiry),
            (13, DeliveryReportRequested),
            (14, Priority),
            (15, SenderVisibility),
            (16, ReadReplyRequested),
            (17, AcknowledgementRequest),
            (18, ForwardCounter),
            (19, ForwardingAddresses),
            (20, RecordTimeStamp),
            (21, LocalSequenceNumber),
        ],
        RecordType::R4f => &[
            (0, Type),
            (1, RecipientSystem),
            (2, OriginatorSystem),
            (3, MessageId),
            (4, Version),
            (5, Originator),
            (6, Recipients),
            (7, ContentType),
            (8, Components),
            (9, MessageSize),
            (10, MessageClass),
            (11, SubmissionTime),
            (12, TimeOfExpiry),
            (13, DeliveryReportRequested),
            (14, Priority),
            (15, SenderVisibility),
            (16, ReadReplyRequested),
            (17, MandatoryRequestStatus),
            (18, MandatoryStatusText),
            (19, AcknowledgementRequest),
            (20, ForwardCounter),
            (21, ForwardingAddresses),
            (22, RecordTimeStamp),
            (23, LocalSequenceNumber),
        ],
        RecordType::O4frs => &[
            (0, Type),
            (1, OriginatorSystem),
            (2, RecipientSystem),
            (3, MessageId),
            (4, Version),
            (5, RequestStatus),
            (6, StatusText),
            (7, RecordTimeStamp),
            (8, LocalSequenceNumber),
        ],
        RecordType::R4drs | RecordType::R4rrs => &[
            (0, Type),
            (1, RecipientSystem),
            (2, OriginatorSystem),
            (3, MessageId),
            (4, Version),
            (5, RequestStatus),
            (6, StatusText),
            (7, RecordTimeStamp),
            (8, LocalSequenceNumber),
        ],
        RecordType::O4d => &[
            (0, Type),
            (1, RecipientSystem),
            (2, OriginatorSystem),
            (3, MessageId),
            (4, Version),
            (5, Originator),
            (6, Recipient),
            (7, MandatoryDateAndTime),
            (8, AcknowledgementRequest),
            (9, MandatoryMmStatus),
            (10, StatusText),
            (11, RecordTimeStamp),
            (12, LocalSequenceNumber),
        ],
        RecordType::O4r => &[
            (0, Type),
            (1, RecipientSystem),
            (2, OriginatorSystem),
            (3, MessageId),
            (4, Version),
            (5, Originator),
            (6, Recipients),
            (7, DateAndTime),
            (8, AcknowledgementRequest),
            (9, ReadStatus),
            (10, StatusText),
            (11, RecordTimeStamp),
            (12, LocalSequenceNumber),
        ],
        RecordType::R4drq | RecordType::R4rrq => &[
            (0, Type),
            (1, RecipientSystem),
            (2, OriginatorSystem),
            (3, MessageId),
            (4, Version),
            (5, Originator),
            (6, Recipient),
            (7, DateAndTime),
            (8, AcknowledgementRequest),
            (9, MmStatus),
            (10, StatusText),
            (11, RecordTimeStamp),
            (12, LocalSequenceNumber),
        ],
        RecordType::RelayIn | RecordType::RelayOut | RecordType::RelayFailed | RecordType::Fallback => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_rise_and_each_record_begins_with_its_type() {
        for of in types() {
            let fields = fields(of);
            assert_eq!(fields[0], (0, Type), "{of:?}");
            assert!(fields.windows(2).all(|pair| pair[0].0 < pair[1].0), "{of:?}");
        }
    }

    #[test]
    fn a_type_has_a_number_and_fields_or_neither() {
        for (word, of) in RecordType::WORDS {
            assert_eq!(number(*of).is_some(), !fields(*of).is_empty(), "{word}");
        }
    }
}
