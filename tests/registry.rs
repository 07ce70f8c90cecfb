//! Plug-ins in OCI registries, against Debian's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Authority, Peer, Registry, Relay, Said, Web, binary, config, mm4relay, plugin, sample};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A signed component in a folder of its own, and the line of its key.
fn signed(folder: &Path) -> (PathBuf, String) {
    let (wasm, key) = (folder.join("stamp.wasm"), folder.join("key"));
    fs::copy(plugin("skeleton"), &wasm).expect("a copy");
    let public = mm4relay(&["plugin", "keygen", "release", "--key", text(&key)]);
    assert!(mm4relay(&["plugin", "sign", text(&wasm), "--key", text(&key)]).ok);
    (wasm, public.out.trim().to_owned())
}

fn push(wasm: &Path, to: &str, more: &[&str]) -> Said {
    mm4relay(&[&["plugin", "push", text(wasm), to], more].concat())
}

/// The reference in the line for the configuration.
fn pinned(said: &Said) -> String {
    let line = said.out.lines().find_map(|line| line.strip_prefix("source = "));
    line.expect("a line for the configuration").trim_matches('"').to_owned()
}

fn refused(said: &Said, why: &str) {
    assert!(!said.ok && said.err.contains(why), "{why} in {}{}", said.out, said.err);
}

#[test]
fn what_is_pushed_is_pulled_octet_for_octet_with_its_signature_and_again_by_its_digest() {
    if !Registry::is_there() {
        return;
    }
    let (registry, folder) = (Registry::start(), tempfile::tempdir().expect("a folder"));
    let (wasm, _) = signed(folder.path());
    let to = format!("oci://{}/mms/stamp:1.0", registry.address());
    let first = push(&wasm, &to, &[]);
    assert!(
        first.ok && first.out.contains(", signed;"),
        "{}{}",
        first.out,
        first.err
    );
    let again = push(&wasm, &to, &[]);
    assert_eq!(pinned(&first), pinned(&again), "who pushes twice has pushed once");

    let out = folder.path().join("pulled.wasm");
    for from in [to.clone(), pinned(&first)] {
        let said = mm4relay(&["plugin", "pull", &from, "--out", text(&out)]);
        assert!(said.ok, "{}", said.err);
        assert_eq!(pinned(&said), pinned(&first));
        for extension in ["", ".sig"] {
            let octets = |path: &Path| fs::read(format!("{}{extension}", path.display())).expect("a file");
            assert_eq!(octets(&out), octets(&wasm));
        }
        fs::remove_file(&out).expect("it was there");
    }
    let said = mm4relay(&["plugin", "pull", &format!("oci://{}/mms/nobody:1", registry.address())]);
    refused(&said, "does not give the manifest: 404");
    refused(&push(&root_file(), &to, &[]), "is no WebAssembly");
    refused(&push(&wasm, &pinned(&first), &[]), "push to a tag");
    refused(&push(&wasm, "registry.example/stamp", &[]), "it begins with oci://");
}

fn root_file() -> PathBuf {
    crate::support::root().join("README.md")
}

#[test]
fn a_component_that_a_registry_has_changed_is_not_taken() {
    if !Registry::is_there() {
        return;
    }
    let (registry, folder) = (Registry::start(), tempfile::tempdir().expect("a folder"));
    let (wasm, _) = signed(folder.path());
    let to = format!("oci://{}/stamp:1", registry.address());
    assert!(push(&wasm, &to, &[]).ok);
    let octets = fs::read(&wasm).expect("a component");
    let stored = registry.stored(&sha256(&wasm));
    let mut changed = octets.clone();
    *changed.last_mut().expect("not empty") ^= 1;
    fs::write(&stored, changed).expect("the registry's file");
    let out = folder.path().join("pulled.wasm");
    let said = mm4relay(&["plugin", "pull", &to, "--out", text(&out)]);
    refused(&said, "with the digest");
    assert!(!out.exists());
}

/// As `sha256sum` says it.
fn sha256(file: &Path) -> String {
    let said = Command::new("sha256sum").arg(file).output().expect("sha256sum");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    said.split(' ').next().expect("a digest").to_owned()
}

#[test]
fn a_registry_that_wants_a_login_gets_the_one_that_is_given_or_was_left_by_a_login() {
    if !Registry::is_there() {
        return;
    }
    let (registry, folder) = (Registry::closed(), tempfile::tempdir().expect("a folder"));
    let (wasm, _) = signed(folder.path());
    let to = format!("oci://{}/stamp:1", registry.address());
    refused(&push(&wasm, &to, &[]), "wants a login");
    let password = registry.password();
    let given = ["--user", Registry::USER, "--password-file", text(&password)];
    let said = push(&wasm, &to, &given);
    assert!(said.ok, "{}", said.err);
    fs::write(&password, "wrong\n").expect("a file");
    let said = push(&wasm, &to, &given);
    refused(&said, "does not accept the login");
    assert!(!said.err.contains("wrong"), "{}", said.err);

    // As `docker login` leaves it: the name and the password in base64.
    let left = folder.path().join("auth.json");
    let login = format!(
        "{{\"auths\":{{\"{}\":{{\"auth\":\"dXNlcjp3b25kZXI=\"}}}}}}",
        registry.address()
    );
    fs::write(&left, login).expect("a file");
    let mut pull = Command::new(binary());
    let out = folder.path().join("pulled.wasm");
    pull.args(["plugin", "pull", &to, "--out", text(&out)]);
    let pulled = pull
        .env("REGISTRY_AUTH_FILE", &left)
        .output()
        .expect("the binary starts");
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    assert_eq!(
        fs::read(&out).expect("a component"),
        fs::read(&wasm).expect("a component")
    );
}

#[test]
fn a_token_is_fetched_where_the_registry_says() {
    if !Registry::is_there() {
        return;
    }
    let tokens = Web::start(|_, _| Web::answer(200, "{\"token\":\"abc\"}"));
    let registry = Registry::wanting_tokens_of(&format!("http://{}/token", tokens.address()));
    let folder = tempfile::tempdir().expect("a folder");
    let (wasm, _) = signed(folder.path());
    let said = push(&wasm, &format!("oci://{}/stamp:1", registry.address()), &[]);
    assert!(said.ok, "{}", said.err);
    let asked = tokens.asked();
    assert!(
        asked[0].starts_with("GET /token?service=test&scope=repository%3Astamp%3A"),
        "{asked:?}"
    );
}

#[test]
fn a_registry_is_believed_when_the_one_who_is_named_vouches_for_it() {
    if !Registry::is_there() {
        return;
    }
    let authority = Authority::new();
    let registry = Registry::over_tls(&authority.issue("127.0.0.1"));
    let folder = tempfile::tempdir().expect("a folder");
    let (wasm, _) = signed(folder.path());
    let to = format!("oci://{}/stamp:1", registry.address());
    let said = push(&wasm, &to, &["--ca", text(&authority.file())]);
    assert!(said.ok, "{}", said.err);
    let stranger = Authority::new();
    refused(&push(&wasm, &to, &["--ca", text(&stranger.file())]), "no TLS");
}

#[test]
fn a_relay_runs_what_its_configuration_pins_and_needs_the_registry_only_once() {
    if !Registry::is_there() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (wasm, key) = signed(folder.path());
    let peer = Peer::start();
    let (mut relay, hex) = {
        let registry = Registry::start();
        let said = push(&wasm, &format!("oci://{}/stamp:1", registry.address()), &[]);
        let source = pinned(&said);
        let text = format!(
            "[plugin-signing]\nrequired = true\nkeys = [\"{key}\"]\n[[plugin]]\nname = \"stamp\"\nsource = \"{source}\"\n\
             [plugin.settings]\nrelay-name = \"hub\"\n"
        );
        let relay = Relay::start(&config(&peer, &text));
        relay.process().wait_for_log("event=plugin-fetched");
        (relay, source.rsplit(':').next().expect("a digest").to_owned())
    };
    assert!(relay.path("plugins").join("oci").join(format!("{hex}.wasm")).exists());
    relay.stop();
    relay.start_again();
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    assert!(peer.wait_for(1)[0].text().contains("X-Example-Relay: hub"));
}

#[test]
fn a_source_that_is_not_pinned_or_not_there_is_refused_with_the_reason() {
    let peer = Peer::start();
    let link = |source: &str| format!("[[plugin]]\nname = \"stamp\"\nsource = \"{source}\"\n");
    let check = |more: &str| {
        let relay = Relay::stopped(&config(&peer, more));
        let said = relay.command(&["check"]);
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
    };
    let said = check(&link("oci://registry.example/stamp:1"));
    assert!(
        said.contains("plugin[0].source") && said.contains("what a tag names can change"),
        "{said}"
    );
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let said = check(&format!(
        "{}file = \"stamp.wasm\"\n",
        link(&format!("oci://registry.example/stamp@sha256:{digest}"))
    ));
    assert!(
        said.contains("plugin[0].file") && said.contains("absent beside source"),
        "{said}"
    );
    let said = check(&link(&format!("oci://127.0.0.1:9/stamp@sha256:{digest}")));
    assert!(
        said.contains("plug-in \"stamp\": oci://127.0.0.1:9/stamp@sha256:"),
        "{said}"
    );
}
