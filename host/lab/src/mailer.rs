//! A plain client for a message at a time, that can show the conversation. Not for load.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;

use mm4relay::delivery::{Client, Extent};
use mm4relay::message::MmsAddress;
use mm4relay::protocol::smtp::outbound::{self, DotStuffer, Extensions};
use mm4relay::protocol::smtp::{Question, Reply};

pub(super) struct Mailer {
    client: Client,
    offered: Extensions,
    /// Whether both sides' lines go to standard error.
    verbose: bool,
}

/// What became of one message.
#[derive(Debug)]
pub(super) struct Sent {
    /// One per recipient that was refused, with the address.
    pub refused: Vec<(String, Reply)>,
    /// The answer that decided about the rest: to MAIL, DATA or the end of data. `None` when no recipient was taken.
    pub answer: Option<Reply>,
}

const LIMIT: Duration = Duration::from_secs(60);

impl Mailer {
    /// Connects and greets: EHLO, or HELO with a server that does not know EHLO.
    pub async fn connect(host: &str, helo: &str, verbose: bool) -> anyhow::Result<Self> {
        let client = Client::connect(host, LIMIT).await.with_context(|| host.to_owned())?;
        Self::greet(client, host, helo, verbose).await
    }

    /// As [`connect`](Self::connect), from this address of ours: peers are known by theirs.
    pub async fn connect_from(source: IpAddr, host: SocketAddr, helo: &str) -> anyhow::Result<Self> {
        let client = Client::connect_from(source, host, LIMIT).await;
        let client = client.with_context(|| host.to_string())?;
        Self::greet(client, &host.to_string(), helo, false).await
    }

    async fn greet(client: Client, host: &str, helo: &str, verbose: bool) -> anyhow::Result<Self> {
        let offered = Extensions::default();
        let mut mailer = Self {
            client,
            offered,
            verbose,
        };
        let greeting = mailer.answer().await?;
        if greeting.code != 220 {
            bail!("{host} does not let us in: {greeting}");
        }
        let ehlo = format!("EHLO {helo}\r\n");
        let ehlo = mailer.ask(Question::Ehlo, ehlo.as_bytes()).await?;
        if ehlo.code == 250 {
            mailer.offered = Extensions::from_reply(&ehlo);
            return Ok(mailer);
        }
        let answer = format!("HELO {helo}\r\n");
        let answer = mailer.ask(Question::Helo, answer.as_bytes()).await?;
        if answer.code != 250 {
            bail!("{host} takes neither EHLO ({ehlo}) nor HELO ({answer})");
        }
        Ok(mailer)
    }

    /// One transaction. A refusal is not an error: the connection can go on.
    pub async fn send(&mut self, from: Option<&MmsAddress>, to: &[MmsAddress], message: Bytes) -> anyhow::Result<Sent> {
        let mut framed = Vec::new();
        let mut stuffer = DotStuffer::default();
        stuffer.encode(message.clone(), &mut framed)?;
        stuffer.finish(&mut framed)?;
        let mut sent = Sent {
            refused: Vec::new(),
            answer: None,
        };
        let mut line = Vec::new();
        let eight_bit = self.offered.eight_bit_mime && !message.is_ascii();
        outbound::mail(
            &mut line,
            from,
            self.offered.size.map(|_| message.len() as u64),
            eight_bit,
        );
        let mail = self.ask(Question::Mail, &line).await?;
        if mail.code != 250 {
            sent.answer = Some(mail);
            return self.reset(sent).await;
        }
        for recipient in to {
            line.clear();
            outbound::rcpt(&mut line, recipient);
            let reply = self.ask(Question::Rcpt, &line).await?;
            if !reply.is_positive() {
                sent.refused.push((recipient.to_string(), reply));
            }
        }
        if sent.refused.len() == to.len() {
            return self.reset(sent).await;
        }
        let data = self.ask(Question::Data, b"DATA\r\n").await?;
        if data.code != 354 {
            sent.answer = Some(data);
            return self.reset(sent).await;
        }
        if self.verbose {
            eprintln!("C: ({} octets of message)\nC: .", message.len());
        }
        let mut framed = VecDeque::from(framed);
        let whole = Extent::ToItsEnd(None);
        self.client.write_message(&mut framed, whole, LIMIT).await?;
        sent.answer = Some(self.answer().await?);
        Ok(sent)
    }

    pub async fn quit(mut self) -> anyhow::Result<()> {
        self.ask(Question::Quit, b"QUIT\r\n").await.map(drop)
    }

    async fn reset(&mut self, sent: Sent) -> anyhow::Result<Sent> {
        self.ask(Question::Rset, b"RSET\r\n").await?;
        Ok(sent)
    }

    async fn ask(&mut self, question: Question, line: &[u8]) -> anyhow::Result<Reply> {
        if self.verbose {
            eprint!("C: {}", String::from_utf8_lossy(line));
        }
        self.client.ask(question, line, LIMIT).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> anyhow::Result<Reply> {
        let reply = self.client.answer(LIMIT).await.context("the session broke")?;
        if self.verbose {
            eprintln!("S: {reply}");
        }
        Ok(reply)
    }
}
