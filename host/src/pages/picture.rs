//! One picture out of a message.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::indexed::indexed;
use super::looking::{Looking, Refused};
use crate::control::{Kind, Problem};
use crate::message::PartId;
use crate::protocol::mm4::decode_part;

/// Should a browser open it as a page of its own after all: nothing in it runs, and nothing is fetched for it.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

pub(super) async fn answer(Path((id, part)): Path<(String, u32)>, looking: Looking) -> Result<Response, Refused> {
    let named = looking.named(&id).await?;
    let received = looking.field("received") == "true";
    let octets = looking.content(named, received).await?;
    let decoded = tokio::task::spawn_blocking(move || {
        let message = indexed(octets).ok()?;
        let body = decode_part(&message, PartId(part)).ok()?;
        media_type(&body).map(|kind| (kind, body))
    });
    let Ok(Some((kind, body))) = decoded.await else {
        let detail = format!("part {part} of {id} is no picture that is shown here");
        return Err(looking.refused(&Problem::new(Kind::UnknownId, detail)).await);
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    Ok((headers, body).into_response())
}

/// What a picture is by its first octets, whatever its sender calls it: one of those that are octets to a browser and no
/// document.
pub(super) fn media_type(of: &[u8]) -> Option<&'static str> {
    let is_webp = of.starts_with(b"RIFF") && of.get(8..12) == Some(b"WEBP");
    match of {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        _ if is_webp => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn what_a_browser_could_run_is_no_picture() {
        assert_eq!(media_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(media_type(b"RIFF....WEBPVP8 "), Some("image/webp"));
        for other in [
            &b"<svg xmlns='http://www.w3.org/2000/svg'>"[..],
            b"<html>",
            b"",
            b"%PDF",
            b"GIF8",
        ] {
            assert_eq!(media_type(other), None);
        }
    }
}
