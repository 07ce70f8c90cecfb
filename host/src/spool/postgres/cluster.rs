//! The relays on a store, for those who watch over them.

use std::time::Duration;

use super::connect::{Access, Link};
use super::members::members;
use super::threads::{Threads, wait};
use super::{life, schema};
use crate::spool::{Member, SpoolError};

/// The store as its relays see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    pub format: i64,
    /// Of the database's program.
    pub version: String,
    /// `synchronous_standby_names`.
    pub standbys: String,
    /// Standbys that have what is committed before it is answered; `None` where the user may not see it (`pg_monitor`).
    pub in_step: Option<i64>,
    /// `fsync`, `full_page_writes` and `synchronous_commit` are on.
    pub flushes: bool,
    pub relays: Vec<Member>,
    /// Batches with records that nobody has numbered yet.
    pub not_numbered: i64,
}

const SETTINGS: &str = "
    SELECT current_setting('server_version') AS version, current_setting('synchronous_standby_names') AS standbys,
        current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
            AND current_setting('synchronous_commit') IN ('on', 'remote_apply') AS flushes,
        (SELECT count(*) FROM batch WHERE first IS NULL) AS not_numbered,
        (SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) FROM pg_stat_replication) AS in_step,
        pg_has_role(current_user, 'pg_monitor', 'USAGE') OR current_setting('is_superuser') = 'on' AS may_see";

/// Blocks.
///
/// # Errors
/// The database cannot be reached, or has no tables.
pub fn status(access: &Access) -> Result<StoreStatus, SpoolError> {
    let (threads, access) = (Threads::new()?, access.clone());
    let handle = threads.handle().ok_or(SpoolError::Closed)?;
    wait(&handle, async move {
        look(&access.connect("watches").await?, &access.schema).await
    })
}

/// Ends the life of the relay of this name: it writes nothing more. For how long it may still be sending what it is certain of:
/// others have its work after that. `None`: no relay of this name runs. Blocks.
///
/// # Errors
/// The database cannot be reached.
pub fn fence(access: &Access, name: &str) -> Result<Option<Duration>, SpoolError> {
    let (threads, access, name) = (Threads::new()?, access.clone(), name.to_owned());
    let handle = threads.handle().ok_or(SpoolError::Closed)?;
    wait(&handle, async move {
        let link = access.connect("watches").await?;
        let barred = life::bar(&link, &name).await?;
        Ok(barred.map(|millis| Duration::from_millis(millis as u64)))
    })
}

/// Gives others what relays had whose life was ended, as far as those cannot be certain of it any more. Blocks.
///
/// # Errors
/// The database cannot be reached.
pub fn take_over(access: &Access) -> Result<(), SpoolError> {
    let (threads, access) = (Threads::new()?, access.clone());
    let handle = threads.handle().ok_or(SpoolError::Closed)?;
    wait(&handle, async move {
        let link = access.connect("watches").await?;
        life::take_over(&link, (0, life::Whom::Over), &life::Time::Database)
            .await
            .map(drop)
    })
}

/// Forgets a relay that does not run, so that another name may have its number. False: no relay has this name. Blocks.
///
/// # Errors
/// It runs, or others do not have its work yet; or the database cannot be reached.
pub fn forget(access: &Access, name: &str) -> Result<bool, SpoolError> {
    let (threads, access, name) = (Threads::new()?, access.clone(), name.to_owned());
    let handle = threads.handle().ok_or(SpoolError::Closed)?;
    wait(&handle, async move {
        life::forget(&access.connect("watches").await?, &name).await
    })
}

async fn look(link: &Link, schema: &str) -> Result<StoreStatus, SpoolError> {
    let format = schema::find(link, schema).await?;
    let format = format.ok_or_else(|| SpoolError::Broken("the database has no tables of a relay".into()))?;
    let settings = link.rows(SETTINGS, &[]).await?;
    let settings = settings
        .first()
        .ok_or_else(|| SpoolError::Broken("no settings".into()))?;
    Ok(StoreStatus {
        format,
        version: settings.get("version"),
        standbys: settings.get("standbys"),
        in_step: settings.get::<_, bool>("may_see").then(|| settings.get("in_step")),
        flushes: settings.get("flushes"),
        relays: members(link, true).await?,
        not_numbered: settings.get("not_numbered"),
    })
}
