//! Measurements, run by name: `cargo test --release -p mm4relay --lib intake::tests::measures -- --ignored --nocapture
//! --test-threads 1`. Client and relay share the process and its processors.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::talk::{ENVELOPE, HELLO};
use super::*;

fn resident_mb(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn message(size: usize) -> String {
    format!(
        "Subject: x\r\n\r\n{}.\r\n",
        (String::from("x").repeat(76) + "\r\n").repeat(size / 78)
    )
}

async fn throughput(sessions: usize, messages: usize, size: usize) -> f64 {
    let mut relay = Relay::start().await;
    relay.script.gate.add_permits(sessions);
    let address = relay.address;
    let drain = tokio::spawn(async move { while relay.arrived.recv().await.is_some() {} });
    let envelope = b"MAIL FROM:<+15555550100@a.example>\r\nRCPT TO:<+15555550101@b.example>\r\nDATA\r\n";
    let began = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..sessions {
        let body = message(size);
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut buffer = [0; 512];
            let _ = stream.read(&mut buffer).await.unwrap();
            stream.write_all(b"HELO a.example\r\n").await.unwrap();
            let _ = stream.read(&mut buffer).await.unwrap();
            for _ in 0..messages {
                stream.write_all(envelope).await.unwrap();
                let mut heard = 0;
                while !buffer[..heard].windows(4).any(|w| w == b"354 ") {
                    heard += stream.read(&mut buffer[heard..]).await.unwrap();
                }
                stream.write_all(body.as_bytes()).await.unwrap();
                let heard = stream.read(&mut buffer).await.unwrap();
                assert!(buffer[..heard].starts_with(b"250 2.0.0 "));
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    drain.abort();
    (sessions * messages) as f64 / began.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn messages_a_second() {
    for (size, messages) in [(10_000, 1_000), (30_000, 1_000), (300_000, 100)] {
        let rate = throughput(20, messages, size).await;
        println!(
            "{size} octets, 20 sessions: {rate:.0} messages/s, {:.0} MB/s",
            rate * size as f64 / 1e6
        );
        assert!(rate > 500.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement; it wants 2,100 file descriptors and 5 GB of disk"]
async fn a_thousand_messages_of_five_megabytes_at_once() {
    let mut relay = Relay::start().await;
    let gate = relay.script.gate.acquire().await.unwrap();
    let body: Arc<str> = message(5_000_000).into();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let (mut talk, body) = (relay.connect().await, Arc::clone(&body));
        clients.spawn(async move {
            talk.runs(HELLO).await;
            talk.runs(ENVELOPE).await;
            talk.says(body.as_bytes()).await;
            talk.hears("250 2.0.0").await;
        });
    }
    let mut held = Vec::new();
    while held.len() < 1_000 {
        held.push(relay.arrived.recv().await.unwrap());
    }
    let (now, peak) = (resident_mb("VmRSS"), resident_mb("VmHWM"));
    println!("1,000 messages of 5 MB held: {now:.0} MB resident, {peak:.0} MB at most");
    assert!(peak < 512.0);
    drop((held, gate));
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement; it wants 18,100 file descriptors"]
async fn nine_thousand_sessions_that_wait() {
    let relay = Relay::with(|options| options.sessions_per_source = 20_000).await;
    let before = resident_mb("VmRSS");
    let mut talks = Vec::new();
    for _ in 0..9_000 {
        let mut talk = relay.connect().await.into_small();
        talk.runs(HELLO).await;
        talk.says(b"MAIL").await;
        talks.push(talk);
    }
    let each = (resident_mb("VmRSS") - before) * 1024.0 / 9_000.0;
    println!("9,000 sessions, half a command each: {each:.1} kB a session, the client's side included");
    assert!(each < 20.0);
}
