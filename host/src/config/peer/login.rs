//! `[peer.login]`: the name and password by which a peer proves its identity.

use std::path::PathBuf;

use toml::de::DeValue;

use super::Taken;
use crate::config::Folders;
use crate::config::file::{Read, Section};
use crate::config::forms::text;
use crate::message::Illegal;
use crate::passwords::PasswordHash;

/// The login of a peer with AUTH (RFC 4954).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `name`, as the peer sends it. No other peer has the same.
    pub name: String,
    /// `password-hash`, as `mm4relay peer-password` prints it.
    pub hash: PasswordHash,
}

/// `login-to`: the login of the relay at the peer's hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginTo {
    pub name: String,
    /// `password-file`: the password is its first line.
    pub password_file: PathBuf,
}

const NAME: &str = "the name that the peer logs in with: 1 to 255 octets";
const HASH: &str = "a hash of the password, as `mm4relay peer-password` prints it: \"$argon2id$...\"";

impl Login {
    pub(super) fn read(s: &mut Section<'_>, taken: &mut Taken<'_>) -> Option<Self> {
        let name = s.required("name", NAME, |value| {
            let name = text(NAME)(value)?;
            match name.len() <= 255 && !name.chars().any(char::is_control) {
                true => Ok(name),
                false => Err(NAME.to_owned()),
            }
        });
        if name.as_ref().is_some_and(|name| !taken.logins.insert(name.clone())) {
            s.refuse("name", "a name that no other peer logs in with");
        }
        let hash = s.required("password-hash", HASH, hash);
        Some(Self {
            name: name?,
            hash: hash?,
        })
    }
}

impl LoginTo {
    pub(super) fn read(s: &mut Section<'_>, folders: &Folders<'_>) -> Option<Self> {
        const OUR_NAME: &str = "the name that the relay logs in with";
        const FILE: &str = "the path of a file with the password in its first line";
        let name = s.required("name", OUR_NAME, text(OUR_NAME));
        let file = s.required("password-file", FILE, text(FILE));
        let file = file.map(|file| folders.existing(s, "password-file", folders.base.join(file), "a file that exists"));
        Some(Self {
            name: name?,
            password_file: file?,
        })
    }
}

fn hash(value: &DeValue<'_>) -> Read<PasswordHash> {
    let text = value.as_str().ok_or(HASH)?;
    PasswordHash::parse(text).map_err(|Illegal(why)| format!("{HASH}; this is {why}"))
}
