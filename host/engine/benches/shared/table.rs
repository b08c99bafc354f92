//! How does a bench show what it measured: one aligned table below the state of the machine it ran on.

/// Rows that are printed as they come.
pub(crate) struct Table {
    missed: usize,
}

impl Table {
    /// Begins a table with what it measures and how busy the machine is.
    pub(crate) fn begin(title: &str) -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load
            .split(' ')
            .next()
            .filter(|load| !load.is_empty())
            .unwrap_or("unknown");
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let profile = if cfg!(debug_assertions) {
            "dev profile: not for the record"
        } else {
            "release profile"
        };
        println!("\n{title}\n{cores} cores, load {load} before it began, {profile}");
        Self { missed: 0 }
    }

    /// Adds a heading between rows.
    pub(crate) fn section(&self, heading: &str) {
        println!("  {heading}");
    }

    /// Adds something measured that no bar is set for.
    pub(crate) fn row(&self, what: &str, measured: &str) {
        println!("    {what:<44} {measured:>24}");
    }

    /// Adds something measured with the bar that it is held to.
    pub(crate) fn bar(&mut self, what: &str, measured: &str, bar: &str, held: bool) {
        self.missed += usize::from(!held);
        let verdict = if held { "held" } else { "MISSED" };
        println!("    {what:<44} {measured:>24}   {bar:<16} {verdict}");
    }

    /// Ends the table with how many bars were missed: a number to look at, not an error.
    pub(crate) fn end(self) {
        match self.missed {
            0 => println!("  all bars held"),
            missed => println!("  {missed} MISSED"),
        }
    }
}

/// Returns the middle one of what several rounds measured.
pub(crate) fn median(rounds: impl IntoIterator<Item = f64>) -> f64 {
    let mut rounds: Vec<f64> = rounds.into_iter().collect();
    rounds.sort_by(f64::total_cmp);
    rounds.get(rounds.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Returns how many threads a process has: `self` or a number.
pub(crate) fn threads(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}
