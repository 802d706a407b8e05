use std::collections::BTreeSet;

use shardferry::{MigrationId, NodeId};

use super::history::{Call, Ret};
use crate::support::{A, B};

/// A shard that moves from A to B again and again, as one thread alone would see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shard {
    active: Option<Active>,
    /// Nodes whose copy has to go.
    ledger: BTreeSet<NodeId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Active {
    id: MigrationId,
    epoch: u64,
    held: bool,
    started: bool,
    cancelling: bool,
}

impl Shard {
    /// The shard after `call`; `None`: it would not have answered `ret`.
    pub(super) fn after(&self, call: &Call, ret: &Ret) -> Option<Self> {
        let mut next = self.clone();
        let answer = match call {
            Call::Begin => next.begin(ret)?,
            Call::Active => Ret::Active(self.active.as_ref().map(|active| active.id)),
            Call::Claim(id) => next.claim(*id),
            Call::Report(id, epoch) => next.by_claim(*id, *epoch, |_| {}),
            Call::Complete(id, epoch) => next.by_claim(*id, *epoch, |shard| {
                shard.active = None;
                shard.ledger.insert(A);
            }),
            Call::Release(id, epoch) => next.release(*id, *epoch),
            Call::Cancel(id) => next.cancel(*id),
            Call::Settle(node) if next.ledger.remove(node) => Ret::Done,
            Call::Settle(_) => Ret::NotFound,
        };
        (answer == *ret).then_some(next)
    }

    fn begin(&mut self, ret: &Ret) -> Option<Ret> {
        if let Some(active) = &self.active {
            return Some(Ret::Busy(active.id));
        }
        for node in [B, A] {
            if self.ledger.contains(&node) {
                return Some(Ret::Ledger(node));
            }
        }
        // Any id will do.
        let Ret::Begun(id) = *ret else { return None };
        self.active = Some(Active {
            id,
            epoch: 0,
            held: false,
            started: false,
            cancelling: false,
        });
        Some(Ret::Begun(id))
    }

    fn find(&mut self, id: MigrationId) -> Option<&mut Active> {
        self.active.as_mut().filter(|active| active.id == id)
    }

    fn claim(&mut self, id: MigrationId) -> Ret {
        let Some(active) = self.find(id) else {
            return Ret::Ended;
        };
        if active.held {
            return Ret::Held;
        }
        (active.held, active.started) = (true, true);
        active.epoch += 1;
        Ret::Claimed(active.epoch)
    }

    fn by_claim(&mut self, id: MigrationId, epoch: u64, does: impl FnOnce(&mut Self)) -> Ret {
        match self.find(id) {
            None => Ret::Ended,
            Some(active) if !active.held || active.epoch != epoch => Ret::Fenced,
            Some(active) if active.cancelling => Ret::Cancelling,
            Some(_) => {
                does(self);
                Ret::Done
            }
        }
    }

    fn release(&mut self, id: MigrationId, epoch: u64) -> Ret {
        match self.find(id) {
            None => Ret::Ended,
            Some(active) if !active.held || active.epoch != epoch => Ret::Fenced,
            Some(active) if active.cancelling => {
                self.active = None;
                self.ledger.insert(B);
                Ret::Done
            }
            Some(active) => {
                active.held = false;
                Ret::Done
            }
        }
    }

    fn cancel(&mut self, id: MigrationId) -> Ret {
        match self.find(id) {
            None => Ret::Ended,
            Some(active) if active.held => {
                active.cancelling = true;
                Ret::Cancelling
            }
            Some(active) => {
                if active.started {
                    self.ledger.insert(B);
                }
                self.active = None;
                Ret::Cancelled
            }
        }
    }
}
