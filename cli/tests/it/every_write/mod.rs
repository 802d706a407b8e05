//! The real binary, killed before every call that writes, in each of the commands of a script.
//!
//! `cargo test` takes a sample; `just kill-every-write` takes all of them, on the release binary.
//! `SHARDFERRY_STRIDE=41` kills before every 41st call, counted over the whole script from an
//! offset that the seed chooses; `SHARDFERRY_SEED` replays it.

mod calls;
mod judge;
mod script;
mod stage;
mod state;
mod tracer;

use std::collections::BTreeMap;
use std::time::Instant;

use judge::Case;
use script::Step;
use stage::Stage;
use state::State;

use crate::random::{Random, number, seed};

/// Every so many calls are killed without `SHARDFERRY_STRIDE`.
const STRIDE: u64 = 41;

/// The script makes so many transitions, or it shows too little.
const TRANSITIONS_MIN: u64 = 50;

#[test]
fn killed_at_every_write_of_a_script() {
    if !tracer::works() {
        eprintln!("skipped: no process may stop another at its system calls here");
        return;
    }
    let started = Instant::now();
    let mut random = Random(seed());
    let stride = usize::try_from(number("SHARDFERRY_STRIDE", STRIDE)).unwrap();
    let mut sweep = Sweep {
        stage: Stage::build(&mut random),
        stride,
        next: 1 + usize::try_from(random.below(stride as u64)).unwrap(),
        killed: BTreeMap::new(),
        calls: 0,
        bad: Vec::new(),
    };
    let steps = Step::all();
    let mut before = None;
    for step in &steps {
        before = Some(sweep.over(step, before.as_ref()));
    }
    let transitions = before.unwrap().newest();
    let kills: usize = sweep.killed.values().sum();
    eprintln!(
        "{} commands, {transitions} transitions, {} writing calls; {kills} kills, {} bad, {:.0?}",
        steps.len(),
        sweep.calls,
        sweep.bad.len(),
        started.elapsed()
    );
    eprintln!("kills by call: {:?}", sweep.killed);
    assert!(sweep.bad.is_empty(), "{:#?}", sweep.bad);
    assert!(transitions >= TRANSITIONS_MIN);
    assert!(kills >= sweep.calls / stride, "{kills} kills are too few");
}

struct Sweep {
    stage: Stage,
    stride: usize,
    /// The next call of the step that is killed.
    next: usize,
    killed: BTreeMap<&'static str, usize>,
    calls: usize,
    bad: Vec<String>,
}

impl Sweep {
    /// Kills `step` at each of its calls, then lets it be; the state after it.
    fn over(&mut self, step: &Step, before: Option<&State>) -> State {
        let step = self.stage.resolved(step);
        self.stage.save("before");
        let whole = self.stage.trace(&step, None);
        assert_eq!(
            whole.ended.code,
            Some(step.code),
            "{}: {}",
            step.text,
            whole.err
        );
        assert!(whole.is_whole, "{} prints no result", step.text);
        let after = State::read(&self.stage).unwrap().unwrap();
        self.stage.save("after");
        self.calls += whole.ended.calls.len();
        // A thread may make a call more or less each time: a sweep of all goes on until none is left.
        while self.stride == 1 || self.next <= whole.ended.calls.len() {
            self.stage.restore("before");
            let said = self.stage.trace(&step, Some(self.next));
            if said.ended.code.is_some() {
                break;
            }
            let call = said.ended.calls[self.next - 1];
            *self.killed.entry(call).or_default() += 1;
            let case = Case {
                stage: &self.stage,
                step: &step,
                before,
                after: &after,
            };
            if let Err(what) = case.judge(&said) {
                let (text, next) = (&step.text, self.next);
                self.bad.push(format!(
                    "{text}, killed before call {next} ({call}): {what}"
                ));
            }
            self.next += self.stride;
        }
        self.next = self.next.saturating_sub(whole.ended.calls.len()).max(1);
        self.stage.restore("after");
        after
    }
}
