//! The log: to standard error, so that standard output belongs to the output of commands; or where `[log]` says.
//!
//! Logging is best effort, bounded, and never delays the caller, which puts a line into a queue and goes on; a thread
//! of its own writes. When the queue is full (a reader that stalls) or a line cannot be written (a full disk, a closed
//! pipe), lines are dropped and counted, and the log reports their number once it can be written again.
//!
//! A log line is one line, whatever text from outside it contains: every text is shown by [`Masked`], so nothing hides
//! in it and subscribers' numbers are masked. Values that the relay recorded as numbers are its own figures and stay,
//! and so do the fields in [`OURS`].

mod lines;
mod outlet;
mod writer;

use std::fmt::{self, Debug};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::message::{Masked, Visible};

use self::lines::{Lines, Look};
pub use self::outlet::Outlet;
use self::writer::Sink;

/// Fields that hold names, addresses and ids of the relay's own, in which a long run of digits is no subscriber's number.
const OURS: &[&str] = &[
    "event", "id", "by", "like", "peer", "plugin", "remote", "host", "digest", "folder", "version",
];

static SINK: OnceLock<Sink> = OnceLock::new();
static LOOK: OnceLock<Look> = OnceLock::new();
static LEVEL: OnceLock<SetLevel> = OnceLock::new();
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Sets the filter of log levels; returns false when there is no subscriber.
type SetLevel = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// The level, form and outlet of the log.
#[derive(Clone, Debug)]
pub struct Settings {
    /// In the syntax of tracing's filters.
    pub level: String,
    pub json: bool,
    pub to: Outlet,
}

/// Starts logging, to standard error. `RUST_LOG` overrides the level, in the usual syntax of tracing's filters,
/// whatever [`follow`] sets later.
///
/// From here on a panic is also a log line, and is counted.
pub fn start(default_level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    // Without a thread there is no log; the relay works all the same.
    let Ok(sink) = Sink::start(Box::new(io::stderr())) else {
        return;
    };
    let look = LOOK.get_or_init(Look::default);
    look.at(&Outlet::Stderr, false);
    let subscriber = tracing_subscriber::fmt()
        .event_format(Lines::of(look))
        .fmt_fields(Fields)
        .with_writer(sink.clone())
        .with_env_filter(filter)
        .with_filter_reloading();
    let handle = subscriber.reload_handle();
    // A second start (in tests, or by the demo inside another command) keeps the first subscriber.
    if subscriber.try_init().is_ok() && SINK.set(sink).is_ok() {
        let _ = LEVEL.set(Box::new(move |filter| handle.reload(filter).is_ok()));
        std::panic::set_hook(Box::new(|panic| {
            PANICS.fetch_add(1, Relaxed);
            let said = panic.payload_as_str().unwrap_or("without a text");
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, event = "panic", "a bug: panicked: {said}");
        }));
    }
}

/// Applies these settings from now on. A log file is opened again, so that a file that was moved away is left alone.
///
/// # Errors
/// The outlet cannot be written to; then nothing changes.
pub fn follow(settings: &Settings) -> io::Result<()> {
    let (Some(sink), Some(look)) = (SINK.get(), LOOK.get()) else {
        return Ok(());
    };
    let out = settings.to.open()?;
    look.at(&settings.to, settings.json);
    if !sink.write_to(out) {
        return Err(io::Error::other("too many lines wait to be written"));
    }
    let by_environment = std::env::var_os(EnvFilter::DEFAULT_ENV).is_some();
    if let (false, Ok(filter), Some(set)) = (by_environment, settings.level.parse(), LEVEL.get()) {
        set(filter);
    }
    Ok(())
}

/// Log lines that were dropped since the start.
pub fn lost_lines() -> u64 {
    SINK.get().map_or(0, Sink::lost)
}

/// Panics since the start. Each has cost one session, one call or one task, and never the process.
pub fn panics() -> u64 {
    PANICS.load(Relaxed)
}

/// Queues a line as it is, after everything that was logged, without waiting for it.
pub fn say(line: &str) -> bool {
    SINK.get()
        .is_some_and(|sink| sink.line(format!("{line}\n").into_bytes()))
}

/// Waits until everything logged is written, but no longer than this, because the reader may have stalled.
pub fn finish(within: Duration) {
    if let Some(sink) = SINK.get() {
        sink.finish(within);
    }
}

/// A text in the form for the log.
pub(crate) fn shown(field: &Field, text: &str) -> String {
    match OURS.contains(&field.name()) {
        true => Visible(text).to_string(),
        false => Masked(text).to_string(),
    }
}

/// The text first, then the other fields as `name=value`.
struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut line = Line {
            writer,
            is_empty: true,
            result: Ok(()),
        };
        fields.record(&mut line);
        line.result
    }
}

struct Line<'writer> {
    writer: Writer<'writer>,
    is_empty: bool,
    result: fmt::Result,
}

impl Line<'_> {
    fn push(&mut self, field: &Field, value: &dyn fmt::Display) {
        // The text is called `message` and comes first; a field of that name may follow.
        let is_first = std::mem::take(&mut self.is_empty);
        let written = match (field.name(), is_first) {
            ("message", true) => write!(self.writer, "{value}"),
            (name, true) => write!(self.writer, "{name}={value}"),
            (name, false) => write!(self.writer, " {name}={value}"),
        };
        self.result = self.result.and(written);
    }

    fn push_text(&mut self, field: &Field, text: &str) {
        self.push(field, &shown(field, text));
    }
}

impl Visit for Line<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            // A code, left as it is so that it can be searched for: event=peer-down.
            "message" | "event" => self.push_text(field, value),
            _ => self.push_text(field, &format!("\"{value}\"")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push_text(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .fmt_fields(Fields)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let octets = kept.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn every_field_of_a_line_has_its_name_also_one_that_is_called_as_the_text_is() {
        let line = logged(|| tracing::info!(peer = "operator-b", message = %"001K0TA9BWMH8", "told: a response"));
        assert!(
            line.contains("told: a response peer=\"operator-b\" message=001K0TA9BWMH8"),
            "{line}"
        );
    }

    #[test]
    fn the_code_of_an_event_stands_behind_the_text_without_quotes() {
        let line = logged(|| tracing::warn!(peer = "b", event = "peer-down", "peer is down"));
        assert!(line.contains("peer is down peer=\"b\" event=peer-down"), "{line}");
    }

    #[test]
    fn a_line_of_the_log_is_one_line_without_numbers_whatever_strangers_wrote() {
        let hostile = "x\n2026-11-24 INFO forged \u{1b}[2J\u{7}\u{202e}\u{2028} +1-555-777-0006";
        let line = logged(|| {
            tracing::warn!(id = %"001K0TA9BWMH8-1", reply = hostile, host = %hostile, octets = 5_242_880, "{hostile}");
        });
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let shown = "x\\n2026-11-24 INFO forged \\u{1b}[2J\\u{7}\\u{202e}\\u{2028} +1-555****006";
        assert!(
            line.contains(&format!(" WARN {shown} id=001K0TA9BWMH8-1 reply=\"{shown}\"")),
            "{line}"
        );
        assert!(line.contains("octets=5242880"), "{line}");
        assert!(!line.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{2028}']), "{line}");
    }
}
