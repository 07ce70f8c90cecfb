//! The reader of the file: its tables, key by key. Every problem is recorded, and none ends the reading.
//!
//! Deriving `Deserialize` would stop at the first problem. Here a section is read to its end whatever it contains; a
//! key that no reader asked for is unknown, and is reported when the section closes.

use std::cell::RefCell;
use std::fmt::Display;
use std::path::Path;

use serde_json::{Map, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::included::Text;
use super::problem::{Found, Problem, nearest};
use super::renamed::{Renamed, old_name};

/// The longest value that is shown in full in messages, in characters.
const SHOWN_VALUE: usize = 80;

/// The result of reading a value: its meaning, or a description of a right value.
pub(super) type Read<T> = Result<T, String>;

/// Collects problems, with their lines.
pub(super) struct Report<'d> {
    text: &'d Text,
    /// Each problem with its line in the whole text.
    problems: RefCell<Vec<(Option<usize>, Problem)>>,
    renamed: RefCell<Vec<(usize, Renamed)>>,
}

/// A table of the file, or a missing one, in which every key is missing.
pub(super) struct Section<'d> {
    path: String,
    table: Option<&'d DeTable<'d>>,
    /// Where the section begins in the file; `None` for a missing one.
    at: Option<usize>,
    known: Vec<&'static str>,
    report: &'d Report<'d>,
}

impl<'d> Report<'d> {
    pub(super) fn new(text: &'d Text) -> Self {
        Self {
            text,
            problems: RefCell::default(),
            renamed: RefCell::default(),
        }
    }

    /// Records a problem; `at` is an offset in the file.
    pub(super) fn note(&self, at: Option<usize>, key: impl Display, found: Found, expected: impl Into<String>) {
        let line = at.map(|at| self.line(at));
        let place = line.map(|line| self.text.place(line));
        let problem = Problem {
            file: place.and_then(|(file, _)| file).map(Path::to_owned),
            line: place.map(|(_, line)| line),
            key: key.to_string(),
            found,
            expected: expected.into(),
        };
        self.problems.borrow_mut().push((line, problem));
    }

    /// Records that the key at this offset has another name now.
    fn note_renamed(&self, at: usize, key: String, new_name: &'static str) {
        let line = self.line(at);
        let (file, number) = self.text.place(line);
        let renamed = Renamed {
            file: file.map(Path::to_owned),
            line: Some(number),
            key,
            new_name,
        };
        let mut all = self.renamed.borrow_mut();
        // A section may be read more than once.
        if !all.iter().any(|(_, known)| *known == renamed) {
            all.push((line, renamed));
        }
    }

    /// The line of the whole text, counted from 0.
    fn line(&self, at: usize) -> usize {
        let text = self.text.whole.as_bytes();
        let before = &text[..at.min(text.len())];
        before.iter().filter(|octet| **octet == b'\n').count()
    }

    /// The keys under old names so far, in the order of the file.
    pub(super) fn renamed(&self) -> Vec<Renamed> {
        let mut renamed = self.renamed.borrow().clone();
        renamed.sort_by_key(|(line, _)| *line);
        renamed.into_iter().map(|(_, renamed)| renamed).collect()
    }

    /// All problems, in the order of the file; those without a line first.
    pub(super) fn finish(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(line, _)| *line);
        problems.into_iter().map(|(_, problem)| problem).collect()
    }

    /// Reads the whole file as one section.
    pub(super) fn root<T>(&'d self, table: &'d DeTable<'d>, read: impl FnOnce(&mut Section<'d>) -> T) -> T {
        Section::over(String::new(), Some((table, 0)), self).finish(read)
    }
}

impl<'d> Section<'d> {
    fn over(path: String, table: Option<(&'d DeTable<'d>, usize)>, report: &'d Report<'d>) -> Self {
        Self {
            path,
            table: table.map(|(table, _)| table),
            at: table.map(|(_, at)| at),
            known: Vec::new(),
            report,
        }
    }

    /// The value of `key`, if it is there and can be read. An unreadable value is a problem.
    pub(super) fn optional<T>(&mut self, key: &'static str, form: impl FnOnce(&DeValue<'d>) -> Read<T>) -> Option<T> {
        let found = self.find(key)?;
        form(found.get_ref())
            .map_err(|expected| self.wrong(&self.key(key), found, expected))
            .ok()
    }

    /// Like [`optional`](Self::optional), but a missing key is a problem too; `expected` says what should be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        form: impl FnOnce(&DeValue<'d>) -> Read<T>,
    ) -> Option<T> {
        if self.find(key).is_none() {
            self.report.note(self.at, self.key(key), Found::Nothing, expected);
        }
        self.optional(key, form)
    }

    /// The items of the list `key`, without unreadable ones. Empty when the key is missing.
    pub(super) fn list<T>(&mut self, key: &'static str, mut form: impl FnMut(&DeValue<'d>) -> Read<T>) -> Vec<T> {
        let Some(found) = self.find(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = found.get_ref() else {
            self.wrong(&self.key(key), found, "a list in square brackets");
            return Vec::new();
        };
        let read = |(at, item): (usize, &'d Spanned<DeValue<'d>>)| {
            form(item.get_ref())
                .map_err(|expected| self.wrong(&format!("{}[{at}]", self.key(key)), item, expected))
                .ok()
        };
        items.iter().enumerate().filter_map(read).collect()
    }

    /// Reads the table `[key]`. When it is missing, `read` gets a section without keys, so that required keys are
    /// reported.
    pub(super) fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'d>) -> T) -> T {
        let table = self.find(key).and_then(|found| match found.get_ref() {
            DeValue::Table(table) => Some((table, found.span().start)),
            _ => {
                self.wrong(&self.key(key), found, format!("a table: [{}]", self.key(key)));
                None
            }
        });
        Section::over(self.key(key), table, self.report).finish(read)
    }

    /// The table `[key]`, when there is one.
    pub(super) fn optional_section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'d>) -> T,
    ) -> Option<T> {
        self.has(key).then(|| self.section(key, read))
    }

    /// The tables `[[key]]`, in the order of the file.
    pub(super) fn sections<T>(&mut self, key: &'static str, mut read: impl FnMut(&mut Section<'d>) -> T) -> Vec<T> {
        let expected = format!("tables in double brackets: [[{}]]", self.key(key));
        let Some(found) = self.find(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = found.get_ref() else {
            self.wrong(&self.key(key), found, expected);
            return Vec::new();
        };
        let mut all = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let path = format!("{}[{at}]", self.key(key));
            match item.get_ref() {
                DeValue::Table(table) => {
                    let section = Section::over(path, Some((table, item.span().start)), self.report);
                    all.push(section.finish(&mut read));
                }
                _ => self.wrong(&path, item, expected.as_str()),
            }
        }
        all
    }

    /// Reads again the table `[key]` or the tables `[[key]]`, for checks that depend on other sections.
    pub(super) fn again(&mut self, key: &'static str, mut look: impl FnMut(&mut Section<'d>)) {
        let found = self.find(key);
        let items = match found.map(|found| (found.get_ref(), found.span().start)) {
            Some((DeValue::Array(items), _)) => items,
            Some((DeValue::Table(table), at)) => {
                return look(&mut Section::over(self.key(key), Some((table, at)), self.report));
            }
            _ => return,
        };
        for (at, item) in items.iter().enumerate() {
            if let DeValue::Table(table) = item.get_ref() {
                let path = format!("{}[{at}]", self.key(key));
                look(&mut Section::over(path, Some((table, item.span().start)), self.report));
            }
        }
    }

    /// The text of `key`, if it is one; otherwise an empty text, without a problem.
    pub(super) fn peek(&mut self, key: &'static str) -> &'d str {
        self.find(key)
            .and_then(|found| found.get_ref().as_str())
            .unwrap_or_default()
    }

    /// Reports the value of `key` as a problem: it is readable, but contradicts the rest of the file.
    pub(super) fn refuse(&mut self, key: &'static str, expected: impl Into<String>) {
        match self.find(key) {
            Some(found) => self.wrong(&self.key(key), found, expected),
            None => self
                .report
                .note(self.at, self.key(key), Found::Nothing, expected.into()),
        }
    }

    /// Reads the table `[key]` again.
    pub(super) fn look_into(&mut self, key: &'static str, look: impl FnOnce(&mut Section<'d>)) {
        let table = self.find(key).and_then(|found| match found.get_ref() {
            DeValue::Table(table) => Some((table, found.span().start)),
            _ => None,
        });
        look(&mut Section::over(self.key(key), table, self.report));
    }

    /// Reports the last item of the list `key` with this text.
    pub(super) fn refuse_item(&mut self, key: &'static str, text: &str, expected: impl Into<String>) {
        let found = self.find(key).map(Spanned::get_ref);
        let items = found.and_then(DeValue::as_array).into_iter().flatten().enumerate();
        let same = items.filter(|(_, item)| item.get_ref().as_str() == Some(text));
        match same.last() {
            Some((at, item)) => self.wrong(&format!("{}[{at}]", self.key(key)), item, expected),
            None => self.refuse(key, expected),
        }
    }

    /// Whether `key` is there at all.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// Whether `key` is anything but an empty list. Bad items are reported by whoever reads the list.
    pub(super) fn has_items(&mut self, key: &'static str) -> bool {
        self.find(key)
            .is_some_and(|found| !matches!(found.get_ref(), DeValue::Array(items) if items.is_empty()))
    }

    /// The path of the key from the top of the file.
    fn key(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        let new = !self.known.contains(&key);
        if new {
            self.known.push(key);
        }
        let table = self.table?;
        let old = old_name(&self.path, key).and_then(|old| Some((old, table.get_key_value(old)?)));
        let Some((old, (name, value))) = old else {
            return table.get(key);
        };
        if new {
            self.known.push(old);
            match table.get(key) {
                Some(_) => self.wrong(&self.key(old), value, format!("{key} alone: {old} is its old name")),
                None => self.report.note_renamed(name.span().start, self.key(old), key),
            }
        }
        table.get(key).or(Some(value))
    }

    fn wrong(&self, path: &str, found: &Spanned<DeValue<'d>>, expected: impl Into<String>) {
        let shown = Found::Value(show(found.get_ref()));
        self.report.note(Some(found.span().start), path, shown, expected);
    }

    /// Runs `read`, then reports the keys that it did not ask for.
    fn finish<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let value = read(&mut self);
        for key in self.table.iter().flat_map(|table| table.keys()) {
            let name = key.get_ref().as_ref();
            if !self.known.contains(&name) {
                let expected = match nearest(name, self.known.iter().copied()) {
                    Some(meant) => format!("{meant}, probably"),
                    None => format!("one of {}", self.known.join(", ")),
                };
                let at = Some(key.span().start);
                self.report.note(at, self.key(name), Found::UnknownKey, expected);
            }
        }
        value
    }
}

/// Any table as JSON, for settings that only a plug-in understands. Dates become text.
pub(super) fn json(value: &DeValue<'_>) -> Read<Json> {
    Ok(match value {
        DeValue::String(text) => Json::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Json::from)
            .map_err(|_| "an integer of at most 64 bits".to_owned())?,
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Json::Number)
            .ok_or("a finite number: JSON, in which plug-ins get their settings, has no other")?,
        DeValue::Boolean(value) => Json::from(*value),
        DeValue::Datetime(time) => Json::from(time.to_string()),
        DeValue::Array(items) => Json::Array(items.iter().map(|item| json(item.get_ref())).collect::<Read<_>>()?),
        DeValue::Table(table) => {
            let entry = |(key, value): (&Spanned<_>, &Spanned<_>)| Ok((key_text(key), json(value.get_ref())?));
            Json::Object(table.iter().map(entry).collect::<Read<Map<_, _>>>()?)
        }
    })
}

fn key_text(key: &Spanned<std::borrow::Cow<'_, str>>) -> String {
    key.get_ref().to_string()
}

/// A value as it could stand in the file, on one line, and cut if it is long.
fn show(value: &DeValue<'_>) -> String {
    let whole = match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| show(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(_) => "a table".to_owned(),
    };
    match whole.char_indices().nth(SHOWN_VALUE) {
        Some((cut, _)) => format!("{}...", &whole[..cut]),
        None => whole,
    }
}
