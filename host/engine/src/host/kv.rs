//! `kv`: durable values. Writes wait here until the message is committed; reads see them at once.

use std::collections::BTreeMap;

use crate::bindings::mm4::filter::{kv, types};
use crate::limits::Grant;
use crate::verdict::KvWrite;
use crate::words::Fault;

use super::{Call, Owner, limit};

/// The longest key, in octets.
const KEY_MAX: usize = 256;
/// The longest value, in octets.
const VALUE_MAX: usize = 64 << 10;

/// The writes of this call, merged to one for each key.
#[derive(Default)]
pub(crate) struct Pending {
    writes: BTreeMap<String, Change>,
    bytes: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Change {
    Set(Vec<u8>),
    Delete,
    Add(i64),
}

impl Change {
    /// The octets that count against the limit, key included.
    fn weight(&self, key: &str) -> usize {
        key.len()
            + match self {
                Change::Set(value) => value.len(),
                Change::Delete => 0,
                Change::Add(_) => size_of::<i64>(),
            }
    }
}

impl Pending {
    fn put(&mut self, key: String, change: Change, allowed: usize) -> Result<(), Fault> {
        let old = self.writes.get(&key).map_or(0, |old| old.weight(&key));
        let bytes = self.bytes - old + change.weight(&key);
        if bytes > allowed {
            return Err(limit("kv", allowed));
        }
        self.bytes = bytes;
        self.writes.insert(key, change);
        Ok(())
    }

    /// The value as this call sees it, given the committed one.
    fn over(&self, key: &str, committed: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Fault> {
        match self.writes.get(key) {
            None => Ok(committed),
            Some(Change::Set(value)) => Ok(Some(value.clone())),
            Some(Change::Delete) => Ok(None),
            Some(Change::Add(by)) => {
                let sum = add(committed.as_deref(), *by)?;
                Ok(Some(sum.to_string().into_bytes()))
            }
        }
    }

    /// Whether the value is known without the committed one.
    fn decides(&self, key: &str) -> bool {
        matches!(self.writes.get(key), Some(Change::Set(_) | Change::Delete))
    }

    /// The change that an increment makes to the committed value.
    fn incremented(&self, key: &str, by: i64, committed: Option<Vec<u8>>) -> Result<Change, Fault> {
        match self.writes.get(key) {
            Some(Change::Set(value)) => Ok(Change::Set(add(Some(value), by)?.to_string().into_bytes())),
            Some(Change::Delete) => Ok(Change::Set(by.to_string().into_bytes())),
            earlier => {
                let earlier = if let Some(Change::Add(earlier)) = earlier {
                    *earlier
                } else {
                    0
                };
                let sum = earlier.checked_add(by).ok_or_else(overflow)?;
                // Checked now, so that a value that is no number is the plug-in's fault, and not one of the commit.
                add(committed.as_deref(), sum)?;
                Ok(Change::Add(sum))
            }
        }
    }

    /// The writes, in the order of their keys.
    pub fn into_writes(self) -> Vec<KvWrite> {
        let writes = self.writes.into_iter();
        writes
            .map(|(key, change)| match change {
                Change::Set(value) => KvWrite::Set { key, value },
                Change::Delete => KvWrite::Delete { key },
                Change::Add(by) => KvWrite::Increment { key, by },
            })
            .collect()
    }
}

impl Owner {
    async fn committed(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let read = self.services.kv_get(&self.name, key);
        read.await.map_err(Fault::Unavailable)
    }
}

impl Call {
    async fn kv_read(&mut self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        check_key(key)?;
        let committed = if self.kv.decides(key) {
            None
        } else {
            self.owner.committed(key).await?
        };
        self.kv.over(key, committed)
    }

    fn kv_write(&mut self, key: String, change: Change) -> Result<(), Fault> {
        check_key(&key)?;
        self.kv.put(key, change, self.owner.limits.kv_bytes)
    }

    async fn kv_add(&mut self, key: String, by: i64) -> Result<(), Fault> {
        check_key(&key)?;
        let committed = if self.kv.decides(&key) {
            None
        } else {
            self.owner.committed(&key).await?
        };
        let change = self.kv.incremented(&key, by, committed)?;
        self.kv_write(key, change)
    }
}

impl kv::Host for Call {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, types::Fault>> {
        self.ask(Grant::Kv)?;
        self.subject("kv")?;
        Ok(self.kv_read(&key).await.map_err(Into::into))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), types::Fault>> {
        self.ask(Grant::Kv)?;
        self.subject("kv")?;
        if value.len() > VALUE_MAX {
            let text = format!("the value has {} octets, at most {VALUE_MAX} are allowed", value.len());
            return Ok(Err(Fault::Invalid(text).into()));
        }
        Ok(self.kv_write(key, Change::Set(value)).map_err(Into::into))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), types::Fault>> {
        self.ask(Grant::Kv)?;
        self.subject("kv")?;
        Ok(self.kv_write(key, Change::Delete).map_err(Into::into))
    }

    async fn increment(&mut self, key: String, by: i64) -> wasmtime::Result<Result<(), types::Fault>> {
        self.ask(Grant::Kv)?;
        self.subject("kv")?;
        Ok(self.kv_add(key, by).await.map_err(Into::into))
    }
}

fn check_key(key: &str) -> Result<(), Fault> {
    if key.is_empty() || key.len() > KEY_MAX {
        let text = format!("a key has 1 to {KEY_MAX} octets, this one has {}", key.len());
        return Err(Fault::Invalid(text));
    }
    Ok(())
}

/// A counter's value (decimal text, absent counts as 0) plus `by`.
fn add(value: Option<&[u8]>, by: i64) -> Result<i64, Fault> {
    let value = match value {
        None => 0,
        Some(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or_else(|| Fault::Invalid("the value is not a number".to_owned()))?,
    };
    value.checked_add(by).ok_or_else(overflow)
}

fn overflow() -> Fault {
    Fault::Invalid("the counter would leave the range of 64 bits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1000;

    fn set(value: &str) -> Change {
        Change::Set(value.into())
    }

    #[test]
    fn an_increment_folds_into_a_set() {
        let mut pending = Pending::default();
        pending.put("n".into(), set("5"), ROOM).unwrap();
        let change = pending.incremented("n", -7, None).unwrap();
        assert_eq!(change, set("-2"));
    }

    #[test]
    fn increments_add_up_to_one_write() {
        let mut pending = Pending::default();
        for by in [2, 3] {
            let change = pending.incremented("n", by, Some(b"10".to_vec())).unwrap();
            pending.put("n".into(), change, ROOM).unwrap();
        }
        assert_eq!(pending.over("n", Some(b"10".to_vec())), Ok(Some(b"15".to_vec())));
        assert_eq!(pending.into_writes(), [KvWrite::Increment { key: "n".into(), by: 5 }]);
    }

    #[test]
    fn an_increment_after_a_delete_starts_at_zero() {
        let mut pending = Pending::default();
        pending.put("n".into(), Change::Delete, ROOM).unwrap();
        assert_eq!(pending.over("n", Some(b"9".to_vec())), Ok(None));
        assert_eq!(pending.incremented("n", 4, None), Ok(set("4")));
    }

    #[test]
    fn a_value_that_is_no_number_cannot_be_incremented() {
        let refusal = Pending::default().incremented("n", 1, Some(b"many".to_vec()));
        assert!(matches!(refusal, Err(Fault::Invalid(_))), "{refusal:?}");
        let refusal = Pending::default().incremented("n", 1, Some(i64::MAX.to_string().into()));
        assert!(matches!(refusal, Err(Fault::Invalid(_))), "{refusal:?}");
    }

    #[test]
    fn the_limit_counts_what_is_kept_and_not_what_was_replaced() {
        let mut pending = Pending::default();
        for _ in 0..10 {
            pending.put("key".into(), set("1234567"), 10).unwrap();
        }
        let refusal = pending.put("key".into(), set("12345678"), 10);
        assert_eq!(
            refusal,
            Err(Fault::Limit("its limit kv is 10, and it asked for more".into()))
        );
        assert_eq!(pending.over("key", None), Ok(Some(b"1234567".to_vec())));
    }

    #[test]
    fn keys_have_one_to_256_octets() {
        assert!(check_key("").is_err());
        assert!(check_key(&"k".repeat(KEY_MAX)).is_ok());
        assert!(check_key(&"k".repeat(KEY_MAX + 1)).is_err());
    }
}
