//! `mm4relay demo --topology mmse`: operator A with three MMS Relay/Servers behind one face, operator B outside, and
//! every MM4 message between them, in both directions. Each step states what should happen, and fails if it does not.

mod actor;
mod pdu;
mod stage;

use std::path::Path;

use anyhow::ensure;

use pdu::Pdu;
use stage::Stage;

/// Plays everything; the stage is still running when this returns.
pub async fn play(folder: &Path) -> anyhow::Result<Stage> {
    let mut stage = Stage::set(folder).await?;
    stage.introduce();
    inbound(&mut stage).await?;
    outbound(&mut stage).await?;
    between_our_own(&mut stage).await?;
    one_answer_for_three(&mut stage).await?;
    one_is_away(&mut stage).await?;
    a_subscriber_moves(&mut stage).await?;
    stage.account_for_everything().await?;
    Ok(stage)
}

/// Subscribers of the three Relay/Servers, and one of operator B.
const OF_A1: &str = "+15551000001";
const OF_A2: &str = "+15552000001";
const OF_A3: &str = "+15553000001";
const OF_B: &str = "+15559990001";
/// The beginning of the IDs of the one request that operator B does not see.
const BETWEEN_OUR_OWN: &str = "k3@mms.a.example";

async fn inbound(stage: &mut Stage) -> anyhow::Result<()> {
    stage.step(
        "Operator B writes to a subscriber of a1, and hears everything that it asked for",
        "Outside, operator A is one domain. The number decides which Relay/Server gets the message.",
    );
    let request = Pdu::forward("b", "k1", OF_B, &[OF_A1]);
    let taken = stage.pass("operator-b", &request, &["a1"]).await?;
    stage.answer_and_report(&taken[0], "operator-b").await
}

async fn outbound(stage: &mut Stage) -> anyhow::Result<()> {
    stage.step(
        "Subscribers of a1 and a2 write to operator B, both with transaction ID 001",
        "Both Relay/Servers count from 001. Operator B must be able to tell them apart, and each must get its own answers, \
         under its own ID. B sees one system address, tagged with where the answer goes.",
    );
    let first = Pdu::forward("a", "k2-1", OF_A1, &[OF_B]).with_transaction("001");
    let second = Pdu::forward("a", "k2-2", OF_A2, &[OF_B]).with_transaction("001");
    let from_a1 = stage.pass("a1", &first, &["operator-b"]).await?;
    let from_a2 = stage.pass("a2", &second, &["operator-b"]).await?;
    let ids = [&from_a1[0], &from_a2[0]].map(|taken| taken.value("X-Mms-Transaction-ID"));
    ensure!(
        ids[0] != ids[1],
        "operator B was asked twice under transaction ID {}",
        ids[0]
    );
    stage.answer_and_report(&from_a2[0], "a2").await?;
    stage.answer_and_report(&from_a1[0], "a1").await
}

async fn between_our_own(stage: &mut Stage) -> anyhow::Result<()> {
    stage.step(
        "A subscriber of a1 writes to one of a3",
        "Inside one MMSE. The records say so: no other operator has anything to do with it.",
    );
    let request = Pdu::forward("a", "k3", OF_A1, &[OF_A3]);
    let taken = stage.pass("a1", &request, &["a3"]).await?;
    stage.answer_and_report(&taken[0], "a1").await
}

async fn one_answer_for_three(stage: &mut Stage) -> anyhow::Result<()> {
    stage.step(
        "Operator B writes to three subscribers in one message",
        "Each is served by another Relay/Server. B asked once, and hears one answer: the worst of the three.",
    );
    let request = Pdu::forward("b", "k4", OF_B, &[OF_A1, OF_A2, OF_A3]);
    let taken = stage.pass("operator-b", &request, &["a1", "a2", "a3"]).await?;
    for (at, status) in ["Ok", "Error-content-not-accepted", "Ok"].into_iter().enumerate() {
        let hears: &[&str] = if at == 2 { &["operator-b"] } else { &[] };
        let heard = stage
            .pass(taken[at].by, &Pdu::response_to(&taken[at], status), hears)
            .await?;
        for answer in heard {
            let status = answer.value("X-Mms-Request-Status-Code");
            ensure!(status == "Error-content-not-accepted", "operator B heard {status}");
        }
    }
    Ok(())
}

async fn one_is_away(stage: &mut Stage) -> anyhow::Result<()> {
    stage.step(
        "a3 is away when operator B writes to its subscriber",
        "The message is taken, waits, and comes to a3 as soon as it is back. Nobody has to send it again.",
    );
    stage.kill("a3");
    let request = Pdu::forward("b", "k5", OF_B, &[OF_A3]);
    stage.pass("operator-b", &request, &[]).await?;
    let other = Pdu::forward("b", "k6", OF_B, &[OF_A2]);
    let meanwhile = stage.pass("operator-b", &other, &["a2"]).await?;
    stage.answer_and_report(&meanwhile[0], "operator-b").await?;
    let taken = stage.bring_back("a3").await?;
    stage.answer_and_report(&taken, "operator-b").await
}

async fn a_subscriber_moves(stage: &mut Stage) -> anyhow::Result<()> {
    stage.step(
        "A subscriber moves from a1 to a2 while a report is pending",
        "New messages go to a2. The report is about a message that a1 sent, and goes to a1.",
    );
    let request = Pdu::forward("a", "k7", OF_A1, &[OF_B]);
    let taken = stage.pass("a1", &request, &["operator-b"]).await?;
    stage
        .pass("operator-b", &Pdu::response_to(&taken[0], "Ok"), &["a1"])
        .await?;
    stage.move_subscriber(OF_A1, "a2").await?;
    let report = stage
        .pass("operator-b", &Pdu::delivery_report_on(&taken[0]), &["a1"])
        .await?;
    stage
        .pass("a1", &Pdu::response_to(&report[0], "Ok"), &["operator-b"])
        .await?;
    let next = stage
        .pass("operator-b", &Pdu::forward("b", "k8", OF_B, &[OF_A1]), &["a2"])
        .await?;
    stage.answer_and_report(&next[0], "operator-b").await
}
