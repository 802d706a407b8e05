//! The text form of fixtures: one file per table.
//!
//! ```text
//! case minimal
//! key 0000000000000001
//! value 53460301 93b0a4c1
//!   0001610000
//!   ff*16384
//! ```
//! Hexadecimal; `ff*16384` is that byte so many times. Lines that begin with `#` are for people.

use std::fmt::Write as _;
use std::path::PathBuf;

use migrations_schema::codec::HEADER_BYTES;
use migrations_schema::table::TableId;

/// One committed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// The folder of the fixtures of format 1.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1")
}

/// The file of the fixtures of `table`.
pub(crate) fn path(table: TableId) -> PathBuf {
    folder().join(format!("{}.txt", table.name()))
}

/// The committed rows of `table`; none when there is no file.
pub(crate) fn load(table: TableId) -> Vec<Fixture> {
    match std::fs::read_to_string(path(table)) {
        Ok(text) => parse(&text).unwrap_or_else(|error| panic!("{}: {error}", table.name())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{}: {error}", path(table).display()),
    }
}

/// Writes the file of `table`.
pub(crate) fn save(table: TableId, fixtures: &[Fixture]) {
    std::fs::create_dir_all(folder()).unwrap();
    std::fs::write(path(table), render(table, fixtures)).unwrap();
}

/// Reads the text form.
pub(crate) fn parse(text: &str) -> Result<Vec<Fixture>, String> {
    let mut fixtures: Vec<Fixture> = Vec::new();
    let mut in_value = false;
    for (index, line) in text.lines().enumerate() {
        let at = |what: &str| format!("line {}: {what}", index + 1);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("case ") {
            in_value = false;
            fixtures.push(Fixture {
                name: name.to_owned(),
                key: Vec::new(),
                value: Vec::new(),
            });
            continue;
        }
        let Some(fixture) = fixtures.last_mut() else {
            return Err(at("bytes before the first case"));
        };
        let bytes = if let Some(rest) = line.strip_prefix("key") {
            in_value = false;
            rest
        } else if let Some(rest) = line.strip_prefix("value") {
            in_value = true;
            rest
        } else if line.starts_with(' ') {
            line
        } else {
            return Err(at("neither case, key, value nor more bytes"));
        };
        let target = if in_value {
            &mut fixture.value
        } else {
            &mut fixture.key
        };
        for token in bytes.split_whitespace() {
            target.extend(token_bytes(token).ok_or_else(|| at("not hexadecimal"))?);
        }
    }
    Ok(fixtures)
}

fn token_bytes(token: &str) -> Option<Vec<u8>> {
    let (hex, times) = match token.split_once('*') {
        Some((hex, times)) => (hex, times.parse().ok()?),
        None => (token, 1),
    };
    let bytes: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    (hex.len() % 2 == 0).then_some(())?;
    Some(bytes?.repeat(times))
}

fn render(table: TableId, fixtures: &[Fixture]) -> String {
    let mut text = format!(
        "# Rows of the table `{}` in format 1; SCHEMA.md says what the bytes mean.\n\
         # Hexadecimal; `ff*16384` is that byte so many times. Never edited: a change is a new version.\n",
        table.name()
    );
    for fixture in fixtures {
        let (header, payload) = fixture.value.split_at(HEADER_BYTES);
        write!(text, "\ncase {}\nkey", fixture.name).unwrap();
        for token in tokens(&fixture.key) {
            write!(text, " {token}").unwrap();
        }
        let (what, crc) = header.split_at(HEADER_BYTES / 2);
        writeln!(text, "\nvalue {} {}", hex(what), hex(crc)).unwrap();
        for token in tokens(payload) {
            writeln!(text, "  {token}").unwrap();
        }
    }
    text
}

/// Runs of one byte as `ff*64`, all else in pieces of at most 32 bytes.
fn tokens(bytes: &[u8]) -> Vec<String> {
    const RUN_MIN: usize = 32;
    const PIECE_MAX: usize = 32;
    let mut tokens = Vec::new();
    let mut piece = Vec::new();
    let flush = |piece: &mut Vec<u8>, tokens: &mut Vec<String>| {
        tokens.extend(piece.chunks(PIECE_MAX).map(hex));
        piece.clear();
    };
    for run in bytes.chunk_by(|a, b| a == b) {
        if run.len() >= RUN_MIN {
            flush(&mut piece, &mut tokens);
            tokens.push(format!("{}*{}", hex(&run[..1]), run.len()));
        } else {
            piece.extend_from_slice(run);
        }
    }
    flush(&mut piece, &mut tokens);
    tokens
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn the_text_form_gives_back_the_bytes() {
    let mut value: Vec<u8> = (0..=255).collect();
    value.extend([0xff; 1000]);
    value.push(7);
    let fixtures = vec![
        Fixture {
            name: "empty-key".to_owned(),
            key: Vec::new(),
            value: value.clone(),
        },
        Fixture {
            name: "long-key".to_owned(),
            key: value,
            value: vec![0; HEADER_BYTES],
        },
    ];
    assert_eq!(parse(&render(TableId::Meta, &fixtures)).unwrap(), fixtures);
}

#[test]
fn a_fixture_file_with_a_fault_is_refused_with_its_line() {
    for (text, error) in [
        ("key 00\n", "line 1: bytes before the first case"),
        ("case a\nkey 0\n", "line 2: not hexadecimal"),
        ("case a\nkey 00\nvalue zz\n", "line 3: not hexadecimal"),
        ("case a\nvalues\nname\n", "line 2: not hexadecimal"),
        (
            "case a\nname\n",
            "line 2: neither case, key, value nor more bytes",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), error);
    }
}
