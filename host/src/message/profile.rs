//! The words of a peer's profile in the configuration that several rooms act on.

use std::time::Duration;

use super::Mode;

/// A choice among words of the configuration.
pub trait Choice: Copy + PartialEq + Sized + 'static {
    const WORDS: &'static [(&'static str, Self)];

    /// The word in the configuration.
    fn word(self) -> &'static str {
        let known = Self::WORDS.iter().find(|(_, choice)| *choice == self);
        known.map_or("", |(word, _)| word)
    }

    fn from_word(word: &str) -> Option<Self> {
        let known = Self::WORDS.iter().find(|(known, _)| *known == word);
        known.map(|(_, choice)| *choice)
    }
}

/// `refuse-with`: how a request that asks for a response is refused while its sender waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefuseWith {
    /// 5xx, as any other message.
    #[default]
    Reply,
    /// 250, and then an MM4 response with the status.
    Response,
}

/// `response-sender`: the envelope sender of what the relay writes itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseSender {
    /// The relay's system address: some peers refuse the null sender.
    #[default]
    System,
    /// `<>`: nothing can bounce (RFC 5321, 4.5.5).
    Null,
}

/// `unknown-types`: what becomes of a message whose `X-Mms-Message-Type` is none of the six of TS 23.140, 8.4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownTypes {
    #[default]
    Refuse,
    /// The message is carried like any other, and never answered or paired.
    Pass,
}

/// `unknown-domain`: what becomes of messages for a peer whose `mx` is a domain that DNS says does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownDomain {
    /// They wait: an operator configured the domain, and private DNS has short failures.
    #[default]
    Wait,
    /// They fail at once (RFC 5321, 5.1).
    Fail,
}

/// `tls.to`: whether connections to a peer are encrypted with STARTTLS (RFC 3207).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsTo {
    Never,
    /// With TLS when the peer offers it, whatever its certificate; in clear otherwise (RFC 7435).
    #[default]
    Opportunistic,
    /// Only with TLS, and only with a certificate that is valid for the peer's name.
    Required,
}

/// `hello`: how a session with a peer begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hello {
    /// EHLO; HELO when the peer does not know it.
    #[default]
    Ehlo,
    /// HELO at once, and no extension.
    Helo,
}

/// `extensions`: an SMTP extension that the relay may use when the peer offers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// RFC 2920.
    Pipelining,
    /// RFC 6152.
    EightBitMime,
    /// RFC 1870.
    Size,
}

/// `quirks`: a habit of a peer that the relay makes allowance for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// The peer knows IDs in double quotes only: IDs that the relay mints for it are quoted.
    IdsQuoted,
    /// The peer does not take `/TYPE=PLMN`: the addresses of its recipients are written without it.
    ToWithoutType,
    /// The peer is greeted with HELO, because it fails after EHLO.
    NoEhlo,
    /// The peer takes one recipient at a time: each recipient gets a message of its own.
    OneRecipientPerTransaction,
    /// The peer does not wait for the greeting, nor for the answer to EHLO or DATA.
    TalksEarly,
    /// The peer ends lines of messages with a bare CR or LF: these are taken for line ends.
    BareLineEnds,
}

/// `content-class`: what the peer's subscribers can show (OMA MMS Conformance Document).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentClass {
    Text,
    ImageBasic,
    ImageRich,
    VideoBasic,
    VideoRich,
    Megapixel,
    ContentBasic,
    ContentRich,
}

/// At most so many messages in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    pub messages: u32,
    pub per: Duration,
}

impl std::str::FromStr for Rate {
    type Err = String;

    /// Reads so many messages a second or a minute: `20/s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (messages, unit) = text.split_once('/')?;
            let seconds = match unit.trim() {
                "s" => 1,
                "min" => 60,
                _ => return None,
            };
            let messages: u32 = messages.trim().parse().ok()?;
            let per = Duration::from_secs(seconds);
            (1..=100_000).contains(&messages).then_some(Self { messages, per })
        };
        read().ok_or_else(|| {
            "a number of messages and a time, from \"1/min\" to \"100000/s\", such as \"20/s\" or \"600/min\""
                .to_owned()
        })
    }
}

/// `timeouts`: how long to wait for a peer. The defaults are those of RFC 5321, 4.5.3.2, where it names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection. Default 30 s: then the next host is tried.
    pub connect: Duration,
    /// For the greeting. Default 5 min.
    pub greeting: Duration,
    /// For the answer to EHLO, HELO, STARTTLS, MAIL, RCPT and RSET, and for the TLS handshake. Default 5 min.
    pub command: Duration,
    /// For the answer to DATA. Default 2 min.
    pub data: Duration,
    /// For a block of the message; the peer must take at least one octet in this time. Default 3 min.
    pub block: Duration,
    /// For the answer to the final dot. Default 10 min: shorter ones make duplicates (RFC 1047).
    pub end_of_data: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        Self {
            connect: 30 * second,
            greeting: 5 * minute,
            command: 5 * minute,
            data: 2 * minute,
            block: 3 * minute,
            end_of_data: 10 * minute,
        }
    }
}

impl ContentClass {
    /// The octets that a whole message of this class may have. Implementations share these values.
    pub fn octets(self) -> u64 {
        let kib = match self {
            Self::Text | Self::ImageBasic => 30,
            Self::ImageRich | Self::VideoBasic | Self::ContentBasic => 100,
            Self::VideoRich | Self::Megapixel => 300,
            Self::ContentRich => 600,
        };
        kib << 10
    }

    /// Width and height of the largest image, in pixels, where the class names one.
    pub fn pixels(self) -> Option<(u32, u32)> {
        match self {
            Self::ImageBasic => Some((160, 120)),
            Self::ImageRich | Self::VideoBasic | Self::VideoRich => Some((640, 480)),
            Self::Megapixel => Some((1600, 1200)),
            Self::Text | Self::ContentBasic | Self::ContentRich => None,
        }
    }
}

impl Choice for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("transparent", Self::Transparent),
        ("pre-acknowledge", Self::PreAcknowledge),
    ];
}

impl Choice for RefuseWith {
    const WORDS: &'static [(&'static str, Self)] = &[("reply", Self::Reply), ("response", Self::Response)];
}

impl Choice for ResponseSender {
    const WORDS: &'static [(&'static str, Self)] = &[("system", Self::System), ("null", Self::Null)];
}

impl Choice for UnknownTypes {
    const WORDS: &'static [(&'static str, Self)] = &[("refuse", Self::Refuse), ("pass", Self::Pass)];
}

impl Choice for UnknownDomain {
    const WORDS: &'static [(&'static str, Self)] = &[("wait", Self::Wait), ("fail", Self::Fail)];
}

impl Choice for TlsTo {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("never", Self::Never),
        ("opportunistic", Self::Opportunistic),
        ("required", Self::Required),
    ];
}

impl Choice for Hello {
    const WORDS: &'static [(&'static str, Self)] = &[("ehlo", Self::Ehlo), ("helo", Self::Helo)];
}

impl Choice for Extension {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("PIPELINING", Self::Pipelining),
        ("8BITMIME", Self::EightBitMime),
        ("SIZE", Self::Size),
    ];
}

impl Choice for Quirk {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("ids-quoted", Self::IdsQuoted),
        ("to-without-type", Self::ToWithoutType),
        ("no-ehlo", Self::NoEhlo),
        ("one-recipient-per-transaction", Self::OneRecipientPerTransaction),
        ("talks-early", Self::TalksEarly),
        ("bare-line-ends", Self::BareLineEnds),
    ];
}

/// The words as `X-Mms-Content-Class` spells them.
impl Choice for ContentClass {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("image-basic", Self::ImageBasic),
        ("image-rich", Self::ImageRich),
        ("video-basic", Self::VideoBasic),
        ("video-rich", Self::VideoRich),
        ("megapixel", Self::Megapixel),
        ("content-basic", Self::ContentBasic),
        ("content-rich", Self::ContentRich),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        fn read_back<T: Choice + std::fmt::Debug>() {
            for (word, choice) in T::WORDS {
                assert_eq!((T::from_word(word), choice.word()), (Some(*choice), *word));
            }
        }
        read_back::<Mode>();
        read_back::<RefuseWith>();
        read_back::<ResponseSender>();
        read_back::<UnknownTypes>();
        read_back::<UnknownDomain>();
        read_back::<TlsTo>();
        read_back::<Hello>();
        read_back::<Extension>();
        read_back::<Quirk>();
        read_back::<ContentClass>();
        assert_eq!(Mode::from_word("Transparent"), None, "the case counts");
    }
}
