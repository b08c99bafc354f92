//! How sizes and durations are written, read and shown.

use cofferdam_wasm::LimitUnit;

const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60 * 1000),
    ("h", 3600 * 1000),
    ("d", 24 * 3600 * 1000),
];

/// Returns the number of milliseconds or bytes that `text` means, or how it should be written.
pub(super) fn parse(text: &str, unit: LimitUnit) -> Result<u64, String> {
    let (units, example): (&[(&str, u64)], &str) = match unit {
        LimitUnit::Bytes => (&SIZES, "a size such as \"128 MiB\""),
        LimitUnit::Milliseconds => (&DURATIONS, "a duration such as \"30s\""),
        LimitUnit::Count => return Err("a plain number such as 64".to_owned()),
    };
    let names = units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let expected = || format!("{example}; the units are {names}");
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_').len();
    let (number, name) = text.split_at(digits);
    let number: u64 = number.replace('_', "").parse().map_err(|_| expected())?;
    let (_, factor) = units
        .iter()
        .find(|(unit, _)| *unit == name.trim())
        .ok_or_else(expected)?;
    number.checked_mul(*factor).ok_or_else(expected)
}

/// Returns `value` as a file would write it.
pub(super) fn write(value: u64, unit: LimitUnit) -> String {
    let (units, space): (&[(&str, u64)], &str) = match unit {
        LimitUnit::Bytes => (&SIZES, " "),
        LimitUnit::Milliseconds => (&DURATIONS, ""),
        LimitUnit::Count => return value.to_string(),
    };
    let (name, factor) = units
        .iter()
        .rev()
        .find(|(_, factor)| value > 0 && value.is_multiple_of(*factor))
        .unwrap_or(&units[0]);
    format!("\"{}{space}{name}\"", value / factor)
}

#[cfg(test)]
mod tests {
    use super::{parse, write};
    use cofferdam_wasm::LimitUnit::{Bytes, Count, Milliseconds};

    #[test]
    fn sizes_and_durations_are_read_and_written() {
        for (text, unit, value) in [
            ("128 MiB", Bytes, 128 << 20),
            ("1 GiB", Bytes, 1 << 30),
            ("3 B", Bytes, 3),
            ("30s", Milliseconds, 30_000),
            ("1500ms", Milliseconds, 1500),
            ("2h", Milliseconds, 7_200_000),
        ] {
            assert_eq!(parse(text, unit), Ok(value), "{text}");
            assert_eq!(write(value, unit), format!("\"{text}\""));
        }
        assert_eq!(parse("64MiB", Bytes), Ok(64 << 20));
        assert_eq!(parse("1_000 ms", Milliseconds), Ok(1000));
    }

    #[test]
    fn anything_else_says_how_it_is_written() {
        for text in [
            "",
            "12",
            "MiB",
            "12 MB",
            "-1 B",
            "1.5 GiB",
            "99999999999999999999 B",
            "18446744073709551615 GiB",
        ] {
            let expected = parse(text, Bytes).unwrap_err();
            assert_eq!(
                expected, "a size such as \"128 MiB\"; the units are B, KiB, MiB, GiB",
                "{text}"
            );
        }
        assert!(parse("30 seconds", Milliseconds).is_err());
        assert!(parse("3", Count).is_err());
    }
}
