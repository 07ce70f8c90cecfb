//! Copies of the database: made beside a running relay, checked, and put back.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::schema::{self, broken};
use super::{check, salvage, upgrade};
use crate::spool::{Soundness, SpoolError};

/// Copies the database in `folder` as it is at this moment, including commits in the log, and checks the copy. Returns
/// its size and the result.
pub(super) fn back_up(folder: &Path, to: &Path) -> Result<(u64, Soundness), SpoolError> {
    if to.exists() {
        return Err(SpoolError::Unfit(format!("{} is there already", to.display())));
    }
    let db = schema::open_existing(folder)?;
    upgrade::copy(&db, &to.with_added_extension("part"), to)?;
    drop(db);
    let octets = to.metadata().map_err(|e| broken(to, &e))?.len();
    Ok((octets, verify(to)?))
}

/// Checks a copy without changing it.
pub(in crate::spool) fn verify(file: &Path) -> Result<Soundness, SpoolError> {
    file.metadata().map_err(|e| broken(file, &e))?;
    // Nobody else writes it, so no lock and no log is needed.
    let name = format!("file:{}?immutable=1", escaped(file));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(name, flags)?;
    let found = schema::format(&db)?;
    if found != schema::FORMAT {
        return Err(schema::wrong_format(file, found));
    }
    check::check(&db)
}

/// A path within a URI.
fn escaped(file: &Path) -> String {
    let special = |octet: u8| !octet.is_ascii_alphanumeric() && !b"/._-".contains(&octet);
    let octets = file.as_os_str().as_encoded_bytes().iter();
    octets
        .map(|octet| match special(*octet) {
            true => format!("%{octet:02X}"),
            false => char::from(*octet).to_string(),
        })
        .collect()
}

/// Puts a copy in the place of the database in `folder`, where no relay may run. Returns the name under which the old
/// database is kept.
pub(in crate::spool) fn restore(file: &Path, folder: &Path) -> Result<Option<PathBuf>, SpoolError> {
    let _lock = schema::claim(folder)?;
    let path = schema::database(folder);
    let part = path.with_added_extension("restoring");
    let _ = std::fs::remove_file(&part);
    let mut into = schema::private_file(&part).map_err(|e| broken(&part, &e))?;
    let mut from = std::fs::File::open(file).map_err(|e| broken(file, &e))?;
    std::io::copy(&mut from, &mut into).map_err(|e| broken(&part, &e))?;
    into.sync_all().map_err(|e| broken(&part, &e))?;
    drop(into);
    look_up_anew(&part)?;
    let kept = path.exists().then(|| free_name(&path));
    if let Some(kept) = &kept {
        std::fs::hard_link(&path, kept).map_err(|e| broken(kept, &e))?;
        // The log moves too, under the name by which SQLite finds it.
        match std::fs::rename(schema::log_of(&path), schema::log_of(kept)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(broken(kept, &error)),
            _ => {}
        }
    }
    let mut index = path.clone().into_os_string();
    index.push("-shm");
    let _ = std::fs::remove_file(index);
    std::fs::rename(&part, &path).map_err(|e| broken(&path, &e))?;
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| broken(folder, &e))?;
    Ok(kept)
}

/// Rebuilds the look-up tables of a copy. They have no checksums and can be computed from the requests, so a damage
/// there is repaired.
fn look_up_anew(part: &Path) -> Result<(), SpoolError> {
    let mut db = Connection::open(part)?;
    // Without a log, which would be left behind under the temporary name.
    db.pragma_update(None, "journal_mode", "DELETE")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    salvage::look_up_anew(&mut db)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    Ok(())
}

fn free_name(path: &Path) -> PathBuf {
    let name = |number: u32| path.with_added_extension(format!("before-restore-{number}"));
    (1..).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0))
}
