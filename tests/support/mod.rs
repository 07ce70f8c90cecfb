//! A small language for tests: a relay on port 0, peers that do as they are told, conversations over real sockets.
//!
//! Everything has a deadline, everything ends when it is dropped, and both directions of a conversation are printed
//! (cargo shows them when a test fails).

mod certificates;
mod clamd;
mod component;
mod conversation;
mod dns;
mod door;
mod exchange;
mod icap;
mod load;
mod peer;
mod plugins;
mod postfix;
#[allow(dead_code, reason = "the tests of the store use the rest of it")]
pub mod postgres;
mod process;
mod proxy;
mod registry;
mod relay;
pub mod sample;
mod server;
pub mod tools;
mod web;

pub use certificates::{Authority, Certificate, SelfSigned};
pub use clamd::Clamd;
pub use component::fattened;
pub use conversation::Conversation;
pub use dns::{Dns, asking};
pub use door::{ask, get, id_in, last_of_audit, post};
pub use exchange::{A_SYSTEM, AT_C, B_SYSTEM, Exchange, Terms};
pub use icap::Icap;
pub use load::Load;
pub use peer::{Peer, Taken};
pub use plugins::{ALL_GRANTS, Link, guest, plugin, root};
pub use postfix::Postfix;
pub use process::{Process, Said, binary, mm4relay};
pub use proxy::{Cut, Proxy};
pub use registry::Registry;
pub use relay::{Relay, config, config_at, config_of};
pub use server::answer_as_server;
pub use web::Web;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take that is expected to happen.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until the answer is there; panics with `what` at the deadline. For state that has no event to wait for, such
/// as a queue that a command prints.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "it did not come to this: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An address where nobody listens, and nobody else will.
pub fn own_address() -> String {
    format!("{}:2525", own_host())
}

/// A host of this machine that is nobody else's: every address of 127.0.0.0/8 is this machine, and the system gives out
/// ports of 127.0.0.1 only.
pub fn own_host() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high.max(1), low, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Whether seven digits in a row of a subscriber's number stand in a text, however they are spaced: what a mask leaves
/// (country and area) is shorter, and so is what a time of day, a count or an identifier has by chance.
pub fn shows(text: &str, number: &str) -> bool {
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, '-' | ' ' | '.' | '(' | ')'))
        .collect();
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    assert!(digits.len() >= 7, "{number} is too short to be told from a figure");
    (0..=digits.len() - 7).any(|at| text.contains(&digits[at..at + 7]))
}
