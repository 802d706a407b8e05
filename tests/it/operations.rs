//! What an operator does about migrations: pause, retry, reverse, drain, quarantine, old copies.

use shardferry::schema::v1::{FailureClass, NodeState, PauseScope, Trigger};
use shardferry::tracker::{
    BeginError, ClaimError, ForgiveNodeError, PauseError, QuarantineError, RegistryError, Retried,
    RetryError, ReverseError, TransitionError,
};
use shardferry::{
    EventKind, EventSeq, MigrationId, MigrationTracker, NodeId, Settings, ShardId, Status,
};

use crate::support::{A, B, C, Place, S, clean, cluster, node_in, shard, worker};

fn kinds(tracker: &MigrationTracker, id: MigrationId) -> Vec<EventKind> {
    let events = tracker.history(id).unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

/// The shard of the next claim.
fn next(tracker: &MigrationTracker) -> Option<u64> {
    let claim = tracker.claim_next(&worker()).unwrap();
    claim.map(|claim| claim.migration().shard.0)
}

/// A migration of `S` from A to B that has failed as often as it may.
fn quarantined(tracker: &MigrationTracker) -> MigrationId {
    let id = tracker.begin_migration(S, A, B).unwrap();
    for reason in ["disk full", "still full"] {
        tracker.retry_migration(id, "at once").unwrap();
        let claim = tracker.claim(id, &worker()).unwrap();
        let class = FailureClass::Retriable;
        claim.fail_attempt(class, reason, false).unwrap();
    }
    id
}

fn two_attempts() -> Settings {
    Settings {
        attempts_max: 2,
        backoff_ms_min: 600_000,
        backoff_ms_max: 600_000,
        ..Settings::default()
    }
}

#[test]
fn a_pause_of_each_scope_holds_back_its_own_and_survives_a_restart() {
    let place = Place::new();
    let tracker = place.create();
    let ids: Vec<_> = [(1, A, B), (2, C, A), (3, C, B)]
        .map(|(shard, from, to)| tracker.begin_migration(ShardId(shard), from, to).unwrap())
        .into();
    tracker.pause(PauseScope::Node(B), "its disk").unwrap();
    tracker
        .pause(PauseScope::Migration(ids[1]), "later")
        .unwrap();
    drop(tracker);
    let tracker = place.open();
    assert_eq!(next(&tracker), None);
    let refused = tracker.claim(ids[2], &worker()).unwrap_err();
    assert!(
        matches!(&refused, ClaimError::Paused { scope: PauseScope::Node(B), reason, .. }
            if reason.as_str() == "its disk"),
        "{refused}"
    );
    // A second pause changes the reason, and not since when.
    let since = tracker.pauses().unwrap()[0].1.at_ms;
    tracker.pause(PauseScope::Node(B), "both disks").unwrap();
    let (_, pause) = &tracker.pauses().unwrap()[0];
    assert_eq!((pause.at_ms, pause.reason.as_str()), (since, "both disks"));

    tracker.resume(PauseScope::Node(B), "new disks").unwrap();
    assert_eq!((next(&tracker), next(&tracker)), (Some(1), Some(3)));
    assert_eq!(next(&tracker), None);
    let again = tracker.resume(PauseScope::Node(B), "again").unwrap_err();
    assert!(matches!(again, PauseError::NotPaused { .. }), "{again}");

    // The pause of a migration ends with it, and does not outlive it.
    tracker.cancel_migration(ids[1], "not wanted").unwrap();
    assert!(tracker.pauses().unwrap().is_empty());
    let ended = tracker.pause(PauseScope::Migration(ids[1]), "late");
    assert!(matches!(
        ended,
        Err(PauseError::Ended {
            status: Status::Cancelled,
            ..
        })
    ));
    assert!(kinds(&tracker, ids[1]).contains(&EventKind::Paused {
        scope: PauseScope::Migration(ids[1])
    }));
    clean(&tracker);
}

#[test]
fn a_pause_stops_what_is_under_way_until_writes_are_stopped() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    claim.report(5, Some(10), None).unwrap();
    tracker.pause(PauseScope::Everything, "backup").unwrap();
    let refused = claim.report(6, None, None).unwrap_err();
    assert!(
        matches!(refused, TransitionError::Paused { .. }),
        "{refused}"
    );
    assert!(matches!(claim.fence(), Err(TransitionError::Paused { .. })));
    claim.renew().unwrap();
    tracker.resume(PauseScope::Everything, "done").unwrap();
    claim.report(6, None, None).unwrap();
    claim.fence().unwrap();
    // What is left is short, and pausing it would keep writes stopped.
    tracker.pause(PauseScope::Everything, "backup").unwrap();
    claim.report(10, None, None).unwrap();
    claim.begin_verification().unwrap();
    claim.complete().unwrap();
    clean(&tracker);
}

#[test]
fn the_last_attempt_sets_the_shard_aside_with_every_reason() {
    let place = Place::new();
    let tracker = place.create_with(&two_attempts());
    let id = quarantined(&tracker);
    let (shard, entry) = tracker.quarantined().unwrap().pop().unwrap();
    assert_eq!((shard, entry.migration), (S, id));
    let reasons: Vec<_> = entry
        .failures
        .iter()
        .map(|one| one.reason.as_str())
        .collect();
    assert_eq!(reasons, ["disk full", "still full"]);
    assert_eq!(kinds(&tracker, id).last(), Some(&EventKind::Quarantined));
    let refused = tracker.begin_migration(S, A, C).unwrap_err();
    assert!(
        matches!(refused, BeginError::Quarantined { .. }),
        "{refused}"
    );

    // The copy at the destination goes first; then the same move begins, and the shard is out.
    let early = tracker.retry_migration(id, "now").unwrap_err();
    assert!(matches!(
        early,
        RetryError::Begin(BeginError::CleanupOpen { .. })
    ));
    assert_eq!(
        tracker.quarantined().unwrap().len(),
        1,
        "a refusal changes nothing"
    );
    tracker.settle_cleanup(B, S).unwrap();
    let Retried::Begun(again) = tracker.retry_migration(id, "the disk is larger").unwrap() else {
        panic!("it had failed");
    };
    assert!(tracker.quarantined().unwrap().is_empty());
    let again = tracker.get_migration(again).unwrap().unwrap();
    assert_eq!((again.shard, again.from, again.to), (S, A, B));
    assert_eq!(again.failed_attempts, 0);
    assert_eq!(
        kinds(&tracker, id).last(),
        Some(&EventKind::QuarantineReleased)
    );
    let none = tracker.release_quarantine(S, "again").unwrap_err();
    assert!(matches!(none, QuarantineError::NotQuarantined { .. }));
    clean(&tracker);
}

#[test]
fn a_permanent_failure_sets_nothing_aside() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    let failed = claim.fail_attempt(FailureClass::Permanent, "no such table", false);
    assert_eq!(failed.unwrap().status(), Status::Failed);
    assert!(tracker.quarantined().unwrap().is_empty());
}

#[test]
fn what_fails_delays_no_other() {
    let place = Place::new();
    let settings = Settings {
        in_flight_max: Some(1),
        backoff_ms_min: 0,
        backoff_ms_max: 0,
        attempts_max: 100,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    for shard in 1..=3 {
        tracker.begin_migration(ShardId(shard), A, B).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        std::thread::sleep(std::time::Duration::from_millis(2));
        let claim = tracker.claim_next(&worker()).unwrap().unwrap();
        order.push(claim.migration().shard.0);
        if claim.migration().shard == ShardId(1) {
            let class = FailureClass::Unknown;
            claim.fail_attempt(class, "no answer", false).unwrap();
        } else {
            claim.complete().unwrap();
        }
    }
    assert_eq!(
        order,
        [1, 2, 3, 1],
        "it is tried again when the others had their turn"
    );
}

#[test]
fn a_retry_ends_the_wait_and_a_complete_one_has_none() {
    let place = Place::new();
    let tracker = place.create_with(&two_attempts());
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    claim
        .fail_attempt(FailureClass::Retriable, "busy", false)
        .unwrap();
    assert!(
        tracker.claim(id, &worker()).is_err(),
        "it waits for ten minutes"
    );
    assert_eq!(
        tracker.retry_migration(id, "free now").unwrap(),
        Retried::AtOnce
    );
    tracker.claim(id, &worker()).unwrap().complete().unwrap();
    let refused = tracker.retry_migration(id, "again").unwrap_err();
    assert!(matches!(refused, RetryError::Complete { .. }), "{refused}");
    let unknown = MigrationId(uuid::Uuid::nil());
    let unknown = tracker.retry_migration(unknown, "?").unwrap_err();
    assert!(matches!(unknown, RetryError::NotFound { .. }));
}

#[test]
fn the_way_back_is_that_of_the_last_move_only() {
    let place = Place::new();
    let tracker = cluster(&place, 3, 1);
    let shard = ShardId(1);
    let move_it = |from, to| {
        let id = tracker.begin_migration(shard, from, to).unwrap();
        tracker.start_migration(id).unwrap();
        let early = tracker.reverse_migration(id, "too early").unwrap_err();
        assert!(matches!(early, ReverseError::NotCutOver { .. }), "{early}");
        tracker.complete_migration(id).unwrap();
        tracker.settle_cleanup(from, shard).unwrap();
        id
    };
    let first = move_it(A, B);
    let second = move_it(B, C);
    let late = tracker.reverse_migration(first, "slow").unwrap_err();
    assert!(
        matches!(late, ReverseError::MovedOn { latest, .. } if latest == second),
        "{late}"
    );
    let back = tracker.reverse_migration(second, "slow").unwrap();
    let row = tracker.get_migration(back).unwrap().unwrap();
    assert_eq!((row.from, row.to), (C, B));
    assert_eq!(
        (row.trigger, row.reverse_of),
        (Trigger::Reverse, Some(second))
    );
    let twice = tracker.reverse_migration(second, "slow").unwrap_err();
    assert!(matches!(
        twice,
        ReverseError::Begin(BeginError::AlreadyMigrating { .. })
    ));
    clean(&tracker);
}

#[test]
fn a_begin_by_what_was_so_is_refused_when_it_is_so_no_more() {
    let place = Place::new();
    let tracker = cluster(&place, 3, 1);
    let shard = ShardId(1);
    let known = tracker.shard(shard).unwrap().unwrap().version;
    let mut request = shardferry::tracker::BeginRequest::new(shard, A, B);
    request.expected_version = Some(known + 1);
    let refused = tracker.begin(&request).unwrap_err();
    assert!(
        matches!(refused, BeginError::VersionChanged { expected, current, .. }
            if expected == known + 1 && current == Some(known)),
        "{refused}"
    );
    request.expected_version = Some(known);
    tracker.begin(&request).unwrap();
    request.shard = ShardId(99);
    let unknown = tracker.begin(&request).unwrap_err();
    assert!(matches!(
        unknown,
        BeginError::VersionChanged { current: None, .. }
    ));
}

#[test]
fn a_drain_goes_on_after_a_restart_until_the_node_is_empty() {
    let place = Place::new();
    let settings = Settings {
        in_flight_per_source_max: Some(2),
        ..Settings::default()
    };
    let tracker = cluster(&place, 3, 5);
    tracker.set_settings(&settings).unwrap();
    tracker.drain(A, "it is being replaced").unwrap();
    let first = tracker.continue_draining().unwrap();
    assert_eq!(first[&A].begun.len(), 5);
    tracker.claim_next(&worker()).unwrap().unwrap();
    drop(tracker);

    let tracker = place.open();
    let again = tracker.continue_draining().unwrap();
    assert_eq!((again[&A].begun.len(), again[&A].under_way.len()), (0, 5));
    while let Some(claim) = tracker.claim_next(&worker()).unwrap() {
        let done = claim.complete().unwrap();
        assert_eq!(done.trigger, Trigger::Drain);
        tracker.settle_cleanup(A, done.shard).unwrap();
    }
    let empty = tracker.continue_draining().unwrap();
    assert!(empty[&A].is_empty(), "{empty:?}");
    assert!(tracker.continue_draining().unwrap()[&A].begun.is_empty());
    clean(&tracker);
}

#[test]
fn what_blocks_a_drain_is_said_of_each_shard_and_holds_up_no_other() {
    let place = Place::new();
    let tracker = cluster(&place, 2, 2);
    let pinned = shardferry::Shard {
        pinned: true,
        ..shard(3, A)
    };
    tracker.register_shard(pinned).unwrap();
    // Shard 2 may go to no node but A.
    let bound = shardferry::Shard {
        allowed: vec![A],
        ..tracker.shard(ShardId(2)).unwrap().unwrap()
    };
    tracker.update_shard(bound).unwrap();
    tracker.drain(A, "old").unwrap();
    let draining = &tracker.continue_draining().unwrap()[&A];
    assert_eq!((draining.shards, draining.begun.len()), (3, 1));
    let blocked: Vec<_> = draining.blocked.iter().map(|(shard, _)| shard.0).collect();
    assert_eq!(blocked, [2, 3]);
    assert!(draining.blocked[0].1.contains("allowed"), "{draining:?}");
    assert!(draining.blocked[1].1.contains("pinned"), "{draining:?}");

    // Taken back: what nobody has started is called off.
    let cancelled = tracker.undrain(A, "it stays").unwrap();
    assert_eq!(cancelled, draining.begun);
    assert_eq!(tracker.node(A).unwrap().unwrap().state, NodeState::Active);
    assert!(tracker.continue_draining().unwrap().is_empty());
    let twice = tracker.undrain(A, "it stays").unwrap_err();
    assert!(matches!(twice, RegistryError::WrongState { .. }), "{twice}");
    tracker.update_node(node_in(1, NodeState::Down)).unwrap();
    assert!(tracker.drain(A, "gone").is_err());
    clean(&tracker);
}

#[test]
fn copies_on_a_node_that_never_comes_back_are_given_up_together() {
    let place = Place::new();
    let tracker = cluster(&place, 2, 2);
    let ids: Vec<_> = [1, 2]
        .map(|shard| {
            let id = tracker.begin_migration(ShardId(shard), A, B).unwrap();
            tracker.start_migration(id).unwrap();
            tracker.fail_migration(id, "its disk").unwrap();
            id
        })
        .into();
    let there = tracker.forgive_node(B, "gone").unwrap_err();
    assert!(
        matches!(there, ForgiveNodeError::NodeThere { .. }),
        "{there}"
    );
    tracker.update_node(node_in(2, NodeState::Down)).unwrap();
    assert_eq!(tracker.forgive_node(B, "it burned").unwrap().len(), 2);
    assert!(tracker.cleanups().unwrap().is_empty());
    for id in ids {
        let forgiven = EventKind::CleanupForgiven { node: B };
        assert_eq!(kinds(&tracker, id).last(), Some(&forgiven));
    }
    assert!(tracker.forgive_node(B, "again").unwrap().is_empty());
    clean(&tracker);
}

#[test]
fn a_source_is_not_given_up_while_the_destination_does_not_serve() {
    let place = Place::new();
    let tracker = cluster(&place, 2, 1);
    let id = tracker.begin_migration(ShardId(1), A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    tracker.update_node(node_in(1, NodeState::Down)).unwrap();
    let refused = tracker.forgive_node(A, "gone").unwrap_err();
    assert!(
        matches!(refused, ForgiveNodeError::NotActivated { to: B, .. }),
        "{refused}"
    );
    assert_eq!(tracker.cleanups().unwrap().len(), 1);
}

#[test]
fn a_grace_period_ends_on_demand() {
    let place = Place::new();
    let settings = Settings {
        cleanup_grace_ms: 3_600_000,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    assert!(tracker.hurry_cleanups(Some(C), "room").unwrap().is_empty());
    assert_eq!(tracker.hurry_cleanups(Some(A), "room").unwrap().len(), 1);
    let copy = tracker.cleanup(A, S).unwrap().unwrap();
    assert!(copy.not_before_ms <= tracker.now());
    assert_eq!(
        kinds(&tracker, id).last(),
        Some(&EventKind::CleanupHurried { node: A })
    );
    assert!(
        tracker.hurry_cleanups(None, "room").unwrap().is_empty(),
        "nothing waits"
    );
    clean(&tracker);
}

#[test]
fn an_override_needs_a_reason_and_leaves_an_event() {
    let place = Place::new();
    let settings = Settings {
        verification: shardferry::Verification::Required,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.start_migration(id).unwrap();
    assert!(tracker.complete_migration(id).is_err());
    tracker.complete_unverified(id, "compared by hand").unwrap();
    let events = tracker.history(id).unwrap();
    let waived = events
        .iter()
        .find(|event| event.kind == EventKind::VerificationWaived);
    assert_eq!(waived.unwrap().cause.as_str(), "compared by hand");
    assert_eq!(
        events.last().unwrap().kind,
        EventKind::Completed { verified: false }
    );
    clean(&tracker);
}

#[test]
fn a_stall_is_one_event_until_it_goes_on() {
    let place = Place::new();
    // Longer than two calls take on a machine that is busy.
    let settings = Settings {
        stall_ms: 700,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    let wait = || std::thread::sleep(std::time::Duration::from_millis(800));
    claim.report(5, Some(10), None).unwrap();
    wait();
    for _ in 0..3 {
        claim.renew().unwrap();
        claim.report(5, None, None).unwrap();
    }
    let stalls = |tracker: &MigrationTracker| {
        let kinds = kinds(tracker, id);
        kinds
            .iter()
            .filter(|kind| **kind == EventKind::Stalled)
            .count()
    };
    assert_eq!(stalls(&tracker), 1);
    assert_eq!(tracker.summary().unwrap().stalled, 1);
    claim.report(6, None, None).unwrap();
    assert_eq!(tracker.summary().unwrap().stalled, 0);
    wait();
    claim.renew_moving().unwrap();
    claim.renew().unwrap();
    assert_eq!(stalls(&tracker), 1, "it came further");
    wait();
    claim.renew().unwrap();
    assert_eq!(stalls(&tracker), 2);
    clean(&tracker);
}

#[test]
fn the_limit_of_a_pair_of_nodes_holds_for_that_pair() {
    let place = Place::new();
    let settings = Settings {
        in_flight_per_pair_max: Some(1),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    for (shard, from, to) in [(1, A, B), (2, A, B), (3, A, C), (4, B, A)] {
        tracker.begin_migration(ShardId(shard), from, to).unwrap();
    }
    let claimed: Vec<_> = std::iter::from_fn(|| next(&tracker)).collect();
    assert_eq!(claimed, [1, 3, 4]);
    drop(tracker);
    // Also in the first instant after a restart: those of the earlier session keep their slots.
    let tracker = place.open();
    let claimed: Vec<_> = std::iter::from_fn(|| next(&tracker)).collect();
    assert_eq!(claimed, [1, 3, 4]);
    clean(&tracker);
}

#[test]
fn a_slot_that_a_dead_executor_held_for_what_waits_goes_to_another() {
    let place = Place::new();
    let settings = Settings {
        in_flight_max: Some(1),
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let first = tracker.begin_migration(ShardId(1), A, B).unwrap();
    tracker.begin_migration(ShardId(2), A, B).unwrap();
    assert_eq!(next(&tracker), Some(1));
    tracker
        .pause(PauseScope::Migration(first), "later")
        .unwrap();
    drop(tracker);
    let tracker = place.open();
    assert_eq!(next(&tracker), Some(2));
    clean(&tracker);
}

#[test]
fn the_log_of_the_cluster_tells_of_drains_and_pauses_with_reasons() {
    let place = Place::new();
    let tracker = cluster(&place, 2, 0);
    let since = tracker
        .events(EventSeq(0), 100)
        .unwrap()
        .last()
        .unwrap()
        .seq;
    tracker
        .pause(PauseScope::Everything, "maintenance")
        .unwrap();
    tracker.drain(NodeId(1), "old").unwrap();
    tracker.drain(NodeId(1), "old").unwrap();
    let events = tracker.events(since, 100).unwrap();
    let causes: Vec<_> = events.iter().map(|event| event.cause.as_str()).collect();
    assert_eq!(
        causes,
        ["maintenance", "old"],
        "draining twice is draining once"
    );
    clean(&tracker);
}

/// A repeated retry of one that has since been done again copied from a node that had released it.
#[test]
fn a_retry_of_what_has_moved_since_is_refused() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.cancel_migration(id, "not now").unwrap();
    let Retried::Begun(again) = tracker.retry_migration(id, "now").unwrap() else {
        panic!("it was cancelled");
    };
    tracker.start_migration(again).unwrap();
    tracker.complete_migration(again).unwrap();
    tracker.settle_cleanup(A, S).unwrap();
    let late = tracker.retry_migration(id, "now").unwrap_err();
    assert!(
        matches!(late, RetryError::MovedOn { latest, .. } if latest == again),
        "{late}"
    );
    clean(&tracker);
}

/// Cancelled while writes were stopped, it was tried again without a wait, for ever.
#[test]
fn a_cancellation_that_cannot_let_writes_go_on_waits_between_its_tries() {
    let place = Place::new();
    let settings = Settings {
        backoff_ms_min: 600_000,
        backoff_ms_max: 600_000,
        ..Settings::default()
    };
    let tracker = place.create_with(&settings);
    let id = tracker.begin_migration(S, A, B).unwrap();
    tracker.claim(id, &worker()).unwrap().fence().unwrap();
    drop(tracker);
    let tracker = place.open();
    tracker.cancel_migration(id, "not wanted").unwrap();
    let claim = tracker.claim_next(&worker()).unwrap().unwrap();
    let class = FailureClass::Retriable;
    let next = claim
        .fail_attempt(class, "the source is away", false)
        .unwrap();
    assert_eq!(
        next.status(),
        Status::InProgress,
        "writes are still stopped"
    );
    assert!(tracker.claim_next(&worker()).unwrap().is_none());
    // Asked again, it is tried again at once.
    tracker.retry_migration(id, "the source is back").unwrap();
    let claim = tracker.claim_next(&worker()).unwrap().unwrap();
    claim.unfence().unwrap();
    assert_eq!(claim.release().unwrap().status(), Status::Cancelled);
    clean(&tracker);
}
