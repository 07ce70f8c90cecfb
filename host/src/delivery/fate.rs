//! What one attempt decided about each recipient, and the records that follow from it. No I/O, no clock.

use crate::message::{Envelope, Recipient, RecipientId};
use crate::protocol::smtp::{Enhanced, Question, Reply};

/// What one attempt decided about one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub id: RecipientId,
    pub verdict: Verdict,
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    Later,
    Never,
    /// The transaction had no room for the recipient, who goes into the next one at once.
    Next,
}

/// The reason: the host's reply, or the relay's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub code: Option<u16>,
    pub enhanced: Option<Enhanced>,
    pub text: String,
    /// The question that the reply answers; `None` where that is obvious, or nothing was asked.
    pub to: Option<Question>,
    /// A time limit decided, and not a reply.
    pub given_up: bool,
}

/// How many octets of a reply's text are kept. It appears in the log, in the queue, and in what senders are told.
const MAX_TEXT: usize = 1024;

/// One record to make of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub delivered: Vec<Fate>,
    pub failed: Vec<Fate>,
    pub rest: Rest,
}

/// What remains of the outgoing message after a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: all recipients have their end.
    Done,
    /// A failed message, kept for an operator.
    Dead,
    /// These recipients, which are to be tried again.
    Waiting(Vec<Fate>),
    /// Recipients that failed for good while others were delivered. The next record marks the message failed with them
    /// alone.
    Doomed(Vec<RecipientId>),
}

impl Verdict {
    /// What a reply to MAIL, DATA or the end of data decides for the recipients.
    pub fn of(reply: &Reply) -> Self {
        match reply.code {
            200..300 => Self::Taken,
            500..600 => Self::Never,
            _ => Self::Later,
        }
    }

    /// What a reply to RCPT decides for a recipient that is the only one, or the first. A 552 there counts as 452, "too
    /// many recipients" (RFC 5321, 4.5.3.1.10); a reply about the number of recipients says nothing about this one.
    pub fn of_recipient(reply: &Reply) -> Self {
        if reply.code == 552 || Answer::of(reply).is_about_number() {
            Self::Later
        } else {
            Self::of(reply)
        }
    }
}

impl Answer {
    pub fn of(reply: &Reply) -> Self {
        let mut text = reply.lines.join(" ");
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        Self {
            code: Some(reply.code),
            enhanced: reply.enhanced,
            ..Self::ours(text)
        }
    }

    /// The answer to this question.
    pub fn to(question: Question, reply: &Reply) -> Self {
        Self {
            to: Some(question),
            ..Self::of(reply)
        }
    }

    pub fn ours(text: impl Into<String>) -> Self {
        Self {
            code: None,
            enhanced: None,
            text: text.into(),
            to: None,
            given_up: false,
        }
    }

    /// With the question that it answers: `550 5.1.1 no such user (answer to RCPT)`.
    pub fn with_step(&self) -> String {
        match self.to {
            Some(question) => format!("{self} ({})", question.answer()),
            None => self.to_string(),
        }
    }

    /// With the host that gave it, and the question that it answers.
    pub fn at(&self, host: Option<&str>) -> String {
        match host {
            Some(host) => format!("{host}: {}", self.with_step()),
            None => self.with_step(),
        }
    }

    /// The relay's own decision in the words of a reply, where the host would have given the same one.
    pub fn ruled(code: u16, (subject, detail): (u16, u16), text: String) -> Self {
        Self {
            code: Some(code),
            enhanced: Some(Enhanced { subject, detail }),
            ..Self::ours(text)
        }
    }

    /// Whether the reply says that the transaction has too many recipients: X.5.3 (RFC 3463), 452 or 552 without an
    /// enhanced code that says otherwise (RFC 5321, 4.5.3.1.10), or those words.
    pub fn is_about_number(&self) -> bool {
        let refuses = self.code.is_some_and(|code| code >= 400);
        let words = self.text.to_ascii_lowercase();
        let says_so = ["too many recipients", "too many rcpt", "too many addresses"];
        refuses
            && match self.enhanced {
                Some(Enhanced { subject: 5, detail: 3 }) => true,
                None if matches!(self.code, Some(452 | 552)) => true,
                _ => says_so.iter().any(|phrase| words.contains(phrase)),
            }
    }
}

/// As in a log line: `550 5.1.1 no such user`.
impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
            if let Some(Enhanced { subject, detail }) = self.enhanced {
                write!(f, "{}.{subject}.{detail} ", code / 100)?;
            }
        }
        f.write_str(&self.text)
    }
}

impl Fate {
    pub fn new(recipient: &Recipient, verdict: Verdict, answer: &Answer) -> Self {
        Self {
            id: recipient.id,
            verdict,
            answer: answer.clone(),
        }
    }

    /// The transaction had no room for the recipient.
    pub fn next(recipient: &Recipient) -> Self {
        let answer = Answer::ours("there was no room in the transaction");
        Self::new(recipient, Verdict::Next, &answer)
    }

    /// The same verdict for every recipient.
    pub fn all(envelope: &Envelope, verdict: Verdict, answer: &Answer) -> Vec<Self> {
        let recipients = envelope.recipients.iter();
        recipients
            .map(|recipient| Self::new(recipient, verdict, answer))
            .collect()
    }
}

/// The records to make, in order; usually one.
///
/// When some recipients were taken, the others refused, and none waits, there are two. The first removes the taken ones
/// from the message; the second marks the message failed with the refused ones alone, so that an operator who retries
/// it sends nothing twice. A crash between the two repeats only the refused ones.
pub(super) fn entries(fates: Vec<Fate>) -> Vec<Entry> {
    let of = |verdict| fates.iter().filter(move |fate| fate.verdict == verdict).cloned();
    let delivered: Vec<Fate> = of(Verdict::Taken).collect();
    let failed: Vec<Fate> = of(Verdict::Never).collect();
    let waiting: Vec<Fate> = of(Verdict::Later).chain(of(Verdict::Next)).collect();
    let entry = |delivered, failed, rest| Entry {
        delivered,
        failed,
        rest,
    };
    match (delivered.is_empty(), failed.is_empty(), waiting.is_empty()) {
        (_, _, false) => vec![entry(delivered, failed, Rest::Waiting(waiting))],
        (true, _, true) => vec![entry(delivered, failed, Rest::Dead)],
        (false, true, true) => vec![entry(delivered, failed, Rest::Done)],
        (false, false, true) => {
            let doomed = failed.iter().map(|fate| fate.id).collect();
            vec![
                entry(delivered, Vec::new(), Rest::Doomed(doomed)),
                entry(Vec::new(), failed, Rest::Dead),
            ]
        }
    }
}

/// Turns waiting recipients into failed ones, because the message is too old.
pub(super) fn give_up(fates: Vec<Fate>, why: &str) -> Vec<Fate> {
    let bury = |fate: Fate| match fate.verdict {
        Verdict::Later | Verdict::Next => Fate {
            verdict: Verdict::Never,
            answer: Answer {
                text: format!("{why}; the last answer: {}", fate.answer),
                given_up: true,
                ..fate.answer
            },
            ..fate
        },
        _ => fate,
    };
    fates.into_iter().map(bury).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(id: RecipientId, verdict: Verdict) -> Fate {
        let answer = Answer::ours("because");
        Fate { id, verdict, answer }
    }

    fn shape(verdicts: &[Verdict]) -> Vec<(usize, usize, Rest)> {
        let fates = (0..)
            .zip(verdicts)
            .map(|(id, verdict)| fate(RecipientId(id), *verdict))
            .collect();
        let shape = |entry: Entry| (entry.delivered.len(), entry.failed.len(), entry.rest);
        entries(fates).into_iter().map(shape).collect()
    }

    #[test]
    fn recipients_of_one_fate_make_one_record() {
        use Verdict::*;
        assert_eq!(shape(&[Taken, Taken]), [(2, 0, Rest::Done)]);
        assert_eq!(shape(&[Never, Never]), [(0, 2, Rest::Dead)]);
        assert_eq!(
            shape(&[Later]),
            [(0, 0, Rest::Waiting(vec![fate(RecipientId(0), Later)]))]
        );
    }

    #[test]
    fn waiting_recipients_stay_behind_alone() {
        use Verdict::*;
        assert_eq!(
            shape(&[Taken, Later, Never]),
            [(1, 1, Rest::Waiting(vec![fate(RecipientId(1), Later)]))]
        );
    }

    #[test]
    fn a_message_that_partly_failed_is_buried_without_its_delivered_recipients() {
        use Verdict::*;
        assert_eq!(
            shape(&[Never, Taken]),
            [(1, 0, Rest::Doomed(vec![RecipientId(0)])), (0, 1, Rest::Dead)]
        );
    }

    #[test]
    fn too_many_recipients_is_not_a_refusal() {
        let full = Reply::new(552, None, "too many recipients");
        assert_eq!(Verdict::of_recipient(&full), Verdict::Later);
        assert_eq!(Verdict::of(&full), Verdict::Never);
    }
}
