//! Plug-ins: what runs, what its calls came to, and switching one off.

use askama::Template;
use axum::response::Response;

use super::form::Acting;
use super::frame::Frame;
use super::looking::{Looking, Page, Refused, show};
use super::words;
use crate::control::plugins::{PlugInAtWork, PlugIns, ResetBreaker, SwitchOff, SwitchOn};

#[derive(Template)]
#[template(path = "plugins.html")]
struct AllPlugIns {
    frame: Frame,
    plugins: Vec<PlugInAtWork>,
}

pub(super) async fn page(looking: Looking) -> Page {
    Ok(show(&AllPlugIns {
        plugins: looking.ask(PlugIns {}).await?.plugins,
        frame: looking.frame("Plug-ins", "/plugins").await,
    }))
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
        other => return Err(acting.unknown(other).await),
    };
    Ok(acting.done(told))
}
