//! The problems of a configuration and of everything that it names, in words for the person who corrects them.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use mm4relay_engine::LoadErrorKind;

use crate::config::{Code, Examined, Found, Places, Problem, Problems};
use crate::routing::BadValues;
use crate::tables::TableError;
use crate::versions::CatalogueError;
use crate::versions::RefusedVersion;

/// Everything that was found, each on one line: `relay.toml:12: peer[0].tls.ca: ... [certificate-unusable]`. The code
/// at the end of a problem or a notice is a [`Code`].
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The file of the configuration.
    file: PathBuf,
    places: Places,
    /// Keys with a problem. Consequences of a bad key are not reported beside it.
    keys: Vec<String>,
    /// Problems, which keep a relay from starting, and a running one from applying the configuration.
    pub problems: Vec<String>,
    /// Notices, which prevent nothing, but which an operator should see to.
    pub notices: Vec<String>,
    /// Remarks on what will happen, where that is not obvious.
    pub remarks: Vec<String>,
}

impl Findings {
    /// The findings of the configuration itself.
    pub(crate) fn of(examined: &Examined) -> Self {
        let list = examined.problems.iter();
        let list = list.map(|problem| line(&examined.file, problem.clone()));
        Self {
            file: examined.file.clone(),
            places: examined.places.clone(),
            keys: examined.problems.iter().map(|problem| problem.key.clone()).collect(),
            problems: list.collect(),
            notices: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// No findings yet, about the same file.
    pub(crate) fn blank(&self) -> Self {
        Self {
            file: self.file.clone(),
            places: self.places.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// Adds a problem: what `key` names is of no use.
    pub(crate) fn problem(&mut self, code: Code, key: &str, said: impl Display) {
        if !self.keys.iter().any(|known| known == key) {
            self.keys.push(key.to_owned());
            let line = self.line(code, key, said);
            self.problems.push(line);
        }
    }

    pub(crate) fn notice(&mut self, code: Code, key: &str, said: impl Display) {
        let line = self.line(code, key, said);
        self.notices.push(line);
    }

    /// Adds a remark. Nothing is wrong, so it has no code.
    pub(crate) fn remark(&mut self, key: &str, said: impl Display) {
        let place = self.places.place(key);
        let file = place.and_then(|place| place.file.as_ref()).unwrap_or(&self.file);
        let line = place.map_or_else(String::new, |place| format!("{}:", place.line));
        self.remarks.push(format!("{}:{line} {key}: {said}", file.display()));
    }

    fn line(&self, code: Code, key: &str, said: impl Display) -> String {
        let place = self.places.place(key);
        let problem = Problem {
            file: place.and_then(|place| place.file.clone()),
            line: place.map(|place| place.line),
            key: key.to_owned(),
            found: Found::OfNoUse(code),
            expected: said.to_string(),
        };
        line(&self.file, problem)
    }

    pub(crate) fn table(&mut self, error: &TableError) {
        match error {
            TableError::BadRows { name, file, rows, more } => {
                let rows = rows.iter().map(|row| {
                    format!(
                        "{}:{}: table {name}: {} [{}]",
                        file.display(),
                        row.line,
                        row.reason,
                        Code::TableRow
                    )
                });
                self.problems.extend(rows);
                self.more(name, file, *more);
            }
            TableError::Unreadable { name, .. } | TableError::TooLarge { name, .. } => {
                let key = self.places.key("table", name, "file");
                self.problem(Code::TableUnreadable, &key, error);
            }
        }
    }

    /// Adds rows of the table in `file` whose values routing does not understand.
    pub(crate) fn bad_values(&mut self, bad: &BadValues, file: &Path) {
        let BadValues {
            table, rows, expected, ..
        } = bad;
        // Tables do not store line numbers, so the file is searched.
        let text = std::fs::read_to_string(file).unwrap_or_default();
        for (key, value) in rows {
            let is_it = |line: &str| {
                line.split_once(',')
                    .is_some_and(|(k, v)| k.trim() == key && v.trim() == value)
            };
            let line = text.lines().position(is_it);
            let line = line.map_or_else(String::new, |at| format!(":{}", at + 1));
            self.problems.push(format!(
                "{}{line}: table {table}: the value of {key} is {value:?}: expected {expected} [{}]",
                file.display(),
                Code::TableRow
            ));
        }
        self.more(table, file, bad.more);
    }

    fn more(&mut self, table: &str, file: &Path, more: usize) {
        if more > 0 {
            let file = file.display();
            self.problems.push(format!(
                "{file}: table {table}: {more} more bad rows [{}]",
                Code::TableRow
            ));
        }
    }

    pub(crate) fn plugins(&mut self, error: &CatalogueError) {
        for refused in &error.0 {
            let (name, (key, code)) = match refused {
                RefusedVersion::Load(error) => (&error.plugin, key_of(&error.kind)),
                RefusedVersion::Signature { plugin, .. } => (plugin, ("file", Code::PluginSignature)),
                RefusedVersion::Samples { plugin, .. } => (plugin, ("samples", Code::PluginSamples)),
                RefusedVersion::Shadow { plugin, .. }
                | RefusedVersion::Barred { plugin }
                | RefusedVersion::NotKept { plugin, .. }
                | RefusedVersion::ForAll { plugin }
                | RefusedVersion::NotConfigured { plugin } => (plugin, ("file", Code::PluginFile)),
            };
            let key = self.places.key("plugin", name, key);
            self.problem(code, &key, refused.line());
        }
    }

    /// Logs each problem and each notice on a line of its own. Subscribers' numbers in rows of tables are masked; the
    /// line says where they are.
    pub fn log(&self) {
        for problem in &self.problems {
            tracing::error!(event = "config-problem", "{problem}");
        }
        for notice in &self.notices {
            tracing::warn!(event = "config-notice", "{notice}");
        }
    }

    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// `3 problems`.
    pub fn count(&self) -> String {
        match self.problems.len() {
            1 => "1 problem".to_owned(),
            many => format!("{many} problems"),
        }
    }
}

/// The problem with its code at the end.
fn line(file: &Path, problem: Problem) -> String {
    let code = problem.code();
    let (file, list) = (file.to_owned(), vec![problem]);
    format!("{} [{code}]", Problems { file, list })
}

/// The key that an operator would change first.
fn key_of(kind: &LoadErrorKind) -> (&'static str, Code) {
    match kind {
        LoadErrorKind::NotGranted { .. } => ("grants", Code::PluginGrants),
        LoadErrorKind::ConfigureRefused { .. } => ("settings", Code::PluginSettings),
        LoadErrorKind::MemoryLimit { .. } | LoadErrorKind::ConfigureMemory { .. } => {
            ("limits.memory", Code::PluginLimits)
        }
        LoadErrorKind::ConfigureTime { .. } => ("limits.configure-time", Code::PluginLimits),
        _ => ("file", Code::PluginFile),
    }
}

/// The problems, one a line, and their number.
impl Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        f.write_str(&self.count())
    }
}

impl std::error::Error for Findings {}
