//! An operator that takes messages: an SMTP server that misbehaves when its story says so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::sleep;

use super::mail::Seen;
use super::net::Listener;
use super::operators::{Operators, Taken};
use super::story::{Does, Stage};
use super::wire::{End, FOR_EVER};
use crate::message::Timestamp;

pub(super) async fn serve(operators: Arc<Operators>, letter: char, host: SocketAddr, listener: Arc<Listener>) {
    while let Some((end, _)) = listener.next().await {
        let talk = Talk {
            operators: Arc::clone(&operators),
            letter,
            host,
            line: BufReader::new(end),
            began: None,
            from: String::new(),
            to: Vec::new(),
            early: false,
        };
        tokio::spawn(async move {
            let _ = talk.run().await;
        });
    }
}

struct Talk {
    operators: Arc<Operators>,
    letter: char,
    host: SocketAddr,
    line: BufReader<End>,
    /// When MAIL was accepted, while its transaction is open.
    began: Option<Timestamp>,
    from: String,
    to: Vec<String>,
    /// It has said 250 to a message that it has not seen.
    early: bool,
}

/// The connection is over.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// A relay that says nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(90);

impl Talk {
    async fn run(mut self) -> Result<(), Over> {
        match self.meets(Stage::Greeting).await? {
            Some(code) => {
                self.say(&format!("{code} not now")).await?;
                return Ok(());
            }
            None => self.say("220 ready").await?,
        }
        loop {
            let line = self.hear().await?;
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    self.say("250-here\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0")
                        .await?
                }
                "MAIL" if self.began.is_some() => self.say("503 one at a time").await?,
                "MAIL" => {
                    self.to.clear();
                    let met = self.meets(Stage::Mail).await?;
                    self.from = in_brackets(&line);
                    self.began = met.is_none().then(|| self.operators.world.now());
                    self.reply(met, "250 go on").await?;
                }
                // Behind a MAIL that was refused, in the same group.
                "RCPT" if self.began.is_none() => self.say("503 who are you").await?,
                "RCPT" => {
                    let met = self.meets(Stage::Rcpt).await?;
                    if met.is_none() {
                        self.to.push(in_brackets(&line));
                    }
                    self.reply(met, "250 yes").await?;
                }
                "DATA" if self.to.is_empty() => self.say("503 for whom").await?,
                "DATA" => match self.meets(Stage::Data).await? {
                    Some(code) => self.say(&format!("{code} no")).await?,
                    None => self.data().await?,
                },
                "RSET" => {
                    self.to.clear();
                    self.began = None;
                    self.say("250 forgotten").await?;
                }
                "QUIT" => {
                    self.say("221 bye").await?;
                    return Ok(());
                }
                _ => self.say("500 what").await?,
            }
        }
    }

    async fn data(&mut self) -> Result<(), Over> {
        match self.early {
            true => self.say("354 say it\r\n250 2.0.0 taken").await?,
            false => self.say("354 say it").await?,
        }
        let mut octets = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = tokio::time::timeout(PATIENCE, self.line.read_until(b'\n', &mut line)).await;
            if read.map_err(|_| Over)?? == 0 || !line.ends_with(b"\r\n") {
                return Err(Over);
            }
            if line == b".\r\n" {
                break;
            }
            octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line[..]));
        }
        if std::mem::take(&mut self.early) {
            self.begin_anew();
            return self.say("451 4.0.0 no").await;
        }
        let does = self.operators.misbehaviour(self.letter, Stage::End);
        match does {
            Some(Does::Says(code)) => return self.refuse(code, &octets).await,
            Some(Does::HangsUp) => return Err(Over),
            Some(Does::Stalls) => {
                sleep(FOR_EVER).await;
                return Err(Over);
            }
            Some(Does::TakesAndHangsUp) => {
                self.took(&octets);
                return Err(Over);
            }
            Some(Does::Dawdles(seconds)) => sleep(Duration::from_secs(seconds)).await,
            Some(Does::AnswersEarly) | None => {}
        }
        let place = self.took(&octets);
        self.say("250 2.0.0 taken").await?;
        let trail = self.line.get_ref().trail();
        self.operators
            .with(self.letter, |operator| operator.taken[place].trail = Some(trail));
        Ok(())
    }

    async fn refuse(&mut self, code: u16, octets: &[u8]) -> Result<(), Over> {
        let seen = self.seen(octets);
        self.begin_anew();
        self.say(&format!("{code} {}.0.0 no", code / 100)).await?;
        if code >= 500 {
            let trail = Some(self.line.get_ref().trail());
            let refused = Taken { trail, ..seen };
            self.operators
                .with(self.letter, |operator| operator.refused.push(refused));
        }
        Ok(())
    }

    fn begin_anew(&mut self) {
        self.began = None;
        self.to.clear();
    }

    /// The message, whatever becomes of it.
    fn seen(&self, octets: &[u8]) -> Taken {
        let world = &self.operators.world;
        let seen = Seen::of(octets);
        let durable = super::world::held(&world.books).knows(&seen.id);
        let at = world.now();
        Taken {
            at,
            begun: self.began.unwrap_or(at),
            host: self.host,
            from: self.from.clone(),
            to: self.to.clone(),
            seen,
            durable,
            trail: None,
        }
    }

    /// Where it stands among those that were taken.
    fn took(&mut self, octets: &[u8]) -> usize {
        let taken = self.seen(octets);
        self.begin_anew();
        self.operators.took(self.letter, taken);
        self.operators.with(self.letter, |operator| operator.taken.len() - 1)
    }

    async fn hear(&mut self) -> Result<String, Over> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.line.read_line(&mut line)).await;
        match read.map_err(|_| Over)?? {
            0 => Err(Over),
            _ => Ok(line),
        }
    }

    async fn say(&mut self, text: &str) -> Result<(), Over> {
        let reply = format!("{text}\r\n");
        self.line.get_mut().write_all(reply.as_bytes()).await?;
        Ok(())
    }

    async fn reply(&mut self, met: Option<u16>, else_: &str) -> Result<(), Over> {
        match met {
            Some(code) => self.say(&format!("{code} no")).await?,
            None => self.say(else_).await?,
        }
        match met {
            Some(421) => Err(Over),
            _ => Ok(()),
        }
    }

    /// The code that it says instead of what it should, if any.
    async fn meets(&mut self, stage: Stage) -> Result<Option<u16>, Over> {
        match self.operators.misbehaviour(self.letter, stage) {
            Some(Does::Says(code)) => Ok(Some(code)),
            Some(Does::HangsUp | Does::TakesAndHangsUp) => Err(Over),
            Some(Does::Stalls) => {
                sleep(FOR_EVER).await;
                Err(Over)
            }
            Some(Does::Dawdles(seconds)) => {
                sleep(Duration::from_secs(seconds)).await;
                Ok(None)
            }
            Some(Does::AnswersEarly) => {
                self.early = stage == Stage::Data;
                Ok(None)
            }
            None => Ok(None),
        }
    }
}

/// The path in `MAIL FROM:<...>` or `RCPT TO:<...>`.
fn in_brackets(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}
