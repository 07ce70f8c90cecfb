//! Resolution of a host's name to its addresses.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::spool::BoxFuture;

/// Resolves the names of hosts.
pub trait Addresses: std::fmt::Debug + Send + Sync + 'static {
    /// The addresses of a host, in the order in which they are to be tried; at least one. Waits no longer than `limit`.
    ///
    /// # Errors
    /// Which server was asked, and its answer.
    fn of<'a>(&'a self, name: &'a str, limit: Duration) -> BoxFuture<'a, Result<Vec<IpAddr>, String>>;
}

/// The system's resolver, which looks where it is configured to look: `/etc/hosts`, DNS, and others.
#[derive(Debug)]
pub struct SystemAddresses;

impl Addresses for SystemAddresses {
    fn of<'a>(&'a self, name: &'a str, limit: Duration) -> BoxFuture<'a, Result<Vec<IpAddr>, String>> {
        Box::pin(async move {
            match timeout(limit, lookup_host((name, 0))).await {
                Ok(Ok(found)) => Ok(found.map(|address| address.ip()).collect()),
                Ok(Err(error)) => Err(format!("asked the system: {error}")),
                Err(_) => Err(format!("asked the system: no answer within {} s", limit.as_secs_f64())),
            }
        })
    }
}

/// The addresses for `host`, which is `name:port` or `address:port`. An address needs no look-up; that of a name takes
/// no longer than `limit`.
pub(super) async fn of_host(host: &str, known: &dyn Addresses, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let parts = host.rsplit_once(':');
    let parts = parts.and_then(|(name, port)| Some((name, port.parse().ok()?)));
    let (name, port) = parts.ok_or_else(|| format!("{host} is not HOST:PORT"))?;
    match known.of(name, limit).await {
        Ok(found) => Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect()),
        Err(reason) => Err(format!("no address of {name}: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A resolver that knows one name.
    #[derive(Debug)]
    struct Zone;

    impl Addresses for Zone {
        fn of<'a>(&'a self, name: &'a str, _: Duration) -> BoxFuture<'a, Result<Vec<IpAddr>, String>> {
            let known = name == "mx.b.example";
            let found = known.then(|| vec![[192, 0, 2, 1].into(), [192, 0, 2, 2].into()]);
            Box::pin(async move { found.ok_or_else(|| "asked nobody".to_owned()) })
        }
    }

    #[tokio::test]
    async fn names_are_looked_up_and_addresses_are_not() {
        let second = Duration::from_secs(1);
        let all = async |host: &str| of_host(host, &Zone, second).await.map(|all| format!("{all:?}"));
        assert_eq!(all("192.0.2.9:25").await.unwrap(), "[192.0.2.9:25]");
        assert_eq!(all("[2001:db8::1]:25").await.unwrap(), "[[2001:db8::1]:25]");
        assert_eq!(
            all("mx.b.example:2525").await.unwrap(),
            "[192.0.2.1:2525, 192.0.2.2:2525]"
        );
        assert_eq!(
            all("mx.c.example:25").await.unwrap_err(),
            "no address of mx.c.example: asked nobody"
        );
    }
}
