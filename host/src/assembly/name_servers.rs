//! MX records and addresses of hosts, from the configured name servers, or from those of the system.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData};
use tokio::time::timeout;

use crate::delivery::{Addresses, Exchangers, MxRecords, NoRecords, SystemAddresses};
use crate::numbering::resolver;
use crate::spool::BoxFuture;

/// Queries name servers.
#[derive(Debug)]
pub(crate) struct NameServers {
    /// The resolver. If the system's name servers are not known, that is the answer to every query.
    resolver: Result<TokioResolver, String>,
    /// Which servers are queried, for error texts.
    who: String,
    /// The time limit for one look-up, with its retries.
    limit: Duration,
}

/// The limit for configured name servers: one retry fits into it.
const LIMIT: Duration = Duration::from_secs(5);

/// The limit for the system's name servers; within it, `/etc/resolv.conf` sets the time-outs.
const SYSTEM_LIMIT: Duration = Duration::from_secs(30);

/// The longest time for which a record is cached, whatever its TTL; a negative answer is cached for at most a minute.
/// So a mistake does not last.
const LONGEST: Duration = Duration::from_secs(3600);
const LONGEST_NEGATIVE: Duration = Duration::from_secs(60);

impl NameServers {
    /// Name servers at these addresses; without any, those of the system.
    pub(crate) fn new(servers: &[SocketAddr]) -> Self {
        let (who, limit) = match servers {
            [] => ("the system's name servers".to_owned(), SYSTEM_LIMIT),
            servers => {
                let all: Vec<_> = servers.iter().map(ToString::to_string).collect();
                (all.join(", "), LIMIT)
            }
        };
        let built = resolver(servers).and_then(|mut builder| {
            let options = builder.options_mut();
            options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            options.positive_max_ttl = Some(LONGEST);
            options.negative_max_ttl = Some(LONGEST_NEGATIVE);
            if !servers.is_empty() {
                (options.attempts, options.timeout) = (1, LIMIT / 2);
            }
            builder.build()
        });
        let resolver = built.map_err(|error| format!("asked {who}: {error}"));
        Self { resolver, who, limit }
    }

    fn resolver(&self) -> Result<&TokioResolver, String> {
        self.resolver.as_ref().map_err(String::clone)
    }

    /// Which server was asked, and its answer.
    fn said(&self, error: &NetError) -> String {
        let what = match error {
            error if error.is_nx_domain() => "it does not exist".to_owned(),
            error if error.is_no_records_found() => "it has none".to_owned(),
            NetError::Dns(DnsError::ResponseCode(code)) => format!("the answer is {code}"),
            NetError::Timeout => "no answer in time".to_owned(),
            error => error.to_string(),
        };
        format!("asked {}: {what}", self.who)
    }
}

impl MxRecords for NameServers {
    fn exchangers<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Exchangers, NoRecords>> {
        Box::pin(async move {
            let resolver = self.resolver().map_err(NoRecords::Silence)?;
            let asking = resolver.mx_lookup(absolute(domain).map_err(NoRecords::Silence)?);
            let found = match within(self.limit, asking).await {
                Ok(found) => found,
                Err(error) if error.is_no_records_found() && !error.is_nx_domain() => {
                    let (names, life) = (Vec::new(), Duration::ZERO);
                    return Ok(Exchangers { names, life });
                }
                Err(error) if error.is_nx_domain() => return Err(NoRecords::NoDomain(self.said(&error))),
                Err(error) => return Err(NoRecords::Silence(self.said(&error))),
            };
            let exchanger = |data: &RData| match data {
                RData::MX(mx) => Some((mx.preference, mx.exchange.to_ascii())),
                _ => None,
            };
            let names = found.answers().iter().filter_map(|record| exchanger(&record.data));
            Ok(Exchangers {
                names: names.collect(),
                life: found.valid_until().saturating_duration_since(Instant::now()),
            })
        })
    }
}

impl Addresses for NameServers {
    fn of<'a>(&'a self, name: &'a str, limit: Duration) -> BoxFuture<'a, Result<Vec<IpAddr>, String>> {
        // Resolved without a name server (RFC 6761, 6.3).
        if name == "localhost" {
            return SystemAddresses.of(name, limit);
        }
        Box::pin(async move {
            let asking = self.resolver()?.lookup_ip(absolute(name)?);
            let found = within(self.limit.min(limit), asking).await;
            found
                .map(|found| found.iter().collect())
                .map_err(|error| self.said(&error))
        })
    }
}

/// The trailing dot keeps the system's search list out. The name is ASCII and is queried as it is: read as an
/// internationalised name, which is the default for text, an underscore would be refused.
fn absolute(name: &str) -> Result<Name, String> {
    Name::from_ascii(format!("{name}.")).map_err(|error| format!("{name:?} is no name to ask for: {error}"))
}

async fn within<T>(limit: Duration, asking: impl Future<Output = Result<T, NetError>>) -> Result<T, NetError> {
    timeout(limit, asking).await.unwrap_or(Err(NetError::Timeout))
}
