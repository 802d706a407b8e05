//! How programs are ended, and that nothing of them is left.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use shardferry::executor::{MoverError, ShardMover as _};
use shardferry::movers::command::{Limits, Step};

use super::{Ear, SOON, copy, fails, is_gone, job, mover, script};

/// A copy that is interrupted by the first report with `at` in it; what was heard.
#[track_caller]
fn interrupted(text: &str, at: &'static str) -> Vec<String> {
    let ear = Ear::stopping_at(at);
    let began = Instant::now();
    let error = mover(text).copy(&job(), None, &ear).unwrap_err();
    assert!(matches!(error, MoverError::Interrupted(_)), "{error}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    ear.heard()
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

#[test]
fn a_silent_program_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let (own, inner) = (folder.path().join("own"), folder.path().join("inner"));
    // The grandchild ignores SIGTERM and holds the pipes.
    let text = format!(
        r#"sh -c 'trap "" TERM; echo $$ > {inner}; while :; do sleep 1; done' &
        echo $$ > {own}; while [ ! -s {inner} ]; do sleep 0.01; done
        echo '{{"type":"progress","bytes":1}}'; wait"#,
        own = quoted(&own),
        inner = quoted(&inner)
    );
    let ear = Ear::default();
    let mover = mover(&text);
    std::thread::scope(|scope| {
        let copying = scope.spawn(|| mover.copy(&job(), None, &ear));
        while !ear
            .heard()
            .iter()
            .any(|report| report.contains("progress 1"))
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        // It says nothing more; it is asked all the same.
        ear.stop();
        let error = copying.join().unwrap().unwrap_err();
        assert!(matches!(error, MoverError::Interrupted(_)), "{error}");
    });
    // Waited for: no zombie of ours. The grandchild is init's, once it is dead.
    assert!(
        !Path::new("/proc")
            .join(fs::read_to_string(&own).unwrap().trim())
            .exists()
    );
    is_gone(&inner);
}

#[test]
fn one_that_ignores_sigterm_is_killed() {
    let text = r#"trap '' TERM; echo '{"type":"progress","bytes":1}'
        while :; do sleep 0.05; echo '{"type":"progress","bytes":2}'; done"#;
    let heard = interrupted(text, "progress 1");
    assert_eq!(
        heard.last().unwrap(),
        "progress 1 of None",
        "nothing counts after that"
    );
}

#[test]
fn one_that_ends_well_after_it_was_told_to_stop_has_not_succeeded() {
    let text = r#"trap 'exit 0' TERM; echo '{"type":"progress","bytes":1}'
        while :; do sleep 0.02; done"#;
    interrupted(text, "progress 1");
}

#[test]
fn a_last_checkpoint_counts_and_nothing_else() {
    let text = r#"trap 'echo "{\"type\":\"progress\",\"bytes\":7}"
            echo nonsense
            echo "{\"type\":\"checkpoint\",\"cursor\":\"last\",\"bytes\":8}"; exit 0' TERM
        echo '{"type":"progress","bytes":1}'; while :; do sleep 0.02; done"#;
    let heard = interrupted(text, "progress 1");
    let expected = ["progress 0 of None", "progress 1 of None"];
    assert_eq!(heard.get(..2), Some(expected.map(str::to_owned).as_slice()));
    assert_eq!(
        heard.get(2..),
        Some(["checkpoint command 1\\nlast at 8 of None".to_owned()].as_slice())
    );
}

#[test]
fn told_to_stop_it_sees_the_end_of_its_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let text = format!(
        r#"trap '' TERM; read -r job; echo '{{"type":"progress","bytes":1}}'
        read -r more || echo ended > {}"#,
        quoted(&seen)
    );
    interrupted(&text, "progress 1");
    assert_eq!(fs::read_to_string(seen).unwrap(), "ended\n");
}

#[test]
fn a_step_that_is_not_wanted_is_not_begun() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("began");
    interrupted(&format!("touch {}", quoted(&file)), "progress 0");
    assert!(!file.exists());
}

#[test]
fn what_it_leaves_in_its_group_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    // The grandchild holds stdout and stderr, and would go on for ever.
    let text = format!(
        "sh -c 'echo $$ > {0}; exec sleep 1000' & while [ ! -s {0} ]; do sleep 0.01; done; exit 0",
        inner.display()
    );
    let began = Instant::now();
    copy(&text).unwrap();
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    is_gone(&inner);

    // After a failure as well, and what it still writes counts for nothing.
    fs::remove_file(&inner).unwrap();
    let text = format!(
        "sh -c 'echo $$ > {0}; sleep 0.5; while :; do echo garbage; done' & \
         while [ ! -s {0} ]; do sleep 0.01; done; exit 5",
        inner.display()
    );
    fails(&text, &["ended with code 5"]);
    is_gone(&inner);
}

#[test]
fn a_daemon_that_holds_the_pipes_does_not_hold_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = folder.path().join("daemon");
    let text = format!(
        "setsid sh -c 'echo $$ > {0}; exec sleep 1000' & while [ ! -s {0} ]; do sleep 0.01; done",
        daemon.display()
    );
    let began = Instant::now();
    copy(&text).unwrap();
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let pid = fs::read_to_string(&daemon).unwrap();
    assert!(
        Path::new("/proc").join(pid.trim()).exists(),
        "a daemon lives on"
    );
    let killed = std::process::Command::new("kill")
        .arg(pid.trim())
        .status()
        .unwrap();
    assert!(killed.success());
}

#[test]
fn time_limits_hold_for_every_step_and_for_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    let limits = Limits {
        idle: None,
        total: Some(Duration::from_millis(300)),
    };
    for step in Step::ALL {
        let text = format!(
            "sh -c 'echo $$ > {0}; exec sleep 1000' & while [ ! -s {0} ]; do sleep 0.01; done; wait",
            inner.display()
        );
        let mover = script(&text).limits(step, limits).build().unwrap();
        let ear = Ear::default();
        let began = Instant::now();
        let done = match step {
            Step::Copy => mover.copy(&job(), None, &ear),
            Step::CatchUp => mover.catch_up(&job(), &ear).map(drop),
            Step::Fence => mover.fence(&job()),
            Step::Unfence => mover.unfence(&job()),
            Step::Verify => mover.verify(&job(), &ear).map(drop),
            Step::Activate => mover.activate(&job()),
            Step::ReleaseSource => mover.release_source(&job()),
            Step::DiscardDestination => mover.discard_destination(&job()),
        };
        let (_, reason) = super::failure(done.unwrap_err());
        assert_eq!(
            reason,
            format!("{step}: sh was ended: it took longer than 300ms")
        );
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        is_gone(&inner);
        fs::remove_file(&inner).unwrap();
    }
}
