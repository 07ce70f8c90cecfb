//! The operator's settings. The crate's documentation describes each.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What becomes of a message that exceeds the destination's limit although nothing more may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TooLarge {
    /// It goes out as it is; the destination decides.
    Pass,
    /// The message is refused with 552.
    Refuse,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// JPEG quality to begin with, 1 to 100.
    pub jpeg_quality: u8,
    /// The lowest JPEG quality; below it, pictures are made smaller instead.
    pub min_jpeg_quality: u8,
    /// The largest picture that is decoded, in pixels.
    pub max_pixels: u32,
    /// The largest picture that is read, in octets.
    pub max_source_size: u32,
    /// The text that replaces a part. `{name}` is the part's file name.
    pub note: String,
    pub too_large: TooLarge,
    /// What becomes of a part that cannot be adapted.
    pub cannot_adapt: CannotAdapt,
    /// Notes by language tag, in lower case.
    pub notes: BTreeMap<String, String>,
    /// The charset that other texts are converted to.
    pub text_charset: Option<TextCharset>,
}

/// What becomes of a part that cannot be adapted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CannotAdapt {
    /// A note replaces it.
    Replace,
    /// It goes out as it is; the destination decides.
    Pass,
    /// The message is refused with 552, or with `Error-content-not-accepted` where an MM4 response answers it.
    Refuse,
}

/// Charsets that texts can be converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum TextCharset {
    #[serde(rename = "utf-8")]
    Utf8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Above 85 files grow fast without a visible gain; below 45 the loss is plain to see.
            jpeg_quality: 85,
            min_jpeg_quality: 45,
            // The usual 12 megapixels of a telephone. Decoding takes up to 9 octets per pixel (progressive JPEG: 3 for
            // the picture, 6 for its coefficients) and the source twice: under the 128 MiB that a sandbox has by
            // default.
            max_pixels: 12_500_000,
            max_source_size: 8 << 20,
            note: "{name} is not here: it was too large for the receiving network, or could not be converted for it."
                .into(),
            too_large: TooLarge::Pass,
            cannot_adapt: CannotAdapt::Replace,
            notes: BTreeMap::new(),
            text_charset: None,
        }
    }
}

/// The longest note, in octets; a note must not make the message too large.
const LONGEST_NOTE: usize = 1000;

impl Settings {
    /// The note in the first of `languages` (`pt-BR, pt;q=0.5`, RFC 3282) that the settings have one for, or else the
    /// default note.
    pub fn note_in(&self, languages: &str) -> &str {
        let tags = languages
            .split(',')
            .map(|tag| tag.split(';').next().unwrap_or(tag).trim().to_ascii_lowercase());
        let found = tags.filter(|tag| !tag.is_empty()).find_map(|tag| {
            let general = tag.split('-').next().unwrap_or(&tag);
            self.notes.get(&tag).or_else(|| self.notes.get(general))
        });
        found.unwrap_or(&self.note)
    }

    /// The size of the longest note, in octets.
    pub fn longest_note(&self) -> usize {
        self.notes
            .values()
            .chain([&self.note])
            .map(String::len)
            .max()
            .unwrap_or(0)
    }

    /// # Errors
    /// Every problem at once, separated by `; `.
    pub fn check(self) -> Result<Self, String> {
        let mut problems = Vec::new();
        for (name, quality) in [
            ("jpeg-quality", self.jpeg_quality),
            ("min-jpeg-quality", self.min_jpeg_quality),
        ] {
            if !(1..=100).contains(&quality) {
                problems.push(format!("{name} is {quality}, but must be 1 to 100"));
            }
        }
        if self.min_jpeg_quality > self.jpeg_quality {
            problems.push(format!(
                "min-jpeg-quality is {}, but must not be above jpeg-quality, which is {}",
                self.min_jpeg_quality, self.jpeg_quality
            ));
        }
        if !(10_000..=100_000_000).contains(&self.max_pixels) {
            problems.push(format!(
                "max-pixels is {}, but must be 10000 to 100000000",
                self.max_pixels
            ));
        }
        if !(10_000..=64 << 20).contains(&self.max_source_size) {
            problems.push(format!(
                "max-source-size is {}, but must be 10000 to {} octets",
                self.max_source_size,
                64 << 20
            ));
        }
        let named = self
            .notes
            .iter()
            .map(|(language, note)| (format!("notes.{language}"), note));
        for (name, note) in std::iter::once(("note".to_owned(), &self.note)).chain(named) {
            if note.trim().is_empty() || note.len() > LONGEST_NOTE {
                problems.push(format!(
                    "{name} has {} octets, but must have 1 to {LONGEST_NOTE}, not only blanks",
                    note.len()
                ));
            }
        }
        let legal = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
        for language in self
            .notes
            .keys()
            .filter(|language| language.is_empty() || !language.bytes().all(legal))
        {
            problems.push(format!(
                "notes holds {language:?}, but a language is a tag in small letters such as \"de\" or \"pt-br\""
            ));
        }
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(format!("settings: {}", problems.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_legal() {
        assert!(Settings::default().check().is_ok());
    }

    #[test]
    fn every_wrong_setting_is_named_at_once() {
        let wrong = Settings {
            jpeg_quality: 0,
            min_jpeg_quality: 101,
            max_pixels: 1,
            max_source_size: 1,
            note: " ".into(),
            notes: BTreeMap::from([("DE".into(), String::new())]),
            ..Settings::default()
        };
        let error = wrong.check().unwrap_err();
        for name in [
            "jpeg-quality is 0",
            "min-jpeg-quality is 101",
            "max-pixels",
            "max-source-size",
            "note has",
            "notes.DE has",
            "notes holds \"DE\"",
        ] {
            assert!(error.contains(name), "{name} is missing in: {error}");
        }
    }

    #[test]
    fn the_note_is_in_the_first_language_that_there_is_one_in() {
        let mut settings = Settings::default();
        for (language, note) in [("de", "nicht hier"), ("pt-br", "nao esta aqui")] {
            settings.notes.insert(language.into(), note.into());
        }
        for (languages, note) in [
            ("de", "nicht hier"),
            ("de-AT", "nicht hier"),
            ("fr, PT-BR;q=0.8, de", "nao esta aqui"),
            ("pt", settings.note.as_str()),
            ("", settings.note.as_str()),
        ] {
            assert_eq!(settings.note_in(languages), note, "{languages}");
        }
        assert_eq!(settings.longest_note(), settings.note.len());
    }

    #[test]
    fn qualities_in_the_wrong_order_are_refused() {
        let wrong = Settings {
            jpeg_quality: 40,
            ..Settings::default()
        };
        assert!(wrong.check().unwrap_err().contains("must not be above jpeg-quality"));
    }
}
