use std::collections::BTreeMap;

use proptest::prelude::*;
use shardferry::schema::v1::FailureClass;
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
        }
    }
}

/// What the file should say, in plain maps.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) verification: Verification,
    pub(super) nodes: BTreeMap<u64, NodeState>,
    pub(super) owners: BTreeMap<u64, u64>,
    pub(super) migrations: Vec<Moved>,
    /// Where a copy has to go: the node and the shard; and from where to where it was moved.
    pub(super) cleanups: BTreeMap<(u64, u64), (u64, u64)>,
    /// Shards whose last cutover nobody has settled, and the node that they left.
    pub(super) unserved: BTreeMap<u64, u64>,
    pub(super) limit: Option<u32>,
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

    pub(super) fn complete(&mut self, at: usize) -> bool {
        let row = &self.migrations[at];
        let proven = match row.evidence.filter(|_| row.status == Status::Verifying) {
            Some((epoch, same)) if epoch == row.epoch => same,
            _ => self.verification == Verification::Optional,
        };
        let accepts = !self.owners.contains_key(&row.shard)
            || self.nodes.get(&row.to) == Some(&NodeState::Active);
        if row.status == Status::Pending || !proven || !accepts {
            return false;
        }
        let (shard, from, to) = (row.shard, row.from, row.to);
        if let Some(owner) = self.owners.get_mut(&shard) {
            *owner = to;
        }
        self.cleanups.insert((from, shard), (from, to));
        self.unserved.insert(shard, from);
        let row = &mut self.migrations[at];
        (row.status, row.held) = (Status::Complete, None);
        true
    }

    pub(super) fn end(&mut self, at: usize, status: Status) {
        let row = &mut self.migrations[at];
        if row.status != Status::Pending {
            self.cleanups
                .insert((row.to, row.shard), (row.from, row.to));
        }
        (row.status, row.held) = (status, None);
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

    pub(super) fn claim(&mut self, at: usize, executor: usize) -> Wish {
        let slots = self.migrations.iter().filter(|row| row.held.is_some());
        let full = self
            .limit
            .is_some_and(|limit| slots.count() >= limit as usize);
        let row = &mut self.migrations[at];
        let down = [row.from, row.to]
            .iter()
            .any(|node| self.nodes.get(node) == Some(&NodeState::Down));
        let free = match row.held {
            None => !full,
            Some(holder) => !holder.alive,
        };
        let unserved = self.unserved.contains_key(&row.shard);
        // What is held by somebody who is gone passes on, whatever the limit.
        if row.status.is_terminal() || row.held.is_some_and(|holder| holder.alive) {
            return Wish::Refused;
        }
        if down || unserved {
            // It waits, and what somebody who is gone held of it is free.
            if row.held.is_some() {
                let ends = row.cancelling && !row.fenced;
                (row.held, row.status) = (None, Status::InProgress);
                if ends {
                    self.end(at, Status::Cancelled);
                }
                return Wish::Freed;
            }
            return Wish::Refused;
        }
        if !free {
            return Wish::Refused;
        }
        row.epoch += 1;
        let alive = true;
        (row.held, row.bytes, row.status) =
            (Some(Holder { executor, alive }), 0, Status::InProgress);
        Wish::Granted
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
                .any(|(from, to)| *from == node || *to == node)
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
            ByClaim::Complete => self.complete(at),
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
            self.end(at, Status::Failed);
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
            );
            let expected = (
                row.status,
                row.epoch,
                row.held
                    .map(|holder| super::executor(holder.executor).to_string()),
                row.bytes,
                row.total,
                row.failed_attempts,
            );
            prop_assert_eq!(seen, expected, "{:?}", row);
        }
        let owners = image.shards.values().map(|row| (row.id.0, row.owner.0));
        prop_assert_eq!(&owners.collect::<BTreeMap<_, _>>(), &self.owners);
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

/// What became of the wish to claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Granted,
    Refused,
    /// Refused, and the slot of an executor that is gone is free.
    Freed,
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
            migrations: Vec::new(),
            cleanups: BTreeMap::new(),
            unserved: BTreeMap::new(),
            limit: None,
            requests: BTreeMap::new(),
            lag: true,
            behind: false,
        }
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            verification: self.verification,
            in_flight_max: self.limit,
            attempts_max: ATTEMPTS_MAX,
            backoff_ms_min: 0,
            backoff_ms_max: 0,
            lease_ms: 600_000,
            progress_lag_ms_max: if self.lag { u64::MAX } else { 0 },
            ..Settings::default()
        }
    }
}
