use super::{Change, updated as updated_among};

fn updated(smil: &str, changes: &[Change]) -> Option<String> {
    updated_among(smil, changes, &[])
}

fn renamed() -> Change {
    Change {
        content_id: Some("img1".into()),
        old_names: vec!["photo.png".into()],
        new_name: Some("photo.jpg".into()),
        media_type: "image/jpeg".into(),
    }
}

fn noted() -> Change {
    Change {
        new_name: Some("photo.txt".into()),
        media_type: "text/plain".into(),
        ..renamed()
    }
}

#[test]
fn a_renamed_picture_is_followed_and_nothing_else_is_touched() {
    let smil = "<smil>\r\n <par  dur='5s'><img region=\"Image\"  src=\"photo.png\" alt='photo.png'/><text src=\"t.txt\"/></par></smil>";
    assert_eq!(
        updated(smil, &[renamed()]),
        Some(smil.replace("src=\"photo.png\"", "src=\"photo.jpg\""))
    );
}

#[test]
fn a_reference_by_content_id_stays() {
    assert_eq!(updated("<img src=\"cid:img1\"/>", &[renamed()]), None);
    assert_eq!(
        updated("<img src=\"cid:img1\"/>", &[noted()]).as_deref(),
        Some("<text src=\"cid:img1\"/>")
    );
    assert_eq!(
        updated("<img src='CID:img1'/>", &[noted()]).as_deref(),
        Some("<text src='CID:img1'/>")
    );
}

#[test]
fn a_picture_that_became_a_note_becomes_a_text_element() {
    assert_eq!(
        updated("<par><img src=\"photo.png\" region=\"Image\" /></par>", &[noted()]).as_deref(),
        Some("<par><text src=\"photo.txt\" region=\"Image\" /></par>")
    );
}

#[test]
fn end_tags_follow_their_start_tags() {
    let smil = "<par><img src='photo.png'><param name='a' value='b'/></img><img src='other.png'></img></par>";
    assert_eq!(
        updated(smil, &[noted()]).as_deref(),
        Some("<par><text src='photo.txt'><param name='a' value='b'/></text><img src='other.png'></img></par>")
    );
}

#[test]
fn a_missing_end_tag_does_not_shift_the_pairs() {
    let smil = "<par><img src='photo.png'><ref src='x'></img></par>";
    assert_eq!(
        updated(smil, &[noted()]).as_deref(),
        Some("<par><text src='photo.txt'><ref src='x'></text></par>")
    );
}

#[test]
fn a_type_attribute_follows_the_media_type() {
    assert_eq!(
        updated("<img type=\"image/png\" src=\"photo.png\"/>", &[renamed()]).as_deref(),
        Some("<img type=\"image/jpeg\" src=\"photo.jpg\"/>")
    );
}

#[test]
fn comments_declarations_and_quoted_brackets_are_no_tags() {
    let smil = "<?xml version=\"1.0\"?><!DOCTYPE smil><!-- <img src=\"photo.png\"/> --><![CDATA[<img src=\"photo.png\">]]><img alt=\"a>b\" src=\"photo.png\"/>";
    let result = updated(smil, &[renamed()]).unwrap();
    assert_eq!(result.matches("photo.png").count(), 2);
    assert!(result.ends_with("<img alt=\"a>b\" src=\"photo.jpg\"/>"));
}

#[test]
fn names_are_compared_unescaped_and_written_escaped_the_same_way() {
    let change = Change {
        old_names: vec!["my photo & me.png".into()],
        new_name: Some("my photo & me.jpg".into()),
        ..renamed()
    };
    let changes = [change];
    assert_eq!(
        updated("<img src=\"my photo &amp; me.png\"/>", &changes).as_deref(),
        Some("<img src=\"my photo &amp; me.jpg\"/>")
    );
    assert_eq!(
        updated("<img src=\"my%20photo%20%26%20me.png\"/>", &changes).as_deref(),
        Some("<img src=\"my%20photo%20%26%20me.jpg\"/>")
    );
}

#[test]
fn a_namespace_prefix_stays() {
    let smil = "<s:img src='photo.png'></s:img>";
    assert_eq!(
        updated(smil, &[noted()]).as_deref(),
        Some("<s:text src='photo.txt'></s:text>")
    );
}

#[test]
fn every_reference_to_the_part_is_followed() {
    let smil = "<par><img src='photo.png'/></par><par><img src='photo.png'/></par>";
    assert_eq!(updated(smil, &[renamed()]).unwrap().matches("photo.jpg").count(), 2);
}

#[test]
fn a_presentation_that_is_no_xml_is_survived() {
    for smil in [
        "",
        "<",
        "<img",
        "<img src=",
        "<img src=>",
        "<img src=/>",
        "<img src=\"photo.png",
        "</",
        "<>",
        "</img>",
        "<img = =\"\">",
        "%%%",
    ] {
        assert_eq!(updated(smil, &[renamed(), noted()]), None, "{smil}");
    }
}

#[test]
fn an_unknown_reference_is_left_alone() {
    assert_eq!(
        updated(
            "<img src=\"http://x.example/photo.png\"/><img src=\"cid:photo.png\"/>",
            &[renamed()]
        ),
        None
    );
}

#[test]
fn a_name_is_followed_in_another_case_and_with_a_dot_in_front() {
    for (before, after) in [
        ("<img src=\"./photo.png\"/>", "<img src=\"./photo.jpg\"/>"),
        ("<img src=\"././photo.png\"/>", "<img src=\"./photo.jpg\"/>"),
        ("<img src='PHOTO.PNG'/>", "<img src='photo.jpg'/>"),
        ("<img src='./Photo.Png'/>", "<img src='./photo.jpg'/>"),
        ("<img src='.%2Fphoto%2Epng'/>", "<img src='photo.jpg'/>"),
        ("<img src=photo.png region=a/>", "<img src=\"photo.jpg\" region=a/>"),
        ("<img src=photo.png>", "<img src=\"photo.jpg\">"),
        ("<img region=a src=photo.png/>", "<img region=a src=\"photo.jpg\"/>"),
    ] {
        assert_eq!(updated(before, &[renamed()]).as_deref(), Some(after), "{before}");
    }
    let located = Change {
        old_names: vec!["./photo.png".into()],
        ..renamed()
    };
    assert_eq!(
        updated("<img src='photo.png'/>", &[located]).as_deref(),
        Some("<img src='photo.jpg'/>")
    );
}

#[test]
fn the_exact_name_of_another_part_is_that_other_part() {
    let others = ["Photo.png".to_owned()];
    assert_eq!(updated_among("<img src='Photo.png'/>", &[renamed()], &others), None);
    let also = Change {
        content_id: None,
        old_names: vec!["Photo.png".into()],
        new_name: Some("Photo.jpg".into()),
        media_type: "image/jpeg".into(),
    };
    assert_eq!(
        updated_among("<img src='Photo.png'/>", &[renamed(), also], &[]).as_deref(),
        Some("<img src='Photo.jpg'/>")
    );
}
