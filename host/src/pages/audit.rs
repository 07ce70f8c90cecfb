//! Who changed what, when and from where.

use askama::Template;

use super::frame::Frame;
use super::looking::{Looking, Page, show};
use crate::control::audit::{Audit, Entry};

/// Of one page.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct Noted {
    frame: Frame,
    asked: Audit,
    /// The newest first.
    entries: Vec<Entry>,
    more: bool,
}

pub(super) async fn page(looking: Looking) -> Page {
    let asked: Audit = looking.question().await?;
    let limited = Audit {
        limit: Some(asked.limit.unwrap_or(ROWS)),
        ..asked.clone()
    };
    let mut found = looking.ask(limited).await?;
    found.entries.reverse();
    Ok(show(&Noted {
        frame: looking.frame("Audit", "/audit").await,
        asked,
        entries: found.entries,
        more: found.more,
    }))
}

impl Noted {
    fn text<'a>(&self, of: &'a Option<String>) -> &'a str {
        of.as_deref().unwrap_or_default()
    }

    /// Where the page of those before these begins.
    fn earlier(&self) -> String {
        let oldest = self.entries.last().map(|entry| entry.at);
        let at = oldest.and_then(|at| serde_json::to_value(at).ok());
        let before = at.as_ref().and_then(|at| at.as_str()).unwrap_or_default();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("before", before);
        query.extend_pairs(self.asked.who.iter().map(|who| ("who", who)));
        query.extend_pairs(self.asked.did.iter().map(|did| ("did", did)));
        query.finish()
    }

    /// Without what was left open.
    fn asked_of(&self, entry: &Entry) -> String {
        let mut asked = entry.asked.clone();
        if let Some(fields) = asked.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        asked.to_string()
    }

    fn came_to(&self, entry: &Entry) -> String {
        match (&entry.refused, &entry.changed) {
            (Some(problem), _) => format!("refused: {}", problem.detail),
            (None, Some(changed)) => changed.to_string(),
            (None, None) => String::new(),
        }
    }
}
