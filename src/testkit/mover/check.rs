//! What must be so at the end of a case, and in the moment of a crash.

use super::failure::Fault;
use super::point::{At, Point, Step};
use super::site::Site;
use super::{BYSTANDER, DESTINATION, SHARD, SOURCE, World, Write};
use crate::schema::v1::{Migration, State, Status};
use crate::schema::{NodeId, ShardId};

/// Where the shard has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// On the destination.
    Moved,
    /// Where it was: the migration was called off.
    Stayed,
}

impl<W: World> Site<W> {
    pub(super) fn migration(&self) -> Result<Migration, Fault> {
        let migration = self.tracker.get_migration(self.id)?;
        migration.ok_or_else(|| Fault::new("the migration in the file", "none"))
    }

    /// The end that its status speaks of.
    pub(super) fn end(&self) -> Result<End, Fault> {
        let migration = self.migration()?;
        match migration.status() {
            Status::Complete => Ok(End::Moved),
            Status::Cancelled => Ok(End::Stayed),
            Status::Pending | Status::InProgress | Status::Verifying | Status::Failed => {
                Err(Fault::new("a migration that ends", told(&migration)))
            }
        }
    }

    /// All is over, the shard with `content` is whole where it belongs, and nothing is left over.
    pub(super) fn check_end(&self, end: End, content: &str) -> Result<(), Fault> {
        self.check_records(end)?;
        let (owner, other) = match end {
            End::Moved => (DESTINATION, SOURCE),
            End::Stayed => (SOURCE, DESTINATION),
        };
        self.holds(owner, SHARD, Some(content))?;
        self.holds(other, SHARD, None)?;
        self.holds(DESTINATION, BYSTANDER, Some(&self.bystander))?;
        for node in [SOURCE, DESTINATION] {
            let look = self.look(node)?;
            if !look.left_over.is_empty() {
                return Err(Fault::new(
                    format!("nothing left over on node {node}"),
                    format!("{:?}", look.left_over),
                ));
            }
        }
        match self.write(owner)? {
            Some(Write::Refused) => Err(Fault::new(
                format!("node {owner}, which owns the shard, to take writes again"),
                "that it refuses them",
            )),
            Some(Write::Done) | None => Ok(()),
        }
    }

    /// What the tracker says.
    fn check_records(&self, end: End) -> Result<(), Fault> {
        let migration = self.migration()?;
        if self.end()? != end {
            return Err(Fault::new(
                format!("the shard to have {end:?}"),
                told(&migration),
            ));
        }
        if let Some(left) = self.tracker.cleanups()?.first() {
            let why = left.last_error.as_ref().map(|reason| reason.as_str());
            return Err(Fault::new(
                "no copy that has to go",
                format!(
                    "{:?} on node {}: {}",
                    left.kind,
                    left.node,
                    why.unwrap_or("no error")
                ),
            ));
        }
        if end == End::Moved
            && !(migration.evidence.as_ref())
                .is_some_and(|evidence| evidence.source == evidence.destination)
        {
            return Err(Fault::new(
                "equal evidence of both sides",
                format!("{:?}", migration.evidence),
            ));
        }
        let violations = self.tracker.check()?.violations;
        if violations.is_empty() {
            return Ok(());
        }
        Err(Fault::new("every invariant", format!("{violations:?}")))
    }

    /// Whether `node` serves `shard` with `content`; `None`: it does not serve it.
    pub(super) fn holds(
        &self,
        node: NodeId,
        shard: ShardId,
        content: Option<&str>,
    ) -> Result<(), Fault> {
        let look = self.look(node)?;
        let found = look.served.get(&shard).map(String::as_str);
        if found == content {
            return Ok(());
        }
        let said = |content: Option<&str>| content.map_or("nothing".to_owned(), str::to_owned);
        Err(Fault::new(
            format!("node {node} to serve of shard {shard}: {}", said(content)),
            format!("{}; besides: {:?}", said(found), look.left_over),
        ))
    }

    /// In the moment of a crash at `point` somebody has the whole shard, and only one serves it
    /// before the cutover.
    pub(super) fn check_in_between(&self, point: Point) -> Result<(), Fault> {
        let shard = Some(self.shard.as_str());
        let releasing = point.step == Step::ReleaseSource && point.at != At::Before;
        if !releasing {
            self.holds(SOURCE, SHARD, shard)?;
        }
        let activating = point.step == Step::Activate && point.at != At::After;
        if !point.step.is_after_cutover() {
            self.holds(DESTINATION, SHARD, None)?;
        } else if !activating {
            self.holds(DESTINATION, SHARD, shard)?;
        }
        self.holds(DESTINATION, BYSTANDER, Some(&self.bystander))
    }

    /// A client writes on `node`, where the world offers that.
    pub(super) fn write(&self, node: NodeId) -> Result<Option<Write>, Fault> {
        let written = self.world.write(node).transpose();
        written.map_err(|error| Fault::of_world(&error))
    }

    /// A crash, a stop or a cancellation is no failure of an attempt: each step comes to the same end.
    pub(super) fn check_no_failure(&self) -> Result<(), Fault> {
        let migration = self.migration()?;
        if migration.failed_attempts == 0 {
            return Ok(());
        }
        Err(Fault::new("no failed attempt", told(&migration)))
    }
}

/// The status, with the reasons of failures.
fn told(migration: &Migration) -> String {
    let mut text = migration.status().to_string();
    if let State::Failed { reason, .. } = &migration.state {
        text = format!("{text}: {}", reason.as_str());
    }
    if let Some(failure) = migration.failures.last() {
        text = format!(
            "{text}, {} failed attempts, the last: {}",
            migration.failed_attempts,
            failure.reason.as_str()
        );
    }
    text
}
