use std::collections::BTreeMap;

use super::act::Told;

/// What a search met.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// States, up to what makes no difference.
    pub(super) states: usize,
    /// Commands that were accepted, and things that happened.
    pub(super) steps: u64,
    /// Commands that were refused.
    pub(super) refused: u64,
    /// Steps from the first state to the one that is furthest from it.
    pub(super) depth: usize,
    /// By who tries it and its name, how often each action was accepted and how often refused.
    pub(super) tried: BTreeMap<Told, Tried>,
    /// What came of actions, and how often.
    pub(super) sometimes: BTreeMap<Told, u64>,
    /// States from which no sequence of actions ends everything.
    pub(super) stuck: usize,
    /// States in which nothing is held back from which executors alone do not.
    pub(super) stuck_without_operator: usize,
}

/// How often something was accepted, and how often refused.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried {
    pub(super) accepted: u64,
    pub(super) refused: u64,
}

impl Found {
    pub(super) fn print(&self, name: &str) {
        println!(
            "{name}: {} states, {} steps, {} refusals, depth {}",
            self.states, self.steps, self.refused, self.depth
        );
        for ((who, what), times) in &self.sometimes {
            println!("  {times:>9}  {who}: {what}");
        }
        for ((who, what), tried) in &self.tried {
            let Tried { accepted, refused } = tried;
            println!("  {accepted:>9} accepted, {refused:>9} refused: {who}: {what}");
        }
    }

    /// Nothing is stuck, and everything in `expected` was met at least once.
    #[track_caller]
    pub(super) fn assert_met(&self, expected: &[Told]) {
        assert_eq!(self.stuck, 0, "states from which nothing leads to an end");
        assert_eq!(
            self.stuck_without_operator, 0,
            "states from which executors alone do not reach an end"
        );
        let missing: Vec<_> = expected
            .iter()
            .filter(|told| !self.sometimes.contains_key(*told))
            .collect();
        assert!(missing.is_empty(), "never met: {missing:?}");
    }

    /// Exactly the actions in `expected` were tried, and were refused as often as it says.
    #[track_caller]
    pub(super) fn assert_tried(&self, expected: &[(Told, Refused)]) {
        let refused = |(name, tried): (&Told, &Tried)| {
            let refused = match (tried.accepted, tried.refused) {
                (0, _) => Refused::Always,
                (1.., 0) => Refused::Never,
                (1.., 1..) => Refused::Sometimes,
            };
            (*name, refused)
        };
        let found: Vec<_> = self.tried.iter().map(refused).collect();
        assert_eq!(found, expected);
    }
}

/// How often an action is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Never,
    Sometimes,
    Always,
}
