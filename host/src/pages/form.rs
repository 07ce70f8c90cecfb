//! Somebody sends a form.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::Pages;
use super::looking::{Looking, Refused, see_other};
use crate::control::placing::LoadVersion;
use crate::control::queue::Named;
use crate::control::{Ask, Kind, Problem};
use crate::sync::lock;

/// Octets of a form: thousands of ids.
const MOST_OCTETS: usize = 1 << 20;
/// Where a component comes, which is longer than any other form.
pub(super) const LOAD: &str = "/plugins/load";
/// Visitors whose last form nobody has asked about yet.
const MOST_TOLD: usize = 10_000;

/// A visitor, with a form of our own pages.
pub(super) struct Acting {
    pub looking: Looking,
    pub form: Form,
}

/// Its fields.
pub(super) struct Form(Vec<(String, String)>);

impl FromRequest<Arc<Pages>> for Acting {
    type Rejection = Refused;

    async fn from_request(request: Request, pages: &Arc<Pages>) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let looking = Looking::from_request_parts(&mut parts, pages).await?;
        let most = match parts.uri.path() == LOAD && looking.visitor.may::<LoadVersion>() {
            true => LoadVersion::MOST_OCTETS,
            false => MOST_OCTETS,
        };
        let read = match is_from_here(&parts.headers) {
            Ok(()) => read_at_most(body, most).await,
            Err(problem) => Err(problem),
        };
        let sealed = read.and_then(|form| form.is_sealed(&looking.visitor.seal).map(|()| form));
        match sealed {
            Ok(form) => Ok(Self { looking, form }),
            Err(problem) => Err(looking.refused(&problem).await),
        }
    }
}

pub(super) async fn read(body: axum::body::Body) -> Result<Form, Problem> {
    read_at_most(body, MOST_OCTETS).await
}

async fn read_at_most(body: axum::body::Body, most: usize) -> Result<Form, Problem> {
    let body = to_bytes(body, most).await;
    let body = body.map_err(|error| Problem::new(Kind::Unreadable, format!("the form cannot be read: {error}")))?;
    Ok(Form(form_urlencoded::parse(&body).into_owned().collect()))
}

/// A browser says with each form where the page came from (Fetch, 3.1). What it hides is from elsewhere.
pub(super) fn is_from_here(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
    };
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://"));
    match (origin, text(header::HOST)) {
        (Some((_, origin)), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Problem::new(
            Kind::Forbidden,
            "this form was not sent by a page of this console: nothing was changed",
        )),
    }
}

impl Form {
    /// The text of a field; `None` when nobody wrote anything.
    pub fn text(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(known, _)| known == name);
        let text = found.map(|(_, value)| value.trim().to_owned());
        text.filter(|text| !text.is_empty())
    }

    /// A field as it was sent; empty without it.
    pub fn raw(&self, name: &str) -> String {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        let all = self.0.iter().filter(|(known, _)| known == name);
        all.map(|(_, value)| value.clone()).collect()
    }

    /// The messages that were chosen.
    pub fn ids(&self) -> Result<Vec<Named>, Problem> {
        let ids = self.all("id").into_iter().map(|id| id.parse());
        ids.collect::<Result<_, String>>()
            .map_err(|error| Problem::new(Kind::Unreadable, error))
    }

    /// Seconds; `None` for as long as nobody ends it.
    pub fn seconds(&self) -> Result<Option<u64>, Problem> {
        let seconds = self.text("seconds").map(|text| text.parse());
        seconds
            .transpose()
            .map_err(|_| Problem::new(Kind::Unreadable, "a time is a whole number of seconds"))
    }

    fn is_sealed(&self, seal: &str) -> Result<(), Problem> {
        match self.text("seal").is_some_and(|shown| shown == seal) {
            true => Ok(()),
            false => Err(Problem::new(
                Kind::Forbidden,
                "this form is from another session, or from before the relay started: load its page again; nothing was changed",
            )),
        }
    }

    /// The page to lead back to: one of ours.
    fn back(&self) -> String {
        let ours =
            |path: &String| path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n']);
        self.text("back").filter(ours).unwrap_or_else(|| "/".to_owned())
    }
}

impl Acting {
    /// Asks a verb for this visitor.
    ///
    /// # Errors
    /// A page that says why nothing was done.
    pub async fn ask<A: Ask>(&self, ask: A) -> Result<A::Answer, Refused> {
        self.looking.ask(ask).await
    }

    /// # Errors
    /// A page that says what is wrong with the form.
    pub async fn read<T>(&self, read: Result<T, Problem>) -> Result<T, Refused> {
        match read {
            Ok(read) => Ok(read),
            Err(problem) => Err(self.looking.refused(&problem).await),
        }
    }

    /// Leads back, where the next page says what came of it: loading that page again does nothing twice.
    pub fn done(&self, told: impl Into<String>) -> Response {
        let mut all = lock(&self.looking.pages.told);
        if all.len() >= MOST_TOLD {
            all.clear();
        }
        all.insert(self.looking.visitor.seal.clone(), told.into());
        see_other(&self.form.back())
    }

    /// For a button that no form of ours has.
    pub async fn unknown(&self, what: &str) -> Refused {
        let problem = Problem::new(Kind::Unreadable, format!("nothing is called {what:?} here"));
        self.looking.refused(&problem).await
    }
}
