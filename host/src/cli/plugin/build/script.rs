//! Plug-ins in JavaScript, TypeScript and Python: the tools that build components from them. They are installed into
//! the plug-in's own folder, in the versions that its files name.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, anyhow, bail};

use super::imports;
use crate::config::Language;

/// The component, as the tool wrote it.
pub fn component(folder: &Path, language: Language) -> anyhow::Result<PathBuf> {
    let made = folder.join("target/component.wasm");
    std::fs::create_dir_all(folder.join("target"))
        .with_context(|| format!("folder {}/target cannot be made", folder.display()))?;
    install(folder, language)?;
    componentize(&Tools::of(folder), language).map_err(|error| match imports::missing(folder) {
        Some(missing) => anyhow!("{error:#}\n{missing}"),
        None => error,
    })?;
    Ok(made)
}

fn componentize(tools: &Tools<'_>, language: Language) -> anyhow::Result<()> {
    match language {
        Language::JavaScript => componentize_js(tools, "plugin.js"),
        Language::TypeScript => {
            tools.run("npm", &["run", "--silent", "build"])?;
            componentize_js(tools, "target/plugin.js")
        }
        Language::Python | Language::Rust => {
            let fixed = ["-q", "-d", "wit", "-w", "plugin", "componentize", "plugin", "-p", "."];
            tools.run(PYTHON_TOOL, &[&fixed[..], &["-o", "target/component.wasm"]].concat())
        }
    }
}

const JS_TOOL: &str = "node_modules/.bin/componentize-qjs";
const PYTHON_TOOL: &str = ".venv/bin/componentize-py";

/// --sync: the relay runs components without the asynchronous calls of the component model.
fn componentize_js(tools: &Tools<'_>, source: &str) -> anyhow::Result<()> {
    let root = ["--sync", "--module-root", ".", "--wit", "wit", "--world", "plugin"];
    tools.run(
        JS_TOOL,
        &[&root[..], &["--js", source, "--output", "target/component.wasm"]].concat(),
    )
}

/// Installs what is missing.
fn install(folder: &Path, language: Language) -> anyhow::Result<()> {
    let tools = Tools::of(folder);
    match language {
        Language::JavaScript | Language::TypeScript if !folder.join(JS_TOOL).exists() => {
            tools.run("npm", &["install", "--no-audit", "--no-fund", "--loglevel=error"])
        }
        Language::Python => {
            if !folder.join(PYTHON_TOOL).exists() {
                tools.run("python3", &["-m", "venv", ".venv"])?;
                let quiet = ["install", "--quiet", "--disable-pip-version-check"];
                tools.run(".venv/bin/pip", &[&quiet[..], &["-r", "requirements.txt"]].concat())?;
            }
            if is_older(
                &folder.join("bindings/wit_world/__init__.py"),
                &folder.join("wit/world.wit"),
            ) {
                // The tool makes the folder, and fails where there is one.
                remove(&folder.join("bindings"))?;
                tools.run(
                    PYTHON_TOOL,
                    &["-q", "-d", "wit", "-w", "plugin", "bindings", "bindings"],
                )?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Whether `made` is missing, or was made before `source` was changed.
fn is_older(made: &Path, source: &Path) -> bool {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    changed(made).is_none_or(|made| changed(source).is_some_and(|source| source > made))
}

/// A command in a plug-in's folder.
pub struct Step {
    pub program: &'static str,
    pub arguments: &'static [&'static str],
}

/// How the language's own tests are run, which need no relay.
pub fn tests_of(language: Language) -> Step {
    match language {
        Language::Rust => Step {
            program: "cargo",
            arguments: &["test", "--quiet"],
        },
        Language::JavaScript | Language::TypeScript => Step {
            program: "npm",
            arguments: &["test", "--silent"],
        },
        Language::Python => Step {
            program: ".venv/bin/pytest",
            arguments: &["-q"],
        },
    }
}

/// The tools of a language, run in a plug-in's folder.
pub struct Tools<'a> {
    folder: &'a Path,
}

impl<'a> Tools<'a> {
    pub fn of(folder: &'a Path) -> Self {
        Self { folder }
    }

    /// Runs a program to its end, and prints its name. Its output is shown as it is when it fails.
    ///
    /// A program with a slash in its name belongs to the folder.
    pub fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        eprintln!("running: {program} {}", arguments.join(" "));
        let found = match program.contains('/') {
            true => self.folder.canonicalize()?.join(program),
            false => PathBuf::from(program),
        };
        let mut command = Command::new(&found);
        if [JS_TOOL, PYTHON_TOOL].contains(&program) {
            // Their own stack says nothing of the plug-in, and hides what does.
            command.env("RUST_BACKTRACE", "0");
        }
        let output = command.args(arguments).current_dir(self.folder).output();
        let output = output.with_context(|| format!("{program} cannot be started: {}", needed_for(program)))?;
        if !output.status.success() {
            eprint!("{}", String::from_utf8_lossy(&output.stdout));
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            bail!("{program} in {} failed, {}", self.folder.display(), output.status);
        }
        Ok(())
    }
}

/// Where to get a program that is missing.
fn needed_for(program: &str) -> &'static str {
    match program {
        "npm" => "plug-ins in JavaScript and TypeScript need Node.js 20 or later, with npm",
        "python3" => "plug-ins in Python need Python 3.10 or later, with venv",
        "cargo" => "plug-ins in Rust need a Rust toolchain, from rustup",
        ".venv/bin/pip" | ".venv/bin/pytest" => "remove .venv in the plug-in's folder, and build again",
        JS_TOOL => "remove node_modules in the plug-in's folder, and build again",
        PYTHON_TOOL => "remove .venv in the plug-in's folder, and build again",
        _ => "plugin.toml names it in build",
    }
}
