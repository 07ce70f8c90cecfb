//! The message itself, as it was received and as it is sent: header, texts and pictures, for those who may see them.

use askama::Template;
use axum::extract::Path;

use super::frame::Frame;
use super::indexed::indexed;
use super::looking::{Looking, Page, Refused, show};
use super::picture;
use super::words;
use crate::control::queue::{GetContent, Named, Show};
use crate::control::{Kind, Problem};
use crate::message::{Message, Part, VisibleLines};
use crate::protocol::mm4::decode_part;

/// Octets of a message that is shown; a larger one is for `mm4relay queue message`.
const MOST_OCTETS: u64 = 32 << 20;
/// Octets of a text that are shown.
const MOST_TEXT: usize = 64 << 10;
/// Destinations of one message that are shown beside it.
const MOST_SIDES: usize = 4;

#[derive(Template)]
#[template(path = "content.html")]
struct Sides {
    frame: Frame,
    id: String,
    sides: Vec<Side>,
    /// Destinations that are not shown here.
    left_out: Vec<String>,
}

/// The message at one end of the relay.
struct Side {
    title: String,
    octets: String,
    header: String,
    parts: Vec<PartShown>,
    /// Why its parts are not shown.
    unread: Option<String>,
}

struct PartShown {
    number: u32,
    media_type: String,
    name: String,
    octets: String,
    /// Of a text.
    text: Option<String>,
    cut: bool,
    /// Of a picture that a browser shows.
    picture: Option<String>,
}

pub(super) async fn page(Path(id): Path<String>, looking: Looking) -> Page {
    let named = looking.named(&id).await?;
    let entries = looking.ask(Show { id: named }).await?.entries;
    let mut sides = vec![looking.side(&id, named, true, "As received").await?];
    let on_their_way = entries.iter().filter(|shown| shown.entry.peer.is_some());
    let (shown, left_out) = {
        let all: Vec<(String, String)> = on_their_way
            .map(|shown| (shown.entry.id.clone(), shown.entry.peer.clone().unwrap_or_default()))
            .collect();
        let at = all.len().min(MOST_SIDES);
        (all[..at].to_vec(), all[at..].iter().map(|(id, _)| id.clone()).collect())
    };
    for (entry, peer) in shown {
        let named = looking.named(&entry).await?;
        let title = format!("As it is sent to {peer}");
        sides.push(looking.side(&entry, named, false, &title).await?);
    }
    Ok(show(&Sides {
        frame: looking.frame("The message itself", "/message").await,
        id,
        sides,
        left_out,
    }))
}

impl Looking {
    pub async fn named(&self, id: &str) -> Result<Named, Refused> {
        match id.parse() {
            Ok(named) => Ok(named),
            Err(why) => Err(self.refused(&Problem::new(Kind::Unreadable, why)).await),
        }
    }

    /// All octets of a message. Who looked is in the audit.
    pub async fn content(&self, id: Named, received: bool) -> Result<Vec<u8>, Refused> {
        let (mut octets, mut from) = (Vec::new(), None);
        loop {
            let piece = self.ask(GetContent { id, received, from }).await?;
            if piece.octets > MOST_OCTETS {
                let detail = format!(
                    "{id} has {}: `mm4relay queue message` writes it to a file",
                    words::octets(piece.octets)
                );
                return Err(self.refused(&Problem::new(Kind::WrongState, detail)).await);
            }
            match piece.decoded() {
                Ok(more) => octets.extend(more),
                Err(problem) => return Err(self.refused(&problem).await),
            }
            from = piece.next;
            if from.is_none() {
                return Ok(octets);
            }
        }
    }

    async fn side(&self, id: &str, named: Named, received: bool, title: &str) -> Result<Side, Refused> {
        let octets = self.content(named, received).await?;
        let (id, title) = (id.to_owned(), title.to_owned());
        let side = tokio::task::spawn_blocking(move || Side::of(&id, received, title, octets)).await;
        match side {
            Ok(side) => Ok(side),
            Err(error) => Err(self
                .refused(&Problem::new(Kind::Internal, format!("a bug: {error}")))
                .await),
        }
    }
}

impl Side {
    fn of(id: &str, received: bool, title: String, octets: Vec<u8>) -> Self {
        let end = octets
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or(octets.len());
        let header = String::from_utf8_lossy(&octets[..end]).into_owned();
        let size = words::octets(octets.len() as u64);
        let (parts, unread) = match indexed(octets) {
            Ok(message) => {
                let parts = message
                    .parts
                    .iter()
                    .map(|part| PartShown::of(id, received, &message, part));
                (parts.collect(), None)
            }
            Err(why) => (Vec::new(), Some(why)),
        };
        Self {
            title,
            octets: size,
            header: VisibleLines(&header).to_string(),
            parts,
            unread,
        }
    }
}

impl PartShown {
    fn of(id: &str, received: bool, message: &Message, part: &Part) -> Self {
        let body = decode_part(message, part.id).unwrap_or_default();
        let is_text = part.media_type.starts_with("text/") || part.media_type == "application/smil";
        let cut = is_text && body.len() > MOST_TEXT;
        let text = String::from_utf8_lossy(&body[..body.len().min(MOST_TEXT)]).into_owned();
        let number = part.id.0;
        let is_picture = picture::media_type(&body).is_some();
        let picture = format!("/message/{}/picture/{number}?received={received}", words::encoded(id));
        let name = part.name.iter().chain(&part.content_id).chain(&part.content_location);
        let name: Vec<String> = name.map(|name| VisibleLines(name).to_string()).collect();
        Self {
            number,
            media_type: VisibleLines(&part.media_type).to_string(),
            name: name.join(", "),
            octets: words::octets(body.len() as u64),
            text: is_text.then(|| VisibleLines(&text).to_string()),
            cut,
            picture: is_picture.then_some(picture),
        }
    }
}
