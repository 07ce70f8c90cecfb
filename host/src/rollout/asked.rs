//! What operators ask of all relays, at any of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::course::{Course, Rollout, Version};
use super::participant::{NotChanged, Participant};
use super::steps::Proposal;
use crate::spool::SpoolError;
use crate::versions::{Candidate, files};

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    #[error(transparent)]
    Not(#[from] NotChanged),
    #[error("the running version is not kept in the spool's folder, so there would be no way back to it: {0}")]
    NotKept(std::io::Error),
    #[error("this relay has no plug-in of that name")]
    NoPlugin,
}

impl From<SpoolError> for NotBegun {
    fn from(error: SpoolError) -> Self {
        Self::Not(error.into())
    }
}

impl Participant {
    /// Begins to bring a version to all relays.
    ///
    /// # Errors
    /// Why nothing was begun.
    pub async fn begin(
        &self,
        plugin: &str,
        (octets, signature): (Bytes, Option<String>),
        own_settings: bool,
        by: &str,
    ) -> Result<Rollout, NotBegun> {
        let spec = self.catalogue.spec(plugin).await.ok_or(NotBegun::NoPlugin)?;
        let runs = self.catalogue.runs(plugin).ok_or(NotBegun::NoPlugin)?;
        let (folder, named) = (self.folder.clone(), runs.clone());
        let kept = tokio::task::spawn_blocking(move || files::kept(&folder, &named)).await;
        let kept = kept.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let (before, before_signature) = kept.map_err(NotBegun::NotKept)?;
        let candidate = Candidate::for_all(octets, signature);
        self.store.put_component(&runs, before).await?;
        self.store
            .put_component(&candidate.digest, candidate.wasm.clone())
            .await?;
        let from = self.store.overview().await?.me;
        let proposal = Proposal {
            version: Version {
                digest: candidate.digest,
                signature: candidate.signature,
            },
            runs: Version {
                digest: runs,
                signature: before_signature,
            },
            settings: spec.plugin.settings.clone(),
            own_settings,
            by: by.to_owned(),
            from,
        };
        let said = "asked for".to_owned();
        let begun = self.change(plugin, Some(by), said, |course, known| {
            course.begin(proposal.clone(), known.now)
        });
        begun.await?.rollout.ok_or(NotBegun::NoPlugin)
    }

    /// Takes all relays back.
    ///
    /// # Errors
    /// There is nothing to take back.
    pub async fn call_back(&self, plugin: &str, by: &str) -> Result<Course, NotBegun> {
        let said = "called back".to_owned();
        let changed = self.change(plugin, Some(by), said, |course, known| {
            course.call_back(by, &known.me, known.now)
        });
        Ok(changed.await?)
    }

    /// Lets a version be rolled out again that was barred. Its digest.
    ///
    /// # Errors
    /// None is barred whose digest begins so.
    pub async fn unbar(&self, plugin: &str, digest: &str, by: &str) -> Result<String, NotBegun> {
        let before = self.store.overview().await?;
        let known = before
            .courses
            .get(plugin)
            .and_then(|revised| super::participant::read(revised).ok())
            .unwrap_or_default();
        let (_, named) = known.unbar(digest).map_err(NotChanged::Now)?;
        let said = format!("unbarred {named}");
        self.change(plugin, Some(by), said, |course, _| Ok(course.unbar(&named)?.0))
            .await?;
        Ok(named)
    }

    /// Waits until the roll-out of this number is over, and everybody has gone back if that is how it ended. `None`: it goes
    /// on.
    pub async fn end_of(self: &Arc<Self>, plugin: &str, number: u64, within: Duration) -> Option<Course> {
        let mut news = self.news();
        let over = news.wait_for(|seen| {
            let course = seen.courses.get(plugin);
            let rollout = course.and_then(|course| course.rollout.as_ref());
            rollout.is_some_and(|it| it.number > number || (it.number == number && it.is_settled(&seen.relays)))
        });
        let seen = tokio::time::timeout(within, over).await.ok()?.ok()?;
        seen.courses.get(plugin).cloned()
    }
}
