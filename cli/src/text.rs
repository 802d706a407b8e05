//! Numbers and times as people read them.

use bytesize::ByteSize;
use shardferry::TimestampMs;

/// `6.1 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// A number with its noun: `1 shard`, `2 shards`.
pub(crate) fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `2026-11-22T15:24:04.123Z`.
pub(crate) fn time(at: TimestampMs) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| format!("{at} ms"), |time| time.to_string())
}

/// `34 %`; all of nothing is everything.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    let hundredths = u128::from(part) * 100;
    hundredths
        .checked_div(u128::from(whole))
        .map_or(100, |percent| u64::try_from(percent).unwrap_or(u64::MAX))
}

/// A bar of `width` cells of which `part` of `whole` are full; anything above zero shows.
pub(crate) fn bar(part: u64, whole: u64, width: usize) -> String {
    let cells = u64::try_from(width).unwrap_or(u64::MAX);
    let full = (u128::from(part) * u128::from(cells))
        .checked_div(u128::from(whole))
        .and_then(|full| usize::try_from(full).ok())
        .unwrap_or(0)
        .clamp(usize::from(part > 0), width);
    format!(
        "{}{}",
        "█".repeat(full),
        "░".repeat(width.saturating_sub(full))
    )
}

/// Bytes from outside (a file's name, a path) without anything that a terminal would obey.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
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
    text
}

/// A path for people.
pub(crate) fn path(path: &std::path::Path) -> String {
    escaped(path.as_os_str().as_encoded_bytes())
}

/// `2 min 5 s`.
pub(crate) fn duration(duration: std::time::Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds @ 1..60 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a text in hex, with or without `0x`.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let digit = |at: u8| {
            char::from(at)
                .to_digit(16)
                .and_then(|it| u8::try_from(it).ok())
        };
        Some(digit(pair[0])? << 4 | digit(pair[1])?)
    };
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_what_is_there_and_never_pass_their_width() {
        assert_eq!(bar(0, 10, 4), "░░░░");
        assert_eq!(bar(1, 1_000_000, 4), "█░░░");
        assert_eq!(bar(10, 10, 4), "████");
        assert_eq!(bar(20, 10, 4), "████");
        assert_eq!(bar(0, 0, 4), "░░░░");
    }

    #[test]
    fn hex_is_read_back_and_nothing_else_is_hex() {
        for bytes in [&b""[..], b"\0", b"\x0f\xf0\xff"] {
            assert_eq!(from_hex(&hex(bytes)).as_deref(), Some(bytes));
            assert_eq!(
                from_hex(&format!("0x{}", hex(bytes))).as_deref(),
                Some(bytes)
            );
        }
        for text in ["0", "0x0", "0g", "+1", "0x 1", "\u{e9}"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(escaped(b"a\x1b[2Jb\xff"), r"a\u{1b}[2Jb\xff");
    }
}
