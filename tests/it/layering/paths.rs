//! The paths that a source names: in `use` declarations, with their trees unfolded, and in code.

use super::tokens::{Placed, Token};

/// A path in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The line, from 1.
    pub(super) line: usize,
    /// Its names; what is relative (`super`, `self`) is resolved against the module of the source
    /// and begins with `crate`. A glob ends in `*`.
    pub(super) path: Vec<String>,
}

/// Every path in `tokens`, a source that is the module `module` of its crate.
pub(super) fn references(tokens: &[Placed], module: &[String]) -> Vec<Reference> {
    let mut reader = Reader {
        tokens,
        at: 0,
        module: module.to_vec(),
        braces: Vec::new(),
        found: Vec::new(),
    };
    while reader.at < tokens.len() {
        reader.step();
    }
    reader.found
}

struct Reader<'a> {
    tokens: &'a [Placed],
    at: usize,
    module: Vec<String>,
    /// For each open brace: whether it opened a module.
    braces: Vec<bool>,
    found: Vec<Reference>,
}

impl Reader<'_> {
    fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|placed| &placed.token)
    }

    fn name(&self, ahead: usize) -> Option<&str> {
        match self.token(ahead)? {
            Token::Name(name) => Some(name),
            Token::Separator | Token::Other(_) => None,
        }
    }

    fn is(&self, ahead: usize, c: char) -> bool {
        self.token(ahead) == Some(&Token::Other(c))
    }

    fn step(&mut self) {
        if self.name(0) == Some("mod") && self.is(2, '{') {
            let name = self.name(1).unwrap_or_default().to_owned();
            self.module.push(name);
            self.braces.push(true);
            self.at += 3;
        } else if self.is(0, '{') {
            self.braces.push(false);
            self.at += 1;
        } else if self.is(0, '}') {
            if self.braces.pop() == Some(true) {
                self.module.pop();
            }
            self.at += 1;
        } else if self.name(0) == Some("use") && !self.is(1, '<') {
            self.at += 1;
            self.tree(&[]);
        } else if self.name(0).is_some() && self.token(1) == Some(&Token::Separator) {
            self.inline();
        } else if self.is(0, '>') && self.token(1) == Some(&Token::Separator) {
            // `<T as Trait>::name`: relative to a type.
            self.at += 3;
        } else {
            self.at += 1;
        }
    }

    /// A path in code: `crate::store::Tx::new`.
    fn inline(&mut self) {
        let line = self.tokens[self.at].line;
        let mut path = Vec::new();
        while let Some(name) = self.name(0) {
            path.push(name.to_owned());
            self.at += 1;
            if self.token(0) != Some(&Token::Separator) {
                break;
            }
            self.at += 1;
        }
        self.push(line, path);
    }

    /// A tree of a `use` declaration: `a::{b, c::{d as e, *}}`.
    fn tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        while self.at < self.tokens.len() {
            let line = self.tokens[self.at].line;
            if self.is(0, '{') {
                self.at += 1;
                while self.at < self.tokens.len() && !self.is(0, '}') {
                    self.tree(&path);
                    if self.is(0, ',') {
                        self.at += 1;
                    }
                }
                self.at += 1;
                return;
            }
            if self.is(0, '*') {
                path.push("*".to_owned());
                self.at += 1;
                self.push(line, path);
                return;
            }
            let Some(name) = self.name(0).map(str::to_owned) else {
                // The `::` between names, or the `$` of `$crate`.
                self.at += 1;
                continue;
            };
            path.push(name);
            self.at += 1;
            if self.token(0) == Some(&Token::Separator) {
                continue;
            }
            if self.name(0) == Some("as") {
                self.at += 2;
            }
            self.push(line, path);
            return;
        }
    }

    fn push(&mut self, line: usize, path: Vec<String>) {
        let path = resolve(&self.module, path);
        self.found.push(Reference { line, path });
    }
}

/// `self` and `super` as seen from the crate.
fn resolve(module: &[String], mut path: Vec<String>) -> Vec<String> {
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let relative = path.iter().take_while(|name| *name == "super").count();
    let itself = path.first().is_some_and(|first| first == "self");
    if relative == 0 && !itself {
        return path;
    }
    let above = module.len().saturating_sub(relative);
    let mut resolved = vec!["crate".to_owned()];
    resolved.extend_from_slice(&module[..above]);
    resolved.extend(path.drain(..).skip(if itself { 1 } else { relative }));
    resolved
}

#[test]
fn trees_are_unfolded_and_relative_paths_resolved() {
    let source = "use crate::{a, b::{self, c as d, *}};\nuse super::e;\nself::f::g();\nmod h { use super::i; }\nsuper::super::j::k;";
    let module = ["m".to_owned(), "n".to_owned()];
    let found: Vec<(usize, String)> = references(&super::tokens::tokens(source), &module)
        .into_iter()
        .map(|reference| (reference.line, reference.path.join("::")))
        .collect();
    let expected = [
        (1, "crate::a"),
        (1, "crate::b"),
        (1, "crate::b::c"),
        (1, "crate::b::*"),
        (2, "crate::m::e"),
        (3, "crate::m::n::f::g"),
        (4, "crate::m::n::i"),
        (5, "crate::j::k"),
    ];
    let expected: Vec<(usize, String)> = expected
        .iter()
        .map(|(line, path)| (*line, (*path).to_owned()))
        .collect();
    assert_eq!(found, expected);
}
