use arbitrary::{Arbitrary, Result, Unstructured};
use shardferry::schema::v1::FailureClass;
use shardferry::{NodeState, Verification};

/// How many nodes there are at first; ids of nodes are 1 to one more than that.
pub const NODES: u8 = 4;
/// Ids of shards are 1 to this.
pub const SHARDS: u8 = 6;

/// One operation. Small numbers stand for things: shards and nodes by id, migrations and claims
/// by how long ago they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Begin(Begin),
    /// From wherever the shard is, so that most are accepted.
    Move {
        shard: u8,
        to: u8,
    },
    /// Begins a whole plan.
    Rebalance {
        moves_max: u8,
    },
    Start(u8),
    Progress(u8, Bytes),
    Checkpoint(u8, Bytes),
    Verify(u8),
    Evidence(u8, bool),
    Complete(u8),
    Fail(u8),
    Cancel(u8),
    Claim(u8),
    ByClaim(u8, ByClaim),
    Settle {
        node: u8,
        shard: u8,
    },
    /// The oldest open cleanup.
    SettleOne,
    Registry(Registry),
    Settings(SettingsChange),
    Flush,
    /// Reads in every way, and compares.
    Look,
    /// Closes the file and opens it again.
    Reopen,
    /// The process is killed, and another one opens the file.
    Kill,
    /// Opens the file again and lets an executor work; its mover fails as the bits say.
    Drive {
        failures: u16,
    },
    /// Claims whatever is next.
    ClaimNext,
    Operator(Operator),
    /// From wherever the shard is, as a caller who knows this version of it.
    MoveExpecting {
        shard: u8,
        to: u8,
        version: u8,
        drains: bool,
    },
    /// More settings.
    Waits(Waits),
}

/// What an operator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Pause(Scope),
    Resume(Scope),
    ReleaseQuarantine(u8),
    Retry(u8),
    Reverse(u8),
    CompleteUnverified(u8),
    Hurry(Option<u8>),
    ForgiveNode(u8),
    Drain(u8),
    Undrain(u8),
    ContinueDraining,
}

/// What is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Everything,
    Node(u8),
    Migration(u8),
}

/// Settings about who goes first and who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    pub per_pair: Option<u8>,
    pub ages: bool,
    /// Whether a failed attempt, and a copy after a cutover, are waited for at all.
    pub long: bool,
}

/// A migration, with everything that a caller can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    pub shard: u8,
    pub from: u8,
    pub to: u8,
    pub priority: i8,
    pub request: Option<u8>,
}

/// A report of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    pub migrated: u8,
    pub total: Option<u8>,
}

/// What an executor says through its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByClaim {
    Report(Bytes),
    Checkpoint(Bytes),
    Renew,
    Fence,
    Unfence,
    Verify,
    Evidence(bool),
    Complete,
    FailAttempt(FailureClass, bool),
    Release,
}

/// A change of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    RegisterNode(u8, NodeState),
    UpdateNode(u8, NodeState),
    RemoveNode(u8),
    RegisterShard(u8, ShardShape),
    UpdateShard(u8, ShardShape),
    RemoveShard(u8),
}

/// What a shard is registered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardShape {
    pub owner: u8,
    pub name: u8,
    pub range: Option<(u8, u8)>,
    pub replica: Option<u8>,
    pub rules: u8,
}

/// What of the settings changes. Limits of 0 are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsChange {
    pub verification: Verification,
    pub limit: Option<u8>,
    pub per_node: Option<u8>,
    pub attempts_max: u8,
    pub retention: Option<u8>,
    pub lazily: bool,
}

/// A number from 0 to `max` from one byte.
fn upto(u: &mut Unstructured<'_>, max: u8) -> Result<u8> {
    u.int_in_range(0..=max)
}

fn node(u: &mut Unstructured<'_>) -> Result<u8> {
    Ok(1 + upto(u, NODES)?)
}

fn shard(u: &mut Unstructured<'_>) -> Result<u8> {
    Ok(1 + upto(u, SHARDS - 1)?)
}

fn maybe(u: &mut Unstructured<'_>, max: u8) -> Result<Option<u8>> {
    // Half of all bytes say `None`.
    Ok(upto(u, 2 * max + 1)?.checked_sub(max + 1))
}

fn bytes(u: &mut Unstructured<'_>) -> Result<Bytes> {
    let migrated = upto(u, 50)?;
    let total = maybe(u, 60)?;
    Ok(Bytes { migrated, total })
}

fn flag(u: &mut Unstructured<'_>) -> Result<bool> {
    Ok(upto(u, 3)? == 0)
}

fn state(u: &mut Unstructured<'_>) -> Result<NodeState> {
    Ok(match upto(u, 5)? {
        0..=2 => NodeState::Active,
        3 => NodeState::Draining,
        4 => NodeState::Down,
        _ => NodeState::NoAccept,
    })
}

fn begin(u: &mut Unstructured<'_>) -> Result<Begin> {
    let (shard, from, to) = (shard(u)?, node(u)?, node(u)?);
    let priority = i8::from_ne_bytes([upto(u, 3)?]);
    let request = maybe(u, 3)?;
    Ok(Begin {
        shard,
        from,
        to,
        priority,
        request,
    })
}

fn by_claim(u: &mut Unstructured<'_>) -> Result<ByClaim> {
    Ok(match upto(u, 11)? {
        0 => ByClaim::Report(bytes(u)?),
        1 => ByClaim::Checkpoint(bytes(u)?),
        2 => ByClaim::Renew,
        3 => ByClaim::Fence,
        4 => ByClaim::Unfence,
        5 => ByClaim::Verify,
        6 => ByClaim::Evidence(!flag(u)?),
        7 => ByClaim::Complete,
        8 => ByClaim::FailAttempt(FailureClass::Retriable, flag(u)?),
        9 => ByClaim::FailAttempt(FailureClass::Permanent, false),
        10 => ByClaim::FailAttempt(FailureClass::Unknown, flag(u)?),
        _ => ByClaim::Release,
    })
}

fn shape(u: &mut Unstructured<'_>) -> Result<ShardShape> {
    let (owner, name) = (node(u)?, upto(u, SHARDS + 1)?);
    let range = match maybe(u, 5)? {
        Some(start) => Some((start, upto(u, 6)?)),
        None => None,
    };
    let replica = maybe(u, NODES)?;
    let rules = upto(u, 31)?;
    Ok(ShardShape {
        owner,
        name,
        range,
        replica,
        rules,
    })
}

fn registry(u: &mut Unstructured<'_>) -> Result<Registry> {
    Ok(match upto(u, 6)? {
        0 => Registry::RegisterNode(node(u)?, state(u)?),
        1 | 2 => Registry::UpdateNode(node(u)?, state(u)?),
        3 => Registry::RemoveNode(node(u)?),
        4 => Registry::RegisterShard(shard(u)?, shape(u)?),
        5 => Registry::UpdateShard(shard(u)?, shape(u)?),
        _ => Registry::RemoveShard(shard(u)?),
    })
}

fn settings(u: &mut Unstructured<'_>) -> Result<SettingsChange> {
    let verification = if flag(u)? {
        Verification::Required
    } else {
        Verification::Optional
    };
    Ok(SettingsChange {
        verification,
        limit: maybe(u, 3)?,
        per_node: maybe(u, 2)?,
        attempts_max: upto(u, 3)?,
        retention: maybe(u, 4)?,
        lazily: flag(u)?,
    })
}

fn scope(u: &mut Unstructured<'_>) -> Result<Scope> {
    Ok(match upto(u, 4)? {
        0 => Scope::Everything,
        1 => Scope::Node(node(u)?),
        _ => Scope::Migration(upto(u, 7)?),
    })
}

fn operator(u: &mut Unstructured<'_>) -> Result<Operator> {
    Ok(match upto(u, 11)? {
        0 => Operator::Pause(scope(u)?),
        1 | 2 => Operator::Resume(scope(u)?),
        3 => Operator::ReleaseQuarantine(shard(u)?),
        4 => Operator::Retry(upto(u, 7)?),
        5 => Operator::Reverse(upto(u, 7)?),
        6 => Operator::CompleteUnverified(upto(u, 7)?),
        7 => Operator::Hurry(maybe(u, NODES)?),
        8 => Operator::ForgiveNode(node(u)?),
        9 => Operator::Drain(node(u)?),
        10 => Operator::Undrain(node(u)?),
        _ => Operator::ContinueDraining,
    })
}

impl<'a> Arbitrary<'a> for Op {
    /// The first byte says which; no two operations share one, so that an input stays what it is
    /// when operations are added at the end.
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match upto(u, 25)? {
            0 => Self::Begin(begin(u)?),
            1 => Self::Move {
                shard: shard(u)?,
                to: node(u)?,
            },
            2 => Self::Rebalance {
                moves_max: upto(u, 5)?,
            },
            3 => Self::Start(upto(u, 7)?),
            4 => Self::Progress(upto(u, 7)?, bytes(u)?),
            5 => Self::Checkpoint(upto(u, 7)?, bytes(u)?),
            6 => Self::Verify(upto(u, 7)?),
            7 => Self::Evidence(upto(u, 7)?, !flag(u)?),
            8 => Self::Complete(upto(u, 7)?),
            9 => Self::Fail(upto(u, 7)?),
            10 => Self::Cancel(upto(u, 7)?),
            11 => Self::Claim(upto(u, 7)?),
            12 => Self::ByClaim(upto(u, 3)?, by_claim(u)?),
            13 => Self::Settle {
                node: node(u)?,
                shard: shard(u)?,
            },
            14 => Self::SettleOne,
            15 => Self::Registry(registry(u)?),
            16 => Self::Settings(settings(u)?),
            17 => Self::Flush,
            18 => Self::Look,
            19 => Self::Reopen,
            20 => Self::Kill,
            21 => Self::Drive {
                failures: u.arbitrary()?,
            },
            22 => Self::ClaimNext,
            23 => Self::Operator(operator(u)?),
            24 => Self::MoveExpecting {
                shard: shard(u)?,
                to: node(u)?,
                version: upto(u, 3)?,
                drains: flag(u)?,
            },
            _ => Self::Waits(Waits {
                per_pair: maybe(u, 2)?,
                ages: flag(u)?,
                long: flag(u)?,
            }),
        })
    }
}
