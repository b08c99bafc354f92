//! For how long is something fuzzed, and from which seed on?

/// Returns seconds and seed as the command line says.
pub(crate) fn options() -> Result<(u64, u64), String> {
    let (mut seconds, mut seed) = (30, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let target = match name.as_str() {
            "--seconds" => &mut seconds,
            "--seed" => &mut seed,
            _ => return Err(format!("there is no option `{name}`")),
        };
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a number"))?;
        *target = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    }
    Ok((seconds, seed))
}
