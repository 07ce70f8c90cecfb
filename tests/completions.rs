//! What shells and `man` are told of the commands.

use std::process::Command;

use crate::support::{binary, mm4relay};

fn completions(shell: &str) -> String {
    let said = mm4relay(&["completions", shell]);
    assert!(said.ok, "{}", said.err);
    said.out
}

#[test]
fn every_shell_is_told_of_the_commands_and_their_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let text = completions(shell);
        for word in ["queue", "reroute", "alarms", "token", "plugin", "received"] {
            assert!(text.contains(word), "{shell} is not told of {word}");
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mm4relay.bash");
    std::fs::write(&file, completions("bash")).expect("a writable folder");
    let read = Command::new("bash").arg("-n").arg(&file).output();
    if let Ok(read) = read {
        assert!(read.status.success(), "{read:?}");
    }
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    let made = Command::new(binary())
        .arg("man")
        .arg(&pages)
        .output()
        .expect("it starts");
    assert!(made.status.success(), "{made:?}");
    for page in [
        "mm4relay.1",
        "mm4relay-queue.1",
        "mm4relay-queue-reroute.1",
        "mm4relay-alarms.1",
    ] {
        let text = std::fs::read_to_string(pages.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".TH") && text.contains(".SH"), "{page}: {text}");
    }
}
