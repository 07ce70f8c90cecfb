//! Verbs about the configuration: its file against what runs, a candidate, putting one in place, and going back.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::generations::{self, Generation, KeptFile};
use super::relay::Reload;
use super::{Ask, Desk, Kind, Method, Problem, Role, When, Who};

/// What a reload would change, and what is wrong with the file. Nothing is changed; plug-ins are not loaded for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    pub file: String,
    /// What runs.
    #[serde(default)]
    pub generation: u64,
    /// What is wrong with it, as `check` says it: a reload would change nothing then.
    pub problems: Vec<String>,
    /// What differs from what runs, one thing each. Empty when there is nothing to apply, or too much is wrong.
    pub changes: Vec<String>,
    /// The lines that differ from the text of what runs, as `diff -u` shows them.
    #[serde(default)]
    pub difference: String,
}

impl Ask for Compare {
    type Answer = Compared;
    const NAME: &'static str = "configuration-compare";
    const ABOUT: &'static str = "What a reload would change, and what is wrong with the configuration's file";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/configuration/compare";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Compared, Problem> {
        let compared = desk
            .live("has a configuration at work")?
            .compare_configuration(None)
            .await;
        let runs = generations::last(&desk.folder)?;
        let mut difference = String::new();
        for source in runs.iter().flat_map(|runs| &runs.files) {
            let now = std::fs::read_to_string(&source.file).unwrap_or_default();
            difference += &differences(&source.file, &source.text, &now);
        }
        Ok(Compared {
            generation: runs.map_or(0, |runs| runs.number),
            difference,
            ..compared
        })
    }
}

/// What would be wrong with this text in the place of the configuration's file, and what it would change. Files that it
/// includes are read where the file's own would be. Nothing is changed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckCandidate {
    pub text: String,
}

impl Ask for CheckCandidate {
    type Answer = Compared;
    const NAME: &'static str = "configuration-check";
    const ABOUT: &'static str = "What is wrong with a candidate for the configuration, and what it would change";
    const METHOD: Method = Method::Post;
    const ONLY_LOOKS: bool = true;
    const PATH: &'static str = "/v1/configuration/check";
    const ROLE: Role = Role::Administrator;

    fn noted_question(&self) -> serde_json::Result<serde_json::Value> {
        Ok(noted_text(&self.text))
    }

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Compared, Problem> {
        let live = desk.live("has a configuration at work")?;
        let runs = desk.runs()?;
        let compared = live.compare_configuration(Some(self.text.clone())).await;
        let main = runs
            .main()
            .map(|source| differences(&source.file, &source.text, &self.text));
        Ok(Compared {
            generation: runs.number,
            difference: main.unwrap_or_default(),
            ..compared
        })
    }
}

/// The files of a configuration that runs or has run, whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShowConfiguration {
    /// What runs, without it.
    pub generation: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConfigurationFiles {
    pub generation: u64,
    pub since: When,
    /// The configuration itself, and behind it what it includes.
    pub files: Vec<ConfigurationFile>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConfigurationFile {
    pub file: String,
    pub text: String,
}

impl Ask for ShowConfiguration {
    type Answer = ConfigurationFiles;
    const NAME: &'static str = "configuration";
    const ABOUT: &'static str = "The files of a configuration that runs or has run";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/configuration";
    const ROLE: Role = Role::Administrator;
    /// Masked, it would be no configuration any more.
    const REVEALS: bool = true;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<ConfigurationFiles, Problem> {
        let generation = match self.generation {
            Some(number) => desk.generation(number)?,
            None => desk.runs()?,
        };
        let file = |source: KeptFile| ConfigurationFile {
            file: source.file.display().to_string(),
            text: source.text,
        };
        Ok(ConfigurationFiles {
            generation: generation.number,
            since: generation.since,
            files: generation.files.into_iter().map(file).collect(),
        })
    }
}

/// Configurations that have run, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generations {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AllGenerations {
    pub generations: Vec<ShownGeneration>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ShownGeneration {
    pub generation: u64,
    pub since: When,
    pub files: Vec<String>,
    /// Lines that it added to the one before, and lines that it took away.
    pub added: u64,
    pub removed: u64,
}

impl Ask for Generations {
    type Answer = AllGenerations;
    const NAME: &'static str = "configuration-generations";
    const ABOUT: &'static str = "Configurations that have run, newest first: the first one runs";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/configuration/generations";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllGenerations, Problem> {
        let all = generations::all(&desk.folder)?;
        let mut before: Option<&Generation> = None;
        let mut shown = Vec::with_capacity(all.len());
        for generation in &all {
            let (added, removed) = before.map_or((0, 0), |before| counted(before, generation));
            shown.push(ShownGeneration {
                generation: generation.number,
                since: generation.since,
                files: generation
                    .files
                    .iter()
                    .map(|it| it.file.display().to_string())
                    .collect(),
                added,
                removed,
            });
            before = Some(generation);
        }
        shown.reverse();
        Ok(AllGenerations { generations: shown })
    }
}

/// Put this text in the place of the configuration's file, and apply it: when anything is wrong with it, the file is as
/// before, and nothing was changed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    pub text: String,
    /// Only if this generation runs: somebody else may have applied another one meanwhile.
    #[serde(default)]
    pub expects: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Applied {
    /// The generation that ran.
    pub before: u64,
    /// The one that runs now.
    pub after: u64,
}

impl Ask for Apply {
    type Answer = Applied;
    const NAME: &'static str = "configuration-apply";
    const ABOUT: &'static str = "Put a configuration in the place of the file and apply it: all of it or nothing";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/configuration/apply";
    const ROLE: Role = Role::Administrator;

    fn noted_question(&self) -> serde_json::Result<serde_json::Value> {
        Ok(noted_text(&self.text))
    }

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Applied, Problem> {
        let live = desk.live("applies a configuration")?;
        let _turn = desk.configuring.lock().await;
        let runs = desk.runs()?;
        if let Some(expected) = self.expects.filter(|expected| *expected != runs.number) {
            let detail = format!(
                "generation {expected} runs no more, {} does: look at what has changed, and apply again",
                runs.number
            );
            return Err(Problem::new(Kind::WrongState, detail));
        }
        // Before it is written: a relay that starts now finds a file that is good.
        let compared = live.compare_configuration(Some(self.text.clone())).await;
        if !compared.problems.is_empty() {
            return Err(Problem::configuration(compared.problems));
        }
        let main = runs.main().map(|source| KeptFile {
            text: self.text,
            ..source.clone()
        });
        desk.put_in_place(who, &runs, main.into_iter().collect()).await
    }
}

/// Put the files of a configuration that has run in their places again, and apply it. What comes of it is a generation of
/// its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoBack {
    pub generation: u64,
}

impl Ask for GoBack {
    type Answer = Applied;
    const NAME: &'static str = "configuration-go-back";
    const ABOUT: &'static str = "Put a configuration that has run in its place again and apply it";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/configuration/go-back";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Applied, Problem> {
        desk.live("applies a configuration")?;
        let _turn = desk.configuring.lock().await;
        let (runs, wanted) = (desk.runs()?, desk.generation(self.generation)?);
        let is_foreign = |source: &&KeptFile| wanted.text(&source.file).is_none();
        if let Some(source) = runs.files.iter().find(is_foreign) {
            let (file, number) = (source.file.display(), wanted.number);
            let detail = format!("{file} was no part of generation {number}: move it away, then go back");
            return Err(Problem::new(Kind::WrongState, detail));
        }
        desk.put_in_place(who, &runs, wanted.files).await
    }
}

impl Desk {
    /// The configuration that runs.
    fn runs(&self) -> Result<Generation, Problem> {
        let last = generations::last(&self.folder)?;
        last.ok_or_else(|| Problem::new(Kind::WrongState, "no configuration has run on this folder"))
    }

    fn generation(&self, number: u64) -> Result<Generation, Problem> {
        let read = generations::read(&self.folder, number)?;
        read.ok_or_else(|| {
            let detail = format!("there is no generation {number}, or none any more");
            Problem::new(Kind::UnknownId, detail)
        })
    }

    /// Writes these files and reloads. When that is not taken, the files are as before.
    async fn put_in_place(&self, who: &Who, runs: &Generation, files: Vec<KeptFile>) -> Result<Applied, Problem> {
        let stood = unchanged(runs, &files)?;
        let written = write(&files);
        let reloaded = match written {
            Ok(()) => Box::pin(Reload {}.answer(self, who)).await.map(|_| ()),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = reloaded {
            put_back(&stood)?;
            return Err(problem);
        }
        Ok(Applied {
            before: runs.number,
            after: self.runs()?.number,
        })
    }
}

/// What stands in these files; `None`: nothing. A file that somebody has changed since it was read is not written over.
fn unchanged(runs: &Generation, files: &[KeptFile]) -> Result<Vec<(PathBuf, Option<String>)>, Problem> {
    let mut stood = Vec::new();
    for source in files {
        let now = match std::fs::read_to_string(&source.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            read => Some(read?),
        };
        if now.as_deref() != runs.text(&source.file) {
            let detail = format!(
                "{} has changed since the relay read it: reload, or put it back as it was, and try again",
                source.file.display()
            );
            return Err(Problem::new(Kind::WrongState, detail));
        }
        stood.push((source.file.clone(), now));
    }
    Ok(stood)
}

fn write(files: &[KeptFile]) -> Result<(), Problem> {
    files.iter().try_for_each(|source| {
        generations::put(&source.file, &source.text).map_err(|error| {
            let detail = format!(
                "the relay cannot write {}: {error}. Let its user write there, or write the file yourself and reload",
                source.file.display()
            );
            Problem::new(Kind::Store, detail)
        })
    })
}

fn put_back(stood: &[(PathBuf, Option<String>)]) -> std::io::Result<()> {
    for (file, text) in stood {
        let is_so = std::fs::read_to_string(file).ok() == *text;
        match text {
            _ if is_so => {}
            Some(text) => generations::put(file, text)?,
            None => std::fs::remove_file(file)?,
        }
    }
    Ok(())
}

/// The audit is no place for a whole configuration: generations have it.
fn noted_text(text: &str) -> serde_json::Value {
    serde_json::json!({"octets": text.len(), "lines": text.lines().count()})
}

/// As `diff -u` shows it; empty when nothing differs.
fn differences(file: &Path, before: &str, now: &str) -> String {
    let name = file.display().to_string();
    let difference = TextDiff::from_lines(before, now);
    match before == now {
        true => String::new(),
        false => difference.unified_diff().header(&name, &name).to_string(),
    }
}

/// Lines that were added and removed.
fn counted(before: &Generation, now: &Generation) -> (u64, u64) {
    let text = |of: &Generation| of.files.iter().map(|source| source.text.as_str()).collect::<String>();
    let (before, now) = (text(before), text(now));
    let difference = TextDiff::from_lines(&before, &now);
    difference
        .iter_all_changes()
        .fold((0, 0), |(added, removed), change| match change.tag() {
            similar::ChangeTag::Insert => (added + 1, removed),
            similar::ChangeTag::Delete => (added, removed + 1),
            similar::ChangeTag::Equal => (added, removed),
        })
}
