use uuid::Uuid;

use super::size::Size;
use crate::schema::codec::Record;
use crate::schema::key::SettingsKey;
use crate::schema::table::Table;
use crate::schema::text::{NodeName, ShardName};
use crate::schema::v1::{FileMeta, Migration, Node, PauseScope, Shard};
use crate::schema::{Epoch, FileId, MigrationId, NodeId, SessionId, ShardId, TimestampMs, table};
use crate::schema::{FORMAT, key::MetaKey};
use crate::store::{Procedure, get, put};
use crate::tracker::check::Image;
use crate::tracker::tests::rows::MemoryRows;
use crate::tracker::{RegistryChange, registry::ChangeRegistry};

/// It is always now: that a lease runs out or a wait is over is an action that moves its end.
pub(super) const NOW: TimestampMs = TimestampMs(1_000_000);

/// The claim that an executor has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hand {
    pub(super) migration: MigrationId,
    pub(super) shard: ShardId,
    pub(super) epoch: Epoch,
}

/// A state of the world: the file, what of it is on the disk, and what executors hold.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// What readers see.
    pub(super) rows: MemoryRows,
    /// What a crash leaves.
    pub(super) durable: MemoryRows,
    pub(super) hands: Vec<Option<Hand>>,
    session: u64,
    /// Migrations that each shard ever had.
    pub(super) begun: Vec<u64>,
    /// The newest of them.
    pub(super) latest: Vec<Option<MigrationId>>,
    next_id: u64,
}

impl World {
    /// Every shard registered on node 1, nothing under way.
    pub(super) fn first(size: &Size) -> Self {
        let mut rows = MemoryRows::new();
        let meta = FileMeta {
            format: FORMAT,
            file: FileId(Uuid::nil()),
            created_at_ms: NOW,
            created_by: "test".to_owned(),
        };
        put(&mut rows, table::META, &MetaKey::File, &meta).unwrap();
        let settings = size.settings();
        put(&mut rows, table::SETTINGS, &SettingsKey::Current, &settings).unwrap();
        let nodes = (1..=size.nodes).map(|id| RegistryChange::RegisterNode(node(NodeId(id))));
        let shards = (1..=size.shards)
            .map(|id| RegistryChange::RegisterShard(shard(ShardId(id), NodeId(1))));
        let changes: Vec<_> = nodes.chain(shards).collect();
        let now = NOW;
        let register = ChangeRegistry {
            changes: &changes,
            now,
        };
        register.run(&mut rows).unwrap();
        Self {
            durable: rows.clone(),
            rows,
            hands: vec![None; size.executors],
            session: 1,
            begun: (1..=size.shards).map(|_| 0).collect(),
            latest: (1..=size.shards).map(|_| None).collect(),
            next_id: 1,
        }
    }

    pub(super) fn session(&self) -> SessionId {
        SessionId(Uuid::from_u128(self.session.into()))
    }

    /// An id that no migration has.
    pub(super) fn new_id(&mut self) -> MigrationId {
        let id = MigrationId(Uuid::from_u128(self.next_id.into()));
        self.next_id += 1;
        id
    }

    /// The shard has another migration.
    pub(super) fn has_begun(&mut self, shard: ShardId, id: MigrationId) {
        let at: usize = (shard.0 - 1).try_into().unwrap();
        self.begun[at] += 1;
        self.latest[at] = Some(id);
    }

    /// The newest migration of the shard, under way or ended.
    pub(super) fn latest(&self, shard: ShardId) -> Option<Migration> {
        let at: usize = (shard.0 - 1).try_into().unwrap();
        self.row(table::MIGRATIONS, &self.latest[at]?)
    }

    pub(super) fn is_paused(&self, scope: PauseScope) -> bool {
        self.row(table::PAUSES, &scope).is_some()
    }

    /// Whether a pause of any scope is about the migration.
    pub(super) fn holds_back(&self, row: &Migration) -> bool {
        let scopes = [
            PauseScope::Everything,
            PauseScope::Node(row.from),
            PauseScope::Node(row.to),
            PauseScope::Migration(row.id),
        ];
        scopes.iter().any(|scope| self.is_paused(*scope))
    }

    /// The process ends and another opens the file. A crash takes what the disk does not have.
    pub(super) fn reopen(&mut self, crash: bool) {
        if crash {
            self.rows = self.durable.clone();
        } else {
            self.durable = self.rows.clone();
        }
        self.session += 1;
        self.hands.fill(None);
    }

    /// The row under `key`, which must be readable.
    pub(super) fn row<R: Record>(&self, table: Table<R>, key: &R::Key) -> Option<R> {
        get(&mut self.rows.clone(), table, key).unwrap()
    }

    /// The migration of the shard that is under way.
    pub(super) fn active(&self, shard: ShardId) -> Option<Migration> {
        let entry = self.row(table::ACTIVE_SHARDS, &shard)?;
        self.row(table::MIGRATIONS, &entry.migration)
    }

    pub(super) fn image(&self) -> Image {
        Image::read(&mut self.rows.clone()).unwrap()
    }
}

pub(super) fn node(id: NodeId) -> Node {
    Node::new(id, NodeName::new(format!("node-{id}")).unwrap())
}

pub(super) fn shard(id: ShardId, owner: NodeId) -> Shard {
    let name = ShardName::new(format!("shard-{id}")).unwrap();
    Shard::new(id, name, owner)
}
