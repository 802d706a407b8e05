use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use shardferry::{MigrationId, NodeId, ShardId};

use super::subject::Subject;
use crate::support::{A, B};

/// Threads of a round.
const THREADS: u64 = 4;
/// Calls of each of them.
const CALLS: usize = 10;
/// Shards that they share.
const SHARDS: u64 = 2;

/// What a thread asks of a shard.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Begin,
    Active,
    Claim(MigrationId),
    Report(MigrationId, u64),
    Complete(MigrationId, u64),
    Release(MigrationId, u64),
    Cancel(MigrationId),
    Settle(NodeId),
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ret {
    Begun(MigrationId),
    /// Another migration is under way.
    Busy(MigrationId),
    /// A copy has to go first.
    Ledger(NodeId),
    Active(Option<MigrationId>),
    Claimed(u64),
    Held,
    Done,
    Cancelled,
    Cancelling,
    Ended,
    Fenced,
    NotFound,
}

/// A call, its answer, and between which ticks of a common clock it was under way.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) call: Call,
    pub(super) ret: Ret,
    pub(super) began: u64,
    pub(super) ended: u64,
}

/// A small generator: the same seed draws the same numbers.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What a thread knows of a shard.
#[derive(Clone, Copy, Default)]
struct Knows {
    migration: Option<MigrationId>,
    claim: Option<(MigrationId, u64)>,
}

impl Knows {
    fn next_call(self, draw: &mut Draw) -> Call {
        let what = draw.below(10);
        if let Some((id, epoch)) = self.claim
            && what < 6
        {
            return match what {
                0 | 1 => Call::Report(id, epoch),
                2 | 3 => Call::Complete(id, epoch),
                4 => Call::Release(id, epoch),
                _ => Call::Active,
            };
        }
        match (what, self.migration) {
            (0..=2, Some(id)) => Call::Claim(id),
            (3, Some(id)) => Call::Cancel(id),
            (4 | 5, _) => Call::Active,
            (6 | 7, _) => Call::Settle(if what == 6 { A } else { B }),
            _ => Call::Begin,
        }
    }

    fn learn(&mut self, call: &Call, ret: &Ret) {
        match (call, ret) {
            (_, Ret::Begun(id) | Ret::Busy(id) | Ret::Active(Some(id))) => {
                self.migration = Some(*id);
            }
            (Call::Claim(id), Ret::Claimed(epoch)) => self.claim = Some((*id, *epoch)),
            _ => {}
        }
    }
}

/// One round on shards of its own: a history of each.
pub(super) fn record(subject: &Subject<'_>, seed: u64) -> Vec<Vec<Entry>> {
    let clock = AtomicU64::new(0);
    let start = Barrier::new(THREADS as usize);
    let one = |thread: u64| {
        let mut draw = Draw((seed * THREADS + thread + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut knows = [Knows::default(); SHARDS as usize];
        let mut reader = subject.reader();
        let mut done = Vec::new();
        start.wait();
        for _ in 0..CALLS {
            let at = draw.below(SHARDS);
            let shard = ShardId(seed * SHARDS + at);
            let call = knows[at as usize].next_call(&mut draw);
            let began = clock.fetch_add(1, Ordering::SeqCst);
            let ret = reader.ask(shard, &call);
            let ended = clock.fetch_add(1, Ordering::SeqCst);
            knows[at as usize].learn(&call, &ret);
            let entry = Entry {
                call,
                ret,
                began,
                ended,
            };
            done.push((at, entry));
        }
        done
    };
    let mut histories = vec![Vec::new(); SHARDS as usize];
    std::thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || one(thread)))
            .collect();
        for thread in threads {
            for (at, entry) in thread.join().unwrap() {
                histories[at as usize].push(entry);
            }
        }
    });
    histories
}
