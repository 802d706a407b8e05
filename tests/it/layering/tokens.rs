//! Rust sources as names and punctuation, without comments and literals.

/// A piece of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An identifier, a keyword, or a number.
    Name(String),
    /// `::`
    Separator,
    /// Any other character.
    Other(char),
}

/// A token and its line, from 1.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) line: usize,
}

/// Splits a source into its tokens.
pub(super) fn tokens(source: &str) -> Vec<Placed> {
    let mut lexer = Lexer {
        rest: source.chars().collect(),
        at: 0,
        line: 1,
        found: Vec::new(),
    };
    while lexer.at < lexer.rest.len() {
        lexer.step();
    }
    lexer.found
}

struct Lexer {
    rest: Vec<char>,
    at: usize,
    line: usize,
    found: Vec<Placed>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            if self.peek(0) == Some('\n') {
                self.line += 1;
            }
            self.at += 1;
        }
    }

    fn push(&mut self, token: Token, length: usize) {
        let line = self.line;
        self.found.push(Placed { token, line });
        self.skip(length);
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (Some('/'), Some('/')) => self.line_comment(),
            (Some('/'), Some('*')) => self.block_comment(),
            (Some('"'), _) => self.text(),
            (Some('\''), _) => self.quote(),
            (Some(':'), Some(':')) => self.push(Token::Separator, 2),
            (Some(c), _) if c.is_alphanumeric() || c == '_' => self.name(),
            (Some(c), _) if c.is_whitespace() => self.skip(1),
            (Some(c), _) => self.push(Token::Other(c), 1),
            (None, _) => {}
        }
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.skip(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.peek(0).is_some() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.skip(2);
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.skip(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.skip(1),
            }
        }
    }

    /// A text in quotes, with escapes.
    fn text(&mut self) {
        self.skip(1);
        while let Some(c) = self.peek(0) {
            self.skip(if c == '\\' { 2 } else { 1 });
            if c == '"' {
                return;
            }
        }
    }

    /// A character, or a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == Some('\\') {
            self.skip(3);
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.skip(1);
            }
            self.skip(1);
        } else if self.peek(2) == Some('\'') {
            self.skip(3);
        } else {
            self.skip(1);
            while self
                .peek(0)
                .is_some_and(|c| c.is_alphanumeric() || c == '_')
            {
                self.skip(1);
            }
        }
    }

    /// A name, a raw name, or the letters before a literal.
    fn name(&mut self) {
        let length = (0..)
            .take_while(|ahead| {
                self.peek(*ahead)
                    .is_some_and(|c| c.is_alphanumeric() || c == '_')
            })
            .count();
        let name: String = self.rest[self.at..self.at + length].iter().collect();
        let raw = matches!(name.as_str(), "r" | "br" | "cr");
        let hashes = (length..)
            .take_while(|ahead| self.peek(*ahead) == Some('#'))
            .count();
        if raw && self.peek(length + hashes) == Some('"') {
            self.skip(length + hashes + 1);
            self.raw_text(hashes);
        } else if name == "r" && hashes == 1 {
            self.skip(2);
            self.name();
        } else if matches!(name.as_str(), "b" | "c") && self.peek(length) == Some('"') {
            self.skip(length);
            self.text();
        } else if name == "b" && self.peek(length) == Some('\'') {
            self.skip(length);
            self.quote();
        } else {
            self.push(Token::Name(name), length);
        }
    }

    /// The rest of a raw text, up to its quote and hashes.
    fn raw_text(&mut self, hashes: usize) {
        while let Some(c) = self.peek(0) {
            self.skip(1);
            if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.skip(hashes);
                return;
            }
        }
    }
}

#[test]
fn comments_and_literals_are_no_tokens() {
    let source = "a /* b /* c */ d */ // e\n'f' '\\'' '\\u{66}' 'g b'h' \"i\\\"\" r\"j\" br##\"k\"#\"## r#l b\"m\" n::o";
    let found: Vec<(Token, usize)> = tokens(source)
        .into_iter()
        .map(|placed| (placed.token, placed.line))
        .collect();
    let name = |text: &str| Token::Name(text.to_owned());
    assert_eq!(
        found,
        [
            (name("a"), 1),
            (name("l"), 2),
            (name("n"), 2),
            (Token::Separator, 2),
            (name("o"), 2)
        ]
    );
}
