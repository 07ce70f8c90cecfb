//! Verbs about the files of charging records.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, BoxFuture, Desk, Kind, Method, Problem, Role, When, Who};

/// The files of all outputs of one relay, running or not. The assembly implements it.
pub trait RecordFiles: Send + Sync + 'static {
    /// The names of the outputs.
    fn outputs(&self) -> Vec<String>;

    /// Which closed files there are.
    fn files(&self) -> BoxFuture<'_, Result<Vec<OutputFiles>, Problem>>;

    /// Writes everything that was recorded before, and closes the files of the outputs of these names.
    fn close(&self, outputs: Vec<String>) -> BoxFuture<'_, Result<Vec<OutputClosed>, Problem>>;

    /// Marks a closed file as fetched; says whether it was not marked yet.
    fn mark_fetched(&self, file: String) -> BoxFuture<'_, Result<bool, Problem>>;
}

/// The closed files of each output, and which of them were fetched.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CdrFiles {
    /// Only those of this output.
    #[serde(default)]
    pub output: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AllOutputFiles {
    pub outputs: Vec<OutputFiles>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OutputFiles {
    pub output: String,
    pub folder: String,
    /// In the order of their numbers.
    pub files: Vec<RecordFile>,
}

/// A closed file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RecordFile {
    pub name: String,
    pub octets: u64,
    pub closed: When,
    /// When it was marked as fetched.
    pub fetched: Option<When>,
}

impl Ask for CdrFiles {
    type Answer = AllOutputFiles;
    const NAME: &'static str = "cdr-files";
    const ABOUT: &'static str = "The closed files of charging records, and which of them were fetched";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/cdr/files";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllOutputFiles, Problem> {
        let files = desk.record_files()?;
        if let Some(output) = &self.output {
            known(&*files, output)?;
        }
        let mut outputs = files.files().await?;
        outputs.retain(|output| self.output.as_ref().is_none_or(|wanted| *wanted == output.output));
        Ok(AllOutputFiles { outputs })
    }
}

/// Close the files that outputs write at the moment, with everything that was recorded before, so that they can be fetched.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CdrClose {
    /// Only of these outputs; without any, of all.
    #[serde(default)]
    pub outputs: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AllClosed {
    pub closed: Vec<OutputClosed>,
}

/// What closing one output's file came to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OutputClosed {
    pub output: String,
    /// The files that were closed now; none, when nothing was recorded since the last one was.
    pub files: Vec<String>,
    /// The last closed file, of whatever time, if it is there still.
    pub last: Option<String>,
}

impl Ask for CdrClose {
    type Answer = AllClosed;
    const NAME: &'static str = "cdr-close";
    const ABOUT: &'static str = "Close the files of charging records that are being written";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/cdr/close";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllClosed, Problem> {
        let files = desk.record_files()?;
        for output in &self.outputs {
            known(&*files, output)?;
        }
        let outputs = match self.outputs.is_empty() {
            true => files.outputs(),
            false => self.outputs,
        };
        let closed = files.close(outputs).await?;
        Ok(AllClosed { closed })
    }
}

/// Mark closed files as fetched: nobody waits for them any more, and they go after `keep-fetched`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CdrFetched {
    /// Names of files of outputs, or their paths.
    pub files: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AllMarked {
    pub files: Vec<Marked>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Marked {
    pub file: String,
    /// It was marked before.
    pub already: bool,
}

impl Ask for CdrFetched {
    type Answer = AllMarked;
    const NAME: &'static str = "cdr-fetched";
    const ABOUT: &'static str = "Mark closed files of charging records as fetched";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/cdr/fetched";
    const ROLE: Role = Role::Operator;

    /// The first that cannot be marked ends it: those before it are marked, and marking them again does no harm.
    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllMarked, Problem> {
        let files = desk.record_files()?;
        let mut marked = Vec::new();
        for file in self.files {
            let new = files.mark_fetched(file.clone()).await?;
            marked.push(Marked { file, already: !new });
        }
        Ok(AllMarked { files: marked })
    }
}

impl Desk {
    fn record_files(&self) -> Result<Arc<dyn RecordFiles>, Problem> {
        let files = match &self.live {
            Some(live) => live.record_files(),
            None => self.record_files.clone(),
        };
        files.ok_or_else(|| {
            let text = "the configuration has no charging-output, so no files of records are written";
            Problem::new(Kind::UnknownOutput, text)
        })
    }
}

fn known(files: &dyn RecordFiles, output: &str) -> Result<(), Problem> {
    let outputs = files.outputs();
    match outputs.iter().any(|known| known == output) {
        true => Ok(()),
        false => Err(Problem::unknown(
            Kind::UnknownOutput,
            "charging-output",
            output,
            &outputs,
        )),
    }
}
