//! A version of a plug-in goes to three relays on one store, under load: to all of them, or to none.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::config;
use crate::support::postgres::{Care, Postgres};
use crate::support::{Load, Peer, Relay, eventually, get, guest, mm4relay};

/// What the guest has where its version stands.
const VERSION: &str = "version-00000000";
const SECOND: &str = "version-00000002";
/// Fails on every message.
const BAD: &str = "bad-version-0003";

const LOAD: [&str; 8] = [
    "--messages",
    "1000000000",
    "--rate",
    "30",
    "--sessions",
    "4",
    "--size",
    "2000",
];

/// From the trip of the watch until no relay runs the version any more.
const GONE_WITHIN: Duration = Duration::from_secs(10);

fn stamp(version: &str) -> Vec<u8> {
    let mut wasm = fs::read(guest("stamp")).expect("a component");
    let is_version = |at: &usize| wasm[*at..].starts_with(VERSION.as_bytes());
    let places: Vec<usize> = (0..wasm.len() - VERSION.len()).filter(is_version).collect();
    assert!(!places.is_empty(), "the version is in the component");
    for at in places {
        wasm[at..at + version.len()].copy_from_slice(version.as_bytes());
    }
    wasm
}

struct Street {
    relays: Vec<Relay>,
    next_hop: Peer,
    /// Versions, and keys.
    shelf: tempfile::TempDir,
    _asker: Peer,
    _server: Postgres,
}

impl Street {
    /// `None` without PostgreSQL. `more` is written into the configuration of each relay, by its number.
    fn start(watch: &str, more: impl Fn(usize, &Path) -> String) -> Option<Self> {
        let server = Postgres::start(Care::Flushes)?;
        let (asker, next_hop) = (Peer::start(), Peer::start());
        let shelf = tempfile::tempdir().expect("a temporary folder");
        fs::write(shelf.path().join("first.wasm"), stamp(VERSION)).expect("a writable folder");
        let more: Vec<String> = (0..3).map(|number| more(number, shelf.path())).collect();
        // A call that a busy machine cuts short would be passed over, as one that fails is.
        let relay = |number: usize| {
            let name = ["one", "two", "three"][number];
            let spool = "durability = \"single-machine\"";
            let link = format!(
                "{}\n[[plugin]]\nname = \"first\"\nfile = \"stamp.wasm\"\ngrants = [\"charging\"]\non-failure = \"skip\"\n\
                 watch = {watch:?}\n[plugin.limits]\ntime = \"30 s\"\n[plugin.settings]\nname = \"first\"\n",
                more[number]
            );
            let relay = Relay::stopped(&(config(name, server.port, &asker, &next_hop, spool) + &link));
            let folder = relay.path("plugins");
            fs::create_dir(&folder).expect("a writable folder");
            for entry in fs::read_dir(shelf.path()).expect("a folder").flatten() {
                let name = entry.file_name().to_string_lossy().replace("first.wasm", "stamp.wasm");
                fs::copy(entry.path(), folder.join(name)).expect("a writable folder");
            }
            relay
        };
        let mut relays: Vec<Relay> = (0..3).map(relay).collect();
        relays[0].print(&["cluster", "init"]);
        relays.iter_mut().for_each(Relay::start_again);
        let street = Self {
            relays,
            next_hop,
            shelf,
            _asker: asker,
            _server: server,
        };
        // Each relay knows of the others.
        for relay in &street.relays {
            eventually("three relays live", || {
                (street.rollouts(relay)["relays"].as_array()?.len() == 3).then_some(())
            });
        }
        Some(street)
    }

    fn version(&self, version: &str) -> PathBuf {
        let path = self.shelf.path().join(format!("{version}.wasm"));
        fs::write(&path, stamp(version)).expect("a writable folder");
        path
    }

    fn rollouts(&self, relay: &Relay) -> Value {
        get(relay, "/v1/rollouts").1
    }

    fn rollout(&self, relay: &Relay) -> Value {
        self.rollouts(relay)["plugins"][0]["rollout"].clone()
    }

    /// What came of `plugin load` at this relay, and whether it succeeded.
    fn load(&self, relay: usize, file: &Path) -> (bool, String) {
        let output = self.relays[relay].command(&["plugin", "load", "first", file.to_str().expect("UTF-8")]);
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        println!("--- plugin load at {relay}\n{said}---");
        (output.status.success(), said.into_owned())
    }

    /// The version that each relay runs.
    fn versions(&self) -> Vec<String> {
        let of = |relay: &Relay| {
            get(relay, "/v1/plugins").1["plugins"][0]["version"]
                .as_str()
                .map(str::to_owned)
        };
        self.relays.iter().map(|relay| of(relay).expect("a version")).collect()
    }

    /// The steps of roll-outs in the audit: who said what, and when in milliseconds.
    fn steps(&self) -> Vec<(String, String, u64)> {
        let lines = self.relays[0].print(&["audit", "--json", "--did", "plugin-rollout"]);
        let step = |line: &str| {
            let entry: Value = serde_json::from_str(line).expect("JSON");
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let at = millis_of_day(&text(&entry["at"]));
            let (relay, said) = (text(&entry["asked"]["relay"]), text(&entry["asked"]["said"]));
            (relay, said, at)
        };
        lines.lines().map(step).collect()
    }

    fn loads(&self, relays: &[usize]) -> Vec<Load> {
        relays
            .iter()
            .map(|relay| Load::start(self.relays[*relay].address(), &LOAD))
            .collect()
    }

    /// Ends the loads, waits until everything has arrived, and accounts for every message and record: each is there once, and
    /// of one version. Which versions were seen.
    fn account(&self, loads: Vec<Load>) -> BTreeSet<String> {
        let acknowledged: Vec<String> = loads.iter().flat_map(Load::acknowledged).collect();
        drop(loads);
        self.relays[0].wait_until_empty();
        let mut records: HashMap<String, Vec<String>> = HashMap::new();
        for record in self.relays[0].charging_records() {
            let text = |key: &str| record[key].as_str().expect("a text").to_owned();
            records
                .entry(text("transaction-id"))
                .or_default()
                .push(text("status-text"));
        }
        let mut taken: HashMap<String, String> = HashMap::new();
        for message in self.next_hop.taken() {
            let head = message.text().split("\r\n\r\n").next().unwrap_or_default().to_owned();
            let id = field(&head, "X-Mms-Transaction-ID").expect("an id");
            assert!(taken.insert(id.clone(), head).is_none(), "{id} came twice");
        }
        let mut versions = BTreeSet::new();
        for id in &acknowledged {
            let head = taken
                .get(id)
                .unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
            let stamps = ["Arrival", "Departure"].map(|on| field(head, &format!("X-Stamp-{on}-first")));
            assert_eq!(stamps[0], stamps[1], "{id} saw two chains:\n{head}");
            let wanted: Vec<String> = match &stamps[0] {
                // A version that fails is passed over, and has no record.
                None => Vec::new(),
                Some(version) => ["Arrival", "Departure"]
                    .map(|on| format!("{on} first {version}"))
                    .into(),
            };
            let mut found = records.get(id).cloned().unwrap_or_default();
            found.sort();
            assert_eq!(found, wanted, "the records of {id}");
            versions.insert(stamps[0].clone().unwrap_or_else(|| "none".to_owned()));
        }
        println!("{} acknowledged, versions {versions:?}", acknowledged.len());
        assert!(acknowledged.len() > 100, "there was a load");
        versions
    }
}

/// In milliseconds.
const DAY: u64 = 86_400_000;

/// Of a time in RFC 3339, in milliseconds.
fn millis_of_day(at: &str) -> u64 {
    let time = at.split(['T', 'Z']).nth(1).expect("a time");
    let parts: Vec<f64> = time.split(':').map(|part| part.parse().expect("a number")).collect();
    ((parts[0] * 60.0 + parts[1]) * 60_000.0 + parts[2] * 1000.0).round() as u64
}

fn field(head: &str, name: &str) -> Option<String> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let (_, value) = lines.find(|(field, _)| *field == name)?;
    Some(value.trim_matches('"').to_owned())
}

fn wait_for_progress(loads: &[Load]) {
    for load in loads {
        let before = load.progress();
        eventually("messages are acknowledged", || (load.progress() > before).then_some(()));
    }
}

#[test]
fn a_version_comes_to_all_relays_under_load_and_nothing_is_lost_doubled_or_of_two_chains() {
    let Some(mut street) = Street::start("2s", |_, _| String::new()) else {
        return;
    };
    let loads = street.loads(&[0, 1, 2]);
    wait_for_progress(&loads);
    let (live, said) = street.load(1, &street.version(SECOND));
    assert!(live, "{said}");
    for line in ["canary     relay two alone", "rest ", "done       all relays run it"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(street.versions(), [SECOND; 3]);
    wait_for_progress(&loads);
    let seen = street.account(loads);
    assert_eq!(seen, [VERSION, SECOND].map(str::to_owned).into());
    let steps = street.steps();
    for relay in ["one", "two", "three"] {
        for said in ["ready", "the watch is over"] {
            let is_it = |(by, what, _): &(String, String, u64)| by == relay && what == said;
            assert!(steps.iter().any(is_it), "relay {relay}, {said}: {steps:?}");
        }
    }
    // Its file holds the version before, and is not asked any more: neither at a start nor when it is replaced.
    street.relays[2].stop();
    street.relays[2].start_again();
    assert_eq!(street.versions(), [SECOND; 3]);
    fs::write(street.relays[2].path("plugins/stamp.wasm"), stamp("version-00000009")).expect("a writable folder");
    street.relays[2]
        .process()
        .wait_for_log("its file is not looked at any more");
    street.relays[2].reload();
    street.relays[2].process().wait_for_log("configuration reloaded");
    assert_eq!(street.versions(), [SECOND; 3]);
    let back = street.relays[0].print(&["plugin", "rollback", "first"]);
    assert!(back.contains("called back by"), "{back}");
    assert_eq!(street.versions(), [VERSION; 3]);
}

#[test]
fn a_version_that_fails_in_traffic_is_gone_everywhere_within_ten_seconds_and_barred() {
    let Some(street) = Street::start("2s", |_, _| String::new()) else {
        return;
    };
    // None to the canary: the version is found out when the rest shows messages to it.
    let loads = street.loads(&[1, 2]);
    wait_for_progress(&loads);
    let bad = street.version(BAD);
    let (live, said) = street.load(0, &bad);
    assert!(
        !live && said.contains("calls failed") && said.contains("rest "),
        "{said}"
    );
    assert_eq!(street.versions(), [VERSION; 3]);
    let steps = street.steps();
    let at = |what: &str, last: bool| {
        let mut found: Vec<u64> = steps
            .iter()
            .filter(|(_, said, _)| said.contains(what))
            .map(|step| step.2)
            .collect();
        found.sort_unstable();
        *(if last { found.last() } else { found.first() }).unwrap_or_else(|| panic!("{what}: {steps:?}"))
    };
    let took = (at("runs the version before again", true) + DAY - at("it failed in traffic", false)) % DAY;
    println!("gone everywhere {took} ms after the trip");
    assert!(u128::from(took) < GONE_WITHIN.as_millis(), "{took} ms");
    wait_for_progress(&loads);
    street.account(loads);

    let (live, said) = street.load(2, &bad);
    assert!(!live && said.contains("barred"), "{said}");
    let shown = street.relays[1].print(&["plugin", "rollout"]);
    let digest = street.rollout(&street.relays[1])["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    assert!(shown.contains("barred") && shown.contains("calls failed"), "{shown}");
    street.relays[1].print(&["plugin", "unbar", "first", &digest[..12]]);
    eventually("it is barred no more", || {
        let barred = street.rollouts(&street.relays[1])["plugins"][0]["barred"].clone();
        (barred == serde_json::json!([])).then_some(())
    });
}

#[test]
fn one_relay_that_refuses_ends_it_with_nothing_live_and_is_named() {
    let keys = tempfile::tempdir().expect("a temporary folder");
    let key = |name: &str| {
        let file = keys.path().join(name);
        let output = mm4relay(&["plugin", "keygen", name, "--key", file.to_str().expect("UTF-8")]);
        assert!(output.ok);
        (file, output.out.trim().to_owned())
    };
    let ((old, old_public), (new, new_public)) = (key("release-1"), key("release-2"));
    let sign = |key: &Path, file: &Path| {
        let [key, file] = [key, file].map(|path| path.to_str().expect("UTF-8"));
        assert!(mm4relay(&["plugin", "sign", "--key", key, file]).ok);
    };
    let started = Street::start("2s", |number, shelf| {
        if number == 0 {
            sign(&old, &shelf.join("first.wasm"));
            fs::rename(shelf.join("first.wasm.sig"), shelf.join("stamp.wasm.sig")).expect("a signature");
        }
        // The second relay does not know the new key.
        let known: &[&String] = if number == 1 {
            &[&old_public]
        } else {
            &[&old_public, &new_public]
        };
        format!("[plugin-signing]\nrequired = true\nkeys = {known:?}\n")
    });
    let Some(street) = started else { return };
    let second = street.version(SECOND);
    sign(&new, &second);
    let (live, said) = street.load(2, &second);
    assert!(!live && said.contains("relay two refused it at signature"), "{said}");
    assert_eq!(street.versions(), [VERSION; 3]);
    for relay in &street.relays {
        assert_eq!(
            relay.process().log().matches("plug-in is live").count(),
            1,
            "nothing else was ever live"
        );
    }
}

#[test]
fn a_relay_that_is_killed_in_the_middle_holds_nothing_up_and_returns_to_what_all_run() {
    let Some(mut street) = Street::start("4s", |_, _| String::new()) else {
        return;
    };
    let loads = street.loads(&[0, 1]);
    wait_for_progress(&loads);
    let second = street.version(SECOND);
    std::thread::scope(|scope| {
        let loading = {
            let street = &street;
            let second = &second;
            scope.spawn(move || street.load(0, second))
        };
        eventually("the canary shows messages to it", || {
            (street.rollout(&street.relays[1])["phase"] == "canary").then_some(())
        });
        street.relays[2].process().signal("KILL");
        let begun = Instant::now();
        // Without this the others wait for a minute: nobody knows before that the relay is dead.
        street.relays[0].print(&["cluster", "fence", "three"]);
        let (live, said) = loading.join().expect("it ends");
        println!("over {:?} after the kill", begun.elapsed());
        assert!(live, "{said}");
    });
    street.account(loads);
    street.relays[2].kill();
    street.relays[2].start_again();
    assert_eq!(street.versions(), [SECOND; 3]);
}
