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

/// A picture as it goes out.
#[derive(Debug)]
pub struct Picture {
    pub bytes: Vec<u8>,
    pub media_type: &'static str,
    /// File name extension that goes with the media type.
    pub extension: &'static str,
    pub width: u32,
    pub height: u32,
    /// How often it was encoded until it fitted.
    pub encodings: usize,
}

/// Why a picture cannot be adapted.
#[derive(Debug)]
pub enum Failure {
    /// Broken, or larger than may be decoded.
    Undecodable(String),
    /// Even the smallest picture worth sending is too large.
    TooLarge,
    /// It might not be finished within the time of the call.
    NoTime,
}

/// Milliseconds that the call still has.
pub type TimeLeft<'a> = &'a dyn Fn() -> u64;

/// A side below this shows nothing any more, in pixels.
const SMALLEST_SIDE: u32 = 16;
/// Encodings until a picture fits, by estimates: the first as good as can be, each further one by what the last one showed.
const ESTIMATED: usize = 4;
/// Further ones for pictures that defy all estimates, each of half the size.
const DESPERATE: usize = 4;
/// What the estimates aim at, of the octets that there are. The last ones must not miss.
const AIM: [f64; ESTIMATED] = [1.0, 0.94, 0.85, 0.6];
/// Where a picture has to get smaller anyway, it is better small and good than large and poor.
const QUALITY_OF_SMALLER: u8 = 65;
/// Octets go with the step of the quantisation to this power, over photographs.
const OCTETS_BY_STEP: f64 = -0.7;
/// Even at low quality a pixel takes about a tenth of an octet. More pixels than this per octet need not be tried.
const PIXELS_PER_OCTET: u64 = 12;
/// Colour profiles up to this size are kept, in octets: a telephone's are some hundred, a printer's a million.
const LARGEST_PROFILE: usize = 4096;
/// What decoding may allocate beyond the picture itself: per pixel, in octets.
const DECODER_OCTETS_PER_PIXEL: u64 = 9;

/// A picture of the same content within `limits`, in octets and pixels.
///
/// JPEG stays JPEG. PNG, and whatever has transparent pixels, becomes a PNG if that is small enough. Everything else becomes
/// a JPEG on white, whose quality goes down before its size does, within four encodings. Of an animation the first frame remains. EXIF data is dropped
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

/// As it was stored: before any rotation.
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
        // The header was checked, but it is the decoder that allocates, and formats can contradict themselves.
        let mut limits = Limits::default();
        limits.max_image_width = Some(settings.max_pixels);
        limits.max_image_height = Some(settings.max_pixels);
        limits.max_alloc = Some(u64::from(settings.max_pixels) * DECODER_OCTETS_PER_PIXEL);
        reader.limits(limits.clone());
        let mut decoder = reader.into_decoder()?;
        // The decoder counts what it needs for itself, and not the picture that it fills.
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

/// The picture upright and already as small as it must be at least, from which the attempts are made. The decoded one, which may
/// have a hundred megabytes, is gone by then.
struct Draft {
    image: DynamicImage,
    profile: Option<Vec<u8>>,
    /// Whether losing no detail, or no transparency, is worth a try.
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
            // What a PNG takes says nothing about a JPEG.
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

    /// A profile of another colour space (CMYK, most of all) would be wrong for what the decoder made of the picture.
    fn keep_profile(&self, encoder: &mut impl ImageEncoder, colour: bool) {
        let space: &[u8] = if colour { b"RGB " } else { b"GRAY" };
        if let Some(profile) = self
            .profile
            .as_ref()
            .filter(|profile| profile.get(16..20) == Some(space))
        {
            // An encoder without profiles leaves it out, and so do most pictures.
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
    /// What to try after this one came to `octets`, more than the budget. Quality goes down before the size does.
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
            // At least a little lower, or nothing would change.
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
        // Octets go with the area, so sides go with the root; a header and its tables do not shrink.
        let scale = (needed / by_quality).sqrt().clamp(0.1, 0.95);
        let (width, height) = scaled(self.width, self.height, scale);
        Self { width, height, quality }
    }
}

/// How coarse a quality is: the percentage that the tables of ITU-T T.81, annex K are scaled by.
fn step_of(quality: u8) -> f64 {
    let quality = f64::from(quality.clamp(1, 100));
    // At 100 all steps are 1, as they are at 99.
    if quality < 50.0 {
        5000.0 / quality
    } else {
        (200.0 - 2.0 * quality).max(2.0)
    }
}

/// The best quality that is at least so coarse.
fn quality_of(step: f64) -> Option<u8> {
    (1..=100).rev().find(|&quality| step_of(quality) >= step)
}

/// A cheap average down to twice the size, then a good filter: as good to the eye as the filter alone, several times faster.
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

/// What JPEG can hold: grey or colours in eight bits, transparent pixels on white.
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
