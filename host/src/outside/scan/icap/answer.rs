//! The answer of an ICAP service about a part.
//!
//! The standard has no field for a verdict: a service answers that nothing is to be changed (204), or sends a
//! replacement for the part. Scanners add fields that name what they found. A part that comes back unchanged counts as
//! clean, too, because not every service answers 204 whenever it could.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncReadExt};

use super::head::{Head, invalid, line, status_of};
use crate::outside::gate::Trouble;
use crate::outside::scan::Scanned;

/// Octets of HTTP headers in an answer.
const HEADERS_MAX: usize = 64 << 10;
/// How many octets of a body are read beyond those of the part: for a page that names what was found.
const PAGE_MAX: usize = 1 << 20;
/// Of a name, in characters.
const NAME_MAX: usize = 200;

#[derive(Debug)]
pub(super) struct Answer {
    pub head: Head,
    /// The status and reason of the HTTP response that replaces the part.
    instead: Option<(u16, String)>,
    /// The body is that of the part.
    is_unchanged: bool,
    /// The body was read to its end.
    is_whole: bool,
}

/// The offsets of an answer's parts, after its own header.
struct Places {
    response: Option<usize>,
    body: Option<usize>,
    /// Of all headers.
    headers: usize,
}

impl Answer {
    /// Reads an answer to its end, or as far as it is needed.
    pub async fn read(from: &mut (impl AsyncBufRead + Unpin), part: &Scanned) -> io::Result<Self> {
        let mut answer = Self {
            head: Head::read(from).await?,
            instead: None,
            is_unchanged: false,
            is_whole: true,
        };
        let Some(encapsulated) = answer.head.field("Encapsulated") else {
            return Ok(answer);
        };
        let places = Places::of(encapsulated)?;
        let mut headers = vec![0; places.headers];
        from.read_exact(&mut headers).await?;
        answer.instead = places.response.and_then(|at| {
            let text = String::from_utf8_lossy(headers.get(at..)?);
            status_of(text.lines().next()?, "HTTP/")
        });
        if places.body.is_some() {
            let rest = Rest::of(part);
            (answer.is_unchanged, answer.is_whole) = rest.compare(from, part.size() + PAGE_MAX).await?;
        }
        Ok(answer)
    }

    /// Whether the connection can be used for another request.
    pub fn leaves_open(&self) -> bool {
        self.is_whole && !self.head.lists("Connection", "close")
    }

    /// The name of what was found, if anything was.
    pub fn found(&self) -> Result<Option<String>, Trouble> {
        let Head { status, reason, .. } = &self.head;
        let threat = self.threat().map(|name| short(&name));
        match (status, &self.instead) {
            (200 | 204, _) if threat.is_some() => Ok(threat),
            (204, _) => Ok(None),
            (200, _) if self.is_unchanged => Ok(None),
            (200, Some((code @ 400.., reason))) => Ok(Some(short(&format!("blocked: {code} {reason}")))),
            (200, _) => Err(Trouble::Failed(
                "it changed the part, and did not say what it found".to_owned(),
            )),
            (413, _) => Err(Trouble::TooLarge(format!("it says {status} {reason}"))),
            _ => Err(Trouble::Failed(format!("it says {status} {reason}"))),
        }
    }

    /// The name in the fields that scanners add.
    fn threat(&self) -> Option<String> {
        let infection = self.head.field("X-Infection-Found").map(|value| {
            let named = value.split(';').find_map(|item| item.trim().strip_prefix("Threat="));
            named.unwrap_or(value).to_owned()
        });
        // A number; then for each violation its file, its name, its number, and what was done about it.
        let violation = || {
            let mut lines = self.head.field("X-Violations-Found")?.lines();
            let is_one = lines.next()?.trim() != "0";
            is_one.then(|| lines.nth(1).unwrap_or("a violation").to_owned())
        };
        let virus = || {
            let changed = self.head.status == 200 && !self.is_unchanged;
            changed.then(|| self.head.field("X-Virus-ID").map(str::to_owned))?
        };
        infection.or_else(violation).or_else(virus)
    }
}

/// On one line.
fn short(name: &str) -> String {
    let plain = name.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(NAME_MAX).collect()
}

impl Places {
    /// Of `res-hdr=0, res-body=161`.
    fn of(encapsulated: &str) -> io::Result<Self> {
        let wrong = || {
            invalid(&format!(
                "its answer is {encapsulated:?}, which says nothing of where it ends"
            ))
        };
        let mut places = Self {
            response: None,
            body: None,
            headers: 0,
        };
        for item in encapsulated.split(',') {
            let (name, at) = item.trim().split_once('=').ok_or_else(wrong)?;
            let at: usize = at.parse().map_err(|_| wrong())?;
            match name {
                "res-hdr" => places.response = Some(at),
                "req-hdr" => {}
                "res-body" | "req-body" | "opt-body" => (places.body, places.headers) = (Some(at), at),
                "null-body" => places.headers = at,
                _ => return Err(wrong()),
            }
        }
        match places.headers <= HEADERS_MAX {
            true => Ok(places),
            false => Err(invalid("its answer holds more headers than anybody needs")),
        }
    }
}

/// The rest of the part that a body must still match.
struct Rest<'a> {
    pieces: std::slice::Iter<'a, Bytes>,
    piece: &'a [u8],
    is_same: bool,
}

impl<'a> Rest<'a> {
    fn of(part: &'a Scanned) -> Self {
        Self {
            pieces: part.pieces.iter(),
            piece: &[],
            is_same: true,
        }
    }

    /// Reads a chunked body, at most `most` octets. Returns whether it is the part, and whether it was read to its end.
    async fn compare(mut self, from: &mut (impl AsyncBufRead + Unpin), most: usize) -> io::Result<(bool, bool)> {
        let (mut left, mut buffer) = (most, vec![0; 16 << 10]);
        loop {
            let mut line_left = HEADERS_MAX;
            let size = line(from, &mut line_left).await?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            let mut size =
                usize::from_str_radix(digits, 16).map_err(|_| invalid("its answer has a chunk without a size"))?;
            if size == 0 {
                // Trailers are read and ignored.
                while !line(from, &mut line_left).await?.is_empty() {}
                return Ok((self.is_same && self.ends(), true));
            }
            if size > left {
                return Ok((false, false));
            }
            left -= size;
            while size > 0 {
                let read = size.min(buffer.len());
                from.read_exact(&mut buffer[..read]).await?;
                self.take(&buffer[..read]);
                size -= read;
            }
            line(from, &mut line_left).await?;
        }
    }

    fn take(&mut self, mut octets: &[u8]) {
        while self.is_same && !octets.is_empty() {
            if self.piece.is_empty() {
                match self.pieces.next() {
                    Some(piece) => self.piece = piece,
                    None => self.is_same = false,
                }
                continue;
            }
            let both = octets.len().min(self.piece.len());
            self.is_same = octets[..both] == self.piece[..both];
            (octets, self.piece) = (&octets[both..], &self.piece[both..]);
        }
    }

    fn ends(&self) -> bool {
        self.piece.is_empty() && self.pieces.clone().all(|piece| piece.is_empty())
    }
}
