//! Random operations, restarts among them, against a plain model in memory.
//!
//! The model says for each operation whether it is accepted and what it leaves; all invariants are
//! checked after each, and a refused operation changes no row. `PROPTEST_CASES` sets how long.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use shardferry::schema::v1::FailureClass;
use shardferry::tracker::Claim;
use shardferry::tracker::check::{
    Acknowledged, Image, invariant_i11_reopening_changes_nothing,
    invariant_i12_acknowledged_survives, invariants_of, invariants_of_step,
};
use shardferry::{
    MigrationId, MigrationTracker, NodeId, NodeState, Settings, ShardId, Status, Verification,
};

use crate::support::{Place, blake3, cases, node, node_in, shard, side, worker};

const NODES: u64 = 4;
const SHARDS: u64 = 5;
const ATTEMPTS_MAX: u32 = 3;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Begin {
        shard: u64,
        from: u64,
        to: u64,
    },
    /// From wherever the shard is, so that most are accepted.
    Move {
        shard: u64,
        to: u64,
    },
    Start(usize),
    Progress(usize, u64, Option<u64>),
    Verify(usize),
    Evidence(usize, bool),
    Complete(usize),
    Fail(usize),
    Cancel(usize),
    Claim(usize),
    /// Through the claim at this position among those of the session, stale ones too.
    ByClaim(usize, ByClaim),
    Settle {
        node: u64,
        shard: u64,
    },
    /// The oldest open cleanup.
    SettleOne,
    Node(u64, NodeState),
    Limit(Option<u32>),
    Register {
        shard: u64,
        owner: u64,
    },
    Remove {
        shard: u64,
    },
    Reopen,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ByClaim {
    Report(u64, Option<u64>),
    Fence,
    Unfence,
    Verify,
    Evidence(bool),
    Complete,
    FailAttempt(FailureClass),
    Release,
}

#[derive(Clone, Debug)]
struct Moved {
    id: MigrationId,
    shard: u64,
    from: u64,
    to: u64,
    status: Status,
    epoch: u64,
    /// Claimed; in this session (`true`) or by a process that is gone.
    held: Option<bool>,
    cancelling: bool,
    /// Writes to the source may be stopped: it ends no other way than by a cutover.
    fenced: bool,
    bytes: u64,
    total: Option<u64>,
    evidence: Option<(u64, bool)>,
    failed_attempts: u32,
}

#[derive(Debug)]
pub(crate) struct Model {
    verification: Verification,
    nodes: BTreeMap<u64, NodeState>,
    owners: BTreeMap<u64, u64>,
    migrations: Vec<Moved>,
    cleanups: BTreeSet<(u64, u64)>,
    /// Shards whose last cutover nobody has settled, and the node that they left.
    unserved: BTreeMap<u64, u64>,
    limit: Option<u32>,
}

impl Model {
    fn active(&self, shard: u64) -> bool {
        let mut migrations = self.migrations.iter();
        migrations.any(|row| row.shard == shard && !row.status.is_terminal())
    }

    fn begins(&self, shard: u64, from: u64, to: u64) -> bool {
        let registered = self.owners.get(&shard).is_none_or(|owner| {
            *owner == from
                && self.nodes[&from] != NodeState::Down
                && self.nodes[&to] == NodeState::Active
        });
        from != to
            && registered
            && !self.active(shard)
            && !self.cleanups.contains(&(to, shard))
            && !self.cleanups.contains(&(from, shard))
    }

    /// Whether a caller may command `at` now.
    fn caller(&self, at: usize) -> bool {
        let row = &self.migrations[at];
        !row.status.is_terminal() && row.held.is_none() && !row.cancelling
    }

    /// Whether the claim of `epoch` may command `at` now.
    fn holder(&self, at: usize, epoch: u64) -> bool {
        let row = &self.migrations[at];
        !row.status.is_terminal() && row.held.is_some() && row.epoch == epoch
    }

    fn progress(&mut self, at: usize, bytes: u64, total: Option<u64>) -> bool {
        let row = &mut self.migrations[at];
        let copying = matches!(row.status, Status::Pending | Status::InProgress);
        let total = total.or(row.total);
        if !copying || bytes < row.bytes || total.is_some_and(|total| total < bytes) {
            return false;
        }
        (row.bytes, row.total, row.status) = (bytes, total, Status::InProgress);
        true
    }

    fn verify(&mut self, at: usize) -> bool {
        let row = &mut self.migrations[at];
        if row.status != Status::InProgress {
            return false;
        }
        row.status = Status::Verifying;
        // What was proved before is no proof of this verification.
        row.evidence = None;
        true
    }

    fn evidence(&mut self, at: usize, same: bool) -> bool {
        let row = &mut self.migrations[at];
        if row.status != Status::Verifying {
            return false;
        }
        row.evidence = Some((row.epoch, same));
        true
    }

    fn complete(&mut self, at: usize) -> bool {
        let row = &self.migrations[at];
        let proven = match row.evidence.filter(|_| row.status == Status::Verifying) {
            Some((epoch, same)) if epoch == row.epoch => same,
            _ => self.verification == Verification::Optional,
        };
        let accepts =
            !self.owners.contains_key(&row.shard) || self.nodes[&row.to] == NodeState::Active;
        if row.status == Status::Pending || !proven || !accepts {
            return false;
        }
        let (shard, from, to) = (row.shard, row.from, row.to);
        if let Some(owner) = self.owners.get_mut(&shard) {
            *owner = to;
        }
        self.cleanups.insert((from, shard));
        self.unserved.insert(shard, from);
        let row = &mut self.migrations[at];
        (row.status, row.held) = (Status::Complete, None);
        true
    }

    fn end(&mut self, at: usize, status: Status) {
        let row = &mut self.migrations[at];
        if row.status != Status::Pending {
            self.cleanups.insert((row.to, row.shard));
        }
        (row.status, row.held) = (status, None);
    }

    fn cancel(&mut self, at: usize) -> bool {
        let row = &mut self.migrations[at];
        if row.status.is_terminal() {
            return false;
        }
        if row.held == Some(true) || row.fenced {
            row.cancelling = true;
        } else {
            self.end(at, Status::Cancelled);
        }
        true
    }

    fn claim(&mut self, at: usize) -> bool {
        let slots = self.migrations.iter().filter(|row| row.held.is_some());
        let full = self
            .limit
            .is_some_and(|limit| slots.count() >= limit as usize);
        let row = &mut self.migrations[at];
        let down = [row.from, row.to]
            .iter()
            .any(|node| self.nodes[node] == NodeState::Down);
        let free = match row.held {
            None => !full,
            Some(ours) => !ours,
        };
        let unserved = self.unserved.contains_key(&row.shard);
        if row.status.is_terminal() || !free {
            return false;
        }
        if down || unserved {
            // It waits, and what a process that is gone held of it is free.
            if row.held == Some(false) {
                let ends = row.cancelling && !row.fenced;
                (row.held, row.status) = (None, Status::InProgress);
                if ends {
                    self.end(at, Status::Cancelled);
                }
            }
            return false;
        }
        row.epoch += 1;
        (row.held, row.bytes, row.status) = (Some(true), 0, Status::InProgress);
        true
    }

    fn by_claim(&mut self, at: usize, epoch: u64, what: ByClaim) -> bool {
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
            _ if cancelling => false,
            ByClaim::Report(bytes, total) => self.progress(at, bytes, total),
            ByClaim::Fence => {
                self.migrations[at].fenced = true;
                true
            }
            ByClaim::Verify => self.verify(at),
            ByClaim::Evidence(same) => self.evidence(at, same),
            ByClaim::Complete => self.complete(at),
        }
    }

    fn let_go(&mut self, at: usize, how: ByClaim) -> bool {
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
    fn compare(&self, image: &Image) -> Result<(), TestCaseError> {
        prop_assert_eq!(image.migrations.len(), self.migrations.len());
        for row in &self.migrations {
            let real = &image.migrations[&row.id];
            let seen = (
                real.status(),
                real.epoch.0,
                real.attempt.is_some(),
                real.progress.bytes_migrated,
                real.progress.bytes_total,
                real.failed_attempts,
            );
            let expected = (
                row.status,
                row.epoch,
                row.held.is_some(),
                row.bytes,
                row.total,
                row.failed_attempts,
            );
            prop_assert_eq!(seen, expected, "{:?}", row);
        }
        let owners = image.shards.values().map(|row| (row.id.0, row.owner.0));
        prop_assert_eq!(&owners.collect::<BTreeMap<_, _>>(), &self.owners);
        let cleanups = image.cleanups.keys().map(|(node, shard)| (node.0, shard.0));
        prop_assert_eq!(&cleanups.collect::<BTreeSet<_>>(), &self.cleanups);
        Ok(())
    }
}

/// Runs `op` on both; whether it was accepted, by the file and by the model.
fn apply<'t>(
    tracker: &'t MigrationTracker,
    claims: &mut Vec<(usize, Claim<'t>)>,
    model: &mut Model,
    op: &Op,
) -> (bool, bool) {
    let known = model.migrations.len();
    let row = |at: usize| (at % known, model.migrations[at % known].id);
    match *op {
        Op::Begin { shard, from, to } => begin(tracker, model, shard, from, to),
        Op::Move { shard, to } => {
            let from = model
                .owners
                .get(&shard)
                .copied()
                .unwrap_or(1 + shard % NODES);
            begin(tracker, model, shard, from, to)
        }
        Op::Settle { node, shard } => settle(tracker, model, node, shard),
        Op::SettleOne => match model.cleanups.first().copied() {
            Some((node, shard)) => settle(tracker, model, node, shard),
            None => (true, true),
        },
        Op::Node(id, state) => {
            model.nodes.insert(id, state);
            (tracker.update_node(node_in(id, state)).is_ok(), true)
        }
        Op::Limit(limit) => {
            model.limit = limit;
            let settings = settings(model);
            (tracker.set_settings(&settings).is_ok(), true)
        }
        Op::Register { shard: id, owner } => {
            let real = tracker.register_shard(shard(id, NodeId(owner))).is_ok();
            let fits = !model.owners.contains_key(&id)
                && !model.active(id)
                && !model.cleanups.contains(&(owner, id));
            if fits {
                model.owners.insert(id, owner);
                let last = model.migrations.iter().rev();
                let mut last = last.filter(|row| row.shard == id && row.status == Status::Complete);
                if last.next().is_some_and(|row| row.to != owner) {
                    model.unserved.remove(&id);
                }
            }
            (real, fits)
        }
        Op::Remove { shard } => {
            let real = tracker.remove_shard(ShardId(shard)).is_ok();
            let cleanup = model.cleanups.iter().any(|(_, of)| *of == shard);
            let fits = model.owners.contains_key(&shard) && !model.active(shard) && !cleanup;
            if fits {
                model.owners.remove(&shard);
            }
            (real, fits)
        }
        _ if known == 0 => (true, true),
        Op::Start(at) => {
            let (at, id) = row(at);
            let fits = model.caller(at) && model.migrations[at].status == Status::Pending;
            if fits {
                model.migrations[at].status = Status::InProgress;
            }
            (tracker.start_migration(id).is_ok(), fits)
        }
        Op::Progress(at, bytes, total) => {
            let (at, id) = row(at);
            let fits = model.caller(at) && model.progress(at, bytes, total);
            (tracker.update_progress(id, bytes, total).is_ok(), fits)
        }
        Op::Verify(at) => {
            let (at, id) = row(at);
            let fits = model.caller(at) && model.verify(at);
            (tracker.begin_verification(id).is_ok(), fits)
        }
        Op::Evidence(at, same) => {
            let (at, id) = row(at);
            let fits = model.caller(at) && model.evidence(at, same);
            let copy = side(if same { 1 } else { 2 });
            (
                tracker.submit_evidence(id, blake3(), side(1), copy).is_ok(),
                fits,
            )
        }
        Op::Complete(at) => {
            let (at, id) = row(at);
            let fits = model.caller(at) && model.complete(at);
            (tracker.complete_migration(id).is_ok(), fits)
        }
        Op::Fail(at) => {
            let (at, id) = row(at);
            let fits = model.caller(at) && !model.migrations[at].fenced;
            if fits {
                model.end(at, Status::Failed);
            }
            (tracker.fail_migration(id, "broken").is_ok(), fits)
        }
        Op::Cancel(at) => {
            let (at, id) = row(at);
            let fits = model.cancel(at);
            (tracker.cancel_migration(id, "not wanted").is_ok(), fits)
        }
        Op::Claim(at) => {
            let (at, id) = row(at);
            let fits = model.claim(at);
            let claim = tracker.claim(id, &worker());
            let real = claim.is_ok();
            claims.extend(claim.ok().map(|claim| (at, claim)));
            (real, fits)
        }
        Op::ByClaim(which, what) => {
            if claims.is_empty() {
                return (true, true);
            }
            // The newest ones are the interesting ones.
            let (at, claim) = &claims[claims.len() - 1 - which % claims.len()];
            let fits = model.by_claim(*at, claim.epoch().0, what);
            let real = match what {
                ByClaim::Report(bytes, total) => claim.report(bytes, total, None),
                ByClaim::Fence => claim.fence(),
                ByClaim::Unfence => claim.unfence(),
                ByClaim::Verify => claim.begin_verification(),
                ByClaim::Evidence(same) => {
                    claim.submit_evidence(blake3(), side(1), side(if same { 1 } else { 2 }))
                }
                ByClaim::Complete => claim.complete(),
                ByClaim::FailAttempt(class) => claim.fail_attempt(class, "broken", false),
                ByClaim::Release => claim.release(),
            };
            (real.is_ok(), fits)
        }
        Op::Reopen => panic!("it ends the session"),
    }
}

fn begin(
    tracker: &MigrationTracker,
    model: &mut Model,
    shard: u64,
    from: u64,
    to: u64,
) -> (bool, bool) {
    let fits = model.begins(shard, from, to);
    let real = tracker.begin_migration(ShardId(shard), NodeId(from), NodeId(to));
    if let Ok(id) = real {
        model.migrations.push(Moved {
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
        });
    }
    (real.is_ok(), fits)
}

fn settle(tracker: &MigrationTracker, model: &mut Model, node: u64, shard: u64) -> (bool, bool) {
    let fits = model.cleanups.remove(&(node, shard));
    if model.unserved.get(&shard) == Some(&node) {
        model.unserved.remove(&shard);
    }
    let real = tracker.settle_cleanup(NodeId(node), ShardId(shard));
    (real.is_ok(), fits)
}

fn settings(model: &Model) -> Settings {
    Settings {
        verification: model.verification,
        in_flight_max: model.limit,
        attempts_max: ATTEMPTS_MAX,
        backoff_ms_min: 0,
        backoff_ms_max: 0,
        lease_ms: 600_000,
        ..Settings::default()
    }
}

pub(crate) fn ops() -> impl Strategy<Value = Op> {
    let (shards, nodes) = (1..=SHARDS, 1..=NODES);
    let at = 0..6_usize;
    let bytes = || (0..50_u64, prop::option::of(20..60_u64));
    let by_claim = prop_oneof![
        2 => bytes().prop_map(|(bytes, total)| ByClaim::Report(bytes, total)),
        1 => Just(ByClaim::Fence),
        1 => Just(ByClaim::Unfence),
        2 => Just(ByClaim::Verify),
        2 => prop::bool::weighted(0.8).prop_map(ByClaim::Evidence),
        3 => Just(ByClaim::Complete),
        1 => Just(ByClaim::FailAttempt(FailureClass::Retriable)),
        1 => Just(ByClaim::FailAttempt(FailureClass::Permanent)),
        1 => Just(ByClaim::FailAttempt(FailureClass::Unknown)),
        1 => Just(ByClaim::Release),
    ];
    let states = prop_oneof![
        4 => Just(NodeState::Active),
        1 => Just(NodeState::Draining),
        1 => Just(NodeState::Down),
    ];
    prop_oneof![
        1 => (shards.clone(), nodes.clone(), nodes.clone())
            .prop_map(|(shard, from, to)| Op::Begin { shard, from, to }),
        6 => (shards.clone(), nodes.clone()).prop_map(|(shard, to)| Op::Move { shard, to }),
        2 => at.clone().prop_map(Op::Start),
        2 => (at.clone(), bytes()).prop_map(|(at, (bytes, total))| Op::Progress(at, bytes, total)),
        1 => at.clone().prop_map(Op::Verify),
        1 => (at.clone(), any::<bool>()).prop_map(|(at, same)| Op::Evidence(at, same)),
        2 => at.clone().prop_map(Op::Complete),
        1 => at.clone().prop_map(Op::Fail),
        1 => at.clone().prop_map(Op::Cancel),
        6 => at.prop_map(Op::Claim),
        10 => (prop_oneof![4 => Just(0_usize), 1 => 1..5_usize], by_claim)
            .prop_map(|(which, what)| Op::ByClaim(which, what)),
        1 => (nodes.clone(), shards.clone()).prop_map(|(node, shard)| Op::Settle { node, shard }),
        3 => Just(Op::SettleOne),
        1 => (nodes.clone(), states).prop_map(|(node, state)| Op::Node(node, state)),
        1 => prop::option::of(1..3_u32).prop_map(Op::Limit),
        1 => (shards.clone(), nodes).prop_map(|(shard, owner)| Op::Register { shard, owner }),
        1 => shards.prop_map(|shard| Op::Remove { shard }),
        2 => Just(Op::Reopen),
    ]
}

pub(crate) fn run(
    place: &Place,
    model: &mut Model,
    ops: &[Op],
) -> Result<Vec<Status>, TestCaseError> {
    let tracker = place.create_with(&settings(model));
    for id in 1..=NODES {
        tracker.register_node(node(id)).unwrap();
    }
    for (id, owner) in &model.owners {
        tracker.register_shard(shard(*id, NodeId(*owner))).unwrap();
    }
    drop(tracker);
    let mut last: Option<Image> = None;
    for session in ops.split(|op| matches!(op, Op::Reopen)) {
        let tracker = place.open();
        let mut before = tracker.image().unwrap();
        if let Some(last) = &last {
            let changed = invariant_i11_reopening_changes_nothing(last, &before);
            prop_assert_eq!(changed, []);
        }
        let mut claims = Vec::new();
        for op in session {
            let (real, expected) = apply(&tracker, &mut claims, model, op);
            prop_assert_eq!(real, expected, "{:?} on {:#?}", op, model);
            let after = tracker.image().unwrap();
            prop_assert_eq!(invariants_of(&after), [], "after {:?}", op);
            prop_assert_eq!(invariants_of_step(&before, &after), [], "after {:?}", op);
            if !real && !matches!(op, Op::Claim(_)) {
                prop_assert!(before == after, "a refused {:?} changed something", op);
            }
            model.compare(&after)?;
            let answers = model.migrations.iter().map(|row| Acknowledged {
                id: row.id,
                status: row.status,
            });
            let answers: Vec<_> = answers.collect();
            prop_assert_eq!(invariant_i12_acknowledged_survives(&answers, &after), []);
            before = after;
        }
        drop(claims);
        drop(tracker);
        for row in &mut model.migrations {
            row.held = row.held.map(|_| false);
        }
        last = Some(before);
    }
    Ok(model.migrations.iter().map(|row| row.status).collect())
}

pub(crate) fn model(required: bool) -> Model {
    Model {
        verification: if required {
            Verification::Required
        } else {
            Verification::Optional
        },
        nodes: (1..=NODES).map(|id| (id, NodeState::Active)).collect(),
        owners: (1..=3).map(|shard| (shard, 1)).collect(),
        migrations: Vec::new(),
        cleanups: BTreeSet::new(),
        unserved: BTreeMap::new(),
        limit: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(40),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_file_does_what_the_model_does(
        ops in prop::collection::vec(ops(), 1..60),
        required in any::<bool>(),
    ) {
        run(&Place::new(), &mut model(required), &ops)?;
    }
}

/// The operations above reach each end, and often: a generator whose operations are all refused
/// would prove nothing.
#[test]
fn random_operations_reach_every_status() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeMap::new();
    for round in 0..20 {
        let ops = prop::collection::vec(ops(), 60).new_tree(&mut runner);
        let ops = ops.unwrap().current();
        let statuses = run(&Place::new(), &mut model(round % 4 == 0), &ops).unwrap();
        for status in statuses {
            *reached.entry(status).or_insert(0) += 1;
        }
    }
    for status in [Status::Complete, Status::Failed, Status::Cancelled] {
        let times = reached.get(&status).copied().unwrap_or_default();
        assert!(
            times >= 5,
            "{status} was reached {times} times: {reached:?}"
        );
    }
}
