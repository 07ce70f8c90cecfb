//! What has changed in a snapshot, as statements: one for each kind of row, whatever the number of rows.

mod ledger;
mod mail;
mod requests;

use tokio_postgres::types::ToSql;

pub(super) use self::mail::content;
use super::connect::Write;
use super::load::Snapshot;
use crate::spool::SpoolError;
use crate::spool::model::Reach;

/// The columns of one statement, each an array; statements without rows are left out.
macro_rules! columns {
    ($($column:ident: $kind:ty),+ $(,)?) => {
        #[derive(Default)]
        struct Columns { $($column: Vec<$kind>),+ }

        impl Columns {
            fn write(self, sql: &'static str, to: &mut Vec<$crate::spool::postgres::connect::Write>) {
                let rows = [$(self.$column.len()),+];
                if rows[0] > 0 {
                    let values = vec![$(Box::new(self.$column) as Box<dyn tokio_postgres::types::ToSql + Sync + Send>),+];
                    to.push($crate::spool::postgres::connect::Write { sql, values });
                }
            }
        }
    };
}
pub(super) use columns;

/// What the statements need besides the rows.
pub(super) struct Stamp {
    pub(super) salt: i64,
    pub(super) batch: i64,
    pub(super) me: i64,
    /// `None`: a command beside the relays.
    pub(super) node: Option<String>,
    pub(super) now: i64,
}

pub(super) fn writes(snapshot: &Snapshot, reach: &Reach, stamp: &Stamp) -> Result<Vec<Write>, SpoolError> {
    let mut all = Vec::new();
    mail::messages(snapshot, &mut all)?;
    mail::new_destinations(snapshot, stamp, &mut all)?;
    // An event has the pieces of its destination: it comes before that goes.
    mail::events(snapshot, &mut all)?;
    mail::destinations(snapshot, &mut all)?;
    requests::requests(snapshot, stamp, &mut all)?;
    requests::history(snapshot, stamp, &mut all)?;
    requests::records(snapshot, stamp, &mut all);
    ledger::movements(snapshot, stamp, &mut all)?;
    requests::values(snapshot, reach, &mut all);
    courses(snapshot, &mut all);
    Ok(all)
}

fn courses(snapshot: &Snapshot, to: &mut Vec<Write>) {
    const STEER: &str = "
        UPDATE rollout r SET revision = n.revision, course = n.course
        FROM unnest($1::text[], $2::int8[], $3::text[]) AS n(plugin, revision, course) WHERE r.plugin = n.plugin";
    columns! { plugin: String, revision: i64, course: String }
    let mut rows = Columns::default();
    for changed in snapshot.state.courses.changed() {
        if let Some(after) = changed.after {
            rows.plugin.push(changed.key.clone());
            rows.revision.push(after.revision as i64);
            rows.course.push(after.course.to_string());
        }
    }
    rows.write(STEER, to);
}

/// A statement with one array, or with several of the same length; none without rows.
fn arrays<const N: usize>(
    sql: &'static str,
    columns: [Box<dyn ToSql + Sync + Send>; N],
    rows: usize,
    to: &mut Vec<Write>,
) {
    if rows > 0 {
        let values = columns.into();
        to.push(Write { sql, values });
    }
}
