//! Who may name whom.

use super::paths::{Reference, references};
use super::tokens::{Placed, Token, tokens};

/// The modules of the library. A module names those of lower ranks, itself, and the ground.
const RANKS: [(&str, u8); 7] = [
    ("machine", 0),
    ("planner", 0),
    ("store", 1),
    ("tracker", 2),
    ("executor", 3),
    ("movers", 4),
    ("testkit", 5),
];

/// The format on disk, as the library names it.
const GROUND: &str = "schema";

/// A crate and the only places that may name it.
struct Confined {
    name: &'static str,
    /// Beginnings of paths; empty: the whole repository.
    within: &'static str,
    may: &'static [&'static str],
    why: &'static str,
}

const CONFINED: [Confined; 4] = [
    Confined {
        name: "redb",
        within: "",
        // The tests that plant faults in closed files; and an example, which is a user's code: its
        // shards are redb files of its own.
        may: &[
            "src/store/",
            "tests/it/files.rs",
            "tests/it/support.rs",
            "cli/tests/it/damage.rs",
            "examples/live_kv/",
        ],
        why: "only the store names it",
    },
    Confined {
        name: "bincode",
        within: "",
        may: &["migrations-schema/src/codec.rs"],
        why: "only the codec names it",
    },
    Confined {
        name: "shardferry",
        within: "migrations-schema/",
        may: &[],
        why: "the format stands on nothing of ours",
    },
    Confined {
        name: "migrations_schema",
        within: "",
        may: &["src/lib.rs", "migrations-schema/"],
        why: "it is the module `schema` of the library",
    },
];

/// A source: its path from the root of the repository, and its text.
pub(super) struct Source {
    pub(super) path: String,
    tokens: Vec<Placed>,
}

impl Source {
    pub(super) fn new(path: String, text: String) -> Self {
        let tokens = tokens(&text);
        Self { path, tokens }
    }

    /// The names of its module in its crate: `src/store/tx.rs` is `store::tx`.
    fn module(&self) -> Vec<String> {
        let inside = match self.path.split_once("src/") {
            Some((_, inside)) => inside,
            None => &self.path,
        };
        let mut names: Vec<String> = inside
            .trim_end_matches(".rs")
            .split('/')
            .map(str::to_owned)
            .collect();
        if names
            .last()
            .is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main"))
        {
            names.pop();
        }
        names
    }

    /// The paths that it names.
    pub(super) fn references(&self) -> Vec<Reference> {
        references(&self.tokens, &self.module())
    }
}

fn rank(module: &str) -> Option<u8> {
    RANKS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, rank)| *rank)
}

/// What is wrong with the imports of `source`.
pub(super) fn faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let references = source.references();
    for reference in &references {
        faults.extend(confined(source, reference));
    }
    if source.path.starts_with("src/") && source.path != "src/lib.rs" {
        let module = source.module();
        match rank(&module[0]) {
            Some(rank) => {
                let upward = |reference| edge(source, (&module[0], rank), reference);
                faults.extend(references.iter().filter_map(upward));
            }
            None => faults.push(format!(
                "{}:1: module `{}` has no rank: give it one in DESIGN.md and here",
                source.path, module[0]
            )),
        }
    }
    faults
}

/// A crate where it must not be.
fn confined(source: &Source, reference: &Reference) -> Option<String> {
    let rule = CONFINED
        .iter()
        .find(|rule| reference.path[0] == rule.name && source.path.starts_with(rule.within))?;
    let allowed = rule.may.iter().any(|place| source.path.starts_with(place));
    (!allowed).then(|| {
        format!(
            "{}:{}: names `{}`: {}",
            source.path, reference.line, rule.name, rule.why
        )
    })
}

/// A path that does not point down.
fn edge(source: &Source, (module, own): (&str, u8), reference: &Reference) -> Option<String> {
    if reference.path[0] != "crate" {
        return None;
    }
    let at = format!("{}:{}", source.path, reference.line);
    let target = reference.path.get(1).map_or("*", String::as_str);
    if target == module || target == GROUND {
        return None;
    }
    let Some(other) = rank(target) else {
        return Some(format!(
            "{at}: `{module}` names `crate::{target}`: name the module, not the crate root"
        ));
    };
    let direction = match other.cmp(&own) {
        std::cmp::Ordering::Less => return None,
        std::cmp::Ordering::Equal => "sideways",
        std::cmp::Ordering::Greater => "upward",
    };
    Some(format!(
        "{at}: `{module}` (rank {own}) names `{target}` (rank {other}): {direction}"
    ))
}

/// What `source` defines: everything at its top that is neither `mod name;` nor `use`.
pub(super) fn definitions(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source.tokens.as_slice();
    while let Some(first) = rest.first() {
        let end = item_end(rest);
        let (item, after) = rest.split_at(end);
        rest = after;
        let declares = matches!(keyword(item), Some("mod" | "use"))
            && item
                .last()
                .is_some_and(|last| last.token == Token::Other(';'));
        if first.token != Token::Other('#') && !declares {
            found.push(format!(
                "{}:{}: defines something: move it to a module",
                source.path, first.line
            ));
        }
    }
    found
}

/// The number of tokens of the first item or attribute: up to a `;` or the end of its braces; an
/// attribute ends with its bracket.
fn item_end(tokens: &[Placed]) -> usize {
    let attribute = tokens[0].token == Token::Other('#');
    let opener = if attribute { '[' } else { '{' };
    let is_use = keyword(tokens) == Some("use");
    let mut depth = 0;
    for (at, placed) in tokens.iter().enumerate() {
        match placed.token {
            Token::Other('{' | '[' | '(') => depth += 1,
            Token::Other(c @ ('}' | ']' | ')')) => {
                depth -= 1;
                let closes = matches!((opener, c), ('[', ']') | ('{', '}'));
                if depth == 0 && closes && !is_use {
                    return at + 1;
                }
            }
            Token::Other(';') if depth == 0 => return at + 1,
            Token::Name(_) | Token::Separator | Token::Other(_) => {}
        }
    }
    tokens.len()
}

/// The first word of an item after its visibility.
fn keyword(item: &[Placed]) -> Option<&str> {
    let word = |at: usize| match &item.get(at)?.token {
        Token::Name(name) => Some(name.as_str()),
        Token::Separator | Token::Other(_) => None,
    };
    if word(0) != Some("pub") {
        return word(0);
    }
    let restricted = item.get(1)?.token == Token::Other('(');
    let closing = |placed: &Placed| placed.token == Token::Other(')');
    if restricted {
        word(item.iter().position(closing)? + 1)
    } else {
        word(1)
    }
}
