//! A link of the chain: the version of a plug-in, the messages that it is called for, and listeners to its calls.

use std::sync::Arc;

use mm4relay_engine::{Failure, FailureClass, Judgement, Occasion, Plugin, Spent, Subject};

use super::health::Health;
use super::subject::View;
use super::tap::{Heard, Tap, WantsView};
use super::tape::{Asked, Tape};
use super::when::When;
use crate::message::OnFailure;
use crate::vitals::{Panicked, caught};

/// One plug-in in the chain.
#[derive(Clone)]
pub struct Link {
    pub plugin: Plugin,
    pub on_failure: OnFailure,
    /// The messages that the plug-in may be called for.
    pub when: Arc<When>,
    /// The results of this version's calls.
    pub health: Arc<Health>,
    /// The listeners to this version's calls.
    pub(crate) tap: Arc<Tap>,
}

impl Link {
    /// A link with a version that has not been called yet.
    pub fn new(plugin: Plugin, on_failure: OnFailure) -> Self {
        Self {
            plugin,
            on_failure,
            when: Arc::default(),
            health: Arc::default(),
            tap: Arc::default(),
        }
    }

    /// Measures the cost of calls: see [`Tap::cost`].
    pub fn counting(self) -> Self {
        Self {
            tap: Arc::new(Tap::counting()),
            ..self
        }
    }

    /// Restricts the plug-in to these messages.
    pub fn when(self, when: Arc<When>) -> Self {
        Self { when, ..self }
    }

    /// Calls the plug-in, and lets listeners hear of it. A panic on our side of the call counts as a failed call: a
    /// plug-in's requests must not have worse effects than its failure.
    pub(super) async fn process(&self, occasion: &Occasion, view: &Arc<View>) -> Result<Judgement, Failure> {
        let (subject, occasion_of_it) = (Arc::clone(view), occasion.clone());
        let shadow = self.tap.shadow.load_full();
        if shadow.is_none() && self.tap.recording.is_none() {
            // Boxed, because the futures around this one are nested as deeply as the compiler allows.
            let called = match self.tap.is_counting() {
                false => caught(Box::pin(self.plugin.process(occasion_of_it, subject))).await,
                true => {
                    let services = self.plugin.services();
                    caught(Box::pin(self.plugin.process_with(services, occasion_of_it, subject))).await
                }
            };
            let called = called.unwrap_or_else(bug);
            self.tap.count(&called);
            return called;
        }
        let tape = Tape::over(self.plugin.services());
        let services = Arc::new(tape.clone());
        let called = caught(Box::pin(self.plugin.process_with(services, occasion_of_it, subject))).await;
        let called = called.unwrap_or_else(bug);
        self.tap.count(&called);
        let heard = Heard {
            occasion: occasion.clone(),
            view: Arc::clone(view),
            called: Some(called.clone()),
            asked: tape.close(),
        };
        if let Some(recording) = &self.tap.recording {
            recording.hear(&self.plugin, heard.clone());
        }
        if let Some(ear) = shadow {
            ear.lane.offer(heard.view.size(), heard);
        }
        called
    }

    /// Tells listeners of a message that this plug-in does not want: a version that is tried beside it may want it.
    pub(super) fn overlook(&self, occasion: &Occasion, view: impl FnOnce() -> Arc<View>) {
        let Some(ear) = self.tap.shadow.load_full() else { return };
        let view = view();
        if ear.candidate.wants_view(occasion, &view) {
            let heard = Heard {
                occasion: occasion.clone(),
                view: Arc::clone(&view),
                called: None,
                asked: Asked::default(),
            };
            ear.lane.offer(view.size(), heard);
        }
    }
}

fn bug(panicked: Panicked) -> Result<Judgement, Failure> {
    Err(Failure {
        class: FailureClass::Trap,
        text: panicked.to_string(),
        spent: Spent::default(),
    })
}
