//! Lines of a stream, none of which is held beyond a limit.

/// Cuts what comes in into lines.
#[derive(Debug)]
pub(super) struct Lines {
    held: Vec<u8>,
    bytes_max: usize,
    number: u64,
    /// The limit was passed: what follows up to the next end of a line is passed over.
    skipping: bool,
}

/// One line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) bytes: &'a [u8],
    /// Whether this is all of it; else its beginning, and the rest is passed over.
    pub(super) whole: bool,
}

impl Lines {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            held: Vec::new(),
            bytes_max,
            number: 0,
            skipping: false,
        }
    }

    /// Hands on every line that ends in `chunk`, and one that has become too long; ends with the
    /// first error of `each`.
    pub(super) fn feed<E>(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                Some(_) | None => (piece, false),
            };
            if self.skipping {
                self.skipping = !ends;
                continue;
            }
            let room = self.bytes_max.saturating_sub(self.held.len());
            let fits = text.len() <= room;
            self.held.extend(text.iter().take(room));
            if ends || !fits {
                self.skipping = !ends;
                let done = each(self.count(fits));
                self.held.clear();
                done?;
            }
        }
        Ok(())
    }

    /// What came after the end of the last line.
    pub(super) fn rest(&mut self) -> Option<Line<'_>> {
        (!self.held.is_empty()).then(|| self.count(true))
    }

    fn count(&mut self, whole: bool) -> Line<'_> {
        self.number = self.number.saturating_add(1);
        Line {
            number: self.number,
            bytes: &self.held,
            whole,
        }
    }
}

/// A line for people: at most `bytes_max` of it, with every odd byte escaped.
pub(super) fn shown(bytes: &[u8], bytes_max: usize) -> String {
    let start = bytes.get(..bytes_max).unwrap_or(bytes);
    let mut text = String::new();
    for chunk in start.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if start.len() < bytes.len() {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, text, and whether that is all of it.
    type Found = (u64, Vec<u8>, bool);

    fn cut(chunks: &[&[u8]]) -> (Vec<Found>, Option<Vec<u8>>) {
        let mut lines = Lines::new(4);
        let mut found = Vec::new();
        for chunk in chunks {
            let fed: Result<(), ()> = lines.feed(chunk, |line| {
                found.push((line.number, line.bytes.to_vec(), line.whole));
                Ok(())
            });
            fed.unwrap();
        }
        let rest = lines.rest().map(|line| line.bytes.to_vec());
        (found, rest)
    }

    #[test]
    fn lines_come_out_however_they_come_in() {
        let whole = vec![
            (1, b"a".to_vec(), true),
            (2, Vec::new(), true),
            (3, b"bcde".to_vec(), true),
        ];
        assert_eq!(
            cut(&[b"a\n\nbcde\nf"]),
            (whole.clone(), Some(b"f".to_vec()))
        );
        let bytes: Vec<&[u8]> = b"a\n\nbcde\nf".chunks(1).collect();
        assert_eq!(cut(&bytes), (whole, Some(b"f".to_vec())));
        assert_eq!(cut(&[]), (Vec::new(), None));
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_nothing_of_it_is_held() {
        let cut_one = vec![(1, b"abcd".to_vec(), false), (2, b"ok".to_vec(), true)];
        assert_eq!(cut(&[b"abcdefgh\nok\n"]), (cut_one.clone(), None));
        let bytes: Vec<&[u8]> = b"abcdefgh\nok\n".chunks(1).collect();
        assert_eq!(cut(&bytes), (cut_one, None));

        let mut lines = Lines::new(4);
        for _ in 0..1000 {
            let fed: Result<(), ()> = lines.feed(&[b'x'; 1000], |_| Ok(()));
            fed.unwrap();
        }
        assert!(lines.held.capacity() < 64, "{}", lines.held.capacity());
    }

    #[test]
    fn odd_bytes_are_escaped_and_long_lines_cut() {
        assert_eq!(
            shown(b"a\x1b[0m\xff\xc3\xa9", 100),
            "a\\u{1b}[0m\\xff\u{e9}"
        );
        assert_eq!(shown(b"abcdef", 3), "abc...");
    }
}
