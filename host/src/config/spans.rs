//! `[tracing]`: spans of messages, for a collector that speaks OpenTelemetry.

use std::path::{Path, PathBuf};

use hyper::Uri;
use toml::de::DeValue;

use super::file::{Read, Section};
use super::forms::{count, text};
use super::service::AUTHORITIES;

/// Where spans are sent. Without the section none are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracing {
    /// `otlp`: the collector, which takes spans below `/v1/traces`.
    pub otlp: Uri,
    /// `share`: of a hundred messages, so many are told of. Default 100.
    pub share: u32,
    /// `ca`: PEM file with those who vouch for the collector, with https. Default: the system's public authorities.
    pub ca: PathBuf,
}

impl Tracing {
    pub fn is_tls(&self) -> bool {
        self.otlp.scheme_str() == Some("https")
    }

    pub(super) fn read(s: &mut Section<'_>, base: &Path) -> Option<Self> {
        const OTLP: &str = "the address of a collector, such as \"http://127.0.0.1:4318\"";
        const CA: &str = "the path of a PEM file with authorities, such as \"tls/collector.pem\"";
        let otlp = s.required("otlp", OTLP, |value| collector(value, OTLP));
        let ca = s.optional("ca", text(CA));
        let share = s.optional("share", count(0..=100)).unwrap_or(100);
        let read = Self {
            otlp: otlp?,
            share,
            ca: ca
                .as_ref()
                .map_or_else(|| PathBuf::from(AUTHORITIES), |ca| base.join(ca)),
        };
        if ca.is_some() && !read.is_tls() {
            s.refuse("ca", "a collector with https:// beside it");
        }
        Some(read)
    }
}

/// Scheme, host and port, and no path but `/`: where below that spans go is the protocol's matter.
fn collector(value: &DeValue<'_>, expected: &str) -> Read<Uri> {
    let read = || {
        let url: Uri = value.as_str()?.parse().ok()?;
        let is_web = matches!(url.scheme_str(), Some("http" | "https"));
        let authority = url.authority()?.as_str();
        let is_plain = !authority.is_empty() && !authority.contains('@');
        (is_web && is_plain && url.path() == "/" && url.query().is_none()).then_some(url)
    };
    read().ok_or_else(|| expected.to_owned())
}
