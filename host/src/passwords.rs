//! Passwords between the relay and its peers: the hashes that the configuration keeps, and the comparison with them.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::message::{Illegal, Password};

/// The stored form of a password: Argon2id (RFC 9106) in PHC's string format. The password cannot be recovered from it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(phc::PasswordHash);

/// The most memory, in KiB, and the most passes that a configured hash may ask for in one comparison. Without this
/// bound, whoever generates hashes elsewhere could stop the relay with one.
const MOST_MEMORY: u32 = 256 << 10;
const MOST_PASSES: u32 = 16;

/// The shortest password, in octets. Only length protects a stolen hash against guessing.
const SHORTEST: usize = 12;

/// The longest password, in octets. RFC 4616, 2 names no limit; OpenSSL and others stop at 255.
const LONGEST: usize = 255;

/// Checks a new password, for two operators to agree on.
///
/// # Errors
/// The password is too short, too long, or has characters that clients cannot send.
pub fn to_agree_on(text: &str) -> Result<Password, Illegal> {
    let octets = text.len();
    if !(SHORTEST..=LONGEST).contains(&octets) {
        return Err(Illegal(format!(
            "a password of {octets} octets; it has {SHORTEST} to {LONGEST}"
        )));
    }
    match text.chars().any(char::is_control) {
        true => Err(Illegal("a control character in the password; one line is read".into())),
        false => Ok(Password::new(text)),
    }
}

impl PasswordHash {
    /// Reads a hash that [`make`](Self::make) wrote.
    ///
    /// # Errors
    /// The text is no such hash, or comparing with it would cost too much.
    pub fn parse(text: &str) -> Result<Self, Illegal> {
        let illegal = |why: &str| Illegal(why.to_owned());
        let hash = phc::PasswordHash::new(text).map_err(|_| illegal("no hash in PHC's format"))?;
        if hash.algorithm.as_str() != "argon2id" {
            return Err(illegal("another algorithm than argon2id"));
        }
        let params = Params::try_from(&hash).map_err(|_| illegal("parameters that Argon2 does not have"))?;
        if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES {
            return Err(illegal("more than 256 MiB or 16 passes for one try"));
        }
        match (hash.salt, hash.hash) {
            (Some(_), Some(_)) => Ok(Self(hash)),
            _ => Err(illegal("a salt or the hash itself is missing")),
        }
    }

    /// Hashes a password with the parameters that OWASP names first for Argon2id: 19 MiB and two passes. `salt` is
    /// random.
    ///
    /// # Errors
    /// The password cannot be hashed.
    pub fn make(password: &Password, salt: &[u8; 16]) -> Result<Self, Illegal> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
        let made = argon2.hash_password_with_salt(password.reveal().as_bytes(), salt);
        made.map(Self).map_err(|error| Illegal(error.to_string()))
    }

    /// Compares. A wrong password takes as long as the right one: some ten milliseconds, and the memory that the hash
    /// names.
    pub fn is_of(&self, password: &Password) -> bool {
        Argon2::default()
            .verify_password(password.reveal().as_bytes(), &self.0)
            .is_ok()
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_and_knows_its_password() {
        let password = to_agree_on("correct horse battery").unwrap();
        let made = PasswordHash::make(&password, &[7; 16]).unwrap();
        let read = PasswordHash::parse(&made.to_string()).unwrap();
        assert_eq!(read, made);
        assert!(made.to_string().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(read.is_of(&password));
        assert!(!read.is_of(&Password::new("correct horse batter")));
        assert_ne!(
            PasswordHash::make(&password, &[8; 16]).unwrap(),
            made,
            "the salt counts"
        );
        assert_eq!(format!("{password:?} {made:?}"), "Password PasswordHash");
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused() {
        let salt = "c29tZXNhbHQ$GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo";
        assert!(PasswordHash::parse(&format!("$argon2id$v=19$m=65536,t=2,p=1${salt}")).is_ok());
        for (text, why) in [
            ("correct horse battery".to_owned(), "no hash"),
            (format!("$argon2i$v=19$m=65536,t=2,p=1${salt}"), "another algorithm"),
            (format!("$argon2id$v=19$m=1048576,t=2,p=1${salt}"), "more than 256 MiB"),
            (
                format!("$argon2id$v=19$m=65536,t=17,p=1${salt}"),
                "more than 256 MiB or 16",
            ),
            ("$argon2id$v=19$m=65536,t=2,p=1".to_owned(), "missing"),
        ] {
            let Illegal(said) = PasswordHash::parse(&text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
        assert!(to_agree_on("short").is_err());
        assert!(to_agree_on("with\ta control character").is_err());
    }
}
