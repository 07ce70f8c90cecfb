//! The format and dimensions of a picture, from its first octets. A picture within the limits is read no further.

/// Formats that can be decoded. Recognised by the first octets and not by the media type, because peers mislabel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
    Gif,
    WebP,
    Bmp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub format: Format,
    /// In pixels, as stored: before any EXIF rotation.
    pub width: u32,
    pub height: u32,
}

/// The result of reading a picture's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probed {
    Picture(Header),
    /// A format that can be decoded, but no dimensions were found: the picture is cut off or broken, or its frame
    /// header lies further back than is read.
    Unsized,
    /// No known format.
    Other,
}

impl Probed {
    pub fn header(self) -> Option<Header> {
        match self {
            Self::Picture(header) => Some(header),
            Self::Unsized | Self::Other => None,
        }
    }
}

/// How much is read at a time, in octets. One read is enough for most pictures; a JPEG with large EXIF blocks needs a
/// second one, which begins behind the block.
const WINDOW: u32 = 2048;
/// More segments than any real JPEG has before its frame header. Bounds the reads that a hostile one can cause.
const MAX_SEGMENTS: usize = 128;

/// Reads a picture's header.
///
/// # Errors
/// Those of `read`, which gets an offset and a maximum, both in octets.
pub fn probe<E>(read: impl FnMut(u64, u32) -> Result<Vec<u8>, E>) -> Result<Probed, E> {
    let mut window = Window {
        read,
        start: 0,
        bytes: Vec::new(),
    };
    let head = window.at(0, 30)?.to_vec();
    let (format, size) = match head.as_slice() {
        [0xff, 0xd8, 0xff, ..] => (Format::Jpeg, jpeg(&mut window)?),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => (Format::Png, png(&head)),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => (Format::Gif, gif(&head)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => (Format::WebP, webp(&head)),
        [b'B', b'M', ..] if has_bitmap_header(&head) => (Format::Bmp, bmp(&head)),
        _ => return Ok(Probed::Other),
    };
    let size = size.filter(|(width, height)| *width > 0 && *height > 0);
    Ok(size.map_or(Probed::Unsized, |(width, height)| {
        Probed::Picture(Header { format, width, height })
    }))
}

/// Walks the segments (ITU-T T.81, B.1) to the frame header; their contents are skipped, not read.
fn jpeg<R, E>(window: &mut Window<R>) -> Result<Option<(u32, u32)>, E>
where
    R: FnMut(u64, u32) -> Result<Vec<u8>, E>,
{
    let mut offset = 2;
    for _ in 0..MAX_SEGMENTS {
        let &[0xff, marker, high, low, ref rest @ ..] = window.at(offset, 9)? else {
            return Ok(None);
        };
        match marker {
            // Any number of fill octets may stand before a marker.
            0xff => offset += 1,
            // SOF0 to SOF15, without DHT, JPG and DAC, which share the range.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Ok(match *rest {
                    [_, a, b, c, d] => Some((u16::from_be_bytes([c, d]).into(), u16::from_be_bytes([a, b]).into())),
                    _ => None,
                });
            }
            // The scan begins, or the picture ends: too late for a frame header.
            0xd9 | 0xda => return Ok(None),
            _ => offset += 2 + u64::from(u16::from_be_bytes([high, low])).max(2),
        }
    }
    Ok(None)
}

fn png(head: &[u8]) -> Option<(u32, u32)> {
    let size = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    (head.get(12..16)? == b"IHDR").then_some(())?;
    Some((size(16)?, size(20)?))
}

fn gif(head: &[u8]) -> Option<(u32, u32)> {
    let size = |at: usize| head.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
    Some((size(6)?.into(), size(8)?.into()))
}

/// Checks the size of the second header too, since two letters alone (`BM`) are easily found by chance.
fn has_bitmap_header(head: &[u8]) -> bool {
    matches!(head.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

/// The height is negative where the rows stand from top to bottom.
fn bmp(head: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| head.get(at..at + 4)?.try_into().ok().map(i32::from_le_bytes);
    match head.get(14)? {
        12 => Some((
            u16::from_le_bytes(head.get(18..20)?.try_into().ok()?).into(),
            u16::from_le_bytes(head.get(20..22)?.try_into().ok()?).into(),
        )),
        _ => Some((u32::try_from(number(18)?).ok()?, number(22)?.unsigned_abs())),
    }
}

/// The three kinds of first chunk (RFC 9649, 2.5 to 2.7).
fn webp(head: &[u8]) -> Option<(u32, u32)> {
    let octet = |at: usize| head.get(at).map(|&octet| u32::from(octet));
    let u16_at = |at: usize| Some(octet(at)? | octet(at + 1)? << 8);
    let u24_at = |at: usize| Some(u16_at(at)? | octet(at + 2)? << 16);
    match head.get(12..16)? {
        b"VP8X" => Some((u24_at(24)? + 1, u24_at(27)? + 1)),
        b"VP8L" if octet(20)? == 0x2f => {
            let bits = u16_at(21)? | u16_at(23)? << 16;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " if head.get(23..26)? == [0x9d, 0x01, 0x2a] => Some((u16_at(26)? & 0x3fff, u16_at(28)? & 0x3fff)),
        _ => None,
    }
}

/// The piece of the picture that was read last.
struct Window<R> {
    read: R,
    start: u64,
    bytes: Vec<u8>,
}

impl<R, E> Window<R>
where
    R: FnMut(u64, u32) -> Result<Vec<u8>, E>,
{
    /// `length` octets from `offset` on; fewer where the picture ends.
    fn at(&mut self, offset: u64, length: usize) -> Result<&[u8], E> {
        let inside = offset >= self.start && offset + length as u64 <= self.start + self.bytes.len() as u64;
        if !inside {
            self.bytes = (self.read)(offset, WINDOW)?;
            self.start = offset;
        }
        // Within the window, so it fits a usize.
        let from = ((offset - self.start) as usize).min(self.bytes.len());
        Ok(&self.bytes[from..(from + length).min(self.bytes.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageFormat};
    use std::convert::Infallible;
    use std::io::Cursor;

    /// The header, and how many octets were read for it.
    fn probed(bytes: &[u8]) -> (Option<Header>, usize) {
        let mut octets = 0;
        let Ok(probed) = probe(|offset, max| {
            let from = (offset as usize).min(bytes.len());
            let piece = bytes[from..(from + max as usize).min(bytes.len())].to_vec();
            octets += piece.len();
            Ok::<_, Infallible>(piece)
        });
        (probed.header(), octets)
    }

    fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height)
            .write_to(&mut bytes, format)
            .unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_size_of_each_format_is_in_its_first_octets() {
        for (encoding, format) in [
            (ImageFormat::Jpeg, Format::Jpeg),
            (ImageFormat::Png, Format::Png),
            (ImageFormat::Gif, Format::Gif),
            (ImageFormat::WebP, Format::WebP),
            (ImageFormat::Bmp, Format::Bmp),
        ] {
            let (header, octets) = probed(&encoded(encoding, 301, 207));
            assert_eq!(
                header,
                Some(Header {
                    format,
                    width: 301,
                    height: 207
                }),
                "{encoding:?}"
            );
            assert!(octets <= WINDOW as usize);
        }
    }

    #[test]
    fn the_other_two_kinds_of_webp_are_known() {
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x2d\x01\xcf\x00";
        assert_eq!(
            probed(lossy).0,
            Some(Header {
                format: Format::WebP,
                width: 301,
                height: 207
            })
        );
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x2c\x01\x00\xce\x00\x00";
        assert_eq!(
            probed(extended).0,
            Some(Header {
                format: Format::WebP,
                width: 301,
                height: 207
            })
        );
    }

    #[test]
    fn a_large_exif_block_is_skipped_and_not_read() {
        let plain = encoded(ImageFormat::Jpeg, 40, 30);
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff];
        bytes.resize(4 + 0xffff, 0);
        bytes.extend_from_slice(&plain[2..]);
        let (header, octets) = probed(&bytes);
        assert_eq!(header.map(|header| (header.width, header.height)), Some((40, 30)));
        assert!(octets <= 2 * WINDOW as usize, "{octets} octets were read");
    }

    #[test]
    fn every_beginning_of_a_picture_is_either_told_or_not_and_never_a_panic() {
        for format in [
            ImageFormat::Jpeg,
            ImageFormat::Png,
            ImageFormat::Gif,
            ImageFormat::WebP,
            ImageFormat::Bmp,
        ] {
            let bytes = encoded(format, 8, 8);
            for end in 0..bytes.len() {
                if let (Some(header), _) = probed(&bytes[..end]) {
                    assert_eq!((header.width, header.height), (8, 8), "{format:?} cut at {end}");
                }
            }
        }
    }

    #[test]
    fn a_bitmap_may_be_old_or_stand_on_its_head() {
        let mut old = [
            &b"BM"[..],
            &[0; 12],
            &[12, 0, 0, 0, 45, 1, 207, 0, 1, 0, 24, 0],
            &[0; 4],
        ]
        .concat();
        let size = |bytes: &[u8]| probed(bytes).0.map(|header| (header.width, header.height));
        assert_eq!(size(&old), Some((301, 207)));
        let mut upside_down = encoded(ImageFormat::Bmp, 301, 207);
        upside_down[22..26].copy_from_slice(&(-207_i32).to_le_bytes());
        assert_eq!(size(&upside_down), Some((301, 207)));
        old[14] = 13;
        assert_eq!(size(&old), None, "a text that begins with BM");
    }

    #[test]
    fn a_jpeg_of_endless_segments_is_given_up() {
        let mut bytes = vec![0xff, 0xd8];
        for _ in 0..5000 {
            bytes.extend_from_slice(&[0xff, 0xe0, 0x00, 0x02]);
        }
        let (header, octets) = probed(&bytes);
        assert_eq!(header, None);
        assert!(octets <= 2 * WINDOW as usize);
    }

    #[test]
    fn a_picture_that_hides_its_size_is_told_from_what_is_no_picture() {
        let probed =
            |bytes: &[u8]| probe(|offset, _| Ok::<_, Infallible>(bytes[(offset as usize).min(bytes.len())..].to_vec()));
        let endless = [&[0xff, 0xd8][..], &[0xff, 0xe0, 0x00, 0x02].repeat(200)].concat();
        for hidden in [&endless[..], b"\x89PNG\r\n\x1a\n", b"GIF89a\0\0\0\0"] {
            assert_eq!(probed(hidden), Ok(Probed::Unsized));
        }
        assert_eq!(probed(b"BM\0\0\0\0"), Ok(Probed::Other));
    }

    #[test]
    fn what_is_no_picture_has_no_header() {
        for bytes in [&b""[..], b"\xff", b"%PDF-1.7", b"<svg xmlns=", &[0; 4096]] {
            assert_eq!(probed(bytes).0, None);
        }
    }
}
