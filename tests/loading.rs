//! Plug-ins are replaced under traffic: what a new version must pass, what is remembered, and the way back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    ALL_GRANTS, Conversation, Peer, Process, Relay, binary, config, eventually, guest, last_of_audit, plugin, post,
    root, sample,
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
    let order = [
        "digest",
        "signature",
        "parse",
        "imports",
        "compile",
        "configure",
        "swap",
        "watch",
    ];
    let word = |line: &str| line.split_ascii_whitespace().next().unwrap_or_default().to_owned();
    let mut steps: Vec<String> = printed.lines().map(word).collect();
    steps.retain(|step| order.contains(&step.as_str()));
    assert_eq!(steps, order, "{printed}");
    for step in order {
        relay.process().wait_for_log(&format!("step={step:?}"));
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
    assert!(order.iter().all(|step| shows(&list, step, " ms ")), "{list}");

    assert!(shows(&list, "went live", ", by plugin load"), "{list}");

    goes_live(&relay.command(&["plugin", "rollback", "p"]));
    let list = relay.print(&["plugin", "list"]);
    assert!(shows(&list, "went live", ", by plugin rollback"), "{list}");
    assert_eq!(record(&relay)["running"], digest(&noop));
    assert_eq!(digest(&shelf.live()), digest(&noop), "the next start finds what runs");
    is_refused(
        &relay.command(&["plugin", "rollback", "p"]),
        "no version before the running one",
    );
    assert!(send_picture(&relay, "k1").starts_with("250 "));
}

#[test]
fn a_version_is_loaded_at_the_door_and_the_audit_says_which_and_by_whom() {
    let noop = guest("noop");
    let shelf = Shelf::with(&noop);
    let second = shelf.variant(&noop, "second");
    let peer = Peer::start();
    let relay = Relay::start(&shelf.config(&peer, ""));
    let component = STANDARD.encode(fs::read(&second).expect("a component"));

    let (status, placed) = post(&relay, "/v1/plugins/p/load", json!({ "component": component }));
    assert_eq!((status, &placed["after"]), (200, &json!(digest(&second))), "{placed}");
    assert_eq!(placed["before"], json!(digest(&noop)));
    let steps = placed["attempt"]["steps"].as_array().expect("how it was loaded");
    assert!(steps.iter().any(|step| step["step"] == "configure"), "{placed}");
    let noted = last_of_audit(&relay);
    assert_eq!(noted["did"], "plugin-load");
    assert_eq!(noted["asked"]["digest"], json!(digest(&second)));
    assert!(noted["asked"].get("component").is_none(), "{noted}");

    let (status, again) = post(&relay, "/v1/plugins/p/load", json!({ "component": component }));
    assert_eq!(
        (status, &again["attempt"]),
        (200, &json!(null)),
        "it runs already: {again}"
    );
    let broken = STANDARD.encode("no component");
    let (status, refused) = post(&relay, "/v1/plugins/p/load", json!({ "component": broken }));
    assert_eq!(
        (status, &refused["type"]),
        (422, &json!("version-refused")),
        "{refused}"
    );
    assert_eq!(digest(&shelf.live()), digest(&second), "what runs is put back");
    for (body, status_expected, kind) in [
        (json!({ "component": "%" }), 400, "unreadable"),
        (json!({ "component": component, "seconds": 0 }), 400, "unreadable"),
    ] {
        let (status, problem) = post(&relay, "/v1/plugins/p/load", body);
        assert_eq!((status, &problem["type"]), (status_expected, &json!(kind)), "{problem}");
    }
    let (status, problem) = post(&relay, "/v1/plugins/nobody/load", json!({ "component": component }));
    assert_eq!(
        (status, &problem["type"]),
        (404, &json!("unknown-plug-in")),
        "{problem}"
    );

    let (status, back) = post(&relay, "/v1/plugins/p/rollback", json!({}));
    assert_eq!((status, &back["after"]), (200, &json!(digest(&noop))), "{back}");
    assert_eq!(last_of_audit(&relay)["did"], "plugin-rollback");
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
    let samples = root().join("plugins/skeleton/samples");
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

/// Loads `file` while messages are sent one after the other; what the command says, and how many were sent.
fn load_under_traffic(relay: &Relay, file: &Path) -> (Output, usize) {
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut sent = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                sent += 1;
                assert!(send_picture(relay, &format!("k{sent}")).starts_with("250 "));
            }
            sent
        });
        let output = load(relay, file);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        (output, sending.join().expect("every message is taken"))
    })
}

/// The skeleton with another header, as `other`.
fn other_skeleton(shelf: &Shelf) -> PathBuf {
    let mut wasm = fs::read(plugin("skeleton")).expect("a component");
    let (old, new) = (b"X-Example-Relay", b"X-Example-Other");
    for at in 0..wasm.len() - old.len() {
        if wasm[at..].starts_with(old) {
            wasm[at..at + new.len()].copy_from_slice(new);
        }
    }
    let path = shelf.aside("other");
    fs::write(&path, wasm).expect("a writable folder");
    path
}

const STAMPING: &str = "[plugin.settings]\nrelay-name = \"hub\"\n";

#[test]
fn a_new_version_is_tried_beside_the_running_one_and_nothing_of_it_is_applied() {
    let shelf = Shelf::with(&plugin("skeleton"));
    let other = other_skeleton(&shelf);
    let peer = Peer::start();
    let relay = Relay::start(&shelf.config(&peer, &format!("shadow = 5\n{STAMPING}")));
    let (output, sent) = load_under_traffic(&relay, &other);
    let printed = goes_live(&output);
    assert!(printed.contains("5 messages compared, 5 differ"), "{printed}");
    assert!(
        printed.contains("- set X-Example-Relay: hub") && printed.contains("+ set X-Example-Other: hub"),
        "{printed}"
    );
    let list = relay.print(&["plugin", "list"]);
    assert!(list.contains("5 messages compared, 5 differ"), "{list}");
    let taken = peer.wait_for(sent);
    let stamped = |name: &str| taken.iter().filter(|taken| taken.text().contains(name)).count();
    let both = |taken: &&crate::support::Taken| {
        let text = taken.text();
        text.contains("X-Example-Relay: hub") && text.contains("X-Example-Other: hub")
    };
    assert!(stamped("X-Example-Relay: hub") >= 5, "those that it was tried on");
    assert_eq!(stamped("X-Example-Relay: hub") + stamped("X-Example-Other: hub"), sent);
    assert_eq!(taken.iter().filter(both).count(), 0);
}

#[test]
fn a_version_that_makes_something_else_of_a_message_is_refused_where_that_is_asked_for() {
    let shelf = Shelf::with(&plugin("skeleton"));
    let (other, same) = (other_skeleton(&shelf), shelf.variant(&plugin("skeleton"), "same"));
    let peer = Peer::start();
    let keys = format!("shadow = 3\nshadow-differences = \"refuse\"\n{STAMPING}");
    let relay = Relay::start(&shelf.config(&peer, &keys));
    let (output, _) = load_under_traffic(&relay, &other);
    is_refused(
        &output,
        "it makes something else of messages: 3 messages compared, 3 differ",
    );
    assert_eq!(record(&relay)["running"], digest(&plugin("skeleton")));
    let (output, _) = load_under_traffic(&relay, &same);
    assert!(goes_live(&output).contains("3 messages compared, 0 differ"));
}

#[test]
fn a_version_that_fails_beside_the_running_one_never_goes_live_and_costs_no_message() {
    let shelf = Shelf::with(&guest("noop"));
    let hostile = guest("hostile");
    let peer = Peer::start();
    let keys = format!("shadow = 20\n{}", trapping());
    let relay = Relay::start(&shelf.config(&peer, &keys));
    let (output, sent) = load_under_traffic(&relay, &hostile);
    is_refused(&output, "beside the running version, it fails: ");
    assert!(
        text(&output).contains("5 differ, 5 of 5 calls failed"),
        "{}",
        text(&output)
    );
    assert_eq!(record(&relay)["running"], digest(&guest("noop")));
    assert_eq!(peer.wait_for(sent).len(), sent);
    assert!(
        !relay.process().log().contains("plug-in failed"),
        "{}",
        relay.process().log()
    );
}

#[test]
fn a_trial_without_traffic_ends_in_time_and_one_that_hangs_delays_nobody() {
    let shelf = Shelf::with(&guest("noop"));
    let second = shelf.variant(&guest("noop"), "second");
    let peer = Peer::start();
    let hanging = trapping().replace("trap", "loop");
    let keys =
        format!("shadow = 5\nshadow-within = \"3 s\"\nwatch = \"0 ms\"\n{hanging}[plugin.limits]\ntime = \"20 s\"\n");
    let relay = Relay::start(&shelf.config(&peer, &keys));
    assert!(goes_live(&load(&relay, &second)).contains("0 messages compared, 0 differ"));

    // The trial of this one runs into its time, and no message waits for it: the limit of a call is 20 s.
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| load(&relay, &guest("hostile")));
        relay.process().wait_for_log("step=\"configure\"");
        for id in 0..3 {
            assert!(send_picture(&relay, &format!("k{id}")).starts_with("250 "));
        }
        assert!(goes_live(&loading.join().expect("it ends")).contains("0 messages compared"));
    });
    assert!(
        began.elapsed() < std::time::Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn where_the_address_space_is_small_the_relay_runs_with_fewer_sandboxes_and_says_so() {
    let shelf = Shelf::with(&plugin("skeleton"));
    let peer = Peer::start();
    let written = shelf.aside("relay.toml");
    fs::write(&written, shelf.config(&peer, STAMPING)).expect("a writable folder");
    let mut command = Command::new("sh");
    // 8 GiB: not even a small pool fits.
    let line = format!(
        "ulimit -v 8388608 && exec {} run --config {}",
        binary(),
        written.display()
    );
    command.args(["-c", &line]);
    let relay = Process::spawn("limited", command);
    let address = relay.line().replace("listening on ", "");
    relay.wait_for_log("holds no pool of sandboxes: each call reserves its own");
    let mut client = Conversation::open(&address).hello();
    let message = sample::forward_request("k1");
    assert!(
        client
            .transaction(sample::FROM, &[sample::TO], &message)
            .starts_with("250 ")
    );
    assert!(peer.wait_for(1)[0].text().contains("X-Example-Relay: hub"));
}

#[test]
fn a_new_plug_in_is_never_made_over_another_one_nor_under_a_name_that_is_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let into = folder.path().to_str().expect("UTF-8");
    let made = run(&["plugin", "new", "block-list", "--into", into], &[]);
    assert!(made.status.success(), "{}", text(&made));
    let again = run(&["plugin", "new", "block-list", "--into", into, "--lang", "js"], &[]);
    is_refused(&again, "is there already");
    is_refused(&run(&["plugin", "new", "Block List"], &[]), "is no name for a plug-in");
}
