//! Detached Ed25519 signatures of components (RFC 8032), which say who vouches for the code.
//!
//! `FILE.sig` lies beside `FILE` and is one line: a format word, the name of the key, and the signature in base64.
//! Signed are a fixed context and the SHA-256 of the file. So the key can be kept on a machine that large files do not
//! reach, and a signature of anything else cannot pass for that of a plug-in.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// The first word of a signature file.
const FORMAT: &str = "mm4relay-signature-1";
/// The most octets of a signature file that are read; one has about 150.
pub const SIGNATURE_MAX: u64 = 4096;

/// The signatures that a relay requires of its plug-ins: `[plugin-signing]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signing {
    /// No component goes live without a valid signature.
    pub required: bool,
    /// The keys that may sign.
    pub keys: Vec<PublicKey>,
}

/// A key to verify signatures with. In text: `NAME:BASE64`, of 32 octets.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    point: [u8; 32],
}

/// A key to sign with. In text, as in its file: `NAME:BASE64`, of the seed's 32 octets.
pub struct SecretKey {
    name: String,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

/// Why the signature keeps a component from going live.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("it is not signed, and plugin-signing.required is true: sign it with `mm4relay plugin sign`")]
    Missing,
    #[error("its signature file is not of the form `{FORMAT} KEY-NAME BASE64`")]
    Malformed,
    #[error("it is signed with key {0:?}, which is not among plugin-signing.keys")]
    UnknownKey(String),
    #[error("its signature with key {0:?} does not fit its bytes: one of them was changed")]
    Wrong(String),
}

/// The text is no key. The error does not contain the text, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key is NAME:BASE64, with 1 to 64 letters, digits, '-', '_' or '.' and 32 octets")]
    Form,
    #[error("the system gives no random numbers")]
    Random,
}

impl Signing {
    /// Verifies the signature, and whether there must be one. Returns a line for the history that says who signed.
    ///
    /// In doubt it refuses: where keys are configured, a signature that exists must be valid even if none is required.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn verify(&self, digest: &str, signature: Option<&str>) -> Result<String, SignatureError> {
        let Some(text) = signature else {
            return match self.required {
                true => Err(SignatureError::Missing),
                false => Ok("not signed, and need not be".to_owned()),
            };
        };
        if self.keys.is_empty() && !self.required {
            return Ok("signed, but no keys are configured: not verified".to_owned());
        }
        let (name, signature) = parse(text).ok_or(SignatureError::Malformed)?;
        let key = self.keys.iter().find(|key| key.name == name);
        let key = key.ok_or_else(|| SignatureError::UnknownKey(name.to_owned()))?;
        match UnparsedPublicKey::new(&ED25519, key.point).verify(&signed_text(digest), &signature) {
            Ok(()) => Ok(format!("signed by {name}")),
            Err(_) => Err(SignatureError::Wrong(name.to_owned())),
        }
    }
}

impl PublicKey {
    /// # Errors
    /// The name is not legal.
    pub fn new(name: &str, point: [u8; 32]) -> Result<Self, KeyError> {
        let name = name.to_owned();
        if is_name(&name) {
            Ok(Self { name, point })
        } else {
            Err(KeyError::Form)
        }
    }

    /// The name of the key in signatures.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl SecretKey {
    /// Generates a key from the system's random numbers.
    ///
    /// # Errors
    /// The name is not legal, or the system has no randomness.
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| KeyError::Random)?;
        Self::from_seed(name, seed)
    }

    fn from_seed(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Form);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Form)?;
        let name = name.to_owned();
        Ok(Self { name, seed, pair })
    }

    /// The key to verify its signatures with.
    pub fn public(&self) -> PublicKey {
        let mut point = [0; 32];
        point.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey {
            name: self.name.clone(),
            point,
        }
    }

    /// The text of the key's file. Secret.
    pub fn secret_text(&self) -> String {
        format!("{}:{}\n", self.name, STANDARD.encode(self.seed))
    }

    /// The text of `FILE.sig` for a file with this SHA-256, in lower-case hexadecimal.
    pub fn sign(&self, digest: &str) -> String {
        let signature = self.pair.sign(&signed_text(digest));
        format!("{FORMAT} {} {}\n", self.name, STANDARD.encode(signature.as_ref()))
    }
}

impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, seed) = key_parts(text)?;
        Self::from_seed(name, seed)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, point) = key_parts(text)?;
        let name = name.to_owned();
        Ok(Self { name, point })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, STANDARD.encode(self.point))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

fn signed_text(digest: &str) -> Vec<u8> {
    format!("mm4relay plug-in 1\nsha256 {digest}\n").into_bytes()
}

fn parse(text: &str) -> Option<(&str, Vec<u8>)> {
    let mut words = text.split_ascii_whitespace();
    let (format, name, signature) = (words.next()?, words.next()?, words.next()?);
    let whole = format == FORMAT && words.next().is_none() && is_name(name);
    whole.then(|| Some((name, STANDARD.decode(signature).ok()?)))?
}

fn key_parts(text: &str) -> Result<(&str, [u8; 32]), KeyError> {
    let (name, key) = text.trim().split_once(':').ok_or(KeyError::Form)?;
    let octets = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
    let octets = octets.try_into().map_err(|_| KeyError::Form)?;
    if is_name(name) {
        Ok((name, octets))
    } else {
        Err(KeyError::Form)
    }
}

/// The rule for all names in the configuration.
fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn key(octet: u8) -> SecretKey {
        SecretKey::from_seed("release", [octet; 32]).unwrap()
    }

    fn asking(required: bool, keys: &[&SecretKey]) -> Signing {
        let keys = keys.iter().map(|key| key.public()).collect();
        Signing { required, keys }
    }

    #[test]
    fn a_good_signature_is_accepted_and_names_its_key() {
        let key = key(1);
        let verified = asking(true, &[&key]).verify(DIGEST, Some(&key.sign(DIGEST)));
        assert_eq!(verified, Ok("signed by release".to_owned()));
    }

    #[test]
    fn keys_read_back_what_they_print() {
        let key = SecretKey::generate("ops-1").unwrap();
        let again: SecretKey = key.secret_text().parse().unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
    }

    #[test]
    fn rfc_8032_test_1_gives_the_public_key_of_its_seed() {
        let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
        let key: SecretKey = format!("t:{seed}").parse().unwrap();
        let public = "t:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        assert_eq!(key.public().to_string(), public);
    }

    #[test]
    fn nothing_but_a_good_signature_by_a_known_key_will_do() {
        let (good, other) = (key(1), key(2));
        let required = asking(true, &[&good]);
        let signed = good.sign(DIGEST);
        let elsewhere = DIGEST.replace('e', "f");
        let renamed = signed.replace(" release ", " somebody ");
        let cases = [
            (DIGEST, None, SignatureError::Missing),
            (DIGEST, Some(""), SignatureError::Malformed),
            (
                DIGEST,
                Some("mm4relay-signature-2 release AAAA"),
                SignatureError::Malformed,
            ),
            (
                DIGEST,
                Some(renamed.as_str()),
                SignatureError::UnknownKey("somebody".into()),
            ),
            (
                &elsewhere,
                Some(signed.as_str()),
                SignatureError::Wrong("release".into()),
            ),
        ];
        for (digest, signature, error) in cases {
            assert_eq!(required.verify(digest, signature), Err(error), "{signature:?}");
        }
        let by_other = other.sign(DIGEST);
        assert_eq!(
            required.verify(DIGEST, Some(&by_other)),
            Err(SignatureError::Wrong("release".into())),
            "a key of the same name is another key"
        );
    }

    #[test]
    fn every_changed_octet_of_a_signature_is_noticed() {
        let key = key(1);
        let text = key.sign(DIGEST);
        let (head, body) = text.trim().rsplit_once(' ').unwrap();
        let signature = STANDARD.decode(body).unwrap();
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            let text = format!("{head} {}", STANDARD.encode(changed));
            assert!(asking(true, &[&key]).verify(DIGEST, Some(&text)).is_err(), "octet {at}");
        }
    }

    #[test]
    fn where_keys_are_configured_a_bad_signature_is_refused_even_if_none_is_needed() {
        let (good, other) = (key(1), key(2));
        let optional = asking(false, &[&good]);
        assert!(optional.verify(DIGEST, None).is_ok());
        assert!(optional.verify(DIGEST, Some(&other.sign(DIGEST))).is_err());
        assert!(optional.verify(DIGEST, Some("nonsense")).is_err());
        assert!(asking(false, &[]).verify(DIGEST, Some("nonsense")).is_ok());
        assert!(asking(true, &[]).verify(DIGEST, Some(&good.sign(DIGEST))).is_err());
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        let long = format!("{}:{}", "n".repeat(65), STANDARD.encode([0; 32]));
        for text in ["", "name", ":AAAA", "name:AAAA", "na me:AAAA", long.as_str()] {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Form), "{text}");
        }
    }
}
