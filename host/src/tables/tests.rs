//! Tests of `mod.rs`.

use super::*;

fn load(text: impl AsRef<[u8]>) -> Result<Table, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    std::fs::write(&file, text).unwrap();
    Table::load("ported", &file).map_err(|error| error.to_string().replace(&folder.path().display().to_string(), ""))
}

#[test]
fn rows_are_read_whatever_their_order_and_line_ends() {
    let table = load("\u{feff}# ported numbers\r\n+1555,b\r\n\n +15550 , mms.c.example, x\n1,\n+1555,b").unwrap();
    assert_eq!(table.len(), 3);
    assert_eq!(table.lookup("+1555"), Some("b"));
    assert_eq!(table.lookup("+15550"), Some("mms.c.example, x"));
    assert_eq!(table.lookup("1"), Some(""));
    assert_eq!(table.lookup("+155"), None);
    assert_eq!(table.lookup_prefix("+155501"), Some(("+15550", "mms.c.example, x")));
    assert_eq!(table.lookup_prefix("+155511"), Some(("+1555", "b")));
    assert_eq!(table.lookup_prefix("+2"), None);
    assert!(load("").unwrap().is_empty());
}

#[test]
fn what_is_no_regular_file_is_no_table_and_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for (path, kind) in [(pipe.as_path(), "a pipe"), (folder.path(), "a folder")] {
        let refused = Table::load("ported", path).unwrap_err().to_string();
        assert!(refused.contains(kind), "{refused}");
    }
}

#[test]
fn every_bad_row_is_reported_with_its_line() {
    let text = b"+1,a\nno comma\n,b\n\"+2\",c\n+3,\xff\n+4,a\x07b\n+1,z\n";
    assert_eq!(
        load(text).unwrap_err(),
        "table ported: 6 bad rows\n\
             /t.csv:2: no comma: expected key,value\n\
             /t.csv:3: the key is empty: expected key,value\n\
             /t.csv:4: quotation marks are not understood: expected key,value\n\
             /t.csv:5: octet 4 is not UTF-8\n\
             /t.csv:6: control character U+0007\n\
             /t.csv:7: key \"+1\" has the value \"z\" here and \"a\" in line 1"
    );
}

#[test]
fn twenty_bad_rows_are_reported_and_more_are_counted() {
    assert!(!load("x\n".repeat(20)).unwrap_err().contains("more"));
    let text = load("x\n".repeat(25)).unwrap_err();
    assert!(text.starts_with("table ported: 25 bad rows\n"), "{text}");
    assert!(
        text.ends_with("/t.csv:20: no comma: expected key,value\n/t.csv: 5 more"),
        "{text}"
    );
}

#[test]
fn keys_and_values_hold_on_their_edges() {
    let row = |key: usize, value: usize| format!("{},{}", "1".repeat(key), "v".repeat(value));
    assert_eq!(load(row(255, 4096)).unwrap().len(), 1);
    assert!(
        load(row(256, 1))
            .unwrap_err()
            .contains("the key has 256 octets, more than 255")
    );
    assert!(
        load(row(1, 4097))
            .unwrap_err()
            .contains("the value has 4097 octets, more than 4096")
    );
}

#[test]
fn a_set_loads_all_tables_or_says_everything_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.csv"), folder.path().join("bad.csv"));
    std::fs::write(&good, "a,1\n").unwrap();
    std::fs::write(&bad, "a\n").unwrap();
    let absent = folder.path().join("absent.csv");
    let tables = Tables::load([("one", good.as_path()), ("two", good.as_path())]).unwrap();
    assert_eq!(tables.get("two").unwrap().lookup("a"), Some("1"));
    assert!(tables.get("three").is_none());
    let errors = Tables::load([
        ("one", bad.as_path()),
        ("two", good.as_path()),
        ("three", absent.as_path()),
    ]);
    let errors: Vec<_> = errors.unwrap_err().iter().map(TableError::to_string).collect();
    assert!(errors[0].contains("bad.csv:1: no comma"), "{errors:?}");
    assert!(
        errors[1].contains("table three: ") && errors[1].contains("absent.csv cannot be read"),
        "{errors:?}"
    );
    assert_eq!(errors.len(), 2);
}

#[test]
fn who_holds_a_generation_keeps_it_over_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Tables::load([("t", file.as_path())]).unwrap()
    };
    let current = arc_swap::ArcSwap::from_pointee(load("a,old\n"));
    let held = Arc::clone(current.load().get("t").unwrap());
    current.store(Arc::new(load("a,new\n")));
    assert_eq!(held.lookup("a"), Some("old"));
    assert_eq!(current.load().get("t").unwrap().lookup("a"), Some("new"));
}
