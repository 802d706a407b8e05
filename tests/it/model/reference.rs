use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use shardferry::schema::v1::{FailureClass, PauseScope};
use shardferry::tracker::check::Image;
use shardferry::{MigrationId, NodeState, Settings, Status, Verification};

use super::op::ByClaim;
use super::{ATTEMPTS_MAX, NODES};

/// Who has claimed a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) executor: usize,
    /// `false`: its process is gone, or its lease ran out.
    pub(super) alive: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) id: MigrationId,
    pub(super) shard: u64,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) status: Status,
    pub(super) epoch: u64,
    pub(super) held: Option<Holder>,
    pub(super) cancelling: bool,
    /// Writes to the source may be stopped: it ends no other way than by a cutover.
    pub(super) fenced: bool,
    pub(super) bytes: u64,
    pub(super) total: Option<u64>,
    pub(super) evidence: Option<(u64, bool)>,
    pub(super) failed_attempts: u32,
    pub(super) priority: i32,
    /// It is to empty its source.
    pub(super) drains: bool,
    /// The migration whose way back it is.
    pub(super) reverse_of: Option<MigrationId>,
    /// The newest stale epoch of which the log tells.
    pub(super) noted: u64,
    /// It failed, and its next attempt is far away.
    pub(super) waits: bool,
    /// When it began, and when its next attempt may be made: times are the file's to say.
    pub(super) created_ms: u64,
    pub(super) not_before_ms: u64,
}

impl Moved {
    pub(super) fn new(id: MigrationId, shard: u64, from: u64, to: u64) -> Self {
        Self {
            id,
            shard,
            from,
            to,
            status: Status::Pending,
            epoch: 0,
            held: None,
            cancelling: false,
            fenced: false,
            bytes: 0,
            total: None,
            evidence: None,
            failed_attempts: 0,
            priority: 0,
            drains: false,
            reverse_of: None,
            noted: 0,
            waits: false,
            created_ms: 0,
            not_before_ms: 0,
        }
    }
}

/// A copy that has to go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) from: u64,
    pub(super) to: u64,
    /// It is that of the source, after a cutover.
    pub(super) released: bool,
    /// It is kept for long.
    pub(super) waits: bool,
}

/// What the file should say, in plain maps.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) verification: Verification,
    pub(super) nodes: BTreeMap<u64, NodeState>,
    pub(super) owners: BTreeMap<u64, u64>,
    /// Cutovers of each registered shard since its registration.
    pub(super) versions: BTreeMap<u64, u64>,
    pub(super) migrations: Vec<Moved>,
    /// Where a copy has to go: the node and the shard.
    pub(super) cleanups: BTreeMap<(u64, u64), Left>,
    /// Shards whose last cutover nobody has settled, and the node that they left.
    pub(super) unserved: BTreeMap<u64, u64>,
    /// The last cutover of each shard.
    pub(super) last_moves: BTreeMap<u64, usize>,
    pub(super) pauses: BTreeSet<PauseScope>,
    /// Shards that are set aside, and the migration that failed.
    pub(super) quarantine: BTreeMap<u64, usize>,
    pub(super) limit: Option<u32>,
    pub(super) pair_limit: Option<u32>,
    pub(super) ageing_ms: u64,
    /// Waits are long, not none.
    pub(super) long_waits: bool,
    /// Request keys, and what they began.
    pub(super) requests: BTreeMap<u8, (usize, u64, u64, u64)>,
    /// Progress may be behind the disk.
    pub(super) lag: bool,
    /// Something waits for the disk.
    pub(super) behind: bool,
}

impl Model {
    pub(super) fn active(&self, shard: u64) -> bool {
        let mut migrations = self.migrations.iter();
        migrations.any(|row| row.shard == shard && !row.status.is_terminal())
    }

    pub(super) fn begins(&self, shard: u64, from: u64, to: u64) -> bool {
        let registered = self.owners.get(&shard).is_none_or(|owner| {
            *owner == from
                && self
                    .nodes
                    .get(&from)
                    .is_some_and(|state| *state != NodeState::Down)
                && self.nodes.get(&to) == Some(&NodeState::Active)
        });
        from != to
            && registered
            && !self.active(shard)
            && !self.cleanups.contains_key(&(to, shard))
            && !self.cleanups.contains_key(&(from, shard))
            && !self.quarantine.contains_key(&shard)
    }

    /// Whether a caller may command `at` now.
    pub(super) fn caller(&self, at: usize) -> bool {
        let row = &self.migrations[at];
        !row.status.is_terminal() && row.held.is_none() && !row.cancelling
    }

    /// Whether the claim of `epoch` may command `at` now.
    pub(super) fn holder(&self, at: usize, epoch: u64) -> bool {
        let row = &self.migrations[at];
        !row.status.is_terminal() && row.held.is_some() && row.epoch == epoch
    }

    /// A report of an epoch that is over: the log tells of it once.
    pub(super) fn note_late(&mut self, at: usize, epoch: u64) -> bool {
        let row = &mut self.migrations[at];
        let late = !row.status.is_terminal() && epoch < row.epoch && row.noted < epoch;
        if late {
            row.noted = epoch;
        }
        late
    }

    pub(super) fn progress(&mut self, at: usize, bytes: u64, total: Option<u64>) -> bool {
        let row = &mut self.migrations[at];
        let copying = matches!(row.status, Status::Pending | Status::InProgress);
        let total = total.or(row.total);
        if !copying || bytes < row.bytes || total.is_some_and(|total| total < bytes) {
            return false;
        }
        (row.bytes, row.total, row.status) = (bytes, total, Status::InProgress);
        true
    }

    pub(super) fn verify(&mut self, at: usize) -> bool {
        let row = &mut self.migrations[at];
        if row.status != Status::InProgress {
            return false;
        }
        row.status = Status::Verifying;
        // What was proved before is no proof of this verification.
        row.evidence = None;
        true
    }

    pub(super) fn evidence(&mut self, at: usize, same: bool) -> bool {
        let row = &mut self.migrations[at];
        if row.status != Status::Verifying {
            return false;
        }
        row.evidence = Some((row.epoch, same));
        true
    }

    pub(super) fn complete(&mut self, at: usize, waived: bool) -> bool {
        let row = &self.migrations[at];
        let proven = match row.evidence.filter(|_| row.status == Status::Verifying) {
            Some((epoch, same)) if epoch == row.epoch => same,
            _ => waived || self.verification == Verification::Optional,
        };
        let accepts = !self.owners.contains_key(&row.shard)
            || self.nodes.get(&row.to) == Some(&NodeState::Active);
        if row.status == Status::Pending || !proven || !accepts {
            return false;
        }
        let (shard, from, to) = (row.shard, row.from, row.to);
        if let Some(owner) = self.owners.get_mut(&shard) {
            *owner = to;
            *self.versions.entry(shard).or_default() += 1;
        }
        let left = Left {
            from,
            to,
            released: true,
            waits: self.long_waits,
        };
        self.cleanups.insert((from, shard), left);
        self.unserved.insert(shard, from);
        self.last_moves.insert(shard, at);
        let row = &mut self.migrations[at];
        (row.status, row.held) = (Status::Complete, None);
        self.pauses.remove(&PauseScope::Migration(row.id));
        true
    }

    pub(super) fn end(&mut self, at: usize, status: Status) {
        let row = &mut self.migrations[at];
        if row.status != Status::Pending {
            let left = Left {
                from: row.from,
                to: row.to,
                released: false,
                waits: false,
            };
            self.cleanups.insert((row.to, row.shard), left);
        }
        (row.status, row.held) = (status, None);
        self.pauses.remove(&PauseScope::Migration(row.id));
    }

    pub(super) fn cancel(&mut self, at: usize) -> bool {
        let row = &mut self.migrations[at];
        if row.status.is_terminal() {
            return false;
        }
        if row.held.is_some_and(|holder| holder.alive) || row.fenced {
            row.cancelling = true;
        } else {
            self.end(at, Status::Cancelled);
        }
        true
    }

    /// A sign of life of whoever holds it.
    pub(super) fn renew(&mut self, at: usize) {
        if let Some(holder) = &mut self.migrations[at].held {
            holder.alive = true;
        }
    }

    /// Whether the node may leave the registry.
    pub(super) fn may_leave(&self, node: u64) -> bool {
        let under_way =
            |row: &Moved| !row.status.is_terminal() && (row.from == node || row.to == node);
        self.nodes.contains_key(&node)
            && !self.owners.values().any(|owner| *owner == node)
            && !self.migrations.iter().any(under_way)
            && !self
                .cleanups
                .values()
                .any(|left| left.from == node || left.to == node)
    }

    /// Nobody holds anything any more: the process is gone.
    pub(super) fn end_session(&mut self) {
        self.behind = false;
        let holders = self
            .migrations
            .iter_mut()
            .filter_map(|row| row.held.as_mut());
        holders.for_each(|holder| holder.alive = false);
    }

    pub(super) fn by_claim(&mut self, at: usize, epoch: u64, what: ByClaim) -> bool {
        if !self.holder(at, epoch) {
            return false;
        }
        let Moved {
            cancelling, fenced, ..
        } = self.migrations[at];
        let told_to_pause = self.is_paused(at) && !fenced;
        match what {
            ByClaim::Release | ByClaim::FailAttempt(_) if cancelling && !fenced => {
                self.end(at, Status::Cancelled);
                true
            }
            ByClaim::Unfence => {
                self.migrations[at].fenced = false;
                true
            }
            ByClaim::Release | ByClaim::FailAttempt(_) => self.let_go(at, what),
            ByClaim::Renew => {
                self.renew(at);
                true
            }
            _ if cancelling => false,
            ByClaim::Report(..) | ByClaim::Fence if told_to_pause => false,
            ByClaim::Report(bytes, total) => {
                let fits = self.progress(at, bytes, total);
                if fits {
                    self.renew(at);
                }
                fits
            }
            ByClaim::Fence => {
                self.migrations[at].fenced = true;
                true
            }
            ByClaim::Verify => self.verify(at),
            ByClaim::Evidence(same) => {
                let fits = self.evidence(at, same);
                if fits {
                    self.renew(at);
                }
                fits
            }
            ByClaim::Complete => self.complete(at, false),
        }
    }

    pub(super) fn let_go(&mut self, at: usize, how: ByClaim) -> bool {
        let row = &mut self.migrations[at];
        (row.held, row.status) = (None, Status::InProgress);
        let ByClaim::FailAttempt(class) = how else {
            return true;
        };
        row.failed_attempts += 1;
        let last = match class {
            FailureClass::Permanent => true,
            FailureClass::Retriable => row.failed_attempts >= ATTEMPTS_MAX,
            FailureClass::Unknown => false,
        };
        if last && !row.fenced {
            let shard = row.shard;
            self.end(at, Status::Failed);
            if class == FailureClass::Retriable {
                self.quarantine.insert(shard, at);
            }
        } else {
            row.waits = self.long_waits;
        }
        true
    }

    /// What the file says must be what the model says.
    pub(super) fn compare(&self, image: &Image) -> Result<(), TestCaseError> {
        prop_assert_eq!(image.migrations.len(), self.migrations.len());
        for row in &self.migrations {
            let real = &image.migrations[&row.id];
            let seen = (
                real.status(),
                real.epoch.0,
                real.attempt
                    .as_ref()
                    .map(|attempt| attempt.executor.to_string()),
                real.progress.bytes_migrated,
                real.progress.bytes_total,
                real.failed_attempts,
                real.refused_epoch.0,
                (real.priority, real.reverse_of),
            );
            let expected = (
                row.status,
                row.epoch,
                row.held
                    .map(|holder| super::executor(holder.executor).to_string()),
                row.bytes,
                row.total,
                row.failed_attempts,
                row.noted,
                (row.priority, row.reverse_of),
            );
            prop_assert_eq!(seen, expected, "{:?}", row);
        }
        let owners = image.shards.values().map(|row| (row.id.0, row.owner.0));
        prop_assert_eq!(&owners.collect::<BTreeMap<_, _>>(), &self.owners);
        let versions = image.shards.values().map(|row| (row.id.0, row.version));
        prop_assert_eq!(&versions.collect::<BTreeMap<_, _>>(), &self.versions);
        let pauses: BTreeSet<_> = image.pauses.keys().copied().collect();
        prop_assert_eq!(&pauses, &self.pauses);
        let aside = image.quarantine.iter();
        let aside: BTreeMap<_, _> = aside.map(|(shard, row)| (shard.0, row.migration)).collect();
        let expected = self.quarantine.iter();
        let expected = expected.map(|(shard, at)| (*shard, self.migrations[*at].id));
        prop_assert_eq!(aside, expected.collect::<BTreeMap<_, _>>());
        let cleanups = image.cleanups.keys().map(|(node, shard)| (node.0, shard.0));
        prop_assert!(
            cleanups.eq(self.cleanups.keys().copied()),
            "{:?}",
            self.cleanups
        );
        let nodes = image.nodes.values().map(|row| (row.id.0, row.state));
        prop_assert_eq!(&nodes.collect::<BTreeMap<_, _>>(), &self.nodes);
        Ok(())
    }
}

impl Model {
    /// Every node up, three shards registered on the first, nothing under way.
    pub(super) fn new(required: bool) -> Self {
        Self {
            verification: if required {
                Verification::Required
            } else {
                Verification::Optional
            },
            nodes: (1..=NODES).map(|id| (id, NodeState::Active)).collect(),
            owners: (1..=3).map(|shard| (shard, 1)).collect(),
            versions: (1..=3).map(|shard| (shard, 0)).collect(),
            migrations: Vec::new(),
            cleanups: BTreeMap::new(),
            unserved: BTreeMap::new(),
            last_moves: BTreeMap::new(),
            pauses: BTreeSet::new(),
            quarantine: BTreeMap::new(),
            limit: None,
            pair_limit: None,
            ageing_ms: 1,
            long_waits: false,
            requests: BTreeMap::new(),
            lag: true,
            behind: false,
        }
    }

    pub(super) fn settings(&self) -> Settings {
        let wait_ms = if self.long_waits { 3_600_000 } else { 0 };
        Settings {
            verification: self.verification,
            in_flight_max: self.limit,
            in_flight_per_pair_max: self.pair_limit,
            ageing_ms: self.ageing_ms,
            attempts_max: ATTEMPTS_MAX,
            backoff_ms_min: wait_ms,
            backoff_ms_max: wait_ms,
            cleanup_grace_ms: wait_ms,
            lease_ms: 600_000,
            progress_lag_ms_max: if self.lag { u64::MAX } else { 0 },
            ..Settings::default()
        }
    }
}
