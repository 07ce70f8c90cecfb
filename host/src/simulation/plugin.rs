//! A plug-in with whims: it does what a story says, each whim once, and else lets everything pass. What it is called for, it
//! asks a charging record of.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mm4relay_engine::{BoxFuture, Occasion, Verdict};
use tokio::time::sleep;

use super::world::{World, held};
use crate::message::Source;
use crate::pipeline::script::Script;

/// What it does to a message of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whim {
    Refuses,
    Holds,
    Discards,
    /// It fails, and the message is deferred.
    Fails,
    /// It takes longer than the sender should wait.
    Dawdles,
}

/// What it will do next, at each occasion.
#[derive(Debug, Default)]
pub(super) struct Whims {
    pub(super) at_arrival: VecDeque<Whim>,
    pub(super) at_departure: VecDeque<Whim>,
    /// So many outcomes it does not want to hear.
    pub(super) deaf: u32,
}

pub(super) struct PlugIn(pub(super) Arc<World>);

const DAWDLES: Duration = Duration::from_secs(12);

impl Script for PlugIn {
    fn judge<'a>(&'a self, occasion: &'a Occasion, source: &'a Source) -> BoxFuture<'a, Result<Verdict, String>> {
        Box::pin(async move {
            let whim = {
                let mut whims = held(&self.0.whims);
                match (source, occasion) {
                    (Source::Relay, _) => None,
                    (_, Occasion::Arrival) => whims.at_arrival.pop_front(),
                    (_, Occasion::Departure(_)) => whims.at_departure.pop_front(),
                    _ => None,
                }
            };
            if let Some(whim) = whim {
                self.0.happens(format!("the plug-in {}", whim.words()));
            }
            match whim {
                None => Ok(Verdict::Pass),
                Some(Whim::Refuses) => Ok(Verdict::Refuse {
                    code: 552,
                    text: "not wanted".into(),
                }),
                Some(Whim::Holds) => Ok(Verdict::Hold("to be looked at".into())),
                Some(Whim::Discards) => Ok(Verdict::Discard("dull".into())),
                Some(Whim::Fails) => Err("it trapped".into()),
                Some(Whim::Dawdles) => {
                    sleep(DAWDLES).await;
                    Ok(Verdict::Pass)
                }
            }
        })
    }

    fn hear(&self, _: &Occasion) -> Result<(), String> {
        let mut whims = held(&self.0.whims);
        match whims.deaf.checked_sub(1) {
            Some(left) => {
                whims.deaf = left;
                Err("it does not want to hear it".into())
            }
            None => Ok(()),
        }
    }
}

impl Whim {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Refuses => "refuses a message",
            Self::Holds => "holds a message",
            Self::Discards => "discards a message",
            Self::Fails => "fails over a message",
            Self::Dawdles => "takes longer over a message than its sender should wait",
        }
    }
}
