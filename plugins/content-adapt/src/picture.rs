//! Decoding, shrinking and encoding pictures.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, ImageResult, Limits, RgbImage,
};

use crate::cost;
use crate::header::{Format, Header};
use crate::rules::{PictureLimits, scaled};
use crate::settings::Settings;

/// The adapted picture.
#[derive(Debug)]
pub struct Picture {
    pub bytes: Vec<u8>,
    pub media_type: &'static str,
    /// The file name extension of the media type.
    pub extension: &'static str,
    pub width: u32,
    pub height: u32,
    /// How many encodings it took.
    pub encodings: usize,
}

/// Why a picture cannot be adapted.
#[derive(Debug)]
pub enum Failure {
    /// Broken, or larger than may be decoded.
    Undecodable(String),
    /// Even the smallest useful picture is larger than the limit.
    TooLarge,
    /// The work might not finish within the time of the call.
    NoTime,
}

/// Milliseconds that the call still has.
pub type TimeLeft<'a> = &'a dyn Fn() -> u64;

/// The shortest useful side, in pixels.
const SMALLEST_SIDE: u32 = 16;
/// Encodings whose quality and size are estimated: the first with the best quality allowed, each further one from the
/// result of the one before.
const ESTIMATED: usize = 4;
/// Further encodings, each of half the size, for pictures that no estimate brings under the limit.
const DESPERATE: usize = 4;
/// The share of the limit that each estimated encoding aims at. The later ones leave a margin, so that they do not miss
/// again.
const AIM: [f64; ESTIMATED] = [1.0, 0.94, 0.85, 0.6];
/// The quality to begin with when the picture must be scaled down anyway: a small picture of good quality looks better
/// than a large one of poor quality.
const QUALITY_OF_SMALLER: u8 = 65;
/// The exponent by which the size of a JPEG follows the quantisation step, measured on photographs.
const OCTETS_BY_STEP: f64 = -0.7;
/// The largest useful number of pixels per octet of the limit: even at low quality, a pixel takes about a tenth of an
/// octet.
const PIXELS_PER_OCTET: u64 = 12;
/// The largest colour profile that is kept, in octets. A telephone's has some hundred octets, a printer's a million.
const LARGEST_PROFILE: usize = 4096;
/// Octets per pixel that a decoder may allocate beyond the picture itself.
const DECODER_OCTETS_PER_PIXEL: u64 = 9;

/// A picture of the same content within `limits`, in octets and pixels.
/// JPEG stays JPEG. PNG, and whatever has transparent pixels, becomes a PNG if that is small enough. Everything else
/// becomes a JPEG on white, whose quality is lowered before its dimensions, within four encodings. Of an animation the
/// first frame remains. EXIF data (places and times) is removed, after the picture was rotated as it says.
/// (it holds places and times), after the picture was turned the way it says.
///
/// # Errors
/// See [`Failure`]. `source` is decoded only if `header` promises no more than [`Settings::max_pixels`], and no more work
/// than there is time for.
pub fn adapt(
    source: &[u8],
    header: &Header,
    limits: &PictureLimits,
    settings: &Settings,
    time_left: TimeLeft<'_>,
) -> Result<Picture, Failure> {
    let pixels = u64::from(header.width) * u64::from(header.height);
    if pixels > u64::from(settings.max_pixels) {
        return Err(Failure::Undecodable(format!(
            "{}x{} pixels are more than max-pixels",
            header.width, header.height
        )));
    }
    if !cost::is_affordable(cost::decoding(source, header), time_left()) {
        return Err(Failure::NoTime);
    }
    let decoded =
        Decoded::new(source, header.format, settings).map_err(|error| Failure::Undecodable(error.to_string()))?;
    Draft::new(decoded, limits).within(limits, settings, time_left)
}

/// As stored, before any rotation.
struct Decoded {
    image: DynamicImage,
    orientation: Orientation,
    profile: Option<Vec<u8>>,
    format: Format,
}

impl Decoded {
    fn new(source: &[u8], format: Format, settings: &Settings) -> ImageResult<Self> {
        let kind = match format {
            Format::Jpeg => ImageFormat::Jpeg,
            Format::Png => ImageFormat::Png,
            Format::Gif => ImageFormat::Gif,
            Format::WebP => ImageFormat::WebP,
            Format::Bmp => ImageFormat::Bmp,
        };
        let mut reader = ImageReader::with_format(Cursor::new(source), kind);
        // The header was checked already; but it is the decoder that allocates, and a file may contradict its own
        // header.
        let mut limits = Limits::default();
        limits.max_image_width = Some(settings.max_pixels);
        limits.max_image_height = Some(settings.max_pixels);
        limits.max_alloc = Some(u64::from(settings.max_pixels) * DECODER_OCTETS_PER_PIXEL);
        reader.limits(limits.clone());
        let mut decoder = reader.into_decoder()?;
        // The decoder's limit covers its own allocations, and not the picture that it fills; reserve that too.
        limits.reserve(decoder.total_bytes())?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let profile = decoder
            .icc_profile()
            .ok()
            .flatten()
            .filter(|profile| profile.len() <= LARGEST_PROFILE);
        let image = DynamicImage::from_decoder(decoder)?;
        Ok(Self {
            image,
            orientation,
            profile,
            format,
        })
    }
}

/// The picture, upright and scaled to at most the allowed dimensions; all attempts start from it. The decoded original,
/// which may occupy a hundred megabytes, is freed before the first attempt.
struct Draft {
    image: DynamicImage,
    profile: Option<Vec<u8>>,
    /// Whether to try a lossless encoding: the source is lossless or has transparent pixels.
    lossless: bool,
}

impl Draft {
    fn new(decoded: Decoded, limits: &PictureLimits) -> Self {
        let lies = matches!(
            decoded.orientation,
            Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
        );
        let turned = |(a, b)| if lies { (b, a) } else { (a, b) };
        let (width, height) = turned((decoded.image.width(), decoded.image.height()));
        let (mut width, mut height) = limits.fit(width, height);
        let pixels = f64::from(width) * f64::from(height);
        let affordable = limits.size.unwrap_or(u64::MAX).saturating_mul(PIXELS_PER_OCTET) as f64;
        if pixels > affordable {
            (width, height) = scaled(width, height, (affordable / pixels).sqrt());
        }
        let (width, height) = turned((width, height));
        let mut image = match shrunk(&decoded.image, width, height) {
            Cow::Owned(smaller) => smaller,
            Cow::Borrowed(_) => decoded.image,
        };
        image.apply_orientation(decoded.orientation);
        let lossless = decoded.format == Format::Png || is_transparent(&image);
        Self {
            image,
            profile: decoded.profile,
            lossless,
        }
    }

    fn within(&self, limits: &PictureLimits, settings: &Settings, time_left: TimeLeft<'_>) -> Result<Picture, Failure> {
        let budget = limits.size.unwrap_or(u64::MAX);
        let mut attempt = Attempt {
            width: self.image.width(),
            height: self.image.height(),
            quality: settings.jpeg_quality,
        };
        let mut encodings = 0;
        let mut may_be_lossless = self.lossless;
        while encodings < ESTIMATED + DESPERATE {
            if !cost::is_affordable(cost::encoding(attempt.width, attempt.height), time_left()) {
                return Err(Failure::NoTime);
            }
            let image = shrunk(&self.image, attempt.width, attempt.height);
            encodings += 1;
            let made = match std::mem::take(&mut may_be_lossless) {
                true => self.png(&image),
                false => self.jpeg(&image, attempt.quality),
            };
            let Some(mut picture) = made else { break };
            picture.encodings = encodings;
            let octets = picture.bytes.len() as u64;
            if octets <= budget {
                return Ok(picture);
            }
            if attempt.width.max(attempt.height) <= SMALLEST_SIDE || budget == 0 {
                break;
            }
            // The size of a PNG predicts nothing about that of a JPEG.
            if picture.media_type == "image/jpeg" {
                attempt = attempt.next(octets, budget, encodings, settings);
            }
        }
        Err(Failure::TooLarge)
    }

    fn png(&self, image: &DynamicImage) -> Option<Picture> {
        let image = match (image.color().has_alpha(), image.color().has_color()) {
            (true, _) => DynamicImage::ImageRgba8(image.to_rgba8()),
            (false, true) => DynamicImage::ImageRgb8(image.to_rgb8()),
            (false, false) => DynamicImage::ImageLuma8(image.to_luma8()),
        };
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, PngFilter::Adaptive);
        self.keep_profile(&mut encoder, image.color().has_color());
        image.write_with_encoder(encoder).ok()?;
        Some(Picture {
            bytes,
            media_type: "image/png",
            extension: "png",
            width: image.width(),
            height: image.height(),
            encodings: 0,
        })
    }

    fn jpeg(&self, image: &DynamicImage, quality: u8) -> Option<Picture> {
        let image = flattened(image);
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
        self.keep_profile(&mut encoder, image.color().has_color());
        image.write_with_encoder(encoder).ok()?;
        Some(Picture {
            bytes,
            media_type: "image/jpeg",
            extension: "jpg",
            width: image.width(),
            height: image.height(),
            encodings: 0,
        })
    }

    /// Omits a profile of another colour space (CMYK above all), which would be wrong for the decoder's output.
    fn keep_profile(&self, encoder: &mut impl ImageEncoder, colour: bool) {
        let space: &[u8] = if colour { b"RGB " } else { b"GRAY" };
        if let Some(profile) = self
            .profile
            .as_ref()
            .filter(|profile| profile.get(16..20) == Some(space))
        {
            // An encoder that does not support profiles returns an error; the picture then goes without one.
            let _ = encoder.set_icc_profile(profile.clone());
        }
    }
}

/// One encoding as JPEG.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    width: u32,
    height: u32,
    quality: u8,
}

impl Attempt {
    /// The next attempt after this one came to `octets`, which exceeds `budget`. Quality is lowered before dimensions.
    fn next(self, octets: u64, budget: u64, encodings: usize, settings: &Settings) -> Self {
        let Some(aim) = AIM.get(encodings) else {
            let (width, height) = scaled(self.width, self.height, 0.5);
            return Self {
                width,
                height,
                quality: settings.min_jpeg_quality,
            };
        };
        let needed = budget as f64 / octets as f64 * aim;
        let step = step_of(self.quality) * needed.powf(1.0 / OCTETS_BY_STEP);
        if let Some(quality) = quality_of(step).filter(|&quality| quality >= settings.min_jpeg_quality) {
            // At least a little lower than before, or the next attempt would repeat this one.
            let quality = quality
                .min(self.quality.saturating_sub(1))
                .max(settings.min_jpeg_quality);
            if quality < self.quality {
                return Self { quality, ..self };
            }
        }
        let quality = QUALITY_OF_SMALLER
            .clamp(settings.min_jpeg_quality, settings.jpeg_quality)
            .min(self.quality);
        let by_quality = (step_of(quality) / step_of(self.quality)).powf(OCTETS_BY_STEP);
        // The size is proportional to the area, so the sides shrink by the square root; the header and its tables do
        // not shrink.
        let scale = (needed / by_quality).sqrt().clamp(0.1, 0.95);
        let (width, height) = scaled(self.width, self.height, scale);
        Self { width, height, quality }
    }
}

/// The quantisation step of a quality: the percentage by which the tables of ITU-T T.81, annex K are scaled.
fn step_of(quality: u8) -> f64 {
    let quality = f64::from(quality.clamp(1, 100));
    // At 100 all steps are 1, as they are at 99.
    if quality < 50.0 {
        5000.0 / quality
    } else {
        (200.0 - 2.0 * quality).max(2.0)
    }
}

/// The best quality whose step is at least `step`.
fn quality_of(step: f64) -> Option<u8> {
    (1..=100).rev().find(|&quality| step_of(quality) >= step)
}

/// Averages down to twice the target size, then applies a good filter: the result looks the same as with the filter
/// alone and takes a fraction of the time.
fn shrunk(image: &DynamicImage, width: u32, height: u32) -> Cow<'_, DynamicImage> {
    if (image.width(), image.height()) == (width, height) {
        return Cow::Borrowed(image);
    }
    let much = image.width() >= width.saturating_mul(4) && image.height() >= height.saturating_mul(4);
    let half = much.then(|| image.thumbnail_exact(width * 2, height * 2));
    let half = half.as_ref().unwrap_or(image);
    Cow::Owned(half.resize_exact(width, height, FilterType::Triangle))
}

fn is_transparent(image: &DynamicImage) -> bool {
    match image {
        DynamicImage::ImageRgba8(pixels) => pixels.pixels().any(|pixel| pixel.0[3] != u8::MAX),
        DynamicImage::ImageLumaA8(pixels) => pixels.pixels().any(|pixel| pixel.0[1] != u8::MAX),
        other => other.color().has_alpha(),
    }
}

/// The picture in a form that JPEG can hold: grey or colours in eight bits, transparent pixels on white.
fn flattened(image: &DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return match image.color().has_color() {
            true => DynamicImage::ImageRgb8(image.to_rgb8()),
            false => DynamicImage::ImageLuma8(image.to_luma8()),
        };
    }
    let on_white = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        // At most 255: a weighted mean of two octets.
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let rgba = image.to_rgba8();
    if image.color().has_color() {
        DynamicImage::ImageRgb8(RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
            let [r, g, b, a] = rgba.get_pixel(x, y).0;
            image::Rgb([on_white(r, a), on_white(g, a), on_white(b, a)])
        }))
    } else {
        DynamicImage::ImageLuma8(GrayImage::from_fn(rgba.width(), rgba.height(), |x, y| {
            let [value, _, _, a] = rgba.get_pixel(x, y).0;
            image::Luma([on_white(value, a)])
        }))
    }
}

#[cfg(test)]
mod tests;
