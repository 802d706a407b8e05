//! Moves a shard between nodes while clients write to it.

use std::sync::Arc;

use shardferry::ShardId;
use shardferry::executor::{CatchUp, Endpoint, Job, MoverError, Proof, Reporter, ShardMover};
use shardferry::schema::text::{Algorithm, Checkpoint, Digest};
use shardferry::schema::v1::{SavedCheckpoint, Side};

use crate::error::NodeError;
use crate::marks::{Marks, Refusal, Role};
use crate::node::Node;
use crate::nodes::Nodes;
use crate::token::Token;

/// With so few rows in a round of catching up, the rest is little enough to stop writes for.
const CATCH_UP_ROWS_FEW: usize = 64;

/// Rows that are hashed between two reports.
const VERIFY_ROWS: u64 = 1024;

/// Knows the nodes and nothing else: all that a migration has done so far is in their files.
pub(crate) struct KvMover {
    nodes: Arc<Nodes>,
}

impl KvMover {
    pub(crate) fn new(nodes: &Arc<Nodes>) -> Self {
        let nodes = Arc::clone(nodes);
        Self { nodes }
    }

    fn node(&self, end: &Endpoint) -> Result<&Node, MoverError> {
        let node = end.node;
        (self.nodes.get(node))
            .ok_or_else(|| MoverError::permanent(format!("node {node} is not of this cluster")))
    }

    /// Alters the copy that arrives at the destination, as a faulty disk might.
    pub(crate) fn damage(&self, job: &Job) -> Result<(), MoverError> {
        let to = self.node(&job.to)?;
        let copy = to.copy(job.shard)?;
        let damaged = copy.file.arrive(Token::of(job), |rows| rows.scribble());
        Ok(damaged.map_err(|denied| to.denied(job.shard, denied))?)
    }

    fn ends(&self, job: &Job) -> Result<(&Node, &Node), MoverError> {
        Ok((self.node(&job.from)?, self.node(&job.to)?))
    }
}

impl ShardMover for KvMover {
    /// Each batch is read in a transaction of its own, as one that stays open makes the file of
    /// the source grow. So a batch may hold what was written after the copy began. That is no
    /// harm: a newer write is never replaced by an older one, and everything that was written
    /// after the copy began is caught up with.
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        let (token, shard) = (Token::of(job), job.shard);
        let (from, to) = self.ends(job)?;
        let cursor = checkpoint.map(Cursor::read).transpose()?;
        // The destination first: it knows whether the migration has ended.
        let copy = to.begin_arrival(shard, token, cursor.is_some())?;
        let original = from.begin_leaving(shard, token)?;
        let (newest, total) = original
            .file
            .read(|_, rows| -> Result<_, NodeError> { Ok((rows.seq()?, rows.bytes()?)) })?;
        let denied = |denied| MoverError::from(to.denied(shard, denied));
        let mut cursor = match cursor {
            Some(cursor) => {
                let base = copy.file.read(|_, rows| rows.base())?;
                if base != cursor.base {
                    return Err(other_copy(job, base, cursor.base));
                }
                cursor
            }
            None => {
                let begun = copy.file.arrive(token, |rows| rows.set_base(newest));
                begun.map_err(denied)?;
                Cursor::beginning_at(newest)
            }
        };
        let mut copied = checkpoint.map_or(0, |saved| saved.bytes_migrated);
        loop {
            let after = cursor.after.as_deref();
            let batch = original.file.read(|_, rows| rows.rows_after(after))?;
            let Some(last) = batch.last() else { break };
            let bytes = batch.iter().map(|row| row.bytes()).sum();
            reporter.throttle(bytes)?;
            (copy.file.copy_in(token, &batch, None)).map_err(denied)?;
            copied = copied.saturating_add(bytes);
            cursor.after = Some(last.key.clone());
            reporter.checkpoint(cursor.write()?, copied, Some(total.max(copied)))?;
        }
        let base = cursor.base;
        let ended = copy.file.arrive(token, |rows| {
            // An earlier attempt may have caught up with more than that.
            if rows.seq()? < base {
                rows.caught_up(base)?;
            }
            Ok(())
        });
        ended.map_err(denied)
    }

    fn catch_up(&self, job: &Job, reporter: &dyn Reporter) -> Result<CatchUp, MoverError> {
        let (token, shard) = (Token::of(job), job.shard);
        let (from, to) = self.ends(job)?;
        let (original, copy) = (from.copy(shard)?, to.copy(shard)?);
        // What is written during this round is for the next one. After the fence nothing is.
        let (goal, role) = original
            .file
            .read(|marks, rows| -> Result<_, NodeError> { Ok((rows.seq()?, marks.role)) })?;
        let mut rows_copied = 0_usize;
        loop {
            let caught_up = copy.file.read(|_, rows| rows.seq())?;
            if caught_up >= goal {
                break;
            }
            let batch = original
                .file
                .read(|_, rows| rows.changes_after(caught_up))?;
            // While writes are stopped the little that is left does not wait for other copies.
            if role != Role::Fenced {
                reporter.throttle(batch.rows.iter().map(|row| row.bytes()).sum())?;
            }
            let copied = copy.file.copy_in(token, &batch.rows, Some(batch.through));
            copied.map_err(|denied| to.denied(shard, denied))?;
            rows_copied = rows_copied.saturating_add(batch.rows.len());
        }
        Ok(if rows_copied <= CATCH_UP_ROWS_FEW {
            CatchUp::Done
        } else {
            CatchUp::Again
        })
    }

    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        Ok(self.node(&job.from)?.fence(job.shard, Token::of(job))?)
    }

    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        Ok(self.node(&job.from)?.unfence(job.shard, Token::of(job))?)
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        let token = Token::of(job);
        let (from, to) = self.ends(job)?;
        // What is still written to, or may be, has no digest that proves anything.
        let source = digest(from, job.shard, reporter, |marks| marks.check_fenced(token))?;
        let destination = digest(to, job.shard, reporter, |marks| marks.check_arriving(token))?;
        Ok(Proof {
            algorithm: Algorithm::new("blake3")
                .map_err(|error| MoverError::permanent("naming the digest").because(error))?,
            source,
            destination,
        })
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        Ok((self.node(&job.to)?).activate(job.shard, job.migration)?)
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        let (from, to) = self.ends(job)?;
        if !to.has_taken_over(job.shard)? {
            return Err(MoverError::retriable(format!(
                "node {} does not serve shard {} yet, or no more: its last copy stays on node {}",
                job.to.node, job.shard, job.from.node
            )));
        }
        Ok(from.release(job.shard, job.migration)?)
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        Ok((self.node(&job.to)?).discard(job.shard, job.migration)?)
    }
}

/// How far a copy is: what was written after number `base` is to be caught up with, and the keys up
/// to `after` are there.
struct Cursor {
    base: u64,
    after: Option<Vec<u8>>,
}

impl Cursor {
    fn beginning_at(base: u64) -> Self {
        Self { base, after: None }
    }

    fn write(&self) -> Result<Checkpoint, MoverError> {
        let mut bytes = self.base.to_be_bytes().to_vec();
        bytes.extend(self.after.as_deref().unwrap_or_default());
        Checkpoint::new(bytes)
            .map_err(|error| MoverError::permanent("a key is too long").because(error))
    }

    fn read(saved: &SavedCheckpoint) -> Result<Self, MoverError> {
        let (base, after) = (saved.cursor.as_bytes().split_first_chunk())
            .ok_or_else(|| MoverError::retriable("the checkpoint is not ours").starting_over())?;
        Ok(Self {
            base: u64::from_be_bytes(*base),
            after: Some(after.to_vec()),
        })
    }
}

fn other_copy(job: &Job, found: u64, expected: u64) -> MoverError {
    MoverError::retriable(format!(
        "the copy on node {} began after number {found}, the checkpoint after {expected}",
        job.to.node
    ))
    .starting_over()
}

/// What is on one side, as one transaction sees it.
fn digest(
    node: &Node,
    shard: ShardId,
    reporter: &dyn Reporter,
    rule: impl FnOnce(Marks) -> Result<(), Refusal>,
) -> Result<Side, MoverError> {
    let mut hasher = blake3::Hasher::new();
    let (mut items, mut bytes) = (0_u64, 0_u64);
    let copy = node.copy(shard)?;
    copy.file.read(|marks, rows| -> Result<(), MoverError> {
        rule(marks).map_err(|refusal| node.refused(shard, refusal))?;
        let total = rows.bytes()?;
        // Where the destination goes on counting.
        hasher.update(&rows.seq()?.to_be_bytes());
        rows.each(|key, seq, value| {
            // Lengths first, so that no two different sets of rows read the same.
            hasher.update(&len(key).to_be_bytes()).update(key);
            hasher.update(&seq.to_be_bytes());
            hasher.update(&len(value).to_be_bytes()).update(value);
            items = items.saturating_add(1);
            bytes = bytes.saturating_add(len(key)).saturating_add(len(value));
            if items.is_multiple_of(VERIFY_ROWS) {
                reporter.verified(bytes, total.max(bytes))?;
            }
            Ok(())
        })
    })?;
    let digest = Digest::new(*hasher.finalize().as_bytes())
        .map_err(|error| MoverError::permanent("storing the digest").because(error))?;
    Ok(Side {
        items,
        bytes,
        digest,
    })
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
