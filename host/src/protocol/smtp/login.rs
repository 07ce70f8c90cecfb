//! AUTH (RFC 4954) with the two mechanisms that mail servers use: PLAIN (RFC 4616), and LOGIN, which no RFC describes
//! (draft-murchison-sasl-login) and which is the only one that some old servers know.
//!
//! Both send the password in clear, so both ends use them over TLS only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::message::Password;

/// A client's name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthCredentials {
    pub name: String,
    pub password: Password,
}

/// What the server waits for between AUTH and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    Plain,
    LoginName,
    LoginPassword { name: String },
}

/// The result of AUTH, or of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginStep {
    /// The server replies 334 with this text, and waits for a response.
    Ask {
        challenge: &'static str,
        then: Login,
    },
    Done(AuthCredentials),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    #[error("only PLAIN and LOGIN are offered here")]
    UnknownMechanism,
    #[error("cancelled")]
    Cancelled,
    #[error("not base64")]
    NotBase64,
    #[error("PLAIN is a name and a password, each behind a NUL octet")]
    NotPlain,
    #[error("a name or a password that is empty, longer than 255 octets, or not UTF-8")]
    BadText,
}

/// The mechanisms that the server offers.
pub const MECHANISMS: &str = "PLAIN LOGIN";

const ASK_NAME: &str = "VXNlcm5hbWU6";
const ASK_PASSWORD: &str = "UGFzc3dvcmQ6";

/// The longest name, and the longest password.
const LONGEST: usize = 255;

impl Login {
    /// Begins at AUTH. `initial` is the response that came with the command (RFC 4954, 4): `=` is an empty one.
    pub fn begin(mechanism: &str, initial: Option<&str>) -> Result<LoginStep, LoginError> {
        let (challenge, then) = match mechanism {
            _ if mechanism.eq_ignore_ascii_case("PLAIN") => ("", Self::Plain),
            _ if mechanism.eq_ignore_ascii_case("LOGIN") => (ASK_NAME, Self::LoginName),
            _ => return Err(LoginError::UnknownMechanism),
        };
        match initial {
            None => Ok(LoginStep::Ask { challenge, then }),
            Some("=") => then.answer(b""),
            Some(response) => then.answer(response.as_bytes()),
        }
    }

    /// Handles a line that the client sent as a response.
    pub fn answer(self, line: &[u8]) -> Result<LoginStep, LoginError> {
        if line == b"*" {
            return Err(LoginError::Cancelled);
        }
        let response = STANDARD.decode(line).map_err(|_| LoginError::NotBase64)?;
        match self {
            Self::Plain => plain(&response).map(LoginStep::Done),
            Self::LoginName => Ok(LoginStep::Ask {
                challenge: ASK_PASSWORD,
                then: Self::LoginPassword { name: text(&response)? },
            }),
            Self::LoginPassword { name } => Ok(LoginStep::Done(AuthCredentials {
                name,
                password: Password::new(text(&response)?),
            })),
        }
    }
}

/// Reads `[authzid] NUL authcid NUL passwd`. No client may act for another: the first name must be missing, or equal to
/// the second.
fn plain(response: &[u8]) -> Result<AuthCredentials, LoginError> {
    let parts: Vec<&[u8]> = response.split(|octet| *octet == 0).collect();
    let [on_behalf_of, name, password] = parts[..] else {
        return Err(LoginError::NotPlain);
    };
    if !on_behalf_of.is_empty() && on_behalf_of != name {
        return Err(LoginError::NotPlain);
    }
    Ok(AuthCredentials {
        name: text(name)?,
        password: Password::new(text(password)?),
    })
}

fn text(octets: &[u8]) -> Result<String, LoginError> {
    let text = std::str::from_utf8(octets).ok();
    let text = text.filter(|text| (1..=LONGEST).contains(&text.len()) && !text.contains('\0'));
    text.map(str::to_owned).ok_or(LoginError::BadText)
}

impl AuthCredentials {
    /// `AUTH PLAIN` with the response, as a client sends it.
    pub fn plain(&self) -> String {
        let response = format!("\0{}\0{}", self.name, self.password.reveal());
        format!("AUTH PLAIN {}\r\n", STANDARD.encode(response))
    }

    /// The lines of `AUTH LOGIN`; the second and the third each answer a 334.
    pub fn login(&self) -> [String; 3] {
        let encoded = |text: &str| format!("{}\r\n", STANDARD.encode(text));
        let (name, password) = (encoded(&self.name), encoded(self.password.reveal()));
        ["AUTH LOGIN\r\n".to_owned(), name, password]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        STANDARD.encode(text)
    }

    fn ann() -> LoginStep {
        LoginStep::Done(AuthCredentials {
            name: "ann".into(),
            password: Password::new("a secret"),
        })
    }

    #[test]
    fn plain_is_one_response_with_auth_or_behind_it() {
        for response in ["\0ann\0a secret", "ann\0ann\0a secret"] {
            assert_eq!(Login::begin("plain", Some(&encoded(response))), Ok(ann()));
        }
        let Ok(LoginStep::Ask { challenge: "", then }) = Login::begin("PLAIN", None) else {
            panic!("an empty challenge");
        };
        assert_eq!(then.answer(encoded("\0ann\0a secret").as_bytes()), Ok(ann()));
    }

    #[test]
    fn login_is_a_name_and_then_a_password() {
        let Ok(LoginStep::Ask { challenge, then }) = Login::begin("LOGIN", None) else {
            panic!("a challenge");
        };
        assert_eq!(STANDARD.decode(challenge).unwrap(), b"Username:");
        let Ok(LoginStep::Ask { challenge, then }) = then.answer(encoded("ann").as_bytes()) else {
            panic!("a challenge");
        };
        assert_eq!(STANDARD.decode(challenge).unwrap(), b"Password:");
        assert_eq!(then.answer(encoded("a secret").as_bytes()), Ok(ann()));
        assert!(matches!(
            Login::begin("login", Some(&encoded("ann"))),
            Ok(LoginStep::Ask {
                then: Login::LoginPassword { .. },
                ..
            })
        ));
    }

    #[test]
    fn what_can_be_read_in_two_ways_or_not_at_all_is_refused() {
        let long = format!("\0{}\0x", "n".repeat(256));
        for (response, error) in [
            (encoded("ann\0a secret"), LoginError::NotPlain),
            (encoded("\0ann\0a\0secret"), LoginError::NotPlain),
            (encoded("bob\0ann\0a secret"), LoginError::NotPlain),
            (encoded("\0\0a secret"), LoginError::BadText),
            (encoded("\0ann\0"), LoginError::BadText),
            (encoded(&long), LoginError::BadText),
            (STANDARD.encode(b"\0ann\0\xff"), LoginError::BadText),
            ("=".into(), LoginError::NotPlain),
            ("*".into(), LoginError::Cancelled),
            ("AGFubgBh IHNlY3JldA==".into(), LoginError::NotBase64),
            ("AGFubgBhIHNlY3JldA".into(), LoginError::NotBase64),
        ] {
            assert_eq!(Login::begin("PLAIN", Some(&response)), Err(error), "{response}");
        }
        assert_eq!(Login::begin("CRAM-MD5", None), Err(LoginError::UnknownMechanism));
    }

    #[test]
    fn what_a_client_writes_a_server_reads() {
        let Ok(LoginStep::Done(credentials)) = Login::begin("PLAIN", Some(&encoded("\0ann\0a secret"))) else {
            panic!("credentials");
        };
        let [begin, name, password] = credentials.login();
        assert_eq!(begin, "AUTH LOGIN\r\n");
        let Ok(LoginStep::Ask { then, .. }) = Login::LoginName.answer(name.trim_end().as_bytes()) else {
            panic!("a challenge");
        };
        assert_eq!(then.answer(password.trim_end().as_bytes()), Ok(ann()));
        let line = credentials.plain();
        let response = line.strip_prefix("AUTH PLAIN ").unwrap().trim_end();
        assert_eq!(Login::begin("PLAIN", Some(response)), Ok(ann()));
    }

    proptest::proptest! {
        #[test]
        fn no_response_makes_the_reader_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let encoded = STANDARD.encode(&line);
            for login in [Login::Plain, Login::LoginName, Login::LoginPassword { name: "ann".into() }] {
                let _ = login.clone().answer(&line);
                let _ = login.answer(encoded.as_bytes());
            }
        }
    }
}
