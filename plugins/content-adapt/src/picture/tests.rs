use super::*;
use crate::header::probe;
use image::codecs::gif::GifEncoder;
use image::{Delay, Frame, Rgb, Rgba, RgbaImage};
use std::convert::Infallible;

/// A picture with detail everywhere, so that it does not compress to nothing.
fn photo(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        let noise = x
            .wrapping_mul(2_654_435_761)
            .wrapping_add(y.wrapping_mul(40_503))
            .rotate_left(13)
            >> 27;
        Rgb([
            (x * 255 / width) as u8,
            (y * 255 / height) as u8,
            ((x + y) / 4 + noise) as u8,
        ])
    }))
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn header(bytes: &[u8]) -> Header {
    let Ok(probed) = probe(|offset, max| {
        let from = (offset as usize).min(bytes.len());
        Ok::<_, Infallible>(bytes[from..(from + max as usize).min(bytes.len())].to_vec())
    });
    probed.header().expect("a picture")
}

fn within(width: u32, height: u32, size: Option<u64>) -> PictureLimits {
    PictureLimits {
        width: Some(width),
        height: Some(height),
        size,
    }
}

/// As much time as there can be.
fn for_ever() -> u64 {
    u64::MAX
}

fn adapted(source: &[u8], limits: &PictureLimits) -> Result<Picture, Failure> {
    adapt(source, &header(source), limits, &Settings::default(), &for_ever)
}

fn decoded(picture: &Picture) -> DynamicImage {
    let image = image::load_from_memory(&picture.bytes).expect("what was encoded can be decoded");
    assert_eq!((image.width(), image.height()), (picture.width, picture.height));
    image
}

#[test]
fn every_format_comes_out_within_pixels_and_octets() {
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
    ] {
        let source = encoded(&photo(900, 700), format);
        let picture = adapted(&source, &within(320, 240, Some(9000))).unwrap();
        assert!(
            picture.bytes.len() <= 9000,
            "{format:?}: {} octets",
            picture.bytes.len()
        );
        let image = decoded(&picture);
        assert!(image.width() <= 320 && image.height() <= 240);
        // Still the same picture: dark at the top left, red to the right, green to the bottom.
        let [red, green, _] = image.to_rgb8().get_pixel(image.width() - 2, 1).0;
        assert!(red > 200 && green < 60, "{format:?}: {red} {green}");
    }
}

#[test]
fn quality_goes_down_before_the_size_does() {
    let source = encoded(&photo(640, 480), ImageFormat::Jpeg);
    let best = adapted(&source, &within(640, 480, None)).unwrap();
    let smaller = adapted(&source, &within(640, 480, Some(best.bytes.len() as u64 * 2 / 3))).unwrap();
    assert_eq!((smaller.width, smaller.height), (640, 480));
    assert!(smaller.bytes.len() < best.bytes.len());
}

#[test]
fn a_small_budget_makes_the_picture_smaller_and_keeps_its_proportions() {
    let source = encoded(&photo(1600, 1200), ImageFormat::Jpeg);
    let picture = adapted(
        &source,
        &PictureLimits {
            size: Some(3000),
            ..PictureLimits::default()
        },
    )
    .unwrap();
    assert!(picture.bytes.len() <= 3000);
    let proportions = f64::from(picture.width) / f64::from(picture.height);
    assert!(
        (proportions - 4.0 / 3.0).abs() < 0.05,
        "{}x{}",
        picture.width,
        picture.height
    );
}

#[test]
fn a_picture_fits_after_four_encodings_at_most() {
    let noise = DynamicImage::ImageRgb8(RgbImage::from_fn(800, 600, |x, y| {
        let mut seed = x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b);
        seed ^= seed >> 15;
        seed = seed.wrapping_mul(0x2c1b_3c6d);
        Rgb([seed as u8, (seed >> 8) as u8, (seed >> 16) as u8])
    }));
    let flat = DynamicImage::new_rgb8(800, 600);
    let grey = DynamicImage::ImageLuma8(photo(800, 600).to_luma8());
    let mut seen = 0;
    for image in [photo(800, 600), photo(600, 800), noise, flat, grey] {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let source = encoded(&image, format);
            for budget in [100_000, 50_000, 20_000, 10_000, 5_000, 3_000] {
                let limits = within(640, 480, Some(budget.min(source.len() as u64)));
                let picture = adapted(&source, &limits).unwrap();
                assert!(picture.bytes.len() as u64 <= budget);
                assert!(
                    (1..=4).contains(&picture.encodings),
                    "{budget}: {} encodings",
                    picture.encodings
                );
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 60);
}

#[test]
fn the_octets_that_there_are_are_used() {
    let source = encoded(&photo(1600, 1200), ImageFormat::Jpeg);
    for budget in [60_000, 30_000, 15_000] {
        let picture = adapted(&source, &within(640, 480, Some(budget))).unwrap();
        let share = picture.bytes.len() as f64 / budget as f64;
        assert!(share > 0.5, "{budget}: only {} octets", picture.bytes.len());
    }
}

#[test]
fn an_impossible_budget_is_reported() {
    let source = encoded(&photo(400, 300), ImageFormat::Jpeg);
    for budget in [0, 1, 100] {
        let result = adapted(
            &source,
            &PictureLimits {
                size: Some(budget),
                ..PictureLimits::default()
            },
        );
        assert!(matches!(result, Err(Failure::TooLarge)), "{budget}: {result:?}");
    }
}

#[test]
fn a_transparent_png_stays_one_while_it_fits() {
    let image = DynamicImage::ImageRgba8(RgbaImage::from_fn(400, 300, |x, _| {
        Rgba([200, 0, 0, if x < 200 { 0 } else { 255 }])
    }));
    let source = encoded(&image, ImageFormat::Png);
    let picture = adapted(&source, &within(100, 100, None)).unwrap();
    assert_eq!(picture.media_type, "image/png");
    let pixels = decoded(&picture).to_rgba8();
    assert_eq!((pixels.get_pixel(10, 10).0[3], pixels.get_pixel(90, 10).0[3]), (0, 255));
}

#[test]
fn a_transparent_png_that_does_not_fit_becomes_a_jpeg_on_white() {
    let photo = photo(400, 300).to_rgba8();
    let image = RgbaImage::from_fn(400, 300, |x, y| {
        if x < 200 {
            Rgba([0, 0, 0, 0])
        } else {
            *photo.get_pixel(x, y)
        }
    });
    let source = encoded(&DynamicImage::ImageRgba8(image), ImageFormat::Png);
    let picture = adapted(&source, &within(200, 200, Some(4000))).unwrap();
    assert_eq!(picture.media_type, "image/jpeg");
    let pixel = decoded(&picture).to_rgb8().get_pixel(5, 5).0;
    assert!(pixel.iter().all(|&value| value > 245), "{pixel:?}");
}

#[test]
fn grey_stays_grey() {
    let source = encoded(&DynamicImage::ImageLuma8(photo(300, 200).to_luma8()), ImageFormat::Jpeg);
    let picture = adapted(&source, &within(100, 100, None)).unwrap();
    assert!(!decoded(&picture).color().has_color());
}

#[test]
fn of_an_animation_the_first_frame_remains() {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for colour in [[255, 0, 0, 255], [0, 0, 255, 255]] {
        let frame = RgbaImage::from_pixel(200, 100, Rgba(colour));
        encoder
            .encode_frame(Frame::from_parts(frame, 0, 0, Delay::from_numer_denom_ms(100, 1)))
            .unwrap();
    }
    drop(encoder);
    let picture = adapted(&bytes, &within(50, 50, None)).unwrap();
    assert_eq!(picture.media_type, "image/jpeg");
    let [red, _, blue] = decoded(&picture).to_rgb8().get_pixel(10, 10).0;
    assert!(red > 200 && blue < 60, "{red} {blue}");
}

#[test]
fn a_picture_that_says_it_lies_on_its_side_is_turned() {
    let plain = encoded(&photo(400, 200), ImageFormat::Jpeg);
    // An EXIF block that says "rotate 90 degrees clockwise" (orientation 6), big endian.
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut source = vec![0xff, 0xd8, 0xff, 0xe1, 0, exif.len() as u8 + 2];
    source.extend_from_slice(exif);
    source.extend_from_slice(&plain[2..]);
    let picture = adapted(&source, &within(100, 100, None)).unwrap();
    assert_eq!((picture.width, picture.height), (50, 100));
    assert!(!picture.bytes.windows(4).any(|octets| octets == b"Exif"));
}

#[test]
fn a_picture_with_more_pixels_than_allowed_is_not_decoded() {
    let source = encoded(&photo(200, 200), ImageFormat::Png);
    let settings = Settings {
        max_pixels: 39_999,
        ..Settings::default()
    };
    let result = adapt(&source, &header(&source), &within(100, 100, None), &settings, &for_ever);
    assert!(matches!(result, Err(Failure::Undecodable(text)) if text.contains("max-pixels")));
}

#[test]
fn a_picture_that_lies_about_its_size_does_not_get_the_memory() {
    let source = encoded(&photo(2000, 2000), ImageFormat::Png);
    let lie = Header {
        width: 10,
        height: 10,
        ..header(&source)
    };
    let settings = Settings {
        max_pixels: 10_000,
        ..Settings::default()
    };
    assert!(matches!(
        adapt(&source, &lie, &within(5, 5, None), &settings, &for_ever),
        Err(Failure::Undecodable(_))
    ));
}

#[test]
fn broken_pictures_are_undecodable_and_never_a_panic() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let source = encoded(&photo(64, 64), format);
        let header = header(&source);
        for cut in (0..source.len()).step_by(source.len() / 40 + 1) {
            let _ = adapt(
                &source[..cut],
                &header,
                &within(8, 8, None),
                &Settings::default(),
                &for_ever,
            );
            let mut flipped = source.clone();
            flipped[cut] ^= 0x55;
            let _ = adapt(&flipped, &header, &within(8, 8, None), &Settings::default(), &for_ever);
        }
        let result = adapt(
            &source[..12],
            &header,
            &within(8, 8, None),
            &Settings::default(),
            &for_ever,
        );
        assert!(matches!(result, Err(Failure::Undecodable(_))), "{format:?}: {result:?}");
    }
}

#[test]
fn a_picture_for_which_there_is_no_time_is_not_begun() {
    let source = encoded(&photo(1000, 1000), ImageFormat::Jpeg);
    let of = |time_left: &dyn Fn() -> u64| {
        adapt(
            &source,
            &header(&source),
            &within(320, 240, None),
            &Settings::default(),
            time_left,
        )
    };
    assert!(matches!(of(&|| 100), Err(Failure::NoTime)));
    assert!(of(&|| 200).is_ok());
}

#[test]
fn time_that_ends_between_two_attempts_ends_the_attempts() {
    let source = encoded(&photo(900, 700), ImageFormat::Jpeg);
    let looks = std::cell::Cell::new(0);
    // Enough for decoding and one attempt, which is too large.
    let time_left = || {
        looks.set(looks.get() + 1);
        if looks.get() <= 3 { 1_000 } else { 0 }
    };
    let limits = within(640, 480, Some(3000));
    let result = adapt(&source, &header(&source), &limits, &Settings::default(), &time_left);
    assert!(matches!(result, Err(Failure::NoTime)), "{result:?}");
}

/// A landscape that lies on its side, as a telephone stores it that was held upright, with a place in its metadata.
fn landscape() -> Vec<u8> {
    let (width, height) = (360_u32, 480_u32);
    let upright = RgbImage::from_fn(width, height, |x, y| {
        let hill = 300.0 + 40.0 * (f64::from(x) / 50.0).sin();
        let (sun_x, sun_y) = (i64::from(x) - 260, i64::from(y) - 110);
        if sun_x * sun_x + sun_y * sun_y < 45 * 45 {
            Rgb([255, 230, 90])
        } else if f64::from(y) > hill {
            Rgb([40 + (x % 7) as u8 * 4, 120 + (y % 5) as u8 * 6, 50])
        } else {
            Rgb([90 + (y / 4) as u8, 150 + (y / 6) as u8, 230])
        }
    });
    let stored = DynamicImage::ImageRgb8(upright).rotate270();
    let mut plain = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut plain, 90);
    stored.write_with_encoder(encoder).unwrap();
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let comment = b"place: 52.0000 N, 13.0000 E";
    let segment = |marker: u8, octets: &[u8]| [&[0xff, marker, 0, octets.len() as u8 + 2], octets].concat();
    [&plain[..2], &segment(0xe1, exif), &segment(0xfe, comment), &plain[2..]].concat()
}

/// `MM4RELAY_BLESS=1` writes them.
#[test]
fn the_pictures_of_the_documentation_are_what_is_made_today() {
    let before = landscape();
    let limits = PictureLimits {
        width: Some(160),
        height: Some(160),
        size: Some(4000),
    };
    let after = adapted(&before, &limits).unwrap();
    assert_eq!((after.width, after.height), (120, 160), "it stands upright");
    assert!(after.bytes.len() <= 4000);
    for hidden in [&b"Exif"[..], b"place"] {
        assert!(!after.bytes.windows(hidden.len()).any(|octets| octets == hidden));
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    for (name, octets) in [("before.jpg", &before), ("after.jpg", &after.bytes)] {
        let path = folder.join(name);
        if std::env::var_os("MM4RELAY_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, octets).unwrap();
        }
        let shown = std::fs::read(&path).expect("docs/pictures has it");
        assert!(
            shown == *octets,
            "{name} is another one; MM4RELAY_BLESS=1 writes what is made today"
        );
    }
}
