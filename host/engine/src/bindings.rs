//! The contract in Wasmtime's generated types, and their conversion from and to ours. Nothing outside this crate sees
//! the generated types: they carry handles, and change with Wasmtime's generator.

use crate::words;

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "filter",
    with: { "mm4:filter/types.body-writer": crate::host::writer::BodyWriter },
    imports: {
        "mm4:filter/message.read-part": async | trappable,
        "mm4:filter/message.part-header": async | trappable,
        "mm4:filter/kv.get": async | trappable,
        "mm4:filter/kv.increment": async | trappable,
        "mm4:filter/numbering.lookup": async | trappable,
        "mm4:filter/scan.part": async | trappable,
        "mm4:filter/http.fetch": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});

use self::exports::mm4::filter::plugin as guest;
use self::mm4::filter::{
    charging as wit_charging, http as wit_http, log as wit_log, message as wit_message, numbering as wit_numbering,
    types as wit,
};

/// A record whose fields have the same names and types on both sides; after `+`, those that only ours has.
macro_rules! same_record {
    ($from:ty => $to:path { $($field:ident),* $(,)? } $(+ $more:ident)*) => {
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                Self { $($field: value.$field.into(),)* $($more: Default::default(),)* }
            }
        }
    };
}

/// An enum (or a variant with one payload each) whose cases have the same names on both sides.
macro_rules! same_cases {
    ($from:ty => $to:path { $($case:ident),* $(,)? }) => {
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                type Source = $from;
                match value { $(Source::$case => Self::$case),* }
            }
        }
    };
    ($from:ty => $to:path { $($case:ident(_)),* $(,)? }) => {
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                type Source = $from;
                match value { $(Source::$case(it) => Self::$case(it.into())),* }
            }
        }
    };
}

same_cases!(words::MessageType => wit::MessageType {
    ForwardRequest, ForwardResponse, DeliveryReportRequest, DeliveryReportResponse, ReadReplyReportRequest,
    ReadReplyReportResponse, Other,
});
same_cases!(wit::MessageType => words::MessageType {
    ForwardRequest, ForwardResponse, DeliveryReportRequest, DeliveryReportResponse, ReadReplyReportRequest,
    ReadReplyReportResponse, Other,
});
same_cases!(words::AddressKind => wit::AddressKind { Number, ShortCode, Email, Other });
same_cases!(words::Fault => wit::Fault { Invalid(_), Unavailable(_), Limit(_) });
same_cases!(wit::Fault => words::Fault { Invalid(_), Unavailable(_), Limit(_) });
same_cases!(wit_log::Level => words::Level { Debug, Info, Warn, Error });
same_cases!(words::Outcome => wit::Outcome { Delivered(_), Failed(_), Expired(_), Response(_) });
same_cases!(wit_charging::RecordType => words::RecordType {
    O4frq, O4frs, O4d, O4r, R4f, R4drq, R4drs, R4rrq, R4rrs, RelayIn, RelayOut, RelayFailed,
});

same_record!(words::HeaderField => wit::HeaderField { name, value });
same_record!(wit::HeaderField => words::HeaderField { name, value });
same_record!(words::Recipient => wit::Recipient { id, address });
same_record!(words::Part => wit::Part { id, media_type, name, content_id, content_location, encoded_size });
same_record!(words::Delivery => wit::Delivery { peer, host, code, text, attempts });
same_record!(words::Response => wit::Response { peer, status, text });
same_record!(words::Network => wit_numbering::Network { id, domain, peer });
same_record!(words::Address => wit::Address { text, kind, user, address_type, domain });
same_record!(words::Summary => wit_message::Summary {
    message_type, message_id, transaction_id, source, source_inside, intra_mmse, received_at, size,
});
same_record!(words::Destination => wit::Destination {
    peer, domain, inside, content_class, max_message_size, max_image_size, max_image_width, max_image_height,
});
same_record!(wit_charging::ChargingRecord => words::ChargingRecord {
    record_type, message_id, transaction_id, source_peer, destination_peer, intra_mmse, originator, recipients,
    content_type, message_size, message_class, priority, submission_time, expiry, delivery_report_requested,
    read_reply_requested, acknowledgement_requested, sender_hidden, forward_counter, status_code, status_text,
} + more + when_answered);
impl From<wit_http::Request> for words::HttpRequest {
    fn from(it: wit_http::Request) -> Self {
        Self {
            method: it.method,
            url: it.url,
            headers: it.headers.into_iter().map(Into::into).collect(),
            body: it.body.into(),
        }
    }
}

impl From<words::HttpResponse> for wit_http::Response {
    fn from(it: words::HttpResponse) -> Self {
        Self {
            status: it.status,
            headers: it.headers.into_iter().map(Into::into).collect(),
            body: it.body.into(),
        }
    }
}

same_record!(words::Request => wit_message::Request { message_type, message_id, transaction_id, source });
same_record!(words::LateRefusal => wit_message::LateRefusal { status, text });

impl From<words::Occasion> for wit::Occasion {
    fn from(occasion: words::Occasion) -> Self {
        match occasion {
            words::Occasion::Arrival => wit::Occasion::Arrival,
            words::Occasion::Departure(destination) => wit::Occasion::Departure(destination.into()),
            words::Occasion::Outcome(outcome) => wit::Occasion::Outcome(outcome.into()),
        }
    }
}

impl From<guest::Description> for words::Description {
    fn from(it: guest::Description) -> Self {
        let occasions = [
            (guest::Occasions::ARRIVAL, words::OccasionKind::Arrival),
            (guest::Occasions::DEPARTURE, words::OccasionKind::Departure),
            (guest::Occasions::OUTCOME, words::OccasionKind::Outcome),
        ];
        words::Description {
            name: it.name,
            version: it.version,
            occasions: occasions
                .into_iter()
                .filter(|(flag, _)| it.occasions.contains(*flag))
                .map(|(_, kind)| kind)
                .collect(),
            message_types: it.message_types.into_iter().map(Into::into).collect(),
            media_types: it
                .media_types
                .into_iter()
                .map(|media_type| media_type.to_ascii_lowercase())
                .collect(),
        }
    }
}
