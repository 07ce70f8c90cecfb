//! The plug-in's own code without WebAssembly, on one message: beside `plugin bench` it says what the sandbox costs.
//! `tests/bench/content_adapt.py` runs both.
//!
//! ```sh
//! cargo run --release --example content_adapt_native -- picture 2592 1944 picture.jpg
//! cargo run --release --example content_adapt_native -- times message.eml 640 480 100000 20
//! ```

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use image::{ImageReader, Rgb, RgbImage};
use mm4_content_adapt::ContentAdapt;
use mm4_filter::testing::{Message, Relay, body_of, destination};
use mm4_filter::{Edit, Verdict};

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["picture", width, height, file] => picture(width.parse()?, height.parse()?, file.as_ref()),
        ["times", message, width, height, octets, runs] => times(
            message.as_ref(),
            (width.parse()?, height.parse()?, octets.parse()?),
            runs.parse()?,
        ),
        _ => Err("picture WIDTH HEIGHT FILE, or times MESSAGE WIDTH HEIGHT OCTETS RUNS".into()),
    }
}

/// A landscape that nobody has photographed, with as much in it as a photograph has: slopes, edges, and noise.
fn picture(width: u32, height: u32, file: &Path) -> Done {
    let mut noise: u32 = 1;
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let (across, down) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let ridge = 0.5 + 0.2 * (across * 9.0).sin() + 0.07 * (across * 61.0).sin() + 0.02 * (across * 400.0).sin();
        let leaves = 30.0 * (f64::from(x) / 3.0).sin() * (f64::from(y) / 5.0).sin();
        // An LCG: no two pixels are as their neighbours, and every run makes the same ones.
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = f64::from(noise >> 28) - 8.0;
        let (red, green, blue) = match down < ridge {
            true => (90.0 + 90.0 * down, 140.0 + 60.0 * down, 230.0 - 40.0 * across),
            false => (60.0 + leaves, 110.0 + leaves - 60.0 * down, 40.0 + leaves / 2.0),
        };
        Rgb([red, green, blue].map(|it: f64| (it + grain).clamp(0.0, 255.0) as u8))
    });
    let mut octets = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut octets, 90))?;
    std::fs::write(file, octets)?;
    Ok(())
}

/// Prints the median and the 99th percentile in microseconds, and what came out, as JSON.
fn times(message: &Path, (width, height, octets): (u32, u32, u64), runs: usize) -> Done {
    let relay = Relay::new(Message::read(message)).time_left(60_000);
    let mut destination = destination("operator-b");
    destination.max_image_width = Some(width);
    destination.max_image_height = Some(height);
    destination.max_image_size = Some(octets);
    let mut took = Vec::new();
    let mut out = None;
    for _ in 0..runs.max(1) {
        let began = Instant::now();
        let called = relay.departure::<ContentAdapt>(&destination);
        took.push(began.elapsed());
        let Ok(Verdict::Edit(edits)) = called.verdict else {
            return Err(format!("the picture was not adapted: {:?}", called.verdict).into());
        };
        let body = |edit: &Edit| match edit {
            Edit::ReplacePart(part) => Some(body_of(&part.body).1),
            _ => None,
        };
        out = edits.iter().find_map(body);
    }
    took.sort_unstable();
    let at = |share: f64| micros(took[((took.len() - 1) as f64 * share) as usize]);
    let out = out.ok_or("no part was replaced")?;
    let made = ImageReader::new(std::io::Cursor::new(&out))
        .with_guessed_format()?
        .decode()?;
    println!(
        "{{\"p50_us\": {:.1}, \"p99_us\": {:.1}, \"runs\": {}, \"octets\": {}, \"width\": {}, \"height\": {}}}",
        at(0.5),
        at(0.99),
        took.len(),
        out.len(),
        made.width(),
        made.height()
    );
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
