//! Plug-ins are replaced under traffic: what a new version must pass, what is remembered, and the way back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::{
    ALL_GRANTS, Conversation, Peer, Process, Relay, binary, config, eventually, guest, plugin, sample,
};

/// A folder with the component of a plug-in, where a relay looks for it.
struct Shelf(TempDir);

impl Shelf {
    fn with(component: &Path) -> Self {
        let shelf = Self(tempfile::tempdir().expect("a temporary folder"));
        fs::copy(component, shelf.live()).expect("a component");
        shelf
    }

    /// The file that the configuration names.
    fn live(&self) -> PathBuf {
        self.0.path().join("live/p.wasm").also(|path| {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        })
    }

    /// Another file, not watched.
    fn aside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A component that does the same as `component` and is another version of it, as `name`.
    fn variant(&self, component: &Path, name: &str) -> PathBuf {
        let mut wasm = fs::read(component).expect("a component");
        // A custom section: id 0, size, length of the name, name.
        let size = u8::try_from(name.len() + 1).expect("a short name");
        wasm.extend([0, size, size - 1]);
        wasm.extend(name.as_bytes());
        let path = self.aside(name);
        fs::write(&path, wasm).expect("a writable folder");
        path
    }

    fn config(&self, peer: &Peer, keys: &str) -> String {
        let file = self.live();
        config(
            peer,
            &format!("[[plugin]]\nname = \"p\"\nfile = {file:?}\non-failure = \"skip\"\n{keys}"),
        )
    }
}

trait Also: Sized {
    fn also(self, act: impl FnOnce(&Self)) -> Self {
        act(&self);
        self
    }
}

impl Also for PathBuf {}

/// All grants, and settings that make the hostile plug-in trap and mean nothing to the one that does nothing.
fn trapping() -> String {
    format!("grants = {ALL_GRANTS:?}\n[plugin.settings]\ndo = \"trap\"\n")
}

fn digest(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().expect("coreutils");
    String::from_utf8_lossy(&output.stdout)[..64].to_owned()
}

fn run(words: &[&str], paths: &[&Path]) -> Output {
    let output = Command::new(binary()).args(words).args(paths).output();
    output.expect("the binary starts")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn load(relay: &Relay, file: &Path) -> Output {
    relay.command(&["plugin", "load", "p", file.to_str().expect("UTF-8")])
}

#[track_caller]
fn goes_live(output: &Output) -> String {
    let text = text(output);
    assert!(output.status.success(), "{text}");
    text
}

#[track_caller]
fn is_refused(output: &Output, why: &str) -> String {
    let text = text(output);
    assert!(!output.status.success() && text.contains(why), "{text}");
    text
}

/// The plug-in in the relay's history.
fn record(relay: &Relay) -> serde_json::Value {
    let book = fs::read(relay.path("spool/plugins.json")).expect("a history");
    let book: serde_json::Value = serde_json::from_slice(&book).expect("a whole history, whenever it is read");
    book["plugins"]["p"].clone()
}

/// Sends a message with a picture, and waits for the answer.
fn send_picture(relay: &Relay, id: &str) -> String {
    let message = String::from_utf8(sample::forward_request(id)).expect("ASCII");
    let message = message.replace("text/plain; charset=us-ascii", "image/gif");
    let mut client = Conversation::open(relay.address()).hello();
    client.transaction(sample::FROM, &[sample::TO], message.as_bytes())
}

#[test]
fn a_version_is_loaded_step_by_step_and_listed_and_rolled_back() {
    let noop = guest("noop");
    let shelf = Shelf::with(&noop);
    let second = shelf.variant(&noop, "second");
    let peer = Peer::start();
    let relay = Relay::start(&shelf.config(&peer, ""));

    let printed = goes_live(&load(&relay, &second));
    for step in ["digest", "signature", "load", "live"] {
        assert!(printed.lines().any(|line| line.starts_with(step)), "{step}: {printed}");
    }
    assert_eq!(record(&relay)["running"], digest(&second));
    let list = relay.print(&["plugin", "list"]);
    let short = |path: &Path| digest(path)[..12].to_owned();
    let shows = |list: &str, word: &str, digest: &str| {
        let mut lines = list.lines();
        lines.any(|line| line.trim_start().starts_with(word) && line.contains(digest))
    };
    assert!(shows(&list, "running", &short(&second)), "{list}");
    assert!(shows(&list, "kept", &short(&noop)), "{list}");

    goes_live(&relay.command(&["plugin", "rollback", "p"]));
    assert_eq!(record(&relay)["running"], digest(&noop));
    assert_eq!(digest(&shelf.live()), digest(&noop), "the next start finds what runs");
    is_refused(
        &relay.command(&["plugin", "rollback", "p"]),
        "no version before the running one",
    );
    assert!(send_picture(&relay, "k1").starts_with("250 "));
}

#[test]
fn a_version_that_does_not_load_is_refused_and_the_file_before_it_put_back() {
    let noop = guest("noop");
    let shelf = Shelf::with(&noop);
    let broken = shelf.aside("broken");
    fs::write(&broken, "no component").expect("a writable folder");
    let peer = Peer::start();
    let mut relay = Relay::start(&shelf.config(&peer, ""));

    is_refused(&load(&relay, &broken), "the file is no WebAssembly");
    assert_eq!(record(&relay)["running"], digest(&noop));
    assert_eq!(digest(&shelf.live()), digest(&noop));
    let list = relay.print(&["plugin", "list"]);
    assert!(
        list.contains("refused") && list.contains("the file is no WebAssembly"),
        "{list}"
    );
    assert!(send_picture(&relay, "k1").starts_with("250 "));
    relay.stop();
    relay.start_again();
    assert!(send_picture(&relay, "k2").starts_with("250 "));
}

#[test]
fn where_signatures_are_required_only_what_was_signed_goes_live() {
    let noop = guest("noop");
    let shelf = Shelf::with(&noop);
    let key = shelf.aside("secret");
    let made = run(&["plugin", "keygen", "release-1", "--key"], &[&key]);
    assert!(made.status.success(), "{}", text(&made));
    let public = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let again = run(&["plugin", "keygen", "release-1", "--key"], &[&key]);
    assert!(!again.status.success(), "a key is never written over");
    let sign = |file: &Path| goes_live(&run(&["plugin", "sign", "--key"], &[&key, file]));
    let signing = format!("[plugin-signing]\nrequired = true\nkeys = [{public:?}]\n");

    let peer = Peer::start();
    let written = shelf.aside("relay.toml");
    fs::write(&written, shelf.config(&peer, &signing)).expect("a writable folder");
    let mut unsigned = Process::start("unsigned", &["run", "--config", written.to_str().expect("UTF-8")]);
    assert_eq!(
        unsigned.wait(),
        Some(1),
        "it does not start with a plug-in that nobody signed"
    );
    unsigned.wait_for_log("it is not signed");

    sign(&shelf.live());
    let relay = Relay::start(&shelf.config(&peer, &signing));
    let (second, third) = (shelf.variant(&noop, "second"), shelf.variant(&noop, "third"));
    is_refused(&load(&relay, &second), "it is not signed");
    sign(&second);
    fs::copy(second.with_extension("sig"), third.with_extension("sig")).expect("a signature");
    is_refused(&load(&relay, &third), "does not fit its bytes");
    assert_eq!(record(&relay)["running"], digest(&noop));

    assert!(goes_live(&load(&relay, &second)).contains("signed by release-1"));
    goes_live(&relay.command(&["plugin", "rollback", "p"]));
    assert_eq!(
        record(&relay)["running"],
        digest(&noop),
        "signatures are kept with what they are for"
    );
}

#[test]
fn a_version_whose_samples_differ_does_not_go_live_and_the_case_is_shown() {
    let skeleton = plugin("skeleton");
    let shelf = Shelf::with(&skeleton);
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/skeleton/samples");
    let keys = format!("samples = {samples:?}\n[plugin.settings]\nrelay-name = \"relay-1\"\n");
    let peer = Peer::start();
    let relay = Relay::start(&shelf.config(&peer, &keys));

    let printed = is_refused(&load(&relay, &guest("noop")), "sample cases differ");
    assert!(
        printed.contains("X-Example-Relay"),
        "the difference is shown: {printed}"
    );
    relay
        .process()
        .wait_for_log("the new plug-in does not go live, the running chain stays: ");
    assert_eq!(record(&relay)["running"], digest(&skeleton));

    let second = shelf.variant(&skeleton, "second");
    assert!(goes_live(&load(&relay, &second)).contains("2 as expected"));
}

#[test]
fn a_version_that_fails_more_often_is_rolled_back_by_itself_and_stays_away_over_a_restart() {
    let (noop, hostile) = (guest("noop"), guest("hostile"));
    let shelf = Shelf::with(&noop);
    let peer = Peer::start();
    let mut relay = Relay::start(&shelf.config(&peer, &trapping()));
    assert!(goes_live(&load(&relay, &hostile)).contains("watched for 60 s"));

    // Outcomes are calls as well, so that the fifth failure comes with the fifth of these at the latest.
    for number in 1..=5 {
        assert!(send_picture(&relay, &format!("k{number}")).starts_with("250 "));
    }
    relay
        .process()
        .wait_for_log("the new plug-in is rolled back, the version before is live");
    eventually("the rollback is written down", || {
        (record(&relay)["running"] == digest(&noop)).then_some(())
    });
    let record_now = record(&relay);
    assert_eq!(record_now["barred"]["digest"], digest(&hostile));
    let list = relay.print(&["plugin", "list"]);
    assert!(list.contains("barred") && list.contains("rolled back"), "{list}");

    assert_eq!(
        digest(&shelf.live()),
        digest(&hostile),
        "nobody changes the operator's file"
    );
    relay.reload();
    relay.process().wait_for_log("configuration reloaded");
    relay.stop();
    relay.start_again();
    relay
        .process()
        .wait_for_log("its file was rolled back, the version before runs");
    assert_eq!(record(&relay)["running"], digest(&noop));
    assert!(send_picture(&relay, "k6").starts_with("250 "));
    assert!(
        !relay.process().log().contains("plug-in failed"),
        "{}",
        relay.process().log()
    );
    assert_eq!(peer.wait_for(6).len(), 6);

    // Putting the file there again is the operator's word that it shall be tried again.
    goes_live(&load(&relay, &hostile));
    assert_eq!(record(&relay)["running"], digest(&hostile));
}

#[test]
fn with_no_watch_window_a_failing_version_stays() {
    let shelf = Shelf::with(&guest("noop"));
    let hostile = guest("hostile");
    let peer = Peer::start();
    let relay = Relay::start(&shelf.config(&peer, &format!("watch = \"0 ms\"\n{}", trapping())));
    goes_live(&load(&relay, &hostile));
    for number in 1..=7 {
        assert!(send_picture(&relay, &format!("k{number}")).starts_with("250 "));
    }
    assert_eq!(record(&relay)["running"], digest(&hostile));
}
