//! Command lines from a stream of octets. Only CRLF ends a line (RFC 5321, 2.3.8 and 4.1.1.4).

use memchr::memchr;

/// Takes command lines from the front of a buffer that the caller keeps.
///
/// It never copies, and never examines an octet twice, however small the pieces are in which the octets arrive.
#[derive(Debug)]
pub struct LineReader {
    limit: usize,
    drain: usize,
    /// Octets at the front of the input that are known to hold no LF.
    scanned: usize,
    /// Octets of an over-long line that were dropped already; 0 while the line is not too long.
    dropped: usize,
}

/// The front of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole line, without its CRLF. The caller drops `consumed` octets before the next call.
    Line { line: &'a [u8], consumed: usize },
    /// A line that cannot be accepted; its end was found, or the search for it was given up. `consumed` as above.
    Fault { fault: LineError, consumed: usize },
    /// No whole line yet. `consumed` octets belong to a line that is too long already, and may be dropped.
    More { consumed: usize },
}

/// Why a line is not a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("a command line is longer than {limit} octets")]
    TooLong { limit: usize },
    #[error("a command line holds a CR that no LF follows")]
    BareCr,
    #[error("a command line ends in LF without CR")]
    BareLf,
    #[error("a command line holds a NUL octet")]
    Nul,
}

impl LineReader {
    /// `limit` is the longest line in octets, CRLF included. Of a longer one, at most `drain` octets are read in search
    /// of its end.
    pub fn new(limit: usize, drain: usize) -> Self {
        Self {
            limit,
            drain,
            scanned: 0,
            dropped: 0,
        }
    }

    /// Examines the front of `input`, which is the rest of the last call's input followed by new octets.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Found<'a> {
        match memchr(b'\n', &input[self.scanned..]) {
            Some(at) => self.whole_line(&input[..self.scanned + at + 1]),
            None => self.no_end_yet(input.len()),
        }
    }

    fn whole_line<'a>(&mut self, raw: &'a [u8]) -> Found<'a> {
        let consumed = raw.len();
        let dropped = std::mem::take(&mut self.dropped);
        self.scanned = 0;
        let fault = |fault| Found::Fault { fault, consumed };
        if dropped > 0 || consumed > self.limit {
            return fault(LineError::TooLong { limit: self.limit });
        }
        let Some(line) = raw.strip_suffix(b"\r\n") else {
            return fault(LineError::BareLf);
        };
        match line.iter().find(|b| matches!(b, b'\r' | 0)) {
            Some(b'\r') => fault(LineError::BareCr),
            Some(_) => fault(LineError::Nul),
            None => Found::Line { line, consumed },
        }
    }

    fn no_end_yet(&mut self, waiting: usize) -> Found<'static> {
        if self.dropped == 0 && waiting < self.limit {
            self.scanned = waiting;
            return Found::More { consumed: 0 };
        }
        self.scanned = 0;
        self.dropped += waiting;
        if self.dropped <= self.drain {
            return Found::More { consumed: waiting };
        }
        self.dropped = 0;
        Found::Fault {
            fault: LineError::TooLong { limit: self.limit },
            consumed: waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces that end at `cuts`, and collects lines and faults.
    fn read(input: &[u8], cuts: &[usize]) -> Vec<Result<Vec<u8>, LineError>> {
        let mut reader = LineReader::new(16, 32);
        let (mut held, mut found, mut from) = (Vec::new(), Vec::new(), 0);
        for to in cuts.iter().copied().chain([input.len()]) {
            held.extend_from_slice(&input[from..to]);
            from = to;
            loop {
                let (result, consumed) = match reader.next(&held) {
                    Found::Line { line, consumed } => (Some(Ok(line.to_vec())), consumed),
                    Found::Fault { fault, consumed } => (Some(Err(fault)), consumed),
                    Found::More { consumed } => (None, consumed),
                };
                held.drain(..consumed);
                match result {
                    Some(result) => found.push(result),
                    None => break,
                }
            }
        }
        found
    }

    #[test]
    fn lines_and_faults_are_the_same_at_every_split() {
        let input = b"NOOP\r\n\r\nA\nB\rC\r\nD\0\r\nRSET\r\r\nQUIT\r\n";
        let line = |text: &str| Ok(text.as_bytes().to_vec());
        let expected = vec![
            line("NOOP"),
            line(""),
            Err(LineError::BareLf),
            Err(LineError::BareCr),
            Err(LineError::Nul),
            Err(LineError::BareCr),
            line("QUIT"),
        ];
        for first in 0..=input.len() {
            for second in first..=input.len() {
                assert_eq!(read(input, &[first, second]), expected, "split at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_taken_and_one_octet_more_is_not() {
        for split in 0..16 {
            assert_eq!(read(b"12345678901234\r\n", &[split]), [Ok(b"12345678901234".to_vec())]);
            let longer = read(b"123456789012345\r\nNOOP\r\n", &[split]);
            assert_eq!(longer, [Err(LineError::TooLong { limit: 16 }), Ok(b"NOOP".to_vec())]);
        }
    }

    #[test]
    fn an_endless_line_is_given_up_after_the_drain_limit() {
        let mut reader = LineReader::new(16, 32);
        assert_eq!(reader.next(&[b'x'; 15]), Found::More { consumed: 0 });
        assert_eq!(reader.next(&[b'x'; 16]), Found::More { consumed: 16 });
        assert_eq!(reader.next(&[b'x'; 16]), Found::More { consumed: 16 });
        let fault = LineError::TooLong { limit: 16 };
        assert_eq!(reader.next(b"x"), Found::Fault { fault, consumed: 1 });
    }
}
