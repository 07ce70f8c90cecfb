//! Passwords between the relay and its peers: what is kept of them, and how they are compared.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::message::{Illegal, Password};

/// What is kept of a password: Argon2id (RFC 9106) in PHC's string format. Nobody gets the password out of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(phc::PasswordHash);

/// One try takes so much of our memory and time, in KiB and passes; a configured hash may not ask for more: whoever has
/// it made elsewhere must not be able to stop the relay with it.
const MOST_MEMORY: u32 = 256 << 10;
const MOST_PASSES: u32 = 16;

/// Guessing against a stolen hash is the one thing that length prevents.
const SHORTEST: usize = 12;

/// RFC 4616, 2 names no limit; OpenSSL's and others' is 255.
const LONGEST: usize = 255;

/// A new password, for two operators to agree on.
///
/// # Errors
/// What is wrong with it.
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
    /// Reads what [`make`](Self::make) wrote.
    ///
    /// # Errors
    /// It is something else, or costs too much to compare with.
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

    /// With the parameters that OWASP names first for Argon2id: 19 MiB and two passes. `salt` is random.
    ///
    /// # Errors
    /// The password cannot be hashed.
    pub fn make(password: &Password, salt: &[u8; 16]) -> Result<Self, Illegal> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
        let made = argon2.hash_password_with_salt(password.reveal().as_bytes(), salt);
        made.map(Self).map_err(|error| Illegal(error.to_string()))
    }

    /// Takes as long for a wrong password as for the right one: some ten milliseconds, and the memory that the hash names.
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
