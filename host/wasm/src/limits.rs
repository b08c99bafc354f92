//! What one attempt may use: every limit with its default, its maximum and the setting that changes it.

use std::time::Duration;

/// One limit of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitName {
    /// Time from entering the guest to its answer.
    Wall,
    /// The longest that a step's own timeout may make [`LimitName::Wall`].
    WallMax,
    /// Time in which the guest computes.
    Cpu,
    /// All linear memories of the instance together.
    Memory,
    /// All tables of the instance together.
    Table,
    /// Bytes that one call may hand to the host, of which the result is one.
    Output,
    /// Length of the parameters.
    Params,
    /// Bytes of log lines.
    Log,
    /// Log lines.
    LogLines,
    /// Files and directories open at the same time.
    OpenFiles,
    /// Handles of any kind at the same time.
    Handles,
    /// Bytes written to directories, those that were deleted again included.
    Disk,
    /// Files, directories and links made in directories.
    NewFiles,
    /// Length of one HTTP body, in either direction.
    HttpBody,
    /// HTTP requests under way at the same time.
    HttpCalls,
}

/// What the number of a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitUnit {
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Pieces.
    Count,
}

/// One row of [`LIMITS`].
#[derive(Clone, Copy, Debug)]
pub struct LimitRow {
    /// Which limit.
    pub name: LimitName,
    /// Its key in a `[limits]` section.
    pub setting: &'static str,
    /// What its number counts.
    pub unit: LimitUnit,
    /// What holds unless configured.
    pub default: u64,
    /// The largest value that can be configured.
    pub maximum: u64,
    /// What is limited, for people.
    pub meaning: &'static str,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;

/// Every limit, in the order of [`LimitName`].
///
/// The memory of Python components starts at 13 MB, so that nothing below 32 MiB is of use; the largest table seen in
/// honest components has 7 687 elements.
pub static LIMITS: [LimitRow; 15] = [
    row(
        LimitName::Wall,
        "wall",
        LimitUnit::Milliseconds,
        30 * SECOND,
        HOUR,
        "time of an attempt",
    ),
    row(
        LimitName::WallMax,
        "wall_max",
        LimitUnit::Milliseconds,
        HOUR,
        24 * HOUR,
        "longest timeout a step may ask for",
    ),
    row(
        LimitName::Cpu,
        "cpu",
        LimitUnit::Milliseconds,
        10 * SECOND,
        HOUR,
        "computing time of an attempt",
    ),
    row(
        LimitName::Memory,
        "memory",
        LimitUnit::Bytes,
        128 * MIB,
        1024 * MIB,
        "all memories together",
    ),
    row(
        LimitName::Table,
        "table",
        LimitUnit::Count,
        20_000,
        100_000,
        "elements of all tables together",
    ),
    row(
        LimitName::Output,
        "output",
        LimitUnit::Bytes,
        8 * MIB,
        64 * MIB,
        "size of the result",
    ),
    row(
        LimitName::Params,
        "params",
        LimitUnit::Bytes,
        8 * MIB,
        64 * MIB,
        "size of the parameters",
    ),
    row(
        LimitName::Log,
        "log",
        LimitUnit::Bytes,
        256 * KIB,
        16 * MIB,
        "size of the log; more is dropped",
    ),
    row(
        LimitName::LogLines,
        "log_lines",
        LimitUnit::Count,
        256,
        10_000,
        "lines of the log; more are dropped",
    ),
    row(
        LimitName::OpenFiles,
        "open_files",
        LimitUnit::Count,
        64,
        1024,
        "open files and directories",
    ),
    row(
        LimitName::Handles,
        "handles",
        LimitUnit::Count,
        1024,
        100_000,
        "handles of any kind",
    ),
    row(
        LimitName::Disk,
        "disk",
        LimitUnit::Bytes,
        256 * MIB,
        64 * 1024 * MIB,
        "bytes written to directories",
    ),
    row(
        LimitName::NewFiles,
        "new_files",
        LimitUnit::Count,
        10_000,
        1_000_000,
        "files and directories made",
    ),
    row(
        LimitName::HttpBody,
        "http_body",
        LimitUnit::Bytes,
        10 * MIB,
        1024 * MIB,
        "size of an HTTP body, each way",
    ),
    row(
        LimitName::HttpCalls,
        "http_calls",
        LimitUnit::Count,
        16,
        256,
        "HTTP requests at the same time",
    ),
];

const fn row(
    name: LimitName,
    setting: &'static str,
    unit: LimitUnit,
    default: u64,
    maximum: u64,
    meaning: &'static str,
) -> LimitRow {
    LimitRow {
        name,
        setting,
        unit,
        default,
        maximum,
        meaning,
    }
}

/// A value that a limit cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimit {
    /// No limit can be switched off.
    #[error("`{setting}` cannot be 0; its largest value is {}", display(*unit, *maximum))]
    Zero {
        /// The setting.
        setting: &'static str,
        /// What it counts.
        unit: LimitUnit,
        /// Its maximum.
        maximum: u64,
    },
    /// The value is above the maximum.
    #[error("`{setting}` is {}, its largest value is {}", display(*unit, *value), display(*unit, *maximum))]
    AboveMaximum {
        /// The setting.
        setting: &'static str,
        /// What it counts.
        unit: LimitUnit,
        /// What was asked for.
        value: u64,
        /// Its maximum.
        maximum: u64,
    },
}

/// The limits of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    values: [u64; LIMITS.len()],
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            values: std::array::from_fn(|index| LIMITS[index].default),
        }
    }
}

impl LimitName {
    /// Returns the row of this limit.
    pub fn row(self) -> &'static LimitRow {
        &LIMITS[self as usize]
    }

    /// Returns the limit whose setting is called `setting`.
    pub fn from_setting(setting: &str) -> Option<Self> {
        LIMITS.iter().find(|row| row.setting == setting).map(|row| row.name)
    }
}

impl LimitRow {
    /// Returns `value` with its unit, as configuration would say it.
    pub fn display(&self, value: u64) -> String {
        display(self.unit, value)
    }
}

impl Limits {
    /// Returns the number of a limit, in its unit.
    pub fn get(&self, name: LimitName) -> u64 {
        self.values[name as usize]
    }

    /// Returns a limit of time.
    pub fn duration(&self, name: LimitName) -> Duration {
        Duration::from_millis(self.get(name))
    }

    pub(crate) fn size(&self, name: LimitName) -> usize {
        usize::try_from(self.get(name)).unwrap_or(usize::MAX)
    }

    /// Returns these limits with what `overrides` say instead, as a plugin's own section does.
    ///
    /// # Errors
    /// If a value is 0 or above the maximum of its limit.
    pub fn merge(&self, overrides: impl IntoIterator<Item = (LimitName, u64)>) -> Result<Self, InvalidLimit> {
        let mut merged = self.clone();
        for (name, value) in overrides {
            let LimitRow {
                setting, unit, maximum, ..
            } = *name.row();
            if value == 0 {
                return Err(InvalidLimit::Zero { setting, unit, maximum });
            }
            if value > maximum {
                return Err(InvalidLimit::AboveMaximum {
                    setting,
                    unit,
                    value,
                    maximum,
                });
            }
            merged.values[name as usize] = value;
        }
        Ok(merged)
    }

    /// Returns these limits, each lowered to what `other` says where that is less: how a workflow or a call narrows.
    pub fn narrow(&self, other: &Self) -> Self {
        let mut narrowed = Self {
            values: std::array::from_fn(|index| self.values[index].min(other.values[index])),
        };
        // An attempt of a step without a timeout must not last longer than one whose step asks for as much as it may.
        let (wall, most) = (LimitName::Wall as usize, LimitName::WallMax as usize);
        narrowed.values[wall] = narrowed.values[wall].min(narrowed.values[most]);
        narrowed
    }
}

fn display(unit: LimitUnit, value: u64) -> String {
    match unit {
        LimitUnit::Milliseconds if value.is_multiple_of(HOUR) => format!("{} h", value / HOUR),
        LimitUnit::Milliseconds if value.is_multiple_of(SECOND) => format!("{} s", value / SECOND),
        LimitUnit::Milliseconds => format!("{value} ms"),
        LimitUnit::Bytes if value.is_multiple_of(MIB) => format!("{} MiB", value / MIB),
        LimitUnit::Bytes if value.is_multiple_of(KIB) => format!("{} KiB", value / KIB),
        LimitUnit::Bytes => format!("{value} bytes"),
        LimitUnit::Count => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidLimit, LIMITS, LimitName, Limits};

    #[test]
    fn each_limit_is_in_the_page_about_security() {
        let page = include_str!("../../../docs/security.md");
        for row in &LIMITS {
            let line = format!(
                "| `{}` | {} | {} | ",
                row.setting,
                row.display(row.default),
                row.display(row.maximum)
            );
            assert!(page.contains(&line), "{line}");
        }
    }

    #[test]
    fn the_table_is_in_the_order_of_the_names() {
        for (index, row) in LIMITS.iter().enumerate() {
            assert_eq!(row.name as usize, index, "{}", row.setting);
            assert_eq!(LimitName::from_setting(row.setting), Some(row.name));
            assert!(row.default > 0 && row.default <= row.maximum, "{}", row.setting);
        }
    }

    #[test]
    fn a_limit_can_be_neither_off_nor_above_its_maximum() {
        let limits = Limits::default();
        let refused = limits.merge([(LimitName::Memory, 0)]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`memory` cannot be 0; its largest value is 1024 MiB"
        );
        let refused = limits.merge([(LimitName::Cpu, 3_600_001)]).unwrap_err();
        assert!(matches!(refused, InvalidLimit::AboveMaximum { setting: "cpu", .. }));
        assert_eq!(refused.to_string(), "`cpu` is 3600001 ms, its largest value is 1 h");
        let merged = limits.merge([(LimitName::Cpu, 20), (LimitName::Log, 100)]).unwrap();
        assert_eq!((merged.get(LimitName::Cpu), merged.get(LimitName::Log)), (20, 100));
        assert_eq!(merged.get(LimitName::Memory), limits.get(LimitName::Memory));
    }

    #[test]
    fn narrowing_never_widens() {
        let limits = Limits::default();
        let other = limits
            .merge([(LimitName::Cpu, 20), (LimitName::Memory, 1024 * 1024 * 1024)])
            .unwrap();
        let narrowed = limits.narrow(&other);
        assert_eq!(narrowed.get(LimitName::Cpu), 20);
        assert_eq!(narrowed.get(LimitName::Memory), limits.get(LimitName::Memory));
        let short = limits.merge([(LimitName::WallMax, 2000)]).unwrap();
        assert_eq!(limits.narrow(&short).get(LimitName::Wall), 2000);
    }
}
