//! The beginning of a session with a next hop: connection, greeting, EHLO, and TLS as the peer's profile wants it.

use std::sync::Arc;

use tracing::{debug, warn};

use super::addresses;
use super::client::{Client, ClientError};
use super::fate::Answer;
use super::options::{PeerOptions, Tls};
use super::running::Running;
use crate::message::{Extension, Hello};
use crate::protocol::smtp::outbound::Extensions;
use crate::protocol::smtp::{AuthCredentials, Question, Reply, Unusable};

/// A host that accepts no session, with its reply or the reason why there was none. Whatever the code, that is no
/// refusal of the message, which the host has not seen.
#[derive(Debug)]
pub(super) struct Unreachable(pub Answer);

/// Why a session could not be encrypted.
enum NoTls {
    /// The host does not offer TLS.
    NotOffered(String),
    /// The handshake failed, and the connection is lost.
    Failed(ClientError),
    Lost(Unreachable),
}

/// A client that may send MAIL, with the server's extensions that may be used.
pub(super) async fn greet(
    host: &str,
    options: &PeerOptions,
    running: &Arc<Running>,
) -> Result<(Client, Extensions), Unreachable> {
    let (client, offered) = plain(host, options, running).await?;
    let Some(tls) = &options.tls else {
        return Ok((client, allowed(offered, options)));
    };
    if !offered.starttls && !tls.required {
        return Ok((client, allowed(offered, options)));
    }
    let reason = match secure(client, host, tls, offered.starttls, options).await {
        Ok((client, offered)) => return Ok((client, allowed(offered, options))),
        Err(NoTls::Lost(unreachable)) => return Err(unreachable),
        Err(NoTls::NotOffered(reason)) => reason,
        Err(NoTls::Failed(error)) => error.to_string(),
    };
    if tls.required {
        return Err(Unreachable(Answer::ours(format!("TLS is required: {reason}"))));
    }
    // RFC 7435: encrypt where possible, and never lose mail for want of encryption.
    warn!(peer = %options.name, host, reason = reason.as_str(), event = "tls-not-used", "no TLS: goes on without");
    let (client, offered) = plain(host, options, running).await?;
    Ok((client, allowed(offered, options)))
}

/// Connects and says EHLO, or HELO to a server that does not know EHLO.
async fn plain(host: &str, options: &PeerOptions, running: &Arc<Running>) -> Result<(Client, Extensions), Unreachable> {
    let limits = &options.timeouts;
    running.goes_to(host);
    let addresses = addresses::of_host(host, &*options.addresses, limits.connect).await;
    let addresses = addresses.map_err(|reason| Unreachable(Answer::ours(reason)))?;
    let mut client = Client::connect_to(&*options.network, &addresses, limits.connect).await?;
    client.watched_by(Some(Arc::clone(running)));
    expect_positive(client.answer(limits.greeting).await?, Question::Greeting)?;
    let offered = hello(&mut client, options).await?;
    Ok((client, offered))
}

async fn hello(client: &mut Client, options: &PeerOptions) -> Result<Extensions, Unreachable> {
    let limit = options.timeouts.command;
    if options.hello == Hello::Ehlo {
        let ehlo = format!("EHLO {}\r\n", options.helo);
        client.ask(Question::Ehlo, ehlo.as_bytes(), limit).await?;
        let answer = client.answer(limit).await?;
        if !answer.is_permanent() {
            let offered = Extensions::from_reply(&answer);
            return expect_positive(answer, Question::Ehlo).map(|()| offered);
        }
    }
    let helo = format!("HELO {}\r\n", options.helo);
    client.ask(Question::Helo, helo.as_bytes(), limit).await?;
    expect_positive(client.answer(limit).await?, Question::Helo)?;
    Ok(Extensions::default())
}

/// STARTTLS, the handshake, and EHLO again: the extensions offered before may have been forged (RFC 3207, 4.2).
async fn secure(
    mut client: Client,
    host: &str,
    tls: &Tls,
    offered: bool,
    options: &PeerOptions,
) -> Result<(Client, Extensions), NoTls> {
    let limit = options.timeouts.command;
    if !offered {
        return Err(NoTls::NotOffered("the server does not offer STARTTLS".to_owned()));
    }
    let asked = client.ask(Question::StartTls, b"STARTTLS\r\n", limit).await;
    asked.map_err(NoTls::Failed)?;
    let answer = client.answer(limit).await.map_err(|error| match error {
        ClientError::Unusable(Unusable::Unasked { .. }) => NoTls::Failed(ClientError::Injected),
        error => NoTls::Failed(error),
    })?;
    if answer.code != 220 {
        return Err(NoTls::NotOffered(format!("STARTTLS: {answer}")));
    }
    let name = tls.name.as_deref().unwrap_or_else(|| name_of(host));
    let secured = client.secure(tls.config.load_full(), name, limit).await;
    let mut client = secured.map_err(NoTls::Failed)?;
    if tls.required {
        debug!(peer = %options.name, host, name, "encrypted, and the certificate is good");
    } else {
        debug!(peer = %options.name, host, "encrypted; the certificate was not checked");
    }
    let offered = hello(&mut client, options).await.map_err(NoTls::Lost)?;
    if let Some(login) = &options.login {
        log_in(&mut client, &login.load_full(), &offered, options)
            .await
            .map_err(NoTls::Lost)?;
    }
    Ok((client, offered))
}

/// AUTH (RFC 4954), after a handshake with a server whose certificate is valid. Sends nothing when the profile has no
/// login.
async fn log_in(
    client: &mut Client,
    credentials: &AuthCredentials,
    offered: &Extensions,
    options: &PeerOptions,
) -> Result<(), Unreachable> {
    let limit = options.timeouts.command;
    let lines = match (offered.auth_plain, offered.auth_login) {
        (true, _) => vec![credentials.plain()],
        (false, true) => credentials.login().to_vec(),
        (false, false) => {
            let why = "a login was agreed upon, and the server offers neither AUTH PLAIN nor AUTH LOGIN";
            return Err(Unreachable(Answer::ours(why.to_owned())));
        }
    };
    for line in lines {
        client.ask(Question::Auth, line.as_bytes(), limit).await?;
        let answer = client.answer(limit).await?;
        match answer.code {
            235 => return Ok(()),
            334 => {}
            _ => return Err(Unreachable(Answer::to(Question::Auth, &answer))),
        }
    }
    let why = "the server wants more than a name and a password";
    Err(Unreachable(Answer::ours(why.to_owned())))
}

/// The name in `name:port`, or the address in `[address]:port`.
fn name_of(host: &str) -> &str {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name)
}

/// The offered extensions, without those that must not be used with this peer.
fn allowed(offered: Extensions, options: &PeerOptions) -> Extensions {
    let may = |extension| options.extensions.contains(&extension);
    Extensions {
        pipelining: offered.pipelining && may(Extension::Pipelining),
        eight_bit_mime: offered.eight_bit_mime && may(Extension::EightBitMime),
        size: offered.size.filter(|_| may(Extension::Size)),
        ..offered
    }
}

fn expect_positive(reply: Reply, question: Question) -> Result<(), Unreachable> {
    match reply.code {
        200..300 => Ok(()),
        _ => Err(Unreachable(Answer::to(question, &reply))),
    }
}

impl From<ClientError> for Unreachable {
    fn from(error: ClientError) -> Self {
        Self(Answer::ours(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn the_name_in_a_certificate_is_that_of_the_host() {
        assert_eq!(name_of("mx.b.example:25"), "mx.b.example");
        assert_eq!(name_of("192.0.2.1:25"), "192.0.2.1");
        assert_eq!(name_of("[2001:db8::1]:25"), "2001:db8::1");
    }
}
