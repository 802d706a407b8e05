//! A node: the copies in its folder, for clients. It asks nobody what it may serve: the marks in
//! the files say so, also after a restart.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::sync::OnceLock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, ReadableDatabase as _, TableDefinition};
use shardferry::{MigrationId, NodeId, ShardId};

use crate::error::NodeError;
use crate::group::Group;
use crate::marks::{Marks, Role};
use crate::rows::Row;
use crate::shard_file::{Change, ShardFile, sync_folder_of};

/// Migrations that brought a shard to this node, or were to, and have ended.
const ENDED: TableDefinition<'_, (u64, u128), ()> = TableDefinition::new("ended");

/// A copy and those who write to it.
pub(crate) struct OpenCopy {
    pub(crate) file: ShardFile,
    group: Group,
}

/// A write that is durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack {
    /// Its number in the shard.
    pub(crate) seq: u64,
    /// Who served it.
    pub(crate) node: NodeId,
    /// Since which migration; `None`: since the shard was made.
    pub(crate) since: Option<MigrationId>,
}

/// Is told where in a step it is.
#[cfg(test)]
pub(crate) type Probe = Box<dyn Fn(&str) + Send + Sync>;

/// An open node.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    folder: PathBuf,
    ended: Database,
    copies: Mutex<HashMap<ShardId, Arc<OpenCopy>>>,
    /// One copy at a time comes or goes.
    coming_and_going: Mutex<()>,
    /// Looks on between two things that a step does.
    #[cfg(test)]
    pub(crate) probe: OnceLock<Probe>,
}

impl Node {
    /// Opens the node in `folder`, which is made if there is none.
    pub(crate) fn open(id: NodeId, folder: &Path) -> Result<Self, NodeError> {
        fs::create_dir_all(folder).map_err(NodeError::io(folder))?;
        sync_folder_of(folder)?;
        let mut copies = HashMap::new();
        for entry in fs::read_dir(folder).map_err(NodeError::io(folder))? {
            let path = entry.map_err(NodeError::io(folder))?.path();
            if path.extension().is_some_and(|is| is == "new") {
                fs::remove_file(&path).map_err(NodeError::io(&path))?;
            } else if let Some(shard) = shard_of(&path) {
                copies.insert(shard, Arc::new(OpenCopy::new(ShardFile::open(&path)?)));
            }
        }
        Ok(Self {
            id,
            folder: folder.to_owned(),
            ended: open_ended(&folder.join("node.redb"))?,
            copies: Mutex::new(copies),
            coming_and_going: Mutex::default(),
            #[cfg(test)]
            probe: OnceLock::new(),
        })
    }

    /// Writes for a client: durable when this returns.
    pub(crate) fn write(&self, shard: ShardId, change: Change) -> Result<Ack, NodeError> {
        let copy = self.copy(shard)?;
        match copy.group.write(&copy.file, change)? {
            Ok((seq, marks)) => Ok(Ack {
                seq,
                node: self.id,
                since: marks.came.map(|came| came.migration),
            }),
            Err(Role::Serving | Role::Arriving | Role::Fenced) => Err(self.not_serving(shard)),
        }
    }

    /// Reads for a client: a copy that no longer takes writes gives no answers either, as another
    /// one may be newer by now.
    pub(crate) fn read(&self, shard: ShardId, key: &[u8]) -> Result<Option<Row>, NodeError> {
        self.copy(shard)?.file.read(|marks, rows| match marks.role {
            Role::Serving => rows.get(key),
            Role::Arriving | Role::Fenced => Err(self.not_serving(shard)),
        })
    }

    /// What is here, and under which marks.
    pub(crate) fn copies(&self) -> Result<Vec<(ShardId, Marks)>, NodeError> {
        let copies: Vec<_> = (self.lock().iter())
            .map(|(shard, copy)| (*shard, Arc::clone(copy)))
            .collect();
        let mut found = Vec::new();
        for (shard, copy) in copies {
            found.push((shard, copy.file.marks()?));
        }
        found.sort_by_key(|(shard, _)| *shard);
        Ok(found)
    }

    /// No other copy comes or goes, as long as this is held.
    pub(crate) fn alone(&self) -> MutexGuard<'_, ()> {
        (self.coming_and_going.lock()).unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a crash leaves one thing done and another not.
    pub(crate) fn between(&self, at: &str) {
        #[cfg(test)]
        if let Some(probe) = self.probe.get() {
            probe(at);
        }
        #[cfg(not(test))]
        let _ = at;
    }

    pub(crate) fn find(&self, shard: ShardId) -> Option<Arc<OpenCopy>> {
        self.lock().get(&shard).cloned()
    }

    pub(crate) fn copy(&self, shard: ShardId) -> Result<Arc<OpenCopy>, NodeError> {
        let node = self.id;
        self.find(shard).ok_or(NodeError::NotHere { node, shard })
    }

    fn not_serving(&self, shard: ShardId) -> NodeError {
        let node = self.id;
        NodeError::NotServing { node, shard }
    }

    /// Makes a copy, durably.
    pub(crate) fn make(
        &self,
        shard: ShardId,
        marks: Marks,
        rows: &[Change],
    ) -> Result<Arc<OpenCopy>, NodeError> {
        let file = ShardFile::create(&self.path(shard), marks, rows)?;
        let copy = Arc::new(OpenCopy::new(file));
        self.lock().insert(shard, Arc::clone(&copy));
        Ok(copy)
    }

    /// Removes a copy, durably. Its marks let nobody use it any more.
    pub(crate) fn remove(&self, shard: ShardId) -> Result<(), NodeError> {
        let path = self.path(shard);
        self.lock().remove(&shard);
        self.between("forgotten, and the file there");
        fs::remove_file(&path).map_err(NodeError::io(&path))?;
        sync_folder_of(&path)
    }

    /// Nothing of `migration` brings the shard here from now on.
    pub(crate) fn end(&self, shard: ShardId, migration: MigrationId) -> Result<(), NodeError> {
        let txn = self.ended.begin_write()?;
        txn.open_table(ENDED)?
            .insert((shard.0, migration.0.as_u128()), ())?;
        txn.commit()?;
        Ok(())
    }

    /// Whether `migration` has ended here.
    pub(crate) fn has_ended(
        &self,
        shard: ShardId,
        migration: MigrationId,
    ) -> Result<bool, NodeError> {
        let table = self.ended.begin_read()?.open_table(ENDED)?;
        Ok(table.get((shard.0, migration.0.as_u128()))?.is_some())
    }

    fn path(&self, shard: ShardId) -> PathBuf {
        self.folder.join(format!("shard-{shard}.redb"))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ShardId, Arc<OpenCopy>>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenCopy {
    fn new(file: ShardFile) -> Self {
        Self {
            file,
            group: Group::default(),
        }
    }
}

fn shard_of(path: &Path) -> Option<ShardId> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("shard-")?
        .strip_suffix(".redb")?
        .parse()
        .ok()
}

fn open_ended(path: &Path) -> Result<Database, NodeError> {
    if !path.try_exists().map_err(NodeError::io(path))? {
        // Under another name first: a file that redb was killed in the making of is of no use.
        let unfinished = path.with_extension("new");
        let db = Database::create(&unfinished)?;
        let txn = db.begin_write()?;
        txn.open_table(ENDED)?;
        txn.commit()?;
        drop(db);
        fs::rename(&unfinished, path).map_err(NodeError::io(path))?;
        sync_folder_of(path)?;
    }
    Ok(Database::open(path)?)
}
