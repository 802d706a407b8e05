//! What to do next: the oldest cleanup that is due, else the next migration that can be claimed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::in_hand::InHand;
use super::settle::{self, Settled};
use super::{ExecutorOptions, RunReport, WorksOn};
use crate::schema::v1::Cleanup;
use crate::schema::{MigrationId, NodeId, ShardId, TimestampMs};
use crate::store::StoreError;
use crate::tracker::{Claim, MigrationTracker, Next};

/// How long an idle worker waits before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How often one run tries to settle the same cleanup: a node that stays away must not keep the
/// run from ending. The entry stays, and the next run tries again.
const CLEANUP_TRIES_MAX: u32 = 3;

/// One thing to do.
pub(super) enum Work<'a> {
    Move(Arc<InHand<'a>>),
    Clean(Cleanup),
}

/// The work of a run, shared by its workers.
pub(super) struct Queue<'a> {
    tracker: &'a MigrationTracker,
    options: &'a ExecutorOptions,
    state: Mutex<State<'a>>,
    wake: Condvar,
}

#[derive(Default)]
struct State<'a> {
    /// When a migration that waits may be claimed, as of the last look.
    waits_until: Option<TimestampMs>,
    cleanups: VecDeque<Cleanup>,
    in_hand: Vec<Arc<InHand<'a>>>,
    cleaning: HashSet<(NodeId, ShardId)>,
    tries: HashMap<MigrationId, u32>,
    fatal: Option<StoreError>,
    over: bool,
    report: RunReport,
}

impl<'a> Queue<'a> {
    pub(super) fn new(tracker: &'a MigrationTracker, options: &'a ExecutorOptions) -> Self {
        Self {
            tracker,
            options,
            state: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    /// The next thing to do; waits while others work. `None`: the run is over.
    pub(super) fn next(&self) -> Option<Work<'a>> {
        let mut state = self.lock();
        let mut looked = false;
        loop {
            if state.over || self.options.stop.is_stopped() {
                return None;
            }
            // One instant for all: what was not yet due is then worth waiting for.
            let now = self.tracker.now();
            let found = match self.take_cleanup(&mut state, now) {
                Some(work) => Ok(Some(work)),
                None => self.take_migration(&mut state),
            };
            match found {
                Ok(Some(work)) => return Some(work),
                Ok(None) if !looked => {
                    looked = true;
                    if let Err(error) = self.look(&mut state) {
                        self.give_up(&mut state, error);
                    }
                }
                Ok(None) => {
                    if !self.options.stays && !wait_is_worth_it(&state, now) {
                        state.over = true;
                        self.wake.notify_all();
                        return None;
                    }
                    looked = false;
                    state = self.wait(state);
                }
                Err(error) => self.give_up(&mut state, error),
            }
        }
    }

    /// A migration is no longer in hand.
    pub(super) fn put_down(&self, done: &Arc<InHand<'a>>, count: impl FnOnce(&mut RunReport)) {
        let mut state = self.lock();
        state.in_hand.retain(|other| !Arc::ptr_eq(other, done));
        count(&mut state.report);
        self.wake.notify_all();
    }

    /// A cleanup is no longer in hand.
    pub(super) fn put_down_cleanup(&self, cleanup: &Cleanup, settled: Settled) {
        let key = (cleanup.node, cleanup.shard);
        let mut state = self.lock();
        state.cleaning.remove(&key);
        match settled {
            Settled::Yes => state.report.settled += 1,
            Settled::Failed => *state.tries.entry(cleanup.migration).or_default() += 1,
            Settled::Later | Settled::Elsewhere => {}
        }
        self.wake.notify_all();
    }

    /// What a panic interrupted is no longer in hand.
    pub(super) fn abandon(&self, work: &Work<'a>) {
        let mut state = self.lock();
        match work {
            Work::Move(in_hand) => {
                state.in_hand.retain(|other| !Arc::ptr_eq(other, in_hand));
                let of = in_hand.claim.migration();
                state.cleaning.remove(&(of.from, of.shard));
            }
            Work::Clean(cleanup) => {
                state.cleaning.remove(&(cleanup.node, cleanup.shard));
            }
        }
        self.wake.notify_all();
    }

    /// Marks a cleanup as in hand, unless somebody else has it.
    pub(super) fn take_this_cleanup(&self, key: (NodeId, ShardId)) -> bool {
        self.lock().cleaning.insert(key)
    }

    /// The file failed: every worker ends.
    pub(super) fn fail(&self, error: StoreError) {
        let mut state = self.lock();
        self.give_up(&mut state, error);
    }

    /// Every migration that is in hand.
    pub(super) fn in_hand(&self) -> Vec<Arc<InHand<'a>>> {
        self.lock().in_hand.clone()
    }

    /// Whether the workers have ended, or are asked to.
    pub(super) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// Wakes everybody who waits, and ends the run.
    pub(super) fn end(&self) {
        self.lock().over = true;
        self.wake.notify_all();
    }

    /// What the run did.
    pub(super) fn report(&self) -> Result<RunReport, StoreError> {
        let mut state = self.lock();
        match state.fatal.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut state.report)),
        }
    }

    /// Waits for somebody to finish something, or a little.
    pub(super) fn doze(&self, at_most: Duration) {
        let state = self.lock();
        let waited = self.wake.wait_timeout(state, at_most);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State<'a>>) -> MutexGuard<'g, State<'a>> {
        let waited = self.wake.wait_timeout(state, LOOK_AGAIN);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn give_up(&self, state: &mut State<'a>, error: StoreError) {
        // What went wrong first tells more than what it made of the handle.
        if matches!(state.fatal, None | Some(StoreError::ReopenNeeded)) {
            state.fatal = Some(error);
        }
        state.over = true;
        self.wake.notify_all();
    }

    /// Reads which copies have to go.
    fn look(&self, state: &mut State<'a>) -> Result<(), StoreError> {
        state.cleanups = self.tracker.cleanups()?.into();
        Ok(())
    }

    fn take_cleanup(&self, state: &mut State<'a>, now: TimestampMs) -> Option<Work<'a>> {
        for _ in 0..state.cleanups.len() {
            let cleanup = state.cleanups.pop_front()?;
            let key = (cleanup.node, cleanup.shard);
            let tried = state.tries.get(&cleanup.migration).copied().unwrap_or(0);
            // A run that has no end by itself is paced by the ledger alone.
            let is_given_up = tried >= CLEANUP_TRIES_MAX && !self.options.stays;
            if is_given_up || state.cleaning.contains(&key) {
                continue;
            }
            if settle::is_due(&cleanup, now) {
                state.cleaning.insert(key);
                return Some(Work::Clean(cleanup));
            }
            state.cleanups.push_back(cleanup);
        }
        None
    }

    fn take_migration(&self, state: &mut State<'a>) -> Result<Option<Work<'a>>, StoreError> {
        match self.options.works_on {
            WorksOn::Cleanups => return Ok(None),
            WorksOn::Everything => {}
        }
        let in_hand = state.in_hand.iter();
        let in_hand: Vec<MigrationId> = in_hand.map(|one| one.claim.migration().id).collect();
        match self.tracker.claim_next_but(&self.options.name, &in_hand)? {
            Next::Claimed(claim) => Ok(Some(self.take(state, *claim))),
            Next::Nothing { waits_until } => {
                state.waits_until = waits_until;
                Ok(None)
            }
        }
    }

    fn take(&self, state: &mut State<'a>, claim: Claim<'a>) -> Work<'a> {
        let in_hand = Arc::new(InHand::new(claim, self.options, self.tracker));
        state.in_hand.push(Arc::clone(&in_hand));
        Work::Move(in_hand)
    }
}

/// Whether something that is being done, or a wait that ends by itself, can make more work.
fn wait_is_worth_it(state: &State<'_>, now: TimestampMs) -> bool {
    let retries = |cleanup: &Cleanup| {
        let tried = state.tries.get(&cleanup.migration).copied().unwrap_or(0);
        cleanup.retry_at_ms > now && tried < CLEANUP_TRIES_MAX
    };
    !state.in_hand.is_empty()
        || !state.cleaning.is_empty()
        || state.waits_until.is_some()
        || state.cleanups.iter().any(retries)
}
