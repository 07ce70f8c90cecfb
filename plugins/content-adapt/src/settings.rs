//! What the operator may set. See the crate's documentation for the meaning of each.

use serde::Deserialize;

/// What becomes of a message that is still larger than the destination takes, when nothing more may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TooLarge {
    /// It goes out as it is; the destination decides.
    Pass,
    /// 552, and its sender hears of it now.
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
    /// What stands in the place of a part that could not be kept. `{name}` is its file name.
    pub note: String,
    pub too_large: TooLarge,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Above 85 files grow fast and nobody sees it; below 45 everybody sees it.
            jpeg_quality: 85,
            min_jpeg_quality: 45,
            // A telephone's usual 12 megapixels. Decoding takes up to 9 octets per pixel (progressive JPEG: 3 for the picture, 6
            // for its coefficients) and the source twice: under the 128 MiB that a sandbox has by default.
            max_pixels: 12_500_000,
            max_source_size: 8 << 20,
            note: "{name} is not here: it was too large for the receiving network, or could not be converted for it."
                .into(),
            too_large: TooLarge::Pass,
        }
    }
}

/// Longest note, in octets: it must not become the next thing that is too large.
const LONGEST_NOTE: usize = 1000;

impl Settings {
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
        if self.note.trim().is_empty() || self.note.len() > LONGEST_NOTE {
            problems.push(format!(
                "note has {} octets, but must have 1 to {LONGEST_NOTE}, not only blanks",
                self.note.len()
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
            too_large: TooLarge::Pass,
        };
        let error = wrong.check().unwrap_err();
        for name in [
            "jpeg-quality is 0",
            "min-jpeg-quality is 101",
            "max-pixels",
            "max-source-size",
            "note",
        ] {
            assert!(error.contains(name), "{name} is missing in: {error}");
        }
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
