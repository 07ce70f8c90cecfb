//! A text behind what a message says: a legal notice, a note on what happened to it.

use crate::{Edit, Fault, Part, PartExt, body, edit, message, smil};

/// The media type of what is written here.
const PLAIN: &str = "text/plain; charset=utf-8";
/// Longer texts are left alone, and the notice becomes a part of its own.
const LONGEST: u64 = 1 << 20;

/// The edits that put `text` behind what the message says, so that every phone shows it:
///
/// - behind the last text of the message, when its charset is one that can be read (UTF-8, US-ASCII, ISO-8859-1); it then
///   is UTF-8, under the name and the Content-ID that it had, so that a presentation still shows it;
/// - else as a part of its own, with one more slide in the presentation (SMIL), if there is one.
///
/// `None` when there is no place for it: a message of one part that is no text, such as a single picture.
///
/// # Errors
/// What the relay says when a part cannot be read, or a body not be written.
pub fn append_text(text: &str) -> Result<Option<Vec<Edit>>, Fault> {
    let parts = message::parts();
    for part in parts.iter().rev().filter(|part| part.media_type == "text/plain") {
        if let Some(old) = text_of(part)? {
            let new = body(PLAIN, joined(&old, text).as_bytes())?;
            return Ok(Some(vec![edit::replace_part(part.id, new, None)]));
        }
    }
    let content_type = message::header("Content-Type").unwrap_or_default();
    if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return Ok(None);
    }
    let (name, content_id) = unused_name(&parts);
    let mut edits = Vec::new();
    for part in parts.iter().filter(|part| part.media_type == "application/smil") {
        let Some(presentation) = part
            .read_all(LONGEST)?
            .and_then(|octets| String::from_utf8(octets).ok())
        else {
            continue;
        };
        if let Some(with) = smil::with_text(&presentation, &name, &content_id) {
            let content_type =
                message::part_header(part.id, "Content-Type")?.unwrap_or_else(|| part.media_type.clone());
            edits.push(edit::replace_part(part.id, body(&content_type, with.as_bytes())?, None));
        }
    }
    edits.push(edit::add_part(
        body(PLAIN, text.as_bytes())?,
        Some(name),
        Some(content_id),
    ));
    Ok(Some(edits))
}

/// The text of a part, if its charset is known here.
fn text_of(part: &Part) -> Result<Option<String>, Fault> {
    let Some(octets) = part.read_all(LONGEST)? else {
        return Ok(None);
    };
    let content_type = message::part_header(part.id, "Content-Type")?.unwrap_or_default();
    Ok(decoded(&octets, charset(&content_type)))
}

/// The parameter `charset` of a Content-Type, without quotes.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"').trim();
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

fn joined(old: &str, text: &str) -> String {
    match old.trim_end_matches(['\r', '\n']) {
        "" => text.to_owned(),
        before => format!("{before}\r\n\r\n{text}"),
    }
}

/// A file name, and a Content-ID, that no part has.
fn unused_name(parts: &[Part]) -> (String, String) {
    let taken = |name: &str, id: &str| {
        parts.iter().any(|part| {
            [&part.name, &part.content_location]
                .into_iter()
                .flatten()
                .any(|known| known.eq_ignore_ascii_case(name))
                || part.content_id.as_deref() == Some(id)
        })
    };
    let numbered = (1..).map(|number| (format!("notice{number}.txt"), format!("notice{number}")));
    let first = ("notice.txt".to_owned(), "notice".to_owned());
    let mut names = std::iter::once(first.clone()).chain(numbered);
    names.find(|(name, id)| !taken(name, id)).unwrap_or(first)
}

/// Octets as text. `charset` as a part says it, in any case; without one, UTF-8 if they are that, else ISO-8859-1. `None`
/// for any other charset, and for octets that are not what they are said to be.
fn decoded(octets: &[u8], charset: Option<&str>) -> Option<String> {
    let latin = || octets.iter().map(|octet| char::from(*octet)).collect();
    let utf8 = || std::str::from_utf8(octets).ok().map(str::to_owned);
    match charset.map(|name| name.trim().to_ascii_lowercase()).as_deref() {
        None | Some("") => utf8().or_else(|| Some(latin())),
        Some("utf-8" | "utf8") => utf8(),
        // What is said to be ASCII and is more, is UTF-8 from most phones.
        Some("us-ascii" | "ascii") => utf8(),
        Some("iso-8859-1" | "latin1" | "iso_8859-1") => Some(latin()),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Message, Relay, body_of};

    fn appended(message: Message) -> Option<Vec<Edit>> {
        let message = message.header("Content-Type", "multipart/related; boundary=b");
        Relay::new(message).run(|| append_text("Notice").unwrap())
    }

    #[test]
    fn a_text_is_put_behind_the_last_one_in_utf_8() {
        let message = Message::forward("+15555550100", "+15555550199")
            .part("text/plain; charset=utf-8", b"first")
            .part("text/plain; charset=ISO-8859-1", b"gr\xfcn\r\n")
            .part("image/jpeg", b"x");
        let edits = appended(message).unwrap();
        let [Edit::ReplacePart(replaced)] = &edits[..] else {
            panic!("{edits:?}")
        };
        assert_eq!(replaced.id, 2);
        assert_eq!(
            body_of(&replaced.body),
            (PLAIN.to_owned(), "gr\u{fc}n\r\n\r\nNotice".into())
        );
    }

    #[test]
    fn a_charset_that_is_not_known_is_left_alone_and_the_presentation_gets_a_slide() {
        let message = Message::forward("+15555550100", "+15555550199")
            .part(
                "application/smil; charset=utf-8",
                b"<smil><body><par><img src=\"cid:a\"/></par></body></smil>",
            )
            .part("text/plain; charset=utf-16", b"\xff\xfea\0");
        let edits = appended(message).unwrap();
        let [Edit::ReplacePart(smil), Edit::AddPart(added)] = &edits[..] else {
            panic!("{edits:?}")
        };
        let (media_type, presentation) = body_of(&smil.body);
        assert_eq!((smil.id, media_type.as_str()), (1, "application/smil; charset=utf-8"));
        assert!(
            String::from_utf8(presentation)
                .unwrap()
                .contains("<text src=\"cid:notice\"/>")
        );
        assert_eq!(body_of(&added.body), (PLAIN.to_owned(), b"Notice".to_vec()));
        assert_eq!(added.content_id.as_deref(), Some("notice"));
    }

    #[test]
    fn a_name_that_is_taken_is_not_taken_again() {
        let message = Message::forward("+15555550100", "+15555550199").part("image/png; name=\"Notice.txt\"", b"x");
        let edits = appended(message).unwrap();
        assert!(matches!(&edits[..], [Edit::AddPart(added)] if added.name.as_deref() == Some("notice1.txt")));
    }

    #[test]
    fn a_single_picture_has_no_place_for_a_text() {
        let message = Message::forward("+15555550100", "+15555550199").part("image/jpeg", b"x");
        let edits = Relay::new(message.header("Content-Type", "image/jpeg")).run(|| append_text("Notice").unwrap());
        assert!(edits.is_none());
    }
}
