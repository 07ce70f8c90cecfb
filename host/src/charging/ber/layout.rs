//! Which field stands under which tag, for each record type (TS 32.298, 5.1.4). One row for each field, in the order of the
//! tags.

use super::super::record::Kind;
use Field::*;

/// What a field says. How it is written stands in `encode.rs`, how it is shown in `decode.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    RecordType,
    OriginatorSystem,
    RecipientSystem,
    MessageId,
    Version,
    Originator,
    Recipient,
    Recipients,
    ContentType,
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
    RequestStatus,
    /// Of a request that was taken: always there, with the text that belongs to it.
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
    /// As `cdr decode` shows it.
    pub fn name(self) -> &'static str {
        match self {
            RecordType => "recordType",
            OriginatorSystem => "originatorMmsRSAddress",
            RecipientSystem => "recipientMmsRSAddress",
            MessageId => "messageID",
            Version => "mms3GPPVersion",
            Originator => "originatorAddress",
            Recipient => "recipientAddress",
            Recipients => "recipientAddresses",
            ContentType => "contentType",
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

/// The fields of a record, by tag. Fields that the relay never knows (components, charged party, record extensions) are
/// optional, and left out.
pub fn fields(kind: Kind) -> &'static [(u32, Field)] {
    match kind {
        Kind::O4frq => &[
            (0, RecordType),
            (1, OriginatorSystem),
            (2, RecipientSystem),
            (3, MessageId),
            (4, Version),
            (5, Originator),
            (6, Recipients),
            (7, ContentType),
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
            (20, RecordTimeStamp),
            (21, LocalSequenceNumber),
        ],
        Kind::R4f => &[
            (0, RecordType),
            (1, RecipientSystem),
            (2, OriginatorSystem),
            (3, MessageId),
            (4, Version),
            (5, Originator),
            (6, Recipients),
            (7, ContentType),
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
            (22, RecordTimeStamp),
            (23, LocalSequenceNumber),
        ],
        Kind::O4frs => &[
            (0, RecordType),
            (1, OriginatorSystem),
            (2, RecipientSystem),
            (3, MessageId),
            (4, Version),
            (5, RequestStatus),
            (6, StatusText),
            (7, RecordTimeStamp),
            (8, LocalSequenceNumber),
        ],
        Kind::R4drs | Kind::R4rrs => &[
            (0, RecordType),
            (1, RecipientSystem),
            (2, OriginatorSystem),
            (3, MessageId),
            (4, Version),
            (5, RequestStatus),
            (6, StatusText),
            (7, RecordTimeStamp),
            (8, LocalSequenceNumber),
        ],
        Kind::O4d => &[
            (0, RecordType),
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
        Kind::O4r => &[
            (0, RecordType),
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
        Kind::R4drq | Kind::R4rrq => &[
            (0, RecordType),
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_rise_and_each_record_begins_with_its_type() {
        for kind in Kind::ALL {
            let fields = fields(kind);
            assert_eq!(fields[0], (0, RecordType), "{kind:?}");
            assert!(fields.windows(2).all(|pair| pair[0].0 < pair[1].0), "{kind:?}");
        }
    }
}
