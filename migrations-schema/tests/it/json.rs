//! Records for people. JSON is not on disk, but the names in it are seen by scripts.

use migrations_schema::text::{RangeKey, Reason, ShardName};
use migrations_schema::v1::{
    Actor, Cleanup, CleanupKind, EventKind, FailureClass, NodeState, PauseScope, Placement,
    SetAsideRow, State, Trigger, Verification,
};
use migrations_schema::{Epoch, MigrationId, NodeId, ShardId, TimestampMs};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
}

#[test]
fn variants_have_the_names_of_their_status_with_hyphens() {
    let (started_at_ms, finished_at_ms) = (TimestampMs(1), TimestampMs(2));
    let reason = Reason::new("r");
    for (state, json) in [
        (State::Pending, r#""pending""#),
        (
            State::InProgress { started_at_ms },
            r#"{"in-progress":{"started_at_ms":1}}"#,
        ),
        (
            State::Verifying {
                started_at_ms,
                verifying_at_ms: finished_at_ms,
            },
            r#"{"verifying":{"started_at_ms":1,"verifying_at_ms":2}}"#,
        ),
        (
            State::Complete {
                started_at_ms,
                finished_at_ms,
            },
            r#"{"complete":{"started_at_ms":1,"finished_at_ms":2}}"#,
        ),
        (
            State::Failed {
                started_at_ms: Some(started_at_ms),
                finished_at_ms,
                class: FailureClass::Permanent,
                reason: reason.clone(),
            },
            r#"{"failed":{"started_at_ms":1,"finished_at_ms":2,"class":"permanent","reason":"r"}}"#,
        ),
        (
            State::Cancelled {
                started_at_ms: None,
                finished_at_ms,
                reason,
            },
            r#"{"cancelled":{"started_at_ms":null,"finished_at_ms":2,"reason":"r"}}"#,
        ),
    ] {
        check(&state, json);
        assert!(json.contains(&format!("\"{}\"", state.status())));
    }
}

#[test]
fn every_other_enum_has_hyphens_too() {
    check(&Actor::System, r#""system""#);
    check(&CleanupKind::ReleaseSource, r#""release-source""#);
    check(&EventKind::VerificationBegun, r#""verification-begun""#);
    check(&EventKind::Claimed, r#""claimed""#);
    check(
        &EventKind::ReportFenced { got: Epoch(2) },
        r#"{"report-fenced":{"got":2}}"#,
    );
    check(&NodeState::NoAccept, r#""no-accept""#);
    check(&PauseScope::Node(NodeId(3)), r#"{"node":3}"#);
    check(&Placement::Owner, r#""owner""#);
    check(&Trigger::Rebalance, r#""rebalance""#);
    check(&Verification::Required, r#""required""#);
}

#[test]
fn bytes_are_hexadecimal_digits() {
    let name = ShardName::new(*b"a\xff\x00").unwrap();
    check(&name, r#""61ff00""#);
    check(&RangeKey::new("").unwrap(), r#""""#);
    let row = SetAsideRow {
        value: vec![0x5f, 0xa0],
        value_bytes: 2,
        reason: Reason::new("r"),
        at_ms: TimestampMs(1),
    };
    check(
        &row,
        r#"{"value":"5fa0","value_bytes":2,"reason":"r","at_ms":1}"#,
    );
    for wrong in ["6", "6A", "g0", "+1", "é"] {
        let json = format!("\"{wrong}\"");
        let error = serde_json::from_str::<ShardName>(&json).unwrap_err();
        assert!(error.to_string().contains("hexadecimal"), "{error}");
    }
    let empty = serde_json::from_str::<ShardName>(r#""""#).unwrap_err();
    assert!(empty.to_string().contains("a shard name is empty"));
}

#[test]
fn ids_are_text_and_fields_keep_their_names() {
    check(
        &Cleanup {
            node: NodeId(1),
            shard: ShardId(7),
            kind: CleanupKind::ReleaseSource,
            migration: MigrationId(Uuid::nil()),
            from: NodeId(1),
            to: NodeId(2),
            created_at_ms: TimestampMs(3),
            not_before_ms: TimestampMs(4),
            retry_at_ms: TimestampMs(5),
            failed_attempts: 6,
            last_error: None,
            activated: true,
        },
        concat!(
            r#"{"node":1,"shard":7,"kind":"release-source","#,
            r#""migration":"00000000-0000-0000-0000-000000000000","from":1,"to":2,"#,
            r#""created_at_ms":3,"not_before_ms":4,"retry_at_ms":5,"failed_attempts":6,"#,
            r#""last_error":null,"activated":true}"#
        ),
    );
}
