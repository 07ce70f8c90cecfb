//! The ordered chain, and one message's way through it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mm4relay_engine::{self as engine, Occasion};

use crate::message::{HoldRule, Holder, Message, NextHop, OnFailure, PeerName, RecipientId, Refusal};
use crate::protocol::mm4;

use super::effects::Effects;
use super::link::Link;
use super::meter::Counted;
use super::subject::{View, message_type};
use super::when::Ends;
use super::{boundary, describe};

/// The plug-ins in their order. A chain never changes: a message keeps the one that it began with.
#[derive(Clone, Default)]
pub struct Chain {
    pub links: Vec<Link>,
    /// A script that answers in place of the plug-ins, in tests.
    #[cfg(test)]
    pub(super) script: Option<Arc<dyn super::script::Script>>,
}

/// The result of one run of the chain.
#[derive(Debug)]
pub enum Passage {
    /// The message goes on, as edited. `routes` has the recipients that plug-ins sent to a named peer.
    Go {
        message: Arc<Message>,
        routes: BTreeMap<RecipientId, PeerName>,
    },
    Hold(Holder),
    Discard {
        reason: String,
    },
    Refuse(Refusal),
}

/// What a destination can take, as plug-ins are told on departure.
pub type Destination = engine::Destination;

impl Chain {
    /// A chain of these plug-ins, in this order.
    pub fn new(links: Vec<Link>) -> Self {
        Self {
            links,
            #[cfg(test)]
            script: None,
        }
    }

    /// A chain of one plug-in.
    pub fn of(link: Link) -> Self {
        Self::new(vec![link])
    }

    /// The chain without these plug-ins.
    pub fn without(&self, names: &[String]) -> Self {
        let links = self.links.iter();
        let stays = |link: &&Link| !names.iter().any(|name| name == link.plugin.name());
        Self {
            links: links.filter(stays).cloned().collect(),
            #[cfg(test)]
            script: self.script.clone(),
        }
    }

    /// The arrival run: once per message, before routing. `next_hops` are those that routing would choose now.
    pub async fn arrive(&self, message: Arc<Message>, next_hops: &[NextHop], effects: &mut Effects) -> Passage {
        self.run(message, &Occasion::Arrival, next_hops, effects).await
    }

    /// The departure run: once per destination, with the recipients that go there.
    pub async fn depart(&self, message: Arc<Message>, destination: Destination, effects: &mut Effects) -> Passage {
        let next_hop = NextHop::new(&destination.peer).ok();
        let occasion = Occasion::Departure(destination);
        self.run(message, &occasion, next_hop.as_slice(), effects).await
    }

    async fn run(
        &self,
        mut message: Arc<Message>,
        occasion: &Occasion,
        next_hops: &[NextHop],
        effects: &mut Effects,
    ) -> Passage {
        #[cfg(test)]
        if let Some(script) = &self.script {
            return super::script::run(&**script, &message, occasion, effects).await;
        }
        let source = message.origin.source.clone();
        let ends = Ends {
            source: source.as_str(),
            next_hops,
        };
        let mut routes = BTreeMap::new();
        for link in &self.links {
            let kind = message_type(Some(message.kind));
            if !link.when.admits(ends, kind) {
                continue;
            }
            let media_types = message.parts.iter().map(|part| part.media_type.as_str());
            if !link.plugin.wants(occasion.kind(), kind, media_types) {
                link.overlook(occasion, || Arc::new(link.view(&message, ends)));
                continue;
            }
            let done = match link.ask(&message, occasion, ends).await {
                Ok(done) => done,
                Err(trouble) => match link.failed(&trouble, &message, occasion) {
                    Some(passage) => return passage,
                    None => continue,
                },
            };
            effects.take(&link.plugin, occasion, done.judgement, done.did);
            match done.came_to {
                Passage::Go {
                    message: edited,
                    routes: more,
                } => {
                    message = edited;
                    routes.extend(more);
                    // The id of a dropped recipient may be given to an added one, which must not inherit the route.
                    routes.retain(|id, _| message.envelope.recipients.iter().any(|r| r.id == *id));
                }
                ended => return ended,
            }
        }
        Passage::Go { message, routes }
    }
}

/// A successful call, its edits applied.
struct Done {
    judgement: engine::Judgement,
    did: Vec<String>,
    came_to: Passage,
}

/// Why a plug-in contributed nothing.
enum Trouble {
    Failed(String),
    /// Its breaker is open, so it was not called.
    Open(engine::BreakerOpen),
}

impl Link {
    /// The message as this plug-in sees it, with the sides of the boundary on which it begins and ends.
    fn view(&self, message: &Arc<Message>, ends: Ends<'_>) -> View {
        View::whole(Arc::clone(message), self.when.sides(ends))
    }

    /// Calls the plug-in unless its breaker is open, and tells the breaker the result.
    async fn ask(&self, message: &Arc<Message>, occasion: &Occasion, ends: Ends<'_>) -> Result<Done, Trouble> {
        let meter = &self.health.meter;
        let peers = [message.origin.source.as_str()];
        let permit = self.plugin.breaker().admit(&peers).map_err(|open| {
            meter.not_called();
            Trouble::Open(open)
        })?;
        let _underway = meter.begin();
        match self.health.note(self.call(message, occasion, ends).await) {
            Ok(done) => {
                permit.succeeded();
                Ok(done)
            }
            Err(reason) => {
                permit.failed();
                Err(Trouble::Failed(reason))
            }
        }
    }

    /// Calls the plug-in and applies its verdict; the error says why the call counts as failed.
    async fn call(&self, message: &Arc<Message>, occasion: &Occasion, ends: Ends<'_>) -> Result<Done, String> {
        let view = Arc::new(self.view(message, ends));
        let meter = &self.health.meter;
        let mut judgement = self.process(occasion, &view).await.map_err(|failure| {
            meter.failed(failure.class, &failure.spent);
            failure.to_string()
        })?;
        let counted = Counted::of(&judgement);
        let verdict = std::mem::replace(&mut judgement.verdict, engine::Verdict::Pass);
        let came_to = came_to(self.plugin.name(), verdict, message, occasion);
        match &came_to {
            Ok(_) => meter.judged(counted, &judgement),
            Err(_) => meter.failed(engine::FailureClass::Contract, &judgement.spent),
        }
        let (mut did, came_to) = came_to?;
        did.extend(judgement.rules.iter().map(|rule| describe::rule(rule)));
        did.extend(judgement.outside.iter().map(describe::outside));
        Ok(Done {
            judgement,
            did,
            came_to,
        })
    }

    /// Applies the plug-in's failure policy: how the run ends, or `None` when it goes on without the plug-in.
    fn failed(&self, trouble: &Trouble, message: &Message, occasion: &Occasion) -> Option<Passage> {
        let plugin = self.plugin.name().to_owned();
        let reason = match trouble {
            Trouble::Failed(reason) => {
                tracing::warn!(plugin, message = %message.id, on_failure = %self.on_failure, event = "plugin-failed", "plug-in failed: {reason}");
                reason.clone()
            }
            // The breaker has logged once that it opened. A line for each message would defeat its purpose.
            Trouble::Open(open) => {
                tracing::debug!(plugin, message = %message.id, on_failure = %self.on_failure, "plug-in not called");
                open.to_string()
            }
        };
        match self.on_failure {
            OnFailure::Skip => None,
            OnFailure::Defer => Some(Passage::Refuse(Refusal::Deferred { plugin, reason })),
            OnFailure::Refuse => Some(Passage::Refuse(Refusal::PluginFailed { plugin, reason })),
            OnFailure::Hold => Some(Passage::Hold(Holder {
                reason: format!("plug-in {plugin} failed: {reason}"),
                plugin,
                rule: HoldRule::Failure,
                to: next_hop(occasion),
            })),
        }
    }
}

/// What a verdict of `plugin` makes of a message, with a line for each thing that it did. The error says why the
/// verdict cannot be carried out.
pub(crate) fn came_to(
    plugin: &str,
    verdict: engine::Verdict,
    message: &Arc<Message>,
    occasion: &Occasion,
) -> Result<(Vec<String>, Passage), String> {
    let go = |message: Arc<Message>, routes| Passage::Go { message, routes };
    Ok(match verdict {
        engine::Verdict::Pass => (vec!["pass".to_owned()], go(Arc::clone(message), BTreeMap::new())),
        engine::Verdict::Edit(edits) => {
            let (did, edited, routes) = edited(message, edits, occasion)?;
            (did, go(Arc::new(edited), routes))
        }
        engine::Verdict::Refuse { code, text } => {
            let refusal = refusal(plugin, code, text)?;
            (vec![refusal.to_string()], Passage::Refuse(refusal))
        }
        engine::Verdict::Hold(reason) => {
            let reason = legal_reason(reason)?;
            let did = vec![format!("hold: {reason}")];
            let holder = Holder {
                plugin: plugin.to_owned(),
                rule: HoldRule::Verdict,
                to: next_hop(occasion),
                reason,
            };
            (did, Passage::Hold(holder))
        }
        engine::Verdict::Discard(reason) => {
            let reason = legal_reason(reason)?;
            (vec![format!("discard: {reason}")], Passage::Discard { reason })
        }
    })
}

/// The next hop of a departure.
fn next_hop(occasion: &Occasion) -> Option<PeerName> {
    match occasion {
        Occasion::Departure(destination) => PeerName::new(&destination.peer).ok(),
        Occasion::Arrival | Occasion::Outcome(_) => None,
    }
}

/// The refusal that a plug-in asked for, if its reply is legal on the wire.
fn refusal(plugin: &str, code: u16, text: String) -> Result<Refusal, String> {
    const MAX_TEXT: usize = 200;
    if !(550..=554).contains(&code) {
        return Err(format!("contract: it refused with code {code}; 550 to 554 are legal"));
    }
    if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(format!(
            "contract: the text of its refusal must have at most {MAX_TEXT} octets and no control characters"
        ));
    }
    let plugin = plugin.to_owned();
    Ok(Refusal::ByPlugin { plugin, code, text })
}

/// A reason appears in the log and on operators' terminals, so it must have no line ends and no escape sequences.
fn legal_reason(reason: String) -> Result<String, String> {
    const MAX_REASON: usize = 1024;
    if reason.len() > MAX_REASON || reason.chars().any(char::is_control) {
        return Err(format!(
            "contract: the reason of hold or discard must have at most {MAX_REASON} octets and no control characters"
        ));
    }
    Ok(reason)
}

type Edited = (Vec<String>, Message, BTreeMap<RecipientId, PeerName>);

fn edited(message: &Arc<Message>, edits: Vec<engine::Edit>, occasion: &Occasion) -> Result<Edited, String> {
    let illegal = |error: crate::message::Illegal| format!("contract: {error}");
    let edits = boundary::legal_edits(edits).map_err(illegal)?;
    let did = describe::edits(&edits, message);
    let mut routes = BTreeMap::new();
    for edit in &edits {
        if let crate::message::Edit::Route { recipient, peer } = edit {
            if !matches!(occasion, Occasion::Arrival) {
                return Err("contract: recipients can be routed on arrival only".into());
            }
            routes.insert(*recipient, peer.clone());
        }
    }
    let edited = mm4::apply(Message::clone(message), &edits).map_err(illegal)?;
    Ok((did, edited, routes))
}
