//! What is wrong at this moment, and what to do about it.

use askama::Template;

use super::frame::Frame;
use super::looking::{Looking, Page, show};
use crate::control::alarms::{Alarms, RaisedAlarm};

#[derive(Template)]
#[template(path = "alarms.html")]
struct Raised {
    frame: Frame,
    alarms: Vec<RaisedAlarm>,
}

pub(super) async fn page(looking: Looking) -> Page {
    Ok(show(&Raised {
        alarms: looking.ask(Alarms {}).await?.alarms,
        frame: looking.frame("Alarms", "/alarms").await,
    }))
}
