//! The desk over HTTP: questions and answers in JSON, what goes wrong as problems of RFC 9457, on a socket of the operating
//! system, which says who asks.
//!
//! `GET /v1/openapi.json` describes all of it, from the types of the verbs.

mod answer;
mod guard;
mod idempotency;
mod openapi;
mod query;
mod reply;
mod sessions;
mod socket;
mod tcp;

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::routing::any;
use serde::de::DeserializeOwned;

use super::{
    Desk, Kind, Problem, alarms, audit, cdr, configuration, kv, limits, peers, placing, plugins, queue, relay,
    requests, rollouts, routes, spool, tables, tokens, trace, traffic,
};
use answer::Verbs;

pub use sessions::{Entrance, Sight, Visitor};
pub(crate) use socket::FOR;
pub use socket::{SOCKET, Socket, connect};
pub use tcp::{Certified, NamedClients, NamedHosts, Tcp};

/// Every verb, once: it is answered here and described in the OpenAPI document.
fn verbs() -> Verbs {
    Verbs::default()
        .with::<relay::Status>()
        .with::<alarms::Alarms>()
        .with::<traffic::Traffic>()
        .with::<configuration::Compare>()
        .with::<configuration::CheckCandidate>()
        .with::<configuration::ShowConfiguration>()
        .with::<configuration::Generations>()
        .with::<configuration::Apply>()
        .with::<configuration::GoBack>()
        .with::<relay::Reload>()
        .with::<relay::Stop>()
        .with::<queue::List>()
        .with::<queue::Groups>()
        .with::<queue::Show>()
        .with::<queue::Retry>()
        .with::<queue::Release>()
        .with::<queue::Drop>()
        .with::<queue::KeepBack>()
        .with::<queue::Reroute>()
        .with::<queue::GetContent>()
        .with::<requests::FindRequests>()
        .with::<trace::Trace>()
        .with::<routes::Route>()
        .with::<tables::Tables>()
        .with::<tables::ReloadTables>()
        .with::<peers::Peers>()
        .with::<peers::PausePeer>()
        .with::<peers::DrainPeer>()
        .with::<peers::ResumePeer>()
        .with::<cdr::CdrFiles>()
        .with::<cdr::CdrClose>()
        .with::<cdr::CdrFetched>()
        .with::<spool::SpoolCheck>()
        .with::<spool::SpoolBackUp>()
        .with::<limits::LimitPeer>()
        .with::<limits::UnlimitPeer>()
        .with::<plugins::PlugIns>()
        .with::<placing::LoadVersion>()
        .with::<placing::RollBack>()
        .with::<rollouts::ListRollouts>()
        .with::<rollouts::Unbar>()
        .with::<plugins::ResetBreaker>()
        .with::<plugins::SwitchOff>()
        .with::<plugins::SwitchOn>()
        .with::<kv::ListValues>()
        .with::<kv::Get>()
        .with::<kv::Set>()
        .with::<kv::Delete>()
        .with::<audit::Audit>()
        .with::<audit::PurgeAudit>()
        .with::<tokens::NewToken>()
        .with::<tokens::Tokens>()
        .with::<tokens::RevokeToken>()
}

/// Everything below `/v1/`.
pub fn routes(desk: Arc<Desk>) -> Router {
    let nowhere = async |uri: Uri| {
        let detail = format!("no verb has the path {}: /v1/openapi.json has all of them", uri.path());
        reply::refuse(&Problem::new(Kind::NoSuchVerb, detail))
    };
    verbs().router(desk).route("/v1/{*rest}", any(nowhere))
}

/// Whether programs ask there, by verbs; all else is for people.
fn is_verbs(path: &str) -> bool {
    path.starts_with("/v1/")
}

/// A question out of the fields of a query.
///
/// # Errors
/// Which field is wrong, and how.
pub fn read_query<T: DeserializeOwned>(fields: Vec<(String, String)>) -> Result<T, Problem> {
    query::read(fields).map_err(|error| Problem::new(Kind::Unreadable, error.to_string()))
}

/// The OpenAPI document, as it is served.
#[must_use]
pub fn document() -> serde_json::Value {
    verbs().document()
}
