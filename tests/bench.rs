//! `plugin bench`, `plugin test --cost` and `plugin replay`'s summary: what a plug-in costs, and what a version changes.

use std::path::Path;

use serde_json::Value;

use crate::support::{Said, guest, mm4relay, plugin, root};

/// A message that the hostile guest wants to see.
const PICTURE: &str = "From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\n\
    X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Message-ID: \"m\"\r\nX-Mms-Transaction-ID: \"t\"\r\n\
    Content-Type: image/gif\r\n\r\nGIF89a\r\n";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn bench(folder: &str, wasm: &str, more: &[&str]) -> Said {
    let (folder, wasm) = (root().join("plugins").join(folder), plugin(wasm));
    let words = ["plugin", "bench", text(&folder), "--wasm", text(&wasm)];
    mm4relay(&[&words[..], more].concat())
}

#[test]
fn a_bench_follows_the_occasion_of_its_case_and_takes_a_component() {
    let said = bench(
        "content-adapt",
        "content-adapt",
        &["--runs", "3", "--case", "protected-content"],
    );
    assert!(said.ok, "a refusal is a verdict: {}", said.err);
    assert!(
        said.out.contains(" on departure to ") && !said.out.contains("never called"),
        "{}",
        said.out
    );
    let said = bench("content-adapt", "content-adapt", &["--case", "nosuch"]);
    assert!(
        !said.ok && said.err.contains("there are ") && said.err.contains("protected-content"),
        "{}",
        said.err
    );
}

#[test]
fn a_bench_shows_times_fuel_memory_and_octets_of_every_case() {
    let said = bench("skeleton", "skeleton", &["--runs", "50", "--json"]);
    assert!(said.ok, "{}", said.err);
    let rows: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let samples = std::fs::read_dir(root().join("plugins/skeleton/samples"))
        .expect("samples")
        .count();
    assert_eq!(rows.len(), samples);
    for row in rows {
        let time = |name: &str| row[name].as_f64().expect("a number");
        assert!(
            time("p50_us") > 0.0 && time("p50_us") <= time("p99_us") && time("p99_us") <= time("max_us"),
            "{row}"
        );
        let cost = &row["plugins"][0]["cost"];
        for counted in ["fuel", "memory_octets", "host_calls"] {
            assert!(
                cost[counted].as_u64().is_some_and(|count| count > 0),
                "{counted} in {row}"
            );
        }
        assert!(cost["fuel_percent"].as_f64().is_some_and(|share| share < 1.0), "{row}");
    }
}

#[test]
fn two_versions_are_measured_in_turns_and_compared() {
    let same = plugin("skeleton");
    let said = bench(
        "skeleton",
        "skeleton",
        &["--runs", "50", "--case", "stamped", "--against", text(&same)],
    );
    assert!(said.ok, "{}", said.err);
    let beside = said
        .out
        .lines()
        .find_map(|line| line.trim().strip_prefix("the median of this version is "));
    let times: f64 = beside
        .and_then(|line| line.split(' ').next())
        .expect("a ratio")
        .parse()
        .expect("a number");
    assert!((0.2..5.0).contains(&times), "the same component: {}", said.out);

    let said = bench("skeleton", "skeleton", &["--against", "nowhere.wasm"]);
    assert!(!said.ok && said.err.contains("nowhere.wasm"), "{}", said.err);
}

#[test]
fn stacks_have_the_names_of_the_plug_ins_own_functions() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stacks.txt");
    let case = folder.path().join("plug-in/samples/one");
    std::fs::create_dir_all(&case).expect("a folder");
    std::fs::write(case.join("message.eml"), PICTURE).expect("a file");
    std::fs::write(
        case.join("case.toml"),
        "settings = { do = \"burn\", rounds = 300_000 }\n",
    )
    .expect("a file");
    let grants = format!("grants = {:?}\n", crate::support::ALL_GRANTS);
    std::fs::write(folder.path().join("plug-in/plugin.toml"), grants).expect("a file");
    let (plug_in, wasm) = (folder.path().join("plug-in"), guest("hostile"));
    let words = [
        "plugin",
        "bench",
        text(&plug_in),
        "--wasm",
        text(&wasm),
        "--seconds",
        "0.5",
        "--stacks",
        text(&file),
    ];
    let said = mm4relay(&words);
    assert!(
        said.ok && said.out.contains("where the time goes, in "),
        "{}{}",
        said.out,
        said.err
    );
    let stacks = std::fs::read_to_string(&file).expect("stacks");
    for line in stacks.lines() {
        let (stack, seen) = line.rsplit_once(' ').expect("a stack and a number");
        assert!(
            stack.starts_with("hostile;") && seen.parse::<u64>().is_ok_and(|seen| seen > 0),
            "{line}"
        );
    }
    assert!(stacks.contains("process"), "{stacks}");
}

#[test]
fn a_bench_says_what_is_wrong_with_its_words() {
    for (words, said_of_it) in [
        (["--runs", "0"], "--runs 0 measures nothing"),
        (["--seconds", "0"], "--seconds 0 is not above 0"),
        (["--wasm", "another.wasm"], "--wasm is given 2 times for 1 folders"),
    ] {
        let said = bench("skeleton", "skeleton", &words);
        assert!(!said.ok && said.err.contains(said_of_it), "{}", said.err);
    }
}

#[test]
fn a_test_says_what_its_cases_cost_when_it_is_asked() {
    let (folder, wasm) = (root().join("plugins/skeleton"), plugin("skeleton"));
    let words = ["plugin", "test", text(&folder), "--wasm", text(&wasm)];
    let test = |more: &[&str]| mm4relay(&[&words[..], more].concat()).out;
    assert!(!test(&[]).contains(" cost "));
    let said = test(&["--cost"]);
    assert!(
        said.contains("% of its time (") && said.contains("% of its memory, "),
        "{said}"
    );
    let said = test(&["--json"]);
    let first: Value = serde_json::from_str(said.lines().next().expect("a case")).expect("JSON");
    assert!(
        first["cost"]["memory_octets"]
            .as_u64()
            .is_some_and(|octets| octets > 65_535),
        "{first}"
    );
}
