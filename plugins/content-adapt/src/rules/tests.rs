use super::*;

#[test]
fn protected_parts_and_text_are_never_touched() {
    for (media_type, expected) in [
        ("image/jpeg", Role::Picture),
        ("image/vnd.wap.wbmp", Role::Picture),
        ("video/3gpp", Role::Media),
        ("audio/amr", Role::Media),
        ("application/pdf", Role::Media),
        ("application/smil", Role::Smil),
        ("application/vnd.oma.drm.message", Role::Fixed),
        ("application/vnd.oma.drm.dcf", Role::Fixed),
        ("text/plain", Role::Fixed),
        ("nonsense", Role::Fixed),
    ] {
        assert_eq!(role(media_type), expected, "{media_type}");
    }
}

#[test]
fn a_picture_of_exactly_the_limit_fits_and_one_pixel_more_does_not() {
    let limits = PictureLimits {
        width: Some(640),
        height: Some(480),
        size: None,
    };
    assert!(limits.holds(640, 480));
    assert!(!limits.holds(641, 480) && !limits.holds(640, 481));
    assert!(PictureLimits::default().holds(u32::MAX, u32::MAX));
}

#[test]
fn fitting_keeps_proportions_and_never_enlarges() {
    let limits = PictureLimits {
        width: Some(640),
        height: Some(480),
        size: None,
    };
    assert_eq!(limits.fit(4000, 3000), (640, 480));
    assert_eq!(limits.fit(3000, 4000), (360, 480));
    assert_eq!(limits.fit(1280, 10), (640, 5));
    assert_eq!(limits.fit(100_000, 10), (640, 1));
    assert_eq!(limits.fit(32, 32), (32, 32));
    assert_eq!(
        PictureLimits {
            height: Some(100),
            ..PictureLimits::default()
        }
        .fit(400, 200),
        (200, 100)
    );
}

#[test]
fn fitted_pictures_always_hold() {
    let limits = PictureLimits {
        width: Some(637),
        height: Some(479),
        size: None,
    };
    for width in (1..5000).step_by(37) {
        for height in (1..5000).step_by(41) {
            let (w, h) = limits.fit(width, height);
            assert!(
                limits.holds(w, h) && w >= 1 && h >= 1,
                "{width}x{height} became {w}x{h}"
            );
        }
    }
}

#[test]
fn decoded_is_the_inverse_of_encoded() {
    assert_eq!(encoded_size(0), 0);
    assert_eq!(encoded_size(57), 78);
    assert_eq!(encoded_size(58), 156);
    for budget in 0..2000 {
        assert!(encoded_size(decoded_size(budget)) <= budget, "{budget}");
    }
}

#[test]
fn pictures_that_fit_are_left_alone() {
    assert_eq!(allowance(1000, 1000, &[500, 400]), None);
}

#[test]
fn the_largest_pictures_are_cut_first() {
    // 1,200 octets, 100 of them not pictures, limit 1,000: the largest picture gives all 200.
    assert_eq!(allowance(1200, 1000, &[100, 200, 800]), Some(600));
    // The two largest are cut to the same size before the small one loses anything.
    assert_eq!(allowance(1800, 1000, &[100, 800, 800]), Some(400));
    assert_eq!(allowance(2000, 120, &[1000, 980]), Some(50));
}

#[test]
fn what_the_allowance_promises_fits() {
    for limit in (0..5000).step_by(7) {
        let pictures = [10, 900, 900, 1500, 40];
        let total = 400 + pictures.iter().sum::<u64>();
        if let Some(level) = allowance(total, limit, &pictures) {
            let after: u64 = 400 + pictures.iter().map(|&size| size.min(level)).sum::<u64>();
            assert!(after <= limit.max(400), "limit {limit}: {after}");
        } else {
            assert!(total <= limit);
        }
    }
}

#[test]
fn without_room_for_pictures_nothing_is_allowed() {
    assert_eq!(allowance(5000, 1000, &[10]), Some(0));
    assert_eq!(allowance(5000, 1000, &[]), None);
}

#[test]
fn media_stay_when_pictures_alone_can_give_enough() {
    assert!(media_to_drop(1_000_000, 300_000, &[200_000], &[790_000], 200).is_empty());
}

#[test]
fn the_largest_media_go_first_and_no_more_than_needed() {
    assert_eq!(
        media_to_drop(1_000_000, 300_000, &[100_000, 700_000, 150_000], &[40_000], 200),
        [1]
    );
    assert_eq!(
        media_to_drop(1_000_000, 150_400, &[100_000, 700_000, 150_000], &[], 200),
        [1, 2]
    );
}

#[test]
fn the_smallest_total_counts_the_notes_that_stay() {
    assert_eq!(smallest_total(10_000, &[5000, 3000], 200), 2400);
    assert_eq!(smallest_total(1000, &[100], 200), 1000);
}

#[test]
fn a_part_smaller_than_its_note_is_not_replaced() {
    assert!(media_to_drop(1000, 10, &[100, 200], &[], 200).is_empty());
}

#[test]
fn names_get_the_extension_of_what_they_hold() {
    for (name, expected) in [
        ("photo.png", "photo.jpg"),
        ("photo", "photo.jpg"),
        (".png", ".png.jpg"),
        ("a.b/photo", "a.b/photo.jpg"),
        ("photo.JPG", "photo.JPG"),
    ] {
        assert_eq!(renamed(Some(name), "jpg", &[]).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(renamed(None, "jpg", &[]), None);
    assert_eq!(renamed(Some(""), "jpg", &[]), None);
}

#[test]
fn a_name_that_is_taken_gets_a_number() {
    let taken = ["Photo.jpg".to_owned(), "photo-1.jpg".to_owned()];
    assert_eq!(
        renamed(Some("photo.png"), "jpg", &taken).as_deref(),
        Some("photo-2.jpg")
    );
}

#[test]
fn a_note_names_what_is_missing() {
    assert_eq!(note("{name} is gone", Some("film.3gp")), "film.3gp is gone\r\n");
    assert_eq!(note("{name} is gone", None), "An attachment is gone\r\n");
}

const SMALL: Content = Content {
    size: 20_000,
    pictures: 1,
    largest: Some((160, 120)),
    media: false,
};

#[test]
fn the_content_class_goes_down_with_the_content() {
    assert_eq!(content_class("megapixel", &SMALL), Some("image-basic"));
    assert_eq!(
        content_class(
            "Megapixel",
            &Content {
                largest: Some((640, 480)),
                ..SMALL
            }
        ),
        Some("image-rich")
    );
    assert_eq!(
        content_class(
            "image-rich",
            &Content {
                pictures: 0,
                largest: Some((0, 0)),
                ..SMALL
            }
        ),
        Some("text")
    );
    assert_eq!(
        content_class("video-rich", &Content { size: 90_000, ..SMALL }),
        Some("image-rich")
    );
}

#[test]
fn the_content_class_never_goes_up() {
    assert_eq!(
        content_class(
            "image-basic",
            &Content {
                size: 250_000,
                largest: Some((1600, 1200)),
                ..SMALL
            }
        ),
        None
    );
    assert_eq!(content_class("image-basic", &SMALL), None);
}

#[test]
fn a_class_that_cannot_be_judged_stays() {
    assert_eq!(content_class("content-rich", &SMALL), None);
    assert_eq!(content_class("video-rich", &Content { media: true, ..SMALL }), None);
    assert_eq!(content_class("megapixel", &Content { largest: None, ..SMALL }), None);
    assert_eq!(content_class("megapixel", &Content { size: 900_000, ..SMALL }), None);
}
