//! MX records, from the name servers that the system is configured with.

use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;

use crate::delivery::{Exchangers, MxRecords};
use crate::spool::BoxFuture;

/// Asks the system's name servers; the answers' own life is what delivery is told. When the system does not say who they
/// are, that is the answer to every question.
#[derive(Debug)]
pub(super) struct SystemNameServers(Result<TokioResolver, String>);

impl SystemNameServers {
    pub(super) fn new() -> Self {
        let builder = TokioResolver::builder_tokio();
        let resolver = builder.and_then(|builder| builder.build());
        Self(resolver.map_err(|error| format!("the system's name servers: {error}")))
    }
}

impl MxRecords for SystemNameServers {
    fn exchangers<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Exchangers, String>> {
        Box::pin(async move {
            // The dot keeps the system's search list out of it.
            let resolver = self.0.as_ref().map_err(String::clone)?;
            let found = match resolver.mx_lookup(format!("{domain}.")).await {
                Ok(found) => found,
                Err(error) if error.is_no_records_found() && !error.is_nx_domain() => {
                    let (names, life) = (Vec::new(), Duration::ZERO);
                    return Ok(Exchangers { names, life });
                }
                Err(error) if error.is_nx_domain() => return Err("it does not exist".into()),
                Err(error) => return Err(error.to_string()),
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
