//! The configuration: its files against what runs, a candidate, and going back to one that has run.

use askama::Template;
use axum::response::{IntoResponse, Response};

use super::form::Acting;
use super::frame::Frame;
use super::looking::{Looking, Page, Refused, show};
use crate::control::Problem;
use crate::control::configuration::{
    Apply, CheckCandidate, Compare, Compared, ConfigurationFiles, Generations, GoBack, ShowConfiguration,
    ShownGeneration,
};

/// Generations on the page.
const ROWS: usize = 20;

#[derive(Template)]
#[template(path = "configuration.html")]
struct Configuration {
    frame: Frame,
    /// What a reload would change; of a candidate that was looked at, that one.
    compared: Compared,
    is_candidate: bool,
    generations: Vec<ShownGeneration>,
    /// To be changed; `None` for those who may not see it whole, and so could not change it.
    text: Option<String>,
    /// An older generation that was asked for.
    older: Option<ConfigurationFiles>,
}

pub(super) async fn page(looking: Looking) -> Page {
    let older = match looking.field("generation").parse() {
        Ok(number) => Some(
            looking
                .ask(ShowConfiguration {
                    generation: Some(number),
                })
                .await?,
        ),
        Err(_) => None,
    };
    let compared = looking.ask(Compare {}).await?;
    Ok(show(&looking.configuration((compared, false), None, older).await?))
}

impl Looking {
    async fn configuration(
        &self,
        (compared, is_candidate): (Compared, bool),
        text: Option<String>,
        older: Option<ConfigurationFiles>,
    ) -> Result<Configuration, Refused> {
        let mut generations = self.ask(Generations {}).await?.generations;
        generations.truncate(ROWS);
        let text = match text {
            Some(text) => Some(text),
            None => self.text_that_runs().await?,
        };
        let mut frame = self.frame("Configuration", "/configuration").await;
        // A candidate that was looked at is no page to come back to.
        if is_candidate {
            "/configuration".clone_into(&mut frame.path);
        }
        Ok(Configuration {
            frame,
            compared,
            is_candidate,
            generations,
            text,
            older,
        })
    }

    /// As it is, hidden characters and all: somebody may send it back.
    async fn text_that_runs(&self) -> Result<Option<String>, Refused> {
        if !self.visitor.may::<ShowConfiguration>() {
            return Ok(None);
        }
        let runs: Result<ConfigurationFiles, Problem> = self.ask_verbatim(ShowConfiguration { generation: None }).await;
        match runs {
            Ok(runs) => Ok(runs.files.into_iter().next().map(|file| file.text)),
            Err(problem) => Err(self.refused(&problem).await),
        }
    }
}

impl Configuration {
    /// With what its sign says of each line.
    fn lines(&self) -> Vec<(&'static str, &str)> {
        let sign = |line: &str| match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") || line.starts_with("@@") => "soft",
            Some(b'+') => "added",
            Some(b'-') => "gone",
            _ => "same",
        };
        self.compared
            .difference
            .lines()
            .map(|line| (sign(line), line))
            .collect()
    }
}

pub(super) async fn act(acting: Acting) -> Result<Response, Refused> {
    // A browser ends the lines of a text in its own way.
    let text = acting.form.raw("text").replace("\r\n", "\n");
    match acting.form.text("act").unwrap_or_default().as_str() {
        "check" => {
            let compared = acting.ask(CheckCandidate { text: text.clone() }).await?;
            let page = acting.looking.configuration((compared, true), Some(text), None).await?;
            Ok(show(&page).into_response())
        }
        "apply" => {
            let expects = acting.form.text("runs").and_then(|runs| runs.parse().ok());
            let applied = acting.ask(Apply { text, expects }).await?;
            Ok(acting.done(format!("Generation {} runs.", applied.after)))
        }
        "back" => {
            let number = acting.form.text("generation").and_then(|number| number.parse().ok());
            let generation = number.unwrap_or_default();
            let applied = acting.ask(GoBack { generation }).await?;
            Ok(acting.done(format!(
                "Generation {} runs: it says what generation {generation} said.",
                applied.after
            )))
        }
        other => Err(acting.unknown(other).await),
    }
}
