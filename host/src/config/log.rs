//! `[log]`: how much is logged, in which form, and where it goes.

use std::path::{Path, PathBuf};

use super::file::Section;
use super::forms::{choice, text};
use crate::message::Choice;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `level`: `error`, `warn`, `info`, `debug`, `trace`, or a filter by targets, as `RUST_LOG` has it. Default `info`.
    pub level: String,
    /// `format`. Default `text`.
    pub format: LogFormat,
    /// `to`. Default `stderr`.
    pub to: LogTo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTo {
    Stderr,
    /// The system's log, on its socket /dev/log.
    Syslog,
    /// Opened again at SIGUSR1 and at each reload.
    File(PathBuf),
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
            to: LogTo::Stderr,
        }
    }
}

impl Log {
    pub(super) fn read(s: &mut Section<'_>, base: &Path) -> Self {
        let default = Self::default();
        let to = s.optional("to", text("stderr, syslog, or the path of a file"));
        Self {
            level: s.optional("level", level).unwrap_or(default.level),
            format: s.optional("format", choice).unwrap_or(default.format),
            to: match to.as_deref() {
                None | Some("stderr") => LogTo::Stderr,
                Some("syslog") => LogTo::Syslog,
                Some(file) => LogTo::File(base.join(file)),
            },
        }
    }
}

/// Checks the level. tracing's filters take any word for the name of a target, so a typing error would silence
/// everything.
fn level(value: &toml::de::DeValue<'_>) -> super::file::Read<String> {
    let is_level = |word: &str| LEVELS.contains(&word);
    let is_item = |item: &str| match item.trim().split_once('=') {
        Some((target, level)) => !target.is_empty() && is_level(level),
        None => is_level(item.trim()),
    };
    let text = value.as_str().filter(|text| text.split(',').all(is_item));
    text.map(str::to_owned).ok_or_else(|| {
        "error, warn, info, debug, trace, off, or a list of them by target, such as \"info,mm4relay::delivery=debug\""
            .to_owned()
    })
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
