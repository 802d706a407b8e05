//! What only somebody at work can be told: the command line has the file for itself.

use serde_json::json;
use shardferry::schema::text::ExecutorName;
use shardferry::{MigrationTracker, NodeId, ShardId};

use super::*;

#[test]
fn who_holds_it_and_that_it_stalls_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let tracker = MigrationTracker::create(folder.path().join("shards.redb")).unwrap();
    let id = tracker
        .begin_migration(ShardId(7), NodeId(1), NodeId(2))
        .unwrap();
    let claim = tracker
        .claim(id, &ExecutorName::new("worker").unwrap())
        .unwrap();
    let mut why = tracker.explain(id).unwrap().unwrap();
    let held = of(&why, &Names::default());
    assert_eq!((held.len(), held[0].kind), (1, "held"));
    let view = held[0].view();
    assert_eq!(
        (&view["executor"], &view["epoch"]),
        (&json!("worker"), &json!(1))
    );
    assert!(
        held[0]
            .text
            .contains("executor worker is at work on it (epoch 1); its lease holds until")
    );
    assert_eq!(held[0].todo, None, "nobody has to do anything");

    why.migration.attempt.as_mut().unwrap().stalled = true;
    let kinds: Vec<_> = of(&why, &Names::default())
        .iter()
        .map(|wait| wait.kind)
        .collect();
    assert_eq!(kinds, ["held", "stalled"]);
    drop(claim);
}
