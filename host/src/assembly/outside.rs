//! The scanners and services outside that plug-ins may use, from the configuration.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use hyper::header::HeaderValue;
use mm4relay_engine::{AskedOf, BoxFuture, Fault, HttpRequest, HttpResponse, Outside, Subject, read_file};

use super::certificates;
use crate::config::{self, Config, ScannerAddress, Secret};
use crate::outside::{
    Address, BreakerTerms, GateTerms, Gates, Kind, Scanner, ScannerTerms, Service, ServiceTerms, Speaks, WebOrigin,
    service_for,
};

/// The largest file with a secret, in octets.
const SECRET_MAX: u64 = 16 << 10;

/// All scanners and services of a configuration.
pub(crate) struct Neighbours {
    scanners: HashMap<String, Scanner>,
    /// The services of each plug-in.
    services: HashMap<String, Vec<Service>>,
}

impl Neighbours {
    /// Makes the scanners and services, with the existing gates where their terms are the same.
    ///
    /// # Errors
    /// A file of a service cannot be used.
    pub(crate) fn of(config: &Config, gates: &Gates) -> anyhow::Result<Arc<dyn Outside>> {
        let scanners = config.scanners.iter();
        let mut services = HashMap::new();
        for plugin in config.plugins.iter().filter(|plugin| !plugin.services.is_empty()) {
            let all = plugin.services.iter().map(|it| {
                let read = service(&plugin.name, it, gates);
                read.with_context(|| format!("service {:?} of plug-in {:?}", it.name, plugin.name))
            });
            services.insert(plugin.name.clone(), all.collect::<anyhow::Result<_>>()?);
        }
        Ok(Arc::new(Self {
            scanners: scanners.map(|it| (it.name.clone(), scanner(it, gates))).collect(),
            services,
        }))
    }

    fn services(&self, plugin: &str) -> &[Service] {
        self.services.get(plugin).map(Vec::as_slice).unwrap_or_default()
    }
}

fn scanner(set: &config::Scanner, gates: &Gates) -> Scanner {
    let terms = GateTerms {
        time: set.time,
        concurrent: set.concurrent,
        rate: None,
        breaker: breaker(&set.breaker),
    };
    let gate = gates.gate(Kind::Scanner, &set.name, terms);
    let address = match &set.address {
        ScannerAddress::Tcp(at) => Address::Tcp(at.to_string()),
        ScannerAddress::Unix(path) => Address::Unix(path.clone()),
    };
    let speaks = match &set.speaks {
        config::ScannerSpeaks::Clamd => Speaks::Clamd,
        config::ScannerSpeaks::Icap { service } => Speaks::Icap {
            service: service.clone(),
        },
    };
    let terms = ScannerTerms {
        address,
        speaks,
        size: set.size,
        concurrent: set.concurrent,
    };
    Scanner::new(gate, terms)
}

fn service(plugin: &str, set: &config::Service, gates: &Gates) -> anyhow::Result<Service> {
    let gate = GateTerms {
        time: set.time,
        concurrent: set.concurrent,
        rate: Some(set.rate),
        breaker: breaker(&set.breaker),
    };
    let origin = WebOrigin::of(&set.url).map_err(|why| anyhow!("url: {why}"))?;
    let tls = match origin.is_tls {
        true => Some(Arc::new(certificates::towards_service(&set.ca, set.identity.as_ref())?)),
        false => None,
    };
    let headers = set.headers.iter().map(|(name, secret)| {
        let value = value_of(secret).with_context(|| format!("header {name}"))?;
        Ok((name.clone(), value))
    });
    let terms = ServiceTerms {
        headers: headers.collect::<anyhow::Result<_>>()?,
        origin,
        methods: set.methods.clone(),
        paths: set.paths.clone(),
        networks: set.networks.clone(),
        tls,
        request_size: set.request_size,
        response_size: set.response_size,
        calls_per_message: set.calls_per_message,
        time_per_message: set.time_per_message,
    };
    let gate = gates.gate(Kind::Service, &format!("{plugin}/{}", set.name), gate);
    Ok(Service::new(&set.name, gate, terms))
}

/// The value is never shown, neither in a log nor in an error.
fn value_of(secret: &Secret) -> anyhow::Result<HeaderValue> {
    let text = match secret {
        Secret::Text(text) => text.clone(),
        Secret::File(path) => {
            let octets = read_file(path, SECRET_MAX).with_context(|| format!("{} cannot be read", path.display()))?;
            let text = String::from_utf8(octets).ok();
            text.with_context(|| format!("{} is no text in UTF-8", path.display()))?
        }
        Secret::Environment(name) => {
            std::env::var(name).map_err(|_| anyhow!("the environment has no text called {name}"))?
        }
    };
    let value = HeaderValue::from_str(text.trim());
    let mut value = value.map_err(|_| anyhow!("its value has octets that no header field can have"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn breaker(set: &config::OutsideBreaker) -> BreakerTerms {
    BreakerTerms {
        failures: set.failures,
        first: set.first,
        longest: set.longest,
    }
}

impl Outside for Neighbours {
    fn scan<'a>(
        &'a self,
        scanner: &'a str,
        subject: &'a dyn Subject,
        part: u32,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            match self.scanners.get(scanner) {
                Some(scanner) => scanner.scan(subject, part).await,
                None => Err(Fault::Invalid(format!(
                    "no scanner {scanner:?} is configured: add [[scanner]] with name = {scanner:?}"
                ))),
            }
        })
    }

    fn service(&self, plugin: &str, request: &HttpRequest) -> Result<String, Fault> {
        service_for(self.services(plugin), plugin, request).map(|service| service.name.clone())
    }

    fn fetch<'a>(
        &'a self,
        plugin: &'a str,
        service: &'a str,
        request: HttpRequest,
        before: AskedOf,
    ) -> BoxFuture<'a, Result<HttpResponse, Fault>> {
        Box::pin(async move {
            match self.services(plugin).iter().find(|it| it.name == service) {
                Some(service) => service.fetch(request, before).await,
                None => Err(Fault::Invalid(format!("plug-in {plugin:?} has no service {service:?}"))),
            }
        })
    }
}
