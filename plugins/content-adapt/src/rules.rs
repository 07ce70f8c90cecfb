//! Which parts change, and how far. All functions take and return plain numbers and text.

/// What adaptation may do with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It can be made smaller.
    Picture,
    /// It can only be taken out.
    Media,
    /// The presentation.
    Smil,
    /// Never changed: text, and parts protected by DRM.
    Fixed,
}

pub fn role(media_type: &str) -> Role {
    match media_type.split_once('/') {
        Some(("application", "smil" | "smil+xml")) => Role::Smil,
        // Changing a protected part breaks it, and removing one is not the relay's decision (OMA DRM).
        Some(("application", sub)) if sub.starts_with("vnd.oma.drm.") => Role::Fixed,
        Some(("image", _)) => Role::Picture,
        Some(("text" | "multipart" | "message", _)) | None => Role::Fixed,
        Some(_) => Role::Media,
    }
}

/// The destination's limits for one picture. `None` means no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct PictureLimits {
    /// In pixels.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Octets, decoded.
    pub size: Option<u64>,
}

impl PictureLimits {
    /// Whether there is any limit.
    pub fn are_set(&self) -> bool {
        self.width.is_some() || self.height.is_some() || self.size.is_some()
    }

    /// Whether a picture of these pixels is small enough.
    pub fn holds(&self, width: u32, height: u32) -> bool {
        self.width.is_none_or(|max| width <= max) && self.height.is_none_or(|max| height <= max)
    }

    /// The largest size with the same proportions that is small enough, never larger than the picture is.
    pub fn fit(&self, width: u32, height: u32) -> (u32, u32) {
        let ratio = |max: Option<u32>, is: u32| max.map_or(1.0, |max| f64::from(max) / f64::from(is.max(1)));
        let scale = ratio(self.width, width).min(ratio(self.height, height)).min(1.0);
        scaled(width, height, scale)
    }
}

/// At least one pixel each way; rounding down, so that a limit stays kept.
pub fn scaled(width: u32, height: u32, scale: f64) -> (u32, u32) {
    // Float to integer conversion saturates; a hair is added because 640/1280*1280 may come out as 639.999.
    let side = |side: u32| ((f64::from(side) * scale + 1e-6) as u32).clamp(1, side.max(1));
    (side(width), side(height))
}

/// The size of a body in the encoding that the relay writes: base64 in lines of 76 characters and CRLF, 57 octets each
/// (RFC 2045, 6.8).
pub fn encoded_size(decoded: u64) -> u64 {
    decoded.div_ceil(57) * 78
}

/// The largest body whose encoded form is at most `encoded` octets.
pub fn decoded_size(encoded: u64) -> u64 {
    encoded / 78 * 57
}

/// While other media can be removed instead, no picture is made smaller than this (octets, encoded).
const SMALLEST_PICTURE: u64 = 8 * 1024;

/// The message's size if every removable part were replaced by a note, in octets.
pub fn smallest_total(total: u64, removable: &[u64], note: u64) -> u64 {
    let given: u64 = removable.iter().map(|size| size.saturating_sub(note)).sum();
    total.saturating_sub(given)
}

/// The media parts to remove so that every picture keeps a useful size: the largest first, and only when shrinking
/// pictures alone cannot bring the message under its limit.
///
/// `media` and `pictures` hold encoded sizes; `note` is the encoded size of the note that replaces a part. Returns
/// indexes into `media`.
pub fn media_to_drop(total: u64, limit: u64, media: &[u64], pictures: &[u64], note: u64) -> Vec<usize> {
    let most_that_pictures_give: u64 = pictures.iter().map(|size| size.saturating_sub(SMALLEST_PICTURE)).sum();
    let mut least = total.saturating_sub(most_that_pictures_give);
    let mut order: Vec<usize> = (0..media.len()).filter(|&index| media[index] > note).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(media[index]));
    let mut dropped = Vec::new();
    for index in order {
        if least <= limit {
            break;
        }
        least -= media[index] - note;
        dropped.push(index);
    }
    dropped
}

/// The largest encoded size that a picture may have so that all fit; `None` when they fit already.
///
/// Every picture above the returned size is shrunk to it and smaller ones stay, so the largest are shrunk first.
pub fn allowance(total: u64, limit: u64, pictures: &[u64]) -> Option<u64> {
    if total <= limit {
        return None;
    }
    let others = total.saturating_sub(pictures.iter().sum());
    let mut room = limit.saturating_sub(others);
    let mut ascending = pictures.to_vec();
    ascending.sort_unstable();
    for (index, size) in ascending.iter().enumerate() {
        let share = room / (ascending.len() - index) as u64;
        if *size > share {
            return Some(share);
        }
        room -= size;
    }
    None
}

/// The file name with another extension, distinct from the names in `taken`. `None` when there was no name.
pub fn renamed(name: Option<&str>, extension: &str, taken: &[String]) -> Option<String> {
    let name = name.filter(|name| !name.is_empty())?;
    // The dot must be in the last component of a path, and not begin it (`.hidden`).
    let stem = match name.rfind('.') {
        Some(dot) if dot > name.rfind(['/', '\\']).map_or(0, |slash| slash + 1) => &name[..dot],
        _ => name,
    };
    let free = |candidate: &String| !taken.iter().any(|name| name.eq_ignore_ascii_case(candidate));
    let plain = format!("{stem}.{extension}");
    if name.eq_ignore_ascii_case(&plain) {
        return Some(name.to_owned());
    }
    std::iter::once(plain)
        .chain((1..1000).map(|number| format!("{stem}-{number}.{extension}")))
        .find(free)
}

/// The text that replaces a part.
pub fn note(template: &str, name: Option<&str>) -> String {
    template.replace("{name}", name.unwrap_or("An attachment")) + "\r\n"
}

/// Whether text of this charset is valid UTF-8 as it is.
pub fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"]
        .iter()
        .any(|known| charset.eq_ignore_ascii_case(known))
}

/// The properties that decide the content class.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    /// The whole message, in octets.
    pub size: u64,
    pub pictures: usize,
    /// The largest width and the largest height; `None` when a picture's are not known.
    pub largest: Option<(u32, u32)>,
    /// Whether there is a part that is neither picture nor text.
    pub media: bool,
}

/// Class, rank, octets and pixels of the content classes of OMA-MMS-CONF that this plug-in assigns.
const CLASSES: [(&str, u8, u64, (u32, u32)); 6] = [
    ("text", 0, 30 << 10, (0, 0)),
    ("image-basic", 1, 30 << 10, (160, 120)),
    ("image-rich", 2, 100 << 10, (640, 480)),
    ("megapixel", 3, 300 << 10, (1600, 1200)),
    ("video-basic", 2, 100 << 10, (640, 480)),
    ("video-rich", 3, 300 << 10, (640, 480)),
];

/// The new value of `X-Mms-Content-Class` after the content changed; `None` when the present one stays.
///
/// A class is only ever lowered, and only among the text, image and video classes; the content-* classes say nothing
/// about pixels. While the message contains video or sound, the class stays.
pub fn content_class(present: &str, content: &Content) -> Option<&'static str> {
    let (name, rank, ..) = *CLASSES
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(present.trim()))?;
    if content.media {
        return None;
    }
    let (width, height) = content.largest?;
    let (class, new_rank, ..) = *CLASSES[..4].iter().find(|(class, _, size, (max_width, max_height))| {
        let pixels = if *class == "text" {
            content.pictures == 0
        } else {
            width <= *max_width && height <= *max_height
        };
        pixels && content.size <= *size
    })?;
    (new_rank <= rank && class != name).then_some(class)
}

#[cfg(test)]
mod tests;
