//! From what was decided about each part to the edits that are asked for; presentations follow what changed.

use mm4_filter::{Edit, Fault, PartExt, body, edit, log, message};

use super::{Adaptation, Fate};
use crate::rules::{self, Role};
use crate::smil::{self, Change};

/// A larger presentation is not read, in octets. Real ones have some hundred.
const LARGEST_SMIL: u64 = 256 << 10;
/// RFC 3282: the languages of whoever wrote the message, in order.
const LANGUAGES_HEADER: &str = "Content-Language";

impl Adaptation<'_> {
    pub(super) fn edits(&mut self) -> Result<Vec<Edit>, Fault> {
        let presentations = self.presentations()?;
        let mut taken: Vec<String> = self.items.iter().filter_map(|item| item.part.name.clone()).collect();
        let mut edits = Vec::new();
        let mut changes = Vec::new();
        for item in &self.items {
            let (extension, media_type, bytes) = match &item.fate {
                Fate::Stays | Fate::Refused => continue,
                Fate::Converted(text) => {
                    let media_type = format!("{}; charset=utf-8", item.part.media_type);
                    edits.push(edit::replace_part(
                        item.part.id,
                        body(&media_type, text.as_bytes())?,
                        None,
                    ));
                    continue;
                }
                Fate::Smaller(picture) => (picture.extension, picture.media_type, picture.bytes.clone()),
                Fate::Note => {
                    let languages = message::header(LANGUAGES_HEADER).unwrap_or_default();
                    let text = rules::note(self.settings.note_in(&languages), item.part.name.as_deref());
                    ("txt", "text/plain; charset=utf-8", text.into_bytes())
                }
            };
            let old = item.part.name.as_deref().or(item.part.content_location.as_deref());
            let renamed = if item.part.media_type == media_type {
                None
            } else {
                rules::renamed(old, extension, &taken)
            };
            let name = renamed.filter(|name| presentations.is_some() && Some(name.as_str()) != old);
            taken.extend(name.clone());
            edits.push(edit::replace_part(
                item.part.id,
                body(media_type, &bytes)?,
                name.clone(),
            ));
            changes.push(Change {
                content_id: item.part.content_id.clone(),
                old_names: [&item.part.name, &item.part.content_location]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect(),
                new_name: name,
                media_type: media_type.split(';').next().unwrap_or(media_type).into(),
            });
        }
        let others = self.names_of_the_unchanged();
        for (id, smil) in presentations.unwrap_or_default() {
            if let Some(text) = smil::updated(&smil, &changes, &others) {
                edits.push(edit::replace_part(
                    id,
                    body("application/smil; charset=utf-8", text.as_bytes())?,
                    None,
                ));
            }
        }
        Ok(edits)
    }

    fn names_of_the_unchanged(&self) -> Vec<String> {
        let unchanged = self
            .items
            .iter()
            .filter(|item| matches!(item.fate, Fate::Stays | Fate::Converted(_)));
        let names = unchanged.flat_map(|item| [&item.part.name, &item.part.content_location]);
        names.flatten().cloned().collect()
    }

    /// The presentations, if anything changed that they may refer to. `None`: there is one that cannot be followed.
    fn presentations(&self) -> Result<Option<Vec<(u32, String)>>, Fault> {
        let mut presentations = Vec::new();
        if self
            .items
            .iter()
            .any(|item| matches!(item.fate, Fate::Smaller(_) | Fate::Note))
        {
            for item in self.items.iter().filter(|item| item.role == Role::Smil) {
                let text = match item.part.read_all(LARGEST_SMIL) {
                    Ok(bytes) => bytes.and_then(|bytes| String::from_utf8(bytes).ok()),
                    Err(Fault::Invalid(_)) => None,
                    Err(fault) => return Err(fault),
                };
                let Some(text) = text else {
                    log::write(
                        log::Level::Warn,
                        "the presentation cannot be read: file names stay as they were",
                    );
                    return Ok(None);
                };
                presentations.push((item.part.id, text));
            }
        }
        Ok(Some(presentations))
    }
}
