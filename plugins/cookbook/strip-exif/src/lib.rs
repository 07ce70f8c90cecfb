//! Takes EXIF (place, time, camera) out of JPEG pictures. The picture itself is not touched.

use mm4_filter::{Fault, PartExt, Plugin, Verdict, body, edit, message};

pub struct StripExif;

/// Larger pictures pass as they are.
const LARGEST: u64 = 8 << 20;

impl Plugin for StripExif {
    const NAME: &'static str = "strip-exif";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = ();

    fn media_types() -> Vec<String> {
        vec!["image/jpeg".into(), "image/jpg".into()]
    }

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn arrival(_: &()) -> Result<Verdict, Fault> {
        let mut edits = Vec::new();
        for part in message::parts()
            .iter()
            .filter(|part| part.media_type.starts_with("image/jp"))
        {
            let Some(picture) = part.read_all(LARGEST)? else {
                continue;
            };
            if let Some(bare) = without_exif(&picture) {
                edits.push(edit::replace_part(part.id, body(&part.media_type, &bare)?, None));
            }
        }
        Ok(edit::verdict(edits))
    }
}

/// The picture without its APP1 segments (EXIF, XMP); `None` when there are none, or it is no JPEG.
pub fn without_exif(picture: &[u8]) -> Option<Vec<u8>> {
    let mut bare = picture.get(..2).filter(|start| *start == [0xff, 0xd8])?.to_vec();
    let (mut at, mut found) = (2, false);
    // Segments, until the picture itself begins (SOS).
    while let [0xff, marker, high, low, ..] = picture.get(at..)? {
        if *marker == 0xda {
            break;
        }
        let end = at + 2 + usize::from(*high) * 256 + usize::from(*low);
        let segment = picture.get(at..end)?;
        match *marker {
            0xe1 => found = true,
            _ => bare.extend_from_slice(segment),
        }
        at = end;
    }
    bare.extend_from_slice(&picture[at..]);
    found.then_some(bare)
}

mm4_filter::export_plugin!(StripExif);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn app1_goes_and_the_rest_stays() {
        let picture = b"\xff\xd8\xff\xe0\0\x03J\xff\xe1\0\x04XY\xff\xda\0\x02data";
        assert_eq!(
            without_exif(picture).unwrap(),
            b"\xff\xd8\xff\xe0\0\x03J\xff\xda\0\x02data"
        );
        assert_eq!(without_exif(b"\xff\xd8\xff\xda\0\x02data"), None);
        assert_eq!(without_exif(b"no picture"), None);
        assert_eq!(without_exif(b"\xff\xd8\xff\xe1\xff\xff"), None, "cut off");
    }
}
