//! Plug-ins: what runs, what its calls came to, switching one off, and another version in its place.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use tokio::time::timeout;

use super::form::Acting;
use super::frame::Frame;
use super::looking::{Looking, Page, Refused, show};
use super::words;
use crate::control::Ask;
use crate::control::placing::{LoadVersion, RollBack};
use crate::control::plugins::{Attempt, LoadStep, PlugInAtWork, PlugIns, ResetBreaker, SwitchOff, SwitchOn};
use crate::control::rollouts::{AllRollouts, ListRollouts};

#[derive(Template)]
#[template(path = "plugins.html")]
struct AllPlugIns {
    frame: Frame,
    plugins: Vec<PlugInAtWork>,
    loads: Loads,
}

/// How the last load of each went, or goes, and the roll-outs to all relays on the store.
#[derive(Template)]
#[template(path = "loads.html")]
struct Loads {
    plugins: Vec<PlugInAtWork>,
    rollouts: AllRollouts,
}

pub(super) async fn page(looking: Looking) -> Page {
    let plugins = looking.ask(PlugIns {}).await?.plugins;
    Ok(show(&AllPlugIns {
        loads: Loads {
            plugins: plugins.clone(),
            rollouts: looking.ask(ListRollouts {}).await?,
        },
        plugins,
        frame: looking.frame("Plug-ins", "/plugins").await,
    }))
}

/// The part of the page that refreshes itself.
pub(super) async fn live(looking: Looking) -> Page {
    let unseeing = looking.visitor.unseeing();
    let plugins = looking.try_ask(&unseeing, PlugIns {}).await;
    let rollouts = looking.try_ask(&unseeing, ListRollouts {}).await;
    match (plugins, rollouts) {
        (Ok(found), Ok(rollouts)) => Ok(show(&Loads {
            plugins: found.plugins,
            rollouts,
        })),
        (Err(problem), _) | (_, Err(problem)) => Err(looking.refused(&problem).await),
    }
}

impl Loads {
    fn verdict(&self, of: &Attempt) -> &'static str {
        match of.verdict.as_str() {
            "under-way" => "is being loaded",
            "live" => "is live",
            "rolled-back" => "was rolled back",
            _ => "was refused",
        }
    }

    fn short<'a>(&self, digest: &'a str) -> &'a str {
        digest.get(..12).unwrap_or(digest)
    }

    fn milliseconds(&self, of: &LoadStep) -> String {
        format!("{:.0} ms", of.after_ms)
    }
}

impl AllPlugIns {
    fn breaker_open(&self, of: &PlugInAtWork) -> bool {
        of.breaker != "closed" || !of.breaker_of_peers.is_empty()
    }

    fn grouped(&self, number: &u64) -> String {
        words::grouped(*number)
    }
}

pub(super) async fn act(acting: Acting) -> Result<Response, Refused> {
    let plugin = acting.form.text("plugin").unwrap_or_default();
    let told = match acting.form.text("act").unwrap_or_default().as_str() {
        "off" => {
            let reason = acting.form.text("reason").unwrap_or_default();
            let asked = SwitchOff {
                plugin: plugin.clone(),
                reason,
            };
            acting.ask(asked).await?;
            format!("No message is shown to {plugin}.")
        }
        "on" => {
            acting.ask(SwitchOn { plugin: plugin.clone() }).await?;
            format!("Messages are shown to {plugin} again.")
        }
        "reset" => {
            acting.ask(ResetBreaker { plugin: plugin.clone() }).await?;
            format!("{plugin} is called again.")
        }
        "rollback" => {
            let asked = RollBack {
                plugin: plugin.clone(),
                seconds: None,
            };
            begin(&acting, asked, format!("{plugin} goes back to the version before.")).await?
        }
        other => return Err(acting.unknown(other).await),
    };
    Ok(acting.done(told))
}

pub(super) async fn load(acting: Acting) -> Result<Response, Refused> {
    let plugin = acting.form.text("plugin").unwrap_or_default();
    let asked = LoadVersion {
        plugin: plugin.clone(),
        component: acting.form.text("component").unwrap_or_default(),
        signature: acting.form.text("signature"),
        seconds: None,
        own_settings: false,
    };
    let told = begin(&acting, asked, format!("Another version of {plugin} is being loaded.")).await?;
    Ok(acting.done(told))
}

/// A load may take minutes: who asked for it sees its steps meanwhile, and what came of it there. What is wrong at once is
/// said at once.
async fn begin<A: Ask>(acting: &Acting, asked: A, told: String) -> Result<String, Refused> {
    const AT_ONCE: Duration = Duration::from_millis(500);
    match timeout(AT_ONCE, acting.ask(asked)).await {
        Ok(Err(refused)) => Err(refused),
        // It goes on, and is noted, also when nobody waits for the answer.
        Ok(Ok(_)) | Err(_) => Ok(told),
    }
}
