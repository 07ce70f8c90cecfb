//! The behaviour of a programmable peer, and its misbehaviour.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_rustls::rustls::ServerConfig;

use super::message::Received;

/// What a peer does.
#[derive(Default)]
pub struct Behaviour {
    /// Its host name.
    pub host: String,
    /// Answers 500 to EHLO.
    pub helo_only: bool,
    /// Offers nothing in its answer to EHLO.
    pub no_extensions: bool,
    /// The extensions that it offers instead of the usual ones, one a line.
    pub extensions: Option<Vec<String>>,
    /// The TLS configuration with which it offers STARTTLS.
    pub tls: Option<Arc<ServerConfig>>,
    pub rules: Vec<Rule>,
    /// How much of each message is kept for `on_message`.
    pub keep: Keep,
    /// Called with each message before it is answered, and with the code of the answer; 0 when there will be none.
    pub on_message: Option<OnMessage>,
}

pub type OnMessage = Box<dyn Fn(Received, u16) + Send + Sync>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    #[default]
    Nothing,
    /// The first 64 KiB: the header.
    Beginning,
    Everything,
}

/// A point of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Connect,
    Helo,
    /// In place of the handshake behind STARTTLS.
    Tls,
    Mail,
    Rcpt,
    Data,
    /// In the middle of a message.
    Body,
    /// In place of the answer to the end of data, after the whole message.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answers with this code, 4xx or 5xx.
    Answer(u16),
    /// Sends nothing more, and reads nothing more.
    Stall,
    HangUp,
    /// Answers with something that is no reply.
    Garbage,
}

/// One misbehaviour.
#[derive(Debug)]
pub struct Rule {
    pub stage: Stage,
    pub action: Action,
    /// How often the stage passes before the rule begins.
    passes: AtomicU64,
    left: AtomicU64,
}

/// `STAGE[:CODE]` on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageCode {
    pub stage: Stage,
    pub code: Option<u16>,
}

const STAGES: [(&str, Stage); 8] = [
    ("connect", Stage::Connect),
    ("helo", Stage::Helo),
    ("tls", Stage::Tls),
    ("mail", Stage::Mail),
    ("rcpt", Stage::Rcpt),
    ("data", Stage::Data),
    ("body", Stage::Body),
    ("end", Stage::End),
];

impl Rule {
    /// A rule that misbehaves the first `times` times only.
    pub fn new(stage: Stage, action: Action, times: Option<u64>) -> Self {
        Self {
            stage,
            action,
            passes: AtomicU64::new(0),
            left: AtomicU64::new(times.unwrap_or(u64::MAX)),
        }
    }

    /// The same rule, beginning after the stage has passed so many times.
    pub fn after(self, passes: u64) -> Self {
        let passes = AtomicU64::new(passes);
        Self { passes, ..self }
    }

    /// The action, if the rule applies to `stage` and is not used up.
    pub(super) fn apply(&self, stage: Stage) -> Option<Action> {
        if self.stage != stage {
            return None;
        }
        let take = |counter: &AtomicU64| {
            let less = |left: u64| left.checked_sub(1);
            counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
        };
        (!take(&self.passes) && take(&self.left)).then_some(self.action)
    }
}

/// The action that the user part of a recipient names: `refuse-me@mms.b.example`.
pub(super) fn of_recipient(user: &str) -> Option<Action> {
    let wishes = [
        ("refuse", Action::Answer(550)),
        ("defer", Action::Answer(450)),
        ("stall", Action::Stall),
        ("hang-up", Action::HangUp),
        ("garbage", Action::Garbage),
    ];
    let is_wish =
        |(prefix, _): &&(&str, Action)| user.get(..prefix.len()).is_some_and(|u| u.eq_ignore_ascii_case(prefix));
    wishes.iter().find(is_wish).map(|(_, action)| *action)
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = STAGES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, stage)| *stage).ok_or_else(|| {
            format!(
                "\"{text}\" is not a stage: {} are",
                STAGES.map(|(name, _)| name).join(", ")
            )
        })
    }
}

impl FromStr for StageCode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (stage, code) = match text.split_once(':') {
            Some((stage, code)) => (stage, Some(code)),
            None => (text, None),
        };
        let legal = |code: &str| code.parse().ok().filter(|code| (400..600).contains(code));
        let code = code
            .map(|code| legal(code).ok_or_else(|| format!("\"{code}\" is not a reply code from 400 to 599")))
            .transpose()?;
        let stage = stage.parse()?;
        Ok(Self { stage, code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_used_up() {
        let rule = Rule::new(Stage::Mail, Action::Stall, Some(2));
        assert_eq!(rule.apply(Stage::Rcpt), None);
        assert_eq!(rule.apply(Stage::Mail), Some(Action::Stall));
        assert_eq!(rule.apply(Stage::Mail), Some(Action::Stall));
        assert_eq!(rule.apply(Stage::Mail), None);
    }

    #[test]
    fn a_rule_may_begin_later() {
        let rule = Rule::new(Stage::Mail, Action::Stall, Some(1)).after(1);
        assert_eq!(rule.apply(Stage::Mail), None);
        assert_eq!(rule.apply(Stage::Mail), Some(Action::Stall));
        assert_eq!(rule.apply(Stage::Mail), None);
    }

    #[test]
    fn stages_and_codes_are_read_or_refused_with_the_choice() {
        let read = |text: &str| text.parse::<StageCode>();
        let (stage, code) = (Stage::Rcpt, Some(552));
        assert_eq!(read("rcpt:552"), Ok(StageCode { stage, code }));
        assert_eq!(read("End").map(|s| s.stage), Ok(Stage::End));
        assert!(read("rcpt:250").unwrap_err().contains("400 to 599"));
        assert!(read("later").unwrap_err().contains("connect, helo, tls, mail"));
    }

    #[test]
    fn recipients_say_what_they_want() {
        assert_eq!(of_recipient("refuse-1"), Some(Action::Answer(550)));
        assert_eq!(of_recipient("Deferred"), Some(Action::Answer(450)));
        assert_eq!(of_recipient("+15555550100"), None);
    }
}
