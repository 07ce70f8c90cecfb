//! Brings pictures and messages under the limits of their destination. Runs on departure, separately for each
//! destination, on `MM4_forward.REQ` with pictures, sound, video or text in it.
//!
//! # Changes
//!
//! The limits are the destination's, from the relay's configuration (`max-image-size`, `max-image-width`,
//! `max-image-height`, `max-message-size`); without a limit nothing changes.
//!
//! 1. A picture over a picture limit is made smaller (JPEG, PNG, GIF, WebP, BMP; recognised by content, not by label).
//!    JPEG stays JPEG; PNG, and whatever has transparency, becomes a PNG if that fits; everything else becomes a JPEG
//!    on white. Of an animated GIF over a limit the first frame remains, as a still picture: a cut animation is worse
//!    than none. EXIF data is removed, after the picture was rotated as it says; a small colour profile stays. A
//!    picture of another format is judged by its octets alone.
//! 2. A message over `max-message-size` has its largest pictures shrunk first, down to 8 KiB each. If that is not
//!    enough, the largest other media are removed, one after the other. A message that would be too large even without
//!    them is left alone.
//! 3. A part that cannot be made small enough, cannot be decoded, or might take longer than the call may last, is
//!    replaced by a short text that says so, in a language of the sender; or passes, or is refused, according to
//!    `cannot-adapt`.
//! 4. With `text-charset`, texts of other charsets go out in that one.
//!
//! # Time
//!
//! The time for a picture is estimated from its header, before it is decoded: pixels, format, and the scans of a
//! progressive JPEG. Work begins only when the estimate is at most half of what the call has left of its limits `time`
//! and `time-per-mib` (`message.time-left`), and so does each attempt to encode it. So no picture that is small in
//! octets and large in pixels makes the call fail, and `on-failure` does not decide about it: with the default of 250
//! ms, pictures of about two megapixels and more become a note when the message is small. `time = "2 s"` is enough for
//! every picture under `max-pixels` on a usual core, and costs nothing when no picture must change.
//!
//! `on-failure = "skip"` means that a message goes on unadapted, above the destination's limits, whenever this plug-in
//! fails for a reason of the relay's: no memory, a disk that does not answer, an open breaker, a machine many times
//! slower than estimated. With `defer`, its sender keeps it instead.
//!
//! Pictures within the limits are not even read: a few hundred octets tell their size, and the bytes leave as they
//! came. A picture whose transfer encoding cannot be decoded, or whose dimensions cannot be found, counts as outside
//! the limits.
//!
//! # Consistency
//!
//! - **SMIL**: a part whose type changed gets a file name to match (`photo.png`, `photo.jpg`), and every reference to
//!   the old name follows. An `img` whose picture became a text becomes a `text`. Content-IDs never change. With a
//!   presentation over 256 KiB or not in UTF-8, names stay as they were.
//! - **`X-Mms-Content-Class`**, if present, is lowered to the class that the message now belongs to (text,
//!   image-basic, image-rich, megapixel); it is never raised, and stays while there is video or sound, and for the
//!   content-* classes.
//! - **`X-Mms-Adaptation-Allowed: No`** (or `X-Mms-Adaptations: No`) and **DRM parts** (`application/vnd.oma.drm.*`)
//!   are respected: nothing of the message, or of the part, changes.
//!
//! The message's size is that of its arrival; edits of plug-ins earlier in the chain are not counted.
//!
//! # Settings
//!
//! ```toml
//! [settings]
//! jpeg-quality = 85             # to begin with, 1 to 100
//! min-jpeg-quality = 45         # below this, pictures are made smaller instead
//! max-pixels = 12500000         # larger pictures are not decoded, but replaced by the text
//! max-source-size = 8388608     # octets; larger pictures are not read, but replaced by the text
//! note = "{name} is not here: ..."
//! too-large = "pass"            # "refuse": 552 for a message that stays over max-message-size all the same
//! cannot-adapt = "replace"      # or "pass", "refuse"
//! notes = { de = "..." }        # by language
//! text-charset = "utf-8"        # default: texts stay as they are
//! ```
//!
//! A sandbox needs about 9 octets per pixel and twice the source: the defaults fit into the relay's default of 128
//! MiB. Raise the plug-in's memory limit together with them.

use adaptation::Adaptation;
use mm4_filter::{Destination, Fault, MessageType, Occasions, Plugin, Verdict};
use settings::Settings;

mod adaptation;
pub mod cost;
pub mod header;
pub mod picture;
pub mod rules;
pub mod settings;
pub mod smil;

pub struct ContentAdapt;

impl Plugin for ContentAdapt {
    const NAME: &'static str = "content-adapt";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = Settings;

    fn occasions() -> Occasions {
        Occasions::DEPARTURE
    }

    /// Reports and responses have no content to adapt.
    fn message_types() -> Vec<MessageType> {
        vec![MessageType::ForwardRequest]
    }

    fn media_types() -> Vec<String> {
        ["image/*", "video/*", "audio/*", "text/*"].map(String::from).into()
    }

    fn configure() -> Result<Settings, String> {
        mm4_filter::config::<Settings>()?.check()
    }

    fn departure(settings: &Settings, destination: &Destination) -> Result<Verdict, Fault> {
        Adaptation::of_message(settings, destination).run()
    }
}

mm4_filter::export_plugin!(ContentAdapt);
