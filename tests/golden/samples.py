#!/usr/bin/env python3
"""Writes tests/golden/samples: messages as peers send them, with invented numbers and generated media, and the list of them.

tests/golden/samples.py            needs Pillow; what is written is the same each time, with the same version of Pillow
"""

import base64
import io
import math
import pathlib
import quopri
import struct

from PIL import Image

OUT = pathlib.Path(__file__).parent / "samples"
INDEX: list[tuple[str, str]] = []


def picture(width: int, height: int, form: str, seed: int = 1, **options) -> bytes:
    """Colours and a pattern, so that it is not compressed to nothing."""
    image = Image.new("RGB", (width, height))
    pixels = image.load()
    for y in range(height):
        for x in range(width):
            wave = int(60 * math.sin((x * seed) / 17) + 60 * math.cos(y / 13))
            pixels[x, y] = ((x * 255 // width + wave) % 256, (y * 255 // height) % 256, (x * y * seed // 64) % 256)
    out = io.BytesIO()
    (image.convert("P") if form == "GIF" else image).save(out, form, **options)
    return out.getvalue()


def animation(frames: int) -> bytes:
    all_of = [Image.open(io.BytesIO(picture(48, 48, "PNG", seed))).convert("P") for seed in range(1, frames + 1)]
    out = io.BytesIO()
    all_of[0].save(out, "GIF", save_all=True, append_images=all_of[1:], duration=200, loop=0)
    return out.getvalue()


def amr(seconds: int) -> bytes:
    """Silence: frames of AMR 4.75 kbit/s (RFC 4867, 5)."""
    return b"#!AMR\n" + (b"\x04" + b"\0" * 12) * (50 * seconds)


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def video(brand: bytes, size: int) -> bytes:
    """The outside of a 3GP or MP4 file; what is in it plays nowhere."""
    return box(b"ftyp", brand + b"\0\0\2\0" + brand) + box(b"mdat", bytes(i * 7 % 251 for i in range(size)))


def audio_mp3(frames: int) -> bytes:
    return (b"\xff\xfb\x10\xc4" + b"\0" * 100) * frames


def part(content_type: str, body: bytes, name: str = "", cid: str = "", encoding: str = "", more: str = "") -> bytes:
    if not encoding:
        encoding = "7bit" if content_type.startswith(("text/", "application/smil")) and body.isascii() else "base64"
    named = f'{content_type}; Name="{name}"' if name else content_type
    lines = [f"Content-Type: {named}", f"Content-Transfer-Encoding: {encoding}"]
    if cid:
        lines.append(f"Content-ID: <{cid}>")
    if name:
        lines.append(f"Content-Location: {name}")
    if more:
        lines.append(more)
    encoded = {
        "base64": lambda: base64.encodebytes(body).replace(b"\n", b"\r\n").removesuffix(b"\r\n"),
        "quoted-printable": lambda: quopri.encodestring(body).replace(b"\n", b"\r\n"),
    }.get(encoding, lambda: body)()
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + encoded


def smil(*elements: str, region: str = "Image") -> bytes:
    slides = "".join(f'<par dur="5000ms">{element}</par>' for element in elements)
    layout = (
        '<root-layout width="320" height="240"/><region id="Image" left="0" top="0" width="320" height="180" fit="meet"/>'
        '<region id="Text" left="0" top="180" width="320" height="60"/>'
    )
    return f"<smil><head><layout>{layout}</layout></head><body>{slides}</body></smil>".encode()


def multipart(*parts: bytes, kind: str = "related", start: str = "") -> tuple[str, bytes]:
    boundary = "----=_Part_1_2.3"
    if kind == "related":
        content_type = f'multipart/related; Start="<{start or "smil"}>"; Type="application/smil";\r\n\tboundary="{boundary}"'
    else:
        content_type = f'multipart/{kind}; boundary="{boundary}"'
    body = b"".join(f"--{boundary}\r\n".encode() + each + b"\r\n" for each in parts) + f"--{boundary}--\r\n".encode()
    return content_type, body


def slide(content_type: str, body: bytes, name: str, element: str, text: str = "Hello") -> tuple[str, bytes]:
    """A presentation with one medium and one text, as most phones write it."""
    words = part("text/plain; charset=utf-8", text.encode(), "text.txt", "text", "" if text.isascii() else "base64")
    presentation = smil(f'<{element} src="{name}" region="Image"/><text src="text.txt" region="Text"/>')
    return multipart(
        part("application/smil", presentation, "start.smil", "smil"), part(content_type, body, name, "medium"), words
    )


ADDRESSES = {"From": "+15555550100/TYPE=PLMN", "To": "+15555550199/TYPE=PLMN"}


def message(name: str, about: str, content: tuple[str, bytes] | None, kind: str = "MM4_forward.REQ", **fields) -> None:
    """`fields`: with _ for -; None leaves a field out."""
    number = len(INDEX) + 1
    header = {
        **ADDRESSES,
        "Sender": "+15555550100/TYPE=PLMN@mms.a.example",
        "Date": "Mon, 26 Jan 2026 00:17:43 +0000",
        "Message-ID": f"<s{number}@mms.a.example>",
        "X-Mms-3GPP-MMS-Version": "6.3.0",
        "X-Mms-Message-Type": kind,
        "X-Mms-Transaction-ID": f'"t{number}@mms.a.example"',
        "X-Mms-Message-ID": f'"m{number}@mms.a.example"',
    }
    if kind == "MM4_forward.REQ":
        header |= {
            "X-Mms-Message-Class": "Personal",
            "X-Mms-Priority": "Normal",
            "X-Mms-Delivery-Report": "Yes",
            "X-Mms-Ack-Request": "Yes",
            "X-Mms-Originator-System": "system@mms.a.example",
        }
    if content:
        header |= {"MIME-Version": "1.0", "Content-Type": content[0]}
    for key, value in fields.items():
        header[key.replace("_", "-").replace("RS", "R/S")] = value
    lines = [f"{key}: {value}".encode() for key, value in header.items() if value is not None]
    (OUT / f"{name}.eml").write_bytes(b"\r\n".join(lines) + b"\r\n\r\n" + (content[1] if content else b""))
    INDEX.append((name, about))


def text(words: str, charset: str = "utf-8", encoding: str = "7bit") -> tuple[str, bytes]:
    """A message that is one text, and no multipart."""
    body = words.encode(charset)
    if encoding == "base64":
        body = base64.encodebytes(body).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        body = quopri.encodestring(body).replace(b"\n", b"\r\n") + b"\r\n"
    else:
        body += b"\r\n"
    return f"text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}", body


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*"):
        old.unlink()
    jpeg = picture(160, 120, "JPEG", quality=60)
    png = picture(80, 60, "PNG")
    # Kinds of content, by content class
    message("text", "one text and nothing else, no multipart", text("Hello"))
    message("text-in-related", "a text with a presentation (SMIL), content class text", multipart(
        part("application/smil", smil('<text src="text.txt" region="Text"/>'), "start.smil", "smil"),
        part("text/plain; charset=us-ascii", b"Hello", "text.txt", "text")), X_Mms_Content_Class="text")
    message("photo", "a JPEG of 160 by 120 with a text, content class image-basic",
            slide("image/jpeg", jpeg, "photo.jpg", "img"), X_Mms_Content_Class="image-basic")
    message("photo-rich", "a JPEG of 640 by 480, content class image-rich",
            slide("image/jpeg", picture(640, 480, "JPEG", quality=40), "photo.jpg", "img"), X_Mms_Content_Class="image-rich")
    message("photo-png", "a PNG of 80 by 60", slide("image/png", png, "picture.png", "img"))
    message("photo-gif", "a GIF of one frame", slide("image/gif", picture(64, 48, "GIF"), "picture.gif", "img"))
    message("animation", "a GIF of four frames", slide("image/gif", animation(4), "dance.gif", "img"))
    message("photo-webp", "a WebP picture, which phones before 2015 do not show",
            slide("image/webp", picture(96, 72, "WEBP", quality=50), "picture.webp", "img"))
    message("photo-bmp", "a WBMP-era format: image/bmp", slide("image/bmp", picture(24, 24, "BMP"), "p.bmp", "img"))
    exif = Image.Exif()
    exif[0x010E] = "invented camera"
    exif[0x9003] = "2026:01:26 00:17:43"
    message("photo-with-exif", "a JPEG with EXIF: camera and time of day",
            slide("image/jpeg", picture(120, 90, "JPEG", quality=60, exif=exif), "photo.jpg", "img"))
    message("photo-without-presentation", "a JPEG in multipart/mixed, no SMIL", multipart(
        part("image/jpeg", jpeg, "photo.jpg"), kind="mixed"))
    message("photo-alone", "a JPEG as the whole body, no multipart",
            ("image/jpeg\r\nContent-Transfer-Encoding: base64", base64.encodebytes(png).replace(b"\n", b"\r\n")))
    message("two-slides", "two pictures on two slides, each with its text", multipart(
        part("application/smil", smil('<img src="1.jpg" region="Image"/><text src="1.txt" region="Text"/>',
                                      '<img src="2.png" region="Image"/><text src="2.txt" region="Text"/>'), "start.smil", "smil"),
        part("image/jpeg", jpeg, "1.jpg", "p1"), part("text/plain; charset=utf-8", b"First", "1.txt", "t1"),
        part("image/png", png, "2.png", "p2"), part("text/plain; charset=utf-8", b"Second", "2.txt", "t2")))
    message("presentation-by-content-id", "the SMIL refers to parts as cid:...", multipart(
        part("application/smil", smil('<img src="cid:photo" region="Image"/>'), "start.smil", "smil"),
        part("image/jpeg", jpeg, "photo.jpg", "photo")))
    message("presentation-missing", "Start names a part that is not there", multipart(
        part("image/jpeg", jpeg, "photo.jpg", "photo"), start="nowhere"))
    message("voice", "three seconds of AMR, content class text", slide("audio/amr", amr(3), "voice.amr", "audio"))
    message("ringtone", "audio/mpeg", slide("audio/mpeg", audio_mp3(20), "tone.mp3", "audio"))
    message("midi", "audio/midi, of a few octets", slide("audio/midi", b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "tune.mid", "audio"))
    message("video", "video/3gpp, content class video-basic",
            slide("video/3gpp", video(b"3gp4", 9000), "clip.3gp", "video"), X_Mms_Content_Class="video-basic")
    message("video-mp4", "video/mp4, content class video-rich",
            slide("video/mp4", video(b"isom", 20000), "clip.mp4", "video"), X_Mms_Content_Class="video-rich")
    card = "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Example;Ann\r\nTEL;CELL:+15555550155\r\nEND:VCARD"
    message("contact", "a vCard, text/x-vcard", multipart(part("text/x-vcard; charset=utf-8", card.encode(), "ann.vcf"), kind="mixed"))
    event = "BEGIN:VCALENDAR\r\nVERSION:1.0\r\nBEGIN:VEVENT\r\nDTSTART:20260201T090000Z\r\nSUMMARY:Tea\r\nEND:VEVENT\r\nEND:VCALENDAR"
    message("appointment", "a vCalendar, text/x-vcalendar", multipart(part("text/x-vcalendar", event.encode(), "tea.vcs"), kind="mixed"))
    message("drm-forward-lock", "DRM: a picture that must not be forwarded, application/vnd.oma.drm.message", multipart(
        part("application/vnd.oma.drm.message; boundary=d", b"--d\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: binary\r\n\r\nGIF89a\r\n--d--\r\n", "locked.dm"), kind="mixed"),
        X_Mms_Content_Class="image-basic", X_Mms_Drm_Content="Yes")
    message("drm-content", "DRM: encrypted content, application/vnd.oma.drm.content", multipart(
        part("application/vnd.oma.drm.content", b"\1\x0aimage/jpegcid:1@d.example" + bytes(200), "locked.dcf"), kind="mixed"), X_Mms_Drm_Content="Yes")
    message("java-game", "application/java-archive: content class content-rich", multipart(
        part("application/java-archive", b"PK\3\4" + bytes(400), "game.jar"), kind="mixed"), X_Mms_Content_Class="content-rich")
    message("html", "text/html beside text/plain, in multipart/alternative", multipart(
        part("text/plain; charset=utf-8", b"Hello"), part("text/html; charset=utf-8", b"<p>Hello</p>"), kind="alternative"))
    message("unknown-type", "a part of a type that nobody knows", multipart(
        part("application/x-invented", bytes(range(256)), "thing.bin"), kind="mixed"))
    message("no-text-no-picture", "a presentation and nothing that it shows", multipart(
        part("application/smil", smil('<img src="gone.jpg" region="Image"/>'), "start.smil", "smil")))
    message("attachment-with-long-name", "a file name of 120 characters", multipart(
        part("image/png", png, "a" * 116 + ".png"), kind="mixed"))
    message("name-beyond-ascii", "a file name in RFC 2231", multipart(
        part("image/png; name*=utf-8''gr%C3%BC%C3%9Fe.png", png), kind="mixed"))
    # Sizes
    message("empty", "a forward without any body", None, Subject="Call me")
    message("empty-text", "a text of no octets", text(""))
    message("long-text", "a text of 8,000 characters", text(("All work and no play. " * 4 + "\r\n") * 91))
    message("many-parts", "forty small parts", multipart(*(
        part("text/plain; charset=utf-8", f"Part {n}".encode(), f"{n}.txt") for n in range(40)), kind="mixed"))
    message("thirty-kilobytes", "30 kB on the wire, the limit of content class text", multipart(
        part("application/octet-stream", bytes(i * 31 % 256 for i in range(21000)), "30k.bin"), kind="mixed"))
    message("hundred-kilobytes", "100 kB on the wire, the limit of image-basic", slide(
        "image/jpeg", picture(480, 360, "JPEG", 7, quality=92)[:73000], "photo.jpg", "img"))
    # Languages
    for name, language, words in [
        ("german", "German", "Grüße aus Köln"), ("greek", "Greek", "Καλημέρα"), ("russian", "Russian", "Добрый день"),
        ("arabic", "Arabic, from right to left", "صباح الخير"), ("hebrew", "Hebrew, from right to left", "בוקר טוב"),
        ("hindi", "Hindi", "नमस्ते"), ("thai", "Thai", "สวัสดี"), ("chinese", "Chinese", "你好，世界"),
        ("japanese", "Japanese", "おはようございます"), ("korean", "Korean", "안녕하세요"), ("emoji", "emoji, joined ones too", "👋🏽 👨‍👩‍👧 🎉"),
    ]:
        subject = "=?utf-8?B?" + base64.b64encode(words.encode()).decode() + "?="
        message(f"text-{name}", f"{language}, in UTF-8; the subject in RFC 2047", text(words, encoding="base64"), Subject=subject)
    message("text-latin1", "ISO-8859-1 in quoted-printable", text("Grüße", "iso-8859-1", "quoted-printable"))
    message("text-utf16", "UTF-16, as some phones send texts", text("Hello", "utf-16", "base64"))
    message("text-big5", "Big5, in base64", text("你好", "big5", "base64"))
    message("text-gb2312", "GB2312, in base64", text("你好", "gb2312", "base64"))
    message("text-shift-jis", "Shift_JIS, in base64", text("こんにちは", "shift_jis", "base64"))
    message("text-without-charset", "eight-bit text that does not say its charset",
            ("text/plain\r\nContent-Transfer-Encoding: 8bit", "Grüße\r\n".encode()))
    # What a forward says
    message("no-reports", "asks for nothing: no report, no response", text("Hello"), X_Mms_Delivery_Report="No", X_Mms_Ack_Request="No")
    message("read-reply", "asks for a read-reply report", text("Hello"), X_Mms_Read_Reply="Yes")
    message("hidden-sender", "the sender's number is not to be shown", text("Hello"), X_Mms_Sender_Visibility="Hide")
    message("advertisement", "message class Advertisement, priority Low", text("Buy"), X_Mms_Message_Class="Advertisement", X_Mms_Priority="Low")
    message("urgent", "priority High", text("Now"), X_Mms_Priority="High")
    message("expires", "X-Mms-Expiry in a week", text("Hello"), X_Mms_Expiry="Mon, 02 Feb 2026 00:17:43 +0000")
    message("forwarded", "forwarded twice before, by whom and when", text("Hello"), X_Mms_Forward_Counter="2",
            X_Mms_Previously_Sent_By="1, +15555550111/TYPE=PLMN", X_Mms_Previously_Sent_Date_and_Time="1, Sun, 25 Jan 2026 20:00:00 +0000")
    message("reply-charging", "the sender pays for an answer", text("Answer me"), X_Mms_Reply_Charging="Requested")
    message("adaptation-forbidden", "content must not be adapted", slide("image/jpeg", jpeg, "photo.jpg", "img"), X_Mms_Adaptations="No")
    message("from-an-application", "from a service, with its application IDs", text("Your parcel is here"),
            From="12345", Sender="12345@mms.a.example", X_Mms_Applic_ID="parcels", X_Mms_Reply_Applic_ID="parcels")
    message("to-a-short-code", "to a short code", text("VOTE 7"), To="12345/TYPE=PLMN")
    message("to-mail", "to an address of the Internet's mail", text("Hello"), To="ann@mail.example")
    message("to-five", "five recipients", text("Hello"), To=", ".join(f"+155555501{n}/TYPE=PLMN" for n in range(10, 15)))
    message("cc", "one recipient in To, one in Cc", text("Hello"), Cc="+15555550188/TYPE=PLMN")
    message("national-numbers", "numbers as they are dialled within a country", text("Hello"), From="01715550100/TYPE=PLMN", To="01715550199/TYPE=PLMN")
    # Answers and reports
    answer = dict(From="system@mms.b.example", To="system@mms.a.example", Sender="system@mms.b.example")
    for name, status in [("ok", "Ok"), ("unsupported", "Error-unsupported-message"), ("denied", "Error-service-denied"),
                         ("unresolved", "Error-sending-address-unresolved"), ("network-problem", "Error-network-problem")]:
        message(f"response-{name}", f"MM4_forward.RES with status {status}", None, "MM4_forward.RES", X_Mms_Request_Status_Code=status, **answer)
    message("response-with-text", "MM4_forward.RES that says why", None, "MM4_forward.RES",
            X_Mms_Request_Status_Code="Error-content-not-accepted", X_Mms_Status_Text="no pictures, please", **answer)
    for name, status in [("retrieved", "Retrieved"), ("deferred", "Deferred"), ("expired", "Expired"), ("rejected", "Rejected"),
                         ("indeterminate", "Indeterminate"), ("forwarded-on", "Forwarded"), ("unreachable", "Unreachable")]:
        message(f"report-{name}", f"MM4_delivery_report.REQ: {status}", None, "MM4_delivery_report.REQ",
                From="+15555550199/TYPE=PLMN", To="+15555550100/TYPE=PLMN", Sender="system@mms.b.example",
                X_Mms_MM_Status_Code=status, X_Mms_Ack_Request="Yes")
    message("report-response", "MM4_delivery_report.RES", None, "MM4_delivery_report.RES", X_Mms_Request_Status_Code="Ok", **answer)
    for name, status in [("read", "Read"), ("deleted", "Deleted without being read")]:
        message(f"read-report-{name}", f"MM4_read_reply_report.REQ: {status}", None, "MM4_read_reply_report.REQ",
                From="+15555550199/TYPE=PLMN", To="+15555550100/TYPE=PLMN", Sender="system@mms.b.example",
                X_Mms_MM_Read_Status=status, X_Mms_Ack_Request="Yes")
    message("read-report-response", "MM4_read_reply_report.RES", None, "MM4_read_reply_report.RES", X_Mms_Request_Status_Code="Ok", **answer)
    lines = [f"{name}\t{about}\n" for name, about in INDEX]
    (OUT / "index.txt").write_text("".join(lines))
    print(f"{len(INDEX)} messages, {sum(path.stat().st_size for path in OUT.glob('*.eml')) // 1000} kB")


if __name__ == "__main__":
    main()
