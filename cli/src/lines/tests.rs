use std::io::BufReader;

use serde_json::{Value, json};
use shardferry::schema::key::{MetaKey, RetentionKey, RowKey, SettingsKey};
use shardferry::schema::table::TableId;
use shardferry::schema::text::{NodeName, Reason, RequestKey, ShardName};
use shardferry::schema::v1::{
    Actor, FileMeta, Pause, PauseScope, Pruned, Quarantined, SetAsideRow,
};
use shardferry::store::OpenOptions;
use shardferry::tracker::{self, BeginRequest, Exported, Fact};
use shardferry::{
    EventKind, EventSeq, MigrationTracker, Node, NodeId, Settings, Shard, ShardId, TimestampMs,
};

use super::line::Fault;
use super::row::{from_value, to_value};
use super::{Reader, Writer};

fn id() -> shardferry::MigrationId {
    "01a20000-0000-7000-8000-000000000000".parse().unwrap()
}

/// What a real database exports: the lines, and its facts.
fn exported() -> (String, Vec<Fact>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.redb");
    let tracker = MigrationTracker::create(&path).unwrap();
    for node in 1..=2 {
        let name = NodeName::new(format!("node-{node}")).unwrap();
        let capacity_bytes = Some(u64::MAX);
        let node = Node {
            capacity_bytes,
            ..Node::new(NodeId(node), name)
        };
        tracker.register_node(node).unwrap();
    }
    for shard in [1, u64::MAX] {
        let name = ShardName::new(vec![0xff, u8::try_from(shard % 10).unwrap()]).unwrap();
        let shard = Shard::new(ShardId(shard), name, NodeId(1));
        tracker.register_shard(shard).unwrap();
    }
    let request = BeginRequest {
        request: Some(RequestKey::new("a \"key\"").unwrap()),
        ..BeginRequest::new(ShardId(1), NodeId(1), NodeId(2))
    };
    let migration = tracker.begin(&request).unwrap();
    tracker.start_migration(migration).unwrap();
    tracker.complete_migration(migration).unwrap();
    tracker
        .begin_migration(ShardId(u64::MAX), NodeId(1), NodeId(2))
        .unwrap();
    lines_of(&tracker)
}

fn lines_of(tracker: &MigrationTracker) -> (String, Vec<Fact>) {
    let mut writer = Writer::new(Vec::new());
    let mut facts = Vec::new();
    tracker
        .export(&mut |exported| {
            writer.take(&exported).unwrap();
            if let Exported::Fact(fact) = exported {
                facts.push(*fact);
            }
            Ok::<(), tracker::ExportError>(())
        })
        .unwrap();
    let lines = String::from_utf8(writer.finish().unwrap()).unwrap();
    (lines, facts)
}

fn read(text: &str) -> Result<Vec<Fact>, (u64, Fault)> {
    let failed = |error: super::LineError| (error.line, error.source);
    let reader = Reader::new(BufReader::with_capacity(7, text.as_bytes())).map_err(failed)?;
    reader.map(|fact| fact.map_err(failed)).collect()
}

#[test]
fn an_export_of_an_import_of_an_export_is_the_same_text() {
    let (lines, facts) = exported();
    assert_eq!(read(&lines).unwrap(), facts);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.redb");
    let reader = Reader::new(lines.as_bytes()).unwrap();
    assert_eq!(reader.promised_rows(), facts.len() as u64);
    MigrationTracker::import(&path, &OpenOptions::default(), reader).unwrap();
    let again = MigrationTracker::open(&path).unwrap();
    assert_eq!(lines_of(&again), (lines, facts));
}

/// The tables that the database above leaves empty, with what is hard to write.
#[test]
fn rare_rows_come_back_too() {
    let at_ms = TimestampMs(u64::MAX);
    let reason = Reason::new("\u{1F4A5} \"\\ {\"$u64\": \"1\"}");
    let facts = [
        Fact::Pause(
            PauseScope::Everything,
            Pause {
                at_ms,
                reason: reason.clone(),
            },
        ),
        Fact::Pause(
            PauseScope::Node(NodeId(u64::MAX)),
            Pause {
                at_ms,
                reason: reason.clone(),
            },
        ),
        Fact::Pause(
            PauseScope::Migration(id()),
            Pause {
                at_ms,
                reason: reason.clone(),
            },
        ),
        Fact::Quarantined(
            ShardId(1 << 53),
            Quarantined {
                at_ms,
                migration: id(),
                failures: Vec::new(),
            },
        ),
        Fact::SetAside(
            RowKey {
                table: 255,
                part: u32::MAX,
                key: vec![0, 255],
            },
            SetAsideRow {
                value: vec![1, 2],
                value_bytes: 2,
                reason,
                at_ms,
            },
        ),
        Fact::SetAside(
            RowKey {
                table: 0,
                part: 0,
                key: Vec::new(),
            },
            SetAsideRow {
                value: Vec::new(),
                value_bytes: 0,
                reason: Reason::default(),
                at_ms,
            },
        ),
        Fact::Pruned(
            RetentionKey::Pruned,
            Pruned {
                through: EventSeq((1 << 53) - 1),
                migrations: 1 << 53,
            },
        ),
        Fact::Settings(SettingsKey::Current, Settings::default()),
    ];
    for fact in facts {
        let line = to_value(&fact).unwrap();
        assert_eq!(from_value(&line).unwrap(), fact, "{line}");
        let text = line.to_string();
        assert_eq!(
            from_value(&serde_json::from_str(&text).unwrap()).unwrap(),
            fact,
            "{text}"
        );
    }
}

/// No reader that keeps numbers as floating-point is given one that it would round.
#[test]
fn large_integers_are_texts() {
    let shard = |id| Shard::new(ShardId(id), ShardName::new("a").unwrap(), NodeId(1));
    let id_of = |id| to_value(&Fact::Shard(ShardId(id), shard(id))).unwrap()["row"]["id"].clone();
    let exact = (1_u64 << 53) - 1;
    assert_eq!(id_of(exact), json!(exact));
    assert_eq!(id_of(exact + 1), json!({ "$u64": "9007199254740992" }));
    assert_eq!(id_of(u64::MAX), json!({ "$u64": "18446744073709551615" }));
    let mut line = to_value(&Fact::Shard(ShardId(7), shard(7))).unwrap();
    // Nor is a small one taken in the form of the large.
    for wrong in [
        json!({ "$u64": "7" }),
        json!("7"),
        json!(7.0),
        json!({ "$u64": "+7" }),
    ] {
        line["row"]["id"] = wrong;
        from_value(&line).unwrap_err();
    }
}

#[test]
fn what_is_not_written_so_is_named_by_its_place() {
    let node = Node::new(NodeId(7), NodeName::new("a").unwrap());
    let good = to_value(&Fact::Node(NodeId(7), node)).unwrap();
    from_value(&good).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut line = good.clone();
        change(&mut line);
        from_value(&line).unwrap_err().to_string()
    };
    type Case<'a> = (&'a dyn Fn(&mut Value), &'a str);
    let cases: [Case<'_>; 7] = [
        (
            &|line| line["row"]["colour"] = json!("red"),
            "the line, row, colour",
        ),
        (
            &|line| line["row"]["zone"] = json!(["a"]),
            "a row of nodes looks otherwise",
        ),
        (
            &|line| drop(line["row"].as_object_mut().unwrap().remove("zone")),
            "the line, row, zone",
        ),
        (&|line| line["key"] = json!(7), "the line, key"),
        (&|line| line["more"] = json!(1), "unknown field `more`"),
        (
            &|line| line["table"] = json!("colours"),
            "there is no table colours",
        ),
        (
            &|line| line["table"] = json!("node_names"),
            "node_names is an index",
        ),
    ];
    for (change, words) in cases {
        let said = changed(change);
        assert!(said.contains(words), "{said}");
    }
    let meta = FileMeta {
        format: 1,
        file: shardferry::schema::FileId(id().0),
        created_at_ms: TimestampMs(1),
        created_by: "\u{0}\n".to_owned(),
    };
    let meta = Fact::Meta(MetaKey::File, meta);
    assert_eq!(from_value(&to_value(&meta).unwrap()).unwrap(), meta);
    let event = shardferry::Event {
        seq: EventSeq(1),
        at_ms: TimestampMs(1),
        migration: None,
        shard: None,
        epoch: shardferry::Epoch(0),
        actor: Actor::System,
        cause: Reason::default(),
        kind: EventKind::SettingsChanged,
    };
    let event = Fact::Event(EventSeq(1), event);
    assert_eq!(from_value(&to_value(&event).unwrap()).unwrap(), event);
    assert_eq!(event.table(), TableId::Events);
}

#[test]
fn a_wrong_first_line_is_refused() {
    let (lines, _) = exported();
    let (_, rest) = lines.split_once('\n').unwrap();
    let with = |header: &str| read(&format!("{header}\n{rest}")).unwrap_err();
    assert!(matches!(read("").unwrap_err(), (1, Fault::Header(_))));
    assert!(matches!(read(rest).unwrap_err(), (1, Fault::Header(_))));
    assert!(matches!(with("[1]"), (1, Fault::Header(_))));
    let newer = r#"{"shardferry_export":2,"anything":"else"}"#;
    assert!(matches!(with(newer), (1, Fault::Version { found: 2 })));
    let newer = r#"{"shardferry_export":1,"format":9,"tables":{}}"#;
    assert!(matches!(with(newer), (1, Fault::Format { found: 9, .. })));
    let more = r#"{"shardferry_export":1,"format":1,"tables":{},"more":1}"#;
    assert!(matches!(with(more), (1, Fault::Header(_))));
}

/// Cut off after any byte, an export is refused.
#[test]
fn an_export_that_was_cut_off_is_refused() {
    let (lines, facts) = exported();
    for end in 0..lines.len() - 1 {
        let said = read(lines.get(..end).unwrap()).unwrap_err();
        // In the line that was cut, or, where only the end of a line is missing, in the next.
        let line = lines.get(..end).unwrap().matches('\n').count() as u64 + 1;
        assert!([line, line + 1].contains(&said.0), "{end} bytes: {said:?}");
        assert!(
            matches!(said.1, Fault::CutOff | Fault::Header(_) | Fault::Json(_)),
            "{end} bytes: {said:?}"
        );
    }
    // Only the end of the last line is missing: nothing is.
    assert_eq!(read(lines.trim_end()).unwrap(), facts);
    for more in ["\n", " ", "{}", "garbage"] {
        let said = read(&format!("{lines}{more}")).unwrap_err();
        assert!(matches!(said.1, Fault::AfterTheEnd), "{said:?}");
    }
}

/// A line that is gone, twice there, or changed, is noticed at the end at the latest.
#[test]
fn a_line_that_is_gone_or_changed_is_noticed() {
    let (text, _) = exported();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    for at in 1..lines.len() - 1 {
        let mut fewer = lines.clone();
        fewer.remove(at);
        let said = read(&joined(&fewer)).unwrap_err();
        assert!(matches!(said.1, Fault::Rows { .. }), "{said:?}");
        let mut more = lines.clone();
        more.insert(at, lines[at]);
        let said = read(&joined(&more)).unwrap_err();
        assert!(matches!(said.1, Fault::Rows { .. }), "{said:?}");
    }
    let changed = text.replacen("node-1", "node-9", 1);
    let said = read(&changed).unwrap_err();
    assert!(matches!(said.1, Fault::Digest { .. }), "{said:?}");
    assert_eq!(said.0, lines.len() as u64);
    // Who changes an export counts and sums up anew; then the first line has to agree.
    let mut fewer = lines.clone();
    fewer.remove(lines.len() - 2);
    fewer.pop();
    let body = joined(&fewer);
    let rows = fewer.len() - 1;
    let digest = blake3::hash(body.as_bytes());
    let end = format!("{body}{{\"end\":{{\"rows\":{rows},\"blake3\":\"{digest}\"}}}}\n");
    let said = read(&end).unwrap_err();
    assert!(matches!(said.1, Fault::Count { .. }), "{said:?}");
}

#[test]
fn a_line_without_end_takes_no_memory() {
    let (lines, _) = exported();
    let (first, _) = lines.split_once('\n').unwrap();
    let long = format!("{first}\n\"{}", "x".repeat(3 << 20));
    assert!(matches!(read(&long).unwrap_err(), (2, Fault::TooLong)));
}
