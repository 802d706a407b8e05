use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use serde_json::Value;
use shardferry::schema::FORMAT;
use shardferry::tracker::Fact;

use super::line::{Fault, Footer, Header, LINE_BYTES_MAX, LineError, VERSION};
use super::row;

/// Reads the lines of an export, one at a time: the facts, and after the last one an error unless
/// the end says that nothing is missing.
pub(crate) struct Reader<R> {
    input: R,
    hasher: blake3::Hasher,
    /// The number of the line that is being read.
    line: u64,
    promised: BTreeMap<String, u64>,
    found: BTreeMap<&'static str, u64>,
    rows: u64,
    ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    pub(crate) fn new(input: R) -> Result<Self, LineError> {
        let mut reader = Self {
            input,
            hasher: blake3::Hasher::new(),
            line: 0,
            promised: BTreeMap::new(),
            found: BTreeMap::new(),
            rows: 0,
            ended: false,
        };
        match reader.header() {
            Ok(promised) => reader.promised = promised,
            Err(fault) => return Err(reader.at(fault)),
        }
        Ok(reader)
    }

    /// How many rows the first line promises.
    pub(crate) fn promised_rows(&self) -> u64 {
        self.promised.values().copied().fold(0, u64::saturating_add)
    }

    fn at(&self, source: Fault) -> LineError {
        LineError {
            line: self.line,
            source,
        }
    }

    fn header(&mut self) -> Result<BTreeMap<String, u64>, Fault> {
        let none = || Fault::Header("nothing is there".to_owned());
        let line = self.read_line()?.ok_or_else(none)?;
        let value = parse(&line)?;
        match value.get("shardferry_export").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(found) => return Err(Fault::Version { found }),
            None => return Err(Fault::Header("it does not say so".to_owned())),
        }
        let header: Header =
            serde_json::from_value(value).map_err(|error| Fault::Header(error.to_string()))?;
        if header.format != FORMAT {
            return Err(Fault::Format {
                found: header.format,
                known: FORMAT,
            });
        }
        self.hasher.update(&line);
        Ok(header.tables)
    }

    /// The next line with its end; `None` after the last one.
    fn read_line(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        self.line = self.line.saturating_add(1);
        let mut line = Vec::new();
        let mut limited = self.input.by_ref().take(LINE_BYTES_MAX);
        let len = limited.read_until(b'\n', &mut line)?;
        if len == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') && limited.limit() == 0 {
            return Err(Fault::TooLong);
        }
        Ok(Some(line))
    }

    fn next_fact(&mut self) -> Result<Option<Fact>, Fault> {
        let line = self.read_line()?.ok_or(Fault::CutOff)?;
        // What is cut off in the middle of a line is not even JSON.
        let value = match parse(&line) {
            Err(Fault::Json(error)) if error.is_eof() => return Err(Fault::CutOff),
            parsed => parsed?,
        };
        if value.get("end").is_some() {
            self.check_end(value)?;
            return Ok(None);
        }
        let fact = row::from_value(&value)?;
        self.hasher.update(&line);
        self.rows = self.rows.saturating_add(1);
        let found = self.found.entry(fact.table().name()).or_default();
        *found = found.saturating_add(1);
        Ok(Some(fact))
    }

    fn check_end(&mut self, value: Value) -> Result<(), Fault> {
        let Footer { end } = serde_json::from_value(value).map_err(Fault::Row)?;
        if end.rows != self.rows {
            return Err(Fault::Rows {
                said: end.rows,
                found: self.rows,
            });
        }
        let found = self.hasher.finalize().to_string();
        if end.blake3 != found {
            return Err(Fault::Digest {
                said: end.blake3,
                found,
            });
        }
        self.check_counts()?;
        match self.read_line()? {
            None => Ok(()),
            Some(_) => Err(Fault::AfterTheEnd),
        }
    }
}

impl<R> Reader<R> {
    fn check_counts(&self) -> Result<(), Fault> {
        let promised = self.promised.keys().map(String::as_str);
        for table in promised.chain(self.found.keys().copied()) {
            let promised = self.promised.get(table).copied().unwrap_or(0);
            let found = self.found.get(table).copied().unwrap_or(0);
            if found != promised {
                return Err(Fault::Count {
                    table: table.to_owned(),
                    promised,
                    found,
                });
            }
        }
        Ok(())
    }
}

fn parse(line: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(line).map_err(Fault::Json)
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Fact, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_fact();
        self.ended = !matches!(next, Ok(Some(_)));
        next.map_err(|fault| self.at(fault)).transpose()
    }
}
