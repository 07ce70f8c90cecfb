//! Conversations as text: `>` is said with CRLF, lines in a row in one write; `<` must be heard, at least its beginning;
//! `< end` is the end of the connection.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;

/// No read of a test waits longer: longer than all patience of the relay where the clock is stopped, and short where
/// it runs.
const STOPPED_DEADLINE: Duration = Duration::from_secs(4 * 3600);
const DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct Talk<S> {
    stream: BufReader<S>,
    heard: Vec<String>,
    deadline: Duration,
}

pub(super) const HELLO: &str = "< 220 relay.example\n> HELO a.example\n< 250 relay.example";

pub(super) const ENVELOPE: &str = "> MAIL FROM:<+15555550100/TYPE=PLMN@a.example>\n< 250 2.1.0
> RCPT TO:<+15555550101/TYPE=PLMN@b.example>\n< 250 2.1.5\n> DATA\n< 354 ";

pub(super) const MESSAGE: &str = "> Subject: x\n> \n> hello\n> .";

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    pub(super) fn new(stream: S) -> Self {
        let (stream, heard) = (BufReader::new(stream), Vec::new());
        let deadline = DEADLINE;
        Self {
            stream,
            heard,
            deadline,
        }
    }

    /// For tests that stop the clock.
    pub(super) fn patient(mut self) -> Self {
        self.deadline = STOPPED_DEADLINE;
        self
    }

    /// The same connection with next to no buffer, to have thousands.
    pub(super) fn into_small(self) -> Self {
        let stream = BufReader::with_capacity(64, self.stream.into_inner());
        let (heard, deadline) = (self.heard, self.deadline);
        Self {
            stream,
            heard,
            deadline,
        }
    }

    pub(super) async fn runs(&mut self, conversation: &str) {
        let mut said = String::new();
        for line in conversation.lines().map(|line| line.trim_start_matches("    ")) {
            if let Some(text) = line.strip_prefix("> ").or(line.strip_prefix('>')) {
                said.push_str(text);
                said.push_str("\r\n");
                continue;
            }
            self.says(std::mem::take(&mut said).as_bytes()).await;
            match line.strip_prefix("< ") {
                Some("end") => self.hears_the_end().await,
                Some(expected) => self.hears(expected).await,
                None => assert!(line.is_empty(), "not a line of a conversation: {line}"),
            }
        }
        self.says(said.as_bytes()).await;
    }

    /// A relay that has closed already does not take it; what counts is what it says.
    pub(super) async fn says(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            let _ = self.stream.write_all(octets).await;
            let _ = self.stream.flush().await;
        }
    }

    /// Says no more, and goes on listening.
    pub(super) async fn falls_silent(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    pub(super) async fn hears(&mut self, expected: &str) {
        let line = self.line().await;
        self.heard.push(line.clone());
        assert!(line.ends_with("\r\n"), "{:?} ends without CRLF", self.heard);
        assert!(
            line.starts_with(expected),
            "expected {expected:?} at last: {:#?}",
            self.heard
        );
    }

    pub(super) async fn hears_the_end(&mut self) {
        assert_eq!(self.line().await, "", "after {:#?}", self.heard);
    }

    /// Everything up to the end of the connection.
    pub(super) async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.line().await {
                line if line.is_empty() => return lines,
                line => lines.push(line.trim_end().to_owned()),
            }
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(self.deadline, self.stream.read_line(&mut line)).await;
        read.unwrap_or_else(|_| panic!("silence after {:#?}", self.heard))
            .unwrap();
        line
    }
}
