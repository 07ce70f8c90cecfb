//! The text of a configuration: its own file, followed by the files that it includes.
//!
//! `include = ["conf.d/*.toml"]` appends the files that the patterns match, in the order of the patterns and of the
//! files' names, and the result is read as one document. TOML's own rules then say what may be repeated: `[[peer]]`s of
//! several files are one list, and a second `[limits]` is a problem. Each file must also make sense by itself, whatever
//! precedes it: it begins with a section, and does not silently extend a section of another file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::problem::{Found, Problem};

/// The form of a pattern.
pub(super) const PATTERN: &str = "the path of a file, or of files with one * in their names, such as conf.d/*.toml";

/// Everything that is read as one document.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) whole: String,
    /// The files, as they were read.
    pub(super) sources: Vec<ReadFile>,
    /// The files after the first one, each with the line of `whole`, counted from 0, where it begins.
    included: Vec<(usize, PathBuf)>,
}

/// A file of a configuration, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFile {
    pub file: PathBuf,
    pub text: String,
}

impl ReadFile {
    fn new(file: &Path, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// The problems that prevent reading a text as one document.
pub(super) type Refused = Vec<Problem>;

impl Text {
    /// The text of one file alone.
    pub(super) fn of(whole: &str) -> Self {
        Self {
            whole: whole.to_owned(),
            sources: Vec::new(),
            included: Vec::new(),
        }
    }

    /// The configuration in `file`, whose own text is `own`, with everything that it includes. Returns what could be
    /// read, together with the problems.
    pub(super) fn with_included(own: &str, file: &Path) -> (Self, Refused) {
        let mut text = Self::of(own);
        text.sources.push(ReadFile::new(file, own));
        let (table, errors) = DeTable::parse_recoverable(own);
        // The reader of the whole text reports invalid TOML.
        if !errors.is_empty() {
            return (text, Vec::new());
        }
        let base = file.parent().unwrap_or(Path::new(""));
        let (files, mut refused) = files(table.get_ref(), own, base);
        let mut lists = BTreeMap::new();
        learn(&mut lists, table.get_ref());
        for file in files {
            match std::fs::read_to_string(&file) {
                Ok(more) => match fits(&mut lists, &more, &file) {
                    Ok(()) => {
                        text.sources.push(ReadFile::new(&file, &more));
                        text.append(&more, file);
                    }
                    Err(problems) => refused.extend(problems),
                },
                Err(error) => refused.push(Problem {
                    file: Some(file),
                    ..Problem::no_file(&error, "a part of the configuration, in UTF-8")
                }),
            }
        }
        (text, refused)
    }

    /// The file and line, counted from 1, of a line of the whole text, counted from 0. `None` stands for the
    /// configuration itself.
    pub(super) fn place(&self, line: usize) -> (Option<&Path>, usize) {
        let behind = self.included.partition_point(|(first, _)| *first <= line);
        match behind.checked_sub(1).and_then(|at| self.included.get(at)) {
            Some((first, file)) => (Some(file), line - first + 1),
            None => (None, line + 1),
        }
    }

    fn append(&mut self, more: &str, file: PathBuf) {
        if !self.whole.ends_with('\n') {
            self.whole.push('\n');
        }
        let lines = self.whole.bytes().filter(|octet| *octet == b'\n').count();
        self.included.push((lines, file));
        self.whole.push_str(more);
    }
}

/// The files that the patterns of `include` match, each once, and the problems of the patterns.
fn files(table: &DeTable<'_>, own: &str, base: &Path) -> (Vec<PathBuf>, Refused) {
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    let Some(DeValue::Array(patterns)) = table.get("include").map(|found| found.get_ref()) else {
        // The reader of the whole text reports a value of another type.
        return (files, refused);
    };
    for (at, pattern) in patterns.iter().enumerate() {
        let Some(text) = pattern.get_ref().as_str() else {
            continue;
        };
        match matched(&base.join(text)) {
            Ok(matched) => {
                for file in matched {
                    if !files.contains(&file) {
                        files.push(file);
                    }
                }
            }
            Err(wrong) => refused.push(Problem {
                file: None,
                line: Some(line_of(own, pattern.span().start)),
                key: format!("include[{at}]"),
                found: Found::Value(format!("{text:?}")),
                expected: format!("{PATTERN}; {wrong}"),
            }),
        }
    }
    (files, refused)
}

/// The files that a pattern matches, in the order of their names. A pattern without `*` must match; one with `*` may
/// match nothing.
fn matched(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = pattern.parent().unwrap_or(Path::new(""));
    if folder.to_string_lossy().contains('*') {
        return Err("a * stands in the name of a file, not of a folder".to_owned());
    }
    let Some((before, behind)) = name.split_once('*') else {
        return match pattern.is_file() {
            true => Ok(vec![pattern.to_owned()]),
            false => Err(format!("there is no file {}", pattern.display())),
        };
    };
    if behind.contains('*') {
        return Err("one * is enough".to_owned());
    }
    let listed = std::fs::read_dir(folder).map_err(|error| format!("the folder {}: {error}", folder.display()))?;
    let mut found = Vec::new();
    for entry in listed {
        let path = entry
            .map_err(|error| format!("the folder {}: {error}", folder.display()))?
            .path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // As in a shell, a * matches no name that begins with a dot: editors keep copies under such names.
        let is_it = !name.starts_with('.')
            && name.len() >= before.len() + behind.len()
            && name.starts_with(before)
            && name.ends_with(behind);
        if is_it && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The keys of the top level so far, and whether each is a list of sections.
type Lists = BTreeMap<String, bool>;

fn learn(lists: &mut Lists, table: &DeTable<'_>) {
    for (key, value) in table {
        lists.insert(key.get_ref().to_string(), matches!(value.get_ref(), DeValue::Array(_)));
    }
}

/// Whether the text means the same behind the other files as by itself.
fn fits(lists: &mut Lists, text: &str, file: &Path) -> Result<(), Refused> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let problem = |at: Option<usize>, key: &str, found: Found, expected: String| Problem {
        file: Some(file.to_owned()),
        line: at.map(|at| line_of(text, at)),
        key: key.to_owned(),
        found,
        expected,
    };
    let mut refused: Refused = errors
        .iter()
        .map(|error| {
            let at = error.span().map(|span| span.start);
            problem(at, "", Found::NotToml, error.message().replace('\n', ", "))
        })
        .collect();
    for (key, value) in table.get_ref() {
        let (name, at) = (key.get_ref().as_ref(), Some(key.span().start));
        let is_section = match value.get_ref() {
            DeValue::Table(_) => lists.get(name) != Some(&true),
            DeValue::Array(items) => items.iter().all(|item| matches!(item.get_ref(), DeValue::Table(_))),
            _ => false,
        };
        if !is_section {
            let expected = match value.get_ref() {
                DeValue::Table(_) => format!("[[{name}]] before it: the section that it belongs to is in another file"),
                _ => "sections alone, such as [[peer]]: keys of no section stand in the file that includes this one"
                    .into(),
            };
            refused.push(problem(at, name, Found::Misplaced, expected));
        }
    }
    match refused.is_empty() {
        true => {
            learn(lists, table.get_ref());
            Ok(())
        }
        false => Err(refused),
    }
}

/// The line of an offset, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    1 + before.iter().filter(|octet| **octet == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const OWN: &str = "include = ['conf.d/*.toml']\n[relay]\nname = 'relay.example'\ndomains = ['mms.example']\n\
                       listen = ['127.0.0.1:0']\n[[peer]]\nname = 'a'\nhosts = ['192.0.2.1:25']\n";

    /// A folder with this configuration and these files in `conf.d`.
    fn folder(own: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("conf.d")).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join("conf.d").join(name), text).unwrap();
        }
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, own).unwrap();
        (folder, file)
    }

    /// What is wrong, without the folder.
    fn complaints(own: &str, files: &[(&str, &str)]) -> Vec<String> {
        let (folder, file) = folder(own, files);
        let all = Config::load(&file).unwrap_err().to_string();
        let folder = format!("{}/", folder.path().display());
        all.lines().map(|line| line.replace(&folder, "")).collect()
    }

    #[test]
    fn what_is_included_is_read_in_the_order_of_the_names_behind_the_file_itself() {
        let peer = |name: &str| format!("[[peer]]\nname = '{name}'\nhosts = ['192.0.2.1:25']\n");
        let (b, c) = (peer("b"), peer("c"));
        let files = [
            ("20-c.toml", c.as_str()),
            ("10-b.toml", b.trim_end()),
            (".b.toml.swp", "x"),
            ("b.toml~", "x"),
        ];
        let (_folder, file) = folder(OWN, &files);
        let config = Config::load(&file).unwrap();
        let names: Vec<&str> = config.peers.iter().map(|peer| peer.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn a_problem_names_the_file_in_which_it_stands_and_the_line_there() {
        let more = "[limits]\nsessions = 3\n\n[[route]]\nprefix = '+1555'\npeer = 'nobody'\n";
        let found = complaints(OWN, &[("routes.toml", more)]);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].starts_with("conf.d/routes.toml:6: route[0].peer is \"nobody\""),
            "{found:#?}"
        );
    }

    #[test]
    fn what_stands_twice_is_a_problem_at_its_second_place() {
        let found = complaints(OWN, &[("x.toml", "\n[relay]\nnode = 'b'\n")]);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].starts_with("conf.d/x.toml:2: not TOML: duplicate key"),
            "{found:#?}"
        );
    }

    #[test]
    fn a_file_that_would_mean_something_else_behind_another_one_is_refused() {
        let found = complaints(
            OWN,
            &[
                ("x.toml", "node = 'b'\n[peer.tls]\nfrom = 'required'\n"),
                ("y.toml", "a = [\n"),
            ],
        );
        let begins = [
            "conf.d/x.toml:1: node stands where it does not belong: expected sections alone",
            "conf.d/x.toml:2: peer stands where it does not belong: expected [[peer]] before it",
            "conf.d/y.toml:",
        ];
        for (line, begin) in found.iter().zip(begins) {
            assert!(line.starts_with(begin), "{found:#?}");
        }
        assert!(found.len() >= 3, "{found:#?}");
    }

    #[test]
    fn a_pattern_that_leads_nowhere_is_a_problem_and_one_without_a_match_is_none() {
        assert!(Config::load(&folder(OWN, &[]).1).is_ok());
        for (pattern, why) in [
            ("conf.d/x.toml", "there is no file"),
            ("nowhere/*.toml", "the folder"),
            ("*/x.toml", "not of a folder"),
            ("conf.d/*.*", "one * is enough"),
        ] {
            let found = complaints(&OWN.replace("conf.d/*.toml", pattern), &[]);
            assert!(
                found[0].starts_with(&format!("relay.toml:1: include[0] is \"{pattern}\"")),
                "{found:#?}"
            );
            assert!(found[0].contains(why), "{found:#?}");
        }
    }
}
