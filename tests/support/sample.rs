//! Messages to send.

/// An MM4 forward request with the given identifiers and a text body; CRLF line ends.
pub fn forward_request(id: &str) -> Vec<u8> {
    with_body(id, &[], b"hello\r\n")
}

/// A forward request with further header lines and the given body.
pub fn with_body(id: &str, more: &[&str], body: &[u8]) -> Vec<u8> {
    of_type("text/plain; charset=us-ascii", id, more, body)
}

/// A forward request whose only part claims to be an image: plug-ins that look at images are called.
pub fn picture(id: &str, more: &[&str]) -> Vec<u8> {
    of_type("image/jpeg", id, more, b"no image at all\r\n")
}

/// A forward request of this media type.
pub fn of_type(media_type: &str, id: &str, more: &[&str], body: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "From: +15555550100/TYPE=PLMN\r\n\
         To: +15555550199/TYPE=PLMN\r\n\
         Date: Mon, 26 Jan 2026 00:17:43 +0000\r\n\
         Message-ID: <{id}@mms.a.example>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: {media_type}\r\n\
         X-Mms-3GPP-MMS-Version: 6.5.0\r\n\
         X-Mms-Message-Type: MM4_forward.REQ\r\n\
         X-Mms-Transaction-ID: \"{id}@mms.a.example\"\r\n\
         X-Mms-Message-ID: \"{id}@mms.a.example\"\r\n\
         X-Mms-Originator-System: system@mms.a.example\r\n"
    );
    for line in more {
        message.push_str(line);
        message.push_str("\r\n");
    }
    message.push_str("\r\n");
    let mut message = message.into_bytes();
    message.extend_from_slice(body);
    message
}

/// The envelope addresses that fit: operator A sends to operator B.
pub const FROM: &str = "+15555550100/TYPE=PLMN@mms.a.example";
pub const TO: &str = "+15555550199/TYPE=PLMN@mms.b.example";
