//! A small world for plug-ins: guests built once, one engine for all tests, services and messages that keep count.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use mm4relay_engine::*;
use serde_json::{Value, json};

pub const NOW_MS: u64 = 1_700_000_000_123;

/// The component of a guest under `tests/guests`. The first caller builds them all.
pub fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let dir = BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = root.join("target/guests");
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--release",
                "--target",
                "wasm32-wasip2",
                "--manifest-path",
            ])
            .arg(root.join("tests/guests/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo starts");
        assert!(
            status.success(),
            "the guests do not build; is the target there? rustup target add wasm32-wasip2"
        );
        target.join("wasm32-wasip2/release")
    });
    dir.join(format!("{name}.wasm"))
}

/// The folder with the random components and modules that `tests/guests/smith` makes of so many seeds.
pub fn smith(seeds: u64) -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let made = root.join("target/guests/smith");
        // Unoptimised: it runs for a moment, and an optimised build takes a minute.
        let status = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--package", "smith", "--manifest-path"])
            .arg(root.join("tests/guests/Cargo.toml"))
            .arg("--target-dir")
            .arg(root.join("target/guests"))
            .arg("--")
            .arg(&made)
            .arg(seeds.to_string())
            .status()
            .expect("cargo starts");
        assert!(status.success(), "tests/guests/smith does not run");
        made
    };
    MADE.get_or_init(make).clone()
}

/// One engine for all tests: every test that shares a component compiles it once.
pub fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        // A static is never dropped, so its temporary directory would stay behind; this one also serves the next run.
        let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/engine-tests-code");
        let options = EngineOptions {
            max_instances: 8,
            cache_dir: Some(code),
            ..EngineOptions::default()
        };
        Engine::new(options).expect("the engine starts")
    });
    engine.clone()
}

/// All grants, and time enough for a machine that is busy with other things.
pub fn spec(settings: Value) -> PluginSpec {
    PluginSpec {
        name: "under-test".into(),
        wasm: guest("hostile"),
        settings,
        grants: Grant::ALL.into(),
        may: May::default(),
        limits: Limits {
            time: Duration::from_secs(20),
            configure_time: Duration::from_secs(60),
            ..Limits::default()
        },
    }
}

pub async fn load(spec: PluginSpec) -> Plugin {
    load_with(spec, World::new()).await
}

pub async fn load_with(spec: PluginSpec, world: Arc<World>) -> Plugin {
    engine()
        .load(spec, world)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Why such a plug-in does not load.
pub async fn refusal(spec: PluginSpec) -> LoadError {
    engine().load(spec, World::new()).await.expect_err("it must not load")
}

/// What a plug-in does with a message on arrival.
pub async fn judge(plugin: &Plugin) -> Result<Judgement, Failure> {
    plugin.process(Occasion::Arrival, Message::new()).await
}

/// Loads the hostile plug-in with a habit, and lets it judge one message.
pub async fn judge_habit(settings: Value) -> Result<Judgement, Failure> {
    judge(&load(spec(settings)).await).await
}

/// The finding that a habit hands back as the reason for `hold`.
pub async fn finding(settings: Value) -> String {
    held(judge_habit(settings).await)
}

pub fn held(result: Result<Judgement, Failure>) -> String {
    match result.map(|judgement| judgement.verdict) {
        Ok(Verdict::Hold(text)) => text,
        other => panic!("no finding, but {other:?}"),
    }
}

pub fn habit(name: &str) -> Value {
    json!({ "do": name })
}

/// The services of a relay, with everything that was logged.
#[derive(Default)]
pub struct World {
    pub values: BTreeMap<&'static str, &'static str>,
    pub logged: Mutex<Vec<Line>>,
    /// How many seeds were asked for; each is another one.
    pub seeds: AtomicU64,
    /// How often a table was asked for; each time it is another generation.
    generations: AtomicU64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub plugin: String,
    pub message: String,
    pub level: Level,
    pub text: String,
}

impl World {
    pub fn new() -> Arc<Self> {
        let values = [("counter", "10"), ("old", "x"), ("words", "many")];
        Arc::new(World {
            values: values.into(),
            ..World::default()
        })
    }

    pub fn lines(&self) -> Vec<Line> {
        self.logged.lock().unwrap().clone()
    }
}

impl Services for World {
    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    fn table(&self, name: &str) -> Option<Arc<dyn Table>> {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        (name == "networks").then(|| Arc::new(Networks(generation.to_string())) as Arc<dyn Table>)
    }

    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        assert_eq!(plugin, "under-test");
        Box::pin(async move {
            if key == "slow" {
                std::future::pending::<()>().await;
            }
            Ok(self.values.get(key).map(|value| value.as_bytes().to_vec()))
        })
    }

    fn random_seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seeds.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        seed
    }

    fn network<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Result<Option<Network>, String>> {
        Box::pin(async move {
            match number {
                "+15555550100" => Ok(Some(Network {
                    id: Some("310-002".into()),
                    domain: Some("mms.mnc002.mcc310.gprs".into()),
                    peer: None,
                })),
                "+19995550100" => Err("no answer".into()),
                "+18885550100" => std::future::pending().await,
                _ => Ok(None),
            }
        })
    }

    fn outside(&self) -> &dyn Outside {
        &NoOutside
    }

    fn log(&self, plugin: &str, message: &str, level: Level, text: &str) {
        let line = Line {
            plugin: plugin.into(),
            message: message.into(),
            level,
            text: text.into(),
        };
        let mut logged = self.logged.lock().unwrap();
        // More than any test looks at; what is kept here must not look like a leak of the engine.
        if logged.len() < 1_000 {
            logged.push(line);
        }
    }
}

struct Networks(String);

impl Table for Networks {
    fn lookup(&self, key: &str) -> Option<&str> {
        match key {
            "999" => Some("a.example"),
            "generation" => Some(&self.0),
            _ => None,
        }
    }

    fn lookup_prefix(&self, text: &str) -> Option<(&str, &str)> {
        text.starts_with("+999").then_some(("+999", "a.example"))
    }
}

/// A message with a text and a picture of 300,000 octets.
pub struct Message {
    pub size: u64,
    pub picture: Bytes,
    /// Octets that were asked for through `read_part`.
    pub read: AtomicU64,
}

impl Message {
    pub fn new() -> Arc<Self> {
        Self::of_size(300_500)
    }

    pub fn of_size(size: u64) -> Arc<Self> {
        let picture = (0..300_000_u32).map(|n| n as u8).collect::<Vec<_>>().into();
        Arc::new(Message {
            size,
            picture,
            read: AtomicU64::new(0),
        })
    }
}

pub fn number(text: &str, domain: &str) -> Address {
    Address {
        text: format!("{text}/TYPE=PLMN@{domain}"),
        kind: AddressKind::Number,
        user: text.into(),
        address_type: Some("PLMN".into()),
        domain: Some(domain.into()),
    }
}

impl Subject for Message {
    fn id(&self) -> &str {
        "m-1"
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn summary(&self) -> Summary {
        Summary {
            message_type: MessageType::ForwardRequest,
            message_id: "\"id-1\"".into(),
            transaction_id: "t-1".into(),
            source: "north".into(),
            source_inside: true,
            intra_mmse: true,
            received_at: NOW_MS,
            size: self.size,
        }
    }

    fn originator(&self) -> Option<Address> {
        Some(number("+15555550100", "mms.a.example"))
    }

    fn recipients(&self) -> Vec<Recipient> {
        vec![Recipient {
            id: 7,
            address: number("+15555550101", "mms.b.example"),
        }]
    }

    fn header(&self, name: &str) -> Option<String> {
        name.eq_ignore_ascii_case("subject").then(|| "greetings".into())
    }

    fn field(&self, name: &str) -> Option<String> {
        self.header(name)
    }

    fn answered(&self) -> Option<Request> {
        None
    }

    fn refused_late(&self) -> Option<LateRefusal> {
        None
    }

    fn headers(&self) -> Vec<HeaderField> {
        vec![HeaderField {
            name: "Subject".into(),
            value: "greetings".into(),
        }]
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part {
            id: 2,
            media_type: "image/jpeg".into(),
            name: None,
            content_id: Some("pic".into()),
            content_location: None,
            encoded_size: 400_000,
        }]
    }

    fn part_header<'a>(&'a self, id: u32, name: &'a str) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            match id {
                2 => Ok(name.eq_ignore_ascii_case("content-type").then(|| "image/jpeg".into())),
                _ => Err(Fault::Invalid(format!("no part {id}"))),
            }
        })
    }

    fn read_part<'a>(&'a self, id: u32, offset: u64, max: u32) -> BoxFuture<'a, Result<Bytes, Fault>> {
        Box::pin(async move {
            if id != 2 {
                return Err(Fault::Invalid(format!("no part {id}")));
            }
            let start = (offset as usize).min(self.picture.len());
            let end = start.saturating_add(max as usize).min(self.picture.len());
            self.read.fetch_add((end - start) as u64, Ordering::Relaxed);
            Ok(self.picture.slice(start..end))
        })
    }
}
