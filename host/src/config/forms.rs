//! The forms of single values. Each function reads one, or describes a right value.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine as _;
use ipnet::IpNet;
use toml::de::DeValue;

use super::HostPort;
use super::file::Read;
use super::problem::one_of;
use super::units::{parse_duration, parse_size, show_duration, show_size};
use crate::message::{AddressKind, Choice, MAX_LOCAL_OCTETS, MmsAddress, PeerName, SystemAddress};

pub(super) const HOST_NAME: &str = "a host name, such as relay.mms.example";
pub(super) const NAME: &str = "1 to 64 letters, digits, '-', '_' or '.', the first no '-' or '.'";
pub(super) const PREFIX: &str =
    "the beginning of an international number, such as \"+1555\", or a whole code, such as \"2020\": at most 15 digits";

/// A whole number within `range`.
pub(super) fn count(range: RangeInclusive<u32>) -> impl Fn(&DeValue<'_>) -> Read<u32> {
    move |value| {
        let number = value
            .as_integer()
            .and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
    }
}

/// Octets within `range`.
pub(super) fn size(range: RangeInclusive<u64>) -> impl Fn(&DeValue<'_>) -> Read<u64> {
    move |value| {
        let octets = value.as_str().and_then(parse_size);
        octets.filter(|octets| range.contains(octets)).ok_or_else(|| {
            let (low, high) = (show_size(*range.start()), show_size(*range.end()));
            format!("a size with its unit, such as \"5 MiB\" or \"300 kB\", from {low} to {high}")
        })
    }
}

/// Octets a second within `range`: `500 B/s`.
pub(super) fn rate(range: RangeInclusive<u64>) -> impl Fn(&DeValue<'_>) -> Read<u64> {
    move |value| {
        let octets = value
            .as_str()
            .and_then(|text| parse_size(text.trim().strip_suffix("/s")?));
        octets.filter(|octets| range.contains(octets)).ok_or_else(|| {
            let (low, high) = (show_size(*range.start()), show_size(*range.end()));
            format!("a rate, such as \"500 B/s\", from {low}/s to {high}/s")
        })
    }
}

/// A time within `range`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&DeValue<'_>) -> Read<Duration> {
    move |value| {
        let time = value.as_str().and_then(parse_duration);
        time.filter(|time| range.contains(time)).ok_or_else(|| {
            let (low, high) = (show_duration(*range.start()), show_duration(*range.end()));
            format!("a time with its unit, such as \"50 ms\" or \"5 min\", from {low} to {high}")
        })
    }
}

/// A text that is not empty.
pub(super) fn text(expected: &str) -> impl Fn(&DeValue<'_>) -> Read<String> {
    move |value| match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(expected.to_owned()),
    }
}

pub(super) fn yes_or_no(value: &DeValue<'_>) -> Read<bool> {
    value.as_bool().ok_or_else(|| "true or false".to_owned())
}

/// A domain (RFC 1035, 2.3.4: at most 253 octets, labels of 1 to 63), in lower case, without the dot at the end.
pub(super) fn domain(value: &DeValue<'_>) -> Read<String> {
    value
        .as_str()
        .map(|text| text.strip_suffix('.').unwrap_or(text))
        .filter(|text| is_host_name(text))
        .map(str::to_ascii_lowercase)
        .ok_or_else(|| "a domain, such as mms.mnc001.mcc999.gprs".to_owned())
}

/// A host name, in lower case.
pub(super) fn host_name(value: &DeValue<'_>) -> Read<String> {
    domain(value).map_err(|_| HOST_NAME.to_owned())
}

/// A name in the configuration: of a peer, a table or a plug-in.
pub(super) fn name(value: &DeValue<'_>) -> Read<String> {
    let name = value.as_str().filter(|text| is_our_name(text));
    name.map(str::to_owned).ok_or_else(|| NAME.to_owned())
}

/// A peer's name.
pub(super) fn peer_name(value: &DeValue<'_>) -> Read<PeerName> {
    let name = name(value)?;
    PeerName::new(&name).map_err(|_| format!("another name: {}", PeerName::RESERVED))
}

/// Names become labels, arguments on a command line and parts of file names, where `..` or `-x` would have a meaning.
/// This is stricter than [`PeerName`] itself, which also reads names from the store.
fn is_our_name(text: &str) -> bool {
    PeerName::has_form(text) && !text.starts_with(['-', '.'])
}

/// A key for verifying signatures: `NAME:BASE64`.
pub(super) fn public_key(value: &DeValue<'_>) -> Read<(String, [u8; 32])> {
    let read = |text: &str| {
        let (name, key) = text.split_once(':')?;
        let key = base64::engine::general_purpose::STANDARD.decode(key).ok()?;
        Some((name.to_owned(), key.try_into().ok()?)).filter(|_| is_our_name(name))
    };
    value
        .as_str()
        .and_then(read)
        .ok_or_else(|| "NAME:KEY as `mm4relay plugin keygen` prints it, the key being 32 octets in base64".to_owned())
}

/// A label for the tag of our system address: letters, digits and `-`.
pub(super) fn node(value: &DeValue<'_>) -> Read<String> {
    let legal = |text: &&str| {
        (1..=32).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    value
        .as_str()
        .filter(legal)
        .map(str::to_owned)
        .ok_or_else(|| "1 to 32 letters, digits or '-'".to_owned())
}

/// Our system address, in one of the domains `own`.
pub(super) fn system_address(value: &DeValue<'_>, own: &[String]) -> Read<SystemAddress> {
    value
        .as_str()
        .and_then(|text| SystemAddress::new(text).ok())
        .filter(|address| own.iter().any(|domain| domain == address.domain()))
        .ok_or_else(|| "NAME@DOMAIN, without + in it, the domain being one of ours".to_owned())
}

/// An address to listen on; port 0 means a free one.
pub(super) fn listen(value: &DeValue<'_>) -> Read<SocketAddr> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "ADDRESS:PORT, such as 0.0.0.0:25 or [::1]:2525".to_owned())
}

/// The address of a server.
pub(super) fn host_port(value: &DeValue<'_>) -> Read<HostPort> {
    let read = |text: &str| {
        let (host, port) = text.rsplit_once(':')?;
        let port = read_port(port)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let address = match bracketed {
            Some(address) => Some(IpAddr::V6(address.parse().ok()?)),
            None => host.parse().ok().map(IpAddr::V4),
        };
        let host = match address {
            Some(address) => Some(address).filter(|address| is_one_host(*address))?.to_string(),
            None => Some(host).filter(|host| is_host_name(host))?.to_owned(),
        };
        Some(HostPort { host, port })
    };
    value.as_str().and_then(read).ok_or_else(|| {
        // The value has the right form, so only the reason shows what is wrong with it.
        let cannot_be = match value.as_str().and_then(|text| text.rsplit_once(':')) {
            Some((host, port)) if !host.is_empty() && read_port(port).is_some() && ends_nowhere(host) => {
                "a host that can exist, "
            }
            _ => "",
        };
        format!("{cannot_be}HOST:PORT, such as 127.0.0.1:2525 or mms.a.example:25")
    })
}

/// A choice among words.
pub(super) fn choice<T: Choice>(value: &DeValue<'_>) -> Read<T> {
    let word = value.as_str().unwrap_or_default();
    T::from_word(word).ok_or_else(|| {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
        one_of(word, &words)
    })
}

/// An address, or a network of addresses. A network with host bits set is refused, because its meaning is unclear.
pub(super) fn network(value: &DeValue<'_>) -> Read<IpNet> {
    let expected = || "an address or a network, such as 192.0.2.7 or 192.0.2.0/24".to_owned();
    let text = value.as_str().ok_or_else(expected)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        // Clients are compared in their plain form, and not in the IPv6 form that a listener on [::] sees.
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = text.parse().map_err(|_| expected())?;
    match network.trunc() {
        whole if whole == network => Ok(network),
        whole => Err(format!("the first address of the network: {whole}")),
    }
}

/// A local part that is a word, in lower case, for addresses in our own domains.
pub(super) fn local_part(value: &DeValue<'_>) -> Read<String> {
    let is_word = |address: &MmsAddress| {
        let word = matches!(address.kind(), AddressKind::Other) && address.is_unambiguous();
        word && address.address_type().is_none() && address.user().len() <= MAX_LOCAL_OCTETS
    };
    value
        .as_str()
        .and_then(|text| MmsAddress::new(text).ok())
        .filter(is_word)
        .map(|address| address.user().to_ascii_lowercase())
        .ok_or_else(|| {
            "a word such as \"news\", without a domain; numbers and codes have a key of their own".to_owned()
        })
}

/// The complete address of a person.
pub(super) fn mailbox(value: &DeValue<'_>) -> Read<MmsAddress> {
    value
        .as_str()
        .and_then(|text| MmsAddress::new(text).ok())
        .filter(|address| address.domain().is_some() && address.is_unambiguous())
        .ok_or_else(|| "NAME@DOMAIN".to_owned())
}

/// So many digits.
pub(super) fn digits(count: RangeInclusive<usize>) -> impl Fn(&DeValue<'_>) -> Read<String> {
    move |value| {
        let legal = |text: &&str| count.contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
        let (least, most) = (count.start(), count.end());
        value
            .as_str()
            .filter(legal)
            .map(str::to_owned)
            .ok_or_else(|| format!("{least} to {most} digits, in quotes"))
    }
}

/// The prefix of an international number, or a code, in the form that routes compare.
pub(super) fn prefix(value: &DeValue<'_>) -> Read<String> {
    let legal = |text: &&str| {
        let digits = text.strip_prefix('+').unwrap_or(text);
        !text.is_empty() && digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit())
    };
    value
        .as_str()
        .filter(legal)
        .map(str::to_owned)
        .ok_or_else(|| PREFIX.to_owned())
}

/// A host name by RFC 1123, 2.1, also with underscores, which private networks use. A last label of digits alone is a
/// mistaken address (RFC 3696, 2), and no name below `invalid` exists (RFC 6761, 6.4).
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(label) && !ends_nowhere(text)
}

fn read_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

/// Whether no name below the last label can exist.
fn ends_nowhere(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.bytes().all(|b| b.is_ascii_digit()) || last.eq_ignore_ascii_case("invalid")
}

/// Whether a server can have this address: it is no wildcard and no multicast group.
pub(super) fn is_one_host(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && address != IpAddr::from([255; 4])
}

#[cfg(test)]
mod tests;
