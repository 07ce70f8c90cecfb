//! Estimates of the time that decoding and encoding a picture take, made before either begins.
//!
//! A sandbox cannot be asked to stop in the middle of a picture, and one that runs out of time fails as a whole. So the
//! time is estimated from what the header says, and a picture that might not be finished is not begun.

use crate::header::{Format, Header};

/// Wall time per pixel in a sandbox on a slow core, in nanoseconds: decoding and the first shrinking.
fn decoding_a_pixel(format: Format) -> u64 {
    match format {
        Format::Jpeg => 60,
        Format::Png => 50,
        Format::Gif => 40,
        Format::WebP => 80,
        Format::Bmp => 20,
    }
}

/// Each scan of a progressive JPEG passes over the whole picture once more (ITU-T T.81, G.1.1).
const SCAN_A_PIXEL: u64 = 15;
/// Scans of a JPEG that is not progressive: at most one for each component, each over its own part only.
const PLAIN_SCANS: u64 = 4;
/// Encoding, as JPEG or PNG.
const ENCODING_A_PIXEL: u64 = 80;
/// An estimate may take one part in `SHARE` of the remaining time, because other machines are slower, or busy.
const SHARE: u64 = 2;

/// Milliseconds for decoding a picture and shrinking it once.
pub fn decoding(source: &[u8], header: &Header) -> u64 {
    let pixels = u64::from(header.width) * u64::from(header.height);
    let more_scans = match header.format {
        Format::Jpeg => scans(source).saturating_sub(PLAIN_SCANS),
        _ => 0,
    };
    let a_pixel = decoding_a_pixel(header.format).saturating_add(more_scans.saturating_mul(SCAN_A_PIXEL));
    milliseconds(pixels.saturating_mul(a_pixel))
}

/// Milliseconds for one encoding of this many pixels.
pub fn encoding(width: u32, height: u32) -> u64 {
    milliseconds(u64::from(width) * u64::from(height) * ENCODING_A_PIXEL)
}

/// Whether work of `cost` may begin when `left` remains; both in milliseconds.
pub fn is_affordable(cost: u64, left: u64) -> bool {
    cost.checked_mul(SHARE).is_some_and(|needed| needed <= left)
}

fn milliseconds(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(1_000_000)
}

/// Counts the scans by their markers. In entropy-coded data, 0xFF is never followed by this octet; in metadata it may
/// be by chance, and then the estimate is a little too high.
fn scans(jpeg: &[u8]) -> u64 {
    jpeg.windows(2).filter(|two| two == &[0xff, 0xda]).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(format: Format, width: u32, height: u32) -> Header {
        Header { format, width, height }
    }

    #[test]
    fn a_photograph_of_a_telephone_costs_under_a_second_and_its_octets_do_not_matter() {
        let photo = header(Format::Jpeg, 4000, 3000);
        assert_eq!(decoding(&[0; 10], &photo), decoding(&vec![0; 1 << 20], &photo));
        assert!((500..1000).contains(&decoding(&[], &photo)));
        assert!(decoding(&[], &header(Format::Png, 100, 100)) <= 1);
    }

    #[test]
    fn a_jpeg_of_many_scans_costs_more_than_its_pixels() {
        let photo = header(Format::Jpeg, 1000, 1000);
        let plain = decoding(&[0xff, 0xda, 0, 0].repeat(3), &photo);
        let bomb = decoding(&[0xff, 0xda, 0, 0].repeat(1000), &photo);
        assert_eq!(plain, 60);
        assert!(bomb > 10_000, "{bomb}");
        let huge = header(Format::Jpeg, u32::MAX, u32::MAX);
        assert!(
            decoding(&[0xff, 0xda].repeat(100), &huge) > 1 << 40,
            "and nothing overflows"
        );
    }

    #[test]
    fn work_is_begun_when_it_takes_half_of_what_is_left_at_most() {
        assert!(is_affordable(125, 250) && !is_affordable(126, 250));
        assert!(is_affordable(0, 0) && !is_affordable(u64::MAX, u64::MAX));
    }
}
