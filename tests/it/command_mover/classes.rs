//! How a program fails, and what that means.

use shardferry::executor::{MoverError, ShardMover as _};
use shardferry::movers::CommandMover;
use shardferry::movers::command::Step;
use shardferry::schema::v1::FailureClass;

use super::{Ear, copy, fails, failure, job, mover};

#[test]
fn the_program_classes_its_errors() {
    for (class, expected) in [
        ("retriable", FailureClass::Retriable),
        ("permanent", FailureClass::Permanent),
        ("unknown", FailureClass::Unknown),
    ] {
        // With any code; what comes after it changes nothing.
        for code in [0, 1, 77] {
            let error = copy(&format!(
                r#"echo '{{"type":"error","class":"{class}","message":"it is \u0007 full"}}'
                echo more; exit {code}"#
            ));
            let found = failure(error.unwrap_err());
            assert_eq!(found, (expected, r"copy: it is \u{7} full".to_owned()));
        }
    }
    let error = copy(
        r#"echo '{"type":"error","class":"retriable","message":"differs","from_scratch":true}'"#,
    );
    assert!(matches!(
        error.unwrap_err(),
        MoverError::Failed {
            from_scratch: true,
            ..
        }
    ));
}

#[test]
fn a_program_that_only_ends_badly_may_be_tried_again() {
    fails(
        "echo first >&2; printf 'no space left' >&2; exit 23",
        &["copy: sh ended with code 23; its last words: \"first\" | \"no space left\""],
    );
    fails("kill -9 $$", &["copy: sh was killed by signal 9"]);
    fails("kill -15 $$", &["copy: sh was killed by signal 15"]);
}

#[test]
fn a_program_that_is_not_there_may_be_installed() {
    let builder = CommandMover::builder("/nowhere/to/be/found").steps(Step::ALL);
    let mover = builder.build().unwrap();
    let error = mover.copy(&job(), None, &Ear::default()).unwrap_err();
    assert_eq!(
        failure(error),
        (
            FailureClass::Retriable,
            "copy: found could not be started; install or correct it".to_owned()
        )
    );
}

#[test]
fn a_step_is_done_with_the_line_that_it_needs_and_not_without() {
    let says_nothing = mover("exit 0");
    let ear = Ear::default();
    for (error, word) in [
        (
            says_nothing.verify(&job(), &ear).unwrap_err(),
            "\"evidence\"",
        ),
        (
            says_nothing.catch_up(&job(), &ear).unwrap_err(),
            "\"caught_up\"",
        ),
    ] {
        let (class, reason) = failure(error);
        assert_eq!(class, FailureClass::Retriable);
        assert!(
            reason.contains(word) && reason.contains("code 0"),
            "{reason}"
        );
    }
    // Said, and then failed: not done.
    let fails = mover(r#"echo '{"type":"caught_up","again":false}'; exit 1"#);
    let (_, reason) = failure(fails.catch_up(&job(), &ear).unwrap_err());
    assert!(reason.contains("ended with code 1"), "{reason}");
}
