//! The head of an ICAP answer: its status and its fields (RFC 3507, 4.3.2).

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Octets of all lines together.
const MOST: usize = 64 << 10;

/// The status line and the fields.
#[derive(Debug)]
pub(super) struct Head {
    pub status: u16,
    pub reason: String,
    /// A continued value has its lines one below the other, each without the blanks around it.
    fields: Vec<(String, String)>,
}

impl Head {
    pub async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Self> {
        let mut left = MOST;
        let status = line(from, &mut left).await?;
        let (status, reason) = status_of(&status, "ICAP/").ok_or_else(|| wrong(&status))?;
        let mut head = Self {
            status,
            reason,
            fields: Vec::new(),
        };
        loop {
            let line = line(from, &mut left).await?;
            if line.is_empty() {
                return Ok(head);
            }
            match (head.fields.last_mut(), line.starts_with([' ', '\t'])) {
                (Some((_, value)), true) => {
                    value.push('\n');
                    value.push_str(line.trim());
                }
                _ => {
                    let (name, value) = line.split_once(':').ok_or_else(|| wrong(&line))?;
                    head.fields.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
        }
    }

    /// The value of the first field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether one of the words of a list is that one.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        let list = self.field(name).unwrap_or_default();
        list.split(',').any(|item| item.trim().eq_ignore_ascii_case(word))
    }
}

/// Status and reason of `ICAP/1.0 204 Unmodified`.
pub(super) fn status_of(line: &str, protocol: &str) -> Option<(u16, String)> {
    let (_, rest) = line.strip_prefix(protocol)?.split_once(' ')?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let code = Some(code).filter(|code| code.len() == 3)?.parse().ok()?;
    Some((code, reason.trim().to_owned()))
}

/// One line without its end.
pub(super) async fn line(from: &mut (impl AsyncBufRead + Unpin), left: &mut usize) -> io::Result<String> {
    let mut line = Vec::new();
    from.take(*left as u64).read_until(b'\n', &mut line).await?;
    *left -= line.len();
    match line.pop() {
        Some(b'\n') => {}
        None if *left > 0 => {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it hung up without an answer",
            ));
        }
        _ if *left == 0 => return Err(invalid("its answer's header has no end")),
        _ => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it hung up in its answer")),
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn wrong(line: &str) -> io::Error {
    let shown: String = line.chars().take(100).collect();
    invalid(&format!("it says {shown:?}, which is no ICAP"))
}

pub(super) fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
