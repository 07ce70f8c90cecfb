//! Rows of RFC 4180.

/// Each with the number of its first line. Values in quotes may hold commas, line ends and doubled quotes.
pub(in crate::ledger) struct Rows<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Rows<'a> {
    pub fn of(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }
}

impl Iterator for Rows<'_> {
    type Item = anyhow::Result<(usize, Vec<String>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let first = self.line;
        let (mut values, mut value, mut quoted) = (Vec::new(), String::new(), false);
        let mut characters = self.rest.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            self.line += usize::from(character == '\n');
            match character {
                '"' if quoted && characters.peek().is_some_and(|(_, next)| *next == '"') => {
                    value.push('"');
                    characters.next();
                }
                '"' => quoted = !quoted,
                ',' if !quoted => values.push(std::mem::take(&mut value)),
                '\r' if !quoted && characters.peek().is_some_and(|(_, next)| *next == '\n') => {}
                '\n' if !quoted => {
                    values.push(value);
                    self.rest = &self.rest[at + 1..];
                    return Some(Ok((first, values)));
                }
                other => value.push(other),
            }
        }
        self.rest = "";
        if quoted {
            return Some(Err(anyhow::anyhow!("line {first}: a quote is not closed")));
        }
        values.push(value);
        Some(Ok((first, values)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_quotes_may_hold_what_ends_others() {
        let rows = Rows::of("a,\"b, \"\"c\"\"\r\nd\",\r\ne,f,g");
        let rows: Vec<(usize, Vec<String>)> = rows.map(Result::unwrap).collect();
        let text = |row: [&str; 3]| row.map(str::to_owned).to_vec();
        assert_eq!(
            rows,
            [(1, text(["a", "b, \"c\"\r\nd", ""])), (3, text(["e", "f", "g"]))]
        );
        assert!(Rows::of("\"a").next().unwrap().is_err());
    }
}
