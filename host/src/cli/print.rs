//! The output of commands. The macros here replace those of the standard library in every module of `cli`, and in the
//! lab, so that all output goes through one function: hidden characters in text from outside become visible, and a
//! reader that goes away or a full disk is no panic.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::exit;

use crate::message::VisibleLines;
use crate::telemetry;

#[macro_export]
macro_rules! println {
    () => { $crate::cli::print::out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::print::out(format_args!("{}\n", format_args!($($text)*))) };
}

#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::cli::print::out(format_args!($($text)*)) };
}

#[macro_export]
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::cli::print::err(format_args!("{}\n", format_args!($($text)*))) };
}

#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => { $crate::cli::print::err(format_args!($($text)*)) };
}

/// The exit code that a shell gives for SIGPIPE: the reader of a command's output may have read enough (`| head`).
const BY_SIGPIPE: i32 = 128 + 13;

/// Prints to standard output. Ends the command when that fails, because an answer that nobody got is no success.
pub fn out(text: fmt::Arguments<'_>) {
    done(try_out(text));
}

fn done(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(BY_SIGPIPE),
        Err(error) => {
            err(format_args!("mm4relay: standard output cannot be written: {error}\n"));
            exit(1)
        }
    }
}

/// Prints to standard output, for a caller that can go on without a reader.
pub fn try_out(text: fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{}", VisibleLines(&text.to_string()))?;
    out.flush()
}

/// Prints octets as they are, for a file or another program; on a terminal, hidden characters become visible.
pub fn octets(octets: &[u8]) {
    let mut stdout = io::stdout().lock();
    if stdout.is_terminal() {
        drop(stdout);
        return out(format_args!(
            "{}",
            String::from_utf8_lossy(octets).replace("\r\n", "\n")
        ));
    }
    let written = stdout.write_all(octets).and_then(|()| stdout.flush());
    done(written);
}

/// Prints to standard error, after earlier log lines. A failure is ignored, because nothing can be done.
pub fn err(text: fmt::Arguments<'_>) {
    let text = VisibleLines(&text.to_string()).to_string();
    if !telemetry::say(text.trim_end_matches('\n')) {
        let _ = io::stderr().write_all(text.as_bytes());
    }
}
