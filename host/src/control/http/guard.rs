//! Whose a token is, and that nobody tries one after the other.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header;
use tokio::time::Instant;

use crate::control::tokens::Token;
use crate::control::{Desk, Kind, Problem, Who};
use crate::sync::lock;

/// Bad tokens from one address within [`FORGIVEN`]; past that, good ones are not looked at either.
const MOST_BAD: u32 = 10;
const FORGIVEN: Duration = Duration::from_secs(60);
/// Addresses that are remembered.
const MOST_ADDRESSES: usize = 10_000;

/// Asks for numbers and messages to be shown whole, for this request.
const REVEAL: &str = "mm4relay-reveal";

#[derive(Default)]
pub(super) struct Guard {
    bad: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Guard {
    /// Who asks by a program, which shows its token with each request.
    pub fn who(&self, desk: &Desk, from: SocketAddr, request: &Request) -> Result<Who, Problem> {
        let shown = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|shown| shown.to_str().ok());
        let token = shown.and_then(|shown| shown.strip_prefix("Bearer "));
        let (name, token) = self.owner(desk, from.ip(), token)?;
        let wants = wants_numbers(request, (&name, token.reveals))?;
        Ok(Who::new(name, token.role, format!("token, {from}")).seeing(wants))
    }

    /// Whose token was shown from this address.
    pub fn owner(&self, desk: &Desk, address: IpAddr, token: Option<&str>) -> Result<(String, Token), Problem> {
        if self.is_shut_out(address) {
            let detail = "too many bad tokens from this address: wait a minute";
            return Err(Problem::new(Kind::TooManyTries, detail));
        }
        let Some(token) = token else {
            let detail = "a token is asked for: Authorization: Bearer mm4r_...";
            return Err(Problem::new(Kind::Unauthorized, detail));
        };
        desk.owner_of(token.trim())?.ok_or_else(|| {
            self.note_bad(address);
            Problem::new(Kind::Unauthorized, "nobody has this token, or it is over or revoked")
        })
    }

    fn is_shut_out(&self, address: IpAddr) -> bool {
        let bad = lock(&self.bad);
        bad.get(&address)
            .is_some_and(|(times, since)| *times >= MOST_BAD && since.elapsed() < FORGIVEN)
    }

    fn note_bad(&self, address: IpAddr) {
        let mut bad = lock(&self.bad);
        if bad.len() >= MOST_ADDRESSES {
            bad.retain(|_, (_, since)| since.elapsed() < FORGIVEN);
        }
        let (times, since) = bad.entry(address).or_insert((0, Instant::now()));
        if since.elapsed() >= FORGIVEN {
            (*times, *since) = (0, Instant::now());
        }
        *times += 1;
        tracing::warn!(%address, event = "bad-token", "somebody asks at the door with a token that nobody has");
    }
}

/// Whether this request is to be answered with numbers whole, for somebody who may have them so, or not.
pub(super) fn wants_numbers(request: &Request, (name, may): (&str, bool)) -> Result<bool, Problem> {
    match request.headers().contains_key(REVEAL) {
        true if !may => Err(may_not_see(name)),
        wants => Ok(wants),
    }
}

pub(super) fn may_not_see(name: &str) -> Problem {
    let detail = format!("{name} may not have numbers shown whole: that is a right of its own");
    Problem::new(Kind::Forbidden, detail)
}
