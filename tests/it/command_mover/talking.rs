//! What a program is told, what it says, and what becomes of it.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use shardferry::executor::{CatchUp, ShardMover as _};
use shardferry::movers::CommandMover;
use shardferry::movers::command::{Limits, Step};
use shardferry::schema::text::{Algorithm, Checkpoint, Digest};
use shardferry::schema::v1::{SavedCheckpoint, Side};

use super::{Ear, copy, failure, job, mover, script};

#[test]
fn the_job_is_one_line_and_the_variables_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("job");
    let text = format!(
        "cat_one() {{ read -r line; printf '%s\\n' \"$line\"; }}; cat_one > {0:?}; \
         env | grep ^SHARDFERRY_ | sort > {0:?}.env",
        file.display().to_string()
    );
    mover(&text).activate(&job()).unwrap();
    let told: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(told["protocol"], 1);
    assert_eq!(told["step"], "activate");
    assert_eq!(told["epoch"], 3);
    assert_eq!(told["shard"]["name"], Value::Null);
    assert_eq!(told["shard"]["name_hex"], "6f72ff64657273");
    let variables = fs::read_to_string(folder.path().join("job.env")).unwrap();
    let ours: Vec<&str> = (variables.lines())
        .filter(|line| !line.starts_with("SHARDFERRY_TEST") && !line.starts_with("SHARDFERRY_DATA"))
        .collect();
    assert_eq!(
        ours,
        [
            "SHARDFERRY_EPOCH=3",
            "SHARDFERRY_MIGRATION=01a203ef-1a3a-7676-baff-91ebde2f3f67",
            "SHARDFERRY_PROTOCOL=1",
            "SHARDFERRY_SHARD=7",
            "SHARDFERRY_STEP=activate",
        ]
    );
}

#[test]
fn no_shell_reads_the_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let hostile = ["$(touch gone)", "a b", "*", "; exit 9", "", "\u{e9}\"'\\"];
    script(&format!(
        "printf '%s|' \"$@\" \"$EXTRA\" > {:?}",
        out.display().to_string()
    ))
    .args(hostile)
    .env("EXTRA", "`id` $HOME")
    .build()
    .unwrap()
    .activate(&job())
    .unwrap();
    let expected: String = hostile
        .iter()
        .chain(&["`id` $HOME"])
        .map(|arg| format!("{arg}|"))
        .collect();
    assert_eq!(fs::read_to_string(out).unwrap(), expected);
}

#[test]
fn steps_that_are_not_declared_are_skipped() {
    let needed = Step::ALL.into_iter().filter(|step| {
        !matches!(
            step,
            Step::CatchUp | Step::Fence | Step::Unfence | Step::Activate
        )
    });
    let mover = CommandMover::builder("false")
        .steps(needed)
        .build()
        .unwrap();
    assert_eq!(
        mover.catch_up(&job(), &Ear::default()).unwrap(),
        CatchUp::Done
    );
    mover.fence(&job()).unwrap();
    mover.unfence(&job()).unwrap();
    mover.activate(&job()).unwrap();
    mover.release_source(&job()).unwrap_err();
    mover.discard_destination(&job()).unwrap_err();
    mover.copy(&job(), None, &Ear::default()).unwrap_err();
    mover.verify(&job(), &Ear::default()).unwrap_err();
}

#[test]
fn evidence_and_rounds_of_catching_up_are_taken_as_they_are() {
    let proof = mover(
        r#"echo '{"type":"verified","bytes":3,"bytes_total":9}'
        echo '{"type":"evidence","algorithm":"sha256",
        "source":{"items":2,"bytes":18446744073709551615,"digest":"00ff"},
        "destination":{"items":1,"bytes":0,"digest":""}}' | tr -d '\n'"#,
    )
    .verify(&job(), &Ear::default())
    .unwrap();
    assert_eq!(proof.algorithm, Algorithm::new("sha256").unwrap());
    let side = |items, bytes, digest: &[u8]| Side {
        items,
        bytes,
        digest: Digest::new(digest).unwrap(),
    };
    assert_eq!(proof.source, side(2, u64::MAX, &[0, 255]));
    assert_eq!(proof.destination, side(1, 0, &[]));

    for (again, expected) in [("true", CatchUp::Again), ("false", CatchUp::Done)] {
        let mover = mover(&format!(r#"echo '{{"type":"caught_up","again":{again}}}'"#));
        assert_eq!(mover.catch_up(&job(), &Ear::default()).unwrap(), expected);
    }
    let twice = mover(r#"for i in 1 2; do echo '{"type":"caught_up","again":true}'; done"#);
    let (_, reason) = failure(twice.catch_up(&job(), &Ear::default()).unwrap_err());
    assert!(
        reason.contains("line 2") && reason.contains("said already"),
        "{reason}"
    );
}

#[test]
fn checkpoints_come_back_and_figures_never_go_below_them() {
    let ear = Ear::default();
    let text = r#"read -r job
        case $job in *'"checkpoint":null'*) ;; *) exit 9;; esac
        echo '{"type":"checkpoint","cursor":"file 3","bytes":30,"bytes_total":40}'"#;
    mover(text).copy(&job(), None, &ear).unwrap();
    let heard = ear.heard();
    let report = heard.last().unwrap();
    assert_eq!(report, "checkpoint command 1\\nfile 3 at 30 of Some(40)");

    let saved = SavedCheckpoint {
        cursor: Checkpoint::new(*b"command 1\nfile 3").unwrap(),
        bytes_migrated: 30,
    };
    let ear = Ear::default();
    let text = r#"read -r job
        case $job in *'"checkpoint":{"cursor":"file 3","bytes":30}'*) ;; *) exit 9;; esac
        echo '{"type":"progress","bytes":1,"bytes_total":20}'
        echo '{"type":"progress","bytes":20}'
        echo '{"type":"progress","bytes":31,"bytes_total":50}'"#;
    mover(text).copy(&job(), Some(&saved), &ear).unwrap();
    // A program that began anew is shown where it was until it is past that.
    let expected = [
        "progress 30 of None",
        "progress 30 of Some(30)",
        "progress 31 of Some(50)",
    ];
    assert_eq!(ear.heard(), expected);
}

#[test]
fn catching_up_goes_on_where_the_copy_ended() {
    let mover = mover(
        r#"case $SHARDFERRY_STEP in
        copy) echo '{"type":"progress","bytes":100,"bytes_total":100}';;
        catch_up) echo '{"type":"progress","bytes":7}'; echo '{"type":"progress","bytes":130}'
            sleep 0.3; echo '{"type":"caught_up","again":false}';;
        esac"#,
    );
    let ear = Ear::default();
    mover.copy(&job(), None, &ear).unwrap();
    mover.catch_up(&job(), &ear).unwrap();
    let expected = [
        "progress 0 of None",
        "progress 100 of Some(100)",
        "progress 130 of Some(130)",
    ];
    assert_eq!(ear.heard(), expected);

    // What nobody copied here has no figures: it is only asked whether it is still wanted.
    let ear = Ear::default();
    let silent = self::mover(r#"sleep 0.3; echo '{"type":"caught_up","again":false}'"#);
    silent.catch_up(&job(), &ear).unwrap();
    assert_eq!(ear.heard(), ["throttle 0"]);
}

#[test]
fn what_asks_for_an_answer_gets_one() {
    let heard = copy(
        r#"read -r job
        for line in '{"type":"throttle","bytes":5}' \
            '{"type":"progress","bytes":5,"wait":true}' \
            '{"type":"checkpoint","cursor":"x","bytes":6,"wait":true}'; do
            echo "$line"; read -r go; test "$go" = '{"type":"go"}' || exit 9
        done"#,
    );
    let heard = heard.unwrap();
    let expected = [
        "throttle 5",
        "progress 5 of None",
        "checkpoint command 1\\nx at 6 of None",
    ];
    assert_eq!(heard.get(1..), Some(expected.map(str::to_owned).as_slice()));

    // One that asks and never listens.
    super::fails(
        r#"yes '{"type":"throttle","bytes":1}'"#,
        &["it asked for more answers than it read, at line"],
    );
}

#[test]
fn the_time_that_it_waits_for_an_answer_is_not_its_own() {
    struct Slow;
    impl shardferry::executor::Reporter for Slow {
        fn progress(
            &self,
            _: u64,
            _: Option<u64>,
        ) -> Result<(), shardferry::executor::Interrupted> {
            Ok(())
        }
        fn checkpoint(
            &self,
            _: Checkpoint,
            _: u64,
            _: Option<u64>,
        ) -> Result<(), shardferry::executor::Interrupted> {
            Ok(())
        }
        fn verified(&self, _: u64, _: u64) -> Result<(), shardferry::executor::Interrupted> {
            Ok(())
        }
        fn throttle(&self, _: u64) -> Result<(), shardferry::executor::Interrupted> {
            std::thread::sleep(Duration::from_millis(1500));
            Ok(())
        }
    }
    let text = r#"read -r job; echo '{"type":"throttle","bytes":5}'; read -r go; sleep 0.1"#;
    let limits = Limits {
        idle: Some(Duration::from_millis(1000)),
        total: Some(Duration::from_millis(1000)),
    };
    let mover = script(text).limits(Step::Copy, limits).build().unwrap();
    mover.copy(&job(), None, &Slow).unwrap();
}
