//! Replies (RFC 5321, 4.2) with enhanced status codes (RFC 3463, RFC 2034).

use std::fmt;

/// An enhanced status code: `5.1.1`. The class is the reply code's first digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced {
    pub subject: u16,
    pub detail: u16,
}

/// A reply: one code, and at least one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub enhanced: Option<Enhanced>,
    pub lines: Vec<String>,
}

impl Reply {
    pub fn new(code: u16, enhanced: Option<(u16, u16)>, text: impl Into<String>) -> Self {
        let enhanced = enhanced.map(|(subject, detail)| Enhanced { subject, detail });
        Self {
            code,
            enhanced,
            lines: vec![text.into()],
        }
    }

    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }
}

/// On one line, for logs: `550 5.1.1 no such user`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(Enhanced { subject, detail }) = self.enhanced {
            write!(f, " {}.{subject}.{detail}", self.code / 100)?;
        }
        for line in &self.lines {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}
