//! The form of a log line: text for people, or JSON for programs; preceded by a priority where the reader of the log
//! expects one.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::{Outlet, shown};

/// The present form of lines.
#[derive(Debug, Default)]
pub(super) struct Look {
    json: AtomicBool,
    /// `<3>` before each line, as in sd-daemon(3), and no time: such a reader adds the time itself.
    priority: AtomicBool,
    /// Colours, for a terminal.
    colour: AtomicBool,
}

impl Look {
    /// The form that suits this outlet.
    pub fn at(&self, outlet: &Outlet, json: bool) {
        self.json.store(json, Relaxed);
        self.priority.store(outlet.wants_priority(), Relaxed);
        self.colour.store(outlet.is_terminal(), Relaxed);
    }
}

/// Writes events as their [`Look`] says.
pub(super) struct Lines {
    look: &'static Look,
    coloured: Format<Full, SystemTime>,
    plain: Format<Full, SystemTime>,
    untimed: Format<Full, ()>,
}

impl Lines {
    pub fn of(look: &'static Look) -> Self {
        let text = |colour| Format::default().with_target(false).with_ansi(colour);
        Self {
            look,
            coloured: text(true),
            plain: text(false),
            untimed: text(false).without_time(),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let priority = self.look.priority.load(Relaxed);
        if priority {
            write!(writer, "<{}>", severity(*event.metadata().level()))?;
        }
        match (self.look.json.load(Relaxed), priority) {
            (true, _) => json(&mut writer, event, priority),
            (false, true) => self.untimed.format_event(context, writer, event),
            (false, false) if self.look.colour.load(Relaxed) => self.coloured.format_event(context, writer, event),
            (false, false) => self.plain.format_event(context, writer, event),
        }
    }
}

/// The severity by the numbers of syslog (RFC 5424, 6.2.1).
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// One object: `time`, `level`, `message`, then the fields under their own names.
fn json(writer: &mut Writer<'_>, event: &Event<'_>, untimed: bool) -> fmt::Result {
    let mut fields = Fields::default();
    if !untimed {
        fields
            .0
            .insert("time".into(), jiff::Timestamp::now().to_string().into());
    }
    let level = event.metadata().level().as_str().to_lowercase();
    fields.0.insert("level".into(), level.into());
    event.record(&mut fields);
    writeln!(writer, "{}", Value::Object(fields.0))
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        // The text is called `message` and comes first. A later field of that name is the message's id.
        let name = match field.name() {
            "message" if self.0.contains_key("message") => "about",
            name => name,
        };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, shown(field, value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, shown(field, &format!("{value:?}")).into());
    }
}
