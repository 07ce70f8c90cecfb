//! SIGKILL under load. The test's own program runs again as the relay that dies.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;
use crate::message::{Answer, Change, LegState, Transaction, TransactionChange};
use crate::spool::{Finish, Hold};

const FOLDER: &str = "MM4RELAY_TEST_CRASH_FOLDER";
const DEATHS: usize = 10;

/// What the dying relay had been promised, and said so.
#[derive(Default)]
struct Promises {
    accepted: BTreeSet<MessageId>,
    delivered: BTreeSet<MessageId>,
    finished: BTreeSet<MessageId>,
    answered: BTreeSet<MessageId>,
}

#[test]
fn a_killed_relay_has_lost_nothing_acknowledged_and_doubled_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut promises = Promises::default();
    for death in 0..DEATHS {
        let before = promises.accepted.len();
        run_and_kill(folder.path(), &mut promises, fastrand::usize(1..400));
        assert!(promises.accepted.len() > before, "death {death} came before any work");
        check(folder.path(), &promises);
    }
}

/// Runs a child on the spool until it has made `last` promises, and kills it then, whatever it is doing.
fn run_and_kill(folder: &Path, promises: &mut Promises, last: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "spool::sqlite::tests::crash::commit_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut note = |line: String| match line.split_once(' ') {
        Some(("accepted", number)) => promises.accepted.insert(number.parse().unwrap()),
        Some(("delivered", number)) => promises.delivered.insert(number.parse().unwrap()),
        Some(("finished", number)) => promises.finished.insert(number.parse().unwrap()),
        Some(("answered", number)) => promises.answered.insert(number.parse().unwrap()),
        _ => false,
    };
    let mut made = 0;
    while made < last {
        made += usize::from(note(lines.next().expect("the child stopped by itself")));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said between the last line read and its death was promised too.
    for line in lines {
        note(line);
    }
}

fn check(folder: &Path, promises: &Promises) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let spool = open(folder);
    let waiting = runtime
        .block_on(spool.due(&peer("operator-b"), Timestamp(u64::MAX), usize::MAX, &[]))
        .unwrap();
    let mut queue = BTreeSet::new();
    for outgoing in waiting {
        let number = outgoing.id.message;
        assert_eq!(
            outgoing.rope.to_bytes().unwrap(),
            content(number),
            "{number} has other bytes"
        );
        assert!(queue.insert(number), "{number} waits twice");
    }
    let unfinished = runtime
        .block_on(spool.unfinished(Timestamp(u64::MAX), usize::MAX, &[]))
        .unwrap();
    let unfinished: BTreeSet<_> = unfinished.iter().map(|unfinished| unfinished.incoming.id).collect();
    let mut records: BTreeMap<MessageId, Vec<u32>> = BTreeMap::new();
    let rows = Beside::open(folder)
        .unwrap()
        .records(&StreamName::CHARGING, 0, usize::MAX >> 1)
        .unwrap();
    for (row, expected) in rows.iter().zip(1..) {
        assert_eq!(row.sequence, expected, "a gap in the sequence");
        records.entry(row.id.message()).or_default().push(row.id.number());
    }
    for number in &unfinished {
        assert!(
            !queue.contains(number),
            "{number} waits for its chain, and behind it too"
        );
        assert!(
            !records.contains_key(number),
            "{number} is charged before its chain has ended"
        );
        assert!(
            !promises.finished.contains(number),
            "{number} was finished, and is unfinished again"
        );
    }
    for number in promises.accepted.difference(&unfinished) {
        let charged = records.get(number).expect("acknowledged, and not charged");
        match queue.contains(number) {
            true => assert_eq!(
                charged,
                &[0],
                "{number} waits, and is charged for more or less than its arrival"
            ),
            false => assert_eq!(
                charged,
                &[0, 1],
                "{number} has gone, and is not charged once for each way"
            ),
        }
    }
    for number in &promises.delivered {
        assert!(
            !queue.contains(number),
            "{number} was recorded as delivered, and waits again"
        );
    }
    for number in &promises.accepted {
        let found = runtime.block_on(spool.find(&asked(number.0))).unwrap();
        assert_eq!(found.len(), 1, "the request of {number}");
        let gone = !queue.contains(number) && !unfinished.contains(number);
        match &found[0].legs[0].state {
            LegState::Waiting => assert!(!gone, "{number} is delivered, and its request does not know"),
            LegState::Delivered { .. } => {
                assert!(gone, "{number} waits, and its request was delivered");
                assert!(!promises.answered.contains(number), "{number} was answered");
            }
            LegState::Answered { .. } => assert!(gone, "{number} waits, and its request is answered"),
            other => panic!("{number}: {other:?}"),
        }
    }
    // Those that were durable before their sender could be told keep the same rules.
    assert!(
        queue
            .iter()
            .all(|number| records.get(number).is_some_and(|ordinals| ordinals == &[0]))
    );
    let needed = queue.len() + unfinished.len();
    assert_eq!(stored(folder).0, needed as u64, "messages that nothing needs");
    runtime.block_on(spool.close());
}

/// Bytes that tell which message they belong to, up to three chunks of them.
fn content(number: MessageId) -> Vec<u8> {
    let size = number.0 as usize % 150_000;
    number.0.to_be_bytes().into_iter().cycle().take(size).collect()
}

#[test]
#[ignore = "the other half of the test above, run by it in a process of its own"]
fn commit_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    // A short log, so that deaths fall into checkpoints too.
    let options = Options {
        log: 2 * 1024 * 1024,
        ..Options::default()
    };
    let spool = SqliteSpool::open(Path::new(&folder), options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let committers: Vec<_> = (0..8)
        .map(|_| runtime.spawn(commit_and_deliver(spool.clone())))
        .collect();
    for committer in committers {
        runtime.block_on(committer).unwrap();
    }
}

async fn commit_and_deliver(spool: Arc<SqliteSpool>) {
    loop {
        let number = spool.next_id();
        let relayed = Acceptance {
            opens: Some(request_of(number)),
            ..relayed(number, content(number))
        };
        if number.0 % 8 == 3 {
            let first = Acceptance {
                hold: Some(Hold::until(NOW, "its chain is not through")),
                opens: Some(request_of(number)),
                ..message(number, content(number))
            };
            say("accepted", spool.commit(first).await.unwrap().id());
            spool.finish(number, Finish::Done(Box::new(relayed))).await.unwrap();
            say("finished", number);
        } else {
            say("accepted", spool.commit(relayed).await.unwrap().id());
        }
        if number.0.is_multiple_of(4) {
            continue;
        }
        let charged = Outcome {
            appends: vec![charge("relay-out")],
            changes: vec![leg(number, LegState::Delivered { at: NOW })],
            ..delivered(id(number, 1))
        };
        spool.record(charged).await.unwrap();
        say("delivered", number);
        if number.0.is_multiple_of(2) {
            let answer = Answer::ok(NOW);
            let answered = leg(number, LegState::Answered { answer });
            spool.change(vec![answered]).await.unwrap();
            say("answered", number);
        }
    }
}

/// Never forgotten, whatever the time.
fn request_of(number: MessageId) -> Transaction {
    Transaction {
        forget_at: Timestamp(u64::MAX >> 1),
        ..request(number, number.0)
    }
}

fn leg(id: MessageId, state: LegState) -> TransactionChange {
    let change = Change::Leg {
        ordinal: Ordinal::FIRST,
        state,
    };
    TransactionChange { id, change }
}

/// One line, one write: a kill never leaves half a promise that reads as a whole one.
fn say(what: &str, number: MessageId) {
    let line = format!("\n{what} {number}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}
