//! Courses of plug-ins' versions, and components, for all relays on the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::PostgresSpool;
use super::connect::Link;
use super::rows;
use super::schema::CHUNK;
use super::shared::Shared;
use crate::message::Timestamp;
use crate::spool::model::{Made, Work};
use crate::spool::{BoxFuture, Overview, Rollouts, SpoolError, Steering};

impl Rollouts for PostgresSpool {
    fn overview(&self) -> BoxFuture<'_, Result<Overview, SpoolError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(self.on_own_threads(async move { overview(&shared).await }))
    }

    fn steer(&self, steering: Steering) -> BoxFuture<'_, Result<bool, SpoolError>> {
        Box::pin(async move { Ok(self.shared.work(Work::Steer(steering)).await? == Made::Steered(true)) })
    }

    fn put_component<'a>(&'a self, digest: &'a str, octets: Bytes) -> BoxFuture<'a, Result<(), SpoolError>> {
        let (shared, digest) = (Arc::clone(&self.shared), digest.to_owned());
        Box::pin(self.on_own_threads(async move {
            let link = shared.reader().await?;
            link.say("BEGIN").await?;
            let put = async {
                put(&link, &digest, &octets).await?;
                link.say("COMMIT").await
            };
            let put = put.await;
            if put.is_err() {
                link.say("ROLLBACK").await?;
            }
            put
        }))
    }

    fn component<'a>(&'a self, digest: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, SpoolError>> {
        const OCTETS: &str = "SELECT octets FROM component WHERE digest = $1 ORDER BY place";
        let (shared, digest) = (Arc::clone(&self.shared), digest.to_owned());
        Box::pin(self.on_own_threads(async move {
            let mut octets = BytesMut::new();
            let found = shared.reader().await?.rows(OCTETS, &[&digest]).await?;
            found.iter().for_each(|row| octets.extend_from_slice(row.get(0)));
            Ok((!found.is_empty()).then(|| octets.freeze()))
        }))
    }

    fn forget_components(&self, but: Vec<String>) -> BoxFuture<'_, Result<u64, SpoolError>> {
        const FORGET: &str = "
            DELETE FROM component WHERE digest <> ALL($1) AND at < (extract(epoch FROM clock_timestamp()) * 1000)::int8 - 3600000";
        let shared = Arc::clone(&self.shared);
        Box::pin(self.on_own_threads(async move { shared.reader().await?.run(FORGET, &[&but]).await }))
    }
}

async fn overview(shared: &Arc<Shared>) -> Result<Overview, SpoolError> {
    const RELAYS: &str = "
        SELECT n.name, n.id = $2 AS me, t.now, EXISTS (
            SELECT 1 FROM writer w WHERE w.node = n.id AND NOT w.over AND NOT w.freed AND w.alive_until > t.now) AS lives
        FROM node n, (SELECT coalesce($1::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8) AS now) t";
    const COURSES: &str = "SELECT plugin, revision, course FROM rollout WHERE revision > 0";
    let link = shared.reader().await?;
    let me = shared.node.map(|node| node.number());
    let mut known = Overview {
        now: Timestamp(0),
        me: String::new(),
        relays: BTreeSet::new(),
        courses: BTreeMap::new(),
    };
    for row in link.rows(RELAYS, &[&shared.time.now(), &me]).await? {
        known.now = Timestamp(row.get::<_, i64>("now") as u64);
        if row.get::<_, Option<bool>>("me") == Some(true) {
            known.me = row.get("name");
        }
        if row.get("lives") {
            known.relays.insert(row.get("name"));
        }
    }
    for row in link.rows(COURSES, &[]).await? {
        known.courses.insert(row.get("plugin"), rows::course(&row)?);
    }
    Ok(known)
}

/// Nobody puts other octets under a digest; whoever reads them makes sure of it.
async fn put(link: &Link, digest: &str, octets: &Bytes) -> Result<(), SpoolError> {
    const PUT: &str = "
        INSERT INTO component(digest, place, at, octets)
        VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000)::int8, $3)
        ON CONFLICT (digest, place) DO UPDATE SET at = excluded.at";
    for (place, octets) in octets.chunks(CHUNK as usize).enumerate() {
        link.run(PUT, &[&digest, &(place as i32), &octets]).await?;
    }
    Ok(())
}
