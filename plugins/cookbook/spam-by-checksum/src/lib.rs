//! Marks messages with a part that is known: the table `spam` has CRC-32 sums of bodies, in hexadecimal.

use mm4_filter::{Fault, PartExt, Plugin, Verdict, edit, message, tables};

pub struct SpamByChecksum;

impl Plugin for SpamByChecksum {
    const NAME: &'static str = "spam-by-checksum";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = ();

    fn configure() -> Result<(), String> {
        Ok(())
    }

    fn arrival(_: &()) -> Result<Verdict, Fault> {
        for part in message::parts() {
            let mut sum = !0;
            // In pieces: the whole body is never in memory.
            for piece in part.reader() {
                sum = crc32(sum, &piece?);
            }
            if let Some(name) = tables::lookup("spam", &format!("{:08x}", !sum))? {
                return Ok(Verdict::Edit(vec![edit::set_header("X-Example-Spam", name)]));
            }
        }
        Ok(Verdict::Pass)
    }
}

/// CRC-32 as in PNG and zip, bit by bit; begins with, and is at last, the complement.
fn crc32(sum: u32, octets: &[u8]) -> u32 {
    octets.iter().fold(sum, |sum, octet| {
        (0..8).fold(sum ^ u32::from(*octet), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

mm4_filter::export_plugin!(SpamByChecksum);

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_sum_is_that_of_png_and_zip() {
        assert_eq!(!crc32(!0, b"123456789"), 0xcbf4_3926);
    }
}
