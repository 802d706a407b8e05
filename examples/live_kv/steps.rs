//! What a mover asks of a node. Each call is durable when it returns, and may be made again.

use std::sync::Arc;

use shardferry::{MigrationId, ShardId};

use crate::error::NodeError;
use crate::marks::{Marks, Refusal, Role};
use crate::node::{Node, OpenCopy};
use crate::shard_file::Denied;
use crate::token::Token;

impl Node {
    /// At the destination: the attempt `token` begins to bring the shard here, from the beginning
    /// or (`resumes`) onto what an earlier attempt brought.
    pub(crate) fn begin_arrival(
        &self,
        shard: ShardId,
        token: Token,
        resumes: bool,
    ) -> Result<Arc<OpenCopy>, NodeError> {
        let _alone = self.alone();
        if self.has_ended(shard, token.migration)? {
            return Err(NodeError::Ended {
                node: self.id,
                shard,
                migration: token.migration,
            });
        }
        if let Some(copy) = self.find(shard) {
            let marked = copy.file.mark(|marks| marks.arrive(token));
            marked.map_err(|denied| self.denied(shard, denied))?;
            if resumes {
                return Ok(copy);
            }
            self.remove(shard)?;
            self.between("the old copy gone, the new one not there");
        }
        self.make(shard, Marks::arriving(token), &[])
    }

    /// At the source: the attempt `token` begins to copy the shard away.
    pub(crate) fn begin_leaving(
        &self,
        shard: ShardId,
        token: Token,
    ) -> Result<Arc<OpenCopy>, NodeError> {
        self.mark(shard, |marks| marks.leave(token))
    }

    /// At the source: no write is acknowledged after this, and every one that was is in what
    /// catching up reads.
    pub(crate) fn fence(&self, shard: ShardId, token: Token) -> Result<(), NodeError> {
        self.mark(shard, |marks| marks.fence(token)).map(|_| ())
    }

    /// At the source: writes go on.
    pub(crate) fn unfence(&self, shard: ShardId, token: Token) -> Result<(), NodeError> {
        self.mark(shard, |marks| marks.unfence(token)).map(|_| ())
    }

    /// At the destination, after the cutover: it serves. That nothing of the migration begins here
    /// again is noted before; between the two the copy arrives still, and this is called again.
    pub(crate) fn activate(&self, shard: ShardId, migration: MigrationId) -> Result<(), NodeError> {
        let _alone = self.alone();
        let over = self.has_ended(shard, migration)?;
        let arrives = |marks: Marks| marks.role == Role::Arriving && marks.came_with(migration);
        match self.find(shard) {
            Some(copy) if arrives(copy.file.marks()?) => {
                self.end(shard, migration)?;
                self.between("ended, and not serving");
                let marked = copy.file.mark(|marks| marks.activate(migration));
                marked.map_err(|denied| self.denied(shard, denied))
            }
            // It served by then, and may have moved on since.
            Some(_) | None if over => Ok(()),
            Some(copy) => Err(self.refused(shard, copy.file.marks()?.not_for_this())),
            None => Err(NodeError::NotHere {
                node: self.id,
                shard,
            }),
        }
    }

    /// At the source, once the destination serves: the copy goes. One that came back meanwhile is
    /// not the one that `migration` left.
    pub(crate) fn release(&self, shard: ShardId, migration: MigrationId) -> Result<(), NodeError> {
        let _alone = self.alone();
        let Some(copy) = self.find(shard) else {
            return Ok(());
        };
        let marks = copy.file.marks()?;
        if !marks.goes_with(migration) {
            return Ok(());
        }
        match marks.role {
            Role::Fenced => self.remove(shard),
            // It was cut over unfenced: whatever it took since is nowhere else.
            Role::Serving | Role::Arriving => Err(self.refused(shard, marks.not_for_this())),
        }
    }

    /// At the destination of a migration that did not cut over: what it brought goes, and nothing
    /// of it comes any more.
    pub(crate) fn discard(&self, shard: ShardId, migration: MigrationId) -> Result<(), NodeError> {
        let _alone = self.alone();
        self.end(shard, migration)?;
        self.between("ended, and the copy there");
        let Some(copy) = self.find(shard) else {
            return Ok(());
        };
        let marks = copy.file.marks()?;
        if !marks.came_with(migration) {
            return Ok(());
        }
        match marks.role {
            Role::Arriving => self.remove(shard),
            Role::Serving | Role::Fenced => Err(self.refused(shard, marks.not_for_this())),
        }
    }

    /// Whether the shard is, or was, served here: only then may the copy that it came from go.
    pub(crate) fn has_taken_over(&self, shard: ShardId) -> Result<bool, NodeError> {
        match self.find(shard) {
            Some(copy) => Ok(copy.file.marks()?.role != Role::Arriving),
            None => Ok(false),
        }
    }

    fn mark(
        &self,
        shard: ShardId,
        rule: impl FnOnce(Marks) -> Result<Marks, Refusal>,
    ) -> Result<Arc<OpenCopy>, NodeError> {
        let copy = self.copy(shard)?;
        let marked = copy.file.mark(rule);
        marked.map_err(|denied| self.denied(shard, denied))?;
        Ok(copy)
    }

    pub(crate) fn denied(&self, shard: ShardId, denied: Denied) -> NodeError {
        match denied {
            Denied::Refused(refusal) => self.refused(shard, refusal),
            Denied::Node(error) => error,
        }
    }

    pub(crate) fn refused(&self, shard: ShardId, refusal: Refusal) -> NodeError {
        NodeError::Refused {
            node: self.id,
            shard,
            refusal,
        }
    }
}
