//! Problems of a configuration and of the files that it names: `check`, `run` and a reload find the same ones, all at
//! once, each on a line with its place.

use std::path::Path;

use crate::support::{Authority, Link, Process, Relay, config_at, eventually, mm4relay, own_address, plugin};

/// A mistake: what is appended to a good configuration, and how the lines begin that tell of it.
struct Planted {
    more: String,
    said: Vec<String>,
}

fn planted(more: impl Into<String>, said: &[&str]) -> Planted {
    Planted {
        more: more.into(),
        said: said.iter().map(|line| (*line).to_owned()).collect(),
    }
}

fn good() -> String {
    config_at("127.0.0.1:2526", "")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The lines of `check`, with file names as the other commands print them. The last one counts the others.
fn checked(relay: &Relay) -> Vec<String> {
    let said = mm4relay(&["check", "--config", text(&relay.path("relay.toml"))]);
    assert!(!said.ok, "{}", said.out);
    let mut lines: Vec<String> = said.err.lines().map(str::to_owned).collect();
    let count = lines.pop().expect("a count");
    let noun = if lines.len() == 1 { "problem" } else { "problems" };
    assert_eq!(count, format!("{} {noun}", lines.len()), "each is a line: {lines:?}");
    lines
}

/// Checks `bad` with `check`, `run` and a reload of a relay that runs with `good`. Returns their reports.
fn everybody_says(mut relay: Relay, bad: &str) -> Vec<String> {
    relay.start_again();
    relay.configure(bad);
    let lines = checked(&relay);

    relay.reload();
    let stays = format!("not reloaded, the running one stays: {}", count(&lines));
    relay.process().wait_for_log(&stays);
    for line in &lines {
        assert!(
            relay.process().log().contains(line.as_str()),
            "the reload does not say {line}"
        );
    }
    relay.stop();

    assert_eq!(checked(&relay), lines, "beside a running relay and without one");
    let mut run = Process::start("run", &["run", "--config", text(&relay.path("relay.toml"))]);
    assert_eq!(run.wait(), Some(1));
    run.wait_for_log(&format!("the relay does not start: {}", count(&lines)));
    for line in &lines {
        assert!(run.log().lines().any(|said| said == line), "run does not say {line}");
    }
    lines
}

fn count(lines: &[String]) -> String {
    match lines.len() {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    }
}

/// Problems of files and folders that the configuration names.
fn stopped() -> (Relay, Authority) {
    let relay = Relay::stopped(&good());
    let write = |name: &str, text: &str| std::fs::write(relay.path(name), text).expect("a writable folder");
    write("no-certificate.pem", "nothing\n");
    write("a-file", "");
    write("bad.csv", "+1,operator-b\nno comma\n");
    write("strangers.csv", "# number,relay-server\n+1,operator-b\n+2,operator-x\n");
    (relay, Authority::new())
}

#[test]
fn check_run_and_reload_find_the_same_problems_each_alone() {
    let (_, authority) = stopped();
    let (expired, issued) = (
        authority.issue_expired("old.example"),
        authority.issue("mm4.hub.example"),
    );
    let other = authority.issue("other.example");
    let tls = |certificate: &Path, key: &Path| {
        format!(
            "[tls]\ncertificate = '{}'\nkey = '{}'\n",
            certificate.display(),
            key.display()
        )
    };
    let of_b = |tls: &str| format!("tls = {{ {tls} }}\n");
    let rewrite = Link::bundled("address-rewrite", "country-code = \"long\"").to_string();
    let cases = [
        planted(
            "[tls]\ncertificate = 'none.pem'\nkey = 'none.key'\n",
            &["tls.certificate is \"none.pem\"", "tls.key is \"none.key\""],
        ),
        planted(
            tls(&expired.certificate, &expired.key),
            &["tls.certificate: certificate "],
        ),
        planted(tls(&issued.certificate, &other.key), &["tls.key: the key "]),
        planted(
            of_b("to = 'required', ca = 'no-certificate.pem'"),
            &["peer[1].tls.ca: certificate "],
        ),
        planted(
            of_b("certificate = 'none.pem', key = 'none.key'"),
            &["peer[1].tls.certificate is ", "peer[1].tls.key is "],
        ),
        planted(
            "[[table]]\nname = 't'\nfile = 'bad.csv'\n",
            &["bad.csv:2: table t: no comma: expected key,value"],
        ),
        planted(
            "[[table]]\nname = 't'\nfile = 'strangers.csv'\n[routing]\nsubscribers = 't'\n",
            &[
                "strangers.csv:3: table t: the value of +2 is \"operator-x\": expected the name of a relay-server or peer",
            ],
        ),
        planted(
            "[[table]]\nname = 't'\nfile = 'none.csv'\n[routing]\nportability = 't'\n",
            &["table[0].file is \"none.csv\": expected a table that exists"],
        ),
        planted(
            "[monitoring]\nlisten = '127.0.0.1:2525'\n",
            &[
                "relay.listen[1] is \"127.0.0.1:2525\"",
                "monitoring.listen is \"127.0.0.1:2525\"",
            ],
        ),
        planted(
            "[monitoring]\nlisten = '192.0.2.77:9464'\n",
            &["monitoring.listen: cannot listen on 192.0.2.77:9464: "],
        ),
        planted(
            "[[peer]]\nname = 'c'\ndomains = ['mms.c.example']\nhosts = ['mms.c.300:25', 'c.invalid:25']\n",
            &["peer[2].hosts[0] is ", "peer[2].hosts[1] is "],
        ),
        planted(
            "[[peer]]\nname = 'c'\ndomains = ['mms.c.example']\nhosts = ['c.example:25', 'c.example:25']\nfrom = ['192.0.2.1', \
             '192.0.2.1']\n",
            &["peer[2].hosts[1] is ", "peer[2].from[1] is "],
        ),
        planted("[recording]\nfolder = 'a-file'\n", &["recording.folder: "]),
        planted(
            rewrite,
            &[
                "plugin[0].settings: plug-in \"address-rewrite\": `configure` said no: settings: country-code is \"long\"",
            ],
        ),
    ];
    for Planted { more, said } in cases {
        let (relay, _authority) = stopped();
        let mut bad = config_at("127.0.0.1:2526", &more);
        if more.contains("'127.0.0.1:2525'") {
            bad = bad.replace("\"127.0.0.1:0\"", "\"127.0.0.1:2525\", \"127.0.0.1:2525\"");
        }
        let lines = everybody_says(relay, &bad);
        assert_eq!(lines.len(), said.len(), "{lines:#?}");
        for (line, said) in lines.iter().zip(said) {
            assert!(line.contains(&said), "{said:?} in {line}");
            let place = line.split(": ").next().expect("a first word");
            let number = place.rsplit(':').next().expect("a line's number");
            assert!(number.parse::<u32>().is_ok(), "{line} says on which line");
        }
    }
}

#[test]
fn a_plug_ins_grants_samples_and_signature_are_problems_like_others() {
    let (relay, _) = stopped();
    std::fs::create_dir(relay.path("empty")).expect("a writable folder");
    let wasm = plugin("skeleton");
    let bad = format!(
        "[[plugin]]\nname = 'charging'\nfile = '{}'\n\
         [[plugin]]\nname = 'stamp'\nfile = '{}'\nsamples = '{}'\nsettings = {{ relay-name = 'r' }}\n",
        plugin("charging").display(),
        wasm.display(),
        relay.path("empty").display(),
    );
    let lines = everybody_says(relay, &config_at("127.0.0.1:2526", &bad));
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains(": plugin[0].grants: "), "{}", lines[0]);
    assert!(
        lines[1].contains(": plugin[1].samples: ") && lines[1].contains("there is no sample case"),
        "{}",
        lines[1]
    );

    let (relay, _) = stopped();
    let unsigned = format!(
        "[plugin-signing]\nrequired = true\nkeys = ['release-1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=']\n[[plugin]]\nname = 'stamp'\nfile = '{}'\nsettings = {{ relay-name = 'r' }}\n",
        wasm.display()
    );
    let lines = everybody_says(relay, &config_at("127.0.0.1:2526", &unsigned));
    assert!(
        lines.len() == 1 && lines[0].contains(": plugin[0].file: ") && lines[0].contains("it is not signed"),
        "{lines:#?}"
    );
}

#[test]
fn a_spool_that_this_program_cannot_use_is_a_problem() {
    let (relay, _) = stopped();
    std::fs::create_dir(relay.path("other")).expect("a writable folder");
    std::fs::write(relay.path("other/spool.db"), "no database").expect("a writable folder");
    for (spool, said) in [
        ("other", "relay.spool: "),
        ("a-file", "relay.spool: "),
        ("a-file/below", "relay.spool: "),
    ] {
        relay.configure(&good().replace("[relay]", &format!("[relay]\nspool = '{spool}'")));
        let lines = checked(&relay);
        assert!(lines.len() == 1 && lines[0].contains(said), "{lines:?}");
        let mut run = Process::start("run", &["run", "--config", text(&relay.path("relay.toml"))]);
        assert_eq!(run.wait(), Some(1));
        run.wait_for_log(&lines[0]);
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let (relay, authority) = stopped();
    let expired = authority.issue_expired("old.example").section();
    let more = format!(
        "no-such-key = 1\n{expired}[[table]]\nname = 't'\nfile = 'bad.csv'\n[[table]]\nname = 's'\nfile = 'strangers.csv'\n\
         [routing]\nsubscribers = 's'\n{}",
        Link::bundled("address-rewrite", "country-code = \"long\"")
    );
    let bad = config_at("127.0.0.1:2526", &more).replace("127.0.0.1:0", "192.0.2.77:25");
    let lines = everybody_says(relay, &bad);
    let parts = [
        "peer[1].no-such-key is not a known key",
        "bad.csv:2: ",
        "strangers.csv:3: ",
        "tls.certificate: ",
        "relay.listen[0]: cannot listen on 192.0.2.77:25",
        "plugin[0].settings: ",
    ];
    assert_eq!(lines.len(), parts.len(), "{lines:#?}");
    for part in parts {
        assert!(lines.iter().any(|line| line.contains(part)), "{part} in {lines:#?}");
    }
}

#[test]
fn the_running_relay_says_of_a_table_what_check_says() {
    let (mut relay, _) = stopped();
    let table = "[[table]]\nname = 't'\nfile = 't.csv'\n[routing]\nsubscribers = 't'\n";
    relay.configure(&config_at("127.0.0.1:2526", table));
    std::fs::write(relay.path("t.csv"), "+1,operator-b\n").expect("a writable folder");
    relay.start_again();
    std::fs::write(relay.path("new.csv"), "+1,operator-b\n+2,operator-x\n").expect("a writable folder");
    std::fs::rename(relay.path("new.csv"), relay.path("t.csv")).expect("a rename");
    relay
        .process()
        .wait_for_log("no table is replaced, the running ones stay: 1 problem");
    let lines = checked(&relay);
    assert!(
        lines.len() == 1 && relay.process().log().contains(&lines[0]),
        "{lines:?}"
    );
}

#[test]
fn an_address_that_somebody_else_listens_on_is_a_problem_and_ones_own_is_none() {
    // An address that no other test uses, so that no other process takes the port between the two starts.
    let taken = std::net::TcpListener::bind("127.0.0.9:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let relay = Relay::stopped(&good().replace("127.0.0.1:0", &address));
    let lines = checked(&relay);
    assert!(
        lines[0].contains(&format!("relay.listen[0]: cannot listen on {address}")),
        "{lines:?}"
    );
    drop(taken);
    let mut relay = relay;
    relay.start_again();
    assert!(
        relay.print(&["check"]).contains(": no problems"),
        "beside the relay that listens there"
    );
    relay.reload();
    relay.process().wait_for_log("configuration reloaded");
}

#[test]
fn check_says_when_a_certificate_ends_and_what_becomes_of_the_peers() {
    let authority = Authority::new();
    let more = format!("tls = {{ to = 'required', ca = '{}' }}\n", authority.file().display());
    let relay = Relay::stopped(&config_at("127.0.0.1:2526", &more));
    let said = relay.print(&["check"]);
    assert!(
        said.contains("what will be done:") && said.contains("ca.pem vouches for the certificates that it signed"),
        "{said}"
    );
}

#[test]
fn check_uses_what_the_relay_has_compiled() {
    let own = own_address();
    let chain = Link::bundled("address-rewrite", "").to_string();
    let relay = Relay::start(&config_at(&own, &chain));
    let compiled = || {
        let files = std::fs::read_dir(relay.path("spool/compiled")).expect("the relay has compiled");
        files.count()
    };
    let before = compiled();
    assert!(before > 0);
    eventually("check passes", || {
        relay.command(&["check"]).status.success().then_some(())
    });
    assert_eq!(compiled(), before, "nothing was compiled anew");
}
