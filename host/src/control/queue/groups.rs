//! What is stuck, by why it is: entries of the queue that wait, failed or are held for the same reason are one group.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Named;
use super::find::List;
use super::shape::{reason_of, shape_of};
use crate::control::peers::Peer;
use crate::control::{Ask, Desk, Method, Problem, When, Who};
use crate::message::QueueId;
use crate::spool::{Filter, Operator, QueueEntry};

/// Entries of the queue in groups: those of one state, one next hop and one reason. Digits and ids in a reason do not tell
/// two reasons apart: they are a subscriber's number or a message's id.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Groups {
    /// Only what stands behind this id: `next` of the answer before.
    pub after: Option<Named>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AllGroups {
    /// The largest first.
    pub groups: Vec<Group>,
    /// So many entries were looked at.
    pub looked_at: u64,
    /// Where the next answer begins: give it as `after`. `None` when this one came to the end. One answer looks at so many
    /// entries and no more.
    pub next: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Group {
    pub state: String,
    /// The next hop; `None` for messages as they were received.
    pub peer: Option<String>,
    /// The reason that they share, for `queue-list` as `alike`: with `…` in place of what differs. Empty for what has no reason,
    /// which waits for its first attempt.
    pub alike: String,
    /// The reason of one of them, whole.
    pub for_example: Option<String>,
    /// The plug-ins that hold them.
    pub plugins: Vec<String>,
    pub entries: u64,
    pub oldest: When,
    /// Why they wait although their time has come, as far as the running relay knows.
    pub waits_because: Option<String>,
}

impl Ask for Groups {
    type Answer = AllGroups;
    const NAME: &'static str = "queue-groups";
    const ABOUT: &'static str = "What waits, failed or is held, in groups of one state, one next hop and one reason";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/queue/groups";

    async fn answer(self, desk: &Desk, _: &Who) -> Result<AllGroups, Problem> {
        let peers = desk.standings();
        desk.blocking(move |store| self.look(store, &peers)).await
    }
}

impl Groups {
    fn look(&self, store: &dyn Operator, peers: &[Peer]) -> Result<AllGroups, Problem> {
        let mut filter = Filter {
            after: self.after.map(Named::last),
            limit: List::MOST,
            ..Filter::default()
        };
        let (mut groups, mut looked_at) = (BTreeMap::<(String, Option<String>, String), Group>::new(), 0);
        let next: Option<QueueId> = loop {
            let looked = store.list(&filter)?;
            looked_at += looked.len();
            looked.iter().for_each(|entry| add(&mut groups, entry, peers));
            filter.after = looked.last().map(|entry| entry.id).or(filter.after);
            if looked.len() < filter.limit {
                break None;
            }
            if looked_at >= List::LOOKED_AT {
                break filter.after;
            }
        };
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.entries));
        Ok(AllGroups {
            groups,
            looked_at: looked_at as u64,
            next: next.map(|id| id.to_string()),
        })
    }
}

fn add(groups: &mut BTreeMap<(String, Option<String>, String), Group>, entry: &QueueEntry, peers: &[Peer]) {
    let (state, peer) = (entry.standing(), entry.next_hop.as_ref().map(ToString::to_string));
    let alike = shape_of(entry);
    let group = groups
        .entry((state.to_owned(), peer.clone(), alike.clone()))
        .or_insert_with(|| Group {
            state: state.to_owned(),
            alike,
            for_example: reason_of(entry).map(str::to_owned),
            plugins: Vec::new(),
            entries: 0,
            oldest: entry.received_at.into(),
            waits_because: peers
                .iter()
                .find(|known| state == "waiting" && Some(&known.name) == peer.as_ref())
                .and_then(Peer::why_messages_wait),
            peer,
        });
    group.entries += 1;
    group.oldest = group.oldest.min(entry.received_at.into());
    for holder in &entry.holders {
        if state == "held" && !group.plugins.contains(&holder.plugin) {
            group.plugins.push(holder.plugin.clone());
        }
    }
}
