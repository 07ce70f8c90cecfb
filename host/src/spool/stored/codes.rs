//! Values that are stored as numbers.

use crate::message::Protocol;

pub(in crate::spool) fn protocol_code(protocol: Protocol) -> i64 {
    match protocol {
        Protocol::Smtp => 0,
        Protocol::Esmtp => 1,
        Protocol::Esmtps => 2,
        Protocol::Esmtpsa => 3,
    }
}

/// `None`: a code of no version that this one knows.
pub(in crate::spool) fn protocol_of(code: i64) -> Option<Protocol> {
    match code {
        0 => Some(Protocol::Smtp),
        1 => Some(Protocol::Esmtp),
        2 => Some(Protocol::Esmtps),
        3 => Some(Protocol::Esmtpsa),
        _ => None,
    }
}
