//! How a moment is read and written.

use super::Work;
use crate::Data;
use crate::expr::error::Problem;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MILLIS_PER_DAY: i64 = 86_400_000;
/// The days from 0000-03-01 to 1970-01-01.
const EPOCH_SHIFT: i64 = 719_468;

/// Writes a moment in UTC by a pattern.
pub(super) fn format(work: &mut Work<'_>, arguments: &[Data]) -> Result<Data, Problem> {
    let (millis, pattern) = match arguments {
        [Data::Int(millis), Data::Text(pattern)] => (*millis, pattern),
        [Data::Text(text), Data::Text(pattern)] => (parse(text).ok_or_else(not_a_moment)?, pattern),
        _ => return Err(not_a_moment()),
    };
    work.budget.scan(pattern.len())?;
    let moment = Moment::new(millis);
    // RFC 3339 ends there, and wider years would make the output ambiguous.
    if !(0..=9_999).contains(&moment.year) {
        return Err(Problem::new("the moment is outside the years 0 to 9999"));
    }
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => text.push_str(&moment.part(letters.next())?),
            other => text.push(other),
        }
    }
    Ok(Data::from(text))
}

/// Returns the moment that an RFC 3339 text, or its date alone, stands for.
pub(crate) fn moment(text: &str) -> Option<crate::Timestamp> {
    parse(text).map(crate::Timestamp::from_millis)
}

/// Returns the milliseconds since 1970 of an RFC 3339 text, or of its date alone.
fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = |range: std::ops::Range<usize>| {
        text.get(range)
            .filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|part| part.parse::<i64>().ok())
    };
    let is = |index: usize, allowed: &[u8]| text.as_bytes().get(index).is_some_and(|byte| allowed.contains(byte));
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    if !is(4, b"-") || !is(7, b"-") || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * MILLIS_PER_DAY;
    if text.len() == 10 {
        return Some(midnight);
    }
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    if !is(10, b"Tt ") || !is(13, b":") || !is(16, b":") || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = &text[19..];
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("", rest),
    };
    if rest.starts_with('.') && fraction.is_empty() {
        return None;
    }
    let milli = format!("{fraction:0<3}")[..3].parse::<i64>().ok()?;
    let local = midnight + ((hour * 60 + minute) * 60 + second) * 1_000 + milli;
    Some(local - offset_minutes(zone)? * 60_000)
}

fn offset_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest
        .split_once(':')
        .filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 60 + i64::from(minutes)))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from 1970-01-01 to a date (after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - EPOCH_SHIFT
}

struct Moment {
    year: i64,
    month: i64,
    day: i64,
    weekday: i64,
    day_of_year: i64,
    millis: i64,
    since_epoch: i64,
}

impl Moment {
    fn new(since_epoch: i64) -> Self {
        let (days, millis) = (
            since_epoch.div_euclid(MILLIS_PER_DAY),
            since_epoch.rem_euclid(MILLIS_PER_DAY),
        );
        let shifted = days + EPOCH_SHIFT;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * from_march + 2) / 153;
        let day = from_march - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        // 1970-01-01 was a Thursday, the fourth day of the week.
        let weekday = (days + 3).rem_euclid(7);
        let day_of_year = days - days_from_civil(year, 1, 1) + 1;
        Self {
            year,
            month,
            day,
            weekday,
            day_of_year,
            millis,
            since_epoch,
        }
    }

    fn part(&self, letter: Option<char>) -> Result<String, Problem> {
        let (hour, minute, second) = (
            self.millis / 3_600_000,
            self.millis / 60_000 % 60,
            self.millis / 1_000 % 60,
        );
        let name = |names: &'static [&'static str], index: i64| {
            usize::try_from(index)
                .ok()
                .and_then(|index| names.get(index))
                .copied()
                .unwrap_or("")
        };
        Ok(match letter {
            Some('Y') => format!("{:04}", self.year),
            Some('y') => format!("{:02}", self.year % 100),
            Some('m') => format!("{:02}", self.month),
            Some('d') => format!("{:02}", self.day),
            Some('e') => format!("{}", self.day),
            Some('j') => format!("{:03}", self.day_of_year),
            Some('H') => format!("{hour:02}"),
            Some('I') => format!("{:02}", (hour + 11) % 12 + 1),
            Some('p') => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            Some('M') => format!("{minute:02}"),
            Some('S') => format!("{second:02}"),
            Some('L') => format!("{:03}", self.millis % 1_000),
            Some('s') => self.since_epoch.div_euclid(1_000).to_string(),
            Some('F') => format!("{:04}-{:02}-{:02}", self.year, self.month, self.day),
            Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('A') => name(&WEEKDAYS, self.weekday).to_owned(),
            Some('a') => name(&WEEKDAYS, self.weekday).chars().take(3).collect(),
            Some('u') => (self.weekday + 1).to_string(),
            Some('B') => name(&MONTHS, self.month - 1).to_owned(),
            Some('b') => name(&MONTHS, self.month - 1).chars().take(3).collect(),
            Some('Z') => "UTC".to_owned(),
            Some('z') => "+0000".to_owned(),
            Some('%') => "%".to_owned(),
            Some(other) => return Err(unknown(&format!("%{other}"))),
            None => return Err(unknown("%")),
        })
    }
}

fn unknown(part: &str) -> Problem {
    Problem::new(format!("`format_time` does not know `{part}`"))
        .hint("it knows %Y %y %m %d %e %j %H %I %p %M %S %L %s %F %T %A %a %u %B %b %Z %z %%")
}

fn not_a_moment() -> Problem {
    Problem::new("not a moment").hint("write it as in `\"2026-01-31T09:05:00Z\"`, or as milliseconds since 1970")
}
