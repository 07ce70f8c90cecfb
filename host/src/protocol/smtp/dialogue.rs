//! The client's half of a session: which reply answers which question.
//!
//! SMTP numbers neither commands nor replies: the third reply answers the third command only because it is the third.
//! If a server sends one reply too many, a naive client applies it to a command that the server has not seen, and may
//! take for the answer to the end of a message what was sent before the message was complete. So replies are counted
//! here, for every command, and nowhere else:
//!
//! - **A reply answers a question only if that question had been asked in full when the first octet of the reply
//!   arrived.** The writer calls [`Dialogue::ask`] as soon as the last octet of a command is written, and hands
//!   everything that has arrived to [`Dialogue::hear`] before that. Octets that arrive while no question is open are
//!   out of step, and remain an error for the rest of the session: [`Unusable::Unasked`].
//! - **A reply must be of a kind that fits its question.** DATA succeeds by 354 only, STARTTLS by 220, everything else
//!   by 2xx (RFC 5321, 4.3.2): [`Unusable::Misfit`].
//!
//! With PIPELINING (RFC 2920) several questions are open at once, and the first rule still holds for each. A reply too
//! many that arrives only after the whole group was written shifts the replies behind it by one place. Then the reply
//! to the last RCPT stands in the place of the reply to DATA, and is no 354. So a shifted group never leads to a
//! message being sent.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::{Reply, ReplyError, ReplyReader};

/// A question of a client to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Asked by connecting.
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    /// AUTH, and each further response of it.
    Auth,
    Mail,
    Rcpt,
    Data,
    /// Asked by the final dot, after the whole message.
    EndOfData,
    Rset,
    Quit,
}

/// The state of one session, without any I/O.
#[derive(Debug)]
pub struct Dialogue {
    reader: ReplyReader,
    /// Questions that were asked in full and are not answered, the earliest first.
    open: VecDeque<Question>,
    /// Replies that were heard and not handed out yet.
    answers: VecDeque<(Question, Reply)>,
    /// Why nothing more is handed out, with one exception: see [`Dialogue::answer`].
    fault: Option<Unusable>,
}

/// Why no further reply of a server can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("out of step: the server said \"{said}\" before it was asked")]
    Unasked { said: String },
    #[error("out of step: \"{reply}\" is no {}", .question.answer())]
    Misfit { question: Question, reply: Reply },
    #[error("instead of the {}: {error}", .question.answer())]
    Garbage { question: Question, error: ReplyError },
}

/// How many octets of an unasked reply are shown.
const SHOWN: usize = 100;

impl Question {
    /// What the client waits for, in words: `answer to MAIL`.
    pub fn answer(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Ehlo => "answer to EHLO",
            Self::Helo => "answer to HELO",
            Self::StartTls => "answer to STARTTLS",
            Self::Auth => "answer to AUTH",
            Self::Mail => "answer to MAIL",
            Self::Rcpt => "answer to RCPT",
            Self::Data => "answer to DATA",
            Self::EndOfData => "answer to the end of data",
            Self::Rset => "answer to RSET",
            Self::Quit => "answer to QUIT",
        }
    }

    /// Whether a reply with this code can answer the question.
    pub fn fits(self, code: u16) -> bool {
        let refuses = (400..600).contains(&code);
        refuses
            || match self {
                Self::Data => code == 354,
                Self::StartTls => code == 220,
                // 334 asks for a further response.
                Self::Auth => matches!(code, 235 | 334),
                _ => (200..300).contains(&code),
            }
    }
}

impl Default for Dialogue {
    /// The state after connecting: the greeting is due.
    fn default() -> Self {
        Self {
            open: VecDeque::from([Question::Greeting]),
            ..Self::after_handshake()
        }
    }
}

impl Dialogue {
    /// The state after a TLS handshake. There is no second greeting (RFC 3207, 4.2).
    pub fn after_handshake() -> Self {
        Self {
            reader: ReplyReader::default(),
            open: VecDeque::new(),
            answers: VecDeque::new(),
            fault: None,
        }
    }

    /// Records that a question has been asked in full.
    pub fn ask(&mut self, question: Question) {
        self.open.push_back(question);
    }

    /// Consumes octets that have arrived, all of them.
    pub fn hear(&mut self, octets: &mut BytesMut) {
        while self.fault.is_none()
            && let Some(question) = self.waits_for()
        {
            // Junk before the receipt for a message must not hide it, or the message would be sent again. Anywhere else
            // junk means that the server does not speak SMTP.
            self.reader.pass_junk(question == Question::EndOfData);
            match self.reader.read(octets) {
                Ok(Some(reply)) => self.take(reply),
                Ok(None) => return,
                Err(error) => self.fail(error),
            }
        }
        // An empty line says nothing, and some servers end each reply with one.
        let rest = octets.split();
        let said = rest.trim_ascii();
        if self.fault.is_none() && !said.is_empty() {
            let said = printable(&said[..said.len().min(SHOWN)]);
            self.fault = Some(match self.reader.is_endless() {
                true => Unusable::Garbage {
                    question: Question::Quit,
                    error: ReplyError::Endless,
                },
                false => Unusable::Unasked { said },
            });
        }
    }

    /// Records that nothing more will arrive. A reply whose code has arrived is complete then.
    pub fn end(&mut self) {
        if self.fault.is_none()
            && !self.open.is_empty()
            && let Some(reply) = self.reader.finish()
        {
            self.take(reply);
        }
    }

    /// The reply to the earliest question that has not been handed out; `None` when it has not arrived.
    ///
    /// A session that is out of step gives no replies, because nobody knows by how many places it is shifted. Two kinds
    /// are valid all the same. One is a reply followed by 421, which a server may send at any time (RFC 5321, 3.8), or
    /// by the rest of an endless text. The other is the reply to the end of data, when what followed it says the same:
    /// the message was complete, and one of the two replies answers it.
    pub fn answer(&mut self) -> Result<Option<Reply>, Unusable> {
        if let Some(fault) = &self.fault {
            match self.answers.front() {
                Some(_) if fault.is_farewell() || fault.is_endless() => {}
                Some((Question::EndOfData, reply)) if fault.agrees_with(reply) => {}
                _ => return Err(fault.clone()),
            }
        }
        Ok(self.answers.pop_front().map(|(_, reply)| reply))
    }

    /// Fails when the session cannot go on.
    pub fn in_step(&self) -> Result<(), Unusable> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// Whether no question is open, every reply was handed out, and nothing else has arrived.
    pub fn is_quiet(&self) -> bool {
        self.fault.is_none() && self.open.is_empty() && self.answers.is_empty() && self.reader.is_between()
    }

    /// The earliest question whose reply has not arrived.
    pub fn waits_for(&self) -> Option<Question> {
        self.open.front().copied()
    }

    /// A line that arrived in place of the expected reply, if one did.
    pub fn junk(&self) -> Option<&str> {
        self.reader.junk()
    }

    /// The error for a server that sent junk in place of a reply, and nothing else.
    pub fn only_junk(&self) -> Option<Unusable> {
        let (question, line) = (self.waits_for()?, self.junk()?.to_owned());
        let error = ReplyError::NotAReply { line };
        Some(Unusable::Garbage { question, error })
    }

    fn take(&mut self, reply: Reply) {
        let Some(question) = self.open.pop_front() else { return };
        if question.fits(reply.code) {
            self.answers.push_back((question, reply));
        } else {
            self.fault = Some(Unusable::Misfit { question, reply });
        }
    }

    fn fail(&mut self, error: ReplyError) {
        let question = self.waits_for().unwrap_or(Question::Quit);
        self.fault = Some(Unusable::Garbage { question, error });
    }
}

impl Unusable {
    /// Whether the server announced, unasked, that it closes the connection.
    pub fn is_farewell(&self) -> bool {
        matches!(self, Self::Unasked { said } if said.starts_with("421"))
    }

    /// Whether the octets are the rest of a reply whose code has arrived, and which is read no further.
    fn is_endless(&self) -> bool {
        matches!(
            self,
            Self::Garbage {
                error: ReplyError::Endless,
                ..
            }
        )
    }

    /// Whether what followed a reply confirms it: it is of the same class.
    fn agrees_with(&self, reply: &Reply) -> bool {
        let class = |said: &str| said.as_bytes().first().map(|digit| u16::from(digit.wrapping_sub(b'0')));
        matches!(self, Self::Unasked { said } if class(said) == Some(reply.code / 100))
    }
}

fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
#[path = "dialogue_tests.rs"]
mod tests;
