//! As much of SMIL as it takes to show one text more. What stands there already stays as the originator's phone wrote it.

/// How long a text of its own is shown, as phones write it.
const SHOWN_FOR: &str = "8000ms";

/// The presentation with one more slide at its end that shows the text part of that name and Content-ID. It refers to the
/// part as the others are referred to. `None` when the presentation has no end, and so no place for it.
pub fn with_text(smil: &str, name: &str, content_id: &str) -> Option<String> {
    let lower = smil.to_ascii_lowercase();
    let end = lower.rfind("</body")?;
    let source = match lower.contains("src=\"cid:") || lower.contains("src='cid:") {
        true => format!("cid:{content_id}"),
        false => name.to_owned(),
    };
    let region = region(smil)
        .map(|region| format!(" region=\"{region}\""))
        .unwrap_or_default();
    let slide = format!("<par dur=\"{SHOWN_FOR}\"><text src=\"{source}\"{region}/></par>");
    Some([&smil[..end], &slide, &smil[end..]].concat())
}

/// Where texts are shown: the region of the first `text`, or one that is called so.
fn region(smil: &str) -> Option<&str> {
    let of_text = tags(smil, "text").find_map(|tag| attribute(tag, "region"));
    let named = || {
        let ids = tags(smil, "region").filter_map(|tag| attribute(tag, "id"));
        ids.into_iter().find(|id| id.eq_ignore_ascii_case("text"))
    };
    of_text.or_else(named)
}

/// The start tags of that name, without their brackets.
fn tags<'a>(smil: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pieces = smil.split('<').skip(1);
    pieces.filter_map(move |piece| {
        let tag = &piece[..piece.find('>')?];
        let (head, behind) = tag.split_at_checked(name.len())?;
        let ends = behind.is_empty() || behind.starts_with(|c: char| c.is_ascii_whitespace() || c == '/');
        (head.eq_ignore_ascii_case(name) && ends).then_some(tag)
    })
}

/// The value of an attribute that needs no escape.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag;
    loop {
        let equals = rest.find('=')?;
        let known = rest[..equals]
            .trim_end()
            .rsplit(|c: char| c.is_ascii_whitespace())
            .next()?;
        let value = rest[equals + 1..].trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let end = value[1..].find(quote)?;
        if known.eq_ignore_ascii_case(name) {
            let value = &value[1..1 + end];
            let plain = !value.is_empty() && !value.contains(['"', '\'', '<', '>', '&']);
            return plain.then_some(value);
        }
        rest = &value[end + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = "<smil><head><layout><region id=\"Image\" top=\"0\"/><region top=\"50%\" id=\"Text\"/></layout></head>\
        <body><par dur=\"5s\"><img src=\"a.jpg\" region=\"Image\"/></par></body></smil>";

    #[test]
    fn a_text_is_shown_on_a_slide_of_its_own_behind_the_others() {
        let with = with_text(PHONE, "n.txt", "n").unwrap();
        let slide = "</par><par dur=\"8000ms\"><text src=\"n.txt\" region=\"Text\"/></par></body></smil>";
        assert!(with.ends_with(slide), "{with}");
        assert!(with.starts_with(&PHONE[..PHONE.find("</body").unwrap()]));
    }

    #[test]
    fn it_is_referred_to_as_the_others_are_and_shown_where_texts_are() {
        let smil = "<SMIL><BODY><PAR><TEXT REGION='t1' SRC='cid:a'/></PAR></BODY></SMIL>";
        let with = with_text(smil, "n.txt", "n").unwrap();
        assert!(with.contains("<text src=\"cid:n\" region=\"t1\"/>"), "{with}");
    }

    #[test]
    fn a_presentation_without_an_end_has_no_place() {
        assert_eq!(with_text("<smil><body>", "n.txt", "n"), None);
        let nowhere = with_text("<smil><body></body></smil>", "n.txt", "n").unwrap();
        assert!(nowhere.contains("<text src=\"n.txt\"/>"));
    }
}
