//! The steps of a move, each of which may be called again after a crash.

use super::Tuning;
use super::copy::Copier;
use super::cursor::Cursor;
use super::error::Problem;
use super::examine::{examine, gone};
use super::meter::Meter;
use super::names;
use super::node::{Node, open_both, refuse_same};
use super::relative::Relative;
use super::remove::remove;
use super::rename::taken;
use super::verify::{both, lost};
use crate::executor::{Job, Reporter};
use crate::schema::v1::{SavedCheckpoint, Side};

/// A crash leaves a part of the copy under the temporary name, and the checkpoint covers only what
/// is synced of it.
pub(super) fn copy(
    job: &Job,
    checkpoint: Option<&SavedCheckpoint>,
    reporter: &dyn Reporter,
    tuning: Tuning,
) -> Result<(), Problem> {
    let name = names::of_shard(job)?;
    let (from, to) = open_both(job)?;
    let source = from.tree(name.clone());
    let place = to.tree(name);
    // Found now, not after the cutover: the name has to be free then.
    if place.exists()? {
        return Err(taken(&place));
    }
    let total = examine(&source, to.identity())?;
    let target = to.tree(names::part(job.migration));
    let cursor = checkpoint.and_then(|saved| Cursor::decode(saved.cursor.as_bytes()));
    let resume = if target.exists()? { cursor } else { None };
    let floor = checkpoint.map_or(0, |saved| saved.bytes_migrated);
    let meter = Meter::new(reporter, total, floor);
    Copier::new(&source, &target, meter, resume, &to, tuning).run()
}

/// Changes nothing.
pub(super) fn verify(job: &Job, reporter: &dyn Reporter) -> Result<(Side, Side), Problem> {
    let name = names::of_shard(job)?;
    let (from, to) = open_both(job)?;
    let source = from.tree(name.clone());
    if !source.exists()? {
        return Err(gone(&source));
    }
    let place = to.tree(name);
    let part = to.tree(names::part(job.migration));
    let copy = match (part.exists()?, place.exists()?) {
        (true, false) => part,
        // After the rename: called again.
        (false, true) => place,
        // Found now, not after the cutover.
        (true, true) => return Err(taken(&place)),
        (false, false) => return Err(lost(&part)),
    };
    both(&source, &copy, reporter)
}

/// A crash leaves the copy under the one name or the other.
pub(super) fn activate(job: &Job) -> Result<(), Problem> {
    let name = names::of_shard(job)?;
    let to = Node::open(&job.to)?;
    let place = to.tree(name);
    let part = to.tree(names::part(job.migration));
    match (part.exists()?, place.exists()?) {
        (true, false) => to.rename(&part, &place)?,
        (false, true) => {}
        (true, true) => return Err(taken(&place)),
        (false, false) => {
            let (part, place) = (part.path(&Relative::top()), place.path(&Relative::top()));
            return Err(Problem::Refused(format!(
                "neither {part:?} nor {place:?} is there; is the disk mounted? The source copy is \
                 kept"
            )));
        }
    }
    to.sync()
}

/// A crash leaves the source copy whole under its name, or all or a part of it under a temporary
/// one; the destination copy is there in each case.
pub(super) fn release_source(job: &Job) -> Result<(), Problem> {
    let name = names::of_shard(job)?;
    let from = Node::open(&job.from)?;
    let source = from.tree(name.clone());
    let released = from.tree(names::released(job.migration));
    // Once renamed, whatever has the shard's name is not what this migration moved away from.
    if !released.exists()? && source.exists()? {
        let to = Node::open(&job.to)?;
        refuse_same(job, &from, &to)?;
        let place = to.tree(name);
        let part = to.tree(names::part(job.migration));
        if !place.exists()? || part.exists()? {
            let (source, place) = (source.path(&Relative::top()), place.path(&Relative::top()));
            return Err(Problem::NotNow(format!(
                "{source:?} is kept: its copy {place:?} is not in place, so this may be the only one"
            )));
        }
        from.rename(&source, &released)?;
    }
    // Nothing is removed before the new name lasts: a crash must not bring back half a shard.
    from.sync()?;
    remove(&released)?;
    from.sync()
}

/// A crash leaves a part of the copy under the temporary name.
pub(super) fn discard_destination(job: &Job) -> Result<(), Problem> {
    // A directory that is not there may be a disk that is not mounted, with the copy on it.
    let to = Node::open(&job.to)?;
    remove(&to.tree(names::part(job.migration)))?;
    to.sync()
}
