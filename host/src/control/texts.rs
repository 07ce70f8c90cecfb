//! Every text of an answer, changed the same way: what is added to an answer later is not forgotten.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Ask, Desk, Kind, Method, Problem, Who};
use crate::message::Masked;

impl Desk {
    /// Answers as whoever asks may see it: with subscribers' numbers masked, unless they see them whole.
    ///
    /// # Errors
    /// As for [`Desk::ask`], masked as well.
    pub async fn tell<A: Ask>(self: &Arc<Self>, who: &Who, ask: A) -> Result<A::Answer, Problem> {
        let answer = self.ask_to_the_end(who, ask).await;
        if who.sees_numbers {
            return answer;
        }
        with_texts(answer.map_err(masked_problem)?, masked_lines)
    }

    /// A change that was begun is made as a whole, and noted, also when whoever asked has gone.
    async fn ask_to_the_end<A: Ask>(self: &Arc<Self>, who: &Who, ask: A) -> Result<A::Answer, Problem> {
        if A::METHOD == Method::Get {
            return self.ask(who, ask).await;
        }
        let (desk, who) = (Arc::clone(self), who.clone());
        let asked = tokio::spawn(async move { desk.ask(&who, ask).await });
        asked
            .await
            .unwrap_or_else(|error| Err(Problem::new(Kind::Internal, format!("a bug: {error}"))))
    }
}

/// The same answer, with every text in it changed, names of fields of a map too.
///
/// # Errors
/// A bug: it cannot be written, or not be read back.
pub fn with_texts<T: Serialize + DeserializeOwned>(of: T, change: impl Fn(&str) -> String) -> Result<T, Problem> {
    let bug = |error: serde_json::Error| Problem::new(Kind::Internal, format!("a bug: {error}"));
    let mut value = serde_json::to_value(of).map_err(bug)?;
    change_texts(&mut value, &change);
    serde_json::from_value(value).map_err(bug)
}

fn change_texts(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(all) => all.iter_mut().for_each(|value| change_texts(value, change)),
        Value::Object(fields) => {
            let named = std::mem::take(fields).into_iter();
            *fields = named
                .map(|(name, mut value)| {
                    change_texts(&mut value, change);
                    (change(&name), value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Line by line: a header stays one.
fn masked_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| Masked(line.trim_end_matches('\r')).to_string())
        .collect();
    lines.join("\n")
}

fn masked_problem(problem: Problem) -> Problem {
    Problem {
        detail: Masked(&problem.detail).to_string(),
        errors: problem.errors.iter().map(|error| Masked(error).to_string()).collect(),
        ..problem
    }
}
