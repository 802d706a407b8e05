use super::facts::{Facts, ShardFacts};
use super::size::{Detail, Size};
use super::state::World;
use crate::machine::{By, Command, Report};
use crate::schema::text::{Algorithm, Digest, Reason};
use crate::schema::v1::{FailureClass, NodeState, Side};
use crate::schema::{Epoch, NodeId, ShardId};

/// What somebody does, or what happens to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Begin {
        shard: ShardId,
        from: NodeId,
        to: NodeId,
        asked: Asked,
    },
    /// An executor with empty hands claims the migration of a shard.
    Claim {
        hand: usize,
        shard: ShardId,
    },
    /// An executor with empty hands claims whatever is next.
    ClaimNext {
        hand: usize,
    },
    /// An operator says something.
    Operator(Operator),
    /// An executor forgets its claim and says nothing.
    Forget {
        hand: usize,
    },
    ByHand {
        hand: usize,
        order: Order,
    },
    /// A caller commands the migration of a shard, without a claim.
    ByCaller {
        shard: ShardId,
        order: Order,
    },
    Cancel {
        shard: ShardId,
    },
    Cleanup {
        node: NodeId,
        shard: ShardId,
        report: OnLedger,
    },
    Node {
        node: NodeId,
        state: NodeState,
    },
    Remove {
        shard: ShardId,
    },
    Register {
        shard: ShardId,
        owner: NodeId,
    },
    /// The lease of the shard's attempt runs out.
    LeaseRunsOut {
        shard: ShardId,
    },
    /// The wait after a failed attempt is over.
    WaitIsOver {
        shard: ShardId,
    },
    Restart,
    Crash,
}

/// What somebody who begins a migration relies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Plainly,
    /// The shard has the version that it has.
    OfItsVersion,
    /// The shard has another version.
    OfAnotherVersion,
    /// The same request gives the same migration.
    ByKey,
    /// A plan of one move.
    AsPlan,
}

impl Asked {
    fn all(size: &Size) -> impl Iterator<Item = Self> {
        let versions =
            (size.detail != Detail::Limits).then_some([Self::OfItsVersion, Self::OfAnotherVersion]);
        let by_key = size.request_key.then_some(Self::ByKey);
        let versions = versions.into_iter().flatten();
        let as_plan = size.operators.then_some(Self::AsPlan);
        let plainly = std::iter::once(Self::Plainly);
        plainly.chain(versions).chain(by_key).chain(as_plan)
    }
}

/// What an operator says, beside commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Pause(What),
    Resume(What),
    /// The newest migration of a shard once more, or at once.
    Retry(ShardId),
    /// The way back of the newest migration of a shard.
    Reverse(ShardId),
    Release(ShardId),
    Drain(NodeId),
    Undrain(NodeId),
    /// The copies that have to go from a node are given up.
    Forgive(NodeId),
    /// No copy that has to go waits.
    Hurry,
}

/// What an operator pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Everything,
    Node(NodeId),
    /// The migration of a shard that is under way.
    MigrationOf(ShardId),
}

impl Operator {
    fn name(self) -> &'static str {
        match self {
            Self::Pause(What::Everything) => "pause everything",
            Self::Pause(What::Node(_)) => "pause a node",
            Self::Pause(What::MigrationOf(_)) => "pause a migration",
            Self::Resume(What::Everything) => "resume everything",
            Self::Resume(What::Node(_)) => "resume a node",
            Self::Resume(What::MigrationOf(_)) => "resume a migration",
            Self::Retry(_) => "retry",
            Self::Reverse(_) => "reverse",
            Self::Release(_) => "release from quarantine",
            Self::Drain(_) => "drain",
            Self::Undrain(_) => "undrain",
            Self::Forgive(_) => "forgive a node",
            Self::Hurry => "hurry the cleanups",
        }
    }
}

/// A command on a migration, whoever gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Start,
    Renew,
    Progress(u64),
    Fence,
    Unfence,
    BeginVerification,
    Evidence {
        same: bool,
    },
    Complete,
    /// With a reason why no proof is needed.
    CompleteUnverified,
    Fail,
    FailAttempt(FailureClass),
    Release,
}

/// What is said about an entry of the cleanup ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnLedger {
    Activated,
    Settled,
    SettledByCaller,
    Failed,
    /// About the copy of another migration.
    OfAnother,
}

impl Order {
    const FEW_BY_CALLER: [Self; 3] = [Self::Start, Self::Progress(0), Self::Fail];

    const FEW_BY_EXECUTOR: [Self; 10] = [
        Self::Renew,
        Self::Progress(0),
        Self::Fence,
        Self::Unfence,
        Self::BeginVerification,
        Self::Evidence { same: true },
        Self::Complete,
        Self::Fail,
        Self::FailAttempt(FailureClass::Permanent),
        Self::Release,
    ];

    const BY_CALLER: [Self; 10] = [
        Self::Start,
        Self::Progress(0),
        Self::Progress(1),
        Self::Progress(2),
        Self::BeginVerification,
        Self::Evidence { same: true },
        Self::Evidence { same: false },
        Self::Complete,
        Self::CompleteUnverified,
        Self::Fail,
    ];

    const BY_EXECUTOR: [Self; 16] = [
        Self::Start,
        Self::Renew,
        Self::Progress(0),
        Self::Progress(1),
        Self::Progress(2),
        Self::Fence,
        Self::Unfence,
        Self::BeginVerification,
        Self::Evidence { same: true },
        Self::Evidence { same: false },
        Self::Complete,
        Self::Fail,
        Self::FailAttempt(FailureClass::Retriable),
        Self::FailAttempt(FailureClass::Permanent),
        Self::FailAttempt(FailureClass::Unknown),
        Self::Release,
    ];

    fn by_caller(detail: Detail) -> &'static [Self] {
        match detail {
            Detail::Full => &Self::BY_CALLER,
            Detail::Commands | Detail::Limits => &Self::FEW_BY_CALLER,
        }
    }

    fn by_executor(detail: Detail) -> &'static [Self] {
        match detail {
            Detail::Full => &Self::BY_EXECUTOR,
            Detail::Commands | Detail::Limits => &Self::FEW_BY_EXECUTOR,
        }
    }

    /// The command of the machine. Only an executor has an `epoch` to give.
    pub(super) fn command(self, by: By) -> Command {
        let epoch = match by {
            By::Attempt(epoch) => epoch,
            By::Caller => Epoch(0),
        };
        let reason = Reason::from("why");
        match self {
            Self::Start => Command::Start { by },
            Self::Renew => Command::Renew {
                epoch,
                moving: true,
            },
            Self::Progress(bytes_migrated) => Command::Progress {
                by,
                // There is one byte to copy, as whoever has copied any knows.
                report: Report {
                    bytes_migrated,
                    bytes_total: (bytes_migrated > 0).then_some(1),
                    checkpoint: None,
                },
            },
            Self::Fence => Command::Fence { epoch },
            Self::Unfence => Command::Unfence { epoch },
            Self::BeginVerification => Command::BeginVerification { by },
            Self::Evidence { same } => Command::SubmitEvidence {
                by,
                algorithm: Algorithm::new("count").unwrap(),
                source: side(1),
                destination: side(if same { 1 } else { 2 }),
            },
            Self::Complete => Command::Complete { by, waived: None },
            Self::CompleteUnverified => Command::Complete {
                by,
                waived: Some(reason),
            },
            Self::Fail => Command::Fail {
                by,
                class: FailureClass::Permanent,
                reason,
            },
            Self::FailAttempt(class) => Command::FailAttempt {
                epoch,
                class,
                reason,
                from_scratch: false,
            },
            Self::Release => Command::Release { epoch },
        }
    }

    fn name(self) -> &'static str {
        if self == Self::CompleteUnverified {
            return "complete-unverified";
        }
        self.command(By::Caller).name().as_str()
    }

    /// Whether its commit may be lost in a crash when the log says nothing of it.
    pub(super) fn is_lazy(self) -> bool {
        matches!(self, Self::Progress(_) | Self::Renew)
    }
}

impl OnLedger {
    fn name(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Settled => "settled",
            Self::SettledByCaller => "settled by a caller",
            Self::Failed => "failed",
            Self::OfAnother => "of another",
        }
    }
}

fn side(bytes: u64) -> Side {
    Side {
        items: 1,
        bytes,
        digest: Digest::new([7]).unwrap(),
    }
}

impl Action {
    /// What an executor does, and what time does: no operator is needed.
    pub(super) fn goes_by_itself(self) -> bool {
        match self {
            Self::Claim { .. }
            | Self::ClaimNext { .. }
            | Self::Forget { .. }
            | Self::ByHand { .. }
            | Self::LeaseRunsOut { .. }
            | Self::WaitIsOver { .. } => true,
            Self::Cleanup { report, .. } => report != OnLedger::SettledByCaller,
            Self::Begin { .. }
            | Self::Operator(_)
            | Self::ByCaller { .. }
            | Self::Cancel { .. }
            | Self::Node { .. }
            | Self::Remove { .. }
            | Self::Register { .. }
            | Self::Restart
            | Self::Crash => false,
        }
    }

    /// Who does it, and the name of what is done.
    pub(super) fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Begin { .. } => ("anybody", "begin"),
            Self::Claim { .. } => ("executor", "claim"),
            Self::ClaimNext { .. } => ("executor", "claim what is next"),
            Self::Operator(what) => ("operator", what.name()),
            Self::Forget { .. } => ("executor", "forget"),
            Self::ByHand { order, .. } => ("executor", order.name()),
            Self::ByCaller { order, .. } => ("caller", order.name()),
            Self::Cancel { .. } => ("anybody", "cancel"),
            Self::Cleanup { report, .. } => ("ledger", report.name()),
            Self::Node { .. } => ("registry", "update a node"),
            Self::Remove { .. } => ("registry", "remove a shard"),
            Self::Register { .. } => ("registry", "register a shard"),
            Self::LeaseRunsOut { .. } => ("time", "a lease runs out"),
            Self::WaitIsOver { .. } => ("time", "a wait is over"),
            Self::Restart => ("file", "restart"),
            Self::Crash => ("file", "crash"),
        }
    }

    /// Everything that anybody could try now.
    pub(super) fn all(size: &Size, world: &World, facts: &Facts) -> Vec<Self> {
        let mut all = Vec::new();
        let nodes = || (1..=size.nodes).map(NodeId);
        for hand in 0..size.executors {
            all.extend(by_executor(size, world, facts, hand));
        }
        for (id, shard) in (1..).map(ShardId).zip(&facts.shards) {
            let may_begin = !size.is_spent(shard.begun);
            for (from, to) in nodes().flat_map(|from| nodes().map(move |to| (from, to))) {
                // Another beside one that is under way is refused, however many it may have.
                let is_second = shard.active.is_some() && shard.owner == Some(from);
                let tried = Asked::all(size).filter(|_| may_begin || is_second);
                all.extend(tried.map(|asked| Self::Begin {
                    shard: id,
                    from,
                    to,
                    asked,
                }));
            }
            if shard.active.is_some() {
                let by_caller = |order: &Order| Self::ByCaller {
                    shard: id,
                    order: *order,
                };
                all.extend(Order::by_caller(size.detail).iter().map(by_caller));
                all.extend([
                    Self::Cancel { shard: id },
                    Self::LeaseRunsOut { shard: id },
                    Self::WaitIsOver { shard: id },
                ]);
            }
            all.extend(nodes().flat_map(|node| on_ledger(shard, node, id)));
            if size.operators {
                let of_shard = [
                    Operator::Retry(id),
                    Operator::Reverse(id),
                    Operator::Release(id),
                ];
                all.extend(of_shard.map(Self::Operator));
            }
            if size.registry {
                all.push(Self::Remove { shard: id });
                all.extend(nodes().map(|owner| Self::Register { shard: id, owner }));
            }
        }
        if size.node_states {
            let states = [NodeState::Active, NodeState::Draining, NodeState::Down];
            let of = |node| states.map(|state| Self::Node { node, state });
            all.extend(nodes().flat_map(of));
        }
        if size.operators {
            let pauses = [Operator::Pause, Operator::Resume];
            all.extend(pauses.map(|pause| Self::Operator(pause(What::Everything))));
        }
        if size.pauses {
            let shards = (1..).map(ShardId).zip(&facts.shards);
            let active = shards.filter(|(_, shard)| shard.active.is_some());
            let scopes = nodes()
                .map(What::Node)
                .chain(active.map(|(id, _)| What::MigrationOf(id)));
            let of = |scope| [Operator::Pause(scope), Operator::Resume(scope)];
            all.extend(scopes.flat_map(of).map(Self::Operator));
        }
        if size.operators && size.node_states {
            let on = [Operator::Drain, Operator::Undrain, Operator::Forgive];
            let of = |node| on.map(|what| Self::Operator(what(node)));
            all.extend(nodes().flat_map(of));
            all.push(Self::Operator(Operator::Hurry));
        }
        all.extend([Self::Restart, Self::Crash]);
        all
    }
}

fn by_executor(size: &Size, world: &World, facts: &Facts, hand: usize) -> Vec<Action> {
    if world.hands[hand].is_some() {
        let by_hand = |order: &Order| Action::ByHand {
            hand,
            order: *order,
        };
        let orders = Order::by_executor(size.detail).iter();
        let forget = std::iter::once(Action::Forget { hand });
        return orders.map(by_hand).chain(forget).collect();
    }
    let shards = (1..).map(ShardId).zip(&facts.shards);
    let under_way = shards.filter(|(_, shard)| shard.active.is_some());
    let claim = |(shard, _)| Action::Claim { hand, shard };
    let next = size.operators.then_some(Action::ClaimNext { hand });
    under_way.map(claim).chain(next).collect()
}

fn on_ledger(facts: &ShardFacts, node: NodeId, shard: ShardId) -> Vec<Action> {
    let report = |report: &OnLedger| Action::Cleanup {
        node,
        shard,
        report: *report,
    };
    let all = [
        OnLedger::Settled,
        OnLedger::SettledByCaller,
        OnLedger::Activated,
        OnLedger::Failed,
        OnLedger::OfAnother,
    ];
    let open = facts.ledger.iter().any(|entry| entry.node == node);
    // Whatever is said about no entry is refused alike.
    let tried = if open { all.len() } else { 1 };
    all.iter().take(tried).map(report).collect()
}
