//! The adaptation of one message for one destination: lists the parts, asks `rules`, makes the edits.

mod edits;
mod pictures;
mod texts;

use mm4_filter::{Destination, Edit, Fault, Part, Refusal, Verdict, edit, log, message, verdict};

use crate::header::Header;
use crate::picture::Picture;
use crate::rules::{self, Content, PictureLimits, Role};
use crate::settings::{CannotAdapt, Settings, TooLarge};

/// Octets kept free under the size limit, for file names that grow and for header lines that relays add.
const MARGIN: u64 = 1024;
/// Peers send `X-Mms-Adaptation-Allowed`; the second spelling is accepted because some documents name it.
const ADAPTATION_HEADERS: [&str; 2] = ["X-Mms-Adaptation-Allowed", "X-Mms-Adaptations"];
const CLASS_HEADER: &str = "X-Mms-Content-Class";

pub struct Adaptation<'a> {
    settings: &'a Settings,
    limits: PictureLimits,
    message_limit: Option<u64>,
    /// The size that the message must shrink to, in octets; `None` when it need not shrink, or cannot shrink enough.
    goal: Option<u64>,
    /// The message's size with the edits so far, in octets.
    total: u64,
    items: Vec<Item>,
}

/// A part, and the decision about it.
struct Item {
    part: Part,
    role: Role,
    header: Option<Header>,
    /// The picture exceeds a limit for pictures, whatever the size of the message.
    over: bool,
    fate: Fate,
}

enum Fate {
    Stays,
    Smaller(Picture),
    /// The text, converted to another charset.
    Converted(String),
    Note,
    /// The part cannot be adapted, and `cannot-adapt` refuses the message.
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

    /// Skips the work early: most messages consist of texts, and texts rarely change.
    fn has_something_to_adapt(&self) -> bool {
        let is_media = |item: &Item| matches!(item.role, Role::Picture | Role::Media);
        self.settings.text_charset.is_some() || self.items.iter().any(is_media)
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

    /// A message between the margin and the limit is not too large: the margin is this plug-in's own.
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

    /// Sets the goal. A message within the limit is not shrunk for the margin's sake. A message that would stay too
    /// large without any picture or film keeps all of them, because removing them would not make it deliverable.
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

/// TS 23.140, 8.4.1.3: the originator may forbid changes.
fn is_adaptation_forbidden() -> bool {
    ADAPTATION_HEADERS
        .iter()
        .any(|name| message::header(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("No")))
}
