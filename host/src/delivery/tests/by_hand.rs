//! Delivery without sessions: what next hops say is written down, and everything else is as in a running relay. For tests
//! of what outcomes mean.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::SharedClock;
use crate::delivery::fate::{Answer, Fate, Verdict};
use crate::delivery::peer::Peer;
use crate::delivery::queue::Job;
use crate::delivery::settle::{self, Attempt};
use crate::delivery::{OutcomeSink, PeerOptions};
use crate::message::{Header, Outgoing, PeerName, Recipient};
use crate::protocol::mm4;
use crate::protocol::smtp::Enhanced;
use crate::spool::Queue;

/// What a next hop says of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// 250.
    Yes,
    /// This code, enhanced code and text.
    Reply(u16, (u16, u16), &'static str),
    /// Nothing: it cannot be reached.
    Nothing,
    /// Its MX record says that it takes no mail (RFC 7505).
    NoMail,
}

/// Delivery to some peers.
pub(crate) struct ByHand {
    peers: Vec<Arc<Peer>>,
    spool: Arc<dyn Queue>,
    clock: SharedClock,
    busy: watch::Sender<usize>,
}

impl ByHand {
    pub(crate) fn new(
        names: &[PeerName],
        spool: &Arc<dyn Queue>,
        clock: &SharedClock,
        outcomes: &Arc<dyn OutcomeSink>,
    ) -> Self {
        let busy = watch::Sender::new(0);
        let peer = |name: &PeerName| {
            let options = PeerOptions {
                random: || 0.5,
                ..PeerOptions::new(name.clone(), vec![format!("{name}:25")], "mm4.hub.example")
            };
            Peer::new(
                options,
                Arc::clone(spool),
                Arc::clone(clock),
                Arc::clone(outcomes),
                busy.clone(),
            )
        };
        Self {
            peers: names.iter().map(peer).collect(),
            spool: Arc::clone(spool),
            clock: Arc::clone(clock),
            busy,
        }
    }

    /// One attempt at everything that is due; what was tried, in the order of the peers, with the header that was sent.
    pub(crate) async fn attempt(&self, says: impl Fn(&PeerName, &Recipient) -> Says) -> Vec<(Outgoing, Header)> {
        let mut tried = Vec::new();
        for peer in &self.peers {
            let name = peer.options().name.clone();
            for outgoing in self.spool.lease(&name, self.clock.now(), 100).await.unwrap() {
                let recipients = outgoing.envelope.recipients.iter();
                let fates = recipients.map(|recipient| fate(recipient, says(&name, recipient)));
                let attempt = Attempt::new(Some(format!("{name}:25")), fates.collect());
                let header = mm4::read_header(&outgoing.rope).unwrap();
                tried.push((outgoing.clone(), header));
                settle::spawn(Arc::clone(peer), Job { outgoing }, attempt).await;
                self.recorded().await;
            }
        }
        tried
    }

    /// Gives up what is overdue.
    pub(crate) async fn give_up(&self) {
        for peer in &self.peers {
            peer.give_up_overdue().await;
            self.recorded().await;
        }
    }

    async fn recorded(&self) {
        self.busy.subscribe().wait_for(|busy| *busy == 0).await.unwrap();
    }
}

fn fate(recipient: &Recipient, says: Says) -> Fate {
    let (verdict, answer) = match says {
        Says::Yes => (Verdict::Taken, Answer::ruled(250, (2, 0), "taken".into())),
        Says::Reply(code, (subject, detail), text) => {
            let verdict = match code {
                500.. => Verdict::Never,
                _ => Verdict::Later,
            };
            let enhanced = Some(Enhanced { subject, detail });
            let answer = Answer {
                code: Some(code),
                enhanced,
                ..Answer::ours(text)
            };
            (verdict, answer)
        }
        Says::Nothing => (Verdict::Later, Answer::ours("connection refused")),
        Says::NoMail => {
            let text = "the domain takes no mail (RFC 7505)";
            (Verdict::Never, Answer::ruled(556, (1, 10), text.into()))
        }
    };
    Fate {
        id: recipient.id,
        verdict,
        answer,
    }
}
