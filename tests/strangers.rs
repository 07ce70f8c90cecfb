//! Strangers' text reaches operators and controls no terminal: one hostile peer, next hop and plug-in, and everything
//! that the relay prints.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Conversation, Link, Relay, config_at, eventually, mm4relay, sample, shows};

/// ESC, BEL, CSI, a change of direction, a line separator, a zero width space, a soft hyphen; and a number in a spelling.
const HOSTILE: &str = "x\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{2066}\u{2028}\u{200b}\u{ad}y +1-555-777-0006";

/// As TOML writes it.
const HOSTILE_TOML: &str = r"x\u001b]0;owned\u0007\u009b31m\u202e\u2066\u2028\u200b\u00ady +1-555-777-0006";

/// Nothing in it is hidden.
fn is_plain(what: &str, text: &str) {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    for line in text.lines() {
        assert!(!line.contains(hidden), "{what} prints: {line:?}");
    }
    assert!(!text.contains("\nforged"), "{what} has a forged line: {text}");
}

/// A next hop that refuses every recipient with hostile words.
fn hostile_next_hop() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut out = stream.try_clone().expect("a second handle");
                let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes()).is_ok();
                say("220 mms.b.example");
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let go_on = match line.get(..4).unwrap_or_default() {
                        "RCPT" => say(&format!("550 5.1.1 no {HOSTILE} here")),
                        "QUIT" => break,
                        _ => say("250 ok"),
                    };
                    if !go_on {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn nothing_that_strangers_write_reaches_a_terminal_as_it_is() {
    let plugin = Link::hostile(&format!("do = \"ask\"\nwords = \"{HOSTILE_TOML}\\nforged\"")).on_failure("hold");
    let monitoring = "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n";
    let relay = Relay::start(&config_at(&hostile_next_hop(), &format!("{plugin}{monitoring}")));
    let subject = format!("Subject: {HOSTILE}");
    // The plug-in speaks in the log and holds; it fails; the next hop refuses; the peer is refused itself.
    for habit in ["say", "say-fault", "pass"] {
        let message = sample::picture(&format!("{habit}{HOSTILE}"), &[&format!("X-Do: {habit}"), &subject]);
        let answer = relay.offer(&message);
        assert!(answer.starts_with("250"), "{habit}: {answer}");
    }
    let mut client = Conversation::open(relay.address()).hello_with(&format!("EHLO {}", "client.example"));
    client.send(format!("MAIL FROM:<{HOSTILE}>\r\n").as_bytes()).expect("5");
    client.send(format!("{HOSTILE}\r\n").as_bytes()).expect("5");
    let unroutable =
        "MAIL FROM:<+15555550100/TYPE=PLMN@mms.a.example>\r\nRCPT TO:<+1-555-777-0006/TYPE=PLMN@mms.x.example>\r\n";
    client.send(unroutable.as_bytes()).expect("250");
    client.expect("550");
    relay.wait_for_queue("failed");

    let list = relay.print(&["queue", "list"]);
    assert!(list.contains("\\u{202e}"), "{list}");
    is_plain("queue list", &list);
    let ids: Vec<&str> = list
        .lines()
        .filter(|line| line.starts_with("00"))
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(ids.len(), 3, "{list}");
    for id in ids {
        let show = relay.print(&["queue", "show", id]);
        assert!(show.contains("Subject: x\\u{1b}]0;owned\\u{7}"), "{show}");
        is_plain("queue show", &show);
        let message = id.split('-').next().expect("an id");
        let json = relay.command(&["trace", message, "--json"]);
        is_plain("trace --json", &String::from_utf8_lossy(&json.stdout));
        let trace = relay.command(&["trace", message]);
        is_plain("trace", &String::from_utf8_lossy(&trace.stdout));
    }
    is_plain("/metrics", &relay.page("/metrics"));
    is_plain("/health", &relay.page("/health"));
    for words in [
        ["queue", "list", "--peer", HOSTILE],
        ["cdr", "export", "--after", HOSTILE],
    ] {
        let said = relay.command(&words);
        is_plain("an error", &String::from_utf8_lossy(&said.stdout));
    }
    let route = mm4relay(&["route", HOSTILE, "--config", text(&relay.path("relay.toml"))]);
    is_plain("route", &(route.out + &route.err));
    let broken = relay.path("broken.toml");
    std::fs::write(
        &broken,
        format!("[relay]\n\"{HOSTILE_TOML}\" = 1\nname = \"{HOSTILE_TOML}\"\n"),
    )
    .expect("a file");
    let check = mm4relay(&["check", "--config", text(&broken)]);
    is_plain("check", &(check.out + &check.err));

    let log = relay.process().log();
    is_plain("the log", &log);
    assert!(log.contains("\\u{1b}]0;owned"), "{log}");
    assert!(!shows(&log, "1-555-777-0006"), "a number is not masked in:\n{log}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Our own figures are none of theirs.
#[test]
fn the_logs_own_figures_are_not_masked() {
    let relay = Relay::start(&config_at("127.0.0.1:9", ""));
    let mut client = relay.client();
    client
        .say(&format!("MAIL FROM:<{}> SIZE=9999999", sample::FROM))
        .expect("552");
    let log = eventually("it is in the log", || {
        let log = relay.process().log();
        log.contains("refused").then_some(log)
    });
    assert!(log.contains("larger than 5242880 octets"), "{log}");
}
