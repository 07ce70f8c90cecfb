//! Components for tests, each built once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use mm4relay_engine::Grant;

use super::binary;

/// A bundled plug-in by the name of its folder.
pub fn plugin(name: &str) -> PathBuf {
    built(&root().join("plugins").join(name))
}

/// A plug-in of `tests/guests`.
pub fn guest(name: &str) -> PathBuf {
    built(&root().join("tests/guests").join(name))
}

/// Everything that a plug-in can be granted, as the hostile guest needs it. As `{:?}` it is a line of the configuration.
pub const ALL_GRANTS: [&str; Grant::ALL.len()] = Grant::NAMES;

/// A `[[plugin]]` section in the making.
pub struct Link {
    name: String,
    file: String,
    grants: Vec<String>,
    on_failure: String,
    limits: String,
    may: Option<String>,
    samples: Option<PathBuf>,
    when: String,
    settings: String,
}

impl Link {
    /// A bundled plug-in under its own name, with the grants that it needs.
    pub fn bundled(name: &str, settings: &str) -> Self {
        let grants: &[&str] = match name {
            "address-rewrite" => &["tables", "log"],
            "screen" => &["log", "kv", "tables", "metrics", "scan", "http"],
            "content-adapt" => &["log"],
            "charging" => &["charging"],
            _ => &[],
        };
        Self::new(name, plugin(name), grants, settings)
    }

    /// The guest with every bad habit. Settings of `do = "ask"` let each message choose, by `X-Do`.
    pub fn hostile(settings: &str) -> Self {
        Self::new("hostile", guest("hostile"), &ALL_GRANTS, settings)
    }

    pub fn new(name: &str, file: impl AsRef<Path>, grants: &[&str], settings: &str) -> Self {
        Self {
            name: name.to_owned(),
            file: file.as_ref().display().to_string(),
            grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
            on_failure: "defer".to_owned(),
            limits: String::new(),
            may: None,
            samples: None,
            when: String::new(),
            settings: settings.to_owned(),
        }
    }

    pub fn on_failure(mut self, policy: &str) -> Self {
        self.on_failure = policy.to_owned();
        self
    }

    /// Keys of `[plugin.when]`.
    pub fn when(mut self, when: &str) -> Self {
        self.when = when.to_owned();
        self
    }

    /// Under another name than its own.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Keys of `[plugin.may]`; none of them is the section's absence.
    pub fn may(mut self, may: &str) -> Self {
        self.may = (!may.is_empty()).then(|| may.to_owned());
        self
    }

    /// The folder of its sample cases.
    pub fn samples(mut self, folder: &Path) -> Self {
        self.samples = Some(folder.to_owned());
        self
    }

    /// Keys of `[plugin.limits]`.
    pub fn limits(mut self, limits: &str) -> Self {
        self.limits = limits.to_owned();
        self
    }
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            file,
            grants,
            on_failure,
            limits,
            may,
            samples,
            when,
            settings,
        } = self;
        let may = may
            .as_ref()
            .map(|may| format!("[plugin.may]\n{may}\n"))
            .unwrap_or_default();
        let samples = samples
            .as_ref()
            .map(|folder| format!("samples = {folder:?}\n"))
            .unwrap_or_default();
        write!(
            f,
            "\n[[plugin]]\nname = {name:?}\nfile = {file:?}\ngrants = {grants:?}\non-failure = {on_failure:?}\n\
             {samples}{may}[plugin.limits]\n{limits}\n[plugin.when]\n{when}\n[plugin.settings]\n{settings}\n"
        )
    }
}

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace")
        .to_owned()
}

/// Builds through `mm4relay plugin build`, as a user would.
fn built(folder: &Path) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashMap<PathBuf, PathBuf>>> = OnceLock::new();
    // A build that failed in one test must fail in the next one too, not deadlock it.
    let mut known = BUILT
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(wasm) = known.get(folder) {
        return wasm.clone();
    }
    let out = root().join("target/test-plugins");
    let mut command = Command::new(binary());
    command.args(["plugin", "build", "--out"]).arg(&out).arg(folder);
    let output = command.output().expect("the binary starts");
    assert!(
        output.status.success(),
        "{} does not build: {}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let wasm = out.join(folder.file_name().expect("a name")).with_extension("wasm");
    known.insert(folder.to_owned(), wasm.clone());
    wasm
}
