//! What a mover may be like.

use std::time::Duration;

use shardferry::movers::CommandMover;
use shardferry::movers::command::{CommandConfig, CommandError, Limits, Step};

#[test]
fn steps_that_no_program_can_do_without_are_asked_for_at_once() {
    for step in Step::ALL {
        let others = Step::ALL.into_iter().filter(|other| *other != step);
        let built = CommandMover::builder("true").steps(others).build();
        match step {
            Step::Copy | Step::Verify | Step::ReleaseSource | Step::DiscardDestination => {
                let refused = built.unwrap_err();
                assert!(
                    matches!(refused, CommandError::StepMissing { step: it, .. } if it == step)
                );
                assert!(refused.to_string().contains(step.as_str()), "{refused}");
            }
            Step::Fence => assert_eq!(
                built.unwrap_err(),
                CommandError::Unpaired {
                    declared: Step::Unfence,
                    missing: Step::Fence
                }
            ),
            Step::Unfence => assert_eq!(
                built.unwrap_err(),
                CommandError::Unpaired {
                    declared: Step::Fence,
                    missing: Step::Unfence
                }
            ),
            Step::CatchUp | Step::Activate => drop(built.unwrap()),
        }
    }
}

#[test]
fn what_no_process_can_be_given_is_refused() {
    let base = || CommandMover::builder("true").steps(Step::ALL);
    let refused = |built: Result<CommandMover, CommandError>| built.unwrap_err();
    let zero = |what, shown: &str| CommandError::ZeroByte {
        what,
        shown: shown.to_owned(),
    };
    let name = |name: &str| name.to_owned();
    for (error, expected) in [
        (
            refused(CommandMover::builder("").steps(Step::ALL).build()),
            CommandError::NoProgram,
        ),
        (
            refused(CommandMover::builder("a\0").steps(Step::ALL).build()),
            zero("the program", "a\0"),
        ),
        (
            refused(base().arg("\0").build()),
            zero("the argument", "\0"),
        ),
        (
            refused(base().env("A", "\0").build()),
            zero("the value", "\0"),
        ),
        (
            refused(base().env("A\0", "").build()),
            zero("the variable", "A\0"),
        ),
        (
            refused(base().env("", "").build()),
            CommandError::BadVariable { name: name("") },
        ),
        (
            refused(base().env("A=B", "").build()),
            CommandError::BadVariable { name: name("A=B") },
        ),
        (
            refused(base().env("SHARDFERRY_STEP", "x").build()),
            CommandError::OwnVariable {
                name: name("SHARDFERRY_STEP"),
            },
        ),
        (
            refused(
                base()
                    .limits(
                        Step::Copy,
                        Limits {
                            idle: None,
                            total: Some(Duration::ZERO),
                        },
                    )
                    .build(),
            ),
            CommandError::NoTime {
                step: Step::Copy,
                which: "total",
            },
        ),
        (
            refused(
                CommandMover::builder("true")
                    .steps(Step::ALL.into_iter().filter(|step| *step != Step::CatchUp))
                    .limits(Step::CatchUp, Limits::none())
                    .build(),
            ),
            CommandError::LimitsOfNoStep {
                step: Step::CatchUp,
            },
        ),
    ] {
        assert_eq!(error, expected);
    }
}

#[test]
fn a_file_says_what_a_builder_says_and_nothing_unknown() {
    let steps = r#""steps":["copy","verify","release_source","discard_destination"]"#;
    let read = |text: String| serde_json::from_str::<CommandConfig>(&text);
    let full = read(format!(
        r#"{{"program":"p","args":["a"],"env":{{"K":"v"}},{steps},"grace_seconds":0,
            "limits":{{"copy":{{"idle_seconds":"none","total_seconds":18446744073709551615}}}}}}"#
    ));
    full.unwrap().build().unwrap();
    for (text, why) in [
        (format!(r#"{{{steps}}}"#), "missing field `program`"),
        (r#"{"program":"p"}"#.to_owned(), "missing field `steps`"),
        (
            r#"{"program":"p","steps":["copied"]}"#.to_owned(),
            "unknown variant `copied`",
        ),
        (
            format!(r#"{{"program":"p",{steps},"shell":true}}"#),
            "unknown field `shell`",
        ),
        (
            format!(r#"{{"program":"p",{steps},"limits":{{"copy":{{"idle_seconds":0}}}}}}"#),
            "leaves no time",
        ),
        (
            format!(r#"{{"program":"p",{steps},"limits":{{"copy":{{"idle_seconds":-1}}}}}}"#),
            "a whole number of seconds, or \"none\"",
        ),
        (
            format!(r#"{{"program":"p",{steps},"limits":{{"copy":{{"idle_seconds":"1h"}}}}}}"#),
            "a whole number of seconds, or \"none\"",
        ),
        (
            format!(r#"{{"program":"p",{steps},"limits":{{"copy":{{"idle":1}}}}}}"#),
            "unknown field `idle`",
        ),
    ] {
        let said = read(text).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}
