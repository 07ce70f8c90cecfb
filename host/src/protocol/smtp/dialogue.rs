//! The client's half of a session: which reply answers which question.
//!
//! SMTP numbers neither commands nor replies: the third reply answers the third command, and nothing but counting says so.
//! A server that says one reply too many is believed about a command that it has not seen, and what looks like the answer
//! to the end of a message may have been said before the message was there. So the counting is done here, for every
//! command, and nowhere else:
//!
//! - **A reply answers a question that had been asked in full when the first octet of the reply arrived.** Whoever writes
//!   tells [`Dialogue::ask`] as soon as the last octet of a command is written, and hands everything that has arrived to
//!   [`Dialogue::hear`] before that. What is heard while no question is open is out of step, and stays an error for the
//!   rest of the session: [`Unusable::Unasked`].
//! - **A reply must be of a kind that its question has.** DATA succeeds by 354 only, STARTTLS by 220, everything else by 2xx
//!   (RFC 5321, 4.3.2): [`Unusable::Misfit`].
//!
//! With PIPELINING (RFC 2920) several questions are open at once, and the first rule still holds for each. A reply too many
//! that comes only after the whole group was written shifts the answers behind it by one place; then the answer to the last
//! RCPT stands in the place of that to DATA, and is no 354. So a shifted group never leads to a message being sent.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::{Reply, ReplyError, ReplyReader};

/// What a client asks a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// By connecting.
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    /// AUTH, and each response behind it.
    Auth,
    Mail,
    Rcpt,
    Data,
    /// By the final dot, which the whole message stands before.
    EndOfData,
    Rset,
    Quit,
}

/// The state of one session, without any I/O.
#[derive(Debug)]
pub struct Dialogue {
    reader: ReplyReader,
    /// Asked in full, and not answered; the first one was asked first.
    open: VecDeque<Question>,
    /// Heard, and not handed out yet.
    answers: VecDeque<(Question, Reply)>,
    /// Nothing more is handed out, with one exception: see [`Dialogue::answer`].
    fault: Option<Unusable>,
}

/// Why nothing that a server says can be believed any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("out of step: the server said \"{said}\" before it was asked")]
    Unasked { said: String },
    #[error("out of step: \"{reply}\" is no {}", .question.answer())]
    Misfit { question: Question, reply: Reply },
    #[error("instead of the {}: {error}", .question.answer())]
    Garbage { question: Question, error: ReplyError },
}

/// Octets of an unasked reply that are shown.
const SHOWN: usize = 100;

impl Question {
    /// What it waits for, in words: `answer to MAIL`.
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

    /// Whether a reply with this code can be an answer to it.
    pub fn fits(self, code: u16) -> bool {
        let refuses = (400..600).contains(&code);
        refuses
            || match self {
                Self::Data => code == 354,
                Self::StartTls => code == 220,
                // 334 asks for more.
                Self::Auth => matches!(code, 235 | 334),
                _ => (200..300).contains(&code),
            }
    }
}

impl Default for Dialogue {
    /// Of a connection that was just opened: the greeting is due.
    fn default() -> Self {
        Self {
            open: VecDeque::from([Question::Greeting]),
            ..Self::after_handshake()
        }
    }
}

impl Dialogue {
    /// Of a connection that was just encrypted. There is no second greeting (RFC 3207, 4.2).
    pub fn after_handshake() -> Self {
        Self {
            reader: ReplyReader::default(),
            open: VecDeque::new(),
            answers: VecDeque::new(),
            fault: None,
        }
    }

    /// A question has been asked in full.
    pub fn ask(&mut self, question: Question) {
        self.open.push_back(question);
    }

    /// Takes octets that have arrived, to the last one.
    pub fn hear(&mut self, octets: &mut BytesMut) {
        while self.fault.is_none()
            && let Some(question) = self.waits_for()
        {
            // What comes before the receipt of a message must not hide it: the message would be sent again. Anywhere else
            // somebody talks who is no SMTP server.
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

    /// Nothing more will arrive: a reply whose code has come is taken as it is.
    pub fn end(&mut self) {
        if self.fault.is_none()
            && !self.open.is_empty()
            && let Some(reply) = self.reader.finish()
        {
            self.take(reply);
        }
    }

    /// The answer to the earliest question that has not been handed out; `None` when it has not come.
    ///
    /// Out of step, nothing is answered, because nobody knows by how many places. Two answers stand all the same: one that
    /// a server sends 421 behind, as it may at any time (RFC 5321, 3.8), or the rest of a text without end; and the answer to the end of data, when what came
    /// behind it says the same, because the message was there, and one of the two answers it.
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

    /// Whether the session can go on.
    pub fn in_step(&self) -> Result<(), Unusable> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// Whether no question is open, every answer was handed out, and nothing else has come.
    pub fn is_quiet(&self) -> bool {
        self.fault.is_none() && self.open.is_empty() && self.answers.is_empty() && self.reader.is_between()
    }

    /// The earliest question whose answer has not come.
    pub fn waits_for(&self) -> Option<Question> {
        self.open.front().copied()
    }

    /// A line that came instead of the answer that is due, if one did.
    pub fn junk(&self) -> Option<&str> {
        self.reader.junk()
    }

    /// What came instead of an answer is all that came.
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
    /// Whether the server has said unasked that it closes the connection.
    pub fn is_farewell(&self) -> bool {
        matches!(self, Self::Unasked { said } if said.starts_with("421"))
    }

    /// Whether it is the rest of a reply whose code has come, and which is not listened to any longer.
    fn is_endless(&self) -> bool {
        matches!(
            self,
            Self::Garbage {
                error: ReplyError::Endless,
                ..
            }
        )
    }

    /// Whether what came behind a reply leaves no doubt about it: it is of the same class.
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
