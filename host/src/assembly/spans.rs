//! Spans of messages, when somebody wants them.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use super::certificates::towards_service;
use crate::clock::SharedClock;
use crate::config::{Config, Tracing};
use crate::outside::{WebOrigin, exchange};
use crate::spans::export::keep_carrying;
use crate::spans::store::{Teller, ToldInbox, ToldQueue};
use crate::spans::{Naming, Sink, Span};
use crate::spool::Facets;
use crate::vitals::{Standing, Vitals};

/// Of an answer, which nobody reads.
const MOST_ANSWERED: usize = 1 << 20;

/// What is made of `[tracing]`.
pub(crate) struct Spans {
    pub(crate) sink: Arc<Sink>,
    tracing: Tracing,
    relay: String,
    carried: Arc<Mutex<mpsc::Receiver<Span>>>,
}

impl Spans {
    pub(super) fn of(config: &Config) -> Option<Self> {
        let tracing = config.tracing.clone()?;
        let (sink, carried) = Sink::new();
        Some(Self {
            sink: Arc::new(sink),
            tracing,
            relay: config.relay.name.clone(),
            carried: Arc::new(Mutex::new(carried)),
        })
    }

    /// The store as the rooms are to have it.
    pub(super) fn in_front(&self, store: Facets, clock: &SharedClock) -> Facets {
        let teller = Teller {
            sink: Arc::clone(&self.sink),
            naming: Naming::of(&self.relay),
            percent: self.tracing.share,
            clock: Arc::clone(clock),
        };
        Facets {
            inbox: Arc::new(ToldInbox {
                store: store.inbox,
                teller: teller.clone(),
            }),
            queue: Arc::new(ToldQueue {
                store: store.queue,
                teller,
            }),
            ..store
        }
    }

    /// Carries them away for as long as it stands.
    pub(super) fn carry(&self, vitals: &Arc<Vitals>) -> Standing {
        let (sink, carried) = (Arc::clone(&self.sink), Arc::clone(&self.carried));
        let (tracing, relay) = (Arc::new(self.tracing.clone()), self.relay.clone());
        vitals.keep("spans", move || {
            let (sink, carried) = (Arc::clone(&sink), Arc::clone(&carried));
            let (tracing, relay) = (Arc::clone(&tracing), relay.clone());
            async move {
                let mut carried = carried.lock().await;
                let post = |body| {
                    let tracing = Arc::clone(&tracing);
                    async move { post(&tracing, body).await }
                };
                keep_carrying(&mut carried, sink.counts(), &relay, post).await;
            }
        })
    }
}

/// The status of the collector's answer.
async fn post(tracing: &Tracing, body: Value) -> Result<u16, String> {
    let origin = WebOrigin::of(&tracing.otlp)?;
    // Read each time: certificates change, and there is at most one request a second.
    let tls = tracing.is_tls().then(|| towards_service(&tracing.ca, None)).transpose();
    let tls = tls.map_err(|error| format!("{error:#}"))?.map(Arc::new);
    let request = Request::builder()
        .method("POST")
        .uri("/v1/traces")
        .header(
            HOST,
            tracing.otlp.authority().map(ToString::to_string).unwrap_or_default(),
        )
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| error.to_string())?;
    let answer = exchange(&origin, tls.as_ref(), request, MOST_ANSWERED).await?;
    Ok(answer.status)
}
