//! A plug-in that is live, and the call that carries one message through it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;

use crate::bindings::FilterPre;
use crate::bindings::mm4::filter::types as wit;
use crate::breaker::Breaker;
use crate::deterministic;
use crate::failure::{Failure, FailureClass, Spent};
use crate::host::classify::classify;
use crate::host::lift::lift;
use crate::host::{Call, Owner};
use crate::sandbox::Inner;
use crate::services::{Services, Subject};
use crate::text::one_line;
use crate::turns::within;
use crate::verdict::{Judgement, Verdict};
use crate::words::{Description, Fault, MessageType, Occasion, OccasionKind};

/// A plug-in that is configured, compiled and ready. Cheap to clone; all clones are one version.
///
/// Compiled and configured once, when it was loaded; instantiated for every message. It stays usable for those who hold
/// it when a new version takes its place.
#[derive(Clone)]
pub struct Plugin(Arc<Live>);

struct Live {
    owner: Arc<Owner>,
    pre: FilterPre<Call>,
    description: Description,
    rules: Vec<String>,
    digest: String,
    engine: Arc<Inner>,
    breaker: Breaker,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name())
            .field("digest", &self.digest())
            .finish()
    }
}

impl Plugin {
    pub(crate) fn new(
        engine: Arc<Inner>,
        owner: Arc<Owner>,
        pre: FilterPre<Call>,
        (description, rules): (Description, Vec<String>),
        digest: String,
    ) -> Self {
        let breaker = Breaker::new(owner.name.clone(), owner.limits.breaker.clone());
        Plugin(Arc::new(Live {
            breaker,
            owner,
            pre,
            description,
            rules,
            digest,
            engine,
        }))
    }

    /// The name in the configuration.
    pub fn name(&self) -> &str {
        &self.0.owner.name
    }

    /// What it says about itself. Texts hold at most 1,024 octets, without control characters.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// The rules of its settings that `configure` named, in their order. Short texts without control characters.
    pub fn rules(&self) -> &[String] {
        &self.0.rules
    }

    /// SHA-256 of the component's file in lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// The breaker of this loaded version. Every caller of [`process`](Self::process) asks it first, and reports the
    /// result. This is left to the caller, because only the caller knows whether the verdict could be applied.
    pub fn breaker(&self) -> &Breaker {
        &self.0.breaker
    }

    /// Whether the plug-in wants to see such a message. `media_types` are those of the parts, in lower case; they do
    /// not matter on `outcome`.
    pub fn wants<'a>(
        &self,
        occasion: OccasionKind,
        message_type: MessageType,
        media_types: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        wants(&self.0.description, occasion, message_type, media_types)
    }

    /// Carries one message through a new instance. What the call used of the message is not noted. Waits while all instances of the engine are taken, and then for its
    /// turns when it takes long.
    ///
    /// The caller carries out the judgement; nothing of it has been done. Dropping the future stops the plug-in at its
    /// next tick.
    ///
    /// # Errors
    /// A [`Failure`]; all requests of the plug-in during the call are dropped.
    pub async fn process(&self, occasion: Occasion, subject: Arc<dyn Subject>) -> Result<Judgement, Failure> {
        self.process_as(self.0.owner.clone(), occasion, subject).await
    }

    /// As [`process`](Self::process), with other services than those that it was loaded with: to listen to what it asks
    /// of them, or to answer from a recording. The judgement tells what it used of the message.
    ///
    /// # Errors
    /// As above.
    pub async fn process_with(
        &self,
        services: Arc<dyn Services>,
        occasion: Occasion,
        subject: Arc<dyn Subject>,
    ) -> Result<Judgement, Failure> {
        let owner = Owner {
            services,
            is_watched: true,
            ..Owner::clone(&self.0.owner)
        };
        self.process_as(Arc::new(owner), occasion, subject).await
    }

    /// The services that it was loaded with.
    pub fn services(&self) -> Arc<dyn Services> {
        self.0.owner.services.clone()
    }

    async fn process_as(
        &self,
        owner: Arc<Owner>,
        occasion: Occasion,
        subject: Arc<dyn Subject>,
    ) -> Result<Judgement, Failure> {
        let live = &*self.0;
        let queued = Instant::now();
        let Ok(_instance) = live.engine.instances.acquire().await else {
            unreachable!("nobody closes the semaphore");
        };
        let started = Instant::now();
        let budget = owner.limits.budget(subject.size());
        let observing = occasion.kind() == OccasionKind::Outcome;
        let mut store = live.engine.store(Call::new(owner, Some(subject)));
        let (fuel, wall) = live.engine.allow(&mut store, budget);
        let waits = store.data().waits.clone();
        let ended = within(wall, &waits, live.run(&mut store, occasion.into())).await;
        let waited = waits.so_far();
        let fuel = deterministic::used(&store, fuel);
        let call = store.data_mut();
        let said = call.finish_log();
        let result = match ended {
            Some(answer) => judge(call, answer, observing, &said),
            None => Err((FailureClass::Time, out_of_time(call, budget))),
        };
        let spent = Spent {
            time: started.elapsed().saturating_sub(waited),
            queue_wait: started - queued + waited,
            body_bytes_read: call.body_bytes_read,
            body_bytes_written: call.output_bytes,
            memory_bytes: call.memory.used() as u64,
            host_calls: call.host_calls,
            log_lines_dropped: call.log.dropped,
            fuel,
        };
        match result {
            Ok(verdict) => Ok(Judgement {
                verdict,
                records: std::mem::take(&mut call.records),
                kv: std::mem::take(&mut call.kv).into_writes(),
                measures: std::mem::take(&mut call.metrics).into_measures(),
                rules: call.rules.take(),
                used: std::mem::take(&mut call.used),
                outside: call.outside.take(),
                spent,
            }),
            Err((class, text)) => Err(Failure { class, text, spent }),
        }
    }
}

fn out_of_time(call: &Call, budget: Duration) -> String {
    let waiting = call.outside.waiting().map(|(asked, since)| {
        let since = since.as_millis();
        format!("; it was waiting for {asked}, for {since} ms")
    });
    format!(
        "it ran for longer than {budget:.0?}, which is what its limits time and time-per-mib allow for this message{}; raise them, \
         or do less",
        waiting.unwrap_or_default()
    )
}

/// What `process` returned, or how the call ended instead.
type Answer = Result<Result<wit::Verdict, wit::Fault>, Ended>;

enum Ended {
    BeforeItBegan(wasmtime::Error),
    Within(wasmtime::Error),
}

impl Live {
    async fn run(&self, store: &mut Store<Call>, occasion: wit::Occasion) -> Answer {
        let instance = self
            .pre
            .instantiate_async(&mut *store)
            .await
            .map_err(Ended::BeforeItBegan)?;
        let plugin = instance.mm4_filter_plugin();
        plugin.call_process(store, &occasion).await.map_err(Ended::Within)
    }
}

fn judge(call: &mut Call, answer: Answer, observing: bool, said: &str) -> Result<Verdict, (FailureClass, String)> {
    match answer {
        Ok(Ok(verdict)) => match lift(call, verdict) {
            Ok(verdict) if observing && verdict != Verdict::Pass => Err((
                FailureClass::Contract,
                "its verdict on an `outcome` is not `pass`".to_owned(),
            )),
            Ok(verdict) => match call.owner.may.denies(&verdict) {
                Some(text) => Err((FailureClass::Contract, text)),
                None => {
                    if call.owner.is_watched {
                        call.used.verdict(&verdict);
                    }
                    Ok(verdict)
                }
            },
            Err(text) => Err((FailureClass::Contract, text)),
        },
        Ok(Err(fault)) => Err((FailureClass::Fault, fault_text(fault.into()))),
        Err(Ended::Within(error)) => Err(classify(call, &error, said)),
        Err(Ended::BeforeItBegan(error)) => match classify(call, &error, said) {
            (FailureClass::Memory, text) => Err((FailureClass::Memory, text)),
            (_, text) => Err((FailureClass::Instantiate, text)),
        },
    }
}

fn fault_text(fault: Fault) -> String {
    let (kind, text) = match fault {
        Fault::Invalid(text) => ("invalid", text),
        Fault::Unavailable(text) => ("unavailable", text),
        Fault::Limit(text) => ("limit", text),
    };
    format!("{kind}: {}", one_line(&text))
}

fn wants<'a>(
    description: &Description,
    occasion: OccasionKind,
    message_type: MessageType,
    media_types: impl IntoIterator<Item = &'a str>,
) -> bool {
    let types = &description.message_types;
    let wanted = &description.media_types;
    description.occasions.contains(&occasion)
        && (types.is_empty() || types.contains(&message_type))
        && (occasion == OccasionKind::Outcome
            || wanted.is_empty()
            || media_types
                .into_iter()
                .any(|part| wanted.iter().any(|range| in_range(part, range))))
}

/// Whether a media type is in a range such as `image/*`. Both are in lower case.
fn in_range(media_type: &str, range: &str) -> bool {
    match range.strip_suffix('*') {
        Some(prefix) if prefix.ends_with('/') => prefix == "*/" || media_type.starts_with(prefix),
        _ => media_type == range,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(media_types: &[&str], message_types: &[MessageType]) -> Description {
        Description {
            name: "x".into(),
            version: "1".into(),
            occasions: [OccasionKind::Arrival, OccasionKind::Outcome].into(),
            message_types: message_types.to_vec(),
            media_types: media_types.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    const REQUEST: MessageType = MessageType::ForwardRequest;

    #[test]
    fn an_occasion_that_was_not_named_is_not_wanted() {
        assert!(wants(&description(&[], &[]), OccasionKind::Arrival, REQUEST, []));
        assert!(!wants(&description(&[], &[]), OccasionKind::Departure, REQUEST, []));
    }

    #[test]
    fn message_types_select_when_there_are_any() {
        let reports = description(&[], &[MessageType::DeliveryReportRequest]);
        assert!(!wants(&reports, OccasionKind::Arrival, REQUEST, []));
        assert!(wants(
            &reports,
            OccasionKind::Arrival,
            MessageType::DeliveryReportRequest,
            []
        ));
    }

    #[test]
    fn media_types_select_except_on_outcome() {
        let images = description(&["image/*"], &[]);
        assert!(wants(
            &images,
            OccasionKind::Arrival,
            REQUEST,
            ["text/plain", "image/gif"]
        ));
        assert!(!wants(
            &images,
            OccasionKind::Arrival,
            REQUEST,
            ["text/plain", "imagery/gif"]
        ));
        assert!(wants(&images, OccasionKind::Outcome, REQUEST, []));
    }

    #[test]
    fn a_star_stands_for_a_whole_subtype_only() {
        assert!(in_range("image/jpeg", "image/jpeg") && in_range("image/jpeg", "*/*"));
        assert!(!in_range("image/jpeg", "image/jp*") && !in_range("image/jpeg", "*"));
    }
}
