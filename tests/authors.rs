//! What authors of plug-ins do with the program: cases with values and further messages, log lines, reports, manifests.

use std::path::{Path, PathBuf};

use crate::support::{ALL_GRANTS, guest, mm4relay, plugin, root};

/// A plug-in's folder with one case: the message of the skeleton.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(manifest: &str, case: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        folder.write("plugin.toml", manifest);
        folder.write("samples/one/case.toml", case);
        let message = root().join("plugins/skeleton/samples/stamped/message.eml");
        let message = std::fs::read_to_string(message).expect("a message");
        folder.write("samples/one/message.eml", &message);
        folder
    }

    /// The guest with every habit, which does what its settings say.
    fn hostile(case: &str) -> Self {
        let folder = Self::new(&format!("grants = {ALL_GRANTS:?}\n"), case);
        // It wants pictures.
        let picture = root().join("plugins/content-adapt/samples/broken-picture/message.eml");
        std::fs::copy(picture, folder.path("samples/one/message.eml")).expect("a message");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(path, text).expect("a writable folder");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    fn test(&self, wasm: &Path, more: &[&str]) -> crate::support::Said {
        let fixed = ["plugin", "test", text(self.0.path()), "--wasm", text(wasm)];
        mm4relay(&[&fixed[..], more].concat())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_plug_in_with_state_is_tested_with_values_and_further_messages() {
    let case = "settings = { do = \"tally\" }\nvalues = { seen = \"41\" }\n[[next]]\nnow = \"2026-01-27T00:00:00Z\"\n";
    let folder = Folder::hostile(case);
    let said = folder.test(&guest("hostile"), &["--bless"]);
    assert!(said.ok, "{}{}", said.out, said.err);
    let expected = folder.read("samples/one/expected.txt");
    let (first, second) = expected.split_once("then message.eml:\n").expect("two messages");
    assert!(
        first.contains("increment seen by 1") && second.contains("increment seen by 1"),
        "{expected}"
    );
    assert!(
        first.contains("set X-Tally: 42") && second.contains("set X-Tally: 43"),
        "{expected}"
    );

    folder.write("samples/one/case.toml", "[[next]]\nsettings = { a = 1 }\n");
    let said = folder.test(&guest("hostile"), &[]);
    assert!(
        said.out.contains("next[0]") && said.out.contains("settings holds for the whole case"),
        "{}",
        said.out
    );
}

#[test]
fn what_a_plug_in_logs_and_prints_is_shown_and_can_be_expected() {
    let folder = Folder::hostile("settings = { do = \"print\" }\nexpect-log = true\n");
    let said = folder.test(&guest("hostile"), &["--bless"]);
    assert!(
        said.ok && said.out.contains("         log debug: printed by process"),
        "{}{}",
        said.out,
        said.err
    );
    assert!(
        folder
            .read("samples/one/expected.txt")
            .contains("\nlog:\n  debug: printed by process\n")
    );
}

#[test]
fn a_plug_in_reads_the_header_of_a_part() {
    let folder = Folder::hostile("settings = { do = \"part\" }\n");
    assert!(folder.test(&guest("hostile"), &["--bless"]).ok);
    let expected = folder.read("samples/one/expected.txt");
    assert!(expected.contains("hold: Ok(Some(\"photo.jpg\")) true"), "{expected}");
}

#[test]
fn results_are_written_for_build_servers_and_for_programs() {
    let folder = Folder::new("", "settings = { relay-name = \"relay-1\" }\n");
    let report = folder.path("report.xml");
    let said = folder.test(&plugin("skeleton"), &["--junit", text(&report), "--json"]);
    assert!(!said.ok, "nothing is expected yet");
    let object: serde_json::Value = serde_json::from_str(said.out.trim()).expect("one object");
    assert_eq!((&object["case"], &object["result"]), (&"one".into(), &"differs".into()));
    let xml = std::fs::read_to_string(&report).expect("a report");
    assert!(xml.contains("tests=\"1\" failures=\"1\" errors=\"0\""), "{xml}");
}

#[test]
fn a_manifest_has_limits_and_every_slip_in_it_is_said_with_its_line() {
    let folder = Folder::new("[limits]\ntime = \"1 ms\"\ncofigure-time = \"1 s\"\n", "");
    let said = folder.test(&plugin("skeleton"), &[]);
    assert!(
        !said.ok && said.err.contains("plugin.toml:3: ") && said.err.contains("configure-time"),
        "{}",
        said.err
    );

    let case = "settings = { do = \"loop\" }\n";
    let folder = Folder::hostile(case);
    folder.write(
        "plugin.toml",
        &format!("grants = {ALL_GRANTS:?}\n[limits]\ntime = \"30 ms\"\ntime-per-mib = \"0 s\"\n"),
    );
    let said = folder.test(&guest("hostile"), &[]);
    assert!(said.out.contains("time: it ran for longer than 30ms"), "{}", said.out);
}

#[test]
fn plugin_build_runs_the_command_that_a_manifest_names() {
    let folder = Folder::new(
        "build = [\"sh\", \"-c\", \"cp $MADE out.wasm\"]\ncomponent = \"out.wasm\"\n",
        "",
    );
    let mut build = std::process::Command::new(crate::support::binary());
    build
        .args(["plugin", "build", text(folder.0.path())])
        .env("MADE", guest("noop"));
    let output = build.output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("running: sh -c"), "{said}");
    let name = folder
        .0
        .path()
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(folder.path(&format!("target/plugins/{name}.wasm")).is_file());

    folder.write(
        "plugin.toml",
        "build = [\"sh\", \"-c\", \"echo it is wrong >&2; exit 3\"]\ncomponent = \"out.wasm\"\n",
    );
    let said = mm4relay(&["plugin", "build", text(folder.0.path())]);
    assert!(
        !said.ok && said.err.contains("it is wrong\n") && said.err.contains("exit status: 3"),
        "{}",
        said.err
    );
}

#[test]
fn plugin_inspect_says_what_a_relay_would_say_and_prints_the_configuration_to_paste() {
    let said = mm4relay(&["plugin", "inspect", text(&plugin("skeleton"))]);
    assert!(said.ok, "{}", said.err);
    let refused = "a relay    would refuse it: ";
    assert!(
        said.out.contains(refused) && said.out.contains("relay-name"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("  [[plugin]]\n  name = \"skeleton\"\n"),
        "{}",
        said.out
    );

    let settings = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(settings.path(), "relay-name = \"relay-1\"\n").expect("a file");
    let said = mm4relay(&[
        "plugin",
        "inspect",
        text(&plugin("skeleton")),
        "--settings",
        text(settings.path()),
    ]);
    assert!(said.out.contains("a relay    would take it"), "{}", said.out);
    assert!(said.out.contains("called on  arrival\n"), "{}", said.out);
}
