//! Conditions that must not stop the relay: a log that cannot be written, a full disk, a peer that takes every session.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::{Conversation, Peer, Relay, binary, config, config_at, eventually, own_address, sample};

const MONITORING: &str = "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n";

/// A relay whose standard error the test controls.
struct Unheard {
    child: Child,
    address: String,
}

impl Unheard {
    fn start(relay: &Relay, log: Stdio) -> Self {
        let mut command = Command::new(binary());
        command.args(["run", "--config"]).arg(relay.path("relay.toml"));
        let spawned = command
            .env("RUST_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn();
        let mut child = spawned.expect("the binary starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut line).expect("its first line");
        let address = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        Self { child, address }
    }

    /// Has it log far more than a pipe and a queue hold, and then take a message.
    fn works(&self) {
        let mut client = Conversation::open(&self.address).hello();
        client.say(&format!("MAIL FROM:<{}>", sample::FROM)).expect("250");
        for _ in 0..3000 {
            client
                .say("RCPT TO:<+19995550100/TYPE=PLMN@mms.nobody.example>")
                .expect("550");
        }
        client.say("RSET").expect("250");
        let answer = client.transaction(sample::FROM, &[sample::TO], &sample::forward_request("m"));
        assert!(answer.starts_with("250"), "{answer}");
        let fresh = Conversation::open(&self.address).hello().transaction(
            sample::FROM,
            &[sample::TO],
            &sample::forward_request("n"),
        );
        assert!(fresh.starts_with("250"), "{fresh}");
    }

    fn ends_by_sigterm(mut self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        let child = &mut self.child;
        let ended = eventually("it ends", || child.try_wait().ok().flatten());
        assert_eq!(ended.code(), Some(0));
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_log_on_a_full_disk_stops_nothing() {
    let peer = Peer::start();
    let relay = Relay::stopped(&config(&peer, ""));
    let full = File::options().write(true).open("/dev/full").expect("Linux");
    let unheard = Unheard::start(&relay, full.into());
    unheard.works();
    peer.wait_for(2);
    unheard.ends_by_sigterm();
}

#[test]
fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let peer = Peer::start();
    let relay = Relay::stopped(&config(&peer, ""));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let unheard = Unheard::start(&relay, writer.into());
    unheard.works();
    peer.wait_for(2);
    unheard.ends_by_sigterm();
}

#[test]
fn a_log_whose_reader_has_stalled_stops_nothing_and_the_lost_lines_are_said_when_it_reads_again() {
    let peer = Peer::start();
    let relay = Relay::stopped(&config(&peer, ""));
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let unheard = Unheard::start(&relay, writer.into());
    unheard.works();
    peer.wait_for(2);
    let said = std::thread::spawn(move || {
        let lines = BufReader::new(&mut reader).lines().map_while(Result::ok);
        lines
            .into_iter()
            .find(|line| line.contains("lines of the log are lost: "))
    });
    eventually("the log says what was lost", || said.is_finished().then_some(()));
    let said = said.join().expect("a reader");
    assert!(said.is_some_and(|line| line.contains("because it was written too slowly")));
    unheard.ends_by_sigterm();
}

#[test]
fn a_log_whose_reader_stalls_for_ever_does_not_keep_the_relay_from_ending() {
    let peer = Peer::start();
    let relay = Relay::stopped(&config(&peer, ""));
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    let unheard = Unheard::start(&relay, writer.into());
    unheard.works();
    unheard.ends_by_sigterm();
}

/// A small disk of its own, for a spool.
struct Disk(TempDir);

impl Disk {
    /// `None` where the test may not mount one: it prints that, and claims nothing.
    fn mounted(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0700"), "tmpfs"]);
        let mounted = mount
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: only root can mount a small disk");
        }
        mounted.then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the disk from outside until so much is left.
    fn fill(&self, left: u64) {
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(self.path().join("filler"))
            .expect("a file");
        let block = vec![7; 4096];
        while self.free() > left && file.write_all(&block).is_ok() {}
    }

    fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.path()).expect("a disk");
        disk.f_bavail * disk.f_frsize
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path().join("filler")).expect("it was filled");
    }

    /// A configuration with its spool there, and operator B at `host`.
    fn config(&self, host: &str) -> String {
        let spool = format!("spool = \"{}\"\nlisten = ", self.path().display());
        config_at(host, MONITORING).replace("listen = [", &format!("{spool}["))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Offers so many messages of 30 kB, which must be taken.
fn offer(relay: &Relay, ids: std::ops::Range<u32>) {
    let mut client = relay.client();
    for id in ids {
        let message = sample::with_body(&format!("m{id}"), &[], "123456789 123456\r\n".repeat(1700).as_bytes());
        let answer = client.transaction(sample::FROM, &[sample::TO], &message);
        assert!(answer.starts_with("250"), "{answer}");
    }
}

fn mail(relay: &Relay) -> String {
    relay.client().say(&format!("MAIL FROM:<{}>", sample::FROM)).reply()
}

fn wait_for_health(relay: &Relay, says: &str) -> String {
    eventually(&format!("the relay's health is {says:?}"), || {
        let answer = relay.visit("/health");
        answer.contains(says).then_some(answer)
    })
}

/// Transaction IDs of what the peer took, sorted.
fn taken(peer: &Peer) -> Vec<String> {
    let id = |text: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("X-Mms-Transaction-ID: "));
        line.unwrap_or_default().to_owned()
    };
    let mut ids: Vec<String> = peer.taken().iter().map(|taken| id(&taken.text())).collect();
    ids.sort();
    ids
}

#[test]
fn a_disk_that_gets_full_is_refused_early_and_drained_and_mends_by_itself() {
    let Some(disk) = Disk::mounted(64) else { return };
    let host = own_address();
    let relay = Relay::start(&disk.config(&host));
    offer(&relay, 0..20);
    wait_for_health(&relay, "well\n");
    // Less than the reserve, and enough for what becomes of twenty messages: up to 100 KB of log for each.
    disk.fill(4 << 20);
    let health = wait_for_health(&relay, "unwell\n");
    assert!(
        health.starts_with("HTTP/1.1 503 ") && health.contains("no message is taken"),
        "{health}"
    );
    let refused = mail(&relay);
    assert!(refused.starts_with("452 4.3.1 "), "{refused}");
    assert!(relay.page("/metrics").contains("mm4relay_spool_takes_messages 0\n"));
    let peer = Peer::at(&host, &[]);
    peer.wait_for(20);
    relay.wait_until_empty();
    disk.make_room();
    wait_for_health(&relay, "\r\n\r\nwell\n");
    offer(&relay, 20..21);
    peer.wait_for(21);
    let ids = taken(&peer);
    let mut once = ids.clone();
    once.dedup();
    assert_eq!((ids.len(), once.len()), (21, 21), "each once");
    let log = relay.process().log();
    assert_eq!(log.matches("event=disk-low").count(), 1, "said once");
    assert_eq!(log.matches("event=disk-ample").count(), 1, "said once");
}

#[test]
fn on_a_disk_without_an_octet_nothing_is_sent_twice_and_the_operator_can_make_room() {
    let Some(disk) = Disk::mounted(64) else { return };
    let host = own_address();
    let peer = Peer::at(&host, &[]);
    let mut relay = Relay::start(&disk.config(&host));
    // Some of it is on its way, and stays there.
    peer.process().signal("STOP");
    offer(&relay, 0..200);
    disk.fill(0);
    wait_for_health(&relay, "unwell\n");
    let list = relay.print(&["queue", "list"]);
    let last = list.lines().rfind(|line| line.starts_with("00")).expect("an entry");
    let last = last.split(' ').next().expect("an id");
    assert!(relay.print(&["queue", "drop", last]).contains("1 dropped"));
    peer.process().signal("CONT");
    // What was on its way is recorded: it leaves the queue. Nothing else is begun.
    wait_for_health(&relay, "nothing delivered");
    let sent = eventually("what was sent is recorded", || {
        let waiting = relay.print(&["queue", "list"]).matches("operator-b").count();
        let sent = peer.taken().len();
        (sent > 0 && waiting + sent == 199).then_some(sent)
    });
    assert!(sent < 199, "all of it fitted: the disk was not full");
    assert!(relay.page("/metrics").contains("mm4relay_spool_delivers_messages 0\n"));
    relay.kill();
    relay.start_again();
    relay.stop();
    assert_eq!(peer.taken().len(), sent);
    disk.make_room();
    relay.start_again();
    peer.wait_for(199);
    relay.wait_until_empty();
    let ids = taken(&peer);
    let mut once = ids.clone();
    once.dedup();
    assert_eq!((ids.len(), once.len()), (199, 199), "each once");
}

#[test]
fn a_peer_that_takes_every_session_leaves_the_others_theirs() {
    let peer = Peer::start();
    let other = "\n[[peer]]\nname = \"operator-c\"\ndomains = [\"mms.c.example\"]\nfrom = [\"127.0.0.3\"]\nhosts = [\"127.0.0.1:9\"]\n";
    let limits = "\n[limits]\nsessions = 100\nsessions-per-source = 100\nsessions-reserved = 5\n";
    let relay = Relay::start(&config(&peer, &format!("{other}{limits}")));
    let mut idle = Vec::new();
    loop {
        let mut session = Conversation::connect(relay.address());
        let said = session.reply();
        if said.starts_with("421") {
            break;
        }
        idle.push(session);
        assert!(idle.len() <= 100);
    }
    assert_eq!(
        idle.len(),
        95,
        "operators A and B share an address, and C has a reserve of five"
    );
    let mut client = Conversation::open_from("127.0.0.3", relay.address()).hello();
    client
        .say("MAIL FROM:<+15555550300/TYPE=PLMN@mms.c.example>")
        .expect("250");
}
