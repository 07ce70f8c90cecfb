//! `plugin.toml`, beside a plug-in's sources: how it is built, and the limits that it needs.

use std::collections::BTreeSet;
use std::path::Path;

use mm4relay_engine::Grant;

use super::file::{Report, Section};
use super::forms::text;
use super::included::Text;
use super::problem::{Found, Problems, one_of};
use super::{PluginLimits, Problem};

/// The file's name.
pub const MANIFEST: &str = "plugin.toml";

/// The contents of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// `language`; without it, the files in the folder decide.
    pub language: Option<Language>,
    /// `build`: a command with its arguments, in place of the language's own tools. It runs in the plug-in's folder.
    pub build: Vec<String>,
    /// `component`: the file that the command writes, in the plug-in's folder.
    pub component: Option<String>,
    pub grants: BTreeSet<Grant>,
    /// `[limits]`, as in `[plugin.limits]` of the relay's configuration.
    pub limits: PluginLimits,
}

/// A language that `plugin build` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Rust,
    JavaScript,
    TypeScript,
    Python,
}

impl Language {
    pub const WORDS: [(&'static str, Self); 4] = [
        ("rust", Self::Rust),
        ("javascript", Self::JavaScript),
        ("typescript", Self::TypeScript),
        ("python", Self::Python),
    ];

    fn from_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, language)| *language)
    }
}

impl Manifest {
    /// Reads the manifest in `folder`. Without the file, nothing is granted and every limit has its default.
    pub fn read(folder: &Path) -> Result<Self, Problems> {
        let file = folder.join(MANIFEST);
        let problems = |list: Vec<Problem>| Problems {
            file: file.clone(),
            list,
        };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(problems(vec![Problem::no_file(&error, "a text in UTF-8")]));
            }
        };
        let (manifest, list) = Self::parse(&text);
        match list.is_empty() {
            true => Ok(manifest),
            false => Err(problems(list)),
        }
    }

    fn parse(text: &str) -> (Self, Vec<Problem>) {
        let whole = Text::of(text);
        let report = Report::new(&whole);
        let (table, errors) = toml::de::DeTable::parse_recoverable(text);
        let manifest = match errors.is_empty() {
            true => report.root(table.get_ref(), Self::of),
            false => Self::default(),
        };
        for error in errors {
            let at = error.span().map(|span| span.start);
            report.note(at, "", Found::NotToml, error.message().replace('\n', ", "));
        }
        (manifest, report.finish())
    }

    fn of(s: &mut Section<'_>) -> Self {
        let language = s.optional("language", |value| {
            let word = value.as_str().unwrap_or_default();
            let words = Language::WORDS.map(|(word, _)| word);
            Language::from_word(word).ok_or_else(|| one_of(word, &words))
        });
        let build = s.list("build", text(COMMAND));
        let component = s.optional("component", text(COMPONENT));
        if !build.is_empty() && component.is_none() {
            s.refuse("component", COMPONENT);
        }
        let grants = s.list("grants", |value| {
            let word = value.as_str().unwrap_or_default();
            word.parse().map_err(|_| one_of(word, &Grant::NAMES))
        });
        Self {
            language,
            build,
            component,
            grants: grants.into_iter().collect(),
            limits: s.section("limits", PluginLimits::read),
        }
    }
}

const COMMAND: &str = "a command and its arguments, such as [\"make\", \"component\"]";
const COMPONENT: &str = "the file that the command in build writes, such as \"out/plugin.wasm\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_how_a_plug_in_is_built_and_what_it_needs() {
        let (manifest, problems) = Manifest::parse(
            "language = \"python\"\ngrants = [\"log\", \"kv\"]\n[limits]\nmemory = \"64 MiB\"\ntime = \"20 ms\"\n",
        );
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(manifest.language, Some(Language::Python));
        assert_eq!(manifest.grants.len(), 2);
        assert_eq!(manifest.limits.memory, Some(64 << 20));
        assert_eq!(Manifest::parse(""), (Manifest::default(), Vec::new()));
    }

    #[test]
    fn every_slip_in_a_manifest_is_said_with_its_line() {
        let text = "language = \"pyton\"\ngrants = [\"logs\"]\nbuild = [\"make\"]\n[limits]\nmemory = \"1 TiB\"\n";
        let (_, problems) = Manifest::parse(text);
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 4, "{said:#?}");
        assert!(said[0].contains("language") && said[0].contains("python"), "{said:#?}");
    }
}
