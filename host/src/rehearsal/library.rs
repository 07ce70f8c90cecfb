//! A library of messages like those of real peers: all types, content classes, languages and sizes, with invented
//! numbers and generated media. `tests/golden/samples.py` writes them.
//!
//! `mm4relay sample` shows them, `mm4relay send --sample` sends them, and a sample case can name one instead of having
//! a message of its own.

/// A message of the library.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub name: &'static str,
    pub octets: &'static [u8],
}

/// The index: a line for each message, with its name, a tab, and what is special about it.
const INDEX: &str = include_str!("../../../tests/golden/samples/index.txt");

macro_rules! samples {
    ($($name:literal)*) => {
        /// All messages, in the order of the index.
        pub const SAMPLES: &[Sample] = &[$(Sample {
            name: $name,
            octets: include_bytes!(concat!("../../../tests/golden/samples/", $name, ".eml")),
        }),*];
    };
}

samples! {
    "text" "text-in-related" "photo" "photo-rich" "photo-png" "photo-gif" "animation" "photo-webp" "photo-bmp"
    "photo-with-exif" "photo-without-presentation" "photo-alone" "two-slides" "presentation-by-content-id"
    "presentation-missing" "voice" "ringtone" "midi" "video" "video-mp4" "contact" "appointment"
    "drm-forward-lock" "drm-content" "java-game" "html" "unknown-type" "no-text-no-picture"
    "attachment-with-long-name" "name-beyond-ascii" "empty" "empty-text" "long-text" "many-parts"
    "thirty-kilobytes" "hundred-kilobytes" "text-german" "text-greek" "text-russian" "text-arabic" "text-hebrew"
    "text-hindi" "text-thai" "text-chinese" "text-japanese" "text-korean" "text-emoji" "text-latin1"
    "text-utf16" "text-big5" "text-gb2312" "text-shift-jis" "text-without-charset" "no-reports" "read-reply"
    "hidden-sender" "advertisement" "urgent" "expires" "forwarded" "reply-charging" "adaptation-forbidden"
    "from-an-application" "to-a-short-code" "to-mail" "to-five" "cc" "national-numbers" "response-ok"
    "response-unsupported" "response-denied" "response-unresolved" "response-network-problem"
    "response-with-text" "report-retrieved" "report-deferred" "report-expired" "report-rejected"
    "report-indeterminate" "report-forwarded-on" "report-unreachable" "report-response" "read-report-read"
    "read-report-deleted" "read-report-response"
}

impl Sample {
    /// What is special about the message.
    pub fn about(&self) -> &'static str {
        let line = INDEX.lines().filter_map(|line| line.split_once('\t'));
        line.into_iter()
            .find(|(name, _)| *name == self.name)
            .map_or("", |(_, about)| about)
    }
}

/// The message with that name.
///
/// # Errors
/// There is none; the text suggests similar names.
pub fn sample(name: &str) -> Result<Sample, String> {
    if let Some(found) = SAMPLES.iter().find(|sample| sample.name == name) {
        return Ok(*found);
    }
    let word = name.split('-').next().unwrap_or_default();
    let like: Vec<&str> = SAMPLES
        .iter()
        .map(|sample| sample.name)
        .filter(|it| it.contains(word) || strsim::jaro_winkler(it, name) > 0.9)
        .take(10)
        .collect();
    match like.is_empty() {
        true => Err(format!("there is no sample {name:?}: `mm4relay sample list` names all")),
        false => Err(format!("there is no sample {name:?}; there are {}", like.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageType;
    use crate::protocol::mm4;
    use crate::rehearsal::samples::Case;

    #[test]
    fn every_message_of_the_library_is_in_the_program_and_says_what_is_special() {
        let listed: Vec<&str> = INDEX
            .lines()
            .filter_map(|line| Some(line.split_once('\t')?.0))
            .collect();
        let known: Vec<&str> = SAMPLES.iter().map(|sample| sample.name).collect();
        assert_eq!(known, listed);
        assert!(known.len() >= 60, "{}", known.len());
        for sample in SAMPLES {
            assert!(sample.about().len() > 2, "{}", sample.name);
        }
    }

    #[test]
    fn the_library_has_every_type_and_each_message_leaves_byte_for_byte_as_it_came() {
        let mut types = Vec::new();
        for sample in SAMPLES {
            let message = Case::of_message(sample.name, sample.octets).read_message();
            let message = message.unwrap_or_else(|error| panic!("{}: {error:#}", sample.name));
            let trace = crate::message::Field::build("Received", "by a test");
            let sent = mm4::serialise(&message, trace.clone()).to_bytes().unwrap();
            assert_eq!(&sent[trace.raw().len()..], sample.octets, "{}", sample.name);
            types.push(message.kind);
        }
        for (kind, name) in MessageType::NAMES {
            assert!(types.contains(&kind), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_those_like_it() {
        assert!(sample("photo").is_ok());
        assert!(sample("photo-of-a-cat").unwrap_err().contains("photo-png"));
        assert!(sample("zzz").unwrap_err().contains("sample list"));
    }
}
