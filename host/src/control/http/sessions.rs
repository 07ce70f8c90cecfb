//! People at the door, who come with a browser: each has a session.
//!
//! Over TCP a token is shown once, at the log-in, and a cookie names the session from then on: in memory, for some hours. What
//! a session may is asked of its token at each request, so that a token that ends or is revoked ends its sessions. Over the
//! socket the operating system has said who asks.
//!
//! A cookie opens the pages and never the verbs below `/v1/`: no page of somebody else can have a browser ask there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::http::header;
use tokio::time::Instant;

use super::guard::{Guard, may_not_see};
use crate::control::audit::Entry;
use crate::control::tokens::{hash, secret};
use crate::control::{Ask, Desk, Kind, Problem, Who};
use crate::sync::lock;

/// From the log-in, and from the last request that a person made.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
const IDLE: Duration = Duration::from_secs(3600);
/// At the same time; the one that was idle for longest goes.
const MOST: usize = 1000;

/// Set by the script of a page that refreshes itself: nobody need be there.
const BY_ITSELF: &str = "mm4relay-by-itself";

/// Somebody who looks at pages. In the extensions of their requests.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub who: Who,
    /// Stands in every form that changes something: nobody else's page knows it.
    pub seal: String,
    pub sight: Sight,
    /// What the session is known by, over TCP.
    session: Option<String>,
}

/// How somebody sees subscribers' numbers, and whether that can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Whole, always: they could read the store.
    Whole,
    /// Masked, always.
    Masked,
    /// Masked; their token has the right to see them whole.
    MayReveal,
    /// Whole, because they asked for that. Every look is in the audit.
    Revealing,
}

impl Visitor {
    pub(super) fn at_socket(who: Who, seal: String) -> Self {
        Self {
            who,
            seal,
            sight: Sight::Whole,
            session: None,
        }
    }

    /// Whether their role may ask this.
    pub fn may<A: Ask>(&self) -> bool {
        self.who.role >= A::ROLE && (self.who.sees_numbers || !A::REVEALS)
    }

    /// There is a session that they can end.
    pub fn can_leave(&self) -> bool {
        self.session.is_some()
    }

    /// The same person, shown no number: what refreshes itself is no look that the audit has to know of.
    pub fn unseeing(&self) -> Who {
        match self.sight {
            Sight::Revealing => self.who.clone().seeing(false),
            _ => self.who.clone(),
        }
    }
}

#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<String, Session>>,
    /// There is TLS: a cookie is sent over nothing else.
    secure: bool,
}

struct Session {
    token: String,
    seal: String,
    reveals: bool,
    since: Instant,
    used: Instant,
}

/// Where people come in over TCP. In the extensions of every request that is for pages.
#[derive(Clone)]
pub struct Entrance {
    pub(super) sessions: Arc<Sessions>,
    pub(super) guard: Arc<Guard>,
    pub(super) from: SocketAddr,
}

impl Sessions {
    pub fn new(secure: bool) -> Self {
        Self {
            secure,
            ..Self::default()
        }
    }

    /// A browser takes the first kind over TLS only, and for no other host (RFC 6265bis, 4.1.3.2).
    fn cookie(&self) -> &'static str {
        match self.secure {
            true => "__Host-mm4relay",
            false => "mm4relay",
        }
    }

    fn set_cookie(&self, value: &str, lasts: Duration) -> String {
        let (name, secure) = (self.cookie(), if self.secure { "; Secure" } else { "" });
        let seconds = lasts.as_secs();
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    /// Who has this session, if it is one.
    pub fn visitor(&self, desk: &Desk, from: SocketAddr, request: &Request) -> Result<Option<Visitor>, Problem> {
        let Some(id) = cookie_in(request, self.cookie()).map(hash) else {
            return Ok(None);
        };
        let by_itself = request.headers().contains_key(BY_ITSELF);
        let Some((token, seal, reveals)) = self.use_session(&id, by_itself) else {
            return Ok(None);
        };
        let Some((name, token)) = desk.owner_of_sha256(&token)? else {
            lock(&self.open).remove(&id);
            return Ok(None);
        };
        let sight = match (token.reveals, reveals) {
            (false, _) => Sight::Masked,
            (true, false) => Sight::MayReveal,
            (true, true) => Sight::Revealing,
        };
        let who = Who::new(name, token.role, format!("browser, {from}"));
        Ok(Some(Visitor {
            who: who.seeing(sight == Sight::Revealing),
            seal,
            sight,
            session: Some(id),
        }))
    }

    fn use_session(&self, id: &str, by_itself: bool) -> Option<(String, String, bool)> {
        let mut open = lock(&self.open);
        open.retain(|_, session| session.since.elapsed() < LONGEST && session.used.elapsed() < IDLE);
        let session = open.get_mut(id)?;
        if !by_itself {
            session.used = Instant::now();
        }
        Some((session.token.clone(), session.seal.clone(), session.reveals))
    }

    fn open(&self, token: &str) -> Result<String, Problem> {
        let (id, seal) = (secret()?, secret()?);
        let mut open = lock(&self.open);
        if open.len() >= MOST {
            let idle = open.iter().min_by_key(|(_, session)| session.used);
            let idle = idle.map(|(id, _)| id.clone());
            idle.and_then(|id| open.remove(&id));
        }
        let now = Instant::now();
        let session = Session {
            token: token.to_owned(),
            seal,
            reveals: false,
            since: now,
            used: now,
        };
        open.insert(hash(&id), session);
        Ok(id)
    }
}

impl Entrance {
    /// Opens a session for whoever has this token; the answer is a `Set-Cookie`. It is in the audit.
    ///
    /// # Errors
    /// Nobody has it, or too many bad ones came from there.
    pub async fn log_in(&self, desk: &Desk, token: &str) -> Result<String, Problem> {
        let (name, token) = self.guard.owner(desk, self.from.ip(), Some(token))?;
        let id = self.sessions.open(token.sha256())?;
        let entry = Entry {
            at: desk.now().into(),
            who: name,
            role: token.role,
            from: format!("browser, {}", self.from),
            relay: None,
            did: "log-in".to_owned(),
            asked: serde_json::json!({}),
            changed: Some(serde_json::json!({})),
            refused: None,
        };
        desk.note(entry).await?;
        Ok(self.sessions.set_cookie(&id, LONGEST))
    }

    /// Ends the session; the answer is a `Set-Cookie`.
    pub fn log_out(&self, visitor: &Visitor) -> String {
        if let Some(id) = &visitor.session {
            lock(&self.sessions.open).remove(id);
        }
        self.sessions.set_cookie("", Duration::ZERO)
    }

    /// Numbers are shown whole from now on, or masked again.
    ///
    /// # Errors
    /// The token does not have that right.
    pub fn reveal(&self, visitor: &Visitor, whole: bool) -> Result<(), Problem> {
        if whole && visitor.sight == Sight::Masked {
            return Err(may_not_see(&visitor.who.name));
        }
        let mut open = lock(&self.sessions.open);
        let session = visitor.session.as_ref().and_then(|id| open.get_mut(id));
        let over = || Problem::new(Kind::Unauthorized, "this session is over");
        session.ok_or_else(over)?.reveals = whole;
        Ok(())
    }
}

fn cookie_in<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let all = request.headers().get_all(header::COOKIE).iter();
    let mut pairs = all.filter_map(|all| all.to_str().ok()).flat_map(|all| all.split("; "));
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
