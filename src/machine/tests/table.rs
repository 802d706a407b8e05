//! The whole machine on one page: what each command does in each situation.

use std::fmt::Write as _;

use super::subject::{ID, NOW, OURS, cancel, claim, evidence, fail_attempt, progress, subjects};
use crate::machine::{self, By, Command, Transition};
use crate::schema::Epoch;
use crate::schema::text::Reason;
use crate::schema::v1::{FailureClass, Migration, Settings, Verification};

/// Each situation, and what becomes of it: commands with the same outcome stand together.
/// `@2` is a report of the current epoch, `@1` of an earlier one.
#[test]
fn every_command_in_every_situation() {
    let mut page = String::new();
    for (name, migration) in subjects() {
        writeln!(page, "## {name}").unwrap();
        let mut outcomes: Vec<(String, Vec<String>)> = Vec::new();
        for (command, required, label) in commands() {
            let outcome = outcome(&migration, &command, required);
            match outcomes.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, labels)) => labels.push(label),
                None => outcomes.push((outcome, vec![label])),
            }
        }
        for (outcome, labels) in outcomes {
            writeln!(page, "{}\n    {outcome}", labels.join(", ")).unwrap();
        }
        page.push('\n');
    }
    insta::assert_snapshot!(page);
}

fn commands() -> Vec<(Command, Verification, String)> {
    let optional = Verification::Optional;
    let mut commands = Vec::new();
    let mut add = |command: Command, what: &str| {
        let label = format!("{}{what}", command.name());
        commands.push((command, optional, label));
    };
    let classes = [
        FailureClass::Retriable,
        FailureClass::Permanent,
        FailureClass::Unknown,
    ];
    let each = [
        (By::Caller, ""),
        (By::Attempt(Epoch(2)), "@2"),
        (By::Attempt(Epoch(1)), "@1"),
    ];
    add(claim(OURS), "");
    add(cancel(), "");
    let reason = Reason::from("now");
    add(Command::Retry { reason }, "");
    for (by, at) in each {
        add(Command::Start { by }, at);
        add(progress(by, 50, Some(60)), &format!("{at}(50/60)"));
        add(progress(by, 5, None), &format!("{at}(5)"));
        add(progress(by, 61, None), &format!("{at}(61)"));
        add(progress(by, 61, Some(60)), &format!("{at}(61/60)"));
        add(Command::BeginVerification { by }, at);
        add(evidence(by, true), &format!("{at}(same)"));
        add(evidence(by, false), &format!("{at}(differ)"));
        let (class, reason) = (FailureClass::Permanent, Reason::from("disk broken"));
        add(Command::Fail { by, class, reason }, at);
    }
    for (epoch, at) in [(2, "@2"), (1, "@1")] {
        let current = Epoch(epoch);
        for (moving, word) in [(true, "moving"), (false, "idle")] {
            let epoch = current;
            add(Command::Renew { epoch, moving }, &format!("{at}({word})"));
        }
        add(Command::Fence { epoch: current }, at);
        add(Command::Unfence { epoch: current }, at);
        for class in classes {
            add(fail_attempt(epoch, class, false), &format!("{at}({class})"));
        }
        add(
            fail_attempt(epoch, FailureClass::Retriable, true),
            &format!("{at}(retriable, from scratch)"),
        );
        add(Command::Release { epoch: current }, at);
    }
    for (by, at) in each {
        for (setting, word) in [(optional, "optional"), (Verification::Required, "required")] {
            for (waived, more) in [(None, ""), (Some(Reason::from("urgent")), ", waived")] {
                let command = Command::Complete { by, waived };
                let label = format!("complete{at}({word}{more})");
                commands.push((command, setting, label));
            }
        }
    }
    commands
}

fn outcome(migration: &Migration, command: &Command, verification: Verification) -> String {
    let settings = Settings {
        verification,
        cleanup_grace_ms: 700,
        ..Settings::default()
    };
    match machine::step(migration, command, &settings, NOW) {
        Ok(transition) => shown(migration, &transition),
        Err(refusal) => {
            // What is said of a command is the same for those that are refused together.
            let text = refusal.to_string().replace(ID, "M");
            let name = command.name().as_str();
            let text = text.replace(&format!(": {name} "), ": it ");
            format!("refused: {text}")
        }
    }
}

fn shown(before: &Migration, transition: &Transition) -> String {
    let Transition {
        next,
        events,
        cause,
        flip,
        cleanup,
        quarantine,
    } = transition;
    let mut text = format!("-> {}", next.status());
    let mut part = |what: String| write!(text, "; {what}").unwrap();
    for event in events {
        part(format!("{event:?}"));
    }
    if events.is_empty() {
        part("no event".to_owned());
    }
    if !cause.is_empty() {
        part(format!("because \"{cause}\""));
    }
    if before.epoch != next.epoch {
        part(format!("epoch {} -> {}", before.epoch, next.epoch));
    }
    match (&before.attempt, &next.attempt) {
        (Some(_), None) => part("nobody holds it".to_owned()),
        (Some(was), Some(is)) if was.epoch == is.epoch && was != is => {
            part(format!("lease until {}", is.lease_until_ms));
        }
        (was, Some(is)) if was.as_ref() != Some(is) => {
            part(format!("held until {}", is.lease_until_ms));
        }
        _ => {}
    }
    if before.progress.bytes_migrated != next.progress.bytes_migrated
        || before.progress.bytes_total != next.progress.bytes_total
    {
        let total = next.progress.bytes_total;
        part(format!(
            "{} of {total:?} bytes",
            next.progress.bytes_migrated
        ));
    }
    if before.checkpoint != next.checkpoint {
        let cursor = next
            .checkpoint
            .as_ref()
            .map(|saved| saved.cursor.to_string());
        part(format!("checkpoint {cursor:?}"));
    }
    if before.evidence != next.evidence {
        let evidence = next.evidence.as_ref();
        part(format!(
            "evidence of epoch {:?}",
            evidence.map(|evidence| evidence.epoch.0)
        ));
    }
    if before.not_before_ms != next.not_before_ms {
        part(format!("not before {}", next.not_before_ms));
    }
    if before.failed_attempts != next.failed_attempts {
        part(format!("{} failed attempts", next.failed_attempts));
    }
    if before.fenced_at_ms != next.fenced_at_ms {
        part(format!("fenced {:?}", next.fenced_at_ms.map(|at| at.0)));
    }
    if before.cancel != next.cancel {
        part(format!("cancelling {}", next.cancel.is_some()));
    }
    if let Some(flip) = flip {
        part(format!("owner {} -> {}", flip.from, flip.to));
    }
    if let Some(quarantine) = quarantine {
        let failures = quarantine.failures.len();
        part(format!("set aside, with {failures} failures"));
    }
    if let Some(cleanup) = cleanup {
        let (kind, node, at) = (cleanup.kind, cleanup.node, cleanup.not_before_ms);
        part(format!("{kind} on node {node} from {at} on"));
    }
    text
}
