//! Programs that say what is no protocol, or nothing, or far too much.

use std::time::{Duration, Instant};

use shardferry::executor::ShardMover as _;
use shardferry::movers::command::CURSOR_BYTES_MAX;
use shardferry::schema::text::Checkpoint;
use shardferry::schema::v1::SavedCheckpoint;

use super::{Ear, copy, fails, failure, job, mover};

#[test]
fn garbage_is_refused_with_the_line_and_its_number() {
    fails(
        r#"echo '{"type":"progress","bytes":1}'; echo; echo 'hello, world'; sleep 60"#,
        &[
            "copy: sh was ended: line 3",
            "not in the protocol",
            "hello, world",
        ],
    );
    fails(r"printf 'a\377b\n'; sleep 60", &["line 1", r"a\xffb"]);
    fails(
        r#"printf '{"type":"\033[2J"}\n'; sleep 60"#,
        &["line 1", r"\u{1b}[2J"],
    );
    fails(r#"echo '{"type":"dance"}'"#, &["unknown variant `dance`"]);
    fails(
        r#"echo '{"type":"progress","bytes":1,"note":1}'"#,
        &["unknown field `note`"],
    );
    fails(
        r#"echo '{"type":"evidence","algorithm":"x","source":{"items":1,"bytes":1,"digest":""},
        "destination":{"items":1,"bytes":1,"digest":""}}' | tr -d '\n'; echo"#,
        &["\"evidence\" has no place in the step copy"],
    );
    // A reason has room for the end of a long line, and no more.
    fails(
        r"head -c 5000 /dev/zero | tr '\0' y; echo; sleep 60",
        &["line 1", "yyy..."],
    );
}

#[test]
fn an_endless_line_is_refused_before_it_ends() {
    fails(
        "cat /dev/zero | tr '\\0' x",
        &["line 1", "longer than", "xxx..."],
    );
}

#[test]
fn half_a_line_at_the_end_is_no_line() {
    fails(
        r#"echo '{"type":"progress","bytes":1}'; printf '{"type":"progr'"#,
        &["line 2", "EOF", r#"{"type":"progr"#],
    );
    // Of a program that failed, the failure counts.
    fails(r#"printf '{"type":"progr'; exit 3"#, &["ended with code 3"]);
    // A line that only lacks its end is whole, and so is an error of a program that failed.
    let heard = copy(r#"printf '{"type":"progress","bytes":5}'"#).unwrap();
    assert_eq!(heard.last().unwrap(), "progress 5 of None");
    fails(
        r#"printf '{"type":"error","class":"retriable","message":"no room"}'; exit 3"#,
        &["copy: no room"],
    );
}

#[test]
fn figures_that_make_no_sense_are_refused() {
    let two = |first: &str, second: &str| format!("echo '{first}'; echo '{second}'; sleep 60");
    fails(
        &two(
            r#"{"type":"progress","bytes":5}"#,
            r#"{"type":"checkpoint","cursor":"","bytes":4}"#,
        ),
        &["line 2", "4 bytes after 5", "never goes back"],
    );
    fails(
        &two(
            r#"{"type":"progress","bytes":5,"bytes_total":6}"#,
            r#"{"type":"progress","bytes":7}"#,
        ),
        &["line 2", "7 bytes of 6", "never passes the total"],
    );
    let over = CURSOR_BYTES_MAX + 1;
    fails(
        &format!(
            r#"printf '{{"type":"checkpoint","bytes":1,"cursor":"'; head -c {over} /dev/zero | tr '\0' c
            echo '"}}'"#
        ),
        &["the cursor has 16375 bytes; at most 16374 are possible"],
    );
}

#[test]
fn a_program_need_not_read_its_job_nor_keep_its_pipes() {
    // More than a pipe holds: 16 KiB, and each byte takes six in JSON.
    let cursor = [b"command 1\n", vec![1; CURSOR_BYTES_MAX].as_slice()].concat();
    let saved = SavedCheckpoint {
        cursor: Checkpoint::new(cursor).unwrap(),
        bytes_migrated: 9,
    };
    for text in [
        "exit 0",
        "exec <&-; sleep 0.05",
        "exec >&- 2>&-; sleep 0.05",
        "exec <&- >&- 2>&-; sleep 0.05",
        "head -c 100 > /dev/null; exec <&-; sleep 0.05",
    ] {
        let done = mover(text).copy(&job(), Some(&saved), &Ear::default());
        done.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    // And one that reads it gets all of it.
    let read = "read -r job; test ${#job} -gt 98000 || exit 9";
    mover(read)
        .copy(&job(), Some(&saved), &Ear::default())
        .unwrap();
}

#[test]
fn any_number_of_lines_is_heard_and_none_is_kept() {
    let text = r#"yes '{"type":"progress","bytes":7,"bytes_total":7}' | head -n 100000"#;
    assert_eq!(copy(text).unwrap().last().unwrap(), "progress 7 of Some(7)");
    // Stderr is passed on and forgotten; the last lines are in the reason.
    fails(
        "head -c 20000000 /dev/zero | tr '\\0' e >&2; echo >&2; echo the end >&2; exit 4",
        &["ended with code 4; its last words: ", "eee", "\"the end\""],
    );
}

#[test]
fn what_is_silent_for_too_long_is_ended() {
    let limits = |idle, total| shardferry::movers::command::Limits {
        idle: Some(Duration::from_millis(idle)),
        total: Some(Duration::from_millis(total)),
    };
    let step = shardferry::movers::command::Step::Copy;
    let with = |text: &str, idle, total| {
        let mover = super::script(text)
            .limits(step, limits(idle, total))
            .build()
            .unwrap();
        let began = Instant::now();
        let (_, reason) = failure(mover.copy(&job(), None, &Ear::default()).unwrap_err());
        assert!(began.elapsed() < super::SOON, "{:?}", began.elapsed());
        reason
    };
    let reason = with("sleep 60", 300, 20_000);
    assert!(
        reason.contains("copy: sh was ended: it was silent for 300ms"),
        "{reason}"
    );
    // Stdout closed, stderr not, or both: still silent.
    let reason = with("exec >&- 2>&-; sleep 60", 300, 20_000);
    assert!(reason.contains("silent for 300ms"), "{reason}");
    let talks = "while :; do echo at it >&2; sleep 0.05; done";
    let reason = with(talks, 2_000, 600);
    assert!(reason.contains("it took longer than 600ms"), "{reason}");
    assert!(reason.contains("its last words: \"at it\""), "{reason}");
}
