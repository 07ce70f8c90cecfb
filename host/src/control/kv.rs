//! Verbs about plug-ins' durable values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, Desk, Kind, Known, Method, Problem, Role, Who};
use crate::spool::{Operator, StoredValue};

/// The longest key and value that a plug-in may write (`wit/host.wit`, interface `kv`).
const KEY_MAX: usize = 256;
const VALUE_MAX: usize = 64 << 10;

/// Octets that a plug-in keeps: one of the two.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Octets {
    /// A value that is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Another one, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
}

impl Octets {
    pub fn of(octets: &[u8]) -> Self {
        match std::str::from_utf8(octets) {
            Ok(text) => Self {
                text: Some(text.to_owned()),
                hex: None,
            },
            Err(_) => Self {
                text: None,
                hex: Some(octets.iter().map(|octet| format!("{octet:02x}")).collect()),
            },
        }
    }
}

/// Plug-ins' values, in the order of plug-in and key.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ListValues {
    /// Only those of this plug-in.
    pub plugin: Option<String>,
    /// Only keys that begin with this.
    pub prefix: Option<String>,
    /// At most so many; 1,000 unless it says otherwise, which is the most.
    pub limit: Option<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ValuePage {
    pub values: Vec<Value>,
    /// There are more of them.
    pub more: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Value {
    pub plugin: String,
    pub key: String,
    pub value: Octets,
}

impl Ask for ListValues {
    type Answer = ValuePage;
    const NAME: &'static str = "kv-list";
    const ABOUT: &'static str = "Plug-ins' durable values";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/kv";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<ValuePage, Problem> {
        desk.blocking(move |store| {
            let limit = self.limit.unwrap_or(Self::MOST).clamp(1, Self::MOST);
            let prefix = self.prefix.as_deref().unwrap_or_default();
            let mut found = store.values(self.plugin.as_deref(), prefix, limit as u32 + 1)?;
            let more = found.len() > limit;
            found.truncate(limit);
            let values = found.into_iter().map(Value::from).collect();
            Ok(ValuePage { values, more })
        })
        .await
    }
}

impl ListValues {
    /// In one answer.
    pub const MOST: usize = 1000;
}

impl From<StoredValue> for Value {
    fn from(of: StoredValue) -> Self {
        Self {
            value: Octets::of(&of.value),
            plugin: of.plugin,
            key: of.key,
        }
    }
}

/// One value.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Get {
    pub plugin: String,
    pub key: String,
}

impl Ask for Get {
    type Answer = Value;
    const NAME: &'static str = "kv-get";
    const ABOUT: &'static str = "One durable value of a plug-in";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/kv/{plugin}/{key}";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<Value, Problem> {
        desk.blocking(move |store| {
            let found = store.values(Some(&self.plugin), &self.key, 1)?;
            let value = found.into_iter().find(|value| value.key == self.key);
            let missing = || format!("plug-in {} has no value {:?}", self.plugin, self.key);
            value
                .map(Value::from)
                .ok_or_else(|| Problem::new(Kind::UnknownId, missing()))
        })
        .await
    }
}

/// Give a key a value: a text.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Set {
    pub plugin: String,
    pub key: String,
    pub value: String,
}

/// Remove a key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Delete {
    pub plugin: String,
    pub key: String,
}

/// `None` where there is no value.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    pub before: Option<Octets>,
    pub after: Option<Octets>,
}

impl Ask for Set {
    type Answer = Changed;
    const NAME: &'static str = "kv-set";
    const ABOUT: &'static str = "Give a plug-in's key a value";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/kv/{plugin}/{key}/set";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Changed, Problem> {
        let length = self.value.len();
        if length > VALUE_MAX {
            let detail = format!("the value has {length} octets: at most {VALUE_MAX} are legal");
            return Err(Problem::new(Kind::Unreadable, detail));
        }
        change(desk, who, (self.plugin, self.key), Some(self.value.into_bytes())).await
    }
}

impl Ask for Delete {
    type Answer = Changed;
    const NAME: &'static str = "kv-delete";
    const ABOUT: &'static str = "Remove a plug-in's key";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/kv/{plugin}/{key}/delete";
    const ROLE: Role = Role::Operator;

    async fn answer(self, desk: &Desk, who: &Who) -> Result<Changed, Problem> {
        change(desk, who, (self.plugin, self.key), None).await
    }
}

async fn change(
    desk: &Desk,
    who: &Who,
    (plugin, key): (String, String),
    value: Option<Vec<u8>>,
) -> Result<Changed, Problem> {
    if !(1..=KEY_MAX).contains(&key.len()) {
        let detail = format!("a key of {} octets: 1 to {KEY_MAX} are legal", key.len());
        return Err(Problem::new(Kind::Unreadable, detail));
    }
    let (known, by) = (desk.known(), who.at(desk.now()));
    desk.blocking(move |store| {
        may_have_values(store, &plugin, known)?;
        let before = store.set_value(&plugin, &key, value.as_deref(), &by)?;
        Ok(Changed {
            before: before.as_deref().map(Octets::of),
            after: value.as_deref().map(Octets::of),
        })
    })
    .await
}

/// A slip in the name would make values that nobody ever reads.
fn may_have_values(store: &dyn Operator, plugin: &str, known: Option<Known>) -> Result<(), Problem> {
    let Some(known) = known else { return Ok(()) };
    let is_known = known.plugins.iter().any(|name| name == plugin);
    if is_known || !store.values(Some(plugin), "", 1)?.is_empty() {
        return Ok(());
    }
    Err(Problem::unknown(Kind::UnknownPlugIn, "plug-in", plugin, &known.plugins))
}
