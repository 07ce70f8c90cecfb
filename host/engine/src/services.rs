//! Interfaces to the relay: the only ways out of a sandbox.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::words::{
    Address, AskedOf, Fault, HeaderField, HttpRequest, HttpResponse, LateRefusal, Level, Network, Part, Recipient,
    Request, Summary,
};

/// A future behind a pointer, so that traits with waiting methods can be objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The services that do not depend on the message.
///
/// A method that is not a future must not wait: it runs on the thread of the call, and a plug-in cannot be stopped
/// while its host blocks.
pub trait Services: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> u64;

    /// The present generation of a configured table. The engine keeps it until the call ends, so that one call never
    /// sees two generations.
    fn table(&self, name: &str) -> Option<Arc<dyn Table>>;

    /// The committed value of `key` in the namespace of `plugin`. The error is for the operator, and reaches the
    /// plug-in as `unavailable`.
    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>>;

    /// The seed of a call's random numbers; asked for at most once in a call. Secret and unique, except where samples
    /// and replays need the same numbers again.
    fn random_seed(&self) -> [u8; 32];

    /// The network that serves `number`, which is `+` and 1 to 15 digits. The error is for the operator, and reaches the
    /// plug-in as `unavailable`.
    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>>;

    /// The scanners and services outside the relay.
    fn outside(&self) -> &dyn Outside;

    /// One line of at most 1,024 octets (before escaping), without control characters. `message` is the relay's id of
    /// the message, empty during `configure`.
    fn log(&self, plugin: &str, message: &str, level: Level, text: &str);
}

/// Scanners and services outside the relay that plug-ins may ask.
pub trait Outside: Send + Sync + 'static {
    /// Whether the time that an answer took carries information: it does not where answers come from a recording.
    fn tells_time(&self) -> bool {
        true
    }

    /// Has the scanner look into a part of `subject`. Returns its name for the finding, or `None` when it found
    /// nothing.
    fn scan<'a>(
        &'a self,
        scanner: &'a str,
        subject: &'a dyn Subject,
        part: u32,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        let _ = (subject, part);
        Box::pin(async move { Err(Fault::Invalid(format!("no scanner {scanner:?} is configured"))) })
    }

    /// The name of the service that `plugin` may send this request to.
    fn service(&self, plugin: &str, request: &HttpRequest) -> Result<String, Fault> {
        let url = &request.url;
        Err(Fault::Invalid(format!("no service of plug-in {plugin:?} has {url:?}")))
    }

    /// Sends the request to the service. `before` are the requests of the same call so far.
    fn fetch<'a>(
        &'a self,
        plugin: &'a str,
        service: &'a str,
        request: HttpRequest,
        before: AskedOf,
    ) -> BoxFuture<'a, Result<HttpResponse, Fault>> {
        let _ = (plugin, request, before);
        Box::pin(async move { Err(Fault::Unavailable(format!("service {service:?} cannot be asked here"))) })
    }
}

/// An [`Outside`] without scanners and services.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOutside;

impl Outside for NoOutside {}

/// One generation of a look-up table.
pub trait Table: Send + Sync {
    /// The value for exactly this key.
    fn lookup(&self, key: &str) -> Option<&str>;
    /// The row (key, value) whose key is the longest beginning of `text`.
    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)>;
}

/// The one message that an instance was made for. Nothing here may change during a call.
pub trait Subject: Send + Sync + 'static {
    /// The relay's id of the message, for the log.
    fn id(&self) -> &str;
    /// Size as received, in octets; the time budget grows with it.
    fn size(&self) -> u64;
    /// The fields that most plug-ins ask for.
    fn summary(&self) -> Summary;
    /// The envelope sender; `None` is the null sender.
    fn originator(&self) -> Option<Address>;
    /// The envelope recipients.
    fn recipients(&self) -> Vec<Recipient>;
    /// The first field of that name, compared without regard to case, unfolded.
    fn header(&self, name: &str) -> Option<String>;
    /// The value of the field of that name, as the relay reads it.
    fn field(&self, name: &str) -> Option<String>;
    /// The request that this response answers.
    fn answered(&self) -> Option<Request>;
    /// On an outcome: the refusal of the whole message, after its sender had heard 250.
    fn refused_late(&self) -> Option<LateRefusal>;
    /// All header fields, in order.
    fn headers(&self) -> Vec<HeaderField>;
    /// The leaves of the MIME structure, in order.
    fn parts(&self) -> Vec<Part>;
    /// The first field of that name in a part's own header, unfolded.
    fn part_header<'a>(&'a self, id: u32, name: &'a str) -> BoxFuture<'a, Result<Option<String>, Fault>>;
    /// At most `max` octets (never more than 1 MiB) of a part's decoded body from `offset` on; empty at or behind its end.
    fn read_part<'a>(&'a self, id: u32, offset: u64, max: u32) -> BoxFuture<'a, Result<Bytes, Fault>>;
}
