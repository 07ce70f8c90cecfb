//! The console in a browser: pages for people at the operator's door.
//!
//! Each page answers a question of an operator: is all well, what happened to this message, what is stuck and why. It asks the
//! same verbs as everybody ([`Ask`](crate::control::Ask)) and shows what they say; a form asks a verb and leads back. So a page
//! knows nothing that the door's other clients do not, and nobody may more in a browser than elsewhere: what a role may is decided
//! behind the verb. A page looks at roles for one thing, which buttons it draws.
//!
//! Pages are written on the server, from the templates in `host/templates`, and work without a script. The one script there is
//! fetches what is live of a page again each second, and puts a file that somebody chose into a form. Whoever serves them says who looks: [`Visitor`](crate::control::http::Visitor).
//!
//! **Strangers' texts.** Numbers, subjects, replies and reasons come from outside. Templates escape what they are given; before
//! that, [`Looking::ask`](looking::Looking::ask) makes hidden characters visible in every text of every answer. No page holds a
//! script or a style of its own, and the headers in [`safe`] forbid the browser to run or fetch anything that is not ours. A
//! picture out of a message has a media type that its first octets prove, and a policy that lets nothing in it run.
//!
//! **Others' pages.** Whoever changes something sends the seal of the session, which only our pages know, and an `Origin` that is
//! this host ([`form`]).

mod alarms;
mod assets;
mod audit;
mod charging;
mod chart;
mod configuration;
mod content;
mod form;
mod frame;
mod group;
mod indexed;
mod journey;
mod login;
mod looking;
mod message;
mod peers;
mod picture;
mod plugins;
mod queue;
mod recent;
mod requests;
mod route;
mod safe;
mod took;
mod well;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use crate::control::Desk;

pub use recent::Recent;

/// What all pages share.
struct Pages {
    desk: Arc<Desk>,
    recent: Arc<Recent>,
    counted: well::Counted,
    /// What came of the last form, by the seal of whoever sent it, until their next page says it.
    told: Mutex<HashMap<String, String>>,
}

/// All pages. Each request has a [`Visitor`](crate::control::http::Visitor) in its extensions, or is led to the log-in.
pub fn routes(desk: Arc<Desk>, recent: Arc<Recent>) -> Router {
    let pages = Arc::new(Pages {
        desk,
        recent,
        counted: well::Counted::default(),
        told: Mutex::default(),
    });
    let looks = Router::new()
        .route("/", get(well::page))
        .route("/live", get(well::live))
        .route("/queue", get(queue::page))
        .route("/queue/group", get(group::page))
        .route("/message", get(message::find))
        .route("/message/{id}", get(message::page))
        .route("/message/{id}/content", get(content::page))
        .route("/message/{id}/picture/{part}", get(picture::answer))
        .route("/requests", get(requests::page))
        .route("/peers", get(peers::page))
        .route("/plugins", get(plugins::page))
        .route("/plugins/live", get(plugins::live))
        .route("/configuration", get(configuration::page))
        .route("/route", get(route::page))
        .route("/charging", get(charging::page))
        .route("/audit", get(audit::page))
        .route("/alarms", get(alarms::page))
        .route("/login", get(login::page).post(login::enter));
    let changes = Router::new()
        .route("/queue/do", post(queue::act))
        .route("/peers/do", post(peers::act))
        .route("/plugins/do", post(plugins::act))
        .route(form::LOAD, post(plugins::load))
        .route("/configuration/do", post(configuration::act))
        .route("/charging/do", post(charging::act))
        .route("/sight", post(login::see))
        .route("/logout", post(login::leave));
    looks
        .merge(changes)
        .fallback(looking::nowhere)
        .with_state(pages)
        .merge(assets::routes())
        .layer(from_fn(safe::guard))
}
