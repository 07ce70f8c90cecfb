//! Texts in another charset than the one that is wanted.

use mm4_filter::{Fault, PartExt, message, text};

use super::{Adaptation, Fate};
use crate::rules;
use crate::settings::TextCharset;

/// A larger text is not converted, in octets.
const LARGEST_TEXT: u64 = 1 << 20;

impl Adaptation<'_> {
    /// Texts that say another charset than the one that is wanted. A text that is not in the charset that it names stays.
    pub(super) fn convert_texts(&mut self) -> Result<(), Fault> {
        if self.settings.text_charset != Some(TextCharset::Utf8) {
            return Ok(());
        }
        for item in self
            .items
            .iter_mut()
            .filter(|item| item.part.media_type.starts_with("text/"))
        {
            let content_type = match message::part_header(item.part.id, "Content-Type") {
                Err(Fault::Invalid(_)) => continue,
                other => other?.unwrap_or_default(),
            };
            let Some(charset) = text::charset(&content_type) else {
                continue;
            };
            if rules::is_utf8(charset) {
                continue;
            }
            let octets = match item.part.read_all(LARGEST_TEXT) {
                Err(Fault::Invalid(_)) | Ok(None) => continue,
                other => other?.unwrap_or_default(),
            };
            let converted = text::decode(&octets, Some(charset));
            if !converted.contains(char::REPLACEMENT_CHARACTER) {
                item.fate = Fate::Converted(converted);
            }
        }
        Ok(())
    }
}
