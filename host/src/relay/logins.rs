//! Names and passwords of peers: their comparison, and protection against guessing.
//!
//! Comparing costs as much as the password hash demands, so few comparisons run at the same time, and after some wrong
//! passwords an address is refused without a comparison. An unknown name costs the same as a known one: the password is
//! compared with the hash of another name.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::intake::LoginRefused;
use crate::message::PeerName;
use crate::passwords::PasswordHash;
use crate::protocol::smtp::AuthCredentials;
use crate::sync::lock;

/// The names and hashes of one configuration.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    by_name: HashMap<String, (PeerName, PasswordHash)>,
    /// One of the hashes, for unknown names.
    any: Option<PasswordHash>,
}

/// State that outlives a configuration: wrong guesses, and the running comparisons.
pub(crate) struct Guesses {
    turns: Semaphore,
    wrong: Mutex<HashMap<IpAddr, Wrong>>,
}

#[derive(Clone, Copy)]
struct Wrong {
    count: u32,
    last: Instant,
}

/// How many comparisons run at the same time: each takes a thread, and some 19 MiB.
const TURNS: usize = 2;

/// After so many wrong logins from one address, the last of them within `FORGET`, further ones are refused unchecked.
const MOST_WRONG: u32 = 10;
const FORGET: Duration = Duration::from_secs(600);

/// The delay of the answer to a wrong login, for each earlier one, up to the fifth.
const PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSES: u32 = 5;

/// How many addresses are remembered.
const REMEMBERED: usize = 10_000;

impl Logins {
    pub(crate) fn new(all: impl IntoIterator<Item = (String, PeerName, PasswordHash)>) -> Self {
        let by_name: HashMap<_, _> = all.into_iter().map(|(name, peer, hash)| (name, (peer, hash))).collect();
        let any = by_name.values().next().map(|(_, hash)| hash.clone());
        Self { by_name, any }
    }

    /// Compares. Takes its time, and blocks.
    fn compare(&self, credentials: &AuthCredentials) -> Option<PeerName> {
        let known = self.by_name.get(&credentials.name);
        let hash = known.map(|(_, hash)| hash).or(self.any.as_ref())?;
        let right = hash.is_of(&credentials.password);
        known.filter(|_| right).map(|(peer, _)| peer.clone())
    }
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(TURNS),
            wrong: Mutex::default(),
        }
    }
}

impl Guesses {
    /// Which peer a login belongs to. `may_come` says whether a peer may log in from this address.
    pub(crate) async fn look(
        &self,
        source: IpAddr,
        logins: Arc<Logins>,
        credentials: AuthCredentials,
        may_come: impl FnOnce(&PeerName) -> bool,
    ) -> Result<PeerName, LoginRefused> {
        let source = network(source);
        // A wrong login is recorded before the next comparison begins, so that parallel sessions get no more attempts
        // than one.
        let turn = self.turns.acquire().await;
        if self.wrong_from(source) >= MOST_WRONG {
            return Err(LoginRefused::TooMany);
        }
        let comparing = tokio::task::spawn_blocking(move || logins.compare(&credentials));
        let peer = comparing.await.ok().flatten().filter(may_come);
        let Some(peer) = peer else {
            let before = self.note_wrong(source);
            drop(turn);
            tokio::time::sleep(PAUSE * before.min(MOST_PAUSES)).await;
            return Err(LoginRefused::Wrong);
        };
        lock(&self.wrong).remove(&source);
        Ok(peer)
    }

    fn wrong_from(&self, source: IpAddr) -> u32 {
        let wrong = lock(&self.wrong).get(&source).copied();
        wrong
            .filter(|wrong| wrong.last.elapsed() < FORGET)
            .map_or(0, |wrong| wrong.count)
    }

    /// Records a wrong login. Returns how many there were, this one included.
    fn note_wrong(&self, source: IpAddr) -> u32 {
        let count = self.wrong_from(source) + 1;
        let mut wrong = lock(&self.wrong);
        if wrong.len() >= REMEMBERED {
            wrong.retain(|_, wrong| wrong.last.elapsed() < FORGET);
        }
        if wrong.len() >= REMEMBERED {
            // A client with that many addresses is not stopped by remembering them.
            wrong.clear();
        }
        let last = Instant::now();
        wrong.insert(source, Wrong { count, last });
        count
    }
}

/// IPv6 addresses count by network, because a customer gets a whole one.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Password;

    fn logins() -> Arc<Logins> {
        let hash = PasswordHash::make(&Password::new("the password of a"), &[1; 16]).unwrap();
        let a = ("name-of-a".to_owned(), PeerName::new("a").unwrap(), hash);
        Arc::new(Logins::new([a]))
    }

    async fn try_it(guesses: &Guesses, from: &str, name: &str, password: &str) -> Result<PeerName, LoginRefused> {
        let credentials = AuthCredentials {
            name: name.into(),
            password: Password::new(password),
        };
        let from = from.parse().unwrap();
        guesses.look(from, logins(), credentials, |_| true).await
    }

    #[tokio::test(start_paused = true)]
    async fn behind_ten_wrong_logins_none_of_that_address_is_looked_at_for_a_while() {
        let guesses = Guesses::default();
        let right = ("name-of-a", "the password of a");
        for (name, password) in [("name-of-a", "wrong"), ("nobody", "the password of a")].repeat(5) {
            let wrong = try_it(&guesses, "192.0.2.1", name, password).await;
            assert_eq!(wrong, Err(LoginRefused::Wrong));
        }
        assert_eq!(
            try_it(&guesses, "192.0.2.1", right.0, right.1).await,
            Err(LoginRefused::TooMany)
        );
        assert!(
            try_it(&guesses, "192.0.2.2", right.0, right.1).await.is_ok(),
            "others may"
        );
        tokio::time::advance(FORGET).await;
        assert!(try_it(&guesses, "192.0.2.1", right.0, right.1).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn each_wrong_login_is_answered_later_than_the_one_before_and_a_right_one_at_once() {
        let guesses = Guesses::default();
        for seconds in [1, 2, 3, 4, 5, 5] {
            let began = Instant::now();
            let _ = try_it(&guesses, "2001:db8::1", "name-of-a", "wrong").await;
            assert_eq!(began.elapsed().as_secs(), seconds);
        }
        let began = Instant::now();
        assert!(
            try_it(&guesses, "2001:db8::2", "name-of-a", "the password of a")
                .await
                .is_ok()
        );
        assert_eq!(began.elapsed().as_secs(), 0);
        let _ = try_it(&guesses, "2001:db8::3", "name-of-a", "wrong").await;
        assert_eq!(began.elapsed().as_secs(), 1, "what was right has ended the count");
    }

    #[tokio::test(start_paused = true)]
    async fn a_right_password_from_where_its_peer_may_not_come_is_wrong() {
        let credentials = AuthCredentials {
            name: "name-of-a".into(),
            password: Password::new("the password of a"),
        };
        let guesses = Guesses::default();
        let looked = guesses.look([192, 0, 2, 1].into(), logins(), credentials, |_| false);
        assert_eq!(looked.await, Err(LoginRefused::Wrong));
    }

    #[test]
    fn a_name_that_nobody_has_is_compared_all_the_same() {
        let logins = logins();
        let time = |name: &str| {
            let credentials = AuthCredentials {
                name: name.into(),
                password: Password::new("wrong"),
            };
            let began = std::time::Instant::now();
            assert_eq!(logins.compare(&credentials), None);
            began.elapsed()
        };
        let (known, unknown) = (time("name-of-a"), time("nobody"));
        assert!(
            unknown > known / 10,
            "{unknown:?} is no comparison: one takes {known:?}"
        );
    }
}
