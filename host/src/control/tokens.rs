//! Tokens: who may ask over TCP, as what, and until when.
//!
//! A token is 32 random octets, shown once to whoever made it. What is kept is its SHA-256: it cannot be guessed, so a slow
//! hash would protect nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Ask, Desk, Kind, Method, Problem, Role, When, Who, kept};
use crate::message::Timestamp;

/// What is known of a token. Its name is that of a person or a program.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub struct Token {
    pub role: Role,
    /// It may have subscribers' numbers shown whole, and messages themselves.
    pub reveals: bool,
    pub since: When,
    pub until: When,
    pub by: String,
    /// Of the token, in hexadecimal.
    sha256: String,
}

/// Begins every token, so that it is known for one wherever it turns up.
const PREFIX: &str = "mm4r_";
/// In the state folder.
const FILE: &str = "tokens.json";
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// Make a token, by which somebody may ask over TCP. One that has the same name is replaced.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NewToken {
    /// Of a person or a program: it stands in the audit.
    pub name: String,
    pub role: Role,
    /// For so many seconds: 400 days at the most.
    pub seconds: u64,
    /// With the right to have subscribers' numbers shown whole.
    #[serde(default)]
    pub reveals: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Issued {
    /// Shown this once.
    pub token: String,
    pub until: When,
    /// The one of that name before, if there was one, is of no use any more.
    pub replaced: bool,
}

impl Ask for NewToken {
    type Answer = Issued;
    const NAME: &'static str = "token-new";
    const ABOUT: &'static str = "Make a token, by which somebody may ask over TCP; it is shown once";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/tokens/new";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Issued, Problem> {
        let unreadable = |why: &str| Problem::new(Kind::Unreadable, why);
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(legal) {
            return Err(unreadable(
                "a name of 1 to 64 letters, digits, and the characters - _ . @",
            ));
        }
        let lasts = Duration::from_secs(self.seconds);
        if lasts.is_zero() || lasts > LONGEST {
            return Err(unreadable("a token lasts for a second to 400 days"));
        }
        let (text, now) = (format!("{PREFIX}{}", secret()?), desk.now());
        let token = Token {
            role: self.role,
            reveals: self.reveals,
            since: now.into(),
            until: now.plus(lasts).into(),
            by: who.name.clone(),
            sha256: hash(&text),
        };
        let until = token.until;
        let _turn = desk.changing.lock().await;
        let mut all = read_tokens(&desk.folder)?;
        all.retain(|_, token| !token.is_over(now));
        let replaced = all.insert(self.name, token).is_some();
        kept::write(&desk.folder, FILE, &all)?;
        Ok(Issued {
            token: text,
            until,
            replaced,
        })
    }

    /// Without the token.
    fn noted(answer: &Issued) -> Value {
        serde_json::json!({"until": answer.until, "replaced": answer.replaced})
    }
}

/// The tokens that there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tokens {}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AllTokens {
    /// By name. Those that are over are of no use.
    pub tokens: BTreeMap<String, TokenShown>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TokenShown {
    pub role: Role,
    pub reveals: bool,
    pub since: When,
    pub until: When,
    pub over: bool,
    pub by: String,
}

impl Ask for Tokens {
    type Answer = AllTokens;
    const NAME: &'static str = "tokens";
    const ABOUT: &'static str = "The tokens that there are, without themselves";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/tokens";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllTokens, Problem> {
        let now = desk.now();
        let shown = |(name, token): (String, Token)| {
            let over = token.is_over(now);
            let shown = TokenShown {
                role: token.role,
                reveals: token.reveals,
                since: token.since,
                until: token.until,
                over,
                by: token.by,
            };
            (name, shown)
        };
        let tokens = read_tokens(&desk.folder)?.into_iter().map(shown).collect();
        Ok(AllTokens { tokens })
    }
}

/// Make a token useless, at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeToken {
    pub name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Revoked {}

impl Ask for RevokeToken {
    type Answer = Revoked;
    const NAME: &'static str = "token-revoke";
    const ABOUT: &'static str = "Make a token useless, at once";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/tokens/{name}/revoke";
    const ROLE: Role = Role::Administrator;

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Revoked, Problem> {
        let _turn = desk.changing.lock().await;
        let mut all = read_tokens(&desk.folder)?;
        if all.remove(&self.name).is_none() {
            let names: Vec<String> = all.into_keys().collect();
            return Err(Problem::unknown(Kind::UnknownId, "token", &self.name, &names));
        }
        kept::write(&desk.folder, FILE, &all)?;
        Ok(Revoked {})
    }
}

impl Token {
    fn is_over(&self, now: Timestamp) -> bool {
        self.until.0 <= now
    }

    /// What it is known by.
    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl Desk {
    /// Whose token this is, if it is good for anything.
    pub(super) fn owner_of(&self, token: &str) -> Result<Option<(String, Token)>, Problem> {
        self.owner_of_sha256(&hash(token))
    }

    /// The same for a token that was shown before.
    pub(super) fn owner_of_sha256(&self, sha256: &str) -> Result<Option<(String, Token)>, Problem> {
        let now = self.now();
        let all = read_tokens(&self.folder)?.into_iter();
        let mut its = all.filter(|(_, token)| token.sha256 == sha256 && !token.is_over(now));
        Ok(its.next())
    }
}

fn read_tokens(folder: &Path) -> std::io::Result<BTreeMap<String, Token>> {
    kept::read(folder, FILE)
}

/// What nobody guesses: 256 random bits, as letters, digits, `-` and `_`.
///
/// # Errors
/// The system gives none.
pub fn secret() -> Result<String, Problem> {
    let mut random = [0; 32];
    let filled = SystemRandom::new().fill(&mut random);
    filled.map_err(|_| Problem::new(Kind::Internal, "the system gives no random octets"))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

pub(super) fn hash(token: &str) -> String {
    let digest = Sha256::digest(token.as_bytes());
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}
