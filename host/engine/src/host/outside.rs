//! `scan` and `http`: questions of a plug-in to services outside the relay.
//!
//! Both wait for others while the call's time goes on. A call that is stopped drops the question, and with it the
//! connection. Only the call itself waits: it gives back its turn ([`crate::turns`]) first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::bindings::mm4::filter::{http, scan, types};
use crate::limits::Grant;
use crate::text::one_line;
use crate::words::{AskedOf, Fault, HttpRequest, HttpResponse, OutsideCall};

use super::Call;

/// How many questions are kept for observers; further ones are sent all the same.
const KEPT_MAX: usize = 100;
/// The longest name or answer that is kept, in octets.
const SHOWN_MAX: usize = 128;

/// The questions of one call.
#[derive(Default)]
pub(crate) struct Book {
    asked: Vec<OutsideCall>,
    of: BTreeMap<String, AskedOf>,
    /// The question whose answer is awaited.
    waiting: Option<(String, Instant)>,
}

impl Book {
    /// The question whose answer is awaited, and for how long.
    pub fn waiting(&self) -> Option<(&str, Duration)> {
        let (asked, since) = self.waiting.as_ref()?;
        Some((asked, since.elapsed()))
    }

    pub fn take(&mut self) -> Vec<OutsideCall> {
        std::mem::take(&mut self.asked)
    }
}

impl Call {
    fn ask_outside(&mut self, asked: String) {
        self.waits.give_back();
        self.outside.waiting = Some((asked, Instant::now()));
    }

    /// Records the answer. Returns how long it took.
    fn answered(&mut self, answer: String) -> Duration {
        let Some((asked, since)) = self.outside.waiting.take() else {
            return Duration::ZERO;
        };
        let took = since.elapsed();
        if self.outside.asked.len() < KEPT_MAX {
            let time = match self.owner.services.outside().tells_time() {
                true => took,
                false => Duration::ZERO,
            };
            self.outside.asked.push(OutsideCall { asked, answer, time });
        }
        took
    }
}

impl scan::Host for Call {
    fn parts(&mut self) -> wasmtime::Result<Vec<u32>> {
        self.ask(Grant::Scan)?;
        let parts = self.subject("scan")?.parts();
        Ok(parts.into_iter().map(|part| part.id).collect())
    }

    async fn part(&mut self, id: u32, scanner: String) -> wasmtime::Result<Result<Option<String>, types::Fault>> {
        self.ask(Grant::Scan)?;
        let subject = self.subject("scan")?.clone();
        self.ask_outside(format!("scanner {}, part {id}", shown(&scanner)));
        let services = self.owner.services.clone();
        let found = services.outside().scan(&scanner, &*subject, id).await;
        self.answered(match &found {
            Ok(None) => "nothing found".to_owned(),
            Ok(Some(name)) => format!("found {}", shown(name)),
            Err(fault) => shown(fault.text()),
        });
        Ok(found.map_err(Into::into))
    }
}

impl http::Host for Call {
    async fn fetch(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, types::Fault>> {
        self.ask(Grant::Http)?;
        self.subject("http")?;
        let fetched = self.fetched(request.into()).await;
        Ok(fetched.map(Into::into).map_err(Into::into))
    }
}

impl Call {
    async fn fetched(&mut self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let owner = self.owner.clone();
        let method = shown(&request.method);
        let service = match owner.services.outside().service(&owner.name, &request) {
            Ok(service) => service,
            Err(fault) => {
                self.ask_outside(format!("{method} of no service"));
                self.answered(shown(fault.text()));
                return Err(fault);
            }
        };
        self.ask_outside(format!("service {}, {method}", shown(&service)));
        let before = self.outside.of.get(&service).copied().unwrap_or_default();
        let outside = owner.services.outside();
        let fetched = outside.fetch(&owner.name, &service, request, before).await;
        let took = self.answered(match &fetched {
            Ok(response) => format!("{}, {} octets", response.status, response.body.len()),
            Err(fault) => shown(fault.text()),
        });
        let of = self.outside.of.entry(service).or_default();
        of.calls += 1;
        of.time += took;
        fetched
    }
}

/// A text from outside in one short line.
fn shown(text: &str) -> String {
    one_line(&text[..text.floor_char_boundary(SHOWN_MAX)]).into_owned()
}
