use std::collections::{HashMap, VecDeque};

use super::act::{Told, act};
use super::action::Action;
use super::canonical::{Key, Renamings};
use super::checks::faults_of_step;
use super::facts::Facts;
use super::found::Found;
use super::size::Size;
use super::state::World;
use crate::tracker::check::{Image, invariants_of};

/// What is kept of each state.
struct Known {
    /// How it was first reached.
    parent: Option<(usize, Action)>,
    depth: usize,
    settled: bool,
    nothing_is_held_back: bool,
}

/// A step between two known states.
struct Edge {
    from: u32,
    to: u32,
    by_itself: bool,
}

struct Search<'a> {
    size: &'a Size,
    renamings: Renamings,
    known: Vec<Known>,
    at: HashMap<Key, usize>,
    edges: Vec<Edge>,
    queue: VecDeque<(usize, World)>,
    found: Found,
    /// What states answer that were met again.
    again: Option<Vec<(usize, Answers)>>,
}

/// What comes of everything that could be tried, in no order.
type Answers = Vec<(Told, Option<Key>)>;

/// Visits every state that `size` reaches, nearest first. Panics at the first one in which something
/// does not hold, with the shortest way there.
pub(super) fn search(size: &Size) -> Found {
    run(size, false).0
}

/// As [`search`], and asks each state again that is met a second time, by another way: the two must
/// answer alike. How many were asked.
pub(super) fn search_asking_again(size: &Size) -> usize {
    run(size, true).1
}

fn run(size: &Size, asks_again: bool) -> (Found, usize) {
    let mut search = Search {
        size,
        renamings: Renamings::of(size),
        known: Vec::new(),
        at: HashMap::new(),
        edges: Vec::new(),
        queue: VecDeque::new(),
        found: Found::default(),
        again: asks_again.then(Vec::new),
    };
    let world = World::first(size);
    let faults = faults_of(&world.image());
    assert!(faults.is_empty(), "{faults:?}");
    let key = search.key(&world);
    search.remember(key, world, None);
    let mut first_answers = Vec::new();
    while let Some((at, world)) = search.queue.pop_front() {
        if asks_again {
            // States are expanded in the order of their numbers.
            first_answers.push(search.answers(&world));
        }
        search.expand(at, &world);
    }
    let again = search.again.take().unwrap_or_default();
    for (at, answers) in &again {
        assert_eq!(answers, &first_answers[*at], "two states are not one");
    }
    (search.finish(), again.len())
}

impl Search<'_> {
    fn key(&self, world: &World) -> Key {
        let facts = Facts::of(self.size, world);
        self.renamings.key(self.size, world, &facts)
    }

    /// The number of a state that is new.
    fn remember(&mut self, key: Key, world: World, parent: Option<(usize, Action)>) -> usize {
        let facts = Facts::of(self.size, &world);
        let at = self.known.len();
        self.at.insert(key, at);
        self.known.push(Known {
            parent,
            depth: parent.map_or(0, |(parent, _)| self.known[parent].depth + 1),
            settled: facts.is_settled(),
            nothing_is_held_back: facts.nothing_is_held_back(),
        });
        self.queue.push_back((at, world));
        at
    }

    fn ask_again(&mut self, at: usize, world: &World) {
        if self.again.is_some() {
            let answers = self.answers(world);
            self.again
                .iter_mut()
                .for_each(|again| again.push((at, answers.clone())));
        }
    }

    fn answers(&self, world: &World) -> Answers {
        let facts = Facts::of(self.size, world);
        let tried = Action::all(self.size, world, &facts).into_iter();
        let answer = |action| {
            let outcome = act(world, action);
            (outcome.told, outcome.next.map(|next| self.key(&next)))
        };
        let mut answers: Answers = tried.map(answer).collect();
        answers.sort();
        answers
    }

    fn expand(&mut self, at: usize, world: &World) {
        let facts = Facts::of(self.size, world);
        let before = world.image();
        for action in Action::all(self.size, world, &facts) {
            let outcome = act(world, action);
            let tried = self.found.tried.entry(action.name()).or_default();
            match outcome.next {
                Some(_) => tried.accepted += 1,
                None => tried.refused += 1,
            }
            *self.found.sometimes.entry(outcome.told).or_default() += 1;
            let Some(next) = outcome.next else {
                self.found.refused += 1;
                continue;
            };
            self.found.steps += 1;
            let key = self.key(&next);
            let known = self.at.get(&key).copied();
            let after = next.image();
            let mut faults = faults_of_step(self.size, (world, &before), action, &after);
            if known.is_none() {
                faults.extend(faults_of(&after));
            }
            self.demand_none((at, action), &faults);
            let to = match known {
                Some(to) => {
                    self.ask_again(to, &next);
                    to
                }
                None => self.remember(key, next, Some((at, action))),
            };
            if to != at {
                self.edges.push(Edge {
                    from: at.try_into().unwrap(),
                    to: to.try_into().unwrap(),
                    by_itself: action.goes_by_itself(),
                });
            }
        }
    }

    /// Fails with the way there when there are faults after `action` in the state `at`.
    fn demand_none(&self, (at, action): (usize, Action), faults: &[String]) {
        if faults.is_empty() {
            return;
        }
        let mut way = vec![action];
        let mut from = self.known[at].parent;
        while let Some((parent, action)) = from {
            way.push(action);
            from = self.known[parent].parent;
        }
        way.reverse();
        panic!("after {way:#?}\n{}", faults.join("\n"));
    }

    fn finish(self) -> Found {
        let can_end = self.leads_to_an_end(|_| true);
        let ends_by_itself = self.leads_to_an_end(|edge| edge.by_itself);
        let stuck = can_end.iter().filter(|can| !**can).count();
        let stuck_without_operator = self
            .known
            .iter()
            .zip(&ends_by_itself)
            .filter(|(known, ends)| known.nothing_is_held_back && !**ends)
            .count();
        Found {
            states: self.known.len(),
            depth: self.known.iter().map(|known| known.depth).max().unwrap(),
            stuck,
            stuck_without_operator,
            ..self.found
        }
    }

    /// Of each state, whether steps that `count` lead to one in which everything is settled.
    fn leads_to_an_end(&self, count: impl Fn(&Edge) -> bool) -> Vec<bool> {
        let mut before = vec![Vec::new(); self.known.len()];
        for edge in self.edges.iter().filter(|edge| count(edge)) {
            before[edge.to as usize].push(edge.from);
        }
        let mut ends: Vec<_> = self.known.iter().map(|known| known.settled).collect();
        let settled = (0..self.known.len()).filter(|at| ends[*at]);
        let mut queue: Vec<_> = settled.collect();
        while let Some(at) = queue.pop() {
            for from in &before[at] {
                if !std::mem::replace(&mut ends[*from as usize], true) {
                    queue.push(*from as usize);
                }
            }
        }
        ends
    }
}

/// What does not hold in a state.
fn faults_of(image: &Image) -> Vec<String> {
    let violations = invariants_of(image);
    violations.iter().map(ToString::to_string).collect()
}
