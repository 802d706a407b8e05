use std::collections::BTreeMap;

use proptest::prelude::*;
use shardferry::tracker::check::{
    Acknowledged, Image, invariant_i4_stale_epoch_changes_nothing,
    invariant_i11_reopening_changes_nothing, invariant_i12_acknowledged_survives, invariants_of,
    invariants_of_step,
};
use shardferry::{MigrationTracker, NodeId, Status};

use super::NODES;
use super::apply::apply;
use super::line::Wish;
use super::op::Op;
use super::reference::Model;
use crate::support::{Place, node, shard};

/// What came of operations, and how often.
pub(super) type Sometimes = BTreeMap<String, u32>;

/// What the file and the model were at one instant.
#[derive(Clone)]
struct Point {
    model: Model,
    image: Image,
}

/// Runs `ops` on a new file and on `model`: session after session, until each operation was run.
pub(super) fn run(
    place: &Place,
    mut model: Model,
    ops: &[Op],
    sometimes: &mut Sometimes,
) -> Result<(), TestCaseError> {
    let tracker = place.create_with(&model.settings());
    for id in 1..=NODES {
        tracker.register_node(node(id)).unwrap();
    }
    for (id, owner) in &model.owners {
        tracker.register_shard(shard(*id, NodeId(*owner))).unwrap();
    }
    let image = tracker.image().unwrap();
    drop(tracker);
    let mut expected = Point {
        model: model.clone(),
        image,
    };
    for session in ops.split_inclusive(|op| matches!(op, Op::Reopen | Op::Crash)) {
        let tracker = place.open();
        let opened = tracker.image().unwrap();
        let changed = invariant_i11_reopening_changes_nothing(&expected.image, &opened);
        prop_assert_eq!(changed, [], "opened after {:?}", expected.model);
        model = expected.model;
        model.end_session();
        let durable = one_session(&tracker, &mut model, session, sometimes)?;
        expected = if matches!(session.last(), Some(Op::Crash)) {
            let lost = durable.image != tracker.image().unwrap();
            let what = if lost {
                "took progress"
            } else {
                "took nothing"
            };
            *sometimes.entry(format!("crash: {what}")).or_default() += 1;
            crash(place, tracker);
            durable
        } else {
            let image = tracker.image().unwrap();
            Point {
                model: model.clone(),
                image,
            }
        };
    }
    for row in &expected.model.migrations {
        *sometimes.entry(row.status.to_string()).or_default() += 1;
    }
    Ok(())
}

/// What a kill of the process leaves: the file as it is now, without what a drop would still write.
fn crash(place: &Place, tracker: MigrationTracker) {
    let left = place.folder().join("left.redb");
    std::fs::copy(place.path(), &left).unwrap();
    drop(tracker);
    std::fs::rename(left, place.path()).unwrap();
}

/// Runs a session; what a crash at its end leaves.
fn one_session(
    tracker: &MigrationTracker,
    model: &mut Model,
    session: &[Op],
    sometimes: &mut Sometimes,
) -> Result<Point, TestCaseError> {
    let mut before = tracker.image().unwrap();
    let mut durable = Point {
        model: model.clone(),
        image: before.clone(),
    };
    let mut claims = Vec::new();
    for op in session {
        if matches!(op, Op::Reopen | Op::Crash) {
            break;
        }
        let answer = apply(tracker, &mut claims, model, op);
        let after = tracker.image().unwrap();
        prop_assert_eq!(
            answer.real,
            answer.fits,
            "{:?}: {:?} on {:#?}",
            op,
            answer,
            model
        );
        prop_assert_eq!(invariants_of(&after), [], "after {:?}", op);
        prop_assert_eq!(invariants_of_step(&before, &after), [], "after {:?}", op);
        if !answer.real && !answer.changes {
            let changed = invariant_i4_stale_epoch_changes_nothing(&before, &after);
            prop_assert_eq!(changed, [], "a refused {:?} changed something", op);
        }
        model.learn_times(&after);
        model.compare(&after)?;
        survived(model, &after)?;
        if matches!(op, Op::ClaimNext(_) | Op::Operator(_)) {
            explained(tracker, model)?;
        }
        *sometimes
            .entry(format!("{}: {}", name(op), answer.told))
            .or_default() += 1;
        if answer.real || answer.changes || answer.late {
            // Without lag every commit waits for the disk.
            let forced = !model.lag && after != before;
            if answer.durable || forced {
                model.behind = false;
                durable = Point {
                    model: model.clone(),
                    image: after.clone(),
                };
            } else {
                model.behind |= after != before;
            }
        }
        before = after;
    }
    Ok(durable)
}

/// Something keeps a migration from being claimed if, and only if, its claim would be refused.
fn explained(tracker: &MigrationTracker, model: &Model) -> Result<(), TestCaseError> {
    for at in 0..model.migrations.len() {
        let id = model.migrations[at].id;
        let why = tracker.explain(id).unwrap().unwrap();
        let granted = model.clone().claim(at, 0) == Wish::Granted;
        let obstacles = why.obstacles;
        prop_assert_eq!(obstacles.is_empty(), granted, "{:?}", obstacles);
    }
    Ok(())
}

fn survived(model: &Model, image: &Image) -> Result<(), TestCaseError> {
    let answers = model.migrations.iter().map(|row| Acknowledged {
        id: row.id,
        status: row.status,
    });
    let answers: Vec<_> = answers.collect();
    prop_assert_eq!(invariant_i12_acknowledged_survives(&answers, image), []);
    Ok(())
}

/// The name of an operation, for the count.
fn name(op: &Op) -> String {
    let word = |shown: String| {
        let end = |sign: char| !sign.is_alphanumeric();
        shown.split(end).next().unwrap_or_default().to_owned()
    };
    match op {
        Op::Operator(what) => word(format!("{what:?}")),
        Op::ByClaim(_, what) => format!("claim.{}", word(format!("{what:?}"))),
        _ => word(format!("{op:?}")),
    }
}

/// Each end, for the count.
pub(super) const ENDS: [Status; 3] = [Status::Complete, Status::Failed, Status::Cancelled];
