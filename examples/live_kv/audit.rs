//! Is everything there that was acknowledged, and was it served by one node at a time?

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use shardferry::{MigrationId, NodeId, Shard, ShardId};

use crate::client::{journal_path, key_of, number_in};
use crate::cluster::{Cluster, FIRST_ROWS};
use crate::error::{AnyError, NodeError};
use crate::journal::{Acknowledged, Past};
use crate::marks::Role;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// Writes that were acknowledged, in this run and all before.
    pub(crate) acknowledged: u64,
    /// Keys that clients wrote.
    pub(crate) keys: u64,
    /// What must not be, in words.
    pub(crate) violations: Vec<String>,
}

/// Looks at a cluster in which nothing is under way, with the journals of its clients in `folder`.
pub(crate) fn audit(cluster: &Cluster, folder: &Path) -> Result<Audit, AnyError> {
    let mut audit = Audit::default();
    let shards = cluster.tracker.snapshot()?.shards;
    audit.one_copy_of_each(cluster, &shards)?;
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let path = journal_path(folder, number);
        if !path.try_exists()? {
            break;
        }
        let past = Past::read(&path)?;
        audit.keys_of_client(cluster, number, &past)?;
        acknowledged.extend(past.acknowledged);
    }
    audit.acknowledged = u64::try_from(acknowledged.len())?;
    audit.one_server_at_a_time(acknowledged);
    audit.first_rows(cluster, &shards)?;
    for violation in cluster.tracker.check()?.violations {
        audit.violations.push(format!("{violation:?}"));
    }
    Ok(audit)
}

impl Audit {
    /// The owner serves, and nobody else has a copy.
    fn one_copy_of_each(&mut self, cluster: &Cluster, shards: &[Shard]) -> Result<(), NodeError> {
        let mut found: BTreeMap<ShardId, Vec<(NodeId, Role)>> = BTreeMap::new();
        for node in cluster.nodes.iter() {
            for (shard, marks) in node.copies()? {
                found.entry(shard).or_default().push((node.id, marks.role));
            }
        }
        for shard in shards {
            let copies = found.remove(&shard.id).unwrap_or_default();
            if copies != [(shard.owner, Role::Serving)] {
                self.violations.push(format!(
                    "shard {} belongs to node {} alone; there are {copies:?}",
                    shard.id, shard.owner
                ));
            }
        }
        for (shard, copies) in found {
            let told = format!("shard {shard} is not known; there are {copies:?}");
            self.violations.push(told);
        }
        Ok(())
    }

    /// Each key holds its newest acknowledged write, or a later one that nobody was told about.
    fn keys_of_client(
        &mut self,
        cluster: &Cluster,
        client: u32,
        past: &Past,
    ) -> Result<(), AnyError> {
        for (key, past) in &past.keys {
            self.keys = self.keys.saturating_add(1);
            let text = key_of(client, *key);
            let shard = (cluster.tracker.find_shard_for_key(text.as_bytes())?)
                .ok_or_else(|| format!("no shard has the key {text}"))?;
            let owner = cluster.nodes.get(shard.owner).ok_or("no such node")?;
            let row = match owner.read(shard.id, text.as_bytes()) {
                Ok(row) => row,
                Err(error) => {
                    self.violations.push(format!("{text}: {error}"));
                    continue;
                }
            };
            let found = number_in(row.as_ref());
            let newer = past
                .done
                .is_none_or(|(_, ack)| row.as_ref().is_none_or(|row| row.seq >= ack.seq));
            if !past.allows(found) || !newer {
                self.violations.push(format!(
                    "{text} in shard {} holds write {found:?} (row {:?}); known of it: {past:?}",
                    shard.id,
                    row.map(|row| row.seq)
                ));
            }
        }
        Ok(())
    }

    /// The numbers of a shard's writes are given once each, and whoever has served and then not
    /// served does not serve again.
    fn one_server_at_a_time(&mut self, mut all: Vec<Acknowledged>) {
        all.sort_by_key(|one| (one.shard, one.ack.seq));
        let mut last: Option<Acknowledged> = None;
        let mut over: HashSet<(ShardId, NodeId, Option<MigrationId>)> = HashSet::new();
        for one in all {
            let tenure = (one.shard, one.ack.node, one.ack.since);
            if let Some(before) = last.filter(|before| before.shard == one.shard) {
                if before.ack.seq == one.ack.seq {
                    self.violations.push(format!(
                        "number {} of shard {} was given twice: {:?} and {:?}",
                        one.ack.seq, one.shard, before.ack, one.ack
                    ));
                }
                let earlier = (before.shard, before.ack.node, before.ack.since);
                if earlier != tenure {
                    over.insert(earlier);
                }
            }
            if over.contains(&tenure) {
                self.violations.push(format!(
                    "write {} of shard {} was served by a node that had lost it: {:?}",
                    one.ack.seq, one.shard, one.ack
                ));
            }
            last = Some(one);
        }
    }

    /// What was there before anybody wrote is still there.
    fn first_rows(&mut self, cluster: &Cluster, shards: &[Shard]) -> Result<(), AnyError> {
        let marker = FIRST_ROWS.as_bytes();
        for shard in shards {
            let owner = cluster.nodes.get(shard.owner).ok_or("no such node")?;
            let Some(copy) = owner.find(shard.id) else {
                continue;
            };
            let mut found = 0_u64;
            copy.file.read(|_, view| {
                view.each(|key, _, _| {
                    if key.get(4..).is_some_and(|rest| rest.starts_with(marker)) {
                        found = found.saturating_add(1);
                    }
                    Ok::<(), NodeError>(())
                })
            })?;
            if found != shard.keys {
                self.violations.push(format!(
                    "shard {} has {found} of its first {} rows",
                    shard.id, shard.keys
                ));
            }
        }
        Ok(())
    }
}
