//! `[plugin.may]`: what a plug-in may read and change of messages. Without the section everything, with it only what it
//! names.

use mm4relay_engine::{May, Which};
use toml::Spanned;
use toml::de::DeValue;

use super::super::file::{Read, Section};
use super::super::forms::yes_or_no;

pub(super) fn read(s: &mut Section<'_>) -> May {
    let mut may = May::nothing();
    s.section("read", |s| {
        may.read_headers = s.optional("headers", which).unwrap_or(Which::NONE);
        may.read_parts = s.optional("parts", which).unwrap_or(Which::NONE);
    });
    s.section("edit", |s| {
        may.edit_headers = s.optional("headers", which).unwrap_or(Which::NONE);
        may.edit_recipients = s.optional("recipients", yes_or_no).unwrap_or(false);
        may.edit_parts = s.optional("parts", yes_or_no).unwrap_or(false);
    });
    may.refuse = s.optional("refuse", yes_or_no).unwrap_or(false);
    may.hold = s.optional("hold", yes_or_no).unwrap_or(false);
    may.discard = s.optional("discard", yes_or_no).unwrap_or(false);
    may
}

/// All, none, or a list of names. A `*` may only end a name, because elsewhere it would count as a letter.
fn which(value: &DeValue<'_>) -> Read<Which> {
    const EXPECTED: &str = "true, false, or a list of names, each with at most one * at its end: [\"X-Mms-*\"]";
    let name = |item: &Spanned<DeValue<'_>>| {
        let name = item.get_ref().as_str().unwrap_or_default();
        let stem = name.strip_suffix('*').unwrap_or(name);
        let legal = !name.is_empty() && stem.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'*');
        legal.then(|| name.to_ascii_lowercase())
    };
    match value {
        DeValue::Boolean(true) => Ok(Which::All),
        DeValue::Boolean(false) => Ok(Which::NONE),
        DeValue::Array(items) => {
            let names: Option<Vec<_>> = items.iter().map(name).collect();
            names.map(Which::These).ok_or_else(|| EXPECTED.to_owned())
        }
        _ => Err(EXPECTED.to_owned()),
    }
}
