//! Where a number would go, step by step.

use askama::Template;

use super::frame::Frame;
use super::looking::{Looking, Page, show};
use crate::control::routes::{Route, Routed};

#[derive(Template)]
#[template(path = "route.html")]
struct Explained {
    frame: Frame,
    recipient: String,
    from: String,
    routed: Option<Routed>,
}

pub(super) async fn page(looking: Looking) -> Page {
    let (recipient, from) = (looking.field("recipient"), looking.field("from"));
    let routed = match recipient.is_empty() {
        true => None,
        false => {
            let asked: Route = looking.question().await?;
            Some(looking.ask(asked).await?)
        }
    };
    Ok(show(&Explained {
        frame: looking.frame("Where would it go", "/route").await,
        recipient,
        from,
        routed,
    }))
}
