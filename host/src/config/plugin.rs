//! `[[plugin]]`: the chain, in the order of the file.

mod may;
mod when;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use mm4relay_engine::{Grant, May};

use super::Folders;
use super::Service;
use super::file::{Section, json};
use super::forms::{NAME, count, duration, name, public_key, size, text, yes_or_no};
use super::peer::Peer;
use super::problem::one_of;
use crate::message::OnFailure;
use crate::registry::Reference;

pub use when::PluginWhen;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const MILLISECOND: Duration = Duration::from_millis(1);

/// One plug-in of the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// The name in logs, in charging records, and for its durable values: keep it when the file changes.
    pub name: String,
    /// The component; relative paths start at `plugin-folder`. With `source`, the file in which the fetched component
    /// is kept.
    pub file: PathBuf,
    /// Where the component is fetched from when the file is missing: a place in a registry, pinned by digest.
    pub source: Option<Reference>,
    pub grants: BTreeSet<Grant>,
    /// What the plug-in may do with messages. Default: everything.
    pub may: May,
    pub on_failure: OnFailure,
    /// The messages that it may be called for.
    pub when: PluginWhen,
    pub limits: PluginLimits,
    pub breaker: PluginBreaker,
    /// The services that it may call over HTTP.
    pub services: Vec<Service>,
    /// The folder of the sample cases that every version must pass; relative paths start at `plugin-folder`.
    pub samples: Option<PathBuf>,
    /// `watch`: how long a new version is watched for failures that roll it back. Default 1 min; zero turns it off.
    pub watch: Duration,
    /// `shadow`: the number of messages on which a new version is tried beside the running one. Default 0: none.
    pub shadow: u32,
    /// `shadow-within`: the time after which the trial ends with the messages so far. Default 1 min.
    pub shadow_within: Duration,
    /// `shadow-differences`: `refuse` keeps a version whose results differ from going live. Default `report`.
    pub shadow_refuses: bool,
    /// What the plug-in reads through `config`; an object, `{}` when there are no settings.
    pub settings: serde_json::Value,
}

/// `[plugin.limits]`. A missing limit has the engine's default, which is documented there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginLimits {
    /// `memory`: octets of linear memory.
    pub memory: Option<u64>,
    /// `time`: for any call, independent of the message.
    pub time: Option<Duration>,
    /// `time-per-mib`: in addition, for each MiB of the message.
    pub time_per_mib: Option<Duration>,
    /// `output`: octets of all new bodies of one call.
    pub output: Option<u64>,
    /// `host-call`: octets that one call of a host function may carry.
    pub host_call: Option<u64>,
    /// `handles`: open at the same time.
    pub handles: Option<u32>,
    /// `log-lines`: of one call.
    pub log_lines: Option<u32>,
    /// `charging-records`: of one call.
    pub charging_records: Option<u32>,
    /// `kv`: octets of keys and values that one call writes.
    pub kv: Option<u64>,
    /// `metrics`: different names of its own counters and histograms.
    pub metrics: Option<u32>,
    /// `configure-time`: once per load.
    pub configure_time: Option<Duration>,
    /// `component`: octets of the file.
    pub component: Option<u64>,
    /// `compile-time`: on a core, for each of the two compilations of a load.
    pub compile_time: Option<Duration>,
    /// `compile-memory`: octets of address space of the process that compiles.
    pub compile_memory: Option<u64>,
}

/// `[plugin.breaker]`. A missing option has the engine's default, which is documented there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginBreaker {
    /// `failures`: the number in a row after which the plug-in is not called for a while.
    pub failures: Option<u32>,
    /// `first`: the first pause.
    pub first: Option<Duration>,
    /// `longest`: the limit to which the pause doubles.
    pub longest: Option<Duration>,
}

impl Plugin {
    pub(super) fn read(
        s: &mut Section<'_>,
        folders: &Folders<'_>,
        peers: &[Peer],
        taken: &mut HashSet<String>,
    ) -> Option<Self> {
        let name = s.required("name", NAME, name).map(|name| name.to_string());
        if name.as_ref().is_some_and(|name| !taken.insert(name.clone())) {
            s.refuse("name", "a name that no other plug-in has");
        }
        let (file, source) = component(s, folders);
        let grants = s.list("grants", |value| {
            let word = value.as_str().unwrap_or_default();
            word.parse().map_err(|_| one_of(word, &Grant::NAMES))
        });
        let on_failure = s.optional("on-failure", |value| {
            let word = value.as_str().unwrap_or_default();
            OnFailure::from_word(word).ok_or_else(|| one_of(word, &["defer", "skip", "hold", "refuse"]))
        });
        let samples = s
            .optional("samples", text(SAMPLES))
            .map(|samples| folders.plugins.join(samples));
        let samples = samples.map(|samples| folders.existing_folder(s, "samples", samples));
        let watch = s.optional("watch", duration(Duration::ZERO..=Duration::from_secs(86_400)));
        let shadow = s.optional("shadow", count(0..=1_000_000));
        let shadow_within = s.optional("shadow-within", duration(MILLISECOND..=Duration::from_secs(3_600)));
        let shadow_refuses = s.optional("shadow-differences", |value| match value.as_str().unwrap_or_default() {
            "report" => Ok(false),
            "refuse" => Ok(true),
            other => Err(one_of(other, &["report", "refuse"])),
        });
        let when = s.section("when", |s| PluginWhen::read(s, peers));
        let may = s.optional_section("may", may::read).unwrap_or_default();
        let limits = s.section("limits", PluginLimits::read);
        let breaker = s.section("breaker", PluginBreaker::read);
        let mut names = HashSet::new();
        let services = s.sections("service", |s| Service::read(s, folders, &mut names));
        if s.has_items("service") && !grants.contains(&Grant::Http) {
            s.refuse("grants", "\"http\" among them: without it the plug-in asks no service");
        }
        let settings = s.optional("settings", |value| match json(value)? {
            object @ serde_json::Value::Object(_) => Ok(object),
            _ => Err("a table: [plugin.settings]".to_owned()),
        });
        Some(Self {
            name: name?,
            file: file?,
            source,
            grants: grants.into_iter().collect(),
            may,
            on_failure: on_failure.unwrap_or_default(),
            when,
            limits,
            breaker,
            services: services.into_iter().flatten().collect(),
            samples,
            watch: watch.unwrap_or(Duration::from_secs(60)),
            shadow: shadow.unwrap_or(0),
            shadow_within: shadow_within.unwrap_or(Duration::from_secs(60)),
            shadow_refuses: shadow_refuses.unwrap_or(false),
            settings: settings.unwrap_or_else(|| serde_json::json!({})),
        })
    }
}

const FILE: &str = "the path of a component, such as \"address_rewrite.wasm\"";
const SOURCE: &str = "a place in a registry and a digest, such as \"oci://registry.example/stamp@sha256:...\"";

/// Reads `file`, or `source` with the file in which the component is kept.
fn component(s: &mut Section<'_>, folders: &Folders<'_>) -> (Option<PathBuf>, Option<Reference>) {
    if !s.has("source") {
        let file = s
            .required("file", FILE, text(FILE))
            .map(|file| folders.plugins.join(file));
        let file = file.map(|file| folders.existing(s, "file", file, "a component that exists"));
        return (file, None);
    }
    if s.has("file") {
        s.refuse(
            "file",
            "absent beside source: the fetched component is kept as oci/DIGEST.wasm in plugin-folder",
        );
    }
    let source = s.optional("source", |value| {
        let place: Reference = text(SOURCE)(value)?.parse().map_err(|why| format!("{SOURCE}; {why}"))?;
        match place.digest {
            Some(digest) => Ok((place, digest)),
            None => Err(format!(
                "{SOURCE}: what a tag names can change; plugin push and plugin pull print the digest"
            )),
        }
    });
    let file = source
        .as_ref()
        .map(|(_, digest)| folders.plugins.join(format!("oci/{}.wasm", digest.hex())));
    (file, source.map(|(place, _)| place))
}

impl PluginBreaker {
    fn read(s: &mut Section<'_>) -> Self {
        let pause = || duration(MILLISECOND..=Duration::from_secs(60 * 60));
        let breaker = Self {
            failures: s.optional("failures", count(1..=1_000_000)),
            first: s.optional("first", pause()),
            longest: s.optional("longest", pause()),
        };
        let default = mm4relay_engine::BreakerOptions::default();
        if breaker.first.unwrap_or(default.first) > breaker.longest.unwrap_or(default.longest) {
            match breaker.first.is_some() {
                true => s.refuse("first", "a time not above longest, which is 1 min unless it is set"),
                false => s.refuse("longest", "a time not below first, which is 1 s unless it is set"),
            }
        }
        breaker
    }
}

const SAMPLES: &str = "the path of a folder with sample cases, such as \"samples/address-rewrite\"";

/// `[plugin-signing]`: whose signatures are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginSigning {
    /// No component goes live without a valid signature. Default false.
    pub required: bool,
    /// `NAME:BASE64`, of the 32 octets of an Ed25519 public key (RFC 8032, 5.1.5). Names are unique.
    pub keys: Vec<(String, [u8; 32])>,
}

impl PluginSigning {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let mut taken = HashSet::new();
        let keys = s.list("keys", |value| {
            let (name, key) = public_key(value)?;
            match taken.insert(name.clone()) {
                true => Ok((name, key)),
                false => Err("a key whose name no other key has".to_owned()),
            }
        });
        let required = s.optional("required", yes_or_no).unwrap_or_default();
        if required && !s.has_items("keys") {
            s.refuse(
                "keys",
                "at least one key, because required is true: `mm4relay plugin keygen` makes one",
            );
        }
        Self { required, keys }
    }
}

impl PluginLimits {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let seconds = Duration::from_secs;
        Self {
            // The pool of instances reserves 256 MiB for each.
            memory: s.optional("memory", size(64 * KIB..=256 * MIB)),
            time: s.optional("time", duration(MILLISECOND..=seconds(60))),
            time_per_mib: s.optional("time-per-mib", duration(Duration::ZERO..=seconds(60))),
            output: s.optional("output", size(0..=256 * MIB)),
            host_call: s.optional("host-call", size(64 * KIB..=256 * MIB)),
            handles: s.optional("handles", count(1..=100_000)),
            log_lines: s.optional("log-lines", count(0..=10_000)),
            // `wit/host.wit` promises the upper bound to plug-ins.
            charging_records: s.optional("charging-records", count(0..=100)),
            kv: s.optional("kv", size(0..=64 * MIB)),
            // Each name becomes a series in the system that collects metrics.
            metrics: s.optional("metrics", count(0..=1_000)),
            configure_time: s.optional("configure-time", duration(MILLISECOND..=seconds(600))),
            component: s.optional("component", size(KIB..=256 * MIB)),
            // The kernel counts CPU time in whole seconds, and a compiler needs a minimum of memory.
            compile_time: s.optional("compile-time", duration(seconds(1)..=seconds(3600))),
            compile_memory: s.optional("compile-memory", size(256 * MIB..=64 * 1024 * MIB)),
        }
    }
}
