//! One message on its way to one destination: looks at its parts, asks the rules, makes the edits.

use mm4_filter::{Destination, Edit, Fault, Part, PartExt, Refusal, Verdict, body, edit, log, message, text, verdict};

use crate::header::{Header, Probed, probe};
use crate::picture::{self, Failure, Picture};
use crate::rules::{self, Content, PictureLimits, Role};
use crate::settings::{CannotAdapt, Settings, TextCharset, TooLarge};
use crate::smil::{self, Change};

/// A larger presentation is not read, in octets. Real ones have some hundred.
const LARGEST_SMIL: u64 = 256 << 10;
/// Left free under the size limit, in octets: names that grow, and the header lines that relays add.
const MARGIN: u64 = 1024;
/// `X-Mms-Adaptation-Allowed` is what peers send; the other spelling is said to exist.
const ADAPTATION_HEADERS: [&str; 2] = ["X-Mms-Adaptation-Allowed", "X-Mms-Adaptations"];
const CLASS_HEADER: &str = "X-Mms-Content-Class";
/// RFC 3282: the languages of whoever wrote the message, in order.
const LANGUAGES_HEADER: &str = "Content-Language";
/// A larger text is not converted, in octets.
const LARGEST_TEXT: u64 = 1 << 20;

pub struct Adaptation<'a> {
    settings: &'a Settings,
    limits: PictureLimits,
    message_limit: Option<u64>,
    /// What the message must come down to, in octets; `None` when it need not, or cannot.
    goal: Option<u64>,
    /// The message's size with the edits so far, in octets.
    total: u64,
    items: Vec<Item>,
}

/// A part, and what is decided about it.
struct Item {
    part: Part,
    role: Role,
    header: Option<Header>,
    /// A picture that is over a limit of its own, whatever the message weighs.
    over: bool,
    fate: Fate,
}

enum Fate {
    Stays,
    Smaller(Picture),
    /// In another charset.
    Converted(String),
    Note,
    /// It cannot be adapted, and the message must not go without it.
    Refused,
}

impl<'a> Adaptation<'a> {
    pub fn of_message(settings: &'a Settings, destination: &Destination) -> Self {
        let item = |part: Part| {
            let role = rules::role(&part.media_type);
            Item {
                part,
                role,
                header: None,
                over: false,
                fate: Fate::Stays,
            }
        };
        Self {
            settings,
            limits: PictureLimits {
                width: destination.max_image_width,
                height: destination.max_image_height,
                size: destination.max_image_size,
            },
            message_limit: destination.max_message_size,
            goal: None,
            total: message::current().size,
            items: message::parts().into_iter().map(item).collect(),
        }
    }

    pub fn run(mut self) -> Result<Verdict, Fault> {
        if !self.has_something_to_adapt() {
            return Ok(Verdict::Pass);
        }
        if is_adaptation_forbidden() {
            return Ok(self.unless_too_large(Vec::new()));
        }
        let class = message::header(CLASS_HEADER);
        self.look_at_pictures(class.is_some())?;
        self.convert_texts()?;
        self.aim();
        self.drop_media();
        self.shrink_pictures()?;
        if self.items.iter().any(|item| matches!(item.fate, Fate::Refused)) {
            return Ok(Verdict::Refuse(Refusal {
                code: 552,
                text: "the receiving network does not take this content, and it cannot be adapted".into(),
            }));
        }
        let mut edits = self.edits()?;
        if !edits.is_empty()
            && let Some(class) = class.and_then(|present| rules::content_class(&present, &self.content()))
        {
            edits.push(edit::set_header(CLASS_HEADER, class));
        }
        Ok(self.unless_too_large(edits))
    }

    /// Most messages are a text and nothing else, and texts mostly stay as they are.
    fn has_something_to_adapt(&self) -> bool {
        let is_media = |item: &Item| matches!(item.role, Role::Picture | Role::Media);
        self.settings.text_charset.is_some() || self.items.iter().any(is_media)
    }

    /// Finds the pictures that are over their limits. `all`: their sizes in pixels are needed even if nobody limits them.
    fn look_at_pictures(&mut self, all: bool) -> Result<(), Fault> {
        let limits = self.limits;
        let pixels_matter = all || limits.width.is_some() || limits.height.is_some();
        for item in self.items.iter_mut().filter(|item| item.role == Role::Picture) {
            match item.look(&limits, pixels_matter) {
                // Nobody knows what the receiver's device will make of it. Where the destination limits pictures, it is
                // none that is known to be within the limits.
                Err(Fault::Invalid(reason)) => {
                    item.over = limits.are_set();
                    log::write(
                        log::Level::Warn,
                        &format!("part {} cannot be read: {reason}", item.part.id),
                    );
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Texts that say another charset than the one that is wanted. A text that is not in the charset that it names stays.
    fn convert_texts(&mut self) -> Result<(), Fault> {
        if self.settings.text_charset != Some(TextCharset::Utf8) {
            return Ok(());
        }
        for item in self
            .items
            .iter_mut()
            .filter(|item| item.part.media_type.starts_with("text/"))
        {
            let content_type = match message::part_header(item.part.id, "Content-Type") {
                Err(Fault::Invalid(_)) => continue,
                other => other?.unwrap_or_default(),
            };
            let Some(charset) = text::charset(&content_type) else {
                continue;
            };
            if rules::is_utf8(charset) {
                continue;
            }
            let octets = match item.part.read_all(LARGEST_TEXT) {
                Err(Fault::Invalid(_)) | Ok(None) => continue,
                other => other?.unwrap_or_default(),
            };
            let converted = text::decode(&octets, Some(charset));
            if !converted.contains(char::REPLACEMENT_CHARACTER) {
                item.fate = Fate::Converted(converted);
            }
        }
        Ok(())
    }

    fn drop_media(&mut self) {
        let Some(limit) = self.goal else { return };
        let (indexes, media): (Vec<_>, Vec<_>) = self.sizes(Role::Media).unzip();
        let pictures: Vec<u64> = self.sizes(Role::Picture).map(|(_, size)| size).collect();
        for chosen in rules::media_to_drop(self.total, limit, &media, &pictures, self.note_size()) {
            match self.settings.cannot_adapt {
                CannotAdapt::Replace => self.decide(indexes[chosen], Fate::Note),
                CannotAdapt::Refuse => self.decide(indexes[chosen], Fate::Refused),
                CannotAdapt::Pass => {}
            }
        }
    }

    /// From the largest to the smallest; each one that came out smaller than it had to leaves more to the others.
    fn shrink_pictures(&mut self) -> Result<(), Fault> {
        let mut waiting: Vec<(usize, u64)> = self.sizes(Role::Picture).collect();
        waiting.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
        // Those that must be changed anyway come first: they may free all the octets that are needed.
        waiting.sort_by_key(|&(index, _)| !self.items[index].over);
        while let Some(&(index, size)) = waiting.first() {
            let sizes: Vec<u64> = waiting.iter().map(|&(_, size)| size).collect();
            let allowed = self
                .goal
                .and_then(|limit| rules::allowance(self.total, limit, &sizes))
                .filter(|&level| level < size);
            if self.items[index].over || allowed.is_some() {
                let fate = self.adapted(index, allowed)?;
                self.decide(index, fate);
            }
            waiting.remove(0);
        }
        Ok(())
    }

    /// `allowed`: octets, encoded.
    fn adapted(&self, index: usize, allowed: Option<u64>) -> Result<Fate, Fault> {
        let item = &self.items[index];
        let (header, source) = match self.decodable(item) {
            Ok(Ok(found)) => found,
            Ok(Err(reason)) => return Ok(self.note_for(item, reason)),
            Err(Fault::Invalid(reason)) => return Ok(self.note_for(item, &reason)),
            Err(fault) => return Err(fault),
        };
        let own = source.len() as u64;
        let size = [self.limits.size, allowed.map(rules::decoded_size)]
            .into_iter()
            .flatten()
            .fold(own, u64::min);
        let limits = PictureLimits {
            size: Some(size),
            ..self.limits
        };
        Ok(
            match picture::adapt(&source, &header, &limits, self.settings, &message::time_left) {
                Ok(picture) => Fate::Smaller(picture),
                Err(Failure::Undecodable(reason)) => self.note_for(item, reason.trim()),
                Err(Failure::NoTime) => {
                    self.note_for(item, "it might take longer than the limits time and time-per-mib allow")
                }
                Err(Failure::TooLarge) => self.note_for(item, "even a tiny version would be too large"),
            },
        )
    }

    /// The picture's header and all of its octets, or why it is not even worth decoding.
    fn decodable(&self, item: &Item) -> Result<Result<(Header, Vec<u8>), &'static str>, Fault> {
        let header = match item.header {
            Some(header) => Some(header),
            None => item.probe()?.header(),
        };
        let Some(header) = header else {
            return Ok(Err("its format or its size is not known"));
        };
        let source = item.part.read_all(self.settings.max_source_size.into())?;
        Ok(source
            .map(|source| (header, source))
            .ok_or("it is larger than max-source-size"))
    }

    fn note_for(&self, item: &Item, reason: &str) -> Fate {
        log::write(
            log::Level::Info,
            &format!("part {} cannot be adapted: {reason}", item.part.id),
        );
        match self.settings.cannot_adapt {
            CannotAdapt::Replace => Fate::Note,
            CannotAdapt::Pass => Fate::Stays,
            CannotAdapt::Refuse => Fate::Refused,
        }
    }

    fn decide(&mut self, index: usize, fate: Fate) {
        let after = match &fate {
            Fate::Stays | Fate::Refused | Fate::Converted(_) => self.items[index].part.encoded_size,
            Fate::Smaller(picture) => rules::encoded_size(picture.bytes.len() as u64),
            Fate::Note => self.note_size(),
        };
        self.total = (self.total + after).saturating_sub(self.items[index].part.encoded_size);
        self.items[index].fate = fate;
    }

    fn edits(&mut self) -> Result<Vec<Edit>, Fault> {
        let presentations = self.presentations()?;
        let mut taken: Vec<String> = self.items.iter().filter_map(|item| item.part.name.clone()).collect();
        let mut edits = Vec::new();
        let mut changes = Vec::new();
        for item in &self.items {
            let (extension, media_type, bytes) = match &item.fate {
                Fate::Stays | Fate::Refused => continue,
                Fate::Converted(text) => {
                    let media_type = format!("{}; charset=utf-8", item.part.media_type);
                    edits.push(edit::replace_part(
                        item.part.id,
                        body(&media_type, text.as_bytes())?,
                        None,
                    ));
                    continue;
                }
                Fate::Smaller(picture) => (picture.extension, picture.media_type, picture.bytes.clone()),
                Fate::Note => {
                    let languages = message::header(LANGUAGES_HEADER).unwrap_or_default();
                    let text = rules::note(self.settings.note_in(&languages), item.part.name.as_deref());
                    ("txt", "text/plain; charset=utf-8", text.into_bytes())
                }
            };
            let old = item.part.name.as_deref().or(item.part.content_location.as_deref());
            let renamed = if item.part.media_type == media_type {
                None
            } else {
                rules::renamed(old, extension, &taken)
            };
            let name = renamed.filter(|name| presentations.is_some() && Some(name.as_str()) != old);
            taken.extend(name.clone());
            edits.push(edit::replace_part(
                item.part.id,
                body(media_type, &bytes)?,
                name.clone(),
            ));
            changes.push(Change {
                content_id: item.part.content_id.clone(),
                old_names: [&item.part.name, &item.part.content_location]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect(),
                new_name: name,
                media_type: media_type.split(';').next().unwrap_or(media_type).into(),
            });
        }
        let others = self.names_of_the_unchanged();
        for (id, smil) in presentations.unwrap_or_default() {
            if let Some(text) = smil::updated(&smil, &changes, &others) {
                edits.push(edit::replace_part(
                    id,
                    body("application/smil; charset=utf-8", text.as_bytes())?,
                    None,
                ));
            }
        }
        Ok(edits)
    }

    fn names_of_the_unchanged(&self) -> Vec<String> {
        let unchanged = self
            .items
            .iter()
            .filter(|item| matches!(item.fate, Fate::Stays | Fate::Converted(_)));
        let names = unchanged.flat_map(|item| [&item.part.name, &item.part.content_location]);
        names.flatten().cloned().collect()
    }

    /// The presentations, if anything changed that they may refer to. `None`: there is one that cannot be followed.
    fn presentations(&self) -> Result<Option<Vec<(u32, String)>>, Fault> {
        let mut presentations = Vec::new();
        if self
            .items
            .iter()
            .any(|item| matches!(item.fate, Fate::Smaller(_) | Fate::Note))
        {
            for item in self.items.iter().filter(|item| item.role == Role::Smil) {
                let text = match item.part.read_all(LARGEST_SMIL) {
                    Ok(bytes) => bytes.and_then(|bytes| String::from_utf8(bytes).ok()),
                    Err(Fault::Invalid(_)) => None,
                    Err(fault) => return Err(fault),
                };
                let Some(text) = text else {
                    log::write(
                        log::Level::Warn,
                        "the presentation cannot be read: file names stay as they were",
                    );
                    return Ok(None);
                };
                presentations.push((item.part.id, text));
            }
        }
        Ok(Some(presentations))
    }

    fn content(&self) -> Content {
        let mut largest = Some((0, 0));
        let mut pictures = 0;
        for item in self
            .items
            .iter()
            .filter(|item| item.role == Role::Picture && !matches!(item.fate, Fate::Note))
        {
            let size = match &item.fate {
                Fate::Smaller(picture) => Some((picture.width, picture.height)),
                _ => item.header.map(|header| (header.width, header.height)),
            };
            pictures += 1;
            largest = largest
                .zip(size)
                .map(|((a, b), (width, height)): ((u32, u32), _)| (a.max(width), b.max(height)));
        }
        let media = self.items.iter().any(|item| {
            let protected = item.role == Role::Fixed && !item.part.media_type.starts_with("text/");
            (item.role == Role::Media || protected) && matches!(item.fate, Fate::Stays)
        });
        Content {
            size: self.total,
            pictures,
            largest,
            media,
        }
    }

    /// Only a message over the limit itself is too large; the margin is ours.
    fn unless_too_large(&self, edits: Vec<Edit>) -> Verdict {
        let Some(limit) = self.message_limit.filter(|&limit| self.total > limit) else {
            return verdict(edits);
        };
        log::write(
            log::Level::Warn,
            &format!(
                "the message has {} octets, and the destination takes {limit}",
                self.total
            ),
        );
        match self.settings.too_large {
            TooLarge::Pass => verdict(edits),
            TooLarge::Refuse => Verdict::Refuse(Refusal {
                code: 552,
                text: format!("message is larger than {limit} octets and cannot be adapted"),
            }),
        }
    }

    /// A message within the limit is not shrunk for the margin's sake. And one that would be too large without any picture
    /// or film keeps what it has: to take them out would help nobody.
    fn aim(&mut self) {
        let Some(limit) = self.message_limit.filter(|&limit| self.total > limit) else {
            return;
        };
        let removable: Vec<u64> = self
            .sizes(Role::Picture)
            .chain(self.sizes(Role::Media))
            .map(|(_, size)| size)
            .collect();
        let goal = limit.saturating_sub(MARGIN);
        if rules::smallest_total(self.total, &removable, self.note_size()) <= goal {
            self.goal = Some(goal);
        }
    }

    fn sizes(&self, role: Role) -> impl Iterator<Item = (usize, u64)> + '_ {
        let wanted = move |(_, item): &(usize, &Item)| item.role == role && matches!(item.fate, Fate::Stays);
        self.items
            .iter()
            .enumerate()
            .filter(wanted)
            .map(|(index, item)| (index, item.part.encoded_size))
    }

    fn note_size(&self) -> u64 {
        rules::encoded_size(self.settings.longest_note() as u64 + 64)
    }
}

impl Item {
    fn look(&mut self, limits: &PictureLimits, pixels_matter: bool) -> Result<(), Fault> {
        let probed = match pixels_matter {
            true => self.probe()?,
            false => Probed::Other,
        };
        self.header = probed.header();
        let fits = match limits.size {
            Some(size) => self.part.fits(size)?,
            None => true,
        };
        let hides_its_size = probed == Probed::Unsized && (limits.width.is_some() || limits.height.is_some());
        self.over = !fits
            || hides_its_size
            || self
                .header
                .is_some_and(|header| !limits.holds(header.width, header.height));
        Ok(())
    }

    fn probe(&self) -> Result<Probed, Fault> {
        probe(|offset, max| self.part.read(offset, max))
    }
}

/// TS 23.140, 8.4.1.3: the originator may forbid changes.
fn is_adaptation_forbidden() -> bool {
    ADAPTATION_HEADERS
        .iter()
        .any(|name| message::header(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("No")))
}
