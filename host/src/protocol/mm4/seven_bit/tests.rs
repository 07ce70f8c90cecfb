//! Tests of `seven_bit.rs`.

use super::super::samples::{MULTIPART, read_text};
use super::*;
use crate::message::PartId;

fn convert(text: &str) -> Result<String, String> {
    let once = seven_bit(&Bytes::copy_from_slice(text.as_bytes()))?;
    assert!(once.is_ascii());
    assert_eq!(seven_bit(&once).unwrap(), once, "twice is once");
    Ok(String::from_utf8(once.to_vec()).unwrap())
}

#[test]
fn ascii_comes_back_as_it_is() {
    assert_eq!(convert(MULTIPART).unwrap(), MULTIPART);
}

#[test]
fn an_8bit_leaf_goes_in_base64_and_its_neighbours_keep_their_bytes() {
    let text = MULTIPART.replace("<smil></smil>", "<smil>gr\u{fc}n</smil>").replace(
        "MIME-Version: 1.0\r\n",
        "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n",
    );
    let expected = MULTIPART
        .replace(
            "Content-Type: application/smil\r\n",
            "Content-Type: application/smil\r\nContent-Transfer-Encoding: base64\r\n",
        )
        .replace("<smil></smil>", "PHNtaWw+Z3LDvG48L3NtaWw+")
        .replace(
            "MIME-Version: 1.0\r\n",
            "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\n",
        );
    assert_eq!(convert(&text).unwrap(), expected);
}

#[test]
fn a_message_that_is_not_multipart_is_encoded_as_a_whole() {
    let head = "X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Transaction-ID: t\r\nX-Mms-Message-ID: k\r\n";
    let text = format!("{head}Subject: gr\u{fc}n\r\ncontent-transfer-encoding: 8BIT\r\n\r\n\u{fc}\r\n");
    let converted = convert(&text).unwrap();
    assert_eq!(
        converted,
        format!(
            "{head}Subject: =?utf-8?B?Z3LDvG4=?=\r\ncontent-transfer-encoding: base64\r\nMIME-Version: 1.0\r\n\r\n\
                 w7wNCg==\r\n"
        )
    );
    let message = read_text(&converted).unwrap();
    assert_eq!(super::super::decode_part(&message, PartId(1)).unwrap(), "\u{fc}\r\n");
}

#[test]
fn the_last_part_of_a_truncated_multipart_still_ends_its_line() {
    let end = MULTIPART.find("\r\n--b1\r\nContent-Type: text/plain").unwrap();
    let converted = convert(&format!("{}gr\u{fc}n\r\n", &MULTIPART[..end])).unwrap();
    assert!(
        converted.ends_with("\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<smil></smil>gr=C3=BCn\r\n"),
        "{converted}"
    );
}

#[test]
fn what_must_not_be_encoded_is_refused_with_the_reason() {
    let inside = MULTIPART
        .replace("application/smil", "message/rfc822")
        .replace("<smil></smil>", "Subject: x\r\n\r\ngr\u{fc}n");
    assert!(convert(&inside).unwrap_err().contains("part 1 is message/rfc822"));
    let unknown = MULTIPART.replace("begin", "b\u{e9}gin");
    assert!(convert(&unknown).unwrap_err().contains("part 4 has octets above 127"));
    let sealed = MULTIPART
        .replace("multipart/related;", "multipart/signed; protocol=\"application/x\";")
        .replace("<smil></smil>", "gr\u{fc}n");
    assert!(convert(&sealed).unwrap_err().contains("signed or encrypted"));
    let named = MULTIPART.replace("<img>", "<\u{ef}mg>");
    assert!(convert(&named).unwrap_err().contains("Content-Id: an identifier"));
}

#[test]
fn a_subject_that_some_readers_decode_and_others_do_not_is_not_converted() {
    let subject = "Subject: =?\u{fc}utf-8?B?Z3LDvG4=?= =?utf-8?Q?_und_blau?=\r\n\r\nhello\r\n";
    let refused = convert(subject).unwrap_err();
    assert!(refused.contains("the subject"), "{refused}");
}

/// Its line end belongs to the field, not to the string: the next field would vanish.
#[test]
fn a_field_behind_an_open_quoted_string_stays_a_field() {
    let message = "Sender: +15555550101 \"gr\u{fc}n\r\nX-Kept: yes\r\n\r\nhello\r\n";
    let converted = convert(message).unwrap();
    assert!(converted.contains("\r\nX-Kept: yes\r\n"), "{converted}");
}

#[test]
fn a_part_inside_what_is_signed_fails_and_a_subject_outside_does_not() {
    let inner = "--b1\r\nContent-Type: multipart/signed; boundary=in\r\n\r\n--in\r\n\r\ntext\r\n--in\r\n\
                     Content-Type: application/pgp-signature\r\n\r\nx\r\n--in--\r\n--b1--";
    let signed = MULTIPART.replace("--b1--", inner);
    let outside = signed
        .replace("Subject: hello", "Subject: gr\u{fc}n")
        .replace("preamble", "pr\u{e4}amble");
    let converted = convert(&outside).unwrap();
    assert!(converted.contains(&inner[6..]), "{converted}");
    assert!(convert(&signed.replace("\r\ntext", "\r\nt\u{eb}xt")).is_err());
}

#[test]
fn text_that_no_reader_shows_stays_legible() {
    let text = MULTIPART
        .replace("preamble", &format!("pr\u{e4}amble = 1 {}", "\u{fc}".repeat(400)))
        .replace("epilogue", "\u{e9}pilogue");
    let converted = convert(&text).unwrap();
    assert!(converted.contains("\r\n\r\npr=C3=A4amble =3D 1 =C3=BC"), "{converted}");
    assert!(converted.contains("--b1--\r\n=C3=A9pilogue\r\n"), "{converted}");
    assert!(converted.lines().all(|line| line.len() <= 78));
}

#[test]
fn the_header_of_an_inner_multipart_is_converted_like_any_other() {
    let inner = "--b1\r\nContent-Description: gr\u{fc}n\r\nContent-Type: multipart/mixed; boundary=in\r\n\
                     Content-Transfer-Encoding: 8bit\r\n\r\n\u{fc}\r\n--in\r\n\r\ntext\r\n--in--\r\n--b1--";
    let converted = convert(&MULTIPART.replace("--b1--", inner)).unwrap();
    let expected = "--b1\r\nContent-Description: =?utf-8?B?Z3LDvG4=?=\r\nContent-Type: multipart/mixed; boundary=in\r\n\
                        Content-Transfer-Encoding: 7bit\r\n\r\n=C3=BC\r\n--in\r\n\r\ntext\r\n--in--\r\n--b1--";
    assert!(converted.contains(expected), "{converted}");
}

#[test]
fn a_body_with_stray_octets_is_encoded_anew() {
    let text = MULTIPART
        .replace("/9j/4A==", "/9j/\u{fc}4A==")
        .replace("gr=C3=BCn", "gr\u{fc}n=");
    let converted = convert(&text).unwrap();
    assert!(converted.contains("\r\n/9j/4A==\r\n--b1"), "{converted}");
    assert!(converted.contains("\r\ngr=C3=BCn\r\n--b1"), "{converted}");
}

#[test]
fn a_name_beyond_ascii_is_kept_quoted_or_not() {
    for name in ["\"gr\u{fc}n.jpg\"", "gr\u{fc}n.jpg", "gr\u{fc}n bild.jpg"] {
        let text = MULTIPART.replace("\"a.jpg\"", name);
        let before = read_text(&text).unwrap();
        let after = read_text(&convert(&text).unwrap()).unwrap();
        assert_eq!(after.parts[2].name, before.parts[2].name, "{name}");
        assert_eq!(after.parts[2].name.as_deref(), Some(name.trim_matches('"')));
    }
}
