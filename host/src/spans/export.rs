//! Carries spans to a collector, some hundred at a time.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::otlp::request;
use super::{Counts, Span};

/// In one request.
const MOST: usize = 512;
/// What has come is sent this long after the first of it.
const TOGETHER: Duration = Duration::from_secs(1);
/// For one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries them away for as long as it is polled. `post` puts a request on the wire, and says the status of the answer.
pub async fn keep_carrying<F>(
    carried: &mut mpsc::Receiver<Span>,
    counts: &Counts,
    relay: &str,
    post: impl Fn(Json) -> F,
) where
    F: Future<Output = Result<u16, String>>,
{
    let (mut spans, mut fails) = (Vec::with_capacity(MOST), false);
    loop {
        // None: nobody gives any more.
        if carried.recv_many(&mut spans, MOST).await == 0 {
            return std::future::pending().await;
        }
        sleep(TOGETHER).await;
        while spans.len() < MOST
            && let Ok(span) = carried.try_recv()
        {
            spans.push(span);
        }
        let posted = timeout(PATIENCE, post(request(&spans, relay))).await;
        let why = match posted.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(200..=299) => None,
            Ok(status) => Some(format!("it answered {status}")),
            Err(why) => Some(why),
        };
        let number = spans.drain(..).count() as u64;
        match &why {
            None => counts.note_sent(number),
            Some(_) => counts.note_dropped(number),
        }
        match (why, fails) {
            (Some(why), false) => {
                tracing::warn!(
                    event = "spans-not-sent",
                    "the collector does not take spans, they are dropped: {why}"
                );
                fails = true;
            }
            (None, true) => {
                tracing::info!(event = "spans-sent", "the collector takes spans again");
                fails = false;
            }
            _ => {}
        }
    }
}
