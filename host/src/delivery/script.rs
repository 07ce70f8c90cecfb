//! The commands of one transaction, encoded, with the number of those that were sent.

use crate::protocol::smtp::Question;

/// The commands can be sent one by one, or several at once.
#[derive(Default)]
pub(super) struct Script {
    octets: Vec<u8>,
    /// Where each command ends.
    ends: Vec<(Question, usize)>,
    /// Commands that have been sent.
    sent: usize,
}

/// A question, and where it ends in the octets that are sent.
pub(super) type Asked = (Question, usize);

/// The most commands in one pipelined group. Their replies fit into the buffers of a connection, so that a server which
/// replies while it is being asked never has to wait for us to read (RFC 2920, 3.1).
const GROUP: usize = 100;

impl Script {
    pub fn add(&mut self, question: Question, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.octets);
        self.ends.push((question, self.octets.len()));
    }

    /// The question of command number `place`.
    pub fn question(&self, place: usize) -> Option<Question> {
        self.ends.get(place).map(|(question, _)| *question)
    }

    /// Whether command number `place` has been sent.
    pub fn was_sent(&self, place: usize) -> bool {
        place < self.sent
    }

    /// What must be sent before command number `place` can be answered: nothing when it was sent, the command alone, or
    /// the group that it begins. The end of each question is an offset into what is sent. Earlier commands that were
    /// not sent are passed over.
    pub fn next(&mut self, place: usize, pipelining: bool) -> Option<(&[u8], Vec<Asked>)> {
        if self.was_sent(place) {
            return None;
        }
        let until = if pipelining { place + GROUP } else { place + 1 };
        let until = until.min(self.ends.len());
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before].1);
        let questions = &self.ends[place..until];
        let questions: Vec<Asked> = questions
            .iter()
            .map(|(question, end)| (*question, end - start))
            .collect();
        let end = start + questions.last().map_or(0, |(_, end)| *end);
        self.sent = until;
        Some((&self.octets[start..end], questions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(recipients: usize) -> Script {
        let mut script = Script::default();
        script.add(Question::Mail, |out| out.extend_from_slice(b"M\r\n"));
        for _ in 0..recipients {
            script.add(Question::Rcpt, |out| out.extend_from_slice(b"R\r\n"));
        }
        script.add(Question::Data, |out| out.extend_from_slice(b"D\r\n"));
        script
    }

    #[test]
    fn with_pipelining_commands_leave_in_groups_and_else_one_by_one() {
        let mut plain = script(2);
        let (sent, questions) = plain.next(0, false).unwrap();
        assert_eq!((sent, questions), (&b"M\r\n"[..], vec![(Question::Mail, 3)]));
        let (sent, questions) = plain.next(3, false).unwrap();
        assert_eq!((sent, questions), (&b"D\r\n"[..], vec![(Question::Data, 3)]));

        let mut grouped = script(150);
        let (sent, questions) = grouped.next(0, true).unwrap();
        assert_eq!((sent.len(), questions.len(), questions[99].1), (300, 100, 300));
        assert!(grouped.next(99, true).is_none(), "it went out with its group");
        let (sent, questions) = grouped.next(100, true).unwrap();
        assert_eq!((sent.len(), questions.len()), (156, 52));
        assert_eq!(questions.last(), Some(&(Question::Data, 156)));
    }
}
