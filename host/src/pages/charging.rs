//! Files of charging records: which there are, and which were fetched.

use askama::Template;
use axum::response::Response;

use super::form::Acting;
use super::frame::Frame;
use super::looking::{Looking, Page, Refused, show};
use super::words;
use crate::control::Kind;
use crate::control::cdr::{CdrClose, CdrFetched, CdrFiles, OutputFiles, RecordFile};

/// Files of each output that are listed: the newest.
const MOST_FILES: usize = 200;

#[derive(Template)]
#[template(path = "charging.html")]
struct Outputs {
    frame: Frame,
    outputs: Vec<OutputFiles>,
    /// Why there are none.
    none: Option<String>,
}

pub(super) async fn page(looking: Looking) -> Page {
    let asked: CdrFiles = looking.question().await?;
    let is_all = asked.output.is_none();
    let (outputs, none) = match looking.try_ask(&looking.visitor.who, asked).await {
        Ok(files) => (files.outputs, None),
        // A relay without outputs is no mistake.
        Err(problem) if is_all && problem.kind == Kind::UnknownOutput => (Vec::new(), Some(problem.detail)),
        Err(problem) => return Err(looking.refused(&problem).await),
    };
    let frame = looking.frame("Charging records", "/charging").await;
    Ok(show(&Outputs { frame, outputs, none }))
}

impl Outputs {
    fn newest<'a>(&self, of: &'a OutputFiles) -> Vec<&'a RecordFile> {
        of.files.iter().rev().take(MOST_FILES).collect()
    }

    fn waiting(&self, of: &OutputFiles) -> usize {
        of.files.iter().filter(|file| file.fetched.is_none()).count()
    }

    fn size(&self, of: &RecordFile) -> String {
        words::octets(of.octets)
    }
}

pub(super) async fn act(acting: Acting) -> Result<Response, Refused> {
    let told = match acting.form.text("act").unwrap_or_default().as_str() {
        "close" => {
            let outputs = acting.form.all("output");
            let closed = acting.ask(CdrClose { outputs }).await?.closed;
            let files: Vec<String> = closed.into_iter().flat_map(|output| output.files).collect();
            match files.is_empty() {
                true => "Nothing was recorded since the last file was closed.".to_owned(),
                false => format!("Closed: {}.", files.join(", ")),
            }
        }
        "fetched" => {
            let files = acting.form.all("file");
            let marked = acting.ask(CdrFetched { files }).await?.files.len();
            format!("{} marked as fetched.", words::grouped(marked as u64))
        }
        other => return Err(acting.unknown(other).await),
    };
    Ok(acting.done(told))
}
