//! The kinds of findings, with their names.

use crate::message::{MessageId, QueueId};

/// The words are a contract: `docs/ledger.md` and the output of `mm4relay ledger check` use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A recipient was opened, has not ended, and is not in the queue.
    RecipientLost,
    /// A recipient went through the chain, and nothing was opened for it afterwards.
    CameToNothing,
    /// Something in the queue is not in the ledger.
    NotInLedger,
    /// The ledger names a record that is not in the spool, and was not purged.
    RecordMissing,
    /// A record number that no record has.
    NumberMissing,
    /// A recipient came to two ends.
    EndedTwice,
    /// A recipient was opened while it was open.
    OpenedTwice,
    /// Two lines name one record.
    RecordNamedTwice,
    /// A recipient ended that had never been opened.
    NeverOpened,
    /// A recipient has ended, and is in the queue.
    EndedAndHere,
    /// A record differs from what was written.
    RecordChanged,
    /// A record belongs to another message or destination than the line that names it.
    RecordOfAnother,
    /// A record of a message in the ledger that no line names.
    RecordUnnamed,
    /// A record contradicts the end with which it was written.
    RecordDisagrees,
    /// Something cannot be read.
    Damaged,
    /// A closed file is missing, although later ones exist or existed.
    FileMissing,
    /// An output has passed a record, and it is in none of its files.
    FileRecordMissing,
    /// An output cannot write a record, and has set it aside.
    RecordSetAside,
    /// A record is in an output's files twice.
    FileRecordDoubled,
    /// A record in a file differs from what was written.
    FileRecordChanged,
    /// A record in a file was never written.
    FileRecordUnknown,
    /// A file that its output did not write.
    FileUnknown,
    /// A file contradicts its header, or part of it cannot be read.
    FileDamaged,
}

impl Kind {
    pub const ALL: [Self; 23] = [
        Self::RecipientLost,
        Self::CameToNothing,
        Self::NotInLedger,
        Self::RecordMissing,
        Self::NumberMissing,
        Self::EndedTwice,
        Self::OpenedTwice,
        Self::RecordNamedTwice,
        Self::NeverOpened,
        Self::EndedAndHere,
        Self::RecordChanged,
        Self::RecordOfAnother,
        Self::RecordUnnamed,
        Self::RecordDisagrees,
        Self::Damaged,
        Self::FileMissing,
        Self::FileRecordMissing,
        Self::RecordSetAside,
        Self::FileRecordDoubled,
        Self::FileRecordChanged,
        Self::FileRecordUnknown,
        Self::FileUnknown,
        Self::FileDamaged,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::RecipientLost => "recipient-lost",
            Self::CameToNothing => "came-to-nothing",
            Self::NotInLedger => "not-in-ledger",
            Self::RecordMissing => "record-missing",
            Self::NumberMissing => "number-missing",
            Self::EndedTwice => "ended-twice",
            Self::OpenedTwice => "opened-twice",
            Self::RecordNamedTwice => "record-named-twice",
            Self::NeverOpened => "never-opened",
            Self::EndedAndHere => "ended-and-here",
            Self::RecordChanged => "record-changed",
            Self::RecordOfAnother => "record-of-another",
            Self::RecordUnnamed => "record-unnamed",
            Self::RecordDisagrees => "record-disagrees",
            Self::Damaged => "damaged",
            Self::FileMissing => "file-missing",
            Self::FileRecordMissing => "file-record-missing",
            Self::RecordSetAside => "record-set-aside",
            Self::FileRecordDoubled => "file-record-doubled",
            Self::FileRecordChanged => "file-record-changed",
            Self::FileRecordUnknown => "file-record-unknown",
            Self::FileUnknown => "file-unknown",
            Self::FileDamaged => "file-damaged",
        }
    }

    /// `gap`, `double` or `contradiction`.
    pub fn class(self) -> &'static str {
        match self {
            Self::RecipientLost
            | Self::CameToNothing
            | Self::NotInLedger
            | Self::RecordMissing
            | Self::NumberMissing
            | Self::FileMissing
            | Self::FileRecordMissing
            | Self::RecordSetAside => "gap",
            Self::EndedTwice | Self::OpenedTwice | Self::RecordNamedTwice | Self::FileRecordDoubled => "double",
            Self::NeverOpened
            | Self::EndedAndHere
            | Self::RecordChanged
            | Self::RecordOfAnother
            | Self::RecordUnnamed
            | Self::RecordDisagrees
            | Self::Damaged
            | Self::FileRecordChanged
            | Self::FileRecordUnknown
            | Self::FileUnknown
            | Self::FileDamaged => "contradiction",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    /// The message; `None` for a missing record number, and for a file.
    pub id: Option<QueueId>,
    /// The number of the record that it is about.
    pub record: Option<u64>,
    /// The file that it is about.
    pub file: Option<String>,
    /// The place of the record in that file, from 1.
    pub place: Option<u32>,
    /// A description in words.
    pub text: String,
}

impl Finding {
    pub(super) fn of(kind: Kind, message: MessageId, ordinal: u32, text: impl Into<String>) -> Self {
        Self {
            kind,
            id: Some(QueueId::of(message, ordinal)),
            record: None,
            file: None,
            place: None,
            text: text.into(),
        }
    }

    pub(super) fn about_record(self, sequence: u64) -> Self {
        Self {
            record: Some(sequence),
            ..self
        }
    }
}
