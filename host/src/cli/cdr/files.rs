//! `mm4relay cdr close`, `files` and `fetched`: the files of the outputs.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::charging::folder;
use crate::cli::counted;
use crate::cli::door::SpoolArgs;
use crate::control::cdr::{CdrClose, CdrFetched, CdrFiles, RecordFile};

/// Closes the open files: through the running relay, or in this process when none runs.
pub(super) async fn close(spool: &SpoolArgs, outputs: Vec<String>) -> anyhow::Result<()> {
    let closed = spool.door().await?.ask(CdrClose { outputs }).await?.closed;
    for output in closed {
        let name = &output.output;
        match (output.files.as_slice(), output.last) {
            ([], None) => println!("{name}: nothing was open; there is no closed file"),
            ([], Some(last)) => println!("{name}: nothing was open; the last file is {last}"),
            (files, _) => files.iter().for_each(|file| println!("{name}: closed {file}")),
        }
    }
    Ok(())
}

/// Lists the files.
pub(super) async fn list(spool: &SpoolArgs) -> anyhow::Result<()> {
    let outputs = spool.door().await?.ask(CdrFiles::default()).await?.outputs;
    for output in outputs {
        let count = counted(output.files.len() as u64, "closed file");
        println!("{}: {count} in {}", output.output, output.folder);
        output.files.iter().for_each(show);
    }
    Ok(())
}

fn show(file: &RecordFile) {
    let RecordFile {
        name,
        octets,
        closed,
        fetched,
    } = file;
    let fetched = fetched.map_or("not fetched".to_owned(), |at| format!("fetched {at}"));
    println!("    {name}  {octets} octets, closed {closed}, {fetched}");
}

/// Marks files of outputs as fetched.
pub(super) async fn fetched(spool: &SpoolArgs, files: &[PathBuf]) -> anyhow::Result<()> {
    let files = files.iter().map(|file| named(file)).collect::<anyhow::Result<_>>()?;
    let marked = spool.door().await?.ask(CdrFetched { files }).await?.files;
    marked.iter().for_each(|one| say(&one.file, one.already));
    Ok(())
}

/// The name of a file as it is; a path in absolute form, because the relay has another working directory.
fn named(file: &Path) -> anyhow::Result<String> {
    let is_name = file.components().count() == 1 && file.is_relative() && !file.exists();
    let path = if is_name {
        file.to_owned()
    } else {
        std::path::absolute(file)?
    };
    let text = path
        .to_str()
        .with_context(|| format!("{} is no name of a file of records", path.display()))?;
    Ok(text.to_owned())
}

/// Marks files as fetched, whichever output they belong to, for users with access to the folder only.
pub(super) fn mark(files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files {
        let new = folder::mark_fetched(file).with_context(|| format!("{} is not marked", file.display()))?;
        say(&file.display().to_string(), !new);
    }
    Ok(())
}

fn say(file: &str, already: bool) {
    let already = if already { " already" } else { "" };
    println!("{file} is marked as fetched{already}");
}
